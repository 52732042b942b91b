/* Fuzzing the logs that `mlp plot` reads with libFuzzer: any bytes give rows or a message.
 * tests/fuzz/run builds it and runs it. */
#include "charts/log_file.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct log_file log = { .count = 0 };
    log_file_read(fuzz_file(bytes, size), &log);
    log_file_free(&log);
    return 0;
}
