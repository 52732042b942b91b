/* Fuzzing the model files with libFuzzer: any bytes must give a status, without a crash or a leak.
 * tests/fuzz/run builds it and runs it. */
#include <stdlib.h>

#include <mlp/model_file.h>

#include "base/memory.h"
#include "fuzz_file.h"

static void check(mlp_status status, mlp_network **network)
{
    if ((status == MLP_OK) != (*network != NULL)) {
        abort();
    }
    mlp_network_destroy(network);
    if (memory_live_count() != 0) {
        abort();
    }
}

/* As a described network, from a file and from memory, and as bare tensors. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const mlp_layer layers[] = { { .units = 2 }, { .units = 1 } };
    const char *path = fuzz_file(bytes, size);
    mlp_network *network = NULL;
    const mlp_status status = mlp_model_load(path, &network);
    check(status, &network);
    /* external data cannot be found from memory, whatever the file's failure was */
    const mlp_status in_memory = mlp_model_load_memory(bytes, size, NULL, &network);
    if ((in_memory == MLP_OK) != (status == MLP_OK)) {
        abort();
    }
    check(in_memory, &network);
    check(mlp_model_load_tensors(path, 3, layers, 2, NULL, &network), &network);
    return 0;
}
