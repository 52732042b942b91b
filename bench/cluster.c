/* mlp-bench cluster: what it costs to take a batch in parts. */
#include <stdio.h>

#include "bench.h"
#include "statistics.h"
#include "training.h"

static const size_t parts[] = { 1, 2, 4, 8 };
enum { WAYS = sizeof parts / sizeof parts[0] };

static void print_rows(const struct settings *settings, const struct workload *workload,
                       const struct contestant *c)
{
    for (size_t i = 0; i < WAYS; i++) {
        const double seconds = c[i].summary.minimum, ratio = seconds / c[0].summary.minimum;
        if (settings->json) {
            print_json(json_pack("{s:s, s:i, s:i, s:f, s:f, s:f}", "network", workload->name, "threads",
                                 settings->threads, "parts", (int)parts[i], "step_us", 1e6 * seconds, "ratio",
                                 ratio, "spread", c[i].summary.spread));
        } else {
            printf("%-8s %zu part%s step %9.1f µs   %.4f times as long%s\n", workload->name, parts[i],
                   parts[i] > 1 ? "s" : " ", 1e6 * seconds, ratio, noise_remark(c[i].summary.spread));
        }
    }
    fflush(stdout);
}

static bool run_network(const struct settings *settings, const struct workload *workload)
{
    static struct contestant contestants[WAYS];
    struct training trainings[WAYS] = { { .status = MLP_OK } };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    bool done = true;
    options.rule = MLP_OPTIMIZER_MOMENTUM;
    for (size_t i = 0; i < WAYS && done; i++) {
        done = training_make(workload, settings->threads, &options, NULL, &trainings[i]);
        if (done) {
            trainings[i].status = mlp_workspace_set_parts(trainings[i].problem.workspace, parts[i]);
        }
        contestants[i] = (struct contestant){ .work = training_step, .context = &trainings[i] };
    }
    if (done) {
        interleave(contestants, WAYS, settings->seconds);
        print_rows(settings, workload, contestants);
    }
    for (size_t i = 0; i < WAYS; i++) {
        done = training_went_well(&trainings[i], "parts") && done;
        training_free(&trainings[i]);
    }
    return done;
}

static int run(const struct settings *settings)
{
    return workloads_each(settings, run_network);
}

const struct command cluster_command = {
    .name = "cluster",
    .description = "a step in parts against one in one piece",
    .about =
        "Times a training step whose batch is taken in 1, 2, 4 and 8 parts, in turn, with room for all of "
        "them, as mlp_fit() has up to 1024 samples: least times, by that of one part.\n\n"
        "JSON keys: network threads parts step_us ratio spread.",
    .example = "mlp-bench cluster --threads 1 --filter lecun",
    .options = OPTIONS_NETWORK,
    .seconds = 10.0,
    .list = workloads_list,
    .run = run,
};
