/* Small products of a strip of rows: registers hold 1 to 3 vectors of rows of a few columns of C, through the
 * whole inner length. Each entry is added up in order by fused multiply-adds: the bits are the same on every
 * level, and those of OpenBLAS's small-matrix kernels (AVX-512), whose place it takes. They hold 64 rows of 4
 * columns and read the left operand twice as often, and of the last 16 or 48 rows keep 4 or 8 registers, too
 * few for the multipliers' latency. On AVX2 it takes the place of kernels that pack both operands.
 * GF/s of one core of a Zen 5 (`mlp-bench tiles`), OpenBLAS's and this one: NN 64×16×256 224, 261; 48×16×256
 * 177, 262; 16×16×256 135, 200; NT 240×240×128 256, 262; on AVX2 (its peak is 137) NN 128×64×392 122, 136;
 * 16×64×64 99, 136; NT 128×784×64 124, 135. For files that are compiled for each vector level. */
#ifndef LINALG_SMALL_PRODUCT_H
#define LINALG_SMALL_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "linalg/gemm.h"
#include "linalg/strip_registers.h"
#include "linalg/vector_transpose.h"

/* C (m×n, ldc) = A (m×k, lda) · B (k×n), whose rows and columns are so far apart; or added to C. A is read by
 * whole vectors, so that m is a multiple of 16; or it is given transposed (k×m): then any m, k up to
 * TN_INNER_MOST, and B's rows side by side.
 *
 * The inner length may be `pieces` ones, of k / pieces, the first k % pieces of them with one more: products
 * by themselves, which a binary tree adds up, as parts of a batch are (model/parts.h). */
struct small_product {
    size_t m, n, k;
    size_t pieces; /* 0 and 1: one; k up to TN_INNER_MOST where there are more */
    bool transposed;
    const float *a;
    size_t lda;
    const float *b;
    size_t b_row, b_column;
    bool adds;
    float *c;
    size_t ldc;
};

#if defined(SMALL_PRODUCT)
enum { STRIP_VECTORS_MOST = 3, STRIP_COLUMNS_MOST = 16 };

/* Columns of A that are asked for ahead of time, and where they lie so many floats apart, which no processor
 * foresees, more of them. 8 samples through 1024-2048-2048-1000 take 1400 µs in BLAS's calls, 1500 with 16
 * everywhere, 870 with 64; through 20 layers of 256 97, 89 and 102. */
enum { STRIP_AHEAD = 16, STRIP_FAR_AHEAD = 64, STRIP_FAR = 512 };

typedef strip_floats strip_sums[STRIP_COLUMNS_MOST][STRIP_VECTORS_MOST];

/* What sums are to be added to, ahead of the inner loop: a dW beyond the caches comes from memory for every
 * run of samples. 3000×3000×2000 on one core of a Zen 5: 214 GF/s without, 245 with it. */
static inline __attribute__((always_inline)) void ask_for_sums(const float *c, size_t ldc, int vectors,
                                                               int columns)
{
#pragma GCC unroll 16
    for (int j = 0; j < columns; j++) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            _mm_prefetch((const char *)(c + (size_t)j * ldc + v * STRIP_VECTOR), _MM_HINT_T0);
        }
    }
}

static inline __attribute__((always_inline)) void add_to_sums(const float *x, size_t ld, int vectors,
                                                              int columns, strip_sums sums)
{
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            sums[c][v] = strip_add(sums[c][v], strip_load(x + (size_t)c * ld + v * STRIP_VECTOR));
        }
    }
}

/* To C, or added to it. */
static inline __attribute__((always_inline)) void store_sums(float *to, size_t ldc, int vectors, int columns,
                                                             bool adds, strip_sums sums)
{
    if (adds) {
        add_to_sums(to, ldc, vectors, columns, sums);
    }
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            strip_store(to + (size_t)c * ldc + v * STRIP_VECTOR, sums[c][v]);
        }
    }
}

/* The same where the last vector has `rest` rows of C. */
static inline __attribute__((always_inline)) void
store_first_sums(float *to, size_t ldc, size_t rest, int vectors, int columns, bool adds, strip_sums sums)
{
    const strip_mask rows = strip_first(rest);
    const int last = vectors - 1;
    store_sums(to, ldc, last, columns, adds, sums);
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) {
        float *entries = to + (size_t)c * ldc + last * STRIP_VECTOR;
        if (adds) {
            sums[c][last] = strip_add(sums[c][last], strip_masked_load(entries, rows));
        }
        strip_masked_store(entries, rows, sums[c][last]);
    }
}

/* Sums over the inner indices first … first + k − 1, of the `columns` columns from `j` and the `vectors`
 * vectors of rows from `i`, in registers. */
