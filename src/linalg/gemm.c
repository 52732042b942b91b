/* Matrix products: the only caller of cblas_sgemm and cblas_sgemv. */
#include "linalg/gemm.h"

#include MLP_CBLAS_HEADER

#include "base/assert.h"
#include "linalg/small_product.h"
#include "linalg/vector.h"

/* Rows that our own kernel takes are a multiple of it. */
enum { WHOLE_VECTOR = 16 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum blas_class gemm_class(void)
{
    const enum blas_class class = blas_class();
    return class == BLAS_PACKED && vector_kernels()->small_product != NULL ? BLAS_BYPASSED : class;
}

static bool bypasses(struct gemm_block block, size_t m, bool transposed)
{
    return block.small && (transposed || m % WHOLE_VECTOR == 0) && vector_kernels()->small_product != NULL;
}

bool gemm_sums_pieces(struct gemm_block block, size_t m, size_t k)
{
    return bypasses(block, m, false) && k <= TN_INNER_MOST;
}

bool gemm_calls_blas(struct gemm_block block, size_t m, size_t n)
{
    return !bypasses(block, m, false) && (n > 1 || block.small);
}

/* Pieces of the inner length outermost: a piece of A stays in cache for all columns. By reference: copied as
 * whole vectors what has just been written would be waited for, 25 ns a product. */
static void multiply_small(struct small_product *product, size_t inner, size_t k)
{
    const float *a = product->a, *b = product->b;
    const size_t a_step = product->transposed ? 1 : product->lda;
    inner = product->transposed ? smaller(inner, TN_INNER_MOST) : inner;
    for (size_t first = 0; first < k; first += inner) {
        product->k = smaller(inner, k - first);
        product->a = a + first * a_step;
        product->b = b + first * product->b_row;
        vector_kernels()->small_product(product);
        product->adds = true;
    }
}

/* By calls of BLAS, or by our own kernel in the order in which they would be made. */
static void multiply(struct gemm_block block, CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n,
                     size_t k, const float *a, size_t lda, const float *b, size_t ldb, float first_beta,
                     float *c, size_t ldc)
{
    const bool a_plain = ta == CblasNoTrans, b_plain = tb == CblasNoTrans;
    const size_t a_step = a_plain ? lda : 1, b_step = b_plain ? 1 : ldb, b_column = b_plain ? ldb : 1;
    MLP_ASSERT(block.columns > 0 && block.inner > 0 && ldc >= m);
    MLP_ASSERT(lda >= (a_plain ? m : k) && ldb >= (b_plain ? k : n));
    MLP_ASSERT(block.pieces <= 1 || (k <= block.inner && gemm_sums_pieces(block, m, k)));
    if (bypasses(block, m, !a_plain)) {
        struct small_product product = { .m = m,
                                         .n = n,
                                         .pieces = block.pieces,
                                         .transposed = !a_plain,
                                         .a = a,
                                         .lda = lda,
                                         .b = b,
                                         .b_row = b_step,
                                         .b_column = b_column,
                                         .adds = first_beta != 0.0f,
                                         .c = c,
                                         .ldc = ldc };
        multiply_small(&product, block.inner, k);
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

void gemm_tn(struct gemm_block block, size_t m, size_t n, size_t k, const float *a, size_t lda,
             const float *b, size_t ldb, float *c, size_t ldc)
{
    if (n == 1 && !block.small) {
        cblas_sgemv(CblasColMajor, CblasTrans, (int)k, (int)m, 1.0f, a, (int)lda, b, 1, 0.0f, c, 1);
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
