/* A network from the settings of the command line and what the data asks for. */
#include <stdbool.h>
#include <stdlib.h>

#include "message.h"
#include "options/network_options.h"
#include "training/train.h"

/* The choice for layer l: the list's only item, or its own. NULL when nothing was said about it. */
static const struct choice *choice_of(const struct choices *choices, size_t layer)
{
    return choices->count == 0 ? NULL : &choices->items[choices->count == 1 ? 0 : layer];
}

/* A list has one item for all, one for each hidden layer, or (`with_output`) one for each layer. */
static int check_length(const char *option, const struct choices *choices, size_t hidden, bool with_output)
{
    if (choices->count <= 1 || choices->count == hidden || (with_output && choices->count == hidden + 1)) {
        return EXIT_DONE;
    }
    return usage_error("%s: got %zu choices, expected 1 or one for each of the %zu hidden layers%s", option,
                       choices->count, hidden, with_output ? " (and one for the output)" : "");
}

static int check_lengths(const struct network_settings *settings)
{
    const size_t hidden = settings->hidden_count;
    TRY(check_length("--activation", &settings->activations, hidden, false));
    TRY(check_length("--init", &settings->inits, hidden, true));
    return check_length("--bias-init", &settings->bias_inits, hidden, true);
}

/* The choice for the output: its own option, else the list's item for it, else the one for all. */
static const struct choice *output_choice(const struct choices *output, const struct choices *all,
                                          size_t hidden)
{
    if (output->count > 0) {
        return output->items;
    }
    return all->count == 1 || all->count == hidden + 1 ? choice_of(all, hidden) : NULL;
}

static void set_init(mlp_layer *layer, const struct choice *weights, const struct choice *bias)
{
    if (weights != NULL) {
        layer->init = (mlp_init)weights->value;
        layer->init_parameters = weights->numbers;
    }
    if (bias != NULL) {
        layer->bias_init = (mlp_init)bias->value;
        layer->bias_parameters = bias->numbers;
    }
}

/* --init-gain, --init-fan and --init-distribution fill what a layer's own choice leaves open. */
static void add_common(mlp_layer *layer, const mlp_init_parameters *common)
{
    mlp_init_parameters *init = &layer->init_parameters;
    init->gain = init->gain > 0.0 ? init->gain : common->gain;
    init->fan = init->fan != MLP_FAN_AUTOMATIC ? init->fan : common->fan;
    init->distribution =
        init->distribution != MLP_DISTRIBUTION_NORMAL ? init->distribution : common->distribution;
}

static mlp_activation default_output(const struct network_settings *settings,
                                     const struct output_needs *needs)
{
    const mlp_loss loss = settings->options.loss;
    if (needs->flags && loss != MLP_LOSS_SQUARED_ERROR) {
        return MLP_ACTIVATION_SIGMOID;
    }
    if (needs->classes == 0 || loss == MLP_LOSS_ABSOLUTE_ERROR || loss == MLP_LOSS_HUBER) {
        return MLP_ACTIVATION_IDENTITY;
    }
    return loss == MLP_LOSS_BINARY_CROSS_ENTROPY ? MLP_ACTIVATION_SIGMOID : MLP_ACTIVATION_SOFTMAX;
}

/* Two classes under a sigmoid need one unit. */
static int output_units(const struct network_settings *settings, const struct output_needs *needs,
                        mlp_activation activation, size_t *units)
{
    const size_t natural = needs->classes > 0 ? needs->classes : needs->values;
    const bool one_will_do = needs->classes > 0 && needs->classes <= 2;
    *units = one_will_do && activation == MLP_ACTIVATION_SIGMOID ? 1 : natural;
    if (settings->output_units != 0) {
        *units = settings->output_units;
    }
    FAIL_IF(*units < natural && !(one_will_do && *units == 1),
            usage_error("--output-units: the data needs %zu units, got %zu", natural, *units));
    FAIL_IF(needs->classes == 0 && *units != natural,
            usage_error("--output-units: the data has %zu target values, got %zu units", natural, *units));
    return EXIT_DONE;
}

