/* The only door to LAPACKE. Column-major. */
#ifndef LINALG_LAPACK_H
#define LINALG_LAPACK_H

#include <stddef.h>

#include <mlp/status.h>

/* Replaces a (rows×columns, rows ≥ columns, leading dimension rows) by Q of its QR factorization, each column
 * times the sign of R's diagonal entry (sign(0) = +1): for Gaussian a, Q is Haar-distributed (Mezzadri 2007).
 * MLP_ERROR_MEMORY, or MLP_ERROR_SHAPE when a size does not fit LAPACK's int. */
mlp_status lapack_orthonormalize(float *a, size_t rows, size_t columns);

/* Singular values of a (rows×columns, leading dimension rows), which is destroyed: min(rows, columns) values,
 * descending. a must be finite. MLP_ERROR_MEMORY, MLP_ERROR_SHAPE as above, MLP_ERROR_NONFINITE where the
 * iteration fails. */
mlp_status lapack_singular_values(float *a, size_t rows, size_t columns, float *values);

#endif
