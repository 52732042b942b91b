/* K-fold cross-validation: a network for each fold, trained on the other folds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "interrupt.h"
#include "options/table_argument.h"
#include "reports/json_output.h"
#include "message.h"
#include "training/progress.h"
#include "training/train.h"

/* What came of one fold. */
struct fold {
    mlp_metrics metrics; /* of the part that was left out */
    size_t epochs;
};

static int check(const struct train_settings *settings, const struct train_data *data)
{
    const struct {
        const char *option;
        bool given;
    } refused[] = {
        { "--validation", settings->validation_fraction > 0.0 },
        { "--validation-last", settings->validation_last > 0 },
        { "--validation-data", settings->validation_data != NULL },
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        FAIL_IF(refused[i].given, usage_error("--folds: cannot be given with %s", refused[i].option));
    }
    const size_t count = mlp_data_count(data->train);
    return settings->folds <= count
               ? EXIT_DONE
               : usage_error("--folds: expected at most the number of samples, %zu, got %zu", count,
                             settings->folds);
}

static int fit_fold(struct train_settings *settings, const struct train_data *data, struct fold *fold)
{
    struct progress_display display;
    mlp_network *network = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_report *report = NULL;
    mlp_fit_options options = settings->fit;
    int code = train_network_make(settings, data, &network);
    if (code == EXIT_DONE) {
        code = train_optimizer_make(settings, network, &optimizer);
    }
    if (code == EXIT_DONE) {
        progress_begin(&display, settings->quiet != 0);
        options.validation = data->validation;
        options.progress = progress_show;
        options.progress_context = &display;
        mlp_status status = mlp_fit(network, optimizer, data->train, &options, &report);
        progress_end(&display);
        if (status == MLP_OK && interrupt_signal() == 0) {
            status = mlp_evaluate(network, data->validation, 0, options.threads, options.top_k,
                                  &fold->metrics, NULL);
        }
        code = option_code(status);
        fold->epochs = mlp_report_epochs(report);
    }
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    return code;
}

static int run_fold(struct train_settings *settings, const struct train_data *data, size_t k,
                    struct fold *fold)
{
    struct train_data subset = *data;
    const mlp_status status = mlp_data_fold(data->train, settings->folds, k, settings->stratified,
                                            settings->seed, &subset.train, &subset.validation);
    int code = usage_code("--folds", status);
    if (code == EXIT_DONE && !settings->quiet) {
        notice("fold %zu of %zu: %zu samples to train on, %zu to validate on", k + 1, settings->folds,
               mlp_data_count(subset.train), mlp_data_count(subset.validation));
    }
    if (code == EXIT_DONE) {
        code = fit_fold(settings, &subset, fold);
    }
    if (code == EXIT_DONE && interrupt_signal() != 0) {
        code = work_error("stopped in fold %zu of %zu", k + 1, settings->folds);
    }
    if (status == MLP_OK) {
        mlp_data_destroy(&subset.train);
        mlp_data_destroy(&subset.validation);
    }
    return code;
}

/* Mean and standard deviation over the folds (with K − 1). */
struct spread {
    double mean, deviation;
};

static struct spread spread_of(const struct fold *folds, size_t count,
                               double (*figure)(const struct fold *fold))
{
    double sum = 0.0, squares = 0.0;
    for (size_t k = 0; k < count; k++) {
        sum += figure(&folds[k]);
    }
    const double mean = sum / (double)count;
    for (size_t k = 0; k < count; k++) {
        squares += (figure(&folds[k]) - mean) * (figure(&folds[k]) - mean);
    }
    return (struct spread){ mean, sqrt(squares / (double)(count - 1)) };
}

static double loss_of(const struct fold *fold)
{
    return fold->metrics.loss;
}

static double accuracy_of(const struct fold *fold)
{
    return fold->metrics.accuracy;
}

static void print_text(const struct fold *folds, size_t count, const struct spread *loss,
                       const struct spread *accuracy)
{
    for (size_t k = 0; k < count; k++) {
        printf("fold %-7zu %8zu samples  loss %-10.5g", k + 1, folds[k].metrics.count, folds[k].metrics.loss);
        if (!isnan(folds[k].metrics.accuracy)) {
            printf("  accuracy %.4f", folds[k].metrics.accuracy);
        }
        printf("  %zu epoch%s\n", folds[k].epochs, folds[k].epochs == 1 ? "" : "s");
    }
    printf("%-12s %zu folds  loss %.5g +- %.2g", "mean", count, loss->mean, loss->deviation);
    if (!isnan(accuracy->mean)) {
        printf("  accuracy %.4f +- %.4f", accuracy->mean, accuracy->deviation);
    }
    putchar('\n');
}

static int print_folds_json(const struct fold *folds, size_t count, const struct spread *loss,
                            const struct spread *accuracy)
{
    json_t *list = json_array();
    for (size_t k = 0; k < count; k++) {
        json_array_append_new(list, json_pack("{s:o, s:o}", "epochs", json_count(folds[k].epochs),
                                              "validation", json_metrics(&folds[k].metrics)));
    }
    return print_json(json_pack("{s:o, s:{s:o, s:o}, s:{s:o, s:o}}", "folds", list, "loss", "mean",
                                json_figure(loss->mean), "deviation", json_figure(loss->deviation),
                                "accuracy", "mean", json_figure(accuracy->mean), "deviation",
                                json_figure(accuracy->deviation)));
}

int cross_validate(struct train_settings *settings, const struct train_data *data)
{
    int code = check(settings, data);
    if (code != EXIT_DONE) {
        return code;
    }
    struct fold *folds = calloc(settings->folds, sizeof *folds);
    FAIL_IF(folds == NULL, out_of_memory());
    tell_of_table(settings->data, data->set.data, settings->quiet == 0);
    catch_interrupts();
    for (size_t k = 0; k < settings->folds && code == EXIT_DONE; k++) {
        code = run_fold(settings, data, k, &folds[k]);
    }
    if (code == EXIT_DONE) {
        const struct spread loss = spread_of(folds, settings->folds, loss_of);
        const struct spread accuracy = spread_of(folds, settings->folds, accuracy_of);
        if (settings->json) {
            code = print_folds_json(folds, settings->folds, &loss, &accuracy);
        } else {
            print_text(folds, settings->folds, &loss, &accuracy);
        }
    }
    free(folds);
    return code;
}
