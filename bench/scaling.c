/* mlp-bench scaling: a training step and a prediction on one thread and on several, over batch sizes and
 * widths. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "bench.h"
#include "statistics.h"
#include "workload.h"

static const char *const default_networks[] = { "tiny", "mnist", "lecun", "deep", "wide" };
static const char network_of_batches[] = "mnist";
static const size_t batches[] = { 8, 16, 32, 64, 128, 256, 512, 1024 };
static const char *const widths[] = { "64,64,64,64", "128,128,128,128", "256,256,256,256", "512,512,512,512",
                                      "1024,1024,1024,1024" };
enum {
    NETWORKS = sizeof default_networks / sizeof default_networks[0],
    BATCHES = sizeof batches / sizeof batches[0],
    WIDTHS = sizeof widths / sizeof widths[0],
    BATCH_OF_WIDTHS = 128,
    MAX_ROWS = 2 * (NETWORKS + BATCHES + WIDTHS),
    MAX_COUNTS = 32
};

enum what { STEP, PREDICT, WHATS };
static const char *const what_names[WHATS] = { "step", "predict" };

enum sweep { THREADS, BATCH, WIDTH };
static const char *const sweep_names[] = { "threads", "batch", "width" };

struct row {
    enum what what;
    enum sweep sweep;
    struct workload workload;
    char name[160];
};

struct rows {
    size_t count;
    struct row rows[MAX_ROWS];
};

/* The network once for a step and once for a prediction. */
static void add_rows(struct rows *rows, enum sweep sweep, const struct workload *workload, size_t batch)
{
    for (int what = 0; what < WHATS; what++) {
        struct row *row = &rows->rows[rows->count++];
        *row = (struct row){ .what = (enum what)what, .sweep = sweep, .workload = *workload };
        row->workload.batch = batch;
        snprintf(row->name, sizeof row->name, "%s %s %s, %zu samples", what_names[what], sweep_names[sweep],
                 workload->name, batch);
    }
}

/* What the options ask for; the defaults alone where `settings` is NULL. */
static void make_rows(const struct settings *settings, struct rows *rows)
{
    const struct workload *custom = settings != NULL && settings->custom.count > 0 ? &settings->custom : NULL;
    const size_t batch = settings != NULL && settings->batch_given ? settings->custom.batch : 0;
    rows->count = 0;
    for (size_t i = 0; i < (custom != NULL ? 1 : (size_t)NETWORKS); i++) {
        const struct workload *workload = custom != NULL ? custom : workload_find(default_networks[i]);
        add_rows(rows, THREADS, workload, batch > 0 ? batch : workload->batch);
    }
    for (size_t i = 0; i < BATCHES; i++) {
        add_rows(rows, BATCH, custom != NULL ? custom : workload_find(network_of_batches), batches[i]);
    }
    if (custom == NULL) {
        for (size_t i = 0; i < WIDTHS; i++) {
            struct workload workload = { .name = widths[i] };
            workload_parse(widths[i], &workload);
            add_rows(rows, WIDTH, &workload, batch > 0 ? batch : (size_t)BATCH_OF_WIDTHS);
        }
    }
}

static void list(void)
{
    static struct rows rows;
    make_rows(NULL, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        puts(rows.rows[i].name);
    }
}

/* Numbers of threads to try, ascending: 1 and `most`; for a sweep over threads all up to 8 and then 12, 16,
 * 24, 32 … Returns how many they are. */
static size_t thread_counts(enum sweep sweep, int most, int counts[MAX_COUNTS])
{
    size_t count = 0;
    if (sweep == THREADS) {
        for (int threads = 1; threads < most;) {
            counts[count++] = threads;
            const bool power = (threads & (threads - 1)) == 0;
            if (threads < 8) {
                threads++;
            } else {
                threads += power ? threads / 2 : threads / 3;
            }
        }
    }
    if (count == 0 && most > 1) {
        counts[count++] = 1;
    }
    counts[count++] = most;
    return count;
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

/* One number of threads: its own workspace; network, batch and optimizer are shared, and so is what lies in
 * the caches. */
struct runner {
    const struct problem *problem;
    mlp_optimizer *optimizer;
    float *outputs;
    size_t batch;
    mlp_workspace *workspace;
    mlp_status status;
};

static void keep_failure(struct runner *runner, mlp_status status)
{
    runner->status = runner->status != MLP_OK ? runner->status : status;
}

static void run_step(void *context)
{
    struct runner *r = context;
    keep_failure(r, mlp_train_step(r->problem->network, r->optimizer, r->workspace, r->problem->x,
                                   &r->problem->targets, r->batch, NULL));
}

static void run_predict(void *context)
{
    struct runner *r = context;
    keep_failure(r, mlp_predict(r->problem->network, r->workspace, r->problem->x, r->batch, r->outputs));
}

static void (*const works[WHATS])(void *context) = { run_step, run_predict };

struct race {
    struct problem problem;
    mlp_optimizer *optimizer;
    float *outputs;
    size_t count;
    int threads[MAX_COUNTS];
    struct runner runners[MAX_COUNTS];
    struct contestant contestants[MAX_COUNTS];
};

static bool make_runner(const struct row *row, struct race *race, size_t i)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.threads = race->threads[i];
    options.purpose = row->what == PREDICT ? MLP_WORKSPACE_INFERENCE : MLP_WORKSPACE_TRAINING;
    race->runners[i] = (struct runner){ .problem = &race->problem,
                                        .optimizer = race->optimizer,
                                        .outputs = race->outputs,
                                        .batch = row->workload.batch };
    race->contestants[i] = (struct contestant){ .work = works[row->what], .context = &race->runners[i] };
    if (race->count > 2) { /* an untimed call starts the threads that a smaller team has let go */
        race->contestants[i].begin = works[row->what];
    }
    return mlp_workspace_create(race->problem.network, row->workload.batch, &options,
                                &race->runners[i].workspace) == MLP_OK;
}

