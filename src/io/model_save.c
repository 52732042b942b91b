/* Saving a network. */
#include <mlp/model_file.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_description.h"
#include "io/model_tensors.h"

static mlp_status check(const mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        FAIL_IF(layer->description.activation == MLP_ACTIVATION_CUSTOM && layer->activation_name == NULL,
                MLP_ERROR_UNSUPPORTED,
                "layer %zu has a custom activation without a name "
                "(mlp_network_options.custom_activation_names), by "
                "which a loader could find it",
                l);
    }
    FAIL_IF(network->loss.loss == MLP_LOSS_CUSTOM && network->loss_name == NULL, MLP_ERROR_UNSUPPORTED,
            "the network has a custom loss without a name (mlp_network_options.custom_loss_name), by which a "
            "loader could find it");
    return MLP_OK;
}

static mlp_status save(const mlp_network *network, struct byte_sink *sink)
{
    TRY(check(network));
    struct safetensor_output *outputs =
        memory_allocate(arena_tensor_count(network) + MODEL_EXTRA_TENSORS, sizeof *outputs);
    json_t *metadata = outputs != NULL ? description_write(network) : NULL;
    mlp_status status = MLP_ERROR_MEMORY;
    if (metadata != NULL) {
        size_t count = 0;
        model_tensors_list(network, outputs, &count);
        status = safetensors_write(sink, metadata, outputs, count, false);
    } else {
        fail(MLP_ERROR_MEMORY, "%s: out of memory", sink->name);
    }
    json_decref(metadata);
    memory_free(outputs);
    return status;
}

mlp_status mlp_model_save(const mlp_network *network, const char *path)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    struct byte_sink sink = byte_sink_file(path);
    return save(network, &sink);
}

mlp_status mlp_model_save_memory(const mlp_network *network, void **bytes, size_t *size)
{
    struct array memory = { 0 };
    REQUIRE_ARGUMENT(bytes);
    *bytes = NULL;
    REQUIRE_ARGUMENT(size);
    *size = 0;
    REQUIRE_ARGUMENT(network);
    struct byte_sink sink = byte_sink_memory(&memory);
    TRY(save(network, &sink));
    *size = memory.count;
    *bytes = array_take(&memory);
    return MLP_OK;
}

void mlp_memory_free(void **bytes)
{
    if (bytes != NULL) {
        memory_free(*bytes);
        *bytes = NULL;
    }
}

mlp_status mlp_model_try_save(const char *path)
{
    REQUIRE_ARGUMENT(path);
    return whole_file_try(path);
}
