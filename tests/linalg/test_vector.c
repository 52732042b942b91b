/* Vector kernels at every level the processor has, against naive loops in double. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "linalg/vector.h"
#include "linalg/vector_reduce.h"

enum { CAPACITY = 16384, LARGEST_TAIL = 70 };

static float input[CAPACITY];
static float output[CAPACITY];

static const struct vector_kernels *kernels_of(enum cpu_level level)
{
    return LEVEL_PICK(vector_kernels, level);
}

#define FOR_EACH_LEVEL(level)                                                                                \
    for (enum cpu_level level = CPU_BASELINE; level <= cpu_level_best();                                     \
         level = (enum cpu_level)((int)level + 1))

/* Values for the matrix, and 1e30 in the padding between its columns: it must not be looked at. */
static float *matrix(size_t offset, size_t rows, size_t columns, size_t leading_dimension)
{
    uint64_t state = rows * 1000 + columns;
    assert_true(offset + leading_dimension * columns <= CAPACITY);
    for (size_t i = 0; i < CAPACITY; i++) {
        input[i] = 1e30f;
    }
    for (size_t j = 0; j < columns; j++) {
        test_fill(&state, -2.0, 3.0, input + offset + j * leading_dimension, rows);
    }
    return input + offset;
}

static void check_measure(const struct vector_kernels *kernels, const float *x, size_t rows, size_t columns,
                          size_t leading_dimension)
{
    double squares = 0.0, largest = 0.0;
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            const double entry = (double)x[i + j * leading_dimension];
            squares += entry * entry;
            largest = fmax(largest, fabs(entry));
        }
    }
    const struct magnitude got = kernels->measure(x, rows, columns, leading_dimension);
    assert_close(got.squares, squares, 1e-13); /* at most 4000 sums in double, in another order */
    assert_true(got.largest == largest);
}

static void test_measure(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t rows = 0; rows <= LARGEST_TAIL; rows++) {
            for (size_t columns = 0; columns <= 3; columns++) {
                const size_t padded = rows + columns + 1;
                check_measure(kernels_of(level), matrix(rows % 4, rows, columns, rows), rows, columns, rows);
                check_measure(kernels_of(level), matrix(rows % 4, rows, columns, padded), rows, columns,
                              padded);
            }
        }
        check_measure(kernels_of(level), matrix(1, 4001, 1, 4001), 4001, 1, 4001);
        check_measure(kernels_of(level), matrix(3, 1237, 13, 1237), 1237, 13, 1237);
    }
}

/* Every place in the vector loop, its remainders and the scalar end sees the special value. */
static void test_measure_special_values(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        const struct vector_kernels *kernels = kernels_of(level);
        for (size_t at = 0; at < LARGEST_TAIL; at++) {
            float x[LARGEST_TAIL] = { 0.0f };
            x[at] = -1e20f;
            struct magnitude got = kernels->measure(x, LARGEST_TAIL, 1, LARGEST_TAIL);
            assert_close(got.squares / 1e40, 1.0, 1e-6);
            assert_true(got.largest == (double)1e20f);
            x[at] = FLT_MAX;
            got = kernels->measure(x, LARGEST_TAIL, 1, LARGEST_TAIL);
            assert_true(got.squares == (double)FLT_MAX * (double)FLT_MAX && got.largest == (double)FLT_MAX);
            x[at] = -FLT_TRUE_MIN;
            got = kernels->measure(x, LARGEST_TAIL, 1, LARGEST_TAIL);
            assert_true(got.squares == 0x1p-298 && got.largest == 0x1p-149);
            x[at] = -INFINITY;
            got = kernels->measure(x, LARGEST_TAIL, 1, LARGEST_TAIL);
            assert_true(isinf(got.squares) && isinf(got.largest));
            x[at] = NAN;
            assert_true(isnan(kernels->measure(x, LARGEST_TAIL, 1, LARGEST_TAIL).squares));
        }
    }
}

