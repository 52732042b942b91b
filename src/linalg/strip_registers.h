/* The registers of linalg/small_product.h on each vector level, and how they are shared out. Nothing below
 * AVX2. For files that are compiled for each level. */
#ifndef LINALG_STRIP_REGISTERS_H
#define LINALG_STRIP_REGISTERS_H

#include <stddef.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define SMALL_PRODUCT

typedef __m512 strip_floats;
enum { STRIP_VECTOR = 16 };
#define strip_zero _mm512_setzero_ps
#define strip_load _mm512_loadu_ps
#define strip_store _mm512_storeu_ps
#define strip_add _mm512_add_ps
#define strip_spread _mm512_set1_ps
#define strip_multiply_add _mm512_fmadd_ps

typedef __mmask16 strip_mask;
#define strip_masked_load(x, rows) _mm512_maskz_loadu_ps(rows, x)
#define strip_masked_store _mm512_mask_storeu_ps

static inline strip_mask strip_first(size_t rows)
{
    return (strip_mask)((1u << rows) - 1);
}

enum { STRIP_COPIED = 0, PANEL = 16 };
/* Columns that are held at once of a strip of 1, 2 and 3 vectors: 16 to 24 of the 32 registers. */
static const int strip_columns_held[] = { 0, 16, 8, 8 };

/* Vectors of the next strip where so many are left. */
static inline int strip_vectors(size_t left)
{
    if (left == 1) {
        return 1;
    }
    return left % 2 != 0 ? 3 : 2;
}
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define SMALL_PRODUCT

typedef __m256 strip_floats;
enum { STRIP_VECTOR = 8 };
#define strip_zero _mm256_setzero_ps
#define strip_load _mm256_loadu_ps
#define strip_store _mm256_storeu_ps
#define strip_add _mm256_add_ps
#define strip_spread _mm256_set1_ps
#define strip_multiply_add _mm256_fmadd_ps

typedef __m256i strip_mask;
#define strip_masked_load _mm256_maskload_ps
#define strip_masked_store _mm256_maskstore_ps

static inline strip_mask strip_first(size_t rows)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)rows), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Whether strips that alias are copied: the first cache may have 32 KiB. */
enum { STRIP_COPIED = 1, PANEL = 12 };
/* 12 of the 16 registers. */
static const int strip_columns_held[] = { 0, 12, 6, 4 };

static inline int strip_vectors(size_t left)
{
    if (left == 1) {
        return 1;
    }
    return left == 2 || left == 4 ? 2 : 3;
}
#endif

#endif
