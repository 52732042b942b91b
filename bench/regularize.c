/* mlp-bench regularize: what each regularizer adds to a step. */
#include <stdio.h>

#include "bench.h"
#include "statistics.h"
#include "training.h"

/* One way to regularize. */
struct way {
    const char *name;
    double hidden_dropout, input_dropout, input_noise, l1, max_norm;
};

static const struct way ways[] = {
    { .name = "none" },
    { .name = "hidden dropout 0.5", .hidden_dropout = 0.5 },
    { .name = "input dropout 0.2", .input_dropout = 0.2 },
    { .name = "both", .hidden_dropout = 0.5, .input_dropout = 0.2 },
    { .name = "input noise 0.1", .input_noise = 0.1 },
    { .name = "L1", .l1 = 1e-5 },
    { .name = "max-norm 3", .max_norm = 3.0 },
};
enum { WAYS = sizeof ways / sizeof ways[0] };

static bool make_step(const struct settings *settings, const struct workload *workload, const struct way *way,
                      struct training *training)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    options.rule = MLP_OPTIMIZER_MOMENTUM;
    options.l1 = way->l1;
    options.max_norm = way->max_norm;
    noise.hidden_dropout = way->hidden_dropout;
    noise.input_dropout = way->input_dropout;
    noise.input_noise = way->input_noise;
    return training_make(workload, settings->threads, &options, &noise, training);
}

static void print_row(const struct settings *settings, const struct workload *workload,
                      const struct contestant *c)
{
    for (size_t i = 0; i < WAYS; i++) {
        const double seconds = c[i].summary.minimum, ratio = seconds / c[0].summary.minimum;
        if (settings->json) {
            print_json(json_pack("{s:s, s:i, s:s, s:f, s:f, s:f}", "network", workload->name, "threads",
                                 settings->threads, "regularizer", ways[i].name, "step_us", 1e6 * seconds,
                                 "ratio", ratio, "spread", c[i].summary.spread));
        } else {
            printf("%-8s %-20s step %9.1f µs   %.4f times as long%s\n", workload->name, ways[i].name,
                   1e6 * seconds, ratio, noise_remark(c[i].summary.spread));
        }
    }
    fflush(stdout);
}

static bool run_network(const struct settings *settings, const struct workload *workload)
{
    static struct contestant contestants[WAYS];
    struct training trainings[WAYS] = { { .status = MLP_OK } };
    bool done = true;
    for (size_t i = 0; i < WAYS && done; i++) {
        done = make_step(settings, workload, &ways[i], &trainings[i]);
        contestants[i] = (struct contestant){ .work = training_step, .context = &trainings[i] };
    }
    if (done) {
        interleave(contestants, WAYS, settings->seconds);
        print_row(settings, workload, contestants);
    }
    for (size_t i = 0; i < WAYS; i++) {
        done = training_went_well(&trainings[i], ways[i].name) && done;
        training_free(&trainings[i]);
    }
    return done;
}

static int run(const struct settings *settings)
{
    if (settings->custom.count == 0 && settings->filter == NULL) {
        return run_network(settings, workload_find("mnist")) ? 0 : 1;
    }
    return workloads_each(settings, run_network);
}

const struct command regularize_command = {
    .name = "regularize",
    .description = "a step with each regularizer against one without",
    .about = "Times a training step without a regularizer and with each of them, in turn: least times, by "
             "that without. The\n"
             "network is mnist unless --workload, --layers or --filter say otherwise.\n\n"
             "JSON keys: network threads regularizer step_us ratio spread.",
    .example = "mlp-bench regularize --threads 1",
    .options = OPTIONS_NETWORK | OPTIONS_DENORMALS,
    .seconds = 10.0,
    .list = workloads_list,
    .run = run,
};
