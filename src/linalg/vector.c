/* Vector kernels: plain loops that the compiler turns into the level's instructions. */
#include "linalg/vector.h"

#include <string.h>

#include "linalg/vector_math.h"

enum { LANES = 16, COLUMN_BLOCK = 64, CACHED = 4096 }; /* 4096 floats stay in L1 between two passes */

/* 8 doubles side by side: GCC's and Clang's vector types, whatever registers the level has. */
typedef double doubles __attribute__((vector_size(64)));
typedef float floats __attribute__((vector_size(32)));

static inline void add_square(const float *x, doubles *sum)
{
    floats values;
    memcpy(&values, x, sizeof values);
    const doubles wide = __builtin_convertvector(values, doubles);
    *sum += wide * wide;
}

/* Adds Σ x² to four independent sums, so that additions need not wait for one another; their order is fixed. */
static void add_squares(const float *x, size_t count, doubles sums[4])
{
    doubles s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        add_square(x + i, &s0);
        add_square(x + i + 8, &s1);
        add_square(x + i + 16, &s2);
        add_square(x + i + 24, &s3);
    }
    for (; i + 8 <= count; i += 8) {
        add_square(x + i, &s0);
    }
    for (size_t k = 0; i < count; i++, k++) {
        s1[k] += (double)x[i] * (double)x[i];
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

/* Without their sign bit, floats are ordered as their bits are: a maximum of integers, in any order. */
static int32_t largest_bits(const float *x, size_t count, int32_t largest)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t bits = bits_of_float(x[i]) & 0x7FFFFFFF;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

static struct magnitude measure(const float *x, size_t rows, size_t columns, size_t leading_dimension)
{
    doubles sums[4] = { { 0.0 } };
    int32_t largest = 0;
    if (rows == leading_dimension) {
        rows *= columns;
        columns = 1;
    }
    for (size_t j = 0; j < columns; j++) {
        for (size_t first = 0; first < rows; first += CACHED) {
            const float *block = x + j * leading_dimension + first;
            const size_t count = first + CACHED < rows ? CACHED : rows - first;
            add_squares(block, count, sums);
            largest = largest_bits(block, count, largest);
        }
    }
    const doubles total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    struct magnitude result = { 0.0, (double)float_of_bits(largest) };
    for (size_t k = 0; k < 8; k++) {
        result.squares += total[k];
    }
    return result;
}

/* Rows are summed side by side: float over a block of columns, then double over the blocks. */
static void row_sums_of_lanes(const float *restrict x, size_t columns, size_t leading_dimension, float *restrict sums,
                              size_t lanes)
{
    double total[LANES] = { 0.0 };
    for (size_t first = 0; first < columns; first += COLUMN_BLOCK) {
        const size_t end = first + COLUMN_BLOCK < columns ? first + COLUMN_BLOCK : columns;
        float part[LANES] = { 0.0f };
        for (size_t j = first; j < end; j++) {
            for (size_t k = 0; k < lanes; k++) {
                part[k] += x[k + j * leading_dimension];
            }
        }
        for (size_t k = 0; k < LANES; k++) {
            total[k] += (double)part[k];
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

const struct vector_kernels LEVEL_NAME(vector_kernels) = {
    .measure = measure,
    .row_sums = row_sums,
    .standardize = standardize,
    .from_bytes = from_bytes,
};
