/* Facts about OpenBLAS. */
#ifndef LINALG_BLAS_H
#define LINALG_BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* Largest row, column or leading dimension a product may have: BLAS counts in int. */
#define BLAS_SIZE_LIMIT ((size_t)2147483584)

/* Whether the core's kernels pack both operands of every product, or have a second set for small products. */
enum blas_class { BLAS_PACKED = 0, BLAS_SMALL_MATRIX = 1 };

enum blas_class blas_class(void);
const char *blas_core(void);      /* e.g. "SkylakeX" */
const char *blas_config(void);    /* OpenBLAS's description of itself */
const char *blas_threading(void); /* "sequential", "pthreads" or "openmp" */

/* Multiply-adds up to which a product of two matrices, neither of them transposed, has one thread, whatever
 * OpenBLAS is set to. */
double blas_serial_limit(void);

/* A core name that fits the processor better than the one OpenBLAS chose, or NULL. */
const char *blas_core_suggested(void);

#endif
