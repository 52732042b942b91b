/* A file in memory that holds a fuzzer's input. */
#ifndef FUZZ_FUZZ_FILE_H
#define FUZZ_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Path of the file, which holds these bytes until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t size);

#endif
