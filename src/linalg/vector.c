/* Vector kernels: plain loops that the compiler turns into the level's instructions. */
#include "linalg/vector.h"

#include <stdbool.h>
#include <string.h>

#include "base/vector_math.h"
#include "linalg/small_product.h"
#include "linalg/vector_reduce.h"

enum { LANES = 16, COLUMN_BLOCK = 64 };

/* Adds the squares of whole runs of REDUCE_LANES floats, and keeps the largest bits; returns how many it
 * took. Without their sign bit, floats are ordered as their bits are. The square of a float is exact in
 * double. */
static size_t add_squares(const float *x, size_t count, double sums[REDUCE_LANES],
                          int32_t largest[REDUCE_LANES])
{
    doubles partial[REDUCE_VECTORS];
    size_t i = 0;
    memcpy(partial, sums, sizeof partial);
    for (; i + REDUCE_LANES <= count; i += REDUCE_LANES) {
        for (size_t v = 0; v < REDUCE_VECTORS; v++) {
            const doubles wide = widened(x + i + v * REDUCE_WIDTH);
            partial[v] += wide * wide;
        }
        for (size_t k = 0; k < REDUCE_LANES; k++) {
            const int32_t bits = bits_of_float(x[i + k]) & 0x7FFFFFFF;
            largest[k] = bits > largest[k] ? bits : largest[k];
        }
    }
    memcpy(sums, partial, sizeof partial);
    return i;
}

static struct magnitude measure(const float *x, size_t rows, size_t columns, size_t leading_dimension)
{
    double sums[REDUCE_LANES] = { 0.0 };
    int32_t largest[REDUCE_LANES] = { 0 };
    if (rows == leading_dimension) {
        rows *= columns;
        columns = 1;
    }
    for (size_t j = 0; j < columns; j++) {
        const float *column = x + j * leading_dimension;
        for (size_t i = add_squares(column, rows, sums, largest), k = 0; i < rows; i++, k++) {
            const int32_t bits = bits_of_float(column[i]) & 0x7FFFFFFF;
            sums[k] += (double)column[i] * (double)column[i];
            largest[k] = bits > largest[k] ? bits : largest[k];
        }
    }
    for (size_t half = REDUCE_LANES / 2; half > 0; half /= 2) {
        for (size_t k = 0; k < half; k++) {
            largest[k] = largest[k + half] > largest[k] ? largest[k + half] : largest[k];
        }
    }
    return (struct magnitude){ folded_sum(sums), (double)float_of_bits((uint32_t)largest[0]) };
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

/* As many rows as a register has floats. */
typedef float register_floats __attribute__((vector_size(VECTOR_REGISTER)));
enum { REGISTER_FLOATS = VECTOR_REGISTER / (int)sizeof(float), COLUMNS_AT_ONCE = 8 };

static inline register_floats load_register(const float *x)
{
    register_floats values;
    memcpy(&values, x, sizeof values);
    return values;
}

/* y += the next eight columns, times their x. */
static void add_columns(const float *matrix, size_t rows, size_t leading_dimension, const float *x, float *y)
{
    size_t i = 0;
    for (; i + REGISTER_FLOATS <= rows; i += REGISTER_FLOATS) {
        const float *entry = matrix + i;
        register_floats sum = load_register(entry) * x[0];
        for (size_t k = 1; k < COLUMNS_AT_ONCE; k++) {
            sum += load_register(entry + k * leading_dimension) * x[k];
        }
        sum += load_register(y + i);
        memcpy(y + i, &sum, sizeof sum);
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

static size_t largest_at(const float *x, size_t count)
{
    const float largest = vector_largest(x, count);
    size_t i = 0;
    for (bool found = false; i + REDUCE_LANES <= count; i += REDUCE_LANES) {
        for (size_t k = 0; k < REDUCE_LANES; k++) {
            found |= x[i + k] == largest;
        }
        if (found) {
            break;
        }
    }
    while (i < count && x[i] != largest) {
        i++;
    }
    return i < count ? i : 0;
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
