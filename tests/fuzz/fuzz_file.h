/* A file in memory that holds a fuzzer's input. */
#ifndef FUZZ_FUZZ_FILE_H
#define FUZZ_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Path of the file, which holds these bytes until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t size);

/* Ends the process unless both ways of reading came to the same and give all memory back; destroys the data.
 */
void fuzz_check_data(mlp_status load_status, mlp_data *loaded, mlp_status open_status, mlp_data *opened);

#endif
