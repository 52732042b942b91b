/* The three products against one naive triple loop in double. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/blas.h"
#include "linalg/blas_section.h"
#include "linalg/gemm.h"

enum { LIMIT = 300 * 300 };

/* Packed operands, the same with longer columns, and results. */
static float a[LIMIT], b[LIMIT], padded_a[2 * LIMIT], padded_b[2 * LIMIT], c[2 * LIMIT];
static double expected[LIMIT];

typedef void (*product_function)(struct gemm_block block, size_t m, size_t n, size_t k, const float *a,
                                 size_t lda, const float *b, size_t ldb, float *c, size_t ldc);

/* Copies rows × columns to a leading dimension, with NaN between the columns: none of it may be read. */
static void pad(const float *from, size_t rows, size_t columns, float *to, size_t ld)
{
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < ld; i++) {
            to[i + j * ld] = i < rows ? from[i + j * rows] : NAN;
        }
    }
}

/* One product: C is all NaN before, the rows of padding are NaN after. Sums of k terms of size up to 1 are
 * good to k·2⁻²⁴ whatever the order of their addition, with as much again for the products' rounding. */
static void check(product_function product, struct gemm_block block, bool transpose_a, bool transpose_b,
                  size_t m, size_t n, size_t k, size_t extra)
{
    const size_t rows_a = transpose_a ? k : m, columns_a = transpose_a ? m : k;
    const size_t rows_b = transpose_b ? n : k, columns_b = transpose_b ? k : n;
    const size_t ldc = m + extra;
    uint64_t state = 100000 * m + 1000 * n + k;
    test_fill(&state, -1.0, 1.0, a, m * k);
    test_fill(&state, -1.0, 1.0, b, n * k);
    pad(a, rows_a, columns_a, padded_a, rows_a + extra);
    pad(b, rows_b, columns_b, padded_b, rows_b + 2 * extra);
    for (size_t i = 0; i < ldc * n; i++) {
        c[i] = NAN;
    }
    test_product(m, n, k, a, transpose_a, b, transpose_b, expected);
    product(block, m, n, k, padded_a, rows_a + extra, padded_b, rows_b + 2 * extra, c, ldc);
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < ldc; i++) {
            if (i < m) {
                assert_close(c[i + j * ldc], expected[i + j * m], 2.0 * (double)k * 0x1p-24);
            } else {
                assert_true(isnan(c[i + j * ldc]));
            }
        }
    }
}

static void check_sizes(product_function product, bool transpose_a, bool transpose_b)
{
    static const size_t sizes[] = { 1, 2, 3, 7, 15, 16, 17, 31, 33, 48, 64, 65, 80 };
    static const struct gemm_block blocks[] = { { SIZE_MAX, SIZE_MAX, false, 1 },
                                                { SIZE_MAX, SIZE_MAX, true, 1 },
                                                { 16, 16, false, 1 },
                                                { 1, 300, true, 1 },
                                                { 48, 1, false, 1 },
                                                { 31, 64, true, 1 } };
    enum { SIZES = sizeof sizes / sizeof sizes[0], BLOCKS = sizeof blocks / sizeof blocks[0] };
    BLAS_SECTION(true);
    for (size_t i = 0; i < SIZES * SIZES * SIZES; i += (size_t)test_step()) {
        check(product, blocks[i % BLOCKS], transpose_a, transpose_b, sizes[i % SIZES],
              sizes[i / SIZES % SIZES], sizes[i / SIZES / SIZES], i % 4);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        check(product, blocks[i], transpose_a, transpose_b, 257, 130, 299,
              3); /* beyond the small-matrix kernels */
    }
}

static void nn_is_the_product(void **unused)
{
    (void)unused;
    check_sizes(gemm_nn, false, false);
}

static void tn_transposes_the_first(void **unused)
{
    (void)unused;
    check_sizes(gemm_tn, true, false);
}

static void nt_transposes_the_second(void **unused)
{
    (void)unused;
    check_sizes(gemm_nt, false, true);
}

/* C += A·Bᵀ over a run of the inner length after another has the bits of the whole, where the runs are its
 * block's. */
static void runs_add_up_to_the_whole(void **unused)
{
    enum { M = 64, N = 40, K = 500, RUN = 96 };
    static const struct gemm_block block = { 24, RUN, true, 1 };
    static float left[M * K], right[N * K], whole[M * N], sum[M * N];
    uint64_t state = 9;
    (void)unused;
    BLAS_SECTION(true);
    test_fill(&state, -1.0, 1.0, left, M * K);
    test_fill(&state, -1.0, 1.0, right, N * K);
    gemm_nt(block, M, N, K, left, M, right, N, whole, M);
    gemm_nt(block, M, N, RUN, left, M, right, N, sum, M);
    for (size_t k = RUN; k < K; k += RUN) {
        gemm_nt_add(block, M, N, K - k < RUN ? K - k : RUN, left + k * M, M, right + k * N, N, sum, M);
    }
    assert_memory_equal(sum, whole, sizeof sum);
}

