/* The BLAS that the library is built on, by -Dblas: facts, and its threads. blas_openblas.c speaks to
 * OpenBLAS, whose kernels blas_core.c can choose; blas_any.c to every other one. */
#ifndef LINALG_BLAS_H
#define LINALG_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* Largest row, column or leading dimension a product may have: BLAS counts in int. */
#define BLAS_SIZE_LIMIT ((size_t)2147483584)

/* Whether the core's kernels pack both operands of every product, or have a second set for small products;
 * BLAS_BYPASSED where they pack and our own kernel takes their place (gemm_class()). */
enum blas_class { BLAS_PACKED = 0, BLAS_SMALL_MATRIX = 1, BLAS_BYPASSED = 2 };

enum blas_class blas_class(void); /* never BLAS_BYPASSED */
const char *blas_core(void);      /* e.g. "SkylakeX" */
const char *blas_config(void);    /* its name and version first, then what it says of itself */
const char *blas_threading(void); /* "sequential", "pthreads" or "openmp" */

/* Threads that a call from this thread may take; 1 where BLAS has none of its own. */
int blas_threads(void);
void blas_set_threads(int threads);

/* Multiply-adds up to which a product of two matrices, neither of them transposed, has one thread, whatever
 * BLAS is set to. */
double blas_serial_limit(void);

/* A core name that fits the processor better than the one that BLAS chose, or NULL. */
const char *blas_core_suggested(void);

#endif
