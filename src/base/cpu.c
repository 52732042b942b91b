/* The processor's vector level. */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[] = {
    [CPU_BASELINE] = "baseline", [CPU_AVX2] = "avx2", [CPU_AVX512] = "avx512"
};

enum cpu_level cpu_level_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        return CPU_AVX512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return CPU_AVX2;
    }
#endif
    return CPU_BASELINE;
}

bool cpu_has_bfloat16(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

static int choose_level(void)
{
    const int best = (int)cpu_level_best();
    const char *wanted = getenv("MLP_VECTOR_LEVEL");
    if (wanted != NULL) {
        for (int level = 0; level < best; level++) {
            if (strcmp(wanted, level_names[level]) == 0) {
                return level;
            }
        }
    }
    return best;
}

enum cpu_level cpu_level(void)
{
    static atomic_int chosen = -1;
    int level = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (level < 0) {
        level = choose_level();
        atomic_store_explicit(&chosen, level, memory_order_relaxed);
    }
    return (enum cpu_level)level;
}

const char *cpu_level_name(enum cpu_level level)
{
    return level_names[level];
}
