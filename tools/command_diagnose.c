/* `mlp diagnose`: sends samples through a model, or a network not yet trained, and tells what is wrong with it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/diagnose.h>

#include "command.h"
#include "json_output.h"
#include "message.h"
#include "model_argument.h"
#include "train.h"

enum { DEFAULT_SAMPLES = 256 };

struct diagnose_settings {
    struct train_settings train; /* first, for the parsers of data and network options */
    size_t samples;
    double tolerance;
    int check;
};

#define FIELD(member) offsetof(struct diagnose_settings, member)

static const struct option_row rows[] = {
    { .kind = OPTION_GROUP, .help = "Options:" },
    { .kind = OPTION_TEXT, .name = "data", .letter = 'd', .argument = "DATA", .offset = FIELD(train.data),
      .help = "Required. " DATA_SPEC_HELP },
    { .kind = OPTION_SIZE, .name = "samples", .argument = "N", .offset = FIELD(samples), .low = 1, .high = 1e9,
      .help = "Samples to look at, drawn by the seed (default: 256)." },
    { .kind = OPTION_REAL, .name = "tolerance", .argument = "T", .offset = FIELD(tolerance), .low = 0, .high = 1,
      .ends = ENDS_LOW, .help = "Units count as alike when no two of their weights differ by more than T times the "
              "layer's largest (default: 0, equal to the bit)." },
    { .kind = OPTION_FLAG, .name = "check", .offset = FIELD(check), .flag = 1,
      .help = "Exit with 1 when anything is found." },
    { .kind = OPTION_COUNT, .name = "threads", .argument = "N", .offset = FIELD(train.fit.threads), .low = 1,
      .high = 1024, .help = "Threads to work with (default: OpenMP's)." },
    { .kind = OPTION_FLAG, .name = "json", .offset = FIELD(train.json), .flag = 1, .help = "Print the figures as JSON." },
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

/* ---- what is printed ------------------------------------------------------------------------------------------- */

static double off_share(const mlp_signal *s, size_t units)
{
    return s->saturated > 0.0 ? s->saturated : (double)s->dead / (double)units;
}

static void print_figure(double value, int width)
{
    if (isnan(value)) {
        printf(" %*s", width, "-");
    } else {
        printf(" %*.3g", width, value);
    }
}

static void print_table(const mlp_network *network, const mlp_diagnosis *diagnosis)
{
    printf("layer  units activation      rms Z  forth theory    rms dZ   back theory    off\n");
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        mlp_layer layer;
        mlp_signal s;
        mlp_network_layer(network, l, &layer);
        mlp_diagnosis_layer(diagnosis, l, &s);
        printf("%5zu %6zu %-11.11s", l, layer.units, mlp_activation_name(layer.activation));
        print_figure(sqrt(s.z.mean_square), 9);
        print_figure(s.forward_growth, 6);
        print_figure(s.predicted_forward, 6);
        print_figure(sqrt(s.dz.mean_square), 9);
        print_figure(s.backward_growth, 6);
        print_figure(s.predicted_backward, 6);
        printf(" %4.0f %%\n", 100.0 * off_share(&s, layer.units));
    }
    printf("\nforth: rms Z by the layer below's; back: ||dZ|| by that of the layer above;\n"
           "theory: what mean field expects of them; off: share where the activation is\n"
           "flat.\n\n");
}

/* One line of the library's text after the other. */
static void print_verdict(const char *text)
{
    while (*text != '\0') {
        char line[4096];
        const size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        print_wrapped(stdout, line, 0, 2);
        text += length + (text[length] == '\n');
    }
}

static json_t *json_moments(const mlp_moments *m)
{
    return json_pack("{s:o, s:o, s:o}", "mean", json_figure(m->mean), "variance", json_figure(m->variance),
                     "mean_square", json_figure(m->mean_square));
}

static json_t *json_findings(unsigned findings)
{
    json_t *names = json_array();
    for (size_t i = 1; i < mlp_finding_count(); i++) {
        if ((findings & 1u << i) != 0) {
            json_array_append_new(names, json_string(mlp_finding_name((mlp_finding)i)));
        }
    }
    return names;
}

