/* `mlp evaluate`: how good a model is on data whose labels are known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/schema.h>
#include <mlp/train.h>

#include "command.h"
#include "charts/chart_title.h"
#include "charts/plot.h"
#include "reports/confusion.h"
#include "reports/model_figures.h"
#include "reports/output_file.h"
#include "reports/warnings.h"
#include "options/data_argument.h"
#include "reports/json_output.h"
#include "options/model_argument.h"

/* Beyond this the matrix of the JSON output is null. */
enum { MAX_CLASSES_JSON = 1000 };

struct evaluate_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data, *plot;
    size_t top_k, batch;
    int threads, json;
    /* what was found */
    const char *model;
    mlp_network *network;
    struct data_set set;
    struct model_figures figures;
};

#define FIELD(member) offsetof(struct evaluate_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    TEXT("data", "DATA", data, "Required. " DATA_SPEC_HELP, .letter = 'd'),
    DATA_PART_ROW,
    SIZE("top-k", "K", top_k, 1, 1e18, "K of the top-k accuracy (default: 5)."),
    TEXT("plot", "FILE", plot, "Draw here, as SVG or PNG, with gnuplot: ROC, reliability and "
        "confusion of classes, or the residuals of numbers."),
    SIZE("batch", "N", batch, 1, 1e18, "Samples at a time (default: 256)."),
    COUNT("threads", "N", threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    FLAG("json", json, 1, "Print the result as JSON."),
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last). Labels must be "
        "the model's class names."),
    { .kind = OPTION_END },
};
/* clang-format on */

static size_t top_k_of(const struct evaluate_settings *s)
{
    return s->top_k != 0 ? s->top_k : 5;
}

static json_t *json_confusion(const struct evaluate_settings *s)
{
    const size_t classes = network_classes(s->network);
    if (s->figures.confusion == NULL) {
        return json_null();
    }
    json_t *matrix = json_array();
    for (size_t row = 0; row < classes; row++) {
        json_t *line = json_array();
        for (size_t column = 0; column < classes; column++) {
            json_array_append_new(line, json_count(s->figures.confusion[row * classes + column]));
        }
        json_array_append_new(matrix, line);
    }
    return matrix;
}

/* Of a target, as the table that the model learnt from named it. */
static const char *output_name(const mlp_network *network, size_t output)
{
    const char *name = mlp_schema_target_name(mlp_network_schema(network), output);
    return name != NULL ? name : "";
}

static json_t *json_classes(const struct evaluate_settings *s)
{
    if (mlp_data_class_count(s->set.data) == 0) {
        return json_null();
    }
    json_t *names = json_array();
    for (size_t i = 0; i < network_classes(s->network); i++) {
        char number[24];
        json_array_append_new(names, json_text(network_class_text(s->network, i, number)));
    }
    return names;
}

static json_t *json_number_metrics(const struct evaluate_settings *s)
{
    json_t *list = s->figures.numbers != NULL ? json_array() : json_null();
    const size_t outputs = s->figures.numbers != NULL ? mlp_network_outputs(s->network) : 0;
    for (size_t i = 0; i < outputs; i++) {
        const mlp_number_metrics *m = &s->figures.numbers[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                                        json_text(output_name(s->network, i)), "rmse", json_figure(m->rmse),
                                        "mae", json_figure(m->mae), "r2", json_figure(m->r2), "baseline_rmse",
                                        json_figure(m->baseline_rmse), "bias", json_figure(m->bias)));
    }
    return list;
}

static int print_evaluation_json(const struct evaluate_settings *s)
{
    json_t *result =
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model", json_text(s->model),
                  "data", json_text(s->data), "samples", json_count(s->figures.metrics.count), "loss_name",
                  mlp_loss_name(mlp_network_loss(s->network)), "loss", json_figure(s->figures.metrics.loss),
                  "accuracy", json_figure(s->figures.metrics.accuracy), "top_k", json_count(top_k_of(s)),
                  "top_k_accuracy", json_figure(s->figures.metrics.top_k_accuracy), "classes",
                  json_classes(s), "confusion", json_confusion(s), "numbers", json_number_metrics(s));
    if (s->figures.detailed) {
        json_add_evaluation(result, &s->figures.evaluation);
    }
    return print_json(result);
}

static void print_numbers(const struct evaluate_settings *s)
{
    const size_t outputs = mlp_network_outputs(s->network);
    printf("%-20s %12s %12s %8s  %s\n", "target", "RMSE", "MAE", "R2", "RMSE of the mean");
    for (size_t i = 0; i < outputs; i++) {
        const mlp_number_metrics *m = &s->figures.numbers[i];
        print_escaped(stdout, output_name(s->network, i));
        printf("%*s %12.6g %12.6g %8.4f  %.6g (%.1f %% of it)\n",
               (int)(20 - strnlen(output_name(s->network, i), 20)), "", m->rmse, m->mae, m->r2,
               m->baseline_rmse, 100.0 * m->rmse / m->baseline_rmse);
    }
}

