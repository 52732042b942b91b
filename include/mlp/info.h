/** @file
 * Facts about the build and the machine: the BLAS and its core, threads, vector level; and the choice of
 * the core.
 *
 * OpenBLAS chooses its kernels by a list of processors, and for one that is newer than itself takes those
 * of a very old one, at a fraction of the speed. When libmlp is loaded it has OpenBLAS choose again, by
 * what the processor offers, where OpenBLAS can (builds for many processors, DYNAMIC_ARCH), the process has
 * no threads but OpenBLAS's, and `OPENBLAS_CORETYPE` is not set; products are tried afterwards, and the
 * choice taken back where one is wrong. `MLP_BLAS_CORE=keep` in the environment leaves OpenBLAS alone,
 * `MLP_BLAS_CORE=NAME` takes a core by its name. */
#ifndef MLP_INFO_H
#define MLP_INFO_H

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What the library runs on. All texts are static; fields are never NULL unless said. */
typedef struct mlp_info {
    const char *version;        /**< Library version. */
    const char *blas_config;    /**< Name and version of BLAS, then what it says of itself. */
    const char *blas_core;      /**< OpenBLAS's kernels in use, e.g. "SkylakeX". */
    const char *blas_threading; /**< One of "sequential", "pthreads", "openmp"; "unknown" without OpenBLAS. */
    int blas_small_matrix;      /**< 1 when the core has kernels for small products that skip packing. */
    const char *vector_level;   /**< Vector kernels in use: "baseline", "avx2" or "avx512". */
    const char *processor_level; /**< Best vector level the processor offers, in the same words. */
    int threads;                 /**< Threads a workspace takes by default. */
    int openmp;                  /**< 1 when built with OpenMP. */
    int zlib;                    /**< 1 when gzip'd files can be read. */
    const char
        *blas_core_suggested; /**< Core name that fits the processor better, or NULL when all is well. */
    const char *hint;         /**< One sentence: why that core is not in use; NULL when all is well. */
} mlp_info;

/** Fills `*info`. `info` must not be NULL. Any thread. */
MLP_API void mlp_info_get(mlp_info *info);

/** The core that OpenBLAS had chosen by itself, or by `OPENBLAS_CORETYPE`: mlp_info::blas_core where nothing
 * was changed. Static text; any thread. */
MLP_API const char *mlp_blas_core_chosen(void);

/** One sentence: why another core's kernels run than OpenBLAS chose, or why its choice stays although a
 * better one is known. NULL where the choice fits. Valid until the next mlp_blas_select_core(). */
MLP_API const char *mlp_blas_core_reason(void);

/** Has OpenBLAS take the kernels of a core, for programs that load the library late, when the process has
 * other threads. To be called before any other thread uses BLAS, and any thread the environment, which the
 * call changes for a moment. Workspaces made before keep their way to cut products.
 * @param name Prescott, Sandybridge, Haswell, Zen, SkylakeX or Cooperlake; NULL: the best for this
 * processor
 * Errors: ARGUMENT (another name), UNSUPPORTED (the library was built on another BLAS, OpenBLAS cannot change
 * its kernels, the processor does not run them, another thread computes, or a product tried with them was
 * wrong), MEMORY. OpenBLAS's choice then stays. */
MLP_API mlp_status mlp_blas_select_core(const char *name);

#ifdef __cplusplus
}
#endif

#endif