static json_t *json_layer(const mlp_network *network, const mlp_diagnosis *diagnosis, size_t l)
{
    mlp_layer layer;
    mlp_signal s;
    mlp_network_layer(network, l, &layer);
    mlp_diagnosis_layer(diagnosis, l, &s);
    const struct {
        const char *key;
        double value;
    } figures[] = {
        { "weight_norm", s.weight_norm }, { "weight_gradient_norm", s.weight_gradient_norm },
        { "bias_gradient_norm", s.bias_gradient_norm }, { "gradient_ratio", s.gradient_ratio },
        { "sample_norm", s.sample_norm }, { "sample_norm_deviation", s.sample_norm_deviation },
        { "cosine", s.cosine }, { "zeros", s.zeros }, { "saturated", s.saturated },
        { "saturated_units", (double)s.saturated_units }, { "dead", (double)s.dead },
        { "symmetric", (double)s.symmetric }, { "forward_growth", s.forward_growth },
        { "backward_growth", s.backward_growth }, { "predicted_forward", s.predicted_forward },
        { "predicted_backward", s.predicted_backward }, { "q", s.q }, { "chi", s.chi }, { "depth", s.depth },
    };
    json_t *object = json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "layer", json_count(l), "units",
                               json_count(layer.units), "activation", mlp_activation_name(layer.activation), "init",
                               mlp_init_name(layer.init), "z", json_moments(&s.z), "a", json_moments(&s.a), "da",
                               json_moments(&s.da), "dz", json_moments(&s.dz), "findings", json_findings(s.findings));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        json_object_set_new(object, figures[i].key, json_figure(figures[i].value));
    }
    return object;
}

static int print_diagnosis_json(const mlp_network *network, const mlp_diagnosis *diagnosis, size_t samples)
{
    json_t *layers = json_array();
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        json_array_append_new(layers, json_layer(network, diagnosis, l));
    }
    return print_json(json_pack("{s:o, s:o, s:o, s:o, s:o}", "samples", json_count(samples), "loss",
                                json_figure(mlp_diagnosis_loss(diagnosis)), "findings",
                                json_findings(mlp_diagnosis_findings(diagnosis)), "verdict",
                                json_text(mlp_diagnosis_text(diagnosis)), "layers", layers));
}

/* ---- what is done ---------------------------------------------------------------------------------------------- */

static int diagnose_samples(const struct diagnose_settings *settings, const mlp_network *network, const mlp_data *data)
{
    const size_t count = mlp_data_count(data), outputs = mlp_data_outputs(data);
    const bool classes = mlp_data_class_count(data) > 0;
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    mlp_diagnosis *diagnosis = NULL;
    float *x = calloc(count * mlp_data_inputs(data), sizeof *x), *values = calloc(count * outputs + 1, sizeof *values);
    int32_t *labels = calloc(count, sizeof *labels);
    const mlp_targets targets = { .classes = classes ? labels : NULL, .values = classes ? NULL : values };
    int code = x != NULL && values != NULL && labels != NULL ? EXIT_DONE : work_error("out of memory");
    options.threads = settings->train.fit.threads;
    options.symmetry_tolerance = settings->tolerance;
    if (code == EXIT_DONE &&
        (mlp_data_read(data, 0, count, x, classes ? labels : NULL, classes ? NULL : values) != MLP_OK ||
         mlp_diagnose(network, x, &targets, count, &options, &diagnosis) != MLP_OK)) {
        code = work_error("%s", mlp_last_error());
    }
    if (code == EXIT_DONE && settings->train.json) {
        code = print_diagnosis_json(network, diagnosis, count);
    } else if (code == EXIT_DONE) {
        print_table(network, diagnosis);
        print_verdict(mlp_diagnosis_text(diagnosis));
    }
    if (code == EXIT_DONE && settings->check && mlp_diagnosis_findings(diagnosis) != 0) {
        code = EXIT_WORK;
    }
    mlp_diagnosis_destroy(&diagnosis);
    free(labels);
    free(values);
    free(x);
    return code;
}

/* So many samples, drawn by the seed. */
static int draw_and_diagnose(const struct diagnose_settings *settings, const mlp_network *network, const mlp_data *data)
{
    const size_t count = mlp_data_count(data);
    mlp_data *rest = NULL, *drawn = NULL;
    if (settings->samples >= count) {
        return diagnose_samples(settings, network, data);
    }
    if (mlp_data_split(data, (double)settings->samples / (double)count, settings->train.seed, &rest, &drawn) != MLP_OK) {
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
    struct data_source source = { .option = "--data", .spec = settings->train.data, .part = PART_DEFAULT,
                                  .label_needed = true };
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
    .description = "Sends samples forward and backward through a model, or through a network as --hidden, "
                   "--activation and --init would start it, and prints layer by layer how signal and gradient grow, "
                   "beside what mean-field theory expects. Then the verdict: vanishing, exploding, dead, saturated, "
                   "symmetric, non-finite or healthy, with the layers and, where the theory knows one, a remedy.",
    .rows = rows,
    .examples = "  mlp diagnose --data digits --hidden 64,64,64,64,64,64 --activation sigmoid\n"
                "  mlp diagnose --data digits --hidden 64,64,64,64 --init normal:1\n"
                "  mlp diagnose digits.safetensors --data digits --check\n",
    .run = diagnose,
};
