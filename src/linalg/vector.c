/* Vector kernels: plain loops that the compiler turns into the level's instructions. */
#include "linalg/vector.h"

#include <stdbool.h>
#include <string.h>

#include "base/vector_math.h"
#include "linalg/small_product.h"
#include "linalg/vector_reduce.h"

enum { LANES = 16, COLUMN_BLOCK = 64 };

/* Sums of squares and the largest bits in lanes. Without their sign bit, floats are ordered as their bits
 * are. */
enum { INTEGERS = VECTOR_REGISTER / (int)sizeof(int32_t) };

struct lanes {
    doubles squares[REDUCE_VECTORS];
    integers largest[REDUCE_LANES / INTEGERS];
};

/* Adds x to the first `count` lanes: all or half of them, a constant at each call. */
static inline __attribute__((always_inline)) void add_to_lanes(struct lanes *lanes, const float *x,
                                                               size_t count)
{
#pragma GCC unroll 16
    for (size_t v = 0; v < count / REDUCE_WIDTH; v++) {
        lanes->squares[v] = plus_square(lanes->squares[v], widened(x + v * REDUCE_WIDTH));
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < count / INTEGERS; v++) {
        integers bits;
        memcpy(&bits, x + v * INTEGERS, sizeof bits);
        lanes->largest[v] = larger_of(lanes->largest[v], bits & 0x7FFFFFFF);
    }
}

static inline float largest_of(const struct lanes *lanes)
{
    integers all = lanes->largest[0];
    int32_t most = 0;
#pragma GCC unroll 8
    for (size_t v = 1; v < REDUCE_LANES / INTEGERS; v++) {
        all = larger_of(all, lanes->largest[v]);
    }
    for (size_t k = 0; k < INTEGERS; k++) {
        most = all[k] > most ? all[k] : most;
    }
    return float_of_bits((uint32_t)most);
}

/* Entry i of a column goes to lane i of REDUCE_LANES, in turn. */
static struct magnitude measure(const float *x, size_t rows, size_t columns, size_t leading_dimension)
{
    struct lanes lanes = { { { 0.0 } }, { { 0 } } };
    if (rows == leading_dimension) {
        rows *= columns;
        columns = 1;
    }
    for (size_t j = 0; j < columns; j++) {
        const float *column = x + j * leading_dimension;
        size_t i = 0;
        for (; i + REDUCE_LANES <= rows; i += REDUCE_LANES) {
            add_to_lanes(&lanes, column + i, REDUCE_LANES);
        }
        if (rows - i == REDUCE_LANES / 2) {
            add_to_lanes(&lanes, column + i, REDUCE_LANES / 2);
        } else if (i < rows) {
            float last[REDUCE_LANES] = { 0.0f };
            memcpy(last, column + i, (rows - i) * sizeof *last);
            add_to_lanes(&lanes, last, REDUCE_LANES);
        }
    }
    return (struct magnitude){ folded_sum(lanes.squares), (double)largest_of(&lanes) };
}

/* Rows are summed side by side: float over a block of columns, then double over the blocks. */
static void row_sums_of_lanes(const float *restrict x, size_t columns, size_t leading_dimension,
                              float *restrict sums, size_t lanes)
{
    double total[LANES] = { 0.0 };
    for (size_t first = 0; first < columns; first += COLUMN_BLOCK) {
        const size_t end = first + COLUMN_BLOCK < columns ? first + COLUMN_BLOCK : columns;
        float sum[LANES] = { 0.0f };
        for (size_t j = first; j < end; j++) {
            for (size_t k = 0; k < lanes; k++) {
                sum[k] += x[k + j * leading_dimension];
            }
        }
        for (size_t k = 0; k < LANES; k++) {
            total[k] += (double)sum[k];
        }
    }
    for (size_t k = 0; k < lanes; k++) {
        sums[k] = (float)total[k];
    }
}

static void row_sums(const float *x, size_t rows, size_t columns, size_t leading_dimension, float *sums)
{
    size_t i = 0;
    for (; i + LANES <= rows; i += LANES) {
        row_sums_of_lanes(x + i, columns, leading_dimension, sums + i, LANES);
    }
    if (i < rows) {
        row_sums_of_lanes(x + i, columns, leading_dimension, sums + i, rows - i);
    }
}

/* Of each of eight columns two registers at once: with AVX-512 on a Zen 5, a fifteenth less time than one. */
enum { COLUMNS_AT_ONCE = 8, REGISTERS_AT_ONCE = 2, ROWS_AT_ONCE = REGISTERS_AT_ONCE * REGISTER_FLOATS };

