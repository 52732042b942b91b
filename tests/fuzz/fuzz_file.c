/* A file in memory that holds a fuzzer's input (Linux's memfd). */
#include "fuzz_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

const char *fuzz_file(const uint8_t *bytes, size_t size)
{
    static char path[64];
    static int descriptor = -1;
    if (descriptor < 0) {
        descriptor = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    }
    if (descriptor < 0 || ftruncate(descriptor, 0) != 0 ||
        pwrite(descriptor, bytes, size, 0) != (ssize_t)size) {
        abort();
    }
    return path;
}

void fuzz_check_data(mlp_status load_status, mlp_data *loaded, mlp_status open_status, mlp_data *opened)
{
    if (load_status != open_status || (load_status == MLP_OK) != (loaded != NULL) ||
        (loaded != NULL) != (opened != NULL) || mlp_data_count(loaded) != mlp_data_count(opened) ||
        (loaded != NULL && mlp_data_count(loaded) == 0)) {
        abort();
    }
    mlp_data_destroy(&loaded);
    mlp_data_destroy(&opened);
    if (memory_live_count() != 0) {
        abort();
    }
}
