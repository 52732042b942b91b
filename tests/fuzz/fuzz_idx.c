/* Fuzzing the IDX reader with libFuzzer: any bytes must give a status, the same loaded and opened, without a
 * crash or a leak.
 * tests/fuzz/run builds it and runs it. */
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
