/* `mlp diagnose`: sends samples through a model, or a network not yet trained, and reports what is wrong with
 * it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/diagnose.h>

#include "command.h"
#include "reports/diagnose_report.h"
#include "options/model_argument.h"
#include "options/number.h"
#include "charts/chart_title.h"
#include "charts/plot.h"
#include "reports/output_file.h"
#include "reports/warnings.h"
#include "training/sample_batch.h"
#include "training/train.h"

enum { DEFAULT_SAMPLES = 256, CHECKED_SAMPLES = 8, CHECKED_ENTRIES = 50 };

struct diagnose_settings {
    struct train_settings train; /* first, for the parsers of data and network options */
    size_t samples;              /* 0: DEFAULT_SAMPLES */
    size_t first;                /* samples from the beginning, in place of drawn ones; 0: none */
    double tolerance;
    int check;
    int gradient_check;
    int step; /* an optimizer was chosen */
    const char *plot;
    /* what is looked at */
    const char *model; /* NULL: a start */
    struct train_data data;
    mlp_network *network;
    struct sample_batch batch;
    /* what was found */
    mlp_diagnosis *diagnosis;
    struct gradient_result gradients;
};

#define FIELD(member) offsetof(struct diagnose_settings, member)

static int parse_step_optimizer(const char *text, void *settings)
{
    ((struct diagnose_settings *)settings)->step = 1;
    return parse_optimizer(text, settings);
}

static int parse_step_rate(const char *text, void *settings)
{
    struct diagnose_settings *diagnose = settings;
    diagnose->step = 1;
    return parse_real(text, &diagnose->train.optimizer.learning_rate) &&
                   diagnose->train.optimizer.learning_rate > 0.0
               ? EXIT_DONE
               : usage_error("--learning-rate: expected a number above 0, got '%s'", text);
}

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    TEXT("data", "DATA", train.data, "Required. " DATA_SPEC_HELP, .letter = 'd'),
    SIZE("samples", "N", samples, 1, 1e9, "Samples to look at, drawn by the seed (default: 256)."),
    SIZE("first", "N", first, 1, 1e9, "The first N samples in the order of the data, instead."),
    SEED("seed", "N", train.seed, "Of initial parameters and of the samples drawn (default: 0)."),
    REAL("tolerance", "T", tolerance, 0, 1, ENDS_LOW, "Units count as alike when no two of their weights "
        "differ by more than T times the layer's largest (default: 0, equal to the bit)."),
    FLAG("check", check, 1, "Exit with 1 when anything is found."),
    FLAG("gradient-check", gradient_check, 1, "Compare the gradients of at most 8 samples with differences "
        "in double, 50 entries of each tensor; with --check, exit with 1 when one is wrong."),
    TEXT("plot", "FILE", plot,
        "Draw signal and gradient by layer into this .svg or .png file; needs gnuplot."),
    PARSED("optimizer", "NAME", parse_step_optimizer,
        "Take a step of this update rule on a copy and tell how far it moves each layer."),
    PARSED("learning-rate", "RATE", parse_step_rate,
        "Of that step; above 0 (default: the rule's). Alone it means adam."),
    COUNT("threads", "N", train.fit.threads, 1, 1024, "Threads to work with (default: OpenMP's)."),
    FLAG("json", train.json, 1, "Print the figures as JSON."),
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last)."),
    DATA_SCHEMA_ROWS,
    FLAG("regression", train.request.regression, 1, "The label is a number to predict, not a class."),
    GROUP("Network, where no MODEL is given:"),
    FLAG("standardize", train.standardize, 1, "Give every feature mean 0 and deviation 1 (default for CSV "
        "files).", .note = OF_A_MODEL),
    FLAG("no-standardize", train.standardize, 0, "Leave the features as they are.", .note = OF_A_MODEL),
#undef FIELD
#define FIELD(member) offsetof(struct train_settings, member)
#include "options/network_rows.h"
    { .kind = OPTION_END },
};
/* clang-format on */

static int check_gradients(struct diagnose_settings *s)
{
    struct gradient_result *result = &s->gradients;
    mlp_gradient_check_options options = MLP_GRADIENT_CHECK_OPTIONS_INIT;
    options.entries = CHECKED_ENTRIES;
    result->count = 2 * mlp_network_layer_count(s->network);
    result->samples = s->batch.count < CHECKED_SAMPLES ? s->batch.count : CHECKED_SAMPLES;
    result->errors = calloc(result->count, sizeof *result->errors);
    TRY(result->errors != NULL ? EXIT_DONE : out_of_memory());
    return work_code(mlp_gradient_check(s->network, s->batch.x, &s->batch.targets, result->samples, &options,
                                        result->errors, &result->passed));
}

