/* Fuzzing the CSV reader with libFuzzer: any bytes must give a status, the same loaded and opened, without a
 * crash or a leak.
 * tests/fuzz/run builds it and runs it. */
#include <stdlib.h>

#include <mlp/data.h>

#include "fuzz_file.h"

/* The first byte chooses the options, the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = { "a", "b", "1" };
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    mlp_data *loaded = NULL, *opened = NULL;
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
    const char *path = fuzz_file(bytes + 1, size - 1);
    const mlp_status status = mlp_data_load_csv(path, &options, &loaded);
    fuzz_check_data(status, loaded, mlp_data_open_csv(path, &options, NULL, &opened), opened);
    return 0;
}
