/* mlp-bench grid: a training step and a prediction against their bare products, over shapes and batches. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "bench.h"
#include "blame.h"
#include "gemms.h"
#include "peak.h"
#include "statistics.h"
#include "training.h"
#include "triad.h"

/* Three equal layers with 10 outputs; wide and narrow layers in turn; many outputs. */
static const char *const networks[] = {
    "16,16,16,16,10",     "50,50,50,50,10",         "100,100,100,100,10", "200,200,200,200,10",
    "500,500,500,500,10", "1000,1000,1000,1000,10", "3000,3000,3000,10",  "1024,1024,1024,10",
    "2000,50,2000,10",    "784,129,129,10",         "30,2000,30,10",      "256,256,1000",
    "256,256,20000",      "256,256,100000",
};
static const size_t batches[] = { 1, 8, 10, 32, 100, 500, 528, 2000, 5000 };

enum {
    NETWORKS = sizeof networks / sizeof networks[0],
    BATCHES = sizeof batches / sizeof batches[0],
    THREAD_COUNTS = 2,
    MAX_ROWS = NETWORKS * BATCHES * THREAD_COUNTS,
    ROW_REPEATS = 5,
    SMALL_BATCH = 32, /* below, the bytes of the parameters count beside the products */
    NAME_SIZE = 64
};

/* Values of a matrix of a batch, above which a row is left out: its buffers alone are gigabytes. */
static const double most_activations = 1.5e8;

/* Above it a row names what is to blame. */
static const double blamed_ratio = 1.10;

struct row {
    struct workload workload;
    char name[NAME_SIZE];
    int threads;
    double work; /* multiply-adds of a step */
    bool measured;
    double step, gemm, bytes, predict, forward; /* least seconds; bytes: what moving them takes */
    char blame[BLAME_TEXT];
};

/* ---- rows ---------------------------------------------------------------------------------------------- */

static double work_of(const struct workload *w)
{
    double work = -(double)w->sizes[0] * (double)w->sizes[1]; /* the first layer has no dA */
    for (size_t l = 0; l + 1 < w->count; l++) {
        work += 3.0 * (double)w->sizes[l] * (double)w->sizes[l + 1];
    }
    return work * (double)w->batch;
}

static double activations_of(const struct workload *w)
{
    double values = 0.0;
    for (size_t l = 0; l < w->count; l++) {
        values += (double)w->sizes[l] * (double)w->batch;
    }
    return values;
}

static void add_row(const struct settings *settings, const struct workload *workload, size_t batch,
                    int threads, struct row *rows, size_t *count)
{
    struct row *row = &rows[*count];
    *row = (struct row){ .workload = *workload, .threads = threads };
    row->workload.batch = batch;
    row->work = work_of(&row->workload);
    snprintf(row->name, sizeof row->name, "%.40s batch %zu", workload->name, batch);
    if ((settings == NULL || is_chosen(settings, row->name)) &&
        activations_of(&row->workload) <= most_activations) {
        ++*count;
    }
}

static int ascending_work(const void *a, const void *b)
{
    const double x = ((const struct row *)a)->work, y = ((const struct row *)b)->work;
    return (x > y) - (x < y);
}

/* All rows that the options ask for, the cheapest first; all where `settings` is NULL. Returns how many. */
static size_t make_rows(const struct settings *settings, struct row *rows)
{
    const bool custom = settings != NULL && settings->custom.count > 0;
    const int most = settings != NULL ? settings->threads : 1;
    const int least = settings != NULL && settings->threads_given ? most : 1;
    size_t count = 0;
    for (size_t n = 0; n < (custom ? 1 : (size_t)NETWORKS); n++) {
        struct workload workload = { .name = networks[n] };
        workload_parse(networks[n], &workload);
        for (size_t b = 0; b < BATCHES; b++) {
            for (int threads = least; threads <= most; threads += most > least ? most - least : 1) {
                add_row(settings, custom ? &settings->custom : &workload, batches[b], threads, rows, &count);
            }
        }
    }
    qsort(rows, count, sizeof rows[0], ascending_work);
    return count;
}

