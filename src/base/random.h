/* Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC'11).
 *
 * A stream is named by (seed, purpose, layer, step); its values are numbered, and any of them can be computed
 * at any time on any thread. No draw depends on the order of calls. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum random_purpose {
    RANDOM_WEIGHTS = 1,
    RANDOM_BIAS = 2,
    RANDOM_SHUFFLE = 3,
    RANDOM_SPLIT = 4,
    RANDOM_DROPOUT = 5, /* layer 0: of the inputs; l + 1: of the units of layer l */
    RANDOM_NOISE = 6,
    RANDOM_MIXUP = 7,
    RANDOM_RUNS = 8,      /* of a data set that is shuffled window by window */
    RANDOM_IMPORTANCE = 9 /* of samples, step: the repeat */
};

struct random_stream {
    uint32_t key[2];  /* the seed */
    uint32_t name[2]; /* upper counter words: purpose and layer, step */
};

/* One block of four words from a counter and a key. */
void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* layer < 2²⁴. */
struct random_stream random_stream(uint64_t seed, enum random_purpose purpose, size_t layer, size_t step);

/* Values number first … first + count − 1 of the stream. */
void random_uniform(const struct random_stream *stream, size_t first, size_t count,
                    float *out); /* U[0, 1), 24 bits */
void random_normal(const struct random_stream *stream, size_t first, size_t count,
                   float *out); /* Box–Muller, to 6 ulp */

/* The upper half of a · b, where a compiler has no integers of 128 bits. */
uint64_t random_multiply_high_by_halves(uint64_t a, uint64_t b);

/* Value number `index` of the stream as a whole number below `bound` (> 0), with a bias below
 * bound/2⁶⁴: a 64-bit draw is scaled down. */
uint64_t random_below(const struct random_stream *stream, size_t index, uint64_t bound);

/* A seeded Fisher–Yates shuffle of `order`. */
void random_shuffle(const struct random_stream *stream, size_t *order, size_t count);

#endif