static void check_row_sums(const struct vector_kernels *kernels, size_t rows, size_t columns, size_t padding)
{
    const size_t leading_dimension = rows + padding;
    const float *x = matrix(columns % 4, rows, columns, leading_dimension);
    output[rows] = 77.0f;
    kernels->row_sums(x, rows, columns, leading_dimension, output);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0.0, magnitudes = 0.0;
        for (size_t j = 0; j < columns; j++) {
            sum += (double)x[i + j * leading_dimension];
            magnitudes += fabs((double)x[i + j * leading_dimension]);
        }
        /* blocks of 64 summed in float: 64 roundings of 2⁻²⁴ each at worst */
        assert_true(fabs((double)output[i] - sum) <= 4e-6 * magnitudes);
    }
    assert_true(output[rows] == 77.0f);
}

static void test_row_sums(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t rows = 0; rows <= 40; rows++) {
            check_row_sums(kernels_of(level), rows, 0, 1);
            check_row_sums(kernels_of(level), rows, 1, 0);
            check_row_sums(kernels_of(level), rows, 63, 3);
            check_row_sums(kernels_of(level), rows, 130, 2);
        }
        check_row_sums(kernels_of(level), 300, 17, 4);
    }
}

/* Added one by one in float, these would come out 1.5e-4 too small. */
static void test_row_sums_of_many_columns(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t j = 0; j < CAPACITY; j++) {
            input[j] = 0.1f;
        }
        kernels_of(level)->row_sums(input, 1, CAPACITY, 1, output);
        assert_true(fabs((double)output[0] / ((double)0.1f * CAPACITY) - 1.0) <
                    1e-6); /* blocks of 64 equal terms */
    }
}

static void test_row_sums_keep_nan_in_its_row(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t at = 0; at < 35; at++) {
            float *x = matrix(0, 35, 5, 35);
            x[at + 2 * 35] = NAN;
            kernels_of(level)->row_sums(x, 35, 5, 35, output);
            for (size_t i = 0; i < 35; i++) {
                assert_true(isnan(output[i]) == (i == at));
            }
        }
    }
}

static void test_standardize(void **unused)
{
    (void)unused;
    float x[LARGEST_TAIL], mean[LARGEST_TAIL], inverse[LARGEST_TAIL], whole[LARGEST_TAIL], cut[LARGEST_TAIL];
    uint64_t state = 5;
    test_fill(&state, -100.0, 100.0, x, LARGEST_TAIL);
    test_fill(&state, -10.0, 10.0, mean, LARGEST_TAIL);
    test_fill(&state, 0.01, 10.0, inverse, LARGEST_TAIL);
    FOR_EACH_LEVEL(level)
    {
        const struct vector_kernels *kernels = kernels_of(level);
        kernels->standardize(x, mean, inverse, LARGEST_TAIL, whole);
        for (size_t i = 0; i < LARGEST_TAIL; i++) {
            const double expected = ((double)x[i] - (double)mean[i]) * (double)inverse[i];
            assert_true(fabs((double)whole[i] - expected) <= 1.2e-7 * fabs(expected)); /* two roundings */
        }
        for (size_t at = 0; at <= LARGEST_TAIL;
             at++) { /* the same bits however the range is cut, and in place */
            memcpy(cut, x, sizeof x);
            kernels->standardize(cut, mean, inverse, at, cut);
            kernels->standardize(cut + at, mean + at, inverse + at, LARGEST_TAIL - at, cut + at);
            assert_memory_equal(cut, whole, sizeof whole);
        }
    }
}

static void test_from_bytes(void **unused)
{
    (void)unused;
    uint8_t bytes[256 + 4];
    const float scale = 1.0f / 255.0f;
    FOR_EACH_LEVEL(level)
    {
        for (size_t offset = 0; offset < 4; offset++) {
            for (size_t i = 0; i < 256; i++) {
                bytes[offset + i] = (uint8_t)i;
            }
            for (size_t count = 0; count <= 256; count += count < LARGEST_TAIL ? 1 : 31) {
                output[offset + count] = 77.0f;
                kernels_of(level)->from_bytes(bytes + offset, scale, count, output + offset);
                for (size_t i = 0; i < count; i++) {
                    assert_true(output[offset + i] == (float)i * scale);
                }
                assert_true(output[offset + count] == 77.0f);
            }
        }
    }
}

