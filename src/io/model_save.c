/* Saving a network. */
#include <mlp/model_file.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_description.h"
#include "io/model_tensors.h"

static mlp_status check(const mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        FAIL_IF(network->layers[l].description.activation == MLP_ACTIVATION_CUSTOM, MLP_ERROR_UNSUPPORTED,
                "layer %zu has a custom activation, which no file can hold", l);
    }
    FAIL_IF(network->loss.loss == MLP_LOSS_CUSTOM, MLP_ERROR_UNSUPPORTED,
            "the network has a custom loss, which no file can hold");
    return MLP_OK;
}

mlp_status mlp_model_save(const mlp_network *network, const char *path)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    TRY(check(network));
    struct safetensor_output *outputs =
        memory_allocate(arena_tensor_count(network) + MODEL_EXTRA_TENSORS, sizeof *outputs);
    json_t *metadata = outputs != NULL ? description_write(network) : NULL;
    mlp_status status = MLP_ERROR_MEMORY;
    if (metadata != NULL) {
        size_t count = 0;
        model_tensors_list(network, outputs, &count);
        struct byte_sink sink = byte_sink_file(path);
        status = safetensors_write(&sink, metadata, outputs, count, false);
    } else {
        fail(MLP_ERROR_MEMORY, "%s: out of memory", path);
    }
    json_decref(metadata);
    memory_free(outputs);
    return status;
}

mlp_status mlp_model_try_save(const char *path)
{
    REQUIRE_ARGUMENT(path);
    return whole_file_try(path);
}
