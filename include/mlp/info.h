/** @file
 * Facts about the build and the machine: the BLAS and its core, threads, vector level. */
#ifndef MLP_INFO_H
#define MLP_INFO_H

#include <mlp/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the library runs on. All texts are static; fields are never NULL unless said. */
typedef struct mlp_info {
    const char *version;         /**< Library version. */
    const char *blas_config;     /**< OpenBLAS's own description: version and build options. */
    const char *blas_core;       /**< Kernels OpenBLAS chose for this processor, e.g. "SkylakeX". */
    const char *blas_threading;  /**< "sequential", "pthreads" or "openmp". */
    int blas_small_matrix;       /**< 1 when the core has kernels for small products that skip packing. */
    const char *vector_level;    /**< Vector kernels in use: "baseline", "avx2" or "avx512". */
    const char *processor_level; /**< Best vector level the processor offers, in the same words. */
    int threads;                 /**< Threads a workspace takes by default. */
    int openmp;                  /**< 1 when built with OpenMP. */
    int zlib;                    /**< 1 when gzip'd files can be read. */
    const char
        *blas_core_suggested; /**< Core name that fits the processor better, or NULL when all is well. */
    const char *hint;         /**< One sentence naming `OPENBLAS_CORETYPE`, or NULL when all is well. */
} mlp_info;

/** Fills `*info`. `info` must not be NULL. Any thread. */
MLP_API void mlp_info_get(mlp_info *info);

#ifdef __cplusplus
}
#endif

#endif