/* An output of numbers that starts near zero predicts the mean of standardized targets and learns from there:
 * what larger random weights predict is an error that must be unlearnt first. By bench/peers/defaults, errors
 * are 1 to 16 % lower than with a gain of 1, and the same with zeros, through which no gradient would pass at
 * the first step. What the command line says of the start comes first. */
#define SMALL_GAIN 0.1

static bool starts_small(const struct network_settings *settings, const struct output_needs *needs,
                         const mlp_layer *layer)
{
    const mlp_init_parameters *p = &layer->init_parameters;
    return needs->classes == 0 && layer->activation == MLP_ACTIVATION_IDENTITY &&
           !settings->data_init_given && layer->init == MLP_INIT_AUTOMATIC && p->gain == 0.0 &&
           p->fan == MLP_FAN_AUTOMATIC;
}

static int set_output(const struct network_settings *settings, const struct output_needs *needs,
                      mlp_layer *layer)
{
    const size_t hidden = settings->hidden_count;
    layer->activation = default_output(settings, needs);
    if (settings->output_activation.count > 0) {
        layer->activation = (mlp_activation)settings->output_activation.items[0].value;
        layer->activation_parameter = settings->output_activation.items[0].numbers.a;
    }
    set_init(layer, output_choice(&settings->output_init, &settings->inits, hidden),
             output_choice(&settings->output_bias_init, &settings->bias_inits, hidden));
    if (settings->output_init.count == 0) {
        add_common(layer, &settings->common.numbers);
    }
    if (starts_small(settings, needs, layer)) {
        layer->init_parameters.gain = SMALL_GAIN;
    }
    return output_units(settings, needs, layer->activation, &layer->units);
}

static void set_hidden(const struct network_settings *settings, size_t l, mlp_layer *layer)
{
    const struct choice *activation = choice_of(&settings->activations, l);
    layer->units = settings->hidden[l];
    layer->activation = activation != NULL ? (mlp_activation)activation->value : MLP_ACTIVATION_RELU;
    layer->activation_parameter = activation != NULL ? activation->numbers.a : 0.0;
    set_init(layer, choice_of(&settings->inits, l), choice_of(&settings->bias_inits, l));
    add_common(layer, &settings->common.numbers);
}

/* What an output between -1 and 1 can come near on both sides, where the loss compares values. */
static mlp_class_targets class_targets_for(const struct network_settings *settings, mlp_activation output)
{
    const mlp_loss loss = settings->options.loss;
    const bool bipolar = output == MLP_ACTIVATION_TANH || output == MLP_ACTIVATION_HARD_TANH ||
                         output == MLP_ACTIVATION_SOFTSIGN;
    const bool compares = loss == MLP_LOSS_AUTOMATIC || loss == MLP_LOSS_SQUARED_ERROR ||
                          loss == MLP_LOSS_ABSOLUTE_ERROR || loss == MLP_LOSS_HUBER;
    return bipolar && compares ? MLP_CLASS_TARGETS_BIPOLAR : MLP_CLASS_TARGETS_BINARY;
}

static int create(const struct network_settings *settings, size_t inputs, const struct output_needs *needs,
                  const mlp_layer *layers, float *weights, mlp_network **network)
{
    mlp_network_options options = settings->options;
    const size_t count = settings->class_weight_count, units = layers[settings->hidden_count].units;
    FAIL_IF(count > 0 && count != units,
            usage_error("--class-weights: expected %zu numbers, one for each output, got %zu", units, count));
    for (size_t i = 0; i < count; i++) {
        weights[i] = (float)settings->class_weights[i];
    }
    options.class_weights = count > 0 ? weights : NULL;
    if (needs->classes > 0) {
        options.class_targets = class_targets_for(settings, layers[settings->hidden_count].activation);
    }
    return option_code(mlp_network_create(inputs, layers, settings->hidden_count + 1, &options, network));
}

static int fill_layers(const struct network_settings *settings, const struct output_needs *needs,
                       mlp_layer *layers)
{
    TRY(check_lengths(settings));
    for (size_t l = 0; l < settings->hidden_count; l++) {
        set_hidden(settings, l, &layers[l]);
    }
    return set_output(settings, needs, &layers[settings->hidden_count]);
}

