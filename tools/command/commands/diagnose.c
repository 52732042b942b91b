/* `mlp diagnose`: sends samples through a model, or a network not yet trained, and tells what is wrong with
 * it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/diagnose.h>

#include "command.h"
#include "reports/diagnose_report.h"
#include "message.h"
#include "options/model_argument.h"
#include "options/number.h"
#include "charts/plot.h"
#include "training/train.h"

enum { DEFAULT_SAMPLES = 256, CHECKED_SAMPLES = 8, CHECKED_ENTRIES = 50 };

struct diagnose_settings {
    struct train_settings train; /* first, for the parsers of data and network options */
    size_t samples;
    double tolerance;
    int check;
    int gradient_check;
    int step; /* an optimizer was chosen */
    const char *plot;
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
    { .kind = OPTION_GROUP, .help = "Options:" },
    { .kind = OPTION_TEXT, .name = "data", .letter = 'd', .argument = "DATA", .offset = FIELD(train.data),
      .help = "Required. " DATA_SPEC_HELP },
    { .kind = OPTION_SIZE, .name = "samples", .argument = "N", .offset = FIELD(samples), .low = 1,
      .high = 1e9,
      .help = "Samples to look at, drawn by the seed (default: 256)." },
    { .kind = OPTION_REAL, .name = "tolerance", .argument = "T", .offset = FIELD(tolerance), .low = 0,
      .high = 1,
      .ends = ENDS_LOW, .help = "Units count as alike when no two of their weights differ by more than T "
                                "times the "
              "layer's largest (default: 0, equal to the bit)." },
    { .kind = OPTION_FLAG, .name = "check", .offset = FIELD(check), .flag = 1,
      .help = "Exit with 1 when anything is found." },
    { .kind = OPTION_FLAG, .name = "gradient-check", .offset = FIELD(gradient_check), .flag = 1,
      .help = "Compare the gradients of at most 8 samples with differences in double, 50 entries of each "
              "tensor; with --check, "
              "exit with 1 when one is wrong." },
    { .kind = OPTION_TEXT, .name = "plot", .argument = "FILE", .offset = FIELD(plot),
      .help = "Draw signal and gradient by layer into this .svg or .png file; needs gnuplot." },
    { .kind = OPTION_PARSED, .name = "optimizer", .argument = "NAME", .parse = parse_step_optimizer,
      .help = "Take a step of this update rule on a copy and tell how far it moves each layer." },
    { .kind = OPTION_PARSED, .name = "learning-rate", .argument = "RATE", .parse = parse_step_rate,
      .help = "Of that step; above 0 (default: the rule's). Alone it means adam." },
    { .kind = OPTION_COUNT, .name = "threads", .argument = "N", .offset = FIELD(train.fit.threads), .low = 1,
      .high = 1024, .help = "Threads to work with (default: OpenMP's)." },
    { .kind = OPTION_FLAG, .name = "json", .offset = FIELD(train.json), .flag = 1, .help = "Print the "
                                                                                           "figures as "
                                                                                           "JSON." },
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last)."),
    { .kind = OPTION_FLAG, .name = "regression", .offset = FIELD(train.request.regression), .flag = 1,
      .help = "The label is a number to predict, not a class." },
    { .kind = OPTION_GROUP, .help = "Network, where no MODEL is given:" },
    { .kind = OPTION_PARSED, .name = "hidden", .argument = "UNITS,...", .parse = parse_hidden,
      .help = "Units of each hidden layer, or none (default: 128)." },
    { .kind = OPTION_PARSED, .name = "activation", .argument = "NAME[:P],...", .parse = parse_activation,
      .help = "Activation of the hidden layers: one for all, or one for each (default: relu)." },
    { .kind = OPTION_PARSED, .name = "init", .argument = "NAME[:A[,B]],...", .parse = parse_init,
      .help = "Initializer of the weights, as for mlp train (default: automatic)." },
    { .kind = OPTION_PARSED, .name = "bias-init", .argument = "NAME[:A[,B]],...", .parse = parse_bias_init,
      .help = "Initializer of the biases (default: zeros)." },
    { .kind = OPTION_PARSED, .name = "data-init", .argument = "METHOD", .parse = parse_data_init,
      .help = "Then fit the start to the data: lsuv or weight-norm, as for mlp train." },
    { .kind = OPTION_SEED, .name = "seed", .argument = "N", .offset = FIELD(train.seed),
      .help = "Of the parameters and of the samples drawn (default: 0)." },
    { .kind = OPTION_END },
};
/* clang-format on */

