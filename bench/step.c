/* mlp-bench step: the time of a training step and of its bare matrix products, interleaved. */
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "bench.h"
#include "gemms.h"
#include "statistics.h"
#include "workload.h"

struct settings {
    int threads;
    double seconds; /* for each row */
    bool json;
    bool list;
    mlp_optimizer_rule rule;
    mlp_clip clip;
    const char *filter;     /* name of a workload, or NULL for all */
    struct workload custom; /* --layers; count 0: none */
};

struct step_row {
    const struct workload *workload;
    struct summary step;
    struct summary gemm;
};

/* A step under way. */
struct step {
    struct problem problem;
    mlp_optimizer *optimizer;
    mlp_status status;
};

static void run_step(void *context)
{
    struct step *step = context;
    const mlp_status status =
        mlp_train_step(step->problem.network, step->optimizer, step->problem.workspace, step->problem.x,
                       &step->problem.targets, mlp_workspace_batch(step->problem.workspace), NULL);
    step->status = step->status != MLP_OK ? step->status : status;
}

static bool make_step(const struct settings *settings, const struct workload *workload, struct step *step)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = settings->rule;
    options.learning_rate = 1e-5;
    options.clip = settings->clip;
    options.clip_threshold = settings->clip == MLP_CLIP_NONE ? 0.0 : 1.0;
    memset(step, 0, sizeof *step);
    if (!problem_make(workload, settings->threads, &step->problem)) {
        return false;
    }
    if (mlp_optimizer_create(step->problem.network, &options, &step->optimizer) != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
        return false;
    }
    return true;
}

/* The way of splitting the products that is fastest on this machine for this workload. */
static void choose_split(struct gemms *gemms, size_t calls)
{
    enum gemm_split best = SPLIT_BLAS;
    double best_time = INFINITY;
    for (int split = 0; split < (gemms->threads > 1 ? SPLIT_COUNT : 1); split++) {
        gemms->split = (enum gemm_split)split;
        gemms_begin(gemms);
        for (int repeat = 0; repeat < 5; repeat++) {
            const double time = time_calls(gemms_run, gemms, calls);
            if (time < best_time) {
                best_time = time;
                best = (enum gemm_split)split;
            }
        }
        gemms_end();
    }
    gemms->split = best;
}

static void measure(const struct settings *settings, struct step *step, struct gemms *gemms, struct step_row *row)
{
    static struct samples steps, products;
    const double repeat = settings->seconds / 40.0;
    const double end = now() + settings->seconds;
    steps.count = products.count = 0;
    gemms_begin(gemms);
    const size_t gemm_calls = calibrate(gemms_run, gemms, repeat);
    gemms_end();
    const size_t step_calls = calibrate(run_step, step, repeat);
    choose_split(gemms, (gemm_calls + 3) / 4);
    while ((steps.count < MIN_REPEATS || now() < end) && steps.count < MAX_REPEATS) {
        steps.seconds[steps.count++] = time_calls(run_step, step, step_calls);
        gemms_begin(gemms);
        products.seconds[products.count++] = time_calls(gemms_run, gemms, gemm_calls);
        gemms_end();
    }
    row->step = summarize(&steps);
    row->gemm = summarize(&products);
}

static void print_header(const struct settings *settings)
{
    mlp_info info;
    mlp_info_get(&info);
    printf("OpenBLAS core %s, vector level %s, %d thread%s, %s, clip %s; microseconds, minimum over interleaved "
           "repeats\n",
           info.blas_core, info.vector_level, settings->threads, settings->threads > 1 ? "s" : "",
           mlp_optimizer_name(settings->rule), mlp_clip_name(settings->clip));
    printf("%-10s %12s %12s %8s %14s\n", "workload", "step", "bare GEMMs", "ratio", "median ratio");
}

static void print_row(const struct settings *settings, const struct step_row *row)
{
    const double ratio = row->step.minimum / row->gemm.minimum;
    const double median_ratio = row->step.median / row->gemm.median;
    const double spread = fmax(row->step.spread, row->gemm.spread);
    if (settings->json) {
        json_t *object = json_pack(
            "{s:s, s:i, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "workload", row->workload->name, "threads",
            settings->threads, "optimizer", mlp_optimizer_name(settings->rule), "clip", mlp_clip_name(settings->clip),
            "step_us", 1e6 * row->step.minimum, "gemm_us", 1e6 * row->gemm.minimum, "ratio", ratio, "step_median_us",
            1e6 * row->step.median, "gemm_median_us", 1e6 * row->gemm.median, "median_ratio", median_ratio, "spread",
            spread);
        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(object);
        return;
    }
    printf("%-10s %12.1f %12.1f %8.3f %14.3f%s\n", row->workload->name, 1e6 * row->step.minimum,
           1e6 * row->gemm.minimum, ratio, median_ratio, spread > 0.15 ? "  (noisy: spread over 15 %)" : "");
}

static bool run_row(const struct settings *settings, const struct workload *workload)
{
    struct step step;
    struct gemms gemms;
    struct step_row row = { .workload = workload };
    memset(&gemms, 0, sizeof gemms);
    bool done = make_step(settings, workload, &step) && gemms_make(workload, settings->threads, &gemms);
    if (done) {
        measure(settings, &step, &gemms, &row);
        print_row(settings, &row);
        fflush(stdout);
        done = step.status == MLP_OK;
        if (!done) {
            fprintf(stderr, "mlp-bench: %s: %s\n", workload->name, mlp_last_error());
        }
    }
    gemms_free(&gemms);
    mlp_optimizer_destroy(&step.optimizer);
    problem_free(&step.problem);
    return done;
}