int network_from_settings(const struct network_settings *settings, size_t inputs,
                          const struct output_needs *needs, mlp_network **network)
{
    mlp_layer *layers = calloc(settings->hidden_count + 1, sizeof *layers);
    float *weights = calloc(settings->class_weight_count + 1, sizeof *weights);
    *network = NULL;
    int code = layers != NULL && weights != NULL ? fill_layers(settings, needs, layers) : out_of_memory();
    if (code == EXIT_DONE) {
        code = create(settings, inputs, needs, layers, weights, network);
    }
    free(weights);
    free(layers);
    return code;
}

enum { DATA_INIT_SAMPLES = 1000 };

/* The start fitted to the first training samples. */
static int initialize_from_data(const struct network_settings *settings, const mlp_data *data,
                                mlp_network *network)
{
    const size_t all = mlp_data_count(data),
                 count = all < DATA_INIT_SAMPLES ? all : (size_t)DATA_INIT_SAMPLES;
    float *x = calloc(count * mlp_data_inputs(data), sizeof *x);
    FAIL_IF(x == NULL, out_of_memory());
    mlp_status status = mlp_data_read(data, 0, count, x, NULL, NULL);
    status =
        status == MLP_OK ? mlp_network_initialize_from_data(network, settings->data_init, x, count) : status;
    free(x);
    return status == MLP_OK ? EXIT_DONE : work_error("--data-init: %s", mlp_last_error());
}

/* Weights by which all classes count alike. */
static int balance_classes(struct network_settings *network, const mlp_data *data)
{
    const size_t classes = mlp_data_class_count(data);
    FAIL_IF(classes == 0, usage_error("--class-weights: balanced needs classes, not numbers to predict"));
    float *weights = calloc(classes, sizeof *weights);
    free(network->class_weights);
    network->class_weights = calloc(classes, sizeof *network->class_weights);
    network->class_weight_count = classes;
    int code = weights != NULL && network->class_weights != NULL
                   ? work_code(mlp_data_balanced_weights(data, weights))
                   : out_of_memory();
    if (code == EXIT_DONE) {
        for (size_t i = 0; i < classes; i++) {
            network->class_weights[i] = (double)weights[i];
        }
    }
    free(weights);
    return code;
}

/* Numbers are learnt with mean 0 and deviation 1, where the output can be any number. */
static int scale_targets(const struct train_settings *settings, const struct train_data *data,
                         mlp_network *network)
{
    mlp_layer output;
    const bool flags = mlp_schema_target_kind(data->schema) == MLP_TARGET_FLAGS;
    TRY(work_code(mlp_network_layer(network, mlp_network_layer_count(network) - 1, &output)));
    return data->classes == 0 && !flags && settings->standardize != 0 &&
                   output.activation == MLP_ACTIVATION_IDENTITY
               ? work_code(mlp_data_standardize_targets(data->train, network))
               : EXIT_DONE;
}

int train_network_make(struct train_settings *settings, const struct train_data *data, mlp_network **network)
{
    if (settings->start != NULL) {
        return work_code(mlp_network_copy(settings->start, network));
    }
    if (settings->network.balanced) {
        TRY(balance_classes(&settings->network, data->train));
    }
    const struct output_needs needs = { data->classes, mlp_data_outputs(data->train),
                                        mlp_schema_target_kind(data->schema) == MLP_TARGET_FLAGS };
    const bool scaled = mlp_data_file_format(data->set.data) == MLP_DATA_FORMAT_IDX; /* values of 0 to 1 */
    const bool standardize = settings->standardize < 0 ? !scaled : settings->standardize != 0;
    TRY(network_from_settings(&settings->network, mlp_data_inputs(data->train), &needs, network));
    if (data->schema != NULL) {
        TRY(work_code(mlp_network_set_schema(*network, data->schema)));
    }
    if (standardize) {
        TRY(work_code(mlp_data_standardize(data->train, *network)));
    }
    TRY(scale_targets(settings, data, *network));
    const size_t outputs = mlp_network_outputs(*network);
    if (outputs == data->classes || (outputs == 1 && data->classes == 2)) {
        TRY(work_code(mlp_network_set_class_names(*network, data->names, data->classes)));
    }
    return settings->network.data_init_given ? initialize_from_data(&settings->network, data->train, *network)
                                             : EXIT_DONE;
}
