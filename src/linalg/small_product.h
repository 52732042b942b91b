/* Small products of a strip of rows: registers hold 16 to 48 rows of a few columns of C, through the whole
 * inner length. OpenBLAS's small-matrix kernels, whose place it takes, add up each entry in the same order,
 * and round as often: the bits are the same. They hold 64 rows of 4 columns and read the left operand twice
 * as often, and of the last 16 or 48 rows keep 4 or 8 registers, too few for the multipliers' latency.
 * GF/s of one core of a Zen 5 (`mlp-bench tiles`), theirs and this one: NN 64×16×256 224, 261; 48×16×256
 * 177, 262; 16×16×256 135, 200; NT 240×240×128 256, 262. For files that are compiled for each vector level.
 */
#ifndef LINALG_SMALL_PRODUCT_H
#define LINALG_SMALL_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* C (m×n, ldc) = A (m×k, lda) · B (k×n), whose rows and columns are so far apart; or added to C. */
struct small_product {
    size_t n, k;
    const float *a;
    size_t lda;
    const float *b;
    size_t b_row, b_column;
    bool adds;
    float *c;
    size_t ldc;
};

#if defined(__AVX512F__)
#include <immintrin.h>

enum { STRIP_VECTOR = 16, STRIP_VECTORS_MOST = 3, STRIP_COLUMNS_MOST = 16 };

/* Columns of A that are asked for ahead of time, and where they lie so many floats apart, which no processor
 * foresees, more of them. 8 samples through 1024-2048-2048-1000 take 1400 µs in BLAS's calls, 1500 with 16
 * everywhere, 870 with 64; through 20 layers of 256 97, 89 and 102. */
enum { STRIP_AHEAD = 16, STRIP_FAR_AHEAD = 64, STRIP_FAR = 512 };

/* `columns` columns from `j` of the `vectors`·16 rows from `i`; the `first` ones ask for A ahead of time. All
 * three are constants at each call: C's entries are in registers. */
static inline __attribute__((always_inline)) void
strip_columns(const struct small_product *p, size_t i, size_t j, int vectors, int columns, bool first)
{
    const float *a = p->a + i, *b = p->b + j * p->b_column;
    const size_t lda = p->lda, b_row = p->b_row, b_column = p->b_column;
    const size_t ahead = (lda < STRIP_FAR ? STRIP_AHEAD : STRIP_FAR_AHEAD) * lda;
    __m512 sums[STRIP_COLUMNS_MOST][STRIP_VECTORS_MOST];
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            sums[c][v] = _mm512_setzero_ps();
        }
    }
    for (size_t k = p->k; k > 0; k--, a += lda, b += b_row) {
        __m512 entries[STRIP_VECTORS_MOST];
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            entries[v] = _mm512_loadu_ps(a + v * STRIP_VECTOR);
            if (first) {
                _mm_prefetch((const char *)(a + ahead + v * STRIP_VECTOR), _MM_HINT_T0);
            }
        }
#pragma GCC unroll 16
        for (int c = 0; c < columns; c++) {
            const __m512 factor = _mm512_set1_ps(b[(size_t)c * b_column]);
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++) {
                sums[c][v] = _mm512_fmadd_ps(entries[v], factor, sums[c][v]);
            }
        }
    }
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) {
        float *to = p->c + i + (j + (size_t)c) * p->ldc;
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            const __m512 before = p->adds ? _mm512_loadu_ps(to + v * STRIP_VECTOR) : _mm512_setzero_ps();
            _mm512_storeu_ps(to + v * STRIP_VECTOR, p->adds ? _mm512_add_ps(before, sums[c][v]) : sums[c][v]);
        }
    }
}

/* All columns of the `vectors`·16 rows from `i`. */
static inline __attribute__((always_inline)) void strip(const struct small_product *p, size_t i, int vectors)
{
    size_t j = 0;
    if (vectors == 1) {
        for (; j + 16 <= p->n; j += 16) {
            strip_columns(p, i, j, 1, 16, false);
        }
    }
    if (j + 8 <= p->n) {
        strip_columns(p, i, j, vectors, 8, true);
        j += 8;
    }
    for (; j + 8 <= p->n; j += 8) {
        strip_columns(p, i, j, vectors, 8, false);
    }
    for (; j + 4 <= p->n; j += 4) {
        strip_columns(p, i, j, vectors, 4, false);
    }
    for (; j < p->n; j++) {
        strip_columns(p, i, j, vectors, 1, false);
    }
}

/* m is a multiple of 16. */
static void small_product(size_t m, const struct small_product *p)
{
    size_t i = 0;
    if (m >= 48 && m % 32 != 0) {
        strip(p, 0, 3);
        i = 48;
    }
    for (; i + 32 <= m; i += 32) {
        strip(p, i, 2);
    }
    if (i < m) {
        strip(p, i, 1);
    }
}

/* out[j + 16·i] = x[i + ld·j] for `rows` ≤ 16 rows i and 16 columns j, in four rounds of exchanges between
 * registers: of single entries, pairs, quarters and halves. */
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
#endif

#endif
