/* Networks, trainings and statistics of studies. */
#include "studies/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "interrupt.h"
#include "message.h"

static void fill_layer(mlp_layer *layer, size_t units, const struct choice *activation)
{
    layer->units = units;
    layer->activation = (mlp_activation)activation->value;
    layer->activation_parameter = activation->numbers.a;
}

static void fill_init(mlp_layer *layer, const struct shape *shape)
{
    layer->init = (mlp_init)shape->init.value;
    layer->init_parameters = shape->init.numbers;
    layer->bias_init = (mlp_init)shape->bias_init.value;
    layer->bias_parameters = shape->bias_init.numbers;
}

int make_network(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                 mlp_network **network)
{
    static const struct choice softmax = ACTIVATION(SOFTMAX);
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_layer *layers = calloc(shape->depth + 1, sizeof *layers);
    *network = NULL;
    FAIL_IF(layers == NULL, out_of_memory());
    for (size_t l = 0; l < shape->depth; l++) {
        const bool other = l % 2 == 1 && shape->other_width > 0;
        fill_layer(&layers[l], other ? shape->other_width : shape->width, &shape->activation);
        fill_init(&layers[l], shape);
    }
    fill_layer(&layers[shape->depth], experiment->classes, &softmax);
    if (shape->same_output) {
        fill_init(&layers[shape->depth], shape);
    }
    options.seed = seed;
    mlp_status status = mlp_network_create(experiment->inputs, layers, shape->depth + 1, &options, network);
    free(layers);
    status = status == MLP_OK ? mlp_data_standardize(experiment->train, *network) : status;
    if (status != MLP_OK) {
        mlp_network_destroy(network);
        return option_code(status);
    }
    return EXIT_DONE;
}

int diagnose_network(const struct experiment *experiment, const mlp_network *network,
                     mlp_diagnosis **diagnosis)
{
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    const mlp_targets targets = { .classes = experiment->sample_classes };
    options.threads = experiment->threads;
    const mlp_status status =
        mlp_diagnose(network, experiment->samples, &targets, experiment->sample_count, &options, diagnosis);
    return work_code(status);
}

int diagnose_start(const struct experiment *experiment, const struct shape *shape, uint64_t seed,
                   mlp_diagnosis **diagnosis)
{
    mlp_network *network;
    *diagnosis = NULL;
    TRY(make_network(experiment, shape, seed, &network));
    const int code = diagnose_network(experiment, network, diagnosis);
    mlp_network_destroy(&network);
    return code;
}

mlp_signal layer_signal(const mlp_diagnosis *diagnosis, size_t layer)
{
    mlp_signal signal = { .z = { NAN, NAN, NAN } };
    mlp_diagnosis_layer(diagnosis, layer, &signal);
    return signal;
}

double backward_factor(const mlp_diagnosis *diagnosis, size_t low, size_t high)
{
    double logarithms = 0.0;
    for (size_t l = low; l < high; l++) {
        logarithms += log(layer_signal(diagnosis, l).backward_growth);
    }
    return exp(logarithms / (double)(high - low));
}

double forward_factor(const mlp_diagnosis *diagnosis, size_t low, size_t high)
{
    double logarithms = 0.0;
    for (size_t l = low + 1; l <= high; l++) {
        logarithms += log(layer_signal(diagnosis, l).forward_growth);
    }
    return exp(logarithms / (double)(high - low));
}

mlp_mean_field field_of(const struct choice *activation, double weight_variance)
{
    const mlp_activation_choice choice = { .activation = (mlp_activation)activation->value,
                                           .parameter = activation->numbers.a };
    mlp_mean_field point = { .q = NAN, .chi = NAN, .depth = NAN };
    mlp_mean_field_point(&choice, weight_variance, 0.0, &point);
    return point;
}

/* ---- training ------------------------------------------------------------------------------------------ */

static int stop_when_interrupted(const mlp_progress *progress, void *context)
{
    (void)progress;
    (void)context;
    return interrupt_signal();
}

static mlp_status fit(const struct experiment *experiment, mlp_network *network,
                      const struct training *training, uint64_t seed, mlp_report **report)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit_options = MLP_FIT_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    options.rule = training->rule;
    options.learning_rate = training->learning_rate;
    options.clip = training->clip;
    options.clip_threshold = training->clip_threshold;
    fit_options.epochs = training->epochs;
    fit_options.batch = training->batch;
    fit_options.seed = seed;
    fit_options.threads = experiment->threads;
    fit_options.progress = stop_when_interrupted;
    *report = NULL;
    mlp_status status = mlp_optimizer_create(network, &options, &optimizer);
    if (status == MLP_OK) {
        status = mlp_fit(network, optimizer, experiment->train, &fit_options, report);
    }
    mlp_optimizer_destroy(&optimizer);
    return status;
}

int train_network(const struct experiment *experiment, mlp_network *network, const struct training *training,
                  uint64_t seed, struct outcome *outcome)
{
    mlp_report *report;
    mlp_epoch last = { .loss = INFINITY };
    mlp_metrics metrics = { .loss = NAN };
    mlp_status status = fit(experiment, network, training, seed, &report);
    *outcome = (struct outcome){ .refused = status == MLP_ERROR_NONFINITE };
    if (mlp_report_epochs(report) > 0) {
        mlp_report_epoch(report, mlp_report_epochs(report) - 1, &last);
    }
    mlp_report_destroy(&report);
    outcome->loss = outcome->refused || !isfinite(last.loss) ? INFINITY : last.loss;
    outcome->clipped = last.clipped;
    if (status == MLP_OK || outcome->refused) {
        status = mlp_evaluate(network, experiment->test, 0, experiment->threads, 1, &metrics, NULL);
    }
    outcome->accuracy = metrics.accuracy;
    return status == MLP_ERROR_NONFINITE ? EXIT_DONE : work_code(status);
}

int train_start(const struct experiment *experiment, const struct shape *shape,
                const struct training *training, uint64_t seed, struct outcome *outcome)
{
    mlp_network *network;
    TRY(make_network(experiment, shape, seed, &network));
    const int code = train_network(experiment, network, training, seed, outcome);
    mlp_network_destroy(&network);
    return code;
}

/* ---- seeds, progress, statistics ----------------------------------------------------------------------- */

size_t seeds_or(const struct experiment *experiment, size_t standard)
{
    return experiment->seeds > 0 ? experiment->seeds : standard;
}

int advance(const struct experiment *experiment, size_t done, size_t all)
{
    enum { BAR = 40 };
    if (!experiment->quiet && isatty(STDERR_FILENO)) {
        const int full = (int)(BAR * done / all);
        fprintf(stderr, "\r%-12s [%.*s%.*s] %3d %%", experiment->study, full,
                "########################################", BAR - full,
                "                                        ", (int)(100 * done / all));
        fputs(done == all ? "\r\033[K" : "", stderr);
    }
    return interrupt_signal() == 0 ? EXIT_DONE : work_error("study %s: interrupted", experiment->study);
}

void scatter_add(struct scatter *scatter, double value)
{
    scatter->sum += value;
    scatter->squares += value * value;
    scatter->count++;
}

double scatter_mean(const struct scatter *scatter)
{
    return scatter->sum / (double)scatter->count;
}

double scatter_deviation(const struct scatter *scatter)
{
    const double n = (double)scatter->count, mean = scatter_mean(scatter);
    return n > 1.0 ? sqrt(fmax(scatter->squares - n * mean * mean, 0.0) / (n - 1.0)) : 0.0;
}

double scatter_error(const struct scatter *scatter)
{
    return scatter_deviation(scatter) / sqrt((double)scatter->count);
}
