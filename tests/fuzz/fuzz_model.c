/* Fuzzing the model files with libFuzzer: any bytes must give a status, without a crash or a leak.
 *
 * Build and run, from the top of the sources (clang with its compiler-rt):
 *     CC=clang meson setup build-fuzz -Db_sanitize=address,undefined -Db_lundef=false -Dopenmp=disabled \
 *         -Dc_args=-fsanitize=fuzzer-no-link
 *     ninja -C build-fuzz src/libmlp-core.a
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *         -Iinclude -Isrc tests/fuzz/fuzz_model.c tests/fuzz/fuzz_file.c build-fuzz/src/libmlp-core.a \
 *         $(pkg-config --libs openblas jansson yajl zlib) -llapacke -lm -o fuzz_model
 *     mkdir -p corpus && cp model.safetensors corpus && ./fuzz_model -max_total_time=60 corpus */
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

/* Both ways to read the same file: as a described network, and as bare tensors. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const mlp_layer layers[] = { { .units = 2 }, { .units = 1 } };
    const char *path = fuzz_file(bytes, size);
    mlp_network *network = NULL;
    check(mlp_model_load(path, &network), &network);
    check(mlp_model_load_tensors(path, 3, layers, 2, NULL, &network), &network);
    return 0;
}
