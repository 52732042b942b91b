/* Fuzzing the IDX reader with libFuzzer: any bytes must give a status, without a crash or a leak.
 *
 * Build and run, from the top of the sources (clang with its compiler-rt):
 *     clang -std=c11 -D_GNU_SOURCE -DMLP_HAVE_ZLIB=1 -g -O1 -fsanitize=fuzzer,address,undefined \
 *         -fno-sanitize-recover=all -Iinclude -Isrc tests/fuzz/fuzz_idx.c tests/fuzz/fuzz_file.c \
 *         src/io/byte_reader.c src/io/idx.c src/io/csv*.c src/data/data.c src/base/memory.c src/base/status.c \
 *         -lz -lm -o fuzz_idx
 *     mkdir -p corpus && ./fuzz_idx -max_total_time=60 corpus */
#include <stdlib.h>

#include <mlp/data.h>

#include "base/memory.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mlp_data *data = NULL;
    const char *path = fuzz_file(bytes, size);
    /* the file is its own labels, too, which fit when it is of rank 1 */
    const mlp_status status = mlp_data_load_idx(path, size % 2 == 0 ? path : NULL, &data);
    if ((status == MLP_OK) != (data != NULL) || (data != NULL && mlp_data_count(data) == 0)) {
        abort();
    }
    mlp_data_destroy(&data);
    if (memory_live_count() != 0) {
        abort();
    }
    return 0;
}
