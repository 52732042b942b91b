/* Reductions over runs of floats: independent partial results in turn, so that no operation waits for the one
 * before, folded in a fixed order. The order is the same whatever the registers' width: the vector level does
 * not change a bit. For files that are compiled for each level. */
#ifndef LINALG_VECTOR_REDUCE_H
#define LINALG_VECTOR_REDUCE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* GCC's and Clang's vector types, as wide as the level's registers: wider ones would be taken apart badly. */
#if defined(__AVX512F__)
#include <immintrin.h>
#define VECTOR_REGISTER 64
#elif defined(__AVX__)
#include <immintrin.h>
#define VECTOR_REGISTER 32
#else
#define VECTOR_REGISTER 16
#endif
typedef double doubles __attribute__((vector_size(VECTOR_REGISTER)));
typedef float floats __attribute__((vector_size(VECTOR_REGISTER / 2)));
typedef int32_t integers __attribute__((vector_size(VECTOR_REGISTER)));

/* Partial results, and floats of `floats`. */
enum {
    REDUCE_LANES = 32,
    REDUCE_WIDTH = VECTOR_REGISTER / (int)sizeof(double),
    REDUCE_VECTORS = REDUCE_LANES / REDUCE_WIDTH
};

/* A register of floats. */
typedef float register_floats __attribute__((vector_size(VECTOR_REGISTER)));
enum { REGISTER_FLOATS = VECTOR_REGISTER / (int)sizeof(float) };

static inline register_floats load_register(const float *x)
{
    register_floats values;
    memcpy(&values, x, sizeof values);
    return values;
}

/* Stores to an address that is aligned to a register, past the caches where the level can: a line is not read
 * before it is written. stream_end() before another thread reads it. */
static inline void stream_register(float *to, register_floats values)
{
#if defined(__AVX512F__)
    _mm512_stream_ps(to, (__m512)values);
#elif defined(__AVX__)
    _mm256_stream_ps(to, (__m256)values);
#else
    memcpy(to, &values, sizeof values);
#endif
}

static inline void stream_end(void)
{
#if defined(__AVX__)
    _mm_sfence();
#endif
}

/* The next floats as doubles, exactly. GCC 12 takes a wide conversion apart, at twice the time and more. */
static inline doubles widened(const float *x)
{
    floats values;
    memcpy(&values, x, sizeof values);
#if defined(__AVX512F__)
    return (doubles)_mm512_cvtps_pd((__m256)values);
#elif defined(__AVX__)
    return (doubles)_mm256_cvtps_pd((__m128)values);
#else
    return __builtin_convertvector(values, doubles);
#endif
}

/* sum + x², to the same bits with a fused multiply-add: the square of a float is exact in double. */
static inline doubles plus_square(doubles sum, doubles x)
{
#if defined(__AVX512F__)
    return (doubles)_mm512_fmadd_pd((__m512d)x, (__m512d)x, (__m512d)sum);
#elif defined(__FMA__)
    return (doubles)_mm256_fmadd_pd((__m256d)x, (__m256d)x, (__m256d)sum);
#else
    return sum + x * x;
#endif
}

/* The larger of each two. */
static inline integers larger_of(integers a, integers b)
{
#if defined(__AVX512F__)
    return (integers)_mm512_max_epi32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (integers)_mm256_max_epi32((__m256i)a, (__m256i)b);
#else
    const integers first = a > b;
    return (a & first) | (b & ~first);
#endif
}

/* The sum of the partial sums, by halves. Of a copy: GCC keeps in registers what has constant indices. */
static inline double folded_sum(const doubles partial[REDUCE_VECTORS])
{
    double sums[REDUCE_LANES];
#pragma GCC unroll 16
    for (size_t v = 0; v < REDUCE_VECTORS; v++) {
        memcpy(sums + v * REDUCE_WIDTH, &partial[v], sizeof partial[v]);
    }
#pragma GCC unroll 8
    for (size_t half = REDUCE_LANES / 2; half > 0; half /= 2) {
        for (size_t k = 0; k < half; k++) {
            sums[k] += sums[k + half];
        }
    }
    return sums[0];
}

/* Σ x, in double. */
static inline double vector_sum(const float *x, size_t count)
{
    double sum = 0.0;
    size_t i = 0;
    if (count >= REDUCE_LANES) {
        doubles partial[REDUCE_VECTORS] = { { 0.0 } };
        for (; i + REDUCE_LANES <= count; i += REDUCE_LANES) {
            for (size_t v = 0; v < REDUCE_VECTORS; v++) {
                partial[v] += widened(x + i + v * REDUCE_WIDTH);
            }
        }
        sum = folded_sum(partial);
    }
    for (; i < count; i++) {
        sum += (double)x[i];
    }
    return sum;
}

/* Σ a·b, in double. */
static inline double vector_dot(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    size_t i = 0;
    if (count >= REDUCE_LANES) {
        doubles partial[REDUCE_VECTORS] = { { 0.0 } };
        for (; i + REDUCE_LANES <= count; i += REDUCE_LANES) {
            for (size_t v = 0; v < REDUCE_VECTORS; v++) {
                partial[v] += widened(a + i + v * REDUCE_WIDTH) * widened(b + i + v * REDUCE_WIDTH);
            }
        }
        sum = folded_sum(partial);
    }
    for (; i < count; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* Bit i is set where x[i] == value, of a register of floats. */
static inline unsigned equal_bits(const float *x, float value)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_set1_ps(value), _CMP_EQ_OQ);
#elif defined(__AVX__)
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x), _mm256_set1_ps(value), _CMP_EQ_OQ));
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < REGISTER_FLOATS; i++) {
        bits |= (unsigned)(x[i] == value) << i;
    }
    return bits;
#endif
}

/* vector_largest() of at least REDUCE_LANES; the last of them may be taken twice. */
static inline float largest_of_many(const float *x, size_t count)
{
    float partial[REDUCE_LANES];
    for (size_t k = 0; k < REDUCE_LANES; k++) {
        partial[k] = -INFINITY;
    }
    for (size_t i = 0; i < count; i += REDUCE_LANES) {
        const size_t from = i + REDUCE_LANES <= count ? i : count - REDUCE_LANES;
        for (size_t k = 0; k < REDUCE_LANES; k++) {
            partial[k] = x[from + k] > partial[k] ? x[from + k] : partial[k];
        }
    }
    for (size_t half = REDUCE_LANES / 2; half > 0; half /= 2) {
        for (size_t k = 0; k < half; k++) {
            partial[k] = partial[k + half] > partial[k] ? partial[k + half] : partial[k];
        }
    }
    return partial[0];
}

/* max x, where NaN counts for nothing; −∞ for none. */
static inline float vector_largest(const float *x, size_t count)
{
    float largest = -INFINITY;
    if (count >= REDUCE_LANES) {
        return largest_of_many(x, count);
    }
    for (size_t i = 0; i < count; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return largest;
}

#endif