/* y += the next eight columns, times their x. */
static void add_columns(const float *matrix, size_t rows, size_t leading_dimension, const float *x, float *y)
{
    size_t i = 0;
    for (; i + ROWS_AT_ONCE <= rows; i += ROWS_AT_ONCE) {
        register_floats sums[REGISTERS_AT_ONCE] = { { 0.0f } };
#pragma GCC unroll 8
        for (size_t k = 0; k < COLUMNS_AT_ONCE; k++) {
            const float *entry = matrix + i + k * leading_dimension;
#pragma GCC unroll 8
            for (size_t v = 0; v < REGISTERS_AT_ONCE; v++) {
                const register_floats product = load_register(entry + v * REGISTER_FLOATS) * x[k];
                sums[v] = k > 0 ? sums[v] + product : product;
            }
        }
#pragma GCC unroll 8
        for (size_t v = 0; v < REGISTERS_AT_ONCE; v++) {
            sums[v] += load_register(y + i + v * REGISTER_FLOATS);
            memcpy(y + i + v * REGISTER_FLOATS, &sums[v], sizeof sums[v]);
        }
    }
    for (; i < rows; i++) {
        float sum = matrix[i] * x[0];
        for (size_t k = 1; k < COLUMNS_AT_ONCE; k++) {
            sum += matrix[i + k * leading_dimension] * x[k];
        }
        y[i] += sum;
    }
}

/* One matrix by one vector is bound by reading the matrix: columns are taken eight at a time. */
static void multiply(const float *matrix, size_t rows, size_t columns, size_t leading_dimension,
                     const float *x, float *restrict y)
{
    size_t j = 0;
    memset(y, 0, rows * sizeof *y);
    for (; j + COLUMNS_AT_ONCE <= columns; j += COLUMNS_AT_ONCE) {
        add_columns(matrix + j * leading_dimension, rows, leading_dimension, x + j, y);
    }
    for (; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            y[i] += matrix[i + j * leading_dimension] * x[j];
        }
    }
}

static void add(float *restrict sum, const float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += x[i];
    }
}

static double dot(const float *a, const float *b, size_t count)
{
    return vector_dot(a, b, count);
}

static void add_scaled(float *restrict sum, double factor, const float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] = (float)((double)sum[i] + factor * (double)x[i]);
    }
}

static void standardize(const float *x, const float *mean, const float *inverse, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (x[i] - mean[i]) * inverse[i];
    }
}

static void from_bytes(const uint8_t *restrict bytes, float scale, size_t count, float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)bytes[i] * scale;
    }
}

/* The first i with x[i] == value, or `count`. */
static inline size_t place_of(const float *x, size_t count, float value)
{
    size_t i = 0;
    for (; count >= REDUCE_LANES && i + REGISTER_FLOATS <= count; i += REGISTER_FLOATS) {
        const unsigned bits = equal_bits(x + i, value);
        if (bits != 0) {
            return i + (size_t)__builtin_ctz(bits);
        }
    }
    while (i < count && x[i] != value) {
        i++;
    }
    return i;
}

enum { LARGEST_CHUNK = 1024 };

/* The largest of each chunk, so that its place is looked for from the first chunk on that has it. */
static size_t largest_at(const float *x, size_t count)
{
    float largest = vector_largest(x, count < LARGEST_CHUNK ? count : (size_t)LARGEST_CHUNK);
    size_t start = 0;
    for (size_t first = LARGEST_CHUNK; first < count; first += LARGEST_CHUNK) {
        const size_t left = count - first;
        const float candidate =
            vector_largest(x + first, left < LARGEST_CHUNK ? left : (size_t)LARGEST_CHUNK);
        start = candidate > largest ? first : start;
        largest = candidate > largest ? candidate : largest;
    }
    const size_t place = start + place_of(x + start, count - start, largest);
    return place < count ? place : 0;
}

static size_t rank(const float *x, size_t count, size_t index)
{
    const float value = x[index];
    size_t before = 0;
    for (size_t i = 0; i < index; i++) {
        before += x[i] >= value;
    }
    for (size_t i = index; i < count; i++) {
        before += x[i] > value;
    }
    return before;
}

const struct vector_kernels LEVEL_NAME(vector_kernels) = {
    .measure = measure,
    .row_sums = row_sums,
    .multiply = multiply,
    .add = add,
    .dot = dot,
    .add_scaled = add_scaled,
    .standardize = standardize,
    .from_bytes = from_bytes,
    .largest_at = largest_at,
    .rank = rank,
#if defined(SMALL_PRODUCT)
    .small_product = small_product,
#endif
};