static void list(void)
{
    static struct row rows[MAX_ROWS];
    const size_t count = make_rows(NULL, rows);
    for (size_t i = 0; i < count; i++) {
        puts(rows[i].name);
    }
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

enum { STEP, GEMM, TRIAD, PREDICT, FORWARD, CONTESTANTS };

/* Of a parameter in a step: read forth, read back, its gradient written (the line read before), and the
 * update's: gradient read, parameter and moments read and written. */
static double bytes_of_parameter(mlp_optimizer_rule rule)
{
    double states = 2.0;
    if (rule == MLP_OPTIMIZER_SGD || rule == MLP_OPTIMIZER_MOMENTUM) {
        states = rule == MLP_OPTIMIZER_SGD ? 0.0 : 1.0;
    }
    return sizeof(float) * (4.0 + 3.0 + 2.0 * states);
}

struct race {
    struct training training;
    struct gemms gemms, forward;
    struct triad triad;
    float *outputs;
    mlp_status status;
};

static void run_predict(void *context)
{
    struct race *race = context;
    const struct problem *problem = &race->training.problem;
    const mlp_status status = mlp_predict(problem->network, problem->workspace, problem->x,
                                          mlp_workspace_batch(problem->workspace), race->outputs);
    race->status = race->status == MLP_OK ? status : race->status;
}

static bool make_race(const struct settings *settings, const struct row *row, struct race *race)
{
    const struct workload *w = &row->workload;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = settings->rule;
    options.clip = settings->clip;
    options.clip_threshold = settings->clip == MLP_CLIP_NONE ? 0.0 : 1.0;
    memset(race, 0, sizeof *race);
    if (!training_make(w, row->threads, &options, NULL, &race->training) ||
        !gemms_make(w, row->threads, &race->gemms)) {
        return false;
    }
    race->triad.threads = row->threads;
    race->triad.count = mlp_network_parameter_count(race->training.problem.network);
    race->triad.arrays = calloc(3 * race->triad.count, sizeof(float));
    race->outputs = malloc(w->batch * w->sizes[w->count - 1] * sizeof(float));
    if (race->triad.arrays == NULL || race->outputs == NULL) {
        fputs("mlp-bench: out of memory\n", stderr);
        return false;
    }
    gemms_choose_split(&race->gemms);
    race->forward = race->gemms; /* the same matrices */
    race->forward.forward_only = true;
    gemms_choose_split(&race->forward);
    return true;
}

static void free_race(struct race *race)
{
    free(race->triad.arrays);
    free(race->outputs);
    gemms_free(&race->gemms);
    training_free(&race->training);
}

static double bound_of(const struct row *row)
{
    return row->workload.batch < SMALL_BATCH ? fmax(row->gemm, row->bytes) : row->gemm;
}

static bool measure(const struct settings *settings, struct row *row)
{
    static struct contestant all[CONTESTANTS];
    static struct race race;
    bool done = make_race(settings, row, &race);
    if (done) {
        all[STEP] = (struct contestant){ .work = training_step, .context = &race.training };
        all[GEMM] = gemms_contestant(&race.gemms);
        all[TRIAD] = (struct contestant){ .work = triad_run, .context = &race.triad };
        all[PREDICT] = (struct contestant){ .work = run_predict, .context = &race };
        all[FORWARD] = gemms_contestant(&race.forward);
        interleave_at_least(all, CONTESTANTS, settings->seconds, ROW_REPEATS);
        row->step = all[STEP].summary.minimum;
        row->gemm = all[GEMM].summary.minimum;
        row->bytes = all[TRIAD].summary.minimum * bytes_of_parameter(settings->rule) / (double)TRIAD_BYTES;
        row->predict = all[PREDICT].summary.minimum;
        row->forward = all[FORWARD].summary.minimum;
        if (row->step > blamed_ratio * bound_of(row)) {
            blame_find(&row->workload, row->threads, &race.training.problem, race.training.optimizer,
                       row->step - row->gemm, row->blame);
        }
        done = training_went_well(&race.training, row->name) && race.status == MLP_OK;
    }
    free_race(&race);
    row->measured = done;
    return done;
}

/* ---- what is printed ----------------------------------------------------------------------------------- */

static int worst_first(const void *a, const void *b)
{
    const struct row *first = a, *second = b;
    const double x = first->step / bound_of(first), y = second->step / bound_of(second);
    return (x < y) - (x > y);
}

static void print_row(const struct settings *settings, const struct row *row)
{
    const double ratio = row->step / row->gemm, bound_ratio = row->step / bound_of(row);
    if (settings->json) {
        print_json(json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "network",
                             row->workload.name, "batch", (int)row->workload.batch, "threads", row->threads,
                             "step_us", 1e6 * row->step, "gemm_us", 1e6 * row->gemm, "ratio", ratio,
                             "bytes_us", 1e6 * row->bytes, "bound_ratio", bound_ratio, "predict_us",
                             1e6 * row->predict, "forward_us", 1e6 * row->forward, "predict_ratio",
                             row->predict / row->forward, "blame", row->blame));
        return;
    }
    printf("%-24s %5zu %3d %12.1f %7.2f %7.2f %12.1f %7.2f  %s\n", row->workload.name, row->workload.batch,
           row->threads, 1e6 * row->step, ratio, bound_ratio, 1e6 * row->predict, row->predict / row->forward,
           row->blame);
}

