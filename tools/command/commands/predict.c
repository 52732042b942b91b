/* `mlp predict`: runs a model on data and prints what it says. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options/data_argument.h"
#include "options/model_argument.h"
#include "reports/output_file.h"
#include "reports/predict.h"

#define FIELD(member) offsetof(struct predict_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    TEXT("data", "DATA", data, "Required. " DATA_SPEC_HELP, .letter = 'd'),
    DATA_PART_ROW,
    FLAG("probabilities", probabilities, 1,
        "Print CSV with a header: the label and the probability of every class.", .letter = 'p'),
    FLAG("csv", csv, 1, "Print CSV with a header, also where there is but one column. It is what is printed "
        "where the table has a column of ids (mlp train --id)."),
    FLAG("append", append, 1, "Print CSV with a header: the table's own columns, and the predictions behind "
        "them."),
    TEXT("output", "FILE", output, "Write to this file; -: to standard output, as without the option.",
        .flag = TAKES_DASH,
        .letter = 'o'),
    SIZE("draw", "N", draw, 1, 1e18, "Draw the first N samples as text instead, with the predicted label "
        "and, where it is known, the true one. For square pictures."),
    FLAG("json", json, 1, "Print an array of {label, class, outputs} as JSON."),
    SIZE("batch", "N", batch, 1, 1e9, "Samples at a time (default: 256)."),
    COUNT("threads", "N", threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of labels, when the file has one: its name, its number from 0, or last (default: "
        "none, or that of the model's table). It is not given to the model, whatever it holds."),
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

static int print(struct predict_settings *s)
{
    if (s->draw > 0) {
        return draw_predictions(s);
    }
    return s->json ? print_predictions_json(s) : print_predictions(s);
}

/* To standard output, or to a file that is not the data's. */
static int print_to_output(struct predict_settings *s)
{
    s->stream = stdout;
    s->output = s->output != NULL && strcmp(s->output, "-") == 0 ? NULL : s->output;
    if (s->output == NULL) {
        return print(s);
    }
    char *files[2];
    data_files(s->data, files);
    const struct file_use uses[] = { { "--data", files[0], false }, { "--output", s->output, true } };
    int code = check_distinct(uses, 2);
    free(files[0]);
    free(files[1]);
    TRY(code);
    TRY(open_table("--output", s->output, &s->stream));
    TRY(begin_table("--output", s->output, s->stream));
    code = print(s);
    const int closed = end_table("--output", s->output, s->stream);
    return code == EXIT_DONE ? closed : code;
}

/* What can be said before the work begins. */
static int check(const struct predict_settings *s)
{
    const int forms = (s->probabilities || s->csv || s->append) + (s->draw > 0) + (s->json != 0);
    FAIL_IF(s->data == NULL, usage_error("predict: --data is missing; `mlp predict --help` explains it"));
    FAIL_IF(forms > 1, usage_error("expected one of --probabilities (or --csv, --append), --draw and --json, "
                                   "got %d",
                                   forms));
    return EXIT_DONE;
}

/* What the model allows. */
static int check_model(const struct predict_settings *s, const char *model)
{
    const mlp_schema *schema = mlp_network_schema(s->network);
    FAIL_IF(s->probabilities && !network_classifies(s->network) && !network_predicts_flags(s->network),
            usage_error("--probabilities: the model '%s' predicts numbers, not classes", model));
    FAIL_IF(s->append && schema == NULL,
            usage_error("--append: the model '%s' was not trained on a table, and knows no columns", model));
    return EXIT_DONE;
}

static int run(void *settings, int operands, char **operand)
{
    struct predict_settings *s = settings;
    TRY(check(s));
    TRY(open_model(&predict_command, operands, operand, &s->network));
    TRY(check_model(s, operand[0]));
    TRY(open_data_of_model(&s->request,
                           (struct data_source){ .option = "--data",
                                                 .spec = s->data,
                                                 .part = s->request.part,
                                                 .labels_unread = s->draw == 0,
                                                 .keeps_lines = s->append != 0 },
                           s->network, &s->set));
    FAIL_IF(s->append && mlp_data_line_header(s->set.data) == NULL,
            usage_error("--append: is for tables, and --data is '%s'", s->data));
    TRY(check_inputs(s));
    TRY(prediction_begin(&s->prediction, s->network, s->set.data, s->batch, s->threads));
    return print_to_output(s);
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
                   "its outputs separated by commas; of flags 1 or 0. With the ids of a table, and with "
                   "--probabilities, --csv and --append, CSV with a header.",
    .rows = rows,
    .examples = "  mlp predict fashion.safetensors --data new.csv > labels.txt\n"
                "  mlp predict iris.safetensors --data iris.csv --label species --probabilities\n"
                "  mlp predict income.safetensors --data - --append < people.csv > predicted.csv\n"
                "  mlp predict digits.safetensors --data digits --draw 3\n",
    .settings_size = sizeof(struct predict_settings),
    .prepare = prepare,
    .run = run,
    .release = release,
};