static inline __attribute__((always_inline)) void sum_products(const struct small_product *p, size_t i,
                                                               size_t j, size_t start, size_t length,
                                                               int vectors, int columns, bool first,
                                                               strip_sums sums)
{
    const size_t lda = p->lda, b_row = p->b_row, b_column = p->b_column;
    const float *a = p->a + i + start * lda, *b = p->b + j * b_column + start * b_row;
    const size_t ahead = (lda < STRIP_FAR ? STRIP_AHEAD : STRIP_FAR_AHEAD) * lda;
#pragma GCC unroll 16
    for (int c = 0; c < columns; c++) {
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            sums[c][v] = strip_zero();
        }
    }
#pragma GCC unroll 2
    for (size_t k = length; k > 0; k--, a += lda, b += b_row) {
        strip_floats entries[STRIP_VECTORS_MOST];
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            entries[v] = strip_load(a + v * STRIP_VECTOR);
            if (first) {
                _mm_prefetch((const char *)(a + ahead + v * STRIP_VECTOR), _MM_HINT_T0);
            }
        }
#pragma GCC unroll 16
        for (int c = 0; c < columns; c++) {
            const strip_floats factor = strip_spread(b[(size_t)c * b_column]);
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++) {
                sums[c][v] = strip_multiply_add(entries[v], factor, sums[c][v]);
            }
        }
    }
}

/* The same over all pieces. Sums wait for others, of 2^level pieces at a level. */
static inline __attribute__((always_inline)) void sum_pieces(const struct small_product *p, size_t i,
                                                             size_t j, int vectors, int columns, bool first,
                                                             strip_sums sums)
{
    enum { LEVELS = 8, SUMS = 24 };
    _Alignas(64) float waiting[LEVELS][SUMS * STRIP_VECTOR];
    const size_t pieces = p->pieces, length = p->k / pieces, longer = p->k % pieces;
    size_t start = 0, piece = 0;
    bool last;
    do {
        const size_t k = length + (piece < longer);
        size_t level = 0;
        last = piece + 1 == pieces;
        sum_products(p, i, j, start, k, vectors, columns, first, sums);
        start += k;
        for (; (piece >> level & 1) != 0 || (last && piece >> level != 0); level++) {
            if ((piece >> level & 1) != 0) {
                add_to_sums(waiting[level], (size_t)vectors * STRIP_VECTOR, vectors, columns, sums);
            }
        }
        if (!last) {
            store_sums(waiting[level], (size_t)vectors * STRIP_VECTOR, vectors, columns, false, sums);
        }
        piece++;
    } while (!last);
}

/* `columns` columns from `j` of the `vectors` vectors of rows from `i`; the `first` ones ask for A ahead of
 * time. All of these are constants at each call: C's entries are in registers. `tree`: there are pieces. */
static inline __attribute__((always_inline)) void strip_columns(const struct small_product *p, size_t i,
                                                                size_t j, int vectors, int columns,
                                                                bool first, bool tree)
{
    strip_sums sums;
    if (p->adds) {
        ask_for_sums(p->c + i + j * p->ldc, p->ldc, vectors, columns);
    }
    if (tree) {
        sum_pieces(p, i, j, vectors, columns, first, sums);
    } else {
        sum_products(p, i, j, 0, p->k, vectors, columns, first, sums);
    }
    float *to = p->c + i + j * p->ldc;
    const size_t ldc = p->ldc, rest = p->m - i - (size_t)(vectors - 1) * STRIP_VECTOR;
    const bool adds = p->adds;
    if (rest >= STRIP_VECTOR) {
        store_sums(to, ldc, vectors, columns, adds, sums);
    } else {
        store_first_sums(to, ldc, rest, vectors, columns, adds, sums);
    }
}

/* All columns of the `vectors` vectors of rows from `i`. Two columns by themselves take as long as four, for
 * a multiply-add's latency: where as many are left beside those held, they are taken as six and the rest. A
 * step of three equal layers of 50 to 200 units takes 3 % less with 10 samples. */
