/* What `mlp train` prints when it is done: a summary or JSON, and the history as CSV. */
#include <math.h>
#include <stdio.h>

#include "message.h"
#include "options/model_argument.h"
#include "reports/json_output.h"
#include "reports/monitor_report.h"
#include "reports/output_file.h"
#include "training/train.h"

/* `top_k` 0: without it. */
static void print_metrics(const char *name, const mlp_metrics *metrics, size_t top_k)
{
    if (metrics->count == 0) {
        return;
    }
    printf("%-12s %8zu samples  loss %-10.5g", name, metrics->count, metrics->loss);
    if (!isnan(metrics->accuracy)) {
        printf("  accuracy %.4f", metrics->accuracy);
        if (!isnan(metrics->top_k_accuracy) && top_k > 0) {
            printf("  top-%zu %.4f", top_k, metrics->top_k_accuracy);
        }
    }
    putchar('\n');
}

static void print_network(const mlp_network *network)
{
    printf("%-12s %zu", "network", mlp_network_inputs(network));
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        mlp_layer layer;
        if (mlp_network_layer(network, l, &layer) == MLP_OK) {
            printf(" - %zu %s", layer.units, mlp_activation_name(layer.activation));
        }
    }
    printf(", %zu parameters, loss %s\n", mlp_network_parameter_count(network),
           mlp_loss_name(mlp_network_loss(network)));
}

static void print_summary(const struct train_settings *settings, const struct train_result *result)
{
    const size_t k = settings->fit.top_k != 0 ? settings->fit.top_k : 5;
    const size_t top_k = k < network_classes(result->network) ? k : 0; /* of all classes it is 1 */
    const size_t epochs = mlp_report_epochs(result->report);
    print_network(result->network);
    printf("%-12s %zu epoch%s", "training", epochs, epochs == 1 ? "" : "s");
    if (result->seconds > 0.0) { /* nothing was left to do for a training that went on from its end */
        printf(" in %.3g s, %.0f samples/s", result->seconds, (double)result->samples / result->seconds);
    }
    if (mlp_report_stopped(result->report)) {
        printf(", stopped");
    } else if (mlp_report_stopped_early(result->report)) {
        printf(", stopped early");
    }
    if (mlp_report_restored(result->report)) {
        printf(", best parameters from epoch %zu", mlp_report_best_epoch(result->report) + 1);
    }
    putchar('\n');
    print_metrics("train", &result->train, top_k);
    print_metrics("validation", &result->validation, top_k);
    print_metrics("test", &result->test, top_k);
    print_monitor(result->report, result->network);
    if (result->saved != NULL) {
        printf("%-12s ", "saved to");
        print_escaped(stdout, result->saved);
        putchar('\n');
    }
}

static json_t *json_epoch(const mlp_epoch *epoch)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "loss", json_figure(epoch->loss),
                     "accuracy", json_figure(epoch->accuracy), "validation", json_metrics(&epoch->validation),
                     "gradient_norm", json_figure(epoch->gradient_norm), "clip_scale",
                     json_figure(epoch->clip_scale), "clipped", json_figure(epoch->clipped), "skipped",
                     json_figure(epoch->skipped), "learning_rate", json_figure(epoch->learning_rate),
                     "seconds", json_figure(epoch->seconds), "steps", json_count(epoch->steps));
}

static json_t *json_history(const mlp_report *report)
{
    json_t *history = json_array();
    for (size_t i = 0; i < mlp_report_epochs(report); i++) {
        mlp_epoch epoch;
        if (mlp_report_epoch(report, i, &epoch) == MLP_OK) {
            json_array_append_new(history, json_epoch(&epoch));
        }
    }
    return history;
}

static int print_result_json(const struct train_settings *settings, const struct train_result *result)
{
    const mlp_report *report = result->report;
    return print_json(
        json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o}",
                  "model", result->saved != NULL ? json_text(result->saved) : json_null(), "data",
                  json_text(settings->data), "inputs", json_count(mlp_network_inputs(result->network)),
                  "outputs", json_count(mlp_network_outputs(result->network)), "loss",
                  mlp_loss_name(mlp_network_loss(result->network)), "parameters",
                  json_count(mlp_network_parameter_count(result->network)), "seed",
                  json_count(settings->seed), "train", json_metrics(&result->train), "validation",
                  json_metrics(&result->validation), "test", json_metrics(&result->test), "stopped",
                  mlp_report_stopped(report), "stopped_early", mlp_report_stopped_early(report), "restored",
                  mlp_report_restored(report), "best_epoch", json_count(mlp_report_best_epoch(report) + 1),
                  "seconds", json_figure(result->seconds), "history", json_history(report), "monitor",
                  json_monitor(report, result->network)));
}

int print_train_result(const struct train_settings *settings, const struct train_result *result)
{
    if (settings->json) {
        return print_result_json(settings, result);
    }
    print_summary(settings, result);
    return EXIT_DONE;
}

int write_history(const char *path, FILE *stream, const mlp_report *report)
{
    if (begin_table("--history", path, stream) != EXIT_DONE) {
        return EXIT_WORK;
    }
    fputs("epoch,loss,accuracy,validation_loss,validation_accuracy,gradient_norm,clip_scale,clipped,skipped,"
          "learning_rate,seconds\n",
          stream);
    for (size_t i = 0; i < mlp_report_epochs(report); i++) {
        mlp_epoch epoch;
        if (mlp_report_epoch(report, i, &epoch) != MLP_OK) {
            break;
        }
        const double fields[] = { epoch.loss,
                                  epoch.accuracy,
                                  epoch.validation.loss,
                                  epoch.validation.count > 0 ? epoch.validation.accuracy : NAN,
                                  epoch.gradient_norm,
                                  epoch.clip_scale,
                                  epoch.clipped,
                                  epoch.skipped,
                                  epoch.learning_rate,
                                  epoch.seconds };
        fprintf(stream, "%zu", i + 1);
        for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
            write_field(stream, fields[f]);
        }
        fputc('\n', stream);
    }
    return end_table("--history", path, stream);
}