static void print_evaluation(const struct evaluate_settings *s)
{
    printf("samples   %zu\nloss      %.6g (%s)\n", s->figures.metrics.count, s->figures.metrics.loss,
           mlp_loss_name(mlp_network_loss(s->network)));
    if (!isnan(s->figures.metrics.accuracy)) {
        printf("accuracy  %.4f\n", s->figures.metrics.accuracy);
    }
    if (!isnan(s->figures.metrics.top_k_accuracy) && top_k_of(s) < network_classes(s->network)) {
        printf("top-%-5zu %.4f\n", top_k_of(s), s->figures.metrics.top_k_accuracy);
    }
    if (s->figures.numbers != NULL) {
        print_numbers(s);
    }
    if (s->figures.confusion != NULL) {
        print_confusion(stdout, s->network, s->figures.confusion, network_classes(s->network));
    } else if (mlp_data_class_count(s->set.data) > 0) {
        printf("\nThe confusion matrix has %zu classes: --json prints up to %d.\n",
               network_classes(s->network), MAX_CLASSES_JSON);
    }
    if (s->figures.detailed) {
        print_evaluation_figures(&s->figures.evaluation);
    }
}

/* What can be said before the work begins. */
static int check(const struct evaluate_settings *s)
{
    FAIL_IF(s->data == NULL, usage_error("evaluate: --data is missing; `mlp evaluate --help` explains it"));
    if (s->plot == NULL) {
        return EXIT_DONE;
    }
    TRY(plot_check_name("--plot", s->plot));
    TRY(plot_check_gnuplot("--plot"));
    return check_output("--plot", s->plot);
}

static int plot(struct evaluate_settings *s)
{
    char title[CHART_TITLE];
    struct canvas canvas = { .path = s->plot, .title = title };
    chart_title("evaluation", s->model, s->network, s->data, title);
    return plot_evaluation(&canvas, &s->figures.evaluation);
}

static int run(void *settings, int operands, char **operand)
{
    struct evaluate_settings *s = settings;
    TRY(check(s));
    TRY(open_model(&evaluate_command, operands, operand, &s->network));
    s->model = operand[0];
    const struct data_source source = {
        .option = "--data", .spec = s->data, .part = s->request.part, .label_needed = true
    };
    TRY(open_data_of_model(&s->request, source, s->network, &s->set));
    const size_t classes = network_classes(s->network);
    const bool classified = mlp_data_class_count(s->set.data) > 0;
    FAIL_IF(!classified && mlp_data_outputs(s->set.data) == 0,
            usage_error("--data: '%s' has no labels to compare with; for a CSV file name their column "
                        "with --label, for IDX give IMAGES,LABELS",
                        s->data));
    TRY(model_figures_make(&s->figures, s->network, s->set.data, s->batch, s->threads, s->top_k,
                           s->json ? MAX_CLASSES_JSON : CONFUSION_CLASSES));
    TRY(warn_of_baseline(s->data, s->network, s->set.data, NULL, s->threads));
    if (s->json) {
        TRY(print_evaluation_json(s));
    } else {
        print_evaluation(s);
    }
    FAIL_IF(s->plot != NULL && !s->figures.detailed,
            usage_error("--plot: the model has %zu classes, expected at most %d", classes,
                        s->json ? MAX_CLASSES_JSON : CONFUSION_CLASSES));
    return s->plot != NULL ? plot(s) : EXIT_DONE;
}

static void release(void *settings)
{
    struct evaluate_settings *s = settings;
    model_figures_free(&s->figures);
    mlp_data_destroy(&s->set.data);
    mlp_network_destroy(&s->network);
}

const struct command evaluate_command = {
    .name = "evaluate",
    .summary = "measure how good a model is on labelled data",
    .synopsis = "MODEL --data DATA [OPTION...]",
    .description =
        "Tells a model's loss, accuracy and top-k accuracy on data whose labels are known, and "
        "which classes it takes for which; of each class precision, recall, F1, the area under the "
        "ROC curve and average precision, of probabilities their calibration; of each flag "
        "the same and how often all are right; of numbers the residuals.",
    .rows = rows,
    .examples = "  mlp evaluate fashion.safetensors --data fashion-mnist\n"
                "  mlp evaluate iris.safetensors --data held-out.csv --label species\n"
                "  mlp evaluate digits.safetensors --data digits --json\n",
    .settings_size = sizeof(struct evaluate_settings),
    .prepare = data_request_default,
    .run = run,
    .release = release,
};
