/* Vector kernels: plain loops that the compiler turns into the level's instructions. */
#include "linalg/vector.h"

#include <string.h>

#include "linalg/vector_math.h"

enum { LANES = 16, COLUMN_BLOCK = 64, CACHED = 4096 }; /* 4096 floats stay in L1 between two passes */

/* GCC's and Clang's vector types, as wide as the level's registers: wider ones would be taken apart badly. */
#if defined(__AVX512F__)
#define REGISTER 64
#elif defined(__AVX__)
#define REGISTER 32
#else
#define REGISTER 16
#endif
typedef double doubles __attribute__((vector_size(REGISTER)));
typedef float floats __attribute__((vector_size(REGISTER / 2)));
enum { WIDTH = REGISTER / (int)sizeof(double) };

/* Adds x² to 16 independent sums in turn: additions need not wait for one another, and the order is the same whatever
 * the registers' width. */
static void add_squares(const float *x, size_t count, double sums[LANES])
{
    doubles partial[LANES / WIDTH];
    size_t i = 0;
    memcpy(partial, sums, sizeof partial);
    for (; i + LANES <= count; i += LANES) {
        for (size_t v = 0; v < LANES / WIDTH; v++) {
            floats values;
            memcpy(&values, x + i + v * WIDTH, sizeof values);
            const doubles wide = __builtin_convertvector(values, doubles);
            partial[v] += wide * wide;
        }
    }
    memcpy(sums, partial, sizeof partial);
    for (size_t k = 0; i < count; i++, k++) {
        sums[k] += (double)x[i] * (double)x[i];
    }
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
    double sums[LANES] = { 0.0 };
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
    struct magnitude result = { 0.0, (double)float_of_bits(largest) };
    for (size_t k = 0; k < LANES; k++) {
        result.squares += sums[k];
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

static void add(float *restrict sum, const float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        sum[i] += x[i];
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
    .add = add,
    .standardize = standardize,
    .from_bytes = from_bytes,
};
