/* Facts about OpenBLAS, and keeping it to one thread while the library runs its own. */
#include "linalg/blas.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

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

static pthread_mutex_t entered_lock = PTHREAD_MUTEX_INITIALIZER;
static size_t entered;      /* sections under way, all threads together */
static int callers_threads; /* the setting to restore when the last one ends */

/* OpenBLAS's OpenMP build also sets the calling thread's OpenMP default, which is the caller's too. */
static void set_blas_threads(int threads)
{
#ifdef _OPENMP
    const int openmp_default = omp_get_max_threads();
#endif
    openblas_set_num_threads(threads);
#ifdef _OPENMP
    if (omp_get_max_threads() != openmp_default) {
        omp_set_num_threads(openmp_default);
    }
#endif
}

void blas_enter(void)
{
    pthread_mutex_lock(&entered_lock);
    if (entered++ == 0) {
        callers_threads = openblas_get_num_threads();
        if (callers_threads != 1) {
            set_blas_threads(1);
        }
    }
    pthread_mutex_unlock(&entered_lock);
}

void blas_leave(void)
{
    pthread_mutex_lock(&entered_lock);
    if (--entered == 0 && callers_threads != 1) {
        set_blas_threads(callers_threads);
    }
    pthread_mutex_unlock(&entered_lock);
}