/* Every place of the largest in runs of every length, with ties and NaN. */
static void test_largest_and_rank(void **unused)
{
    enum { LONGEST = 3 * REDUCE_LANES + 5 };
    float x[LONGEST];
    uint64_t state = 4;
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t count = 1; count <= LONGEST; count++) {
            for (size_t at = 0; at < count; at++) {
                size_t expected = 0, before = 0;
                for (size_t i = 0; i < count; i++) {
                    x[i] = (float)(int)test_uniform(&state, -4.0, 4.0);
                }
                x[count / 2] = count > 2 && at % 3 == 0 ? NAN : x[count / 2];
                x[at] = (float)(at % 7); /* among 0 to 3 on either side */
                while (expected < count && isnan(x[expected])) {
                    expected++;
                }
                for (size_t i = 0; i < count; i++) {
                    expected = x[i] > x[expected] ? i : expected;
                    before += x[i] > x[at] || (x[i] == x[at] && i < at);
                }
                assert_int_equal(kernels_of(level)->largest_at(x, count), expected);
                assert_int_equal(kernels_of(level)->rank(x, count, at), before);
            }
        }
        x[0] = x[1] = x[2] = NAN;
        assert_int_equal(kernels_of(level)->largest_at(x, 3), 0);
        assert_int_equal(kernels_of(level)->rank(x, 3, 2), 0);
    }
}

/* Of several chunks: the largest, and one more like it behind, on either side of every multiple of 256. */
static void test_largest_of_many(void **unused)
{
    enum { COUNT = 3000 };
    static float x[COUNT];
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t at = 0; at < COUNT; at += at % 256 == 0 ? 255 : 1) {
            for (size_t i = 0; i < COUNT; i++) {
                x[i] = i % 5 == 0 ? NAN : -INFINITY;
            }
            assert_int_equal(kernels_of(level)->largest_at(x, COUNT), 1);
            x[at] = x[(at + COUNT) / 2] = -3.0f;
            assert_int_equal(kernels_of(level)->largest_at(x, COUNT), at);
        }
        memset(x, 0xFF, sizeof x); /* NaN */
        assert_int_equal(kernels_of(level)->largest_at(x, COUNT), 0);
        x[COUNT - 1] = -INFINITY;
        assert_int_equal(kernels_of(level)->largest_at(x, COUNT), COUNT - 1);
    }
}

static void test_level_in_use(void **unused)
{
    (void)unused;
    assert_ptr_equal(vector_kernels(), kernels_of(cpu_level()));
}

/* y = matrix · x, with the leading dimension padded by 1e30; sums of k terms below 6 in size are good to
 * k·2⁻²⁴ of the sum of their magnitudes, whatever the order. */
static void check_multiply(enum cpu_level level, size_t offset, size_t rows, size_t columns)
{
    const size_t padded = rows + 3;
    const float *m = matrix(offset, rows, columns, padded);
    float x[LARGEST_TAIL + 1], same[LARGEST_TAIL + 2];
    uint64_t state = 9;
    test_fill(&state, -2.0, 2.0, x, columns);
    output[rows] = 77.0f;
    kernels_of(level)->multiply(m, rows, columns, padded, x, output);
    kernels_of(CPU_BASELINE)->multiply(m, rows, columns, padded, x, same);
    assert_true(output[rows] == 77.0f);
    assert_memory_equal(output, same, rows * sizeof(float));
    for (size_t i = 0; i < rows; i++) {
        double sum = 0.0, size = 1e-30;
        for (size_t j = 0; j < columns; j++) {
            sum += (double)m[i + j * padded] * (double)x[j];
            size += fabs((double)m[i + j * padded] * (double)x[j]);
        }
        assert_true(fabs(output[i] - sum) <= (double)(columns + 1) * 0x1p-24 * size);
    }
}

static void test_multiply(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t rows = 0; rows <= LARGEST_TAIL; rows++) {
            for (size_t columns = 0; columns <= 33; columns++) {
                check_multiply(level, rows % 5, rows, columns);
            }
        }
    }
}

