/* Saving a network. */
#include <stdio.h>

#include <mlp/model_file.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_metadata.h"

/* Beyond the layers': standardization (2) and class weights. */
enum { MAX_EXTRAS = 3 };

static mlp_status check(const mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        if (network->layers[l].description.activation == MLP_ACTIVATION_CUSTOM) {
            return fail(MLP_ERROR_UNSUPPORTED, "layer %zu has a custom activation, which no file can hold", l);
        }
    }
    if (network->loss.loss == MLP_LOSS_CUSTOM) {
        return fail(MLP_ERROR_UNSUPPORTED, "the network has a custom loss, which no file can hold");
    }
    return MLP_OK;
}

static void add_vector(struct safetensor_output *outputs, size_t *count, const char *name, const float *values,
                       size_t length)
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

static size_t list_tensors(const mlp_network *network, struct safetensor_output *outputs)
{
    size_t count = 0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        struct safetensor_output *weights = &outputs[count++], *bias = &outputs[count++];
        snprintf(weights->name, sizeof weights->name, "layers.%zu.weight", l);
        weights->rows = layer->units;
        weights->columns = layer->inputs;
        weights->values = network->parameters + layer->weights;
        weights->leading_dimension = layer->stride;
        snprintf(bias->name, sizeof bias->name, "layers.%zu.bias", l);
        bias->rows = layer->units;
        bias->values = network->parameters + layer->bias;
        bias->leading_dimension = layer->stride;
    }
    add_vector(outputs, &count, "standardization.mean", network->mean, network->inputs);
    add_vector(outputs, &count, "standardization.scale", network->scale, network->inputs);
    add_vector(outputs, &count, "loss.class_weights", network->class_weights, output_layer(network)->units);
    return count;
}

mlp_status mlp_model_save(const mlp_network *network, const char *path)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    TRY(check(network));
    struct safetensor_output *outputs = memory_allocate(2 * network->layer_count + MAX_EXTRAS, sizeof *outputs);
    json_t *metadata = outputs != NULL ? model_metadata_write(network) : NULL;
    mlp_status status = MLP_ERROR_MEMORY;
    if (metadata != NULL) {
        status = safetensors_write(path, metadata, outputs, list_tensors(network, outputs));
    } else {
        fail(MLP_ERROR_MEMORY, "%s: out of memory", path);
    }
    json_decref(metadata);
    memory_free(outputs);
    return status;
}