static void print_help(void)
{
    puts("usage: mlp-bench step [OPTION…]\n\n"
         "Times one training step (forward, loss, backward, clip, update) and, interleaved with it, the bare matrix\n"
         "products of that step: one cblas_sgemm each, and with N threads the fastest of BLAS's own threads and of\n"
         "each product cut into N calls along rows or along columns in one parallel region.\n\n"
         "  --workload NAME    only this one (--list names them); also --filter NAME\n"
         "  --layers A,B,…     inputs and units of a network of your own\n"
         "  --batch N          its batch (default 64)\n"
         "  --threads N        threads (default: OpenMP's)\n"
         "  --optimizer NAME   update rule (default momentum)\n"
         "  --clip RULE        clipping rule, threshold 1 (default global-norm)\n"
         "  --time SECONDS     for each row (default 2)\n"
         "  --json             one object a line: workload threads optimizer clip step_us gemm_us ratio …\n"
         "  --list             names the workloads\n\n"
         "example: mlp-bench step --workload mnist --threads 2 --optimizer adam");
}

static int bad_usage(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "mlp-bench step: %s %s: expected %s\n", option, value, expected);
    return 2;
}

enum { OPTION_WORKLOAD = 256, OPTION_LAYERS, OPTION_BATCH, OPTION_THREADS, OPTION_OPTIMIZER, OPTION_CLIP, OPTION_TIME,
       OPTION_JSON, OPTION_LIST, OPTION_HELP };

static const struct option options[] = {
    { "workload", required_argument, NULL, OPTION_WORKLOAD }, { "filter", required_argument, NULL, OPTION_WORKLOAD },
    { "layers", required_argument, NULL, OPTION_LAYERS },     { "batch", required_argument, NULL, OPTION_BATCH },
    { "threads", required_argument, NULL, OPTION_THREADS },   { "optimizer", required_argument, NULL, OPTION_OPTIMIZER },
    { "clip", required_argument, NULL, OPTION_CLIP },         { "time", required_argument, NULL, OPTION_TIME },
    { "json", no_argument, NULL, OPTION_JSON },               { "list", no_argument, NULL, OPTION_LIST },
    { "help", no_argument, NULL, OPTION_HELP },               { NULL, 0, NULL, 0 },
};

static bool whole_number(const char *text, long low, long high, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    return end != text && *end == '\0' && *value >= low && *value <= high;
}

/* One option into the settings; an exit code above 0, or 0. */
static int take_option(int option, const char *value, struct settings *settings)
{
    long number;
    char *end;
    switch (option) {
    case OPTION_WORKLOAD:
        settings->filter = value;
        return workload_find(value) != NULL ? 0 : bad_usage("--workload", value, "a name that --list prints");
    case OPTION_LAYERS:
        settings->custom.name = value;
        return workload_parse(value, &settings->custom) ? 0 : bad_usage("--layers", value, "sizes such as 784,128,10");
    case OPTION_BATCH:
        if (!whole_number(value, 1, 1000000, &number)) {
            return bad_usage("--batch", value, "1 to 1000000");
        }
        settings->custom.batch = (size_t)number;
        return 0;
    case OPTION_THREADS:
        if (!whole_number(value, 1, 1024, &number)) {
            return bad_usage("--threads", value, "1 to 1024");
        }
        settings->threads = (int)number;
        return 0;
    case OPTION_OPTIMIZER:
        return mlp_optimizer_from_name(value, &settings->rule) == MLP_OK
                   ? 0 : bad_usage("--optimizer", value, mlp_last_error());
    case OPTION_CLIP:
        return mlp_clip_from_name(value, &settings->clip) == MLP_OK ? 0 : bad_usage("--clip", value, mlp_last_error());
    case OPTION_TIME:
        settings->seconds = strtod(value, &end);
        return end != value && *end == '\0' && settings->seconds > 0.0 && settings->seconds <= 3600.0
                   ? 0 : bad_usage("--time", value, "seconds, above 0");
    case OPTION_JSON:
        settings->json = true;
        return 0;
    case OPTION_LIST:
        settings->list = true;
        return 0;
    default:
        return 2;
    }
}

static void print_list(void)
{
    size_t count;
    const struct workload *table = workloads(&count);
    for (size_t i = 0; i < count; i++) {
        printf("%-8s batch %-4zu ", table[i].name, table[i].batch);
        for (size_t l = 0; l < table[i].count; l++) {
            printf("%s%zu", l > 0 ? "-" : "", table[i].sizes[l]);
        }
        putchar('\n');
    }
}

static int run_rows(const struct settings *settings)
{
    size_t count;
    const struct workload *table = workloads(&count);
    bool done = true;
    if (!settings->json) {
        print_header(settings);
    }
    if (settings->custom.count > 0) {
        return run_row(settings, &settings->custom) ? 0 : 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (settings->filter == NULL || strcmp(settings->filter, table[i].name) == 0) {
            done = run_row(settings, &table[i]) && done;
        }
    }
    return done ? 0 : 1;
}

int bench_step(int argc, char **argv)
{
    struct settings settings = { .seconds = 2.0, .rule = MLP_OPTIMIZER_MOMENTUM, .clip = MLP_CLIP_GLOBAL_NORM,
                                 .custom = { .batch = 64 } };
    mlp_info info;
    int option;
    mlp_info_get(&info);
    settings.threads = info.threads;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            print_help();
            return 0;
        }
        const int code = take_option(option, optarg, &settings);
        if (code != 0) {
            return code;
        }
    }
    if (optind < argc) {
        return bad_usage("argument", argv[optind], "options only");
    }
    if (settings.list) {
        print_list();
        return 0;
    }
    return run_rows(&settings);
}
