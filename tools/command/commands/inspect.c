/* `mlp inspect`: what is in a model's file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "reports/json_output.h"
#include "options/model_argument.h"

struct inspect_settings {
    int json, settings;
    mlp_network *network;
};

/* Figures of a layer's parameters. */
struct layer_figures {
    mlp_layer layer;
    mlp_init_summary init;
    size_t inputs, parameters;
    double norm, mean, deviation; /* of the weights: Frobenius norm, mean, standard deviation */
    double bias_norm;
};

#define FIELD(member) offsetof(struct inspect_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    FLAG("json", json, 1, "Print it as JSON."),
    FLAG("settings", settings, 1,
        "Print the settings that the model was trained with, as a file for mlp train --config."),
    { .kind = OPTION_END },
};
/* clang-format on */

static void measure_matrix(const mlp_const_matrix *matrix, double *norm, double *mean, double *deviation)
{
    const double count = (double)matrix->rows * (double)matrix->columns;
    double sum = 0.0, squares = 0.0, around = 0.0;
    for (size_t j = 0; j < matrix->columns; j++) {
        for (size_t i = 0; i < matrix->rows; i++) {
            const double value = (double)matrix->data[i + j * matrix->leading_dimension];
            sum += value;
            squares += value * value;
        }
    }
    *mean = sum / count;
    *norm = sqrt(squares);
    for (size_t j = 0; j < matrix->columns; j++) {
        for (size_t i = 0; i < matrix->rows; i++) {
            const double difference = (double)matrix->data[i + j * matrix->leading_dimension] - *mean;
            around += difference * difference;
        }
    }
    *deviation = sqrt(around / count);
}

static int measure_layer(const mlp_network *network, size_t l, struct layer_figures *figures)
{
    mlp_const_matrix weights, bias;
    double unused[2];
    mlp_status status = mlp_network_layer(network, l, &figures->layer);
    status = status == MLP_OK ? mlp_network_init_summary(network, l, &figures->init) : status;
    status = status == MLP_OK ? mlp_network_weights(network, l, &weights) : status;
    status = status == MLP_OK ? mlp_network_bias(network, l, &bias) : status;
    TRY(work_code(status));
    figures->inputs = weights.columns;
    figures->parameters = weights.rows * (weights.columns + 1);
    measure_matrix(&weights, &figures->norm, &figures->mean, &figures->deviation);
    measure_matrix(&bias, &figures->bias_norm, &unused[0], &unused[1]);
    return EXIT_DONE;
}

static void format_fan(double fan, char text[24])
{
    snprintf(text, 24, fan > 0.0 ? "%.6g" : "-", fan);
}

/* What mean field makes of the draws: the start, not the weights as they are now. */
static void print_fields(const mlp_network *network)
{
    printf("\n%5s %12s %12s %12s %12s %12s\n", "layer", "exact gain", "sigma_w^2", "q*", "chi_1",
           "depth scale");
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        mlp_init_summary s;
        if (mlp_network_init_summary(network, l, &s) == MLP_OK) {
            printf("%5zu %12.5g %12.5g %12.5g %12.5g %12.5g\n", l, s.exact_gain, s.weight_variance, s.q,
                   s.chi, s.depth);
        }
    }
}

static int print_layers(const mlp_network *network)
{
    printf("\n%5s %7s  %-13s %-18s %8s %8s %8s\n", "layer", "units", "activation", "initializer", "fan",
           "gain", "sigma");
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        struct layer_figures figures;
        char fan[24];
        if (measure_layer(network, l, &figures) != EXIT_DONE) {
            return EXIT_WORK;
        }
        format_fan(figures.init.fan, fan);
        printf("%5zu %7zu  %-13s %-18s %8s %8.4g %8.4g\n", l, figures.layer.units,
               mlp_activation_name(figures.layer.activation), mlp_init_name(figures.init.init), fan,
               figures.init.gain, figures.init.deviation);
    }
    print_fields(network);
    printf("\n%5s %12s %12s %12s %12s %12s\n", "layer", "parameters", "|W|", "mean W", "deviation W", "|b|");
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        struct layer_figures figures;
        if (measure_layer(network, l, &figures) != EXIT_DONE) {
            return EXIT_WORK;
        }
        printf("%5zu %12zu %12.5g %12.4g %12.4g %12.5g\n", l, figures.parameters, figures.norm, figures.mean,
               figures.deviation, figures.bias_norm);
    }
    return EXIT_DONE;
}

static void print_range(const char *name, const float *values, size_t count)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        low = fmin(low, (double)values[i]);
        high = fmax(high, (double)values[i]);
    }
    printf("%s %.4g to %.4g", name, low, high);
}

static void print_classes(const mlp_network *network)
{
    const size_t count = mlp_network_class_name_count(network);
    if (count == 0) {
        puts("classes          no names");
        return;
    }
    printf("classes          %zu: ", count);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", stdout);
        print_escaped(stdout, mlp_network_class_name(network, i));
    }
    putchar('\n');
}

