/* Transposition of a matrix by blocks in registers, one vector each way, for files that are compiled for each
 * vector level. */
#ifndef LINALG_VECTOR_TRANSPOSE_H
#define LINALG_VECTOR_TRANSPOSE_H

#include <stddef.h>

#if defined(__AVX512F__)
#include <immintrin.h>

enum { TRANSPOSE_BLOCK = 16 };

/* out[j + out_ld·i] = x[i + ld·j] for `rows` ≤ 16 rows i and 16 columns j, in four rounds of exchanges
 * between registers: of single entries, pairs, quarters and halves. */
static inline void transpose_block(const float *x, size_t ld, size_t rows, float *out, size_t out_ld)
{
    const __mmask16 mask = (__mmask16)((1u << rows) - 1);
    __m512 a[16], b[16];
#pragma GCC unroll 16
    for (int j = 0; j < 16; j++) {
        a[j] = _mm512_maskz_loadu_ps(mask, x + (size_t)j * ld);
    }
#pragma GCC unroll 8
    for (int j = 0; j < 16; j += 2) {
        b[j] = _mm512_unpacklo_ps(a[j], a[j + 1]);
        b[j + 1] = _mm512_unpackhi_ps(a[j], a[j + 1]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 16; j += 4) {
        const __m512d low = _mm512_castps_pd(b[j]), high = _mm512_castps_pd(b[j + 1]);
        const __m512d next_low = _mm512_castps_pd(b[j + 2]), next_high = _mm512_castps_pd(b[j + 3]);
        a[j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, next_low));
        a[j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, next_low));
        a[j + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high, next_high));
        a[j + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high, next_high));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m512 even = _mm512_shuffle_f32x4(a[i], a[4 + i], 0x88);
        const __m512 odd = _mm512_shuffle_f32x4(a[i], a[4 + i], 0xDD);
        const __m512 next_even = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0x88);
        const __m512 next_odd = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0xDD);
        b[i] = _mm512_shuffle_f32x4(even, next_even, 0x88);
        b[4 + i] = _mm512_shuffle_f32x4(odd, next_odd, 0x88);
        b[8 + i] = _mm512_shuffle_f32x4(even, next_even, 0xDD);
        b[12 + i] = _mm512_shuffle_f32x4(odd, next_odd, 0xDD);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        if (i < rows) {
            _mm512_storeu_ps(out + i * out_ld, b[i]);
        }
    }
}
#elif defined(__AVX2__)
#include <immintrin.h>

enum { TRANSPOSE_BLOCK = 8 };

/* The same for 8 × 8, in three rounds. */
static inline void transpose_block(const float *x, size_t ld, size_t rows, float *out, size_t out_ld)
{
    const __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32((int)rows), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256 a[8], b[8];
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) {
        a[j] = _mm256_maskload_ps(x + (size_t)j * ld, mask);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 8; j += 2) {
        b[j] = _mm256_unpacklo_ps(a[j], a[j + 1]);
        b[j + 1] = _mm256_unpackhi_ps(a[j], a[j + 1]);
    }
#pragma GCC unroll 2
    for (int j = 0; j < 8; j += 4) {
        a[j] = _mm256_shuffle_ps(b[j], b[j + 2], 0x44);
        a[j + 1] = _mm256_shuffle_ps(b[j], b[j + 2], 0xEE);
        a[j + 2] = _mm256_shuffle_ps(b[j + 1], b[j + 3], 0x44);
        a[j + 3] = _mm256_shuffle_ps(b[j + 1], b[j + 3], 0xEE);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        b[i] = _mm256_permute2f128_ps(a[i], a[4 + i], 0x20);
        b[4 + i] = _mm256_permute2f128_ps(a[i], a[4 + i], 0x31);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        if (i < rows) {
            _mm256_storeu_ps(out + i * out_ld, b[i]);
        }
    }
}
#endif

#if defined(__AVX512F__) || defined(__AVX2__)
/* out[j + out_ld·i] = x[i + ld·j] of rows × columns entries. */
static inline void vector_transpose(const float *restrict x, size_t ld, size_t rows, size_t columns,
                                    float *restrict out, size_t out_ld)
{
    size_t whole = 0;
    for (; whole + TRANSPOSE_BLOCK <= columns; whole += TRANSPOSE_BLOCK) {
        for (size_t i = 0; i < rows; i += TRANSPOSE_BLOCK) {
            transpose_block(x + i + whole * ld, ld, rows - i < TRANSPOSE_BLOCK ? rows - i : TRANSPOSE_BLOCK,
                            out + whole + i * out_ld, out_ld);
        }
    }
    for (size_t j = whole; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            out[j + i * out_ld] = x[i + j * ld];
        }
    }
}
#endif

#endif
