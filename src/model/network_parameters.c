/* The network's parameters: drawing, reading, writing, copying. */
#include "model/network.h"

#include <math.h>
#include <string.h>

#include "base/denormals.h"
#include "base/status.h"
#include "theory/mean_field.h"

struct init_task network_init_task(const struct layer *layer, size_t l)
{
    const mlp_layer *description = &layer->description;
    return (struct init_task){
        .init = description->init,
        .parameters = description->init_parameters,
        .activation = { layer->activation->whole_column ? MLP_ACTIVATION_IDENTITY : description->activation,
                        description->activation_parameter, description->custom_activation },
        .fan_in = layer->inputs,
        .fan_out = layer->units,
        .layer = l,
        .is_output = layer->is_output && l > 0,
    };
}

static struct init_task init_task_of(const mlp_network *network, size_t l, uint64_t seed, bool is_bias)
{
    const struct layer *layer = &network->layers[l];
    struct init_task task = network_init_task(layer, l);
    task.seed = seed;
    if (is_bias) {
        task.is_bias = true;
        task.init = layer->description.bias_init;
        task.parameters = layer->description.bias_parameters;
    }
    return task;
}

/* Where this fails what was drawn may not be finite: the caller does not keep it. */
static mlp_status fill_layer(mlp_network *network, size_t l, uint64_t seed)
{
    FLUSH_DENORMALS;
    const struct layer *layer = &network->layers[l];
    float *parameters = network_write(network);
    const struct init_task weights = init_task_of(network, l, seed, false),
                           bias = init_task_of(network, l, seed, true);
    TRY(init_fill(&weights, parameters + layer->weights, layer->units, layer->inputs, layer->stride));
    return init_fill(&bias, parameters + layer->bias, layer->units, 1, layer->stride);
}

static mlp_status check_layer(const char *function, const mlp_network *network, size_t layer,
                              const void *argument, const char *argument_name)
{
    FAIL_IF(network == NULL || argument == NULL, MLP_ERROR_ARGUMENT, "%s: %s is NULL", function,
            network == NULL ? "network" : argument_name);
    FAIL_IF(layer >= network->layer_count, MLP_ERROR_RANGE, "%s: layer is %zu, expected less than %zu",
            function, layer, network->layer_count);
    return MLP_OK;
}

mlp_status network_draw(mlp_network *network, size_t first, size_t end, uint64_t seed)
{
    for (size_t l = first; l < end; l++) {
        TRY(fill_layer(network, l, seed));
    }
    return MLP_OK;
}

/* Draws layers first … end − 1 on a copy: where that fails the parameters are as they were. */
static mlp_status redraw(mlp_network *network, size_t first, size_t end, uint64_t seed)
{
    mlp_network *drawn;
    TRY(mlp_network_copy(network, &drawn));
    const mlp_status status = network_draw(drawn, first, end, seed);
    if (status == MLP_OK) {
        memcpy(network_write(network), drawn->parameters, network->arena_size * sizeof(float));
    }
    mlp_network_destroy(&drawn);
    return status;
}

mlp_status mlp_network_initialize(mlp_network *network, uint64_t seed)
{
    REQUIRE_ARGUMENT(network);
    TRY(redraw(network, 0, network->layer_count, seed));
    network->seed = seed;
    return MLP_OK;
}

mlp_status mlp_network_initialize_layer(mlp_network *network, size_t layer, uint64_t seed)
{
    TRY(check_layer(__func__, network, layer, network, "network"));
    return redraw(network, layer, layer + 1, seed);
}

mlp_status mlp_network_layer(const mlp_network *network, size_t layer, mlp_layer *description)
{
    TRY(check_layer(__func__, network, layer, description, "description"));
    *description = network->layers[layer].description;
    return MLP_OK;
}

