/* The right OpenBLAS kernels, by executing the command once more. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <mlp/info.h>

#include "command.h"

/* Set in the second execution, so that there is no third. */
static const char mark[] = "MLP_BLAS_CORE_SET";

int blas_core_was_set(void)
{
    return getenv(mark) != NULL && getenv("OPENBLAS_CORETYPE") != NULL;
}

void take_right_blas_core(char **argv)
{
    char path[PATH_MAX];
    mlp_info info;
    mlp_info_get(&info);
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    const int chosen = getenv("OPENBLAS_CORETYPE") != NULL || getenv(mark) != NULL;
    if (info.blas_core_suggested == NULL || chosen || length <= 0) {
        return;
    }
    path[length] = '\0';
    if (setenv("OPENBLAS_CORETYPE", info.blas_core_suggested, 1) == 0 && setenv(mark, "1", 1) == 0) {
        execv(path, argv); /* where this fails the work is done with the slower kernels */
    }
    unsetenv("OPENBLAS_CORETYPE");
    unsetenv(mark);
}
