/* The right OpenBLAS kernels, by executing the program once more. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <mlp/info.h>

#include "bench.h"

void take_right_blas_core(char **argv)
{
    mlp_info info;
    mlp_info_get(&info);
    if (info.blas_core_suggested == NULL || getenv("OPENBLAS_CORETYPE") != NULL) {
        return;
    }
    fprintf(stderr, "mlp-bench: OpenBLAS chose %s kernels; running again with OPENBLAS_CORETYPE=%s\n",
            info.blas_core, info.blas_core_suggested);
    if (setenv("OPENBLAS_CORETYPE", info.blas_core_suggested, 1) == 0) {
        execv("/proc/self/exe", argv);
    }
    perror("mlp-bench: cannot run again");
}
