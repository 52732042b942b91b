/* What the library runs on. */
#include <mlp/info.h>
#include <mlp/version.h>

#include "base/cpu.h"
#include "base/team.h"
#include "linalg/blas.h"

/* One static sentence for each core that blas_core_suggested() may name. */
static const char *hint_for(const char *suggested)
{
    if (suggested == NULL) {
        return NULL;
    }
    return suggested[0] == 'S' ? "OpenBLAS took kernels for an older processor: set "
                                 "OPENBLAS_CORETYPE=SkylakeX in the environment "
                                 "before the program starts, for up to twice the speed"
                               : "OpenBLAS took kernels for an older processor: set "
                                 "OPENBLAS_CORETYPE=Haswell in the environment "
                                 "before the program starts, for up to twice the speed";
}

void mlp_info_get(mlp_info *info)
{
    if (info == NULL) {
        return;
    }
    *info = (mlp_info){
        .version = mlp_version(),
        .blas_config = blas_config(),
        .blas_core = blas_core(),
        .blas_threading = blas_threading(),
        .blas_small_matrix = blas_class() == BLAS_SMALL_MATRIX,
        .vector_level = cpu_level_name(cpu_level()),
        .processor_level = cpu_level_name(cpu_level_best()),
        .threads = team_default_threads(),
        .openmp = team_has_openmp(),
        .zlib = MLP_HAVE_ZLIB,
        .blas_core_suggested = blas_core_suggested(),
        .hint = hint_for(blas_core_suggested()),
    };
}
