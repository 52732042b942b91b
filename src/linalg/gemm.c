/* Matrix products: the only caller of cblas_sgemm and cblas_sgemv. */
#include "linalg/gemm.h"

#include MLP_CBLAS_HEADER

#include "base/assert.h"
#include "linalg/small_product.h"
#include "linalg/vector.h"

enum { WHOLE_VECTOR = 16, STRIP_ROWS = 32 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* By our own kernel, in the order in which those calls would be made. */
static void multiply_small(struct gemm_block block, bool transposed, size_t m, size_t n, size_t k,
                           const float *a, size_t lda, const float *b, size_t ldb, bool adds, float *c,
                           size_t ldc)
{
    struct small_product product = { .n = n,
                                     .lda = lda,
                                     .b_row = transposed ? ldb : 1,
                                     .b_column = transposed ? 1 : ldb,
                                     .adds = adds,
                                     .c = c,
                                     .ldc = ldc };
    for (size_t first = 0; first < k; first += product.k) {
        product.k = smaller(block.inner, k - first);
        product.a = a + first * lda;
        product.b = b + first * product.b_row;
        vector_kernels()->small_product(m, &product);
        product.adds = true;
    }
}

/* The pieces of the inner length outermost: a piece of A stays in cache for all columns. */
static void multiply(struct gemm_block block, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n,
                     size_t k, const float *a, size_t lda, const float *b, size_t ldb, float first_beta,
                     float *c, size_t ldc)
{
    const size_t a_step = ta == CblasNoTrans ? lda : 1, b_step = tb == CblasNoTrans ? 1 : ldb;
    const size_t b_column = tb == CblasNoTrans ? ldb : 1;
    MLP_ASSERT(block.columns > 0 && block.inner > 0 && ldc >= m);
    MLP_ASSERT(lda >= (ta == CblasNoTrans ? m : k) && ldb >= (tb == CblasNoTrans ? k : n));
    if (block.small && ta == CblasNoTrans && m % WHOLE_VECTOR == 0 &&
        vector_kernels()->small_product != NULL) {
        multiply_small(block, tb != CblasNoTrans, m, n, k, a, lda, b, ldb, first_beta != 0.0f, c, ldc);
        return;
    }
    for (size_t first = 0; first < k;) {
        const size_t inner = smaller(block.inner, k - first);
        for (size_t column = 0; column < n;) {
            const size_t columns = smaller(block.columns, n - column);
            cblas_sgemm(CblasColMajor, ta, tb, (int)m, (int)columns, (int)inner, 1.0f, a + first * a_step,
                        (int)lda, b + first * b_step + column * b_column, (int)ldb,
                        first == 0 ? first_beta : 1.0f, c + column * ldc, (int)ldc);
            column += columns;
        }
        first += inner;
    }
}

void gemm_nn(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc)
{
    if (n == 1 && !block.small) {
        vector_kernels()->multiply(a, m, k, lda, b, c);
        return;
    }
    multiply(block, CblasNoTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, 0.0f, c, ldc);
}

void gemm_nn_add(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, float *c, size_t ldc)
{
    multiply(block, CblasNoTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, 1.0f, c, ldc);
}

/* Strips of A's columns, transposed into memory of their own, which stays in the first cache for all of B;
 * pieces of the inner length outermost, what they read of B in the second. */
static void multiply_transposed(struct gemm_block block, size_t m, size_t n, size_t k, const float *a,
                                size_t lda, const float *b, size_t ldb, float *c, size_t ldc)
{
    _Alignas(64) float strip[STRIP_ROWS * TN_INNER_MOST];
    block.inner = smaller(block.inner, TN_INNER_MOST);
    for (size_t first = 0; first < k; first += block.inner) {
        const size_t inner = smaller(block.inner, k - first);
        for (size_t i = 0; i < m; i += STRIP_ROWS) {
            const size_t rows = smaller(STRIP_ROWS, m - i);
            vector_kernels()->transpose(a + first + i * lda, lda, inner, rows, strip);
            multiply(block, CblasNoTrans, CblasNoTrans, rows, n, inner, strip, rows, b + first, ldb,
                     first == 0 ? 0.0f : 1.0f, c + i, ldc);
        }
    }
}

void gemm_tn(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc)
{
    if (n == 1 && !block.small) {
        cblas_sgemv(CblasColMajor, CblasTrans, (int)k, (int)m, 1.0f, a, (int)lda, b, 1, 0.0f, c, 1);
        return;
    }
    if (block.small) {
        const size_t whole = m / WHOLE_VECTOR * WHOLE_VECTOR;
        multiply_transposed(block, whole, n, k, a, lda, b, ldb, c, ldc);
        a += whole * lda;
        c += whole;
        m -= whole;
        block.inner = k;
    }
    if (m == 0) {
        return;
    }
    multiply(block, CblasTrans, CblasNoTrans, m, n, k, a, lda, b, ldb, 0.0f, c, ldc);
}

void gemm_nt(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc)
{
    multiply(block, CblasNoTrans, CblasTrans, m, n, k, a, lda, b, ldb, 0.0f, c, ldc);
}

void gemm_nt_add(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
                 const float *b, size_t ldb, float *c, size_t ldc)
{
    multiply(block, CblasNoTrans, CblasTrans, m, n, k, a, lda, b, ldb, 1.0f, c, ldc);
}
