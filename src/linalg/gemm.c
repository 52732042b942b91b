/* Matrix products: the only caller of cblas_sgemm and cblas_sgemv. */
#include "linalg/gemm.h"

#include <cblas.h>

void gemm_nn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc)
{
    if (n == 1) {
        cblas_sgemv(CblasColMajor, CblasNoTrans, (int)m, (int)k, 1.0f, a, (int)lda, b, 1, 0.0f, c, 1);
        return;
    }
    cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)lda, b, (int)ldb,
                0.0f, c, (int)ldc);
}

void gemm_tn(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc)
{
    if (n == 1) {
        cblas_sgemv(CblasColMajor, CblasTrans, (int)k, (int)m, 1.0f, a, (int)lda, b, 1, 0.0f, c, 1);
        return;
    }
    cblas_sgemm(CblasColMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)lda, b, (int)ldb, 0.0f,
                c, (int)ldc);
}

void gemm_nt(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc)
{
    cblas_sgemm(CblasColMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1.0f, a, (int)lda, b, (int)ldb, 0.0f,
                c, (int)ldc);
}
