/* Matrix products: the only door to cblas_sgemm and cblas_sgemv. All matrices are column-major, sizes checked
 * when the network or workspace was made (every size and leading dimension fits BLAS's int). C must alias
 * neither A nor B. Called with BLAS on one thread (linalg/blas_section.h). C is overwritten, whatever it
 * held. */
#ifndef LINALG_GEMM_H
#define LINALG_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "linalg/blas.h"

/* The class that products are cut for here: BLAS's, or that of our own kernel where it takes BLAS's place. */
enum blas_class gemm_class(void);

/* The calls of BLAS that make up a product: pieces of the inner length one after the other, their results
 * added up in that order, and each piece over runs of columns of C. */
struct gemm_block {
    size_t columns; /* of a call, at most */
    size_t inner;   /* inner length of a call, at most */
    bool small;     /* every call is one of OpenBLAS's small-matrix kernels, or ours with the same bits, which
                     * do not depend on how many columns are computed at once; Aᵀ is copied for it */
    size_t pieces;  /* of the inner length, added up by a tree: see gemm_nt(); 0 and 1: one */
};

/* Inner length of a call of a small TN product, at most. */
enum { TN_INNER_MOST = 256 };

/* One call. */
#define GEMM_WHOLE ((struct gemm_block){ (size_t)-1, (size_t)-1, false, 1 })

/* C (m×n) = A (m×k) · B (k×n); one column goes through the vector kernel, which reads A faster than sgemv. */
void gemm_nn(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc);

/* Whether an NT product of m rows and inner length k that is cut so may be one of pieces. */
bool gemm_sums_pieces(struct gemm_block block, size_t m, size_t k);

/* Whether a product A · B of m rows and n columns makes calls of BLAS. */
bool gemm_calls_blas(struct gemm_block block, size_t m, size_t n);

/* C += A · B; block.small or n > 1. */
void gemm_nn_add(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, float *c, size_t ldc);

/* C (m×n) = Aᵀ · B, A is k×m, B is k×n; one column goes through sgemv, in one call. */
void gemm_tn(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc);

/* C (m×n) = A · Bᵀ, A is m×k, B is n×k. With block.pieces > 1, of a product for which gemm_sums_pieces()
 * is true: the inner length is cut into so many, sizes differing by at most one, the longer first, whose
 * products are added up by a binary tree, with the bits of calls of their own. */
void gemm_nt(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc);
/* C += A · Bᵀ. */
void gemm_nt_add(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, float *c, size_t ldc);

#endif
