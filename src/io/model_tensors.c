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
    add_vector(outputs, count, "loss.class_weights", network->class_weights, output_layer(network)->units);
}

/* Row-major in the file, column-major here. */
static mlp_status read_matrix(const struct safetensors *archive, const char *name, size_t rows,
                              size_t columns, size_t stride, float *out)
{
    const struct safetensor *tensor;
    const size_t width = columns > 0 ? columns : 1;
    TRY(safetensors_require(archive, name, rows, columns, &tensor));
    float *values = memory_allocate(tensor->elements, sizeof *values);
    if (values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    const mlp_status status = safetensor_floats(archive, tensor, values);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < width; j++) {
            out[i + j * stride] = values[i * width + j];
        }
    }
    memory_free(values);
    return status;
}

mlp_status arena_tensors_read(const struct safetensors *archive, const mlp_network *network,
                              const char *prefix, float *arena)
{
    char name[NAME_SIZE];
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        snprintf(name, sizeof name, "%slayers.%zu.weight", prefix, l);
        TRY(read_matrix(archive, name, layer->units, layer->inputs, layer->stride, arena + layer->weights));
        snprintf(name, sizeof name, "%slayers.%zu.bias", prefix, l);
        TRY(read_matrix(archive, name, layer->units, 0, layer->stride, arena + layer->bias));
    }
    return MLP_OK;
}
