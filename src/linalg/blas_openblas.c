/* OpenBLAS. */
#include "linalg/blas.h"

#include <cblas.h>
#include <string.h>

#include "base/cpu.h"

/* Cores whose kernels make full use of a vector level (names as in OPENBLAS_CORETYPE). */
static const char *const avx512_cores[] = { "SkylakeX", "Cooperlake", "SapphireRapids" };
static const char *const older_cores[] = { "Prescott",    "Core2",     "Penryn", "Dunnington", "Nehalem",
                                           "Sandybridge", "Atom",      "Athlon", "Opteron",    "Opteron_SSE3",
                                           "Barcelona",   "Bobcat",    "Nano",   "Bulldozer",  "Katmai",
                                           "Coppermine",  "Northwood", "Banias" };

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

#define LISTED(name, list) is_one_of(name, list, sizeof(list) / sizeof((list)[0]))

enum blas_class blas_class(void)
{
    return LISTED(openblas_get_corename(), avx512_cores) ? BLAS_SMALL_MATRIX : BLAS_PACKED;
}

/* The small-matrix kernels have no threads, and serve up to 10⁶ multiply-adds where neither matrix is
 * transposed (kernel/x86_64/sgemm_small_kernel_permit_skylakex.c). Elsewhere interface/gemm.c starts
 * threads beyond SMP_THRESHOLD_MIN · GEMM_MULTITHREAD_THRESHOLD, the second of which a build may set down
 * to 1. */
double blas_serial_limit(void)
{
    return blas_class() == BLAS_SMALL_MATRIX ? 1e6 : 65536.0;
}

const char *blas_core(void)
{
    return openblas_get_corename();
}

const char *blas_config(void)
{
    return openblas_get_config();
}

const char *blas_threading(void)
{
    switch (openblas_get_parallel()) {
    case OPENBLAS_SEQUENTIAL: return "sequential";
    case OPENBLAS_THREAD: return "pthreads";
    case OPENBLAS_OPENMP: return "openmp";
    default: return "unknown";
    }
}

int blas_threads(void)
{
    return openblas_get_num_threads();
}

void blas_set_threads(int threads)
{
    openblas_set_num_threads(threads);
}

const char *blas_core_suggested(void)
{
    const char *core = openblas_get_corename();
    const enum cpu_level level = cpu_level_best();
    if (level == CPU_AVX512 && !LISTED(core, avx512_cores)) {
        return "SkylakeX";
    }
    if (level == CPU_AVX2 && LISTED(core, older_cores)) {
        return "Haswell";
    }
    return NULL;
}
