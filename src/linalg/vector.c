/* Vector kernels: plain loops that the compiler turns into the level's instructions. */
#include "linalg/vector.h"

/* Independent sums, so that additions need not wait for one another; their order is fixed. */
enum { LANES = 16, COLUMN_BLOCK = 64 };

static struct magnitude measure(const float *x, size_t rows, size_t columns, size_t leading_dimension)
{
    double squares[LANES] = { 0.0 };
    float largest[LANES] = { 0.0f };
    struct magnitude result = { 0.0, 0.0 };
    const size_t whole = rows / LANES * LANES;
    for (size_t j = 0; j < columns; j++) {
        const float *column = x + j * leading_dimension;
        for (size_t i = 0; i < whole; i += LANES) {
            for (size_t k = 0; k < LANES; k++) {
                const double value = (double)column[i + k];
                const float size = __builtin_fabsf(column[i + k]);
                squares[k] += value * value;
                largest[k] = size > largest[k] ? size : largest[k];
            }
        }
        for (size_t i = whole; i < rows; i++) {
            const double value = (double)column[i];
            const float size = __builtin_fabsf(column[i]);
            squares[i - whole] += value * value;
            largest[i - whole] = size > largest[i - whole] ? size : largest[i - whole];
        }
    }
    for (size_t k = 0; k < LANES; k++) {
        result.squares += squares[k];
        result.largest = (double)largest[k] > result.largest ? (double)largest[k] : result.largest;
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
