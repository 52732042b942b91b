/* `mlp predict`: runs a model on data and prints what it says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options/data_argument.h"
#include "options/model_argument.h"
#include "reports/predict.h"

#define FIELD(member) offsetof(struct predict_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    TEXT("data", "DATA", data, "Required. " DATA_SPEC_HELP, .letter = 'd'),
    DATA_PART_ROW,
    FLAG("probabilities", probabilities, 1,
        "Print CSV with a header: the label and the probability of every class.", .letter = 'p'),
    SIZE("draw", "N", draw, 1, 1e18, "Draw the first N samples as text instead, with the predicted label "
        "and, where it is known, the true one. For square pictures."),
    FLAG("json", json, 1, "Print an array of {label, class, outputs} as JSON."),
    SIZE("batch", "N", batch, 1, 1e9, "Samples at a time (default: 256)."),
    COUNT("threads", "N", threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of labels, when the file has one: its name, its number from 0, or last (default: "
        "none). It is not given to the model."),
    { .kind = OPTION_END },
};
/* clang-format on */

/* The data has the features that the model takes, or the message says what is likely to be wrong. */
static int check_inputs(const struct predict_settings *s)
{
    const size_t inputs = mlp_network_inputs(s->network), found = mlp_data_inputs(s->set.data);
    if (found == inputs) {
        return EXIT_DONE;
    }
    FAIL_IF(s->set.csv && found == inputs + 1 && !s->request.label_given,
            usage_error("--data: '%s' has %zu columns and the model takes %zu features; if a column holds "
                        "the labels, name it with --label, as in --label last",
                        s->data, found, inputs));
    return work_error("--data: '%s' has %zu features, the model takes %zu", s->data, found, inputs);
}

static int run(void *settings, int operands, char **operand)
{
    struct predict_settings *s = settings;
    const int forms = (s->probabilities != 0) + (s->draw > 0) + (s->json != 0);
    FAIL_IF(s->data == NULL, usage_error("predict: --data is missing; `mlp predict --help` explains it"));
    FAIL_IF(forms > 1, usage_error("expected one of --probabilities, --draw and --json, got %d", forms));
    TRY(open_model(&predict_command, operands, operand, &s->network));
    FAIL_IF(s->probabilities && !network_classifies(s->network),
            usage_error("--probabilities: the model '%s' predicts numbers, not classes", operand[0]));
    TRY(open_data_of_model(&s->request,
                           (struct data_source){
                               .option = "--data", .spec = s->data, .part = s->request.part },
                           s->network, &s->set));
    TRY(check_inputs(s));
    TRY(prediction_begin(&s->prediction, s->network, s->set.data, s->batch, s->threads));
    if (s->draw > 0) {
        return draw_predictions(s);
    }
    if (s->json) {
        return print_predictions_json(&s->prediction);
    }
    return s->probabilities ? print_probabilities(&s->prediction) : print_labels(&s->prediction);
}

static int prepare(void *settings)
{
    ((struct predict_settings *)settings)->batch = 256;
    return data_request_default(settings);
}

static void release(void *settings)
{
    struct predict_settings *s = settings;
    prediction_free(&s->prediction);
    mlp_data_destroy(&s->set.data);
    mlp_network_destroy(&s->network);
}

const struct command predict_command = {
    .name = "predict",
    .summary = "print a model's labels or numbers for new data",
    .synopsis = "MODEL --data DATA [OPTION...]",
    .description = "Prints one line for each sample: its class (name or number), or for a model of numbers "
                   "its outputs separated by commas.",
    .rows = rows,
    .examples = "  mlp predict fashion.safetensors --data new.csv > labels.txt\n"
                "  mlp predict iris.safetensors --data iris.csv --label species --probabilities\n"
                "  mlp predict digits.safetensors --data digits --draw 3\n",
    .settings_size = sizeof(struct predict_settings),
    .prepare = prepare,
    .run = run,
    .release = release,
};