/* The rows that products should rule: batches from 32, more than 10⁶ multiply-adds. */
static void print_verdict(const struct row *rows, size_t count)
{
    size_t ruled = 0, good = 0;
    double worst = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].workload.batch >= SMALL_BATCH && rows[i].work > 1e6) {
            const double ratio = rows[i].step / rows[i].gemm;
            ruled++;
            good += ratio <= 1.05 ? 1 : 0;
            worst = fmax(worst, ratio);
        }
    }
    if (ruled > 0) {
        printf("batches from %d, more than 10⁶ multiply-adds: %zu rows, %zu of them at most 1.05, worst "
               "%.2f\n",
               SMALL_BATCH, ruled, good, worst);
    }
}

static void print_header(void)
{
    mlp_info info;
    mlp_info_get(&info);
    printf("OpenBLAS core %s, vector level %s; microseconds; ÷ bare: by the bare products; ÷ bound: in "
           "batches below %d by what\nmoving the bytes takes, where that is longer\n"
           "%-24s %5s %3s %12s %7s %8s %12s %7s  %s\n",
           info.blas_core, info.vector_level, SMALL_BATCH, "network", "batch", "thr", "step", "÷ bare",
           "÷ bound", "predict", "÷ bare", "to blame");
}

static int run(const struct settings *settings)
{
    static struct row rows[MAX_ROWS];
    const size_t count = make_rows(settings, rows);
    const double end = now() + settings->limit;
    bool done = true;
    size_t measured = 0;
    while (measured < count && done && now() < end) {
        done = measure(settings, &rows[measured++]);
    }
    qsort(rows, measured, sizeof rows[0], worst_first);
    if (!settings->json) {
        print_header();
    }
    for (size_t i = 0; i < measured; i++) {
        if (rows[i].measured) {
            print_row(settings, &rows[i]);
        }
    }
    if (!settings->json) {
        print_verdict(rows, measured);
    }
    if (measured < count) {
        fprintf(stderr, "mlp-bench: %zu rows, the largest, are left out: --limit\n", count - measured);
    }
    return done ? 0 : 1;
}

const struct command grid_command = {
    .name = "grid",
    .description = "a step and a prediction against their bare products, over shapes; the worst first",
    .about =
        "Times a training step and a prediction of networks of many widths, each in batches of 1 to 5000, "
        "on one thread and\n"
        "on --threads (given: on these alone), interleaved with their bare matrix products and, over as "
        "many entries as\n"
        "there are parameters, with a triad. The worst rows stand first; those over 1.10 name what takes the "
        "time. Rows are\n"
        "measured from the cheapest on, until the --limit.\n\n"
        "JSON keys: network batch threads step_us gemm_us ratio bytes_us bound_ratio predict_us forward_us "
        "predict_ratio\n"
        "blame.",
    .example = "mlp-bench grid --filter 1000, --threads 2",
    .options = OPTIONS_NETWORK | OPTIONS_UPDATE | OPTIONS_GRID,
    .seconds = 0.3,
    .list = list,
    .run = run,
};
