/* mlp-bench train: whole trainings, epoch by epoch, with every update rule. */
#include <stdio.h>
#include <stdlib.h>

#include <mlp/mlp.h>

#include "bench.h"
#include "samples.h"

/* The network of tools/quickstart, where no other is asked for. */
static const struct workload quickstart = { "784,256,128,10", 128, 4, { 784, 256, 128, 10 } };

struct times {
    double total, first, least, last; /* seconds */
};

static struct times times_of(const mlp_report *report)
{
    struct times times = { .least = 1e9 };
    for (size_t e = 0; e < mlp_report_epochs(report); e++) {
        mlp_epoch epoch;
        mlp_report_epoch(report, e, &epoch);
        times.first = e == 0 ? epoch.seconds : times.first;
        times.least = epoch.seconds < times.least ? epoch.seconds : times.least;
        times.last = epoch.seconds;
        times.total += epoch.seconds;
    }
    return times;
}

static json_t *epochs_json(const mlp_report *report)
{
    json_t *array = json_array();
    for (size_t e = 0; e < mlp_report_epochs(report); e++) {
        mlp_epoch epoch;
        mlp_report_epoch(report, e, &epoch);
        json_array_append_new(array, json_real(epoch.seconds));
    }
    return array;
}

static void print_row(const struct settings *settings, const struct workload *workload, const char *data,
                      mlp_optimizer_rule rule, const mlp_report *report)
{
    const struct times times = times_of(report);
    mlp_epoch last;
    mlp_report_epoch(report, mlp_report_epochs(report) - 1, &last);
    if (settings->json) {
        print_json(json_pack("{s:s, s:i, s:s, s:s, s:i, s:I, s:f, s:f, s:f, s:o, s:f, s:f}", "rule",
                             mlp_optimizer_name(rule), "threads", settings->threads, "network",
                             workload->name, "data", data, "batch", (int)workload->batch, "epochs",
                             (json_int_t)settings->epochs, "seconds", times.total, "first_s", times.first,
                             "last_s", times.last, "epoch_s", epochs_json(report), "loss", last.loss,
                             "accuracy", last.accuracy));
        return;
    }
    printf("%-10s %9.3f %9.3f %9.3f %9.3f %8.3f %9.4f %9.4f\n", mlp_optimizer_name(rule), times.total,
           times.first, times.least, times.last, times.last / times.first, last.loss, last.accuracy);
    fflush(stdout);
}

static bool train(const struct settings *settings, const struct workload *workload, const mlp_data *data,
                  mlp_optimizer_rule rule, mlp_report **report)
{
    mlp_layer layers[WORKLOAD_MAX_SIZES];
    mlp_optimizer_options update = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_network *network = NULL;
    mlp_optimizer *optimizer = NULL;
    const size_t count = workload_layers(workload, layers);
    update.rule = rule;
    if (rule != MLP_OPTIMIZER_LBFGS &&
        settings->clip != MLP_CLIP_NONE) { /* its search decides how far to go */
        update.clip = settings->clip;
        update.clip_threshold = 1.0;
    }
    fit.epochs = settings->epochs;
    fit.batch = workload->batch;
    fit.threads = settings->threads;
    const bool done = mlp_network_create(workload->sizes[0], layers, count, NULL, &network) == MLP_OK &&
                      mlp_optimizer_create(network, &update, &optimizer) == MLP_OK &&
                      mlp_fit(network, optimizer, data, &fit, report) == MLP_OK;
    if (!done) {
        fprintf(stderr, "mlp-bench: %s: %s\n", mlp_optimizer_name(rule), mlp_last_error());
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    return done;
}

static bool train_all(const struct settings *settings, const struct workload *workload,
                      const struct samples_set *set)
{
    bool done = true;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        const mlp_optimizer_rule rule = (mlp_optimizer_rule)r;
        mlp_report *report = NULL;
        if (!is_chosen(settings, mlp_optimizer_name(rule)) ||
            (settings->rule_given && rule != settings->rule)) {
            continue;
        }
        if (train(settings, workload, set->data, rule, &report)) {
            print_row(settings, workload, set->name, rule, report);
        } else {
            done = false;
        }
        mlp_report_destroy(&report);
    }
    return done;
}

static void print_header(const struct settings *settings, const struct workload *workload, const char *data)
{
    mlp_info info;
    mlp_info_get(&info);
    printf("OpenBLAS core %s, vector level %s, %d thread%s; %s, batch %zu, %zu epochs of %d samples of %s; "
           "seconds\n%-10s %9s %9s %9s %9s %8s %9s %9s\n",
           info.blas_core, info.vector_level, settings->threads, settings->threads > 1 ? "s" : "",
           workload->name, workload->batch, settings->epochs, TRAINING_SAMPLES, data, "rule", "all epochs",
           "first", "least", "last", "÷ first", "loss", "accuracy");
}

static int run(const struct settings *settings)
{
    struct workload workload = settings->custom.count > 0 ? settings->custom : quickstart;
    struct samples_set set;
    const size_t classes = workload.sizes[workload.count - 1];
    if (settings->custom.count == 0 && settings->batch_given) {
        workload.batch = settings->custom.batch;
    }
    if (classes < 2 || classes > 256) {
        return bad_usage(settings->command, "--layers", workload.name, "2 to 256 outputs");
    }
    bool done = samples_set_make(settings->data, workload.sizes[0], classes, &set);
    if (done && settings->output != NULL) {
        done = samples_set_write(&set, settings->output);
    } else if (done) {
        if (!settings->json) {
            print_header(settings, &workload, set.name);
        }
        done = train_all(settings, &workload, &set);
    }
    samples_set_free(&set);
    return done ? 0 : 1;
}

static void list(void)
{
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        puts(mlp_optimizer_name((mlp_optimizer_rule)r));
    }
}

const struct command train_command = {
    .name = "train",
    .description = "whole trainings, epoch by epoch, with each update rule",
    .about =
        "Times mlp_fit() over whole trainings with each update rule at its own learning rate, gradients "
        "clipped by their\n"
        "global norm (lbfgs: not clipped), and prints the seconds of all epochs, of the first, of the "
        "fastest and of the\n"
        "last. Inputs that are always or nearly always 0, units that die and outputs that become sure "
        "are in the data;\n"
        "an epoch should take as long at the end as at the beginning. The network is 784,256,128,10 "
        "unless --workload\n"
        "or --layers say otherwise, the batch 128.\n\n"
        "JSON keys: rule threads network data batch epochs seconds first_s last_s epoch_s loss accuracy.",
    .example = "mlp-bench train --filter adam --threads 1",
    .options = OPTIONS_NETWORK | OPTIONS_UPDATE | OPTIONS_TRAINING,
    .list = list,
    .run = run,
};