/* Line by line: what would steer a terminal is escaped. */
static int print_settings(const char *path, const mlp_network *network)
{
    const char *text = mlp_network_note(network);
    FAIL_IF(text == NULL, work_error("'%s' does not say how it was trained", path));
    while (*text != '\0') {
        char line[4096];
        const size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        print_escaped(stdout, line);
        putchar('\n');
        text += length + (text[length] == '\n');
    }
    return EXIT_DONE;
}

static int print_model(const char *path, const mlp_network *network)
{
    const size_t inputs = mlp_network_inputs(network);
    const float *mean, *scale;
    mlp_network_standardization(network, &mean, &scale);
    fputs("model            ", stdout);
    print_escaped(stdout, path);
    printf("\ninputs           %zu\noutputs          %zu\nparameters       %zu\n"
           "loss             %s%s\nseed             %llu\n",
           inputs, mlp_network_outputs(network), mlp_network_parameter_count(network),
           mlp_loss_name(mlp_network_loss(network)),
           mlp_network_class_targets(network) == MLP_CLASS_TARGETS_BIPOLAR ? ", classes are 1 and -1" : "",
           (unsigned long long)mlp_network_seed(network));
    fputs("standardization  ", stdout);
    if (mean != NULL) {
        print_range("means", mean, inputs);
        print_range(", deviations", scale, inputs);
        putchar('\n');
    } else {
        puts("none");
    }
    print_classes(network);
    return print_layers(network);
}

static json_t *json_layer(const struct layer_figures *figures)
{
    const mlp_layer *layer = &figures->layer;
    return json_pack("{s:o, s:o, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
                     "s:o, s:o}",
                     "units", json_count(layer->units), "inputs", json_count(figures->inputs), "activation",
                     mlp_activation_name(layer->activation), "activation_parameter",
                     json_figure(layer->activation_parameter), "init", mlp_init_name(figures->init.init),
                     "bias_init", mlp_init_name(layer->bias_init), "fan", json_figure(figures->init.fan),
                     "gain", json_figure(figures->init.gain), "sigma", json_figure(figures->init.deviation),
                     "parameters", json_count(figures->parameters), "weight_norm", json_figure(figures->norm),
                     "weight_mean", json_figure(figures->mean), "weight_deviation",
                     json_figure(figures->deviation), "bias_norm", json_figure(figures->bias_norm),
                     "exact_gain", json_figure(figures->init.exact_gain), "weight_variance",
                     json_figure(figures->init.weight_variance), "q", json_figure(figures->init.q), "chi",
                     json_figure(figures->init.chi), "depth_scale", json_figure(figures->init.depth));
}

static json_t *json_floats(const float *values, size_t count)
{
    json_t *array = values != NULL ? json_array() : json_null();
    if (values != NULL) {
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(array, json_figure((double)values[i]));
        }
    }
    return array;
}

static int print_model_json(const char *path, const mlp_network *network)
{
    const size_t inputs = mlp_network_inputs(network);
    const float *mean, *scale;
    json_t *layers = json_array(), *names = json_array();
    mlp_network_standardization(network, &mean, &scale);
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        struct layer_figures figures;
        if (measure_layer(network, l, &figures) != EXIT_DONE) {
            json_decref(layers);
            json_decref(names);
            return EXIT_WORK;
        }
        json_array_append_new(layers, json_layer(&figures));
    }
    for (size_t i = 0; i < mlp_network_class_name_count(network); i++) {
        json_array_append_new(names, json_text(mlp_network_class_name(network, i)));
    }
    return print_json(
        json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "model",
                  json_text(path), "inputs", json_count(inputs), "outputs",
                  json_count(mlp_network_outputs(network)), "parameters",
                  json_count(mlp_network_parameter_count(network)), "loss",
                  mlp_loss_name(mlp_network_loss(network)), "class_targets",
                  mlp_class_targets_name(mlp_network_class_targets(network)), "seed",
                  json_count(mlp_network_seed(network)), "classes", names, "standardization", "mean",
                  json_floats(mean, inputs), "scale", json_floats(scale, inputs), "layers", layers, "note",
                  mlp_network_note(network) != NULL ? json_text(mlp_network_note(network)) : json_null()));
}

static int run(void *settings, int operands, char **operand)
{
    struct inspect_settings *s = settings;
    TRY(open_model(&inspect_command, operands, operand, &s->network));
    if (s->settings) {
        return print_settings(operand[0], s->network);
    }
    return s->json ? print_model_json(operand[0], s->network) : print_model(operand[0], s->network);
}

static void release(void *settings)
{
    mlp_network_destroy(&((struct inspect_settings *)settings)->network);
}

const struct command inspect_command = {
    .name = "inspect",
    .summary = "show what is in a model's file",
    .synopsis = "MODEL [OPTION...]",
    .description = "Prints a model's layers with their activations, what their initializers come to (fan, "
                   "gain and standard deviation sigma), norm, mean and deviation of their weights, and what "
                   "travels with the model: loss, standardization of the inputs, class names.",
    .rows = rows,
    .examples = "  mlp inspect digits.safetensors\n"
                "  mlp inspect digits.safetensors --json\n"
                "  mlp inspect digits.safetensors --settings > digits.conf\n",
    .settings_size = sizeof(struct inspect_settings),
    .run = run,
    .release = release,
};
