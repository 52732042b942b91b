/* A network's arenas as tensors of a file. */
#include "io/model_tensors.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/status.h"

enum { NAME_SIZE = 64 };

void arena_tensors_list(const mlp_network *network, const char *prefix, const float *arena,
                        struct safetensor_output *outputs, size_t *count)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        struct safetensor_output *weights = &outputs[(*count)++], *bias = &outputs[(*count)++];
        snprintf(weights->name, sizeof weights->name, "%slayers.%zu.weight", prefix, l);
        weights->rows = layer->units;
        weights->columns = layer->inputs;
        weights->values = arena + layer->weights;
        weights->leading_dimension = layer->stride;
        snprintf(bias->name, sizeof bias->name, "%slayers.%zu.bias", prefix, l);
        bias->rows = layer->units;
        bias->values = arena + layer->bias;
        bias->leading_dimension = layer->stride;
    }
}

static void add_vector(struct safetensor_output *outputs, size_t *count, const char *name,
                       const float *values, size_t length)
{
    struct safetensor_output *output = &outputs[*count];
    if (values != NULL) {
        snprintf(output->name, sizeof output->name, "%s", name);
        output->rows = length;
        output->values = values;
        output->leading_dimension = length;
        (*count)++;
    }
}

void model_tensors_list(const mlp_network *network, struct safetensor_output *outputs, size_t *count)
{
    arena_tensors_list(network, "", network->parameters, outputs, count);
    add_vector(outputs, count, "standardization.mean", network->mean, network->inputs);
    add_vector(outputs, count, "standardization.scale", network->scale, network->inputs);
    add_vector(outputs, count, "output.shift", network->output_shift, output_layer(network)->units);
    add_vector(outputs, count, "output.scale", network->output_scale, output_layer(network)->units);
    add_vector(outputs, count, "loss.class_weights", network->class_weights, output_layer(network)->units);
}

static mlp_status read_tensor(struct safetensors *archive, const char *prefix, size_t l, const char *kind,
                              const struct layer *layer, float *out)
{
    const struct safetensor *tensor;
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%slayers.%zu.%s", prefix, l, kind);
    TRY(safetensors_require(archive, name, layer->units, kind[0] == 'w' ? layer->inputs : 0, &tensor));
    return safetensor_matrix(archive, tensor, out, layer->stride);
}

mlp_status arena_tensors_read(struct safetensors *archive, const mlp_network *network, const char *prefix,
                              float *arena)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        TRY(read_tensor(archive, prefix, l, "weight", layer, arena + layer->weights));
        TRY(read_tensor(archive, prefix, l, "bias", layer, arena + layer->bias));
    }
    return MLP_OK;
}
