/* What the library runs on. */
#include <mlp/info.h>
#include <mlp/version.h>

#include "base/cpu.h"
#include "base/team.h"
#include "linalg/blas.h"

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
        .hint = blas_core_suggested() != NULL ? mlp_blas_core_reason() : NULL,
    };
}
