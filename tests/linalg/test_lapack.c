/* Orthonormalization: Q of a QR factorization, signs so that R's diagonal is positive. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "linalg/lapack.h"

static void q_spans_and_is_orthonormal(void **unused)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 5, 5 }, { 40, 7 }, { 130, 129 } };
    (void)unused;
    for (size_t s = 0; s < 4; s++) {
        const size_t m = shapes[s][0], n = shapes[s][1];
        float *a = malloc(m * n * sizeof *a), *q = malloc(m * n * sizeof *q);
        uint64_t state = s;
        test_fill(&state, -1.0, 1.0, a, m * n);
        for (size_t i = 0; i < m * n; i++) {
            q[i] = a[i];
        }
        assert_ok(lapack_orthonormalize(q, m, n));
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                double dot = 0.0, r = 0.0;
                for (size_t k = 0; k < m; k++) {
                    dot += (double)q[k + i * m] * q[k + j * m];
                    r += (double)q[k + i * m] * a[k + j * m]; /* R = Qᵀ·A */
                }
                assert_close(dot, i == j, 20.0 * (double)m * FLT_EPSILON);
                assert_true(i < j || (i == j ? r > 0.0 : fabs(r) < 1e-4));
            }
        }
        free(a);
        free(q);
    }
}

static void a_zero_column_keeps_its_place(void **unused)
{
    float a[] = { 1, 0, 0, 0, 0, 0 };
    (void)unused;
    assert_ok(lapack_orthonormalize(a, 3, 2));
    assert_close(a[0], 1.0, 1e-6);
    assert_close(a[3] * a[3] + a[4] * a[4] + a[5] * a[5], 1.0, 1e-6);
}

static void refusals_and_failures(void **unused)
{
    float a[6] = { 1, 2, 3, 4, 5, 7 };
    (void)unused;
    assert_refused(lapack_orthonormalize(a, 2, 3), MLP_ERROR_SHAPE, "2 × 3", NULL);
    assert_refused(lapack_orthonormalize(a, 3, 0), MLP_ERROR_SHAPE, "3 × 0", NULL);
    memory_fail_after(0);
    assert_int_equal(lapack_orthonormalize(a, 3, 2), MLP_ERROR_MEMORY);
    assert_true(a[5] == 7.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(q_spans_and_is_orthonormal),
                                        cmocka_unit_test(a_zero_column_keeps_its_place),
                                        cmocka_unit_test(refusals_and_failures) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