/* What a diagnosis looks at. */
struct batch {
    size_t count;
    float *x, *values;
    int32_t *labels;
    mlp_targets targets;
};

static int read_batch(const mlp_data *data, struct batch *batch)
{
    const bool classes = mlp_data_class_count(data) > 0;
    batch->count = mlp_data_count(data);
    batch->x = calloc(batch->count * mlp_data_inputs(data), sizeof *batch->x);
    batch->values = calloc(batch->count * mlp_data_outputs(data) + 1, sizeof *batch->values);
    batch->labels = calloc(batch->count, sizeof *batch->labels);
    batch->targets =
        (mlp_targets){ .classes = classes ? batch->labels : NULL, .values = classes ? NULL : batch->values };
    if (batch->x == NULL || batch->values == NULL || batch->labels == NULL) {
        return work_error("out of memory");
    }
    const mlp_status status = mlp_data_read(data, 0, batch->count, batch->x, classes ? batch->labels : NULL,
                                            classes ? NULL : batch->values);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

static void free_batch(struct batch *batch)
{
    free(batch->labels);
    free(batch->values);
    free(batch->x);
}

static int check_gradients(const mlp_network *network, const struct batch *batch,
                           struct gradient_result *result)
{
    mlp_gradient_check_options options = MLP_GRADIENT_CHECK_OPTIONS_INIT;
    options.entries = CHECKED_ENTRIES;
    result->count = 2 * mlp_network_layer_count(network);
    result->samples = batch->count < CHECKED_SAMPLES ? batch->count : CHECKED_SAMPLES;
    result->errors = calloc(result->count, sizeof *result->errors);
    if (result->errors == NULL) {
        return work_error("out of memory");
    }
    const mlp_status status = mlp_gradient_check(network, batch->x, &batch->targets, result->samples,
                                                 &options, result->errors, &result->passed);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

static int tell(const struct diagnose_settings *settings, const mlp_network *network,
                const mlp_diagnosis *diagnosis, size_t samples, const struct gradient_result *gradients)
{
    int code = EXIT_DONE;
    if (settings->train.json) {
        code = print_diagnosis_json(network, diagnosis, samples, gradients);
    } else {
        print_diagnosis(network, diagnosis);
        if (gradients != NULL) {
            print_gradients(gradients);
        }
    }
    if (code == EXIT_DONE && settings->plot != NULL) {
        code = plot_diagnosis(settings->plot, network, diagnosis);
    }
    const bool found = mlp_diagnosis_findings(diagnosis) != 0 || (gradients != NULL && !gradients->passed);
    return code == EXIT_DONE && settings->check && found ? EXIT_WORK : code;
}

static int diagnose_samples(const struct diagnose_settings *settings, const mlp_network *network,
                            const mlp_data *data)
{
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    mlp_diagnosis *diagnosis = NULL;
    struct gradient_result gradients = { 0 };
    struct batch batch = { 0 };
    int code = read_batch(data, &batch);
    options.threads = settings->train.fit.threads;
    options.symmetry_tolerance = settings->tolerance;
    options.step = settings->step ? &settings->train.optimizer : NULL;
    if (code == EXIT_DONE &&
        mlp_diagnose(network, batch.x, &batch.targets, batch.count, &options, &diagnosis) != MLP_OK) {
        code = work_error("%s", mlp_last_error());
    }
    if (code == EXIT_DONE && settings->gradient_check) {
        code = check_gradients(network, &batch, &gradients);
    }
    if (code == EXIT_DONE) {
        code = tell(settings, network, diagnosis, batch.count, settings->gradient_check ? &gradients : NULL);
    }
    free(gradients.errors);
    mlp_diagnosis_destroy(&diagnosis);
    free_batch(&batch);
    return code;
}

/* So many samples, drawn by the seed. */
static int draw_and_diagnose(const struct diagnose_settings *settings, const mlp_network *network,
                             const mlp_data *data)
{
    const size_t count = mlp_data_count(data);
    mlp_data *rest = NULL, *drawn = NULL;
    if (settings->samples >= count) {
        return diagnose_samples(settings, network, data);
    }
    if (mlp_data_split(data, (double)settings->samples / (double)count, settings->train.seed, &rest,
                       &drawn) != MLP_OK) {
        return work_error("%s", mlp_last_error());
    }
    const int code = diagnose_samples(settings, network, drawn);
    mlp_data_destroy(&rest);
    mlp_data_destroy(&drawn);
    return code;
}

static int diagnose_model(struct diagnose_settings *settings, int argc, char **argv, int operands)
{
    struct data_set set = { 0 };
    struct data_source source = {
        .option = "--data", .spec = settings->train.data, .part = PART_DEFAULT, .label_needed = true
    };
    const char *path, **names = NULL;
    mlp_network *network = NULL;
    int code = open_model(&diagnose_command, argc, argv, operands, &path, &network);
    if (code == EXIT_DONE) {
        settings->train.request.regression = !network_classifies(network);
        code = network_class_names(network, &names, &source.class_name_count);
        source.class_names = names;
    }
    if (code == EXIT_DONE) {
        code = data_open(&settings->train.request, &source, &set);
    }
    if (code == EXIT_DONE && mlp_data_inputs(set.data) != mlp_network_inputs(network)) {
        code = work_error("--data: '%s' has %zu features, the model has %zu inputs", settings->train.data,
                          mlp_data_inputs(set.data), mlp_network_inputs(network));
    }
    if (code == EXIT_DONE) {
        code = draw_and_diagnose(settings, network, set.data);
    }
    mlp_data_destroy(&set.data);
    mlp_network_destroy(&network);
    free(names);
    return code;
}

static int diagnose_new(struct diagnose_settings *settings)
{
    struct train_data data = { 0 };
    mlp_network *network = NULL;
    settings->train.network.options.seed = settings->train.seed;
    int code = train_data_open(&settings->train, &data);
    if (code == EXIT_DONE) {
        code = train_network_make(&settings->train, &data, &network);
    }
    if (code == EXIT_DONE) {
        code = draw_and_diagnose(settings, network, data.train);
    }
    mlp_network_destroy(&network);
    train_data_free(&data);
    return code;
}

static int check_plot(const char *path)
{
    if (!plot_file_name(path)) {
        return usage_error("--plot: expected a file name that ends in .svg or .png, got '%s'", path);
    }
    return plot_possible()
               ? EXIT_DONE
               : work_error("--plot: gnuplot is not installed; on Debian it is in the package gnuplot-nox");
}

static int diagnose(int argc, char **argv)
{
    struct diagnose_settings settings = { .samples = DEFAULT_SAMPLES };
    int operands;
    int code = train_settings_default(&settings.train);
    if (code == EXIT_DONE) {
        code = parse_options(&diagnose_command, argc, argv, &settings, &operands);
    }
    if (code == EXIT_DONE && settings.train.data == NULL) {
        code = usage_error("diagnose: --data is missing; `mlp diagnose --help` explains it");
    }
    if (code == EXIT_DONE && settings.plot != NULL) {
        code = check_plot(settings.plot);
    }
    if (code == EXIT_DONE) {
        code = operands > 0 ? diagnose_model(&settings, argc, argv, operands) : diagnose_new(&settings);
    }
    network_settings_free(&settings.train.network);
    return code == OPTIONS_HELP ? EXIT_DONE : code;
}

const struct command diagnose_command = {
    .name = "diagnose",
    .summary = "tell what is wrong with a model, or with a start",
    .synopsis = "[MODEL] --data DATA [OPTION...]",
    .description =
        "Sends samples forward and backward through a model, or through a network as --hidden, "
        "--activation and --init would start it, and prints layer by layer how signal and gradient grow, "
        "beside what mean-field theory expects. Then the verdict: vanishing, exploding, dead, saturated, "
        "symmetric, non-finite or healthy, with the layers and, where the theory knows one, a remedy.",
    .rows = rows,
    .examples = "  mlp diagnose --data digits --hidden 64,64,64,64,64,64 --activation sigmoid \\\n"
                "      --plot sigmoid.svg\n"
                "  mlp diagnose --data digits --hidden 64,64,64,64 --init normal:1\n"
                "  mlp diagnose digits.safetensors --data digits --check\n",
    .run = diagnose,
};
