/* The kernel for small products at every level that has one, against a naive loop in double: whole and
 * partial strips, both copies of a transposed operand, rows that alias, sums that are added to. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "linalg/small_product.h"
#include "linalg/vector.h"

enum { MOST = 130, ALIASED = 512, ALIASED_LEFT = 256, EXTRA = 5 };

/* Operands without padding; with NaN between their columns, none of which may be read; results. */
static float a[MOST * MOST], b[MOST * MOST], before[MOST * MOST];
static float padded_a[(MOST + EXTRA) * MOST], padded_b[ALIASED * MOST];
static float c[(MOST + EXTRA) * MOST], first[(MOST + EXTRA) * MOST];
static double expected[MOST * MOST];

static void pad(const float *from, size_t rows, size_t columns, float *to, size_t ld)
{
    for (size_t i = 0; i < ld * columns; i++) {
        to[i] = i % ld < rows ? from[i % ld + i / ld * rows] : NAN;
    }
}

/* Sums of k terms of size up to 1, and one that they are added to. */
static void check_result(const struct small_product *p)
{
    for (size_t i = 0; i < p->ldc * p->n; i++) {
        const size_t row = i % p->ldc, entry = row + i / p->ldc * p->m;
        if (row >= p->m) {
            assert_true(isnan(c[i]));
        } else {
            const double exact = expected[entry] + (p->adds ? (double)before[entry] : 0.0);
            assert_close(c[i], exact, (2.0 * (double)p->k + 2.0) * 0x1p-24);
        }
    }
}

/* Every level, and the same bits at each. */
static void check_levels(const struct small_product *p)
{
    bool seen = false;
    for (int level = CPU_BASELINE; level <= (int)cpu_level_best(); level++) {
        const struct vector_kernels *kernels = LEVEL_PICK(vector_kernels, level);
        if (kernels->small_product == NULL) {
            continue;
        }
        pad(before, p->m, p->n, c, p->ldc);
        kernels->small_product(p);
        check_result(p);
        if (seen) {
            for (size_t i = 0; i < p->ldc * p->n; i++) {
                assert_true(c[i] == first[i] || isnan(c[i]));
            }
        }
        memcpy(first, c, p->ldc * p->n * sizeof *c);
        seen = true;
    }
}

static void check(size_t m, size_t n, size_t k, bool transpose_a, bool transpose_b, size_t lda, size_t ldb,
                  bool adds)
{
    const size_t rows_a = transpose_a ? k : m, columns_a = transpose_a ? m : k;
    const size_t rows_b = transpose_b ? n : k, columns_b = transpose_b ? k : n;
    const struct small_product product = { .m = m,
                                           .n = n,
                                           .k = k,
                                           .transposed = transpose_a,
                                           .a = padded_a,
                                           .lda = lda,
                                           .b = padded_b,
                                           .b_row = transpose_b ? ldb : 1,
                                           .b_column = transpose_b ? 1 : ldb,
                                           .adds = adds,
                                           .c = c,
                                           .ldc = m + EXTRA };
    uint64_t state = 100000 * m + 1000 * n + k;
    test_fill(&state, -1.0, 1.0, a, m * k);
    test_fill(&state, -1.0, 1.0, b, n * k);
    test_fill(&state, -1.0, 1.0, before, m * n);
    pad(a, rows_a, columns_a, padded_a, lda);
    pad(b, rows_b, columns_b, padded_b, ldb);
    test_product(m, n, k, a, transpose_a, b, transpose_b, expected);
    check_levels(&product);
}

static void every_strip_is_the_product(void **unused)
{
    static const size_t columns[] = { 1, 2, 3, 5, 6, 7, 9, 12, 13, 16, 21, 67 }, inner[] = { 1, 8, 50 };
    enum { COLUMNS = sizeof columns / sizeof columns[0], INNER = sizeof inner / sizeof inner[0] };
    (void)unused;
    for (size_t i = 0; i < 8 * COLUMNS * INNER; i++) {
        const size_t m = 16 * (i % 8 + 1), n = columns[i / 8 % COLUMNS], k = inner[i / 8 / COLUMNS];
        check(m, n, k, false, false, m + EXTRA, k + i % 3, i % 2 > 0);
        check(m, n, k, false, true, ALIASED_LEFT, n + i % 3, i % 2 == 0);
        check(m, n, k, false, true, m + EXTRA, ALIASED, i % 2 > 0);
    }
}

static void transposed_operands_are_copied(void **unused)
{
    static const size_t sizes[] = { 1, 2, 7, 8, 9, 15, 17, 24, 33, 47, 66, 130 };
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    (void)unused;
    for (size_t i = 0; i < SIZES * SIZES * SIZES; i++) {
        const size_t k = sizes[i / SIZES / SIZES];
        check(sizes[i % SIZES], sizes[i / SIZES % SIZES], k, true, false, k + EXTRA, k + i % 3, i % 2 > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strip_is_the_product),
        cmocka_unit_test(transposed_operands_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
