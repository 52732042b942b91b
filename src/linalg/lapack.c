/* The only caller of LAPACKE. */
#include "linalg/lapack.h"

#include <lapacke.h>
#include <limits.h>
#include <stdbool.h>

#include "base/memory.h"
#include "base/status.h"
#include "linalg/blas_memory.h"
#include "linalg/blas_section.h"

/* Workspace of the two calls, in floats. */
static mlp_status query(float *a, lapack_int m, lapack_int n, size_t *floats)
{
    float factor = 0.0f, generate = 0.0f, tau = 0.0f;
    const lapack_int failed = LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, m, n, a, m, &tau, &factor, -1);
    FAIL_IF(failed != 0 || LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, m, n, n, a, m, &tau, &generate, -1) != 0,
            MLP_ERROR_SHAPE, "LAPACK refuses a QR factorization of %d × %d", (int)m, (int)n);
    *floats = (size_t)(factor > generate ? factor : generate) + 1;
    return MLP_OK;
}

/* Q of a = Q·R in place of a; the signs of R's diagonal in `signs`. */
static bool factorize(float *a, lapack_int m, lapack_int n, float *tau, float *signs, float *work,
                      lapack_int floats)
{
    if (LAPACKE_sgeqrf_work(LAPACK_COL_MAJOR, m, n, a, m, tau, work, floats) != 0) {
        return false;
    }
    for (lapack_int j = 0; j < n; j++) {
        signs[j] = a[(size_t)j + (size_t)j * (size_t)m] < 0.0f ? -1.0f : 1.0f;
    }
    return LAPACKE_sorgqr_work(LAPACK_COL_MAJOR, m, n, n, a, m, tau, work, floats) == 0;
}

mlp_status lapack_orthonormalize(float *a, size_t rows, size_t columns)
{
    BLAS_SECTION(true); /* the same bits whatever BLAS's thread count */
    BLAS_MEMORY(1);
    size_t floats = 0, total;
    FAIL_IF(rows > INT_MAX || columns > rows || columns == 0, MLP_ERROR_SHAPE,
            "QR factorization of %zu × %zu, expected 1 ≤ columns ≤ rows ≤ %d", rows, columns, INT_MAX);
    const lapack_int m = (lapack_int)rows, n = (lapack_int)columns;
    TRY(query(a, m, n, &floats));
    FAIL_IF(floats > INT_MAX || !size_add(floats, 2 * columns, &total), MLP_ERROR_SHAPE,
            "QR factorization of %zu × %zu needs too large a workspace", rows, columns);
    float *work = memory_allocate(total, sizeof(float));
    REQUIRE_MEMORY(work);
    float *tau = work + floats, *signs = tau + columns;
    const bool done = factorize(a, m, n, tau, signs, work, (lapack_int)floats);
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            a[i + j * rows] *= signs[j];
        }
    }
    memory_free(work);
    return done ? MLP_OK : fail(MLP_ERROR_SHAPE, "LAPACK could not factorize %zu × %zu", rows, columns);
}

mlp_status lapack_singular_values(float *a, size_t rows, size_t columns, float *values)
{
    BLAS_SECTION(true);
    BLAS_MEMORY(1);
    float floats = 0.0f, none = 0.0f;
    FAIL_IF(rows > INT_MAX || columns > INT_MAX || rows == 0 || columns == 0, MLP_ERROR_SHAPE,
            "singular values of %zu × %zu, expected sizes of 1 to %d", rows, columns, INT_MAX);
    const lapack_int m = (lapack_int)rows, n = (lapack_int)columns;
    FAIL_IF(LAPACKE_sgesvd_work(LAPACK_COL_MAJOR, 'N', 'N', m, n, a, m, values, &none, 1, &none, 1, &floats,
                                -1) != 0 ||
                floats > (float)INT_MAX,
            MLP_ERROR_SHAPE, "LAPACK refuses the singular values of %d × %d", (int)m, (int)n);
    float *work = memory_allocate((size_t)floats + 1, sizeof(float));
    REQUIRE_MEMORY(work);
    const lapack_int failed = LAPACKE_sgesvd_work(LAPACK_COL_MAJOR, 'N', 'N', m, n, a, m, values, &none, 1,
                                                  &none, 1, work, (lapack_int)floats);
    memory_free(work);
    return failed == 0
               ? MLP_OK
               : fail(MLP_ERROR_NONFINITE, "the singular values of %d × %d did not converge", (int)m, (int)n);
}
