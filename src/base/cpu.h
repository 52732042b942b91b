/* The processor's vector level, and the choice between code compiled for several levels. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>

enum cpu_level {
    CPU_BASELINE = 0, /* what every processor of the architecture has (x86-64: SSE2; aarch64: NEON) */
    CPU_AVX2 = 1,     /* AVX2 and FMA */
    CPU_AVX512 = 2    /* AVX-512 F, BW, DQ, VL */
};

/* The best level the processor and the operating system offer. */
enum cpu_level cpu_level_best(void);

/* Whether it offers AVX-512 BF16, which OpenBLAS's Cooperlake kernels are compiled for. */
bool cpu_has_bfloat16(void);

/* The level in use: the best one, or a lower one named in the environment variable MLP_VECTOR_LEVEL
 * ("baseline", "avx2", "avx512") when the process began to use the library. */
enum cpu_level cpu_level(void);

const char *cpu_level_name(enum cpu_level level);

/* Files listed as `level_sources` in src/meson.build are compiled once for every level, with MLP_LEVEL set to
 * the level's name; they give their external symbols a suffix: LEVEL_NAME(rows) is rows_avx2, and so on. */
#define LEVEL_JOIN_(name, level) name##_##level
#define LEVEL_JOIN(name, level) LEVEL_JOIN_(name, level)
#define LEVEL_NAME(name) LEVEL_JOIN(name, MLP_LEVEL)

/* Declares `name` of type `type` for all levels, and LEVEL_SELECT(name) picks that of the level in use. */
#if defined(__x86_64__)
#define LEVEL_DECLARE(type, name)                                                                            \
    extern type name##_baseline;                                                                             \
    extern type name##_avx2;                                                                                 \
    extern type name##_avx512
#define LEVEL_PICK(name, level)                                                                              \
    ((level) == CPU_AVX512 ? &name##_avx512 : (level) == CPU_AVX2 ? &name##_avx2 : &name##_baseline)
#else
#define LEVEL_DECLARE(type, name) extern type name##_baseline
#define LEVEL_PICK(name, level) ((void)(level), &name##_baseline)
#endif
#define LEVEL_SELECT(name) LEVEL_PICK(name, cpu_level())

#endif