mlp_status mlp_network_init_summary(const mlp_network *network, size_t layer, mlp_init_summary *summary)
{
    TRY(check_layer(__func__, network, layer, summary, "summary"));
    const struct init_task task = init_task_of(network, layer, network->seed, false);
    const struct init_task bias_task = init_task_of(network, layer, network->seed, true);
    const struct init_scale scale = init_scale(&task), bias = init_scale(&bias_task);
    const double weight_variance =
        scale.deviation > 0.0 ? (double)task.fan_in * scale.deviation * scale.deviation : NAN;
    mlp_mean_field point = { .q = NAN, .chi = NAN, .depth = NAN };
    if (isfinite(weight_variance) && isfinite(bias.deviation)) {
        TRY(mlp_mean_field_point(&task.activation, weight_variance, bias.deviation * bias.deviation, &point));
    }
    *summary = (mlp_init_summary){
        .init = task.init,
        .fan_in = task.fan_in,
        .fan_out = task.fan_out,
        .gain = scale.gain,
        .fan = scale.fan,
        .deviation = scale.deviation,
        .exact_gain = activation_exact_gain(&task.activation),
        .weight_variance = weight_variance,
        .q = point.q,
        .chi = point.chi,
        .depth = point.depth,
    };
    return MLP_OK;
}

mlp_status mlp_network_weights(const mlp_network *network, size_t layer, mlp_const_matrix *weights)
{
    TRY(check_layer(__func__, network, layer, weights, "weights"));
    const struct layer *l = &network->layers[layer];
    *weights = (mlp_const_matrix){ network->parameters + l->weights, l->units, l->inputs, l->stride };
    return MLP_OK;
}

mlp_status mlp_network_bias(const mlp_network *network, size_t layer, mlp_const_matrix *bias)
{
    TRY(check_layer(__func__, network, layer, bias, "bias"));
    const struct layer *l = &network->layers[layer];
    *bias = (mlp_const_matrix){ network->parameters + l->bias, l->units, 1, l->stride };
    return MLP_OK;
}

/* Replaces a tensor, or nothing when a value is not finite. */
static mlp_status set_tensor(const char *function, float *tensor, size_t stride, const float *values,
                             size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows * columns; i++) {
        FAIL_IF(!isfinite(values[i]), MLP_ERROR_NONFINITE,
                "%s: value at row %zu, column %zu is %g, expected a finite number", function, i % rows,
                i / rows, (double)values[i]);
    }
    for (size_t j = 0; j < columns; j++) {
        memcpy(tensor + j * stride, values + j * rows, rows * sizeof(float));
    }
    return MLP_OK;
}

mlp_status mlp_network_set_weights(mlp_network *network, size_t layer, const float *values)
{
    TRY(check_layer(__func__, network, layer, values, "values"));
    const struct layer *l = &network->layers[layer];
    return set_tensor(__func__, network_write(network) + l->weights, l->stride, values, l->units, l->inputs);
}

mlp_status mlp_network_set_bias(mlp_network *network, size_t layer, const float *values)
{
    TRY(check_layer(__func__, network, layer, values, "values"));
    const struct layer *l = &network->layers[layer];
    return set_tensor(__func__, network_write(network) + l->bias, l->stride, values, l->units, 1);
}

mlp_status mlp_network_copy_parameters(mlp_network *network, const mlp_network *source)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(source);
    FAIL_IF(network->inputs != source->inputs || network->layer_count != source->layer_count, MLP_ERROR_SHAPE,
            "source has %zu inputs and %zu layers, expected %zu and %zu", source->inputs, source->layer_count,
            network->inputs, network->layer_count);
    for (size_t l = 0; l < network->layer_count; l++) {
        FAIL_IF(network->layers[l].units != source->layers[l].units, MLP_ERROR_SHAPE,
                "layer %zu of the source has %zu units, expected %zu", l, source->layers[l].units,
                network->layers[l].units);
    }
    memcpy(network_write(network), source->parameters, network->arena_size * sizeof(float));
    return MLP_OK;
}
