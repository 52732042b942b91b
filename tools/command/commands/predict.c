/* `mlp predict`: runs a model on data and prints what it says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options/data_argument.h"
#include "message.h"
#include "options/model_argument.h"
#include "reports/predict.h"

#define FIELD(member) offsetof(struct predict_settings, member)

static int parse_part(const char *text, void *settings)
{
    struct predict_settings *predict = settings;
    predict->part = strcmp(text, "train") == 0 ? PART_TRAIN : PART_TEST;
    return predict->part == PART_TRAIN || strcmp(text, "test") == 0
               ? EXIT_DONE
               : usage_error("--part: expected train or test, got '%s'", text);
}

/* clang-format off */
static const struct option_row rows[] = {
    { .kind = OPTION_GROUP, .help = "Options:" },
    { .kind = OPTION_TEXT, .name = "data", .letter = 'd', .argument = "DATA", .offset = FIELD(data),
      .help = "Required. " DATA_SPEC_HELP },
    { .kind = OPTION_PARSED, .name = "part", .argument = "train|test", .parse = parse_part,
      .help = "Part of a set that has both, as fashion-mnist does (default: test)." },
    { .kind = OPTION_FLAG, .name = "probabilities", .letter = 'p', .offset = FIELD(probabilities), .flag = 1,
      .help = "Print CSV with a header: the label and the probability of every class." },
    { .kind = OPTION_SIZE, .name = "draw", .argument = "N", .offset = FIELD(draw), .low = 1, .high = 1e18,
      .help = "Draw the first N samples as text instead, with the predicted label and, where it is known, "
              "the true "
              "one. For square pictures." },
    { .kind = OPTION_FLAG, .name = "json", .offset = FIELD(json), .flag = 1,
      .help = "Print an array of {label, class, outputs} as JSON." },
    { .kind = OPTION_SIZE, .name = "batch", .argument = "N", .offset = FIELD(batch), .low = 1, .high = 1e9,
      .help = "Samples at a time (default: 256)." },
    { .kind = OPTION_COUNT, .name = "threads", .argument = "N", .offset = FIELD(threads), .low = 1,
      .high = 1024,
      .help = "Threads to work with (default: OpenMP's)." },
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of labels, when the file has one: its name, its number from 0, or last (default: "
                  "none). "
                  "It is not given to the model."),
    { .kind = OPTION_END },
};
/* clang-format on */

static int check_settings(const struct predict_settings *settings)
{
    const int forms = (settings->probabilities != 0) + (settings->draw > 0) + (settings->json != 0);
    if (settings->data == NULL) {
        return usage_error("predict: --data is missing; `mlp predict --help` explains it");
    }
    return forms <= 1 ? EXIT_DONE
                      : usage_error("expected one of --probabilities, --draw and --json, got %d", forms);
}

/* The data has the features that the model takes, or the message says what is likely to be wrong. */
static int check_inputs(const struct predict_settings *settings, const mlp_network *network,
                        const struct data_set *set)
{
    const size_t inputs = mlp_network_inputs(network), found = mlp_data_inputs(set->data);
    if (found == inputs) {
        return EXIT_DONE;
    }
    if (set->csv && found == inputs + 1 && !settings->request.label_given) {
        return usage_error("--data: '%s' has %zu columns and the model takes %zu features; if a column holds "
                           "the "
                           "labels, name it with --label, as in --label last",
                           settings->data, found, inputs);
    }
    return work_error("--data: '%s' has %zu features, the model takes %zu", settings->data, found, inputs);
}

/* Labels of a model without class names cannot be matched; they are read as numbers then. */
static int open_data(struct predict_settings *settings, const mlp_network *network, struct data_set *set)
{
    struct data_source source = { .option = "--data", .spec = settings->data, .part = settings->part };
    const char **names;
    int code = network_class_names(network, &names, &source.class_name_count);
    source.class_names = names;
    settings->request.regression = !network_classifies(network);
    if (code == EXIT_DONE) {
        code = data_open(&settings->request, &source, set);
    }
    free(names);
    return code == EXIT_DONE ? check_inputs(settings, network, set) : code;
}

static int run(struct predict_settings *settings, const mlp_network *network)
{
    struct data_set set = { 0 };
    struct prediction prediction = { 0 };
    int code = open_data(settings, network, &set);
    if (code == EXIT_DONE) {
        code = prediction_begin(&prediction, network, set.data, settings->batch, settings->threads);
    }
    if (code == EXIT_DONE) {
        code = settings->draw > 0        ? draw_predictions(settings, &prediction, &set)
               : settings->json          ? print_predictions_json(&prediction)
               : settings->probabilities ? print_probabilities(&prediction)
                                         : print_labels(&prediction);
    }
    prediction_free(&prediction);
    mlp_data_destroy(&set.data);
    return code;
}

static int predict(int argc, char **argv)
{
    struct predict_settings settings = { .request = DATA_REQUEST_INIT, .part = PART_DEFAULT, .batch = 256 };
    mlp_network *network = NULL;
    const char *path;
    int operands;
    int code = parse_options(&predict_command, argc, argv, &settings, &operands);
    if (code == EXIT_DONE) {
        code = check_settings(&settings);
    }
    if (code == EXIT_DONE) {
        code = open_model(&predict_command, argc, argv, operands, &path, &network);
    }
    if (code == EXIT_DONE && settings.probabilities && !network_classifies(network)) {
        code = usage_error("--probabilities: the model '%s' predicts numbers, not classes", path);
    }
    if (code == EXIT_DONE) {
        code = run(&settings, network);
    }
    mlp_network_destroy(&network);
    return code == OPTIONS_HELP ? EXIT_DONE : code;
}

const struct command predict_command = {
    .name = "predict",
    .summary = "print a model's labels or numbers for new data",
    .synopsis = "MODEL --data DATA [OPTION...]",
    .description =
        "Prints one line for each sample: its class (name or number), or for a model of numbers its outputs "
        "separated by commas.",
    .rows = rows,
    .examples = "  mlp predict fashion.safetensors --data new.csv > labels.txt\n"
                "  mlp predict iris.safetensors --data iris.csv --label species --probabilities\n"
                "  mlp predict digits.safetensors --data digits --draw 3\n",
    .run = predict,
};