static bool make_race(const struct row *row, int most_threads, struct race *race)
{
    const struct workload *workload = &row->workload;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = MLP_OPTIMIZER_MOMENTUM;
    options.learning_rate = 1e-5;
    memset(race, 0, sizeof *race);
    race->count = thread_counts(row->sweep, most_threads, race->threads);
    if (!problem_make(workload, 1, &race->problem)) {
        return false;
    }
    race->outputs = malloc(workload->batch * workload->sizes[workload->count - 1] * sizeof(float));
    if (race->outputs == NULL) {
        fputs("mlp-bench: out of memory\n", stderr);
        return false;
    }
    bool made = mlp_optimizer_create(race->problem.network, &options, &race->optimizer) == MLP_OK;
    for (size_t i = 0; made && i < race->count; i++) {
        made = make_runner(row, race, i);
    }
    if (!made) {
        fprintf(stderr, "mlp-bench: %s: %s\n", row->name, mlp_last_error());
    }
    return made;
}

static void free_race(struct race *race)
{
    for (size_t i = 0; i < race->count; i++) {
        mlp_workspace_destroy(&race->runners[i].workspace);
    }
    mlp_optimizer_destroy(&race->optimizer);
    free(race->outputs);
    problem_free(&race->problem);
}

static bool all_well(const struct row *row, const struct race *race)
{
    for (size_t i = 0; i < race->count; i++) {
        if (race->runners[i].status != MLP_OK) {
            fprintf(stderr, "mlp-bench: %s: %s\n", row->name, mlp_last_error());
            return false;
        }
    }
    return true;
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_header(const struct settings *settings)
{
    mlp_info info;
    mlp_info_get(&info);
    printf("OpenBLAS core %s, vector level %s, up to %d thread%s; microseconds, minimum over interleaved "
           "repeats\n",
           info.blas_core, info.vector_level, settings->threads, settings->threads > 1 ? "s" : "");
    printf("%-48s %7s %12s %9s %11s\n", "row", "threads", "time", "speed-up", "efficiency");
}

static void print_row(const struct settings *settings, const struct row *row, const struct race *race)
{
    const struct summary *alone = &race->contestants[0].summary;
    for (size_t i = 0; i < race->count; i++) {
        const struct summary *summary = &race->contestants[i].summary;
        const double speedup = alone->minimum / summary->minimum, efficiency = speedup / race->threads[i];
        if (settings->json) {
            print_json(json_pack("{s:s, s:s, s:s, s:i, s:I, s:f, s:f, s:f, s:f}", "what",
                                 what_names[row->what], "sweep", sweep_names[row->sweep], "workload",
                                 row->workload.name, "threads", race->threads[i], "batch",
                                 (json_int_t)row->workload.batch, "us", 1e6 * summary->minimum, "speedup",
                                 speedup, "efficiency", efficiency, "spread",
                                 fmax(alone->spread, summary->spread)));
            continue;
        }
        printf("%-48s %7d %12.1f %9.2f %9.0f %%%s\n", i == 0 ? row->name : "", race->threads[i],
               1e6 * summary->minimum, speedup, 100.0 * efficiency, noise_remark(summary->spread));
        fflush(stdout);
    }
}

static bool run_row(const struct settings *settings, const struct row *row)
{
    static struct race race;
    bool done = make_race(row, settings->threads, &race);
    if (done) {
        interleave(race.contestants, race.count, settings->seconds);
        done = all_well(row, &race);
        if (done) {
            print_row(settings, row, &race);
        }
    }
    free_race(&race);
    return done;
}

static int run(const struct settings *settings)
{
    static struct rows rows;
    size_t chosen = 0;
    bool done = true;
    make_rows(settings, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        if (!is_chosen(settings, rows.rows[i].name)) {
            continue;
        }
        if (chosen++ == 0 && !settings->json) {
            print_header(settings);
        }
        done = run_row(settings, &rows.rows[i]) && done;
    }
    if (chosen == 0) {
        return bad_usage("scaling", "--filter", settings->filter,
                         "a part of a row's name, such as 'step threads'");
    }
    return done ? 0 : 1;
}

/* clang-format off */
const struct command scaling_command = {
    .name = "scaling",
    .description = "step and prediction over threads, batch and width",
    .about = "Times a training step (momentum) and a prediction on 1 to N threads, N from --threads: each "
             "workload over all\n"
             "numbers of threads (from 8 on: 12, 16, 24, 32 …); and on 1 and N threads alone mnist's "
             "network over batches of\n"
             "8 to 1024, and three layers 64 to 1024 wide. With a network given, that one over threads and "
             "batches. --batch\n"
             "is for the sweeps over threads and width. The numbers of threads of a row are interleaved.\n\n"
             "JSON keys: what (step, predict) sweep (threads, batch, width) workload threads batch us "
             "speedup efficiency\n"
             "spread. speedup is against one thread in the same row, efficiency is speedup / threads.",
    .example = "mlp-bench scaling --workload lecun --filter 'step threads'",
    .options = OPTIONS_NETWORK,
    .seconds = 0.4,
    .list = list,
    .run = run,
};
/* clang-format on */