/* Our kernel for small products has the bits of the calls whose place it takes, whatever the sizes. */
static void small_products_have_the_bits_of_blas(void **unused)
{
    enum { N = 21, K = 40, MOST = 176 };
    static float left[MOST * K], right[N * K], ours[MOST * N], theirs[MOST * N];
    uint64_t state = 11;
    (void)unused;
    if (blas_class() != BLAS_SMALL_MATRIX) {
        skip();
    }
    BLAS_SECTION(true);
    test_fill(&state, -1.0, 1.0, left, MOST * K);
    test_fill(&state, -1.0, 1.0, right, N * K);
    for (size_t i = 0; i < MOST / 16 * N; i++) {
        const size_t m = 16 * (i % (MOST / 16) + 1), n = i / (MOST / 16) + 1;
        const struct gemm_block calls = { 16, 24, false, 1 }, small = { 16, 24, true, 1 };
        memset(ours, 0, sizeof ours);
        memset(theirs, 0, sizeof theirs);
        if (n > 1) {
            gemm_nn(calls, m, n, K, left, MOST, right, K, theirs, MOST);
            gemm_nn(small, m, n, K, left, MOST, right, K, ours, MOST);
            gemm_nn_add(calls, m, n, K, left, MOST, right, K, theirs, MOST);
            gemm_nn_add(small, m, n, K, left, MOST, right, K, ours, MOST);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
        gemm_nt_add(calls, m, n, K, left, MOST, right, N, theirs, MOST);
        gemm_nt_add(small, m, n, K, left, MOST, right, N, ours, MOST);
        assert_memory_equal(ours, theirs, sizeof ours);
    }
}

/* NaN and infinity in an operand come out in the rows and columns they belong to, and nowhere else. */
static void what_is_not_finite_stays_in_its_place(void **unused)
{
    enum { M = 20, N = 18, K = 33 };
    uint64_t state = 4;
    (void)unused;
    for (size_t n = 1; n <= N; n += N - 1) {
        test_fill(&state, 0.5, 1.0, a, M * K);
        test_fill(&state, 0.5, 1.0, b, K * n);
        a[3 + 5 * M] = NAN;
        a[4 + 5 * M] = INFINITY;
        BLAS_SECTION(true);
        gemm_nn(GEMM_WHOLE, M, n, K, a, M, b, K, c, M);
        for (size_t i = 0; i < M * n; i++) {
            assert_int_equal(isnan(c[i]) != 0, i % M == 3);
            assert_int_equal(isinf(c[i]) != 0, i % M == 4);
        }
    }
}

/* Pieces first … end − 1: the largest power of two below their number goes to the left. */
static void sum_by_tree(const float *pieces, size_t first, size_t end, size_t size, float *sum)
{
    size_t half = 1;
    if (end - first == 1) {
        memcpy(sum, pieces + first * size, size * sizeof *sum);
        return;
    }
    while (2 * half < end - first) {
        half *= 2;
    }
    float *right = malloc(size * sizeof *right);
    sum_by_tree(pieces, first, first + half, size, sum);
    sum_by_tree(pieces, first + half, end, size, right);
    for (size_t i = 0; i < size; i++) {
        sum[i] += right[i];
    }
    free(right);
}

/* Against a call for each piece; columns apart as they are read best, and as copies are made of them. */
static void check_pieces(size_t m, size_t n, size_t k, size_t pieces, size_t lda, size_t ldb)
{
    struct gemm_block block = { SIZE_MAX, k, true, pieces };
    float *left = malloc(k * lda * sizeof *left), *right = malloc(k * ldb * sizeof *right),
          *ours = malloc(m * n * sizeof *ours), *sum = malloc(m * n * sizeof *sum),
          *each = malloc(pieces * m * n * sizeof *each);
    uint64_t state = pieces;
    test_fill(&state, -1.0, 1.0, left, k * lda);
    test_fill(&state, -1.0, 1.0, right, k * ldb);
    gemm_nt(block, m, n, k, left, lda, right, ldb, ours, m);
    block.pieces = 1;
    for (size_t p = 0, first = 0; p < pieces; p++) {
        const size_t length = k / pieces + (p < k % pieces);
        gemm_nt(block, m, n, length, left + first * lda, lda, right + first * ldb, ldb, each + p * m * n, m);
        first += length;
    }
    sum_by_tree(each, 0, pieces, m * n, sum);
    assert_memory_equal(ours, sum, m * n * sizeof *sum);
    memcpy(sum, ours, m * n * sizeof *sum);
    block.pieces = pieces;
    gemm_nt_add(block, m, n, k, left, lda, right, ldb, ours, m);
    for (size_t i = 0; i < m * n; i++) {
        assert_true(ours[i] == sum[i] + sum[i]);
    }
    free(left);
    free(right);
    free(ours);
    free(sum);
    free(each);
}

static void pieces_are_added_by_the_tree(void **unused)
{
    (void)unused;
    if (!gemm_sums_pieces((struct gemm_block){ SIZE_MAX, SIZE_MAX, true, 1 }, 16, TN_INNER_MOST)) {
        skip();
    }
    BLAS_SECTION(true);
    for (size_t pieces = 2; pieces <= 17; pieces++) {
        const size_t m = 16 * (1 + pieces % 4), n = 3 + 7 * pieces;
        check_pieces(m, n, 5 * pieces + pieces / 2, pieces, m, n);
        check_pieces(m, n, pieces, pieces, 256, n);
        check_pieces(64, n, 61, pieces, 64, 512);
    }
    check_pieces(64, 128, TN_INNER_MOST, TN_INNER_MOST, 64, 128);
    check_pieces(64, 50, TN_INNER_MOST, TN_INNER_MOST - 1, 64, 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nn_is_the_product),
        cmocka_unit_test(tn_transposes_the_first),
        cmocka_unit_test(nt_transposes_the_second),
        cmocka_unit_test(runs_add_up_to_the_whole),
        cmocka_unit_test(small_products_have_the_bits_of_blas),
        cmocka_unit_test(pieces_are_added_by_the_tree),
        cmocka_unit_test(what_is_not_finite_stays_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
