/* `mlp evaluate`: how good a model is on data whose labels are known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/train.h>

#include "command.h"
#include "reports/confusion.h"
#include "options/data_argument.h"
#include "reports/json_output.h"
#include "message.h"
#include "options/model_argument.h"

struct evaluate_settings {
    struct data_request request; /* first, for the parsers of data options */
    const char *data;
    enum data_part part;
    size_t top_k, batch;
    int threads, json;
};

/* What was found. */
struct evaluation {
    const char *model;
    const mlp_network *network;
    mlp_metrics metrics;
    uint64_t *confusion; /* NULL for numbers */
};

static int parse_part(const char *text, void *settings)
{
    struct evaluate_settings *evaluate = settings;
    evaluate->part = strcmp(text, "train") == 0 ? PART_TRAIN : PART_TEST;
    return evaluate->part == PART_TRAIN || strcmp(text, "test") == 0
               ? EXIT_DONE
               : usage_error("--part: expected train or test, got '%s'", text);
}

#define FIELD(member) offsetof(struct evaluate_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    { .kind = OPTION_GROUP, .help = "Options:" },
    { .kind = OPTION_TEXT, .name = "data", .letter = 'd', .argument = "DATA", .offset = FIELD(data),
      .help = "Required. " DATA_SPEC_HELP },
    { .kind = OPTION_PARSED, .name = "part", .argument = "train|test", .parse = parse_part,
      .help = "Part of a set that has both, as fashion-mnist does (default: test)." },
    { .kind = OPTION_SIZE, .name = "top-k", .argument = "K", .offset = FIELD(top_k), .low = 1, .high = 1e18,
      .help = "K of the top-k accuracy (default: 5)." },
    { .kind = OPTION_SIZE, .name = "batch", .argument = "N", .offset = FIELD(batch), .low = 1, .high = 1e18,
      .help = "Samples at a time (default: 256)." },
    { .kind = OPTION_COUNT, .name = "threads", .argument = "N", .offset = FIELD(threads), .low = 1,
      .high = 1024,
      .help = "Threads to work with (default: OpenMP's)." },
    { .kind = OPTION_FLAG, .name = "json", .offset = FIELD(json), .flag = 1, .help = "Print the result as "
                                                                                     "JSON." },
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last). Labels must "
                  "be the "
                  "model's class names."),
    { .kind = OPTION_END },
};
/* clang-format on */

static size_t top_k_of(const struct evaluate_settings *settings)
{
    return settings->top_k != 0 ? settings->top_k : 5;
}

static json_t *json_confusion(const struct evaluation *evaluation)
{
    const size_t classes = network_classes(evaluation->network);
    if (evaluation->confusion == NULL) {
        return json_null();
    }
    json_t *matrix = json_array();
    for (size_t row = 0; row < classes; row++) {
        json_t *line = json_array();
        for (size_t column = 0; column < classes; column++) {
            json_array_append_new(line, json_count(evaluation->confusion[row * classes + column]));
        }
        json_array_append_new(matrix, line);
    }
    return matrix;
}

static json_t *json_classes(const struct evaluation *evaluation)
{
    if (evaluation->confusion == NULL) {
        return json_null();
    }
    json_t *names = json_array();
    for (size_t i = 0; i < network_classes(evaluation->network); i++) {
        char number[24];
        json_array_append_new(names, json_text(network_class_text(evaluation->network, i, number)));
    }
    return names;
}

static int print_evaluation_json(const struct evaluate_settings *settings,
                                 const struct evaluation *evaluation)
{
    const mlp_metrics *metrics = &evaluation->metrics;
    return print_json(
        json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "model", json_text(evaluation->model),
                  "data", json_text(settings->data), "samples", json_count(metrics->count), "loss_name",
                  mlp_loss_name(mlp_network_loss(evaluation->network)), "loss", json_figure(metrics->loss),
                  "accuracy", json_figure(metrics->accuracy), "top_k", json_count(top_k_of(settings)),
                  "top_k_accuracy", json_figure(metrics->top_k_accuracy), "classes", json_classes(evaluation),
                  "confusion", json_confusion(evaluation)));
}

