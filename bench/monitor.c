/* mlp-bench monitor: what watching a fit costs. */
#include <stdio.h>

#include "bench.h"
#include "statistics.h"

enum { STEPS = 500, CONTESTANTS = 3 };

/* STEPS steps of mlp_fit() over one batch, which is the whole data set. */
struct epoch {
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_data *data;
    mlp_fit_options options;
    mlp_status status;
};

static void fit(void *context)
{
    struct epoch *epoch = context;
    const mlp_status status = mlp_fit(epoch->network, epoch->optimizer, epoch->data, &epoch->options, NULL);
    epoch->status = epoch->status == MLP_OK ? status : epoch->status;
}

static mlp_status make_data(const struct problem *problem, const struct workload *workload, mlp_data **data)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    arrays.count = workload->batch;
    arrays.inputs = workload->sizes[0];
    arrays.features = problem->x;
    arrays.classes = problem->classes;
    arrays.values = problem->values;
    arrays.outputs = problem->values != NULL ? 1 : 0;
    return mlp_data_create(&arrays, data);
}

static void print_row(const struct settings *settings, const struct workload *workload,
                      const struct contestant *c)
{
    const double plain = c[0].summary.minimum, usual = c[1].summary.minimum / plain,
                 close = c[2].summary.minimum / plain;
    double spread = 0.0;
    for (size_t i = 0; i < CONTESTANTS; i++) {
        spread = c[i].summary.spread > spread ? c[i].summary.spread : spread;
    }
    if (settings->json) {
        print_json(json_pack("{s:s, s:i, s:f, s:f, s:f, s:f}", "network", workload->name, "threads",
                             settings->threads, "step_seconds", plain / (double)STEPS, "every_100", usual,
                             "every_10", close, "spread", spread));
        return;
    }
    printf("%-8s step %9.1f µs   watched every 100 steps: %.4f times as long, every 10: %.4f%s\n",
           workload->name, 1e6 * plain / (double)STEPS, usual, close, noise_remark(spread));
    fflush(stdout);
}

static bool run_network(const struct settings *settings, const struct workload *workload)
{
    static const size_t intervals[CONTESTANTS] = { 0, 100, 10 };
    static struct contestant contestants[CONTESTANTS];
    struct problem problem;
    struct epoch epochs[CONTESTANTS];
    mlp_data *data = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    const mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    bool done = problem_make(workload, settings->threads, &problem);
    mlp_status status = done ? make_data(&problem, workload, &data) : MLP_OK;
    rule.rule = MLP_OPTIMIZER_MOMENTUM;
    rule.learning_rate = 1e-6;
    status = done && status == MLP_OK ? mlp_optimizer_create(problem.network, &rule, &optimizer) : status;
    for (size_t i = 0; i < CONTESTANTS; i++) {
        epochs[i] = (struct epoch){
            .network = problem.network, .optimizer = optimizer, .data = data, .options = options
        };
        epochs[i].options.epochs = STEPS;
        epochs[i].options.batch = workload->batch;
        epochs[i].options.threads = settings->threads;
        epochs[i].options.monitor_interval = intervals[i];
        contestants[i] = (struct contestant){ .work = fit, .context = &epochs[i] };
    }
    if (done && status == MLP_OK) {
        interleave(contestants, CONTESTANTS, settings->seconds);
        status = epochs[0].status != MLP_OK ? epochs[0].status : epochs[1].status;
    }
    if (status != MLP_OK) {
        fprintf(stderr, "mlp-bench: %s\n", mlp_last_error());
        done = false;
    } else if (done) {
        print_row(settings, workload, contestants);
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_data_destroy(&data);
    problem_free(&problem);
    return done;
}

static int run(const struct settings *settings)
{
    if (settings->custom.count == 0 && settings->filter == NULL) {
        return run_network(settings, workload_find("mnist")) ? 0 : 1;
    }
    return workloads_each(settings, run_network);
}

const struct command monitor_command = {
    .name = "monitor",
    .description = "a fit with its monitor against one without",
    .about = "Times 500 steps of mlp_fit() on one batch without a monitor, with one that records every 100 "
             "steps, and every 10,\n"
             "in turn: least times, by that without. The network is mnist unless --workload, --layers or "
             "--filter say otherwise.\n\n"
             "JSON keys: network threads step_seconds every_100 every_10 spread.",
    .example = "mlp-bench monitor --filter lecun",
    .options = OPTIONS_NETWORK,
    .seconds = 10.0,
    .list = workloads_list,
    .run = run,
};
