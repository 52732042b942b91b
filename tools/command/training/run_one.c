/* One of several trainings, on its own cut of the data. */
#include "training/runs.h"

#include <math.h>
#include <stdlib.h>

#include "interrupt.h"
#include "message.h"
#include "training/progress.h"

static mlp_status measure_numbers(const struct train_settings *settings, const mlp_network *network,
                                  const mlp_data *data, struct run_figures *figures)
{
    const size_t outputs = mlp_network_outputs(network);
    mlp_number_metrics *metrics = calloc(outputs, sizeof *metrics);
    if (metrics == NULL) {
        return MLP_ERROR_MEMORY;
    }
    const mlp_status status = mlp_exchange_evaluate_numbers(settings->fit.exchange, network, data, 0,
                                                            settings->fit.threads, metrics);
    double sums[3] = { 0.0 };
    for (size_t i = 0; i < outputs; i++) {
        sums[0] += metrics[i].rmse;
        sums[1] += metrics[i].mae;
        sums[2] += metrics[i].r2;
    }
    for (int i = 0; i < 3; i++) {
        figures->values[FIGURE_RMSE + i] = sums[i] / (double)outputs;
    }
    free(metrics);
    return status;
}

static mlp_status measure(const struct train_settings *settings, const mlp_network *network,
                          const mlp_data *data, struct run_figures *figures)
{
    mlp_metrics metrics;
    for (int i = 0; i < FIGURES; i++) {
        figures->values[i] = NAN;
    }
    if (data == NULL) {
        return MLP_OK;
    }
    const mlp_status status =
        mlp_exchange_evaluate(settings->fit.exchange, network, data, 0, settings->fit.threads,
                              settings->fit.top_k, &metrics, NULL);
    figures->count = metrics.count;
    figures->values[FIGURE_LOSS] = metrics.loss;
    figures->values[FIGURE_ACCURACY] = metrics.accuracy;
    figures->values[FIGURE_TOP_K] = metrics.top_k_accuracy;
    return status == MLP_OK && mlp_data_class_count(data) == 0
               ? measure_numbers(settings, network, data, figures)
               : status;
}

static int stop_when_interrupted(const mlp_progress *progress, void *context)
{
    (void)progress;
    (void)context;
    return interrupt_signal();
}

static mlp_status fit(struct run *run, const struct train_data *data, bool shows_progress,
                      mlp_network *network, mlp_optimizer *optimizer)
{
    struct progress_display display;
    mlp_report *report = NULL;
    mlp_fit_options options = run->settings.fit;
    mlp_epoch epoch;
    progress_begin(&display, false);
    options.validation = data->held_out != NULL ? data->held_out : data->validation;
    options.progress = shows_progress ? progress_show : stop_when_interrupted;
    options.progress_context = &display;
    mlp_status status =
        options.epochs > 0 ? mlp_fit(network, optimizer, data->train, &options, &report) : MLP_OK;
    progress_end(&display);
    run->epochs = mlp_report_epochs(report);
    for (size_t e = 0; e < run->epochs; e++) {
        mlp_report_epoch(report, e, &epoch);
        run->seconds += epoch.seconds;
    }
    const bool stopped = mlp_report_stopped(report) != 0; /* by the signal of any rank */
    mlp_report_destroy(&report);
    if (status == MLP_OK && !stopped) {
        status = measure(&run->settings, network, data->validation, &run->validation);
        status = status == MLP_OK ? measure(&run->settings, network, data->test, &run->test) : status;
        run->done = status == MLP_OK;
    }
    return status;
}

/* Trains on data that are cut. A training that diverges is an outcome. */
static int train(struct run *run, const struct train_data *data, bool shows_progress)
{
    mlp_network *network = NULL;
    mlp_optimizer *optimizer = NULL;
    int code = train_network_make(&run->settings, data, &network);
    code = code == EXIT_DONE ? train_optimizer_make(&run->settings, network, &optimizer) : code;
    if (code == EXIT_DONE) {
        const mlp_status status = fit(run, data, shows_progress, network, optimizer);
        run->diverged = status == MLP_ERROR_NONFINITE;
        run->done = run->done || run->diverged;
        code = run->diverged ? EXIT_DONE : option_code(status);
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    return code;
}

/* The fold's own samples become the validation part. */
static int cut_fold(const struct run *run, struct train_data *data)
{
    const struct train_settings *s = &run->settings;
    mlp_status (*fold)(const mlp_data *, size_t, size_t, int, uint64_t, mlp_data **, mlp_data **) =
        s->request.group != NULL ? mlp_data_fold_groups : mlp_data_fold;
    mlp_data *rest;
    TRY(usage_code("--folds",
                   fold(data->train, s->folds, run->fold, s->stratified, s->seed, &rest, &data->validation)));
    if (data->train != data->set.data) {
        mlp_data_destroy(&data->train);
    }
    data->train = rest;
    return EXIT_DONE;
}

/* Cuts a run's own samples; train_data_free_cut() in any case. */
static int cut(const struct run *run, struct train_data *data)
{
    const struct train_settings *s = &run->settings;
    TRY(train_data_cut(s, data));
    const size_t samples = mlp_data_count(data->train);
    FAIL_IF(s->folds > samples,
            usage_error("--folds: expected at most the number of samples, %zu, got %zu", samples, s->folds));
    return s->folds > 0 ? cut_fold(run, data) : EXIT_DONE;
}

int train_run(struct run *run, const struct train_data *loaded, bool shows_progress)
{
    struct train_data data = *loaded;
    int code = cut(run, &data);
    code = code == EXIT_DONE ? choose_length(&run->settings, &data, &run->settings.fit, true) : code;
    code = code == EXIT_DONE ? train_data_check_weights(&run->settings, &data) : code;
    code = code == EXIT_DONE ? train_data_fill(&run->settings, loaded, &data) : code;
    code = code == EXIT_DONE ? train(run, &data, shows_progress) : code;
    train_data_free_cut(loaded, &data);
    return code;
}

int try_first_run(const struct runs *runs, const struct train_data *loaded)
{
    struct train_data data = *loaded;
    int code = cut(&runs->items[0], &data);
    if (code == EXIT_DONE && runs->choices > 1 && data.validation == NULL) {
        code = usage_error("several values of an option are compared on validation samples: give "
                           "--validation, --validation-last, --validation-data or --folds");
    }
    mlp_fit_options fit = runs->items[0].settings.fit;
    const bool quiet = runs->settings->quiet != 0;
    code = code == EXIT_DONE ? choose_length(&runs->items[0].settings, &data, &fit, quiet) : code;
    if (code == EXIT_DONE) {
        tell_of_batch(&runs->items[0].settings, mlp_data_count(data.train));
    }
    train_data_free_cut(loaded, &data);
    return code;
}