static void print_evaluation(const struct evaluate_settings *settings, const struct evaluation *evaluation)
{
    const mlp_metrics *metrics = &evaluation->metrics;
    printf("samples   %zu\nloss      %.6g (%s)\n", metrics->count, metrics->loss,
           mlp_loss_name(mlp_network_loss(evaluation->network)));
    if (!isnan(metrics->accuracy)) {
        printf("accuracy  %.4f\n", metrics->accuracy);
    }
    if (!isnan(metrics->top_k_accuracy)) {
        printf("top-%-5zu %.4f\n", top_k_of(settings), metrics->top_k_accuracy);
    }
    if (evaluation->confusion != NULL) {
        print_confusion(stdout, evaluation->network, evaluation->confusion,
                        network_classes(evaluation->network));
    }
}

static int measure(const struct evaluate_settings *settings, const mlp_data *data,
                   struct evaluation *evaluation)
{
    const size_t classes = network_classes(evaluation->network);
    if (mlp_data_class_count(data) == 0 && mlp_data_outputs(data) == 0) {
        return usage_error("--data: '%s' has no labels to compare with; for a CSV file name their column "
                           "with --label, "
                           "for IDX give IMAGES,LABELS",
                           settings->data);
    }
    if (mlp_data_class_count(data) > 0) {
        evaluation->confusion = calloc(classes * classes, sizeof *evaluation->confusion);
        if (evaluation->confusion == NULL) {
            return work_error("out of memory");
        }
    }
    const mlp_status status = mlp_evaluate(evaluation->network, data, settings->batch, settings->threads,
                                           settings->top_k, &evaluation->metrics, evaluation->confusion);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

static int run(struct evaluate_settings *settings, struct evaluation *evaluation)
{
    struct data_set set = { 0 };
    struct data_source source = {
        .option = "--data", .spec = settings->data, .part = settings->part, .label_needed = true
    };
    const char **names = NULL;
    settings->request.regression = !network_classifies(evaluation->network);
    int code = network_class_names(evaluation->network, &names, &source.class_name_count);
    source.class_names = names;
    if (code == EXIT_DONE) {
        code = data_open(&settings->request, &source, &set);
    }
    if (code == EXIT_DONE) {
        code = measure(settings, set.data, evaluation);
    }
    if (code == EXIT_DONE && settings->json) {
        code = print_evaluation_json(settings, evaluation);
    } else if (code == EXIT_DONE) {
        print_evaluation(settings, evaluation);
    }
    free(evaluation->confusion);
    free(names);
    mlp_data_destroy(&set.data);
    return code;
}

static int evaluate(int argc, char **argv)
{
    struct evaluate_settings settings = { .request = DATA_REQUEST_INIT, .part = PART_DEFAULT };
    struct evaluation evaluation = { 0 };
    mlp_network *network = NULL;
    int operands;
    int code = parse_options(&evaluate_command, argc, argv, &settings, &operands);
    if (code == EXIT_DONE && settings.data == NULL) {
        code = usage_error("evaluate: --data is missing; `mlp evaluate --help` explains it");
    }
    if (code == EXIT_DONE) {
        code = open_model(&evaluate_command, argc, argv, operands, &evaluation.model, &network);
    }
    if (code == EXIT_DONE) {
        evaluation.network = network;
        code = run(&settings, &evaluation);
    }
    mlp_network_destroy(&network);
    return code == OPTIONS_HELP ? EXIT_DONE : code;
}

const struct command evaluate_command = {
    .name = "evaluate",
    .summary = "tell how good a model is on labelled data",
    .synopsis = "MODEL --data DATA [OPTION...]",
    .description =
        "Tells a model's loss, accuracy and top-k accuracy on data whose labels are known, and which "
        "classes it takes for which.",
    .rows = rows,
    .examples = "  mlp evaluate fashion.safetensors --data fashion-mnist\n"
                "  mlp evaluate iris.safetensors --data held-out.csv --label species\n"
                "  mlp evaluate digits.safetensors --data digits --json\n",
    .run = evaluate,
};
