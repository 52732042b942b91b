/* Fuzzing the IDX reader with libFuzzer: any bytes must give a status, the same loaded and opened, without a
 * crash or a leak.
 *
 * Build and run, from the top of the sources, with the library that fuzz_model.c says how to build:
 *     clang -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *         -Iinclude -Isrc tests/fuzz/fuzz_idx.c tests/fuzz/fuzz_file.c build-fuzz/src/libmlp-core.a \
 *         $(pkg-config --libs openblas jansson yajl zlib) -llapacke -lm -o fuzz_idx
 *     mkdir -p corpus && ./fuzz_idx -max_total_time=60 corpus */
#include <stdlib.h>

#include <mlp/data.h>

#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *path = fuzz_file(bytes, size);
    /* the file is its own labels, too, which fit when it is of rank 1 */
    const char *labels = size % 2 == 0 ? path : NULL;
    mlp_data *loaded = NULL, *opened = NULL;
    const mlp_status status = mlp_data_load_idx(path, labels, &loaded);
    fuzz_check_data(status, loaded, mlp_data_open_idx(path, labels, NULL, &opened), opened);
    return 0;
}
