/* Vector kernels: loops over flat float arrays, compiled for each vector level. Their results do not depend
 * on how a caller cuts a range into calls, except where a kernel returns a sum. */
#ifndef LINALG_VECTOR_H
#define LINALG_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* What norms need of a range of entries. */
struct magnitude {
    double squares; /* Σ x², in double; not finite exactly when an entry is not */
    double largest; /* max |x|; unspecified when an entry is NaN */
};

struct small_product;

struct vector_kernels {
    /* Σ x² and max |x| of a rows × columns matrix. */
    struct magnitude (*measure)(const float *x, size_t rows, size_t columns, size_t leading_dimension);
    /* sums[i] = Σ_j x[i + j·ld]: row sums, accumulated in float by blocks of columns and then in double. */
    void (*row_sums)(const float *x, size_t rows, size_t columns, size_t leading_dimension, float *sums);
    /* y = matrix · x; entries are added up in an order of their own, the same for every row and level. No
     * overlap. */
    void (*multiply)(const float *matrix, size_t rows, size_t columns, size_t leading_dimension,
                     const float *x, float *y);
    /* sum[i] += x[i] */
    void (*add)(float *sum, const float *x, size_t count);
    /* Σ a[i]·b[i], in double. */
    double (*dot)(const float *a, const float *b, size_t count);
    /* sum[i] += factor · x[i], in double and then rounded. */
    void (*add_scaled)(float *sum, double factor, const float *x, size_t count);
    /* out[i] = (x[i] − mean[i]) · inverse[i]; out may be x. */
    void (*standardize)(const float *x, const float *mean, const float *inverse, size_t count, float *out);
    /* out[i] = bytes[i] · scale */
    void (*from_bytes)(const uint8_t *bytes, float scale, size_t count, float *out);
    /* The index of the largest, the first of several; NaN counts for nothing, 0 where all are NaN. */
    size_t (*largest_at)(const float *x, size_t count);
    /* How many come before x[index]: strictly larger, or equal and of lower index. NaN comes first. */
    size_t (*rank)(const float *x, size_t count, size_t index);
    /* A small product (linalg/small_product.h); NULL below AVX2. */
    void (*small_product)(const struct small_product *product);
};

LEVEL_DECLARE(const struct vector_kernels, vector_kernels);

/* The kernels of the level in use. */
static inline const struct vector_kernels *vector_kernels(void)
{
    return LEVEL_SELECT(vector_kernels);
}

#endif