static int report(const struct diagnose_settings *s)
{
    const struct gradient_result *gradients = s->gradient_check ? &s->gradients : NULL;
    if (s->train.json) {
        TRY(print_diagnosis_json(s->network, s->diagnosis, s->batch.count, gradients));
    } else {
        print_diagnosis(s->network, s->diagnosis);
        if (gradients != NULL) {
            print_gradients(gradients);
        }
    }
    if (s->plot != NULL) {
        char title[CHART_TITLE];
        struct canvas canvas = { .path = s->plot, .title = title };
        chart_title("diagnosis", s->model, s->network, s->train.data, title);
        TRY(plot_diagnosis(&canvas, s->network, s->diagnosis));
    }
    const bool found = mlp_diagnosis_findings(s->diagnosis) != 0 || (gradients != NULL && !gradients->passed);
    return s->check && found ? EXIT_WORK : EXIT_DONE;
}

static int diagnose(struct diagnose_settings *s, const mlp_data *data)
{
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    options.threads = s->train.fit.threads;
    options.symmetry_tolerance = s->tolerance;
    options.step = s->step ? &s->train.optimizer : NULL;
    TRY(s->first > 0 ? sample_batch_first(&s->batch, s->network, data, s->first)
                     : sample_batch_draw(&s->batch, s->network, data,
                                         s->samples > 0 ? s->samples : DEFAULT_SAMPLES, s->train.seed));
    TRY(work_code(
        mlp_diagnose(s->network, s->batch.x, &s->batch.targets, s->batch.count, &options, &s->diagnosis)));
    if (s->gradient_check) {
        TRY(check_gradients(s));
    }
    return report(s);
}

static int diagnose_model(struct diagnose_settings *s, int operands, char **operand)
{
    const struct data_source source = { .option = "--data", .spec = s->train.data, .label_needed = true };
    FAIL_IF(s->train.option_of_model != NULL, usage_error("--%s: cannot be given with '%s', a model with "
                                                          "layers, loss and standardization of its own",
                                                          s->train.option_of_model, operand[0]));
    TRY(open_model(&diagnose_command, operands, operand, &s->network));
    s->model = operand[0];
    TRY(open_data_of_model(&s->train.request, source, s->network, &s->data.set));
    FAIL_IF(mlp_data_inputs(s->data.set.data) != mlp_network_inputs(s->network),
            work_error("--data: '%s' has %zu features, the model has %zu inputs", s->train.data,
                       mlp_data_inputs(s->data.set.data), mlp_network_inputs(s->network)));
    TRY(warn_of_baseline(s->train.data, s->network, s->data.set.data, NULL, s->train.fit.threads));
    return diagnose(s, s->data.set.data);
}

static int run(void *settings, int operands, char **operand)
{
    struct diagnose_settings *s = settings;
    FAIL_IF(s->train.data == NULL,
            usage_error("diagnose: --data is missing; `mlp diagnose --help` explains it"));
    FAIL_IF(s->samples > 0 && s->first > 0, usage_error("--first: cannot be given with --samples"));
    if (s->plot != NULL) {
        TRY(plot_check_name("--plot", s->plot));
        TRY(plot_check_gnuplot("--plot"));
        const struct file_use uses[] = { { "--data", s->train.data, false },
                                         { "the model", operands > 0 ? operand[0] : NULL, false },
                                         { "--plot", s->plot, true } };
        TRY(check_distinct(uses, sizeof uses / sizeof uses[0]));
    }
    if (operands > 0) {
        return diagnose_model(s, operands, operand);
    }
    s->train.network.options.seed = s->train.seed;
    TRY(train_data_open(&s->train, &s->data));
    TRY(train_network_make(&s->train, &s->data, &s->network));
    return diagnose(s, s->data.train);
}

static void release(void *settings)
{
    struct diagnose_settings *s = settings;
    free(s->gradients.errors);
    mlp_diagnosis_destroy(&s->diagnosis);
    sample_batch_free(&s->batch);
    mlp_network_destroy(&s->network);
    train_data_free(&s->data);
    train_settings_free(&s->train);
}

const struct command diagnose_command = {
    .name = "diagnose",
    .summary = "find what is wrong with a model, or with a start",
    .synopsis = "[MODEL] --data DATA [OPTION...]",
    .description =
        "Sends samples forward and backward through a model, or through a network as --hidden, --activation "
        "and --init would start it, and prints layer by layer how signal and gradient grow, beside what "
        "mean-field theory expects. Then the verdict: vanishing, exploding, dead, saturated, symmetric, "
        "non-finite or healthy, with the layers and, where the theory knows one, a remedy. Gradients are "
        "those of the loss, with its reduction, and of the samples' weights.",
    .rows = rows,
    .examples = "  mlp diagnose --data digits --hidden 64,64,64,64,64,64 --activation sigmoid \\\n"
                "      --plot sigmoid.svg\n"
                "  mlp diagnose --data digits --hidden 64,64,64,64 --init normal:1\n"
                "  mlp diagnose digits.safetensors --data digits --check\n",
    .settings_size = sizeof(struct diagnose_settings),
    .prepare = train_settings_default,
    .run = run,
    .release = release,
};
