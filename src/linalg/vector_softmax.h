/* Softmax's exponentials, which the activation and the cross-entropy share: e^(z − largest), and their sum in
 * double. For files that are compiled for each vector level; sums have the order of vector_sum() at each. */
#ifndef LINALG_VECTOR_SOFTMAX_H
#define LINALG_VECTOR_SOFTMAX_H

#include <stddef.h>
#include <string.h>

#include "base/vector_math.h"
#include "linalg/vector_reduce.h"

/* Columns of fewer than REDUCE_LANES units are taken so many at once, longer ones singly: one is in cache. */
enum { SOFTMAX_COLUMNS = 16 };

/* Columns of Z and what is known of them. */
struct softmax {
    const float *z; /* columns of `units`, z_ld apart */
    float *terms;   /* out: e^(z − largest), terms_ld apart; or NULL */
    size_t columns, units, z_ld, terms_ld;
    float largest[SOFTMAX_COLUMNS]; /* in: of each column */
    double sums[SOFTMAX_COLUMNS];   /* out: of its terms */
};

/* Terms that are summed up while they are in the first cache, a multiple of REDUCE_LANES; and those between
 * requests. */
enum { SOFTMAX_CHUNK = 1024, SOFTMAX_REQUEST = 128 };

static inline size_t softmax_group(size_t units)
{
    return units < REDUCE_LANES ? SOFTMAX_COLUMNS : 1;
}

/* Columns of fewer than REDUCE_LANES units, one behind the other: no register is half empty. */
static inline void softmax_narrow(struct softmax *s)
{
    float e[SOFTMAX_COLUMNS * REDUCE_LANES];
    for (size_t j = 0; j < s->columns; j++) {
        for (size_t i = 0; i < s->units; i++) {
            e[j * s->units + i] = s->z[j * s->z_ld + i] - s->largest[j];
        }
    }
    for (size_t i = 0; i < s->columns * s->units; i++) {
        e[i] = vector_exp_flushed(e[i]);
    }
    for (size_t j = 0; j < s->columns; j++) {
        s->sums[j] = vector_sum(e + j * s->units, s->units);
        if (s->terms != NULL) {
            memcpy(s->terms + j * s->terms_ld, e + j * s->units, s->units * sizeof *e);
        }
    }
}

/* terms = e^(z − largest) */
static inline void softmax_terms(const float *restrict z, float largest, size_t count, float *restrict terms)
{
    for (size_t i = 0; i < count; i++) {
        terms[i] = vector_exp_flushed(z[i] - largest);
    }
}

/* Asks for `count` floats, for the second cache; beyond an array, too, where the request is ignored. */
static inline void softmax_request(const float *z, size_t count)
{
#pragma GCC unroll 8
    for (size_t i = 0; i < count; i += 64 / sizeof *z) {
        __builtin_prefetch(z + i, 0, 2);
    }
}

/* The terms of a chunk. That of the next column, z_ld ahead, is read meanwhile: exponentials leave the memory
 * idle. */
static inline void softmax_chunk(const float *z, size_t z_ld, float largest, size_t count, float *terms)
{
    size_t i = 0;
    for (; i + SOFTMAX_REQUEST <= count; i += SOFTMAX_REQUEST) {
        softmax_request(z + z_ld + i, SOFTMAX_REQUEST);
        softmax_terms(z + i, largest, SOFTMAX_REQUEST, terms + i);
    }
    softmax_terms(z + i, largest, count - i, terms + i);
}

/* One column. Loops of their own for terms and sum: the exponentials alone keep the processor busy. */
static inline void softmax_wide(struct softmax *s)
{
    const size_t whole = s->units - s->units % REDUCE_LANES;
    doubles partial[REDUCE_VECTORS] = { { 0.0 } };
    float chunk[SOFTMAX_CHUNK], *terms = chunk;
    size_t count = 0;
    for (size_t first = 0; first < s->units; first += count) {
        count = s->units - first < SOFTMAX_CHUNK ? s->units - first : (size_t)SOFTMAX_CHUNK;
        terms = s->terms != NULL ? s->terms + first : chunk;
        softmax_chunk(s->z + first, s->z_ld, s->largest[0], count, terms);
        for (size_t i = 0; i + REDUCE_LANES <= count; i += REDUCE_LANES) {
            for (size_t v = 0; v < REDUCE_VECTORS; v++) {
                partial[v] += widened(terms + i + v * REDUCE_WIDTH);
            }
        }
    }
    s->sums[0] = folded_sum(partial);
    for (size_t i = count - (s->units - whole); i < count; i++) {
        s->sums[0] += (double)terms[i];
    }
}

/* Sets terms and sums. NaN and +∞ give NaN. */
static inline void softmax_exponentials(struct softmax *s)
{
    if (s->units < REDUCE_LANES) {
        softmax_narrow(s);
    } else {
        softmax_wide(s);
    }
}

/* a = terms/sum; a may be terms. */
static inline void softmax_divide(const float *terms, size_t units, double sum, float *a)
{
    const float factor = (float)(1.0 / sum);
    for (size_t i = 0; i < units; i++) {
        a[i] = terms[i] * factor;
    }
}

#endif
