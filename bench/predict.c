/* mlp-bench predict: the time of a prediction, alone and from several threads at once. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "bench.h"
#include "statistics.h"
#include "workload.h"

enum { MAX_CALLERS = 64 };

/* A workspace for inference and where its outputs go; several share the problem's network and batch. */
struct caller {
    const struct problem *problem;
    mlp_workspace *workspace;
    float *outputs;
    size_t batch;
    size_t calls;
    mlp_status status;
};

static void run_predict(void *context)
{
    struct caller *c = context;
    const mlp_status status =
        mlp_predict(c->problem->network, c->workspace, c->problem->x, c->batch, c->outputs);
    c->status = c->status != MLP_OK ? c->status : status;
}

static bool make_caller(const struct problem *problem, size_t outputs, size_t batch, int threads,
                        struct caller *caller)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = threads;
    *caller = (struct caller){ .problem = problem, .batch = batch, .status = MLP_OK };
    caller->outputs = malloc(batch * outputs * sizeof(float));
    if (caller->outputs == NULL ||
        mlp_workspace_create(problem->network, batch, &options, &caller->workspace) != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", caller->outputs == NULL ? "out of memory" : mlp_last_error());
        return false;
    }
    return true;
}

static void free_caller(struct caller *caller)
{
    mlp_workspace_destroy(&caller->workspace);
    free(caller->outputs);
}

/* ---- latency of single calls --------------------------------------------------------------------------- */

struct latency {
    double p50, p99;
};

/* Every call by itself, for about `seconds`. The clock's own 20 to 50 ns are in the figures. */
static struct latency measure_latency(struct caller *caller, double seconds)
{
    static struct samples samples;
    const double end = now() + seconds;
    double last = now();
    samples.count = 0;
    while (samples.count < MAX_REPEATS && (samples.count < 100 || last < end)) {
        run_predict(caller);
        const double finished = now();
        samples.seconds[samples.count++] = finished - last;
        last = finished;
    }
    summarize(&samples);
    return (struct latency){ quantile(&samples, 0.5), quantile(&samples, 0.99) };
}

/* ---- several callers at once --------------------------------------------------------------------------- */

static void *call_repeatedly(void *context)
{
    struct caller *caller = context;
    for (size_t i = 0; i < caller->calls; i++) {
        run_predict(caller);
    }
    return NULL;
}

/* Samples a second of `count` threads that predict at the same time, each with its own workspace on one
 * thread. */
static double throughput(struct caller *callers, int count)
{
    pthread_t threads[MAX_CALLERS];
    int started = 0;
    const double start = now();
    while (started < count &&
           pthread_create(&threads[started], NULL, call_repeatedly, &callers[started]) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)started * (double)callers[0].calls * (double)callers[0].batch / (now() - start);
}

static bool run_callers(const struct settings *settings, const struct problem *problem,
                        const struct workload *workload)
{
    struct caller callers[MAX_CALLERS];
    const int count = settings->threads < MAX_CALLERS ? settings->threads : MAX_CALLERS;
    const size_t outputs = workload->sizes[workload->count - 1];
    int made = 0;
    while (made < count && make_caller(problem, outputs, 1, 1, &callers[made])) {
        made++;
    }
    if (made == count) {
        const size_t calls = calibrate(run_predict, &callers[0], settings->seconds / 4.0);
        for (int i = 0; i < made; i++) {
            callers[i].calls = calls;
        }
        const double one = throughput(callers, 1), all = throughput(callers, count);
        if (settings->json) {
            print_json(json_pack("{s:s, s:i, s:i, s:f, s:f}", "workload", workload->name, "callers", count,
                                 "batch", 1, "samples_per_second", all, "speedup", all / one));
        } else {
            printf("%-10s %3d threads at once, each alone with a batch of 1: %.0f samples/s, %.2f times "
                   "one's\n",
                   workload->name, count, all, all / one);
        }
    }
    for (int i = 0; i <= made && i < count; i++) {
        free_caller(&callers[i]);
    }
    return made == count;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

static bool run_batch(const struct settings *settings, const struct problem *problem,
                      const struct workload *workload, size_t batch)
{
    static struct contestant alone;
    struct caller caller;
    bool done = make_caller(problem, workload->sizes[workload->count - 1], batch, settings->threads, &caller);
    if (done) {
        alone = (struct contestant){ .work = run_predict, .context = &caller };
        interleave(&alone, 1, settings->seconds);
        const struct latency latency = measure_latency(&caller, settings->seconds / 2.0);
        const struct summary *s = &alone.summary;
        if (settings->json) {
            print_json(json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f}", "workload", workload->name,
                                 "threads", settings->threads, "batch", (int)batch, "workload_batch",
                                 (int)workload->batch, "predict_us", 1e6 * s->minimum, "predict_median_us",
                                 1e6 * s->median, "p50_us", 1e6 * latency.p50, "p99_us", 1e6 * latency.p99,
                                 "spread", s->spread));
        } else {
            printf("%-10s %6zu %12.2f %12.2f %10.2f %10.2f %14.0f%s\n", workload->name, batch,
                   1e6 * s->minimum, 1e6 * s->median, 1e6 * latency.p50, 1e6 * latency.p99,
                   (double)batch / s->minimum, noise_remark(s->spread));
        }
        fflush(stdout);
        done = caller.status == MLP_OK;
    }
    free_caller(&caller);
    return done;
}

static bool run_row(const struct settings *settings, const struct workload *workload)
{
    const size_t batches[] = { 1, 8, 64, workload->batch };
    struct workload largest = *workload;
    struct problem problem;
    largest.batch = workload->batch > 64 ? workload->batch : 64;
    bool done = problem_make(&largest, settings->threads, &problem);
    for (size_t i = 0; done && i < sizeof batches / sizeof batches[0]; i++) {
        const bool repeated =
            i == 3 && (workload->batch == 1 || workload->batch == 8 || workload->batch == 64);
        done = repeated || run_batch(settings, &problem, workload, batches[i]);
    }
    done = done && (settings->threads == 1 || run_callers(settings, &problem, workload));
    problem_free(&problem);
    return done;
}

static int run(const struct settings *settings)
{
    mlp_info info;
    mlp_info_get(&info);
    if (!settings->json) {
        printf("OpenBLAS core %s, vector level %s, %d thread%s; microseconds a call\n%-10s %6s %12s %12s "
               "%10s %10s %14s\n",
               info.blas_core, info.vector_level, settings->threads, settings->threads > 1 ? "s" : "",
               "workload", "batch", "minimum", "median", "p50", "p99", "samples/s");
    }
    return workloads_each(settings, run_row);
}

/* clang-format off */
const struct command predict_command = {
    .name = "predict",
    .description = "predictions of 1, 8, 64 samples and of a batch; latency percentiles; several callers "
                   "at once",
    .about = "Times mlp_predict() on 1, 8, 64 samples and on the workload's batch: minimum and median of "
             "runs of calls, and\n"
             "percentiles of single calls. With N threads also N callers at once, each with a workspace of "
             "its own on one\n"
             "thread.\n\n"
             "JSON keys: workload threads batch workload_batch predict_us predict_median_us p50_us p99_us "
             "spread, and for\n"
             "callers at once: workload callers batch samples_per_second speedup.",
    .example = "mlp-bench predict --workload mnist --threads 1",
    .options = OPTIONS_NETWORK | OPTIONS_DENORMALS,
    .seconds = 0.7,
    .list = workloads_list,
    .run = run,
};
/* clang-format on */
