/* Matrix products: the only door to cblas_sgemm and cblas_sgemv. All matrices are column-major, sizes checked when
 * the network or workspace was made (every size and leading dimension fits BLAS's int). C must alias neither A nor B.
 * Called with BLAS on one thread (blas_enter()). beta is 0: C is overwritten, whatever it held. */
#ifndef LINALG_GEMM_H
#define LINALG_GEMM_H

#include <stddef.h>

/* C (m×n) = A (m×k) · B (k×n); one column goes through sgemv. */
void gemm_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc);

/* C (m×n) = Aᵀ · B, A is k×m, B is k×n; one column goes through sgemv. */
void gemm_tn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc);

/* C (m×n) = A · Bᵀ, A is m×k, B is n×k. */
void gemm_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc);

#endif