static inline __attribute__((always_inline)) void strip(const struct small_product *p, size_t i, int vectors,
                                                        bool asks, bool tree)
{
    const int held = strip_columns_held[vectors];
    const bool two_left = p->n > (size_t)held && p->n % (size_t)held == 2;
    const size_t step = (size_t)held;
    const size_t end = held > 6 && two_left ? p->n - step - 2 : p->n;
    size_t j = 0;
    if (asks && step <= end) {
        strip_columns(p, i, j, vectors, held, true, tree);
        j += step;
    } else if (asks && held > 6 && p->n >= 6) {
        strip_columns(p, i, j, vectors, 6, true, tree);
        j += 6;
    }
    for (; j + step <= end; j += step) {
        strip_columns(p, i, j, vectors, held, false, tree);
    }
    if (held > 6) {
        for (; j + 6 <= p->n; j += 6) {
            strip_columns(p, i, j, vectors, 6, false, tree);
        }
    }
    for (; j + 4 <= p->n; j += 4) {
        strip_columns(p, i, j, vectors, 4, false, tree);
    }
    for (; j + 2 <= p->n; j += 2) {
        strip_columns(p, i, j, vectors, 2, false, tree);
    }
    if (j < p->n) {
        strip_columns(p, i, j, vectors, 1, false, tree);
    }
}

/* Apart: the sums that wait would be in the stack frame of every call. */
static __attribute__((noinline)) void strip_pieces(const struct small_product *p, size_t i, int vectors,
                                                   bool asks)
{
    switch (vectors) {
    case 1: strip(p, i, 1, asks, true); break;
    case 2: strip(p, i, 2, asks, true); break;
    default: strip(p, i, 3, asks, true); break;
    }
}

static inline void strip_of(const struct small_product *p, size_t i, int vectors, bool asks)
{
    switch (p->pieces > 1 ? 0 : vectors) {
    case 0: strip_pieces(p, i, vectors, asks); break;
    case 1: strip(p, i, 1, asks, false); break;
    case 2: strip(p, i, 2, asks, false); break;
    default: strip(p, i, 3, asks, false); break;
    }
}

/* A strip of a transposed operand: `columns` columns of k entries as rows of out (width × k), else 0. */
static void copy_strip(const float *x, size_t ld, size_t k, size_t columns, float *out, size_t width)
{
    vector_transpose(x, ld, k, columns, out, width);
    if (columns < width) {
        for (size_t i = 0; i < k; i++) {
            memset(out + columns + i * width, 0, (width - columns) * sizeof *out);
        }
    }
}

/* The product of a copied strip, which asks for the `columns` columns that are copied next, some for each run
 * of columns of B: all at once they would be waited for, more so where others contend for the third cache. */
static __attribute__((noinline)) void multiply_and_ask(const struct small_product *p, int vectors,
                                                       const float *next, size_t ld, size_t columns)
{
    enum { RUN = 16, LINE = 16 };
    struct small_product q = *p;
    for (size_t j = 0; j < p->n; j += q.n) {
        q.n = p->n - j < RUN ? p->n - j : RUN;
        q.b = p->b + j * p->b_column;
        q.c = p->c + j * p->ldc;
        for (size_t i = columns * j / p->n; i < columns * (j + q.n) / p->n; i++) {
            for (size_t k = 0; k < p->k; k += LINE) {
                _mm_prefetch((const char *)(next + k + i * ld), _MM_HINT_T0);
            }
        }
        strip_of(&q, 0, vectors, false);
    }
}

/* Strips of A's columns, copied, stay in the first cache for all of B. */
static void multiply_copied_left(const struct small_product *p)
{
    _Alignas(64) float copy[STRIP_VECTORS_MOST * STRIP_VECTOR * TN_INNER_MOST];
    struct small_product q = *p;
    q.a = copy;
    for (size_t i = 0; i < p->m; i += q.lda) {
        const int vectors = strip_vectors((p->m - i + STRIP_VECTOR - 1) / STRIP_VECTOR);
        q.lda = (size_t)vectors * STRIP_VECTOR;
        q.m = p->m - i < q.lda ? p->m - i : q.lda;
        q.c = p->c + i;
        copy_strip(p->a + i * p->lda, p->lda, p->k, q.m, copy, q.lda);
        const size_t left = p->m - i - q.m;
        if (left > 0) {
            multiply_and_ask(&q, vectors, p->a + (i + q.m) * p->lda, p->lda, left < q.lda ? left : q.lda);
        } else {
            strip_of(&q, 0, vectors, false);
        }
    }
}