/* Large enough that lines are asked for ahead of their use, and past the end of the matrix. */
static void test_multiply_beyond_the_caches(void **unused)
{
    enum { ROWS = 600, COLUMNS = 901 };
    float *m = malloc(sizeof(float) * ROWS * COLUMNS), x[COLUMNS], y[ROWS];
    uint64_t state = 10;
    (void)unused;
    test_fill(&state, -1.0, 1.0, m, ROWS * COLUMNS);
    test_fill(&state, -1.0, 1.0, x, COLUMNS);
    FOR_EACH_LEVEL(level)
    {
        kernels_of(level)->multiply(m, ROWS, COLUMNS, ROWS, x, y);
        for (size_t i = 0; i < ROWS; i++) {
            double sum = 0.0, size = 0.0;
            for (size_t j = 0; j < COLUMNS; j++) {
                sum += (double)m[i + j * ROWS] * (double)x[j];
                size += fabs((double)m[i + j * ROWS] * (double)x[j]);
            }
            assert_true(fabs(y[i] - sum) <= COLUMNS * 0x1p-24 * size);
        }
    }
    free(m);
}

/* Against a loop in order; the same bits on every level. */
static void test_dot(void **unused)
{
    static float a[4099], b[4099];
    uint64_t state = 21;
    (void)unused;
    test_fill(&state, -2.0, 3.0, a, 4099);
    test_fill(&state, -1.0, 2.0, b, 4099);
    for (size_t count = 0; count <= 4099; count += count <= LARGEST_TAIL ? 1 : 1009) {
        double sum = 0.0;
        for (size_t i = 0; i < count; i++) {
            sum += (double)a[i] * (double)b[i];
        }
        const double first = kernels_of(CPU_BASELINE)->dot(a, b, count);
        assert_close(first, sum, 1e-12); /* 4000 sums in double, in another order */
        FOR_EACH_LEVEL(level)
        {
            assert_true(kernels_of(level)->dot(a, b, count) == first);
        }
    }
    a[0] = b[0] = 1e30f; /* whose product no float holds */
    assert_close(kernels_of(cpu_level())->dot(a, b, 1), (double)1e30f * (double)1e30f, 1e-15);
}

/* Sums and largest values against plain loops; the largest at every place, NaN beside it. */
static void test_reductions(void **unused)
{
    enum { MOST = 3 * REDUCE_LANES + 5 };
    float x[MOST];
    uint64_t state = 23;
    (void)unused;
    for (size_t count = 0; count <= MOST; count++) {
        double sum = 0.0;
        test_fill(&state, -3.0, -1.0, x, MOST);
        for (size_t i = 0; i < count; i++) {
            sum += (double)x[i];
        }
        assert_close(vector_sum(x, count), sum, 1e-14);
        assert_true(count > 0 || vector_largest(x, count) == -INFINITY);
        for (size_t i = 0; i < count; i++) {
            const float kept = x[i];
            x[i] = 7.0f;
            x[(i + 1) % count] = i + 1 < count ? NAN : x[(i + 1) % count];
            assert_true(vector_largest(x, count) == 7.0f);
            x[(i + 1) % count] = i + 1 < count ? -2.0f : x[(i + 1) % count];
            x[i] = kept;
        }
    }
}

static void test_add_scaled(void **unused)
{
    float x[LARGEST_TAIL], sum[LARGEST_TAIL], expected[LARGEST_TAIL];
    uint64_t state = 22;
    (void)unused;
    test_fill(&state, -2.0, 3.0, x, LARGEST_TAIL);
    FOR_EACH_LEVEL(level)
    {
        for (size_t count = 0; count <= LARGEST_TAIL; count++) {
            test_fill(&state, -1.0, 1.0, sum, LARGEST_TAIL);
            for (size_t i = 0; i < LARGEST_TAIL; i++) {
                expected[i] = i < count ? (float)((double)sum[i] + 1e-3 * (double)x[i]) : sum[i];
            }
            kernels_of(level)->add_scaled(sum, 1e-3, x, count);
            assert_memory_equal(sum, expected, sizeof sum);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_dot),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_add_scaled),
        cmocka_unit_test(test_multiply_beyond_the_caches),
        cmocka_unit_test(test_measure_special_values),
        cmocka_unit_test(test_row_sums),
        cmocka_unit_test(test_row_sums_of_many_columns),
        cmocka_unit_test(test_row_sums_keep_nan_in_its_row),
        cmocka_unit_test(test_standardize),
        cmocka_unit_test(test_from_bytes),
        cmocka_unit_test(test_largest_and_rank),
        cmocka_unit_test(test_largest_of_many),
        cmocka_unit_test(test_level_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
