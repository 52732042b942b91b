/* Fuzzing the CSV reader with libFuzzer: any bytes must give a status, without a crash or a leak.
 *
 * Build and run, from the top of the sources (clang with its compiler-rt):
 *     clang -std=c11 -D_GNU_SOURCE -DMLP_HAVE_ZLIB=1 -g -O1 -fsanitize=fuzzer,address,undefined \
 *         -fno-sanitize-recover=all -Iinclude -Isrc tests/fuzz/fuzz_csv.c tests/fuzz/fuzz_file.c \
 *         src/io/byte_reader.c src/io/idx.c src/io/csv*.c src/data/data.c src/base/memory.c src/base/status.c \
 *         -lz -lm -o fuzz_csv
 *     mkdir -p corpus && ./fuzz_csv -max_total_time=60 corpus */
#include <stdlib.h>

#include <mlp/data.h>

#include "base/memory.h"
#include "fuzz_file.h"

/* The first byte chooses the options, the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = { "a", "b", "1" };
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    mlp_data *data = NULL;
    if (size == 0) {
        return 0;
    }
    options.header = bytes[0] % 3 - 1;
    options.label_index = bytes[0] / 4 % 4 - 2;
    options.regression = bytes[0] / 16 % 2;
    options.delimiter = bytes[0] / 32 % 2 ? ' ' : ',';
    if (bytes[0] / 64 % 2) {
        options.class_names = names;
        options.class_name_count = 3;
    }
    if (bytes[0] / 128 && options.header != 0) {
        options.label = "a";
    }
    const mlp_status status = mlp_data_load_csv(fuzz_file(bytes + 1, size - 1), &options, &data);
    if ((status == MLP_OK) != (data != NULL) || (data != NULL && mlp_data_count(data) == 0)) {
        abort();
    }
    mlp_data_destroy(&data);
    if (memory_live_count() != 0) {
        abort();
    }
    return 0;
}