/* Cᵀ = Bᵀ · A: strips of B's columns are copied, and what they come to is transposed. */
static void multiply_copied_right(const struct small_product *p)
{
    enum { ROWS = 64 };
    _Alignas(64) float copy[STRIP_VECTORS_MOST * STRIP_VECTOR * TN_INNER_MOST];
    _Alignas(64) float result[STRIP_VECTORS_MOST * STRIP_VECTOR * ROWS];
    struct small_product q = {
        .k = p->k, .a = copy, .b_row = 1, .b_column = p->lda, .adds = p->adds, .c = result
    };
    for (size_t j = 0; j < p->n; j += q.m) {
        const int vectors = strip_vectors((p->n - j + STRIP_VECTOR - 1) / STRIP_VECTOR);
        q.m = q.lda = q.ldc = (size_t)vectors * STRIP_VECTOR;
        const size_t columns = p->n - j < q.m ? p->n - j : q.m;
        copy_strip(p->b + j * p->b_column, p->b_column, p->k, columns, copy, q.m);
        for (size_t i = 0; i < p->m; i += ROWS) {
            float *c = p->c + i + j * p->ldc;
            q.n = p->m - i < ROWS ? p->m - i : ROWS;
            q.b = p->a + i * p->lda;
            if (p->adds) {
                copy_strip(c, p->ldc, q.n, columns, result, q.m);
            }
            strip_of(&q, 0, vectors, false);
            vector_transpose(result, q.m, columns, q.n, c, p->ldc);
        }
    }
}

/* Rows of B that are a multiple of 2 KiB apart share few sets of the caches. */
enum { STRIP_ALIASED = 512, PACKED_FROM = 48 };

/* Strips of B's rows copied side by side: for all of A they stay in the second cache. */
static void multiply_packed_right(const struct small_product *p)
{
    enum { PANELS = 4 };
    _Alignas(64) float copy[PANELS * PANEL * TN_INNER_MOST];
    struct small_product q = *p;
    q.b_row = PANEL;
    for (size_t j = 0; j < p->n; j += PANELS * PANEL) {
        const size_t columns = p->n - j < PANELS * PANEL ? p->n - j : PANELS * PANEL;
        for (size_t k = 0; k < p->k; k++) {
            for (size_t c = 0; c < columns; c += PANEL) {
                const size_t width = columns - c < PANEL ? columns - c : PANEL;
                const float *from = p->b + j + c + k * p->b_row;
                float *to = copy + c * p->k + k * PANEL;
                if (width == PANEL) {
                    memcpy(to, from, PANEL * sizeof *to); /* of constant size: no call */
                } else {
                    memcpy(to, from, width * sizeof *to);
                }
            }
        }
        for (size_t i = 0; i < p->m;) {
            const int vectors = strip_vectors((p->m - i + STRIP_VECTOR - 1) / STRIP_VECTOR);
            for (size_t c = 0; c < columns; c += PANEL) {
                q.b = copy + c * p->k;
                q.n = columns - c < PANEL ? columns - c : PANEL;
                q.c = p->c + (j + c) * p->ldc;
                strip_of(&q, i, vectors, c == 0);
            }
            i += (size_t)vectors * STRIP_VECTOR;
        }
    }
}

/* Columns of A that are a multiple of 1 KiB apart do so, too: a strip is copied. A step of 20 layers of 256
 * at 128 samples takes 8.8 ms without, 8.5 with it (one thread of a Zen 5, AVX2). */
enum { STRIP_ALIASED_LEFT = 256, COPIED_FROM = 48 };

static void multiply_packed_left(const struct small_product *p)
{
    _Alignas(64) float copy[STRIP_VECTORS_MOST * STRIP_VECTOR * TN_INNER_MOST];
    struct small_product q = *p;
    q.a = copy;
    for (size_t i = 0; i < p->m; i += q.lda) {
        const int vectors = strip_vectors((p->m - i) / STRIP_VECTOR);
        q.m = q.lda = (size_t)vectors * STRIP_VECTOR;
        q.c = p->c + i;
        for (size_t k = 0; k < p->k; k++) {
            for (size_t r = 0; r < q.lda; r += STRIP_VECTOR) {
                strip_store(copy + r + k * q.lda, strip_load(p->a + i + r + k * p->lda));
            }
        }
        strip_of(&q, 0, vectors, false);
    }
}

static void small_product(const struct small_product *p)
{
    if (p->b_row % STRIP_ALIASED == 0 && p->m >= PACKED_FROM && p->k <= TN_INNER_MOST) {
        multiply_packed_right(p);
        return;
    }
    if (p->transposed) {
        const bool right = p->n * (p->k + p->m) < p->m * p->k;
        (right ? multiply_copied_right : multiply_copied_left)(p);
        return;
    }
    if (STRIP_COPIED && p->lda % STRIP_ALIASED_LEFT == 0 && p->n >= COPIED_FROM && p->k <= TN_INNER_MOST) {
        multiply_packed_left(p);
        return;
    }
    for (size_t i = 0; i < p->m;) {
        const int vectors = strip_vectors((p->m - i + STRIP_VECTOR - 1) / STRIP_VECTOR);
        strip_of(p, i, vectors, true);
        i += (size_t)vectors * STRIP_VECTOR;
    }
}
#endif

#endif
