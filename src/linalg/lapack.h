/* The only door to LAPACKE. Column-major. */
#ifndef LINALG_LAPACK_H
#define LINALG_LAPACK_H

#include <stddef.h>

#include <mlp/status.h>

/* Replaces a (rows×columns, rows ≥ columns, leading dimension rows) by Q of its QR factorization, each column times
 * the sign of R's diagonal entry (sign(0) = +1): for Gaussian a, Q is Haar-distributed (Mezzadri 2007).
 * MLP_ERROR_MEMORY, or MLP_ERROR_SHAPE when a size does not fit LAPACK's int. */
mlp_status lapack_orthonormalize(float *a, size_t rows, size_t columns);

#endif
