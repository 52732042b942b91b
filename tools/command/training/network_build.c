/* A network from the settings of the command line and what the data asks for. */
#include <stdbool.h>
#include <stdlib.h>

#include "command.h"
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
    const int codes[] = { check_length("--activation", &settings->activations, hidden, false),
                          check_length("--init", &settings->inits, hidden, true),
                          check_length("--bias-init", &settings->bias_inits, hidden, true) };
    return codes[0] != EXIT_DONE ? codes[0] : codes[1] != EXIT_DONE ? codes[1] : codes[2];
}

/* The choice for the output: its own option, else the list's item for it, else the one for all. */
static const struct choice *output_choice(const struct choices *own, const struct choices *all, size_t hidden)
{
    if (own->count > 0) {
        return own->items;
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
    mlp_init_parameters *own = &layer->init_parameters;
    own->gain = own->gain > 0.0 ? own->gain : common->gain;
    own->fan = own->fan != MLP_FAN_AUTOMATIC ? own->fan : common->fan;
    own->distribution =
        own->distribution != MLP_DISTRIBUTION_NORMAL ? own->distribution : common->distribution;
}

static mlp_activation default_output(const struct network_settings *settings,
                                     const struct output_needs *needs)
{
    const mlp_loss loss = settings->options.loss;
    return needs->classes == 0                                         ? MLP_ACTIVATION_IDENTITY
           : loss == MLP_LOSS_BINARY_CROSS_ENTROPY                     ? MLP_ACTIVATION_SIGMOID
           : loss == MLP_LOSS_ABSOLUTE_ERROR || loss == MLP_LOSS_HUBER ? MLP_ACTIVATION_IDENTITY
                                                                       : MLP_ACTIVATION_SOFTMAX;
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
    if (*units < natural && !(one_will_do && *units == 1)) {
        return usage_error("--output-units: the data needs %zu units, got %zu", natural, *units);
    }
    if (needs->classes == 0 && *units != natural) {
        return usage_error("--output-units: the data has %zu target values, got %zu units", natural, *units);
    }
    return EXIT_DONE;
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

static int create(const struct network_settings *settings, size_t inputs, const mlp_layer *layers,
                  size_t count, mlp_network **network)
{
    mlp_network_options options = settings->options;
    float *weights = NULL;
    if (settings->class_weight_count > 0) {
        const size_t units = layers[count - 1].units;
        if (settings->class_weight_count != units) {
            return usage_error("--class-weights: expected %zu numbers, one for each output, got %zu", units,
                               settings->class_weight_count);
        }
        weights = calloc(units, sizeof *weights);
        if (weights == NULL) {
            return work_error("out of memory");
        }
        for (size_t i = 0; i < units; i++) {
            weights[i] = (float)settings->class_weights[i];
        }
        options.class_weights = weights;
    }
    const mlp_status status = mlp_network_create(inputs, layers, count, &options, network);
    free(weights);
    return status == MLP_OK ? EXIT_DONE : option_refused(status);
}

int network_from_settings(const struct network_settings *settings, size_t inputs,
                          const struct output_needs *needs, mlp_network **network)
{
    const size_t count = settings->hidden_count + 1;
    mlp_layer *layers = calloc(count, sizeof *layers);
    *network = NULL;
    int code = layers != NULL ? check_lengths(settings) : work_error("out of memory");
    for (size_t l = 0; code == EXIT_DONE && l + 1 < count; l++) {
        set_hidden(settings, l, &layers[l]);
    }
    if (code == EXIT_DONE) {
        code = set_output(settings, needs, &layers[count - 1]);
    }
    if (code == EXIT_DONE) {
        code = create(settings, inputs, layers, count, network);
    }
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
    if (x == NULL) {
        return work_error("out of memory");
    }
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
    if (classes == 0) {
        return usage_error("--class-weights: balanced needs classes, not numbers to predict");
    }
    float *weights = calloc(classes, sizeof *weights);
    free(network->class_weights);
    network->class_weights = calloc(classes, sizeof *network->class_weights);
    network->class_weight_count = classes;
    const bool complete = weights != NULL && network->class_weights != NULL;
    const mlp_status status = complete ? mlp_data_balanced_weights(data, weights) : MLP_OK;
    for (size_t i = 0; i < classes && complete; i++) {
        network->class_weights[i] = (double)weights[i];
    }
    free(weights);
    return !complete ? work_error("out of memory") : status == MLP_OK ? EXIT_DONE : work_failed(status);
}

static int copy_start(const mlp_network *start, mlp_network **network)
{
    const mlp_status status = mlp_network_copy(start, network);
    return status == MLP_OK ? EXIT_DONE : work_failed(status);
}

int train_network_make(struct train_settings *settings, const struct train_data *data, mlp_network **network)
{
    if (settings->start != NULL) {
        return copy_start(settings->start, network);
    }
    if (settings->network.balanced) {
        const int balanced = balance_classes(&settings->network, data->train);
        if (balanced != EXIT_DONE) {
            return balanced;
        }
    }
    const struct output_needs needs = { data->classes, mlp_data_outputs(data->train) };
    const bool standardize = settings->standardize < 0 ? data->set.csv : settings->standardize != 0;
    mlp_status status = MLP_OK;
    const int code = network_from_settings(&settings->network, mlp_data_inputs(data->train), &needs, network);
    if (code != EXIT_DONE) {
        return code;
    }
    if (standardize) {
        status = mlp_data_standardize(data->train, *network);
    }
    const size_t outputs = mlp_network_outputs(*network);
    if (status == MLP_OK && (outputs == data->classes || (outputs == 1 && data->classes == 2))) {
        status = mlp_network_set_class_names(*network, data->names, data->classes);
    }
    if (status != MLP_OK) {
        return work_failed(status);
    }
    return settings->network.data_init_given ? initialize_from_data(&settings->network, data->train, *network)
                                             : EXIT_DONE;
}
