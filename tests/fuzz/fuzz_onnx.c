/* Fuzzing the ONNX reader with libFuzzer: any bytes must give a status, without a crash or a leak, and what
 * is a network can predict, be exported, and be read again. tests/fuzz/run builds it and runs it. */
#include <stdlib.h>

#include <mlp/model_file.h>
#include <mlp/pass.h>
#include <mlp/workspace.h>

#include "base/memory.h"
#include "fuzz_file.h"
#include "io/model_format.h"

enum { LARGEST = 256 };

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void predict(const mlp_network *network)
{
    static const float x[LARGEST];
    static float y[LARGEST];
    mlp_workspace *workspace = NULL;
    require(mlp_workspace_create(network, 1, NULL, &workspace) == MLP_OK);
    const mlp_status status = mlp_predict(network, workspace, x, 1, y);
    require(status == MLP_OK || status == MLP_ERROR_NONFINITE);
    mlp_workspace_destroy(&workspace);
}

static void export_and_read(const mlp_network *network)
{
    void *bytes = NULL;
    size_t size;
    mlp_network *back = NULL;
    require(mlp_model_export_onnx_memory(network, NULL, &bytes, &size) == MLP_OK);
    require(mlp_model_load_memory(bytes, size, NULL, &back) == MLP_OK);
    require(mlp_network_outputs(back) == mlp_network_outputs(network));
    mlp_network_destroy(&back);
    mlp_memory_free(&bytes);
}

/* Bytes of another format are other targets' work. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mlp_network *network = NULL;
    if (size < MODEL_HEAD || !model_is_onnx(bytes)) {
        return 0;
    }
    const mlp_status status = mlp_model_load_memory(bytes, size, NULL, &network);
    require((status == MLP_OK) == (network != NULL));
    if (network != NULL && mlp_network_inputs(network) <= LARGEST &&
        mlp_network_outputs(network) <= LARGEST) {
        predict(network);
        export_and_read(network);
    }
    mlp_network_destroy(&network);
    require(memory_live_count() == 0);
    return 0;
}
