/* Deviates of whole Philox blocks, compiled for each vector level; the bits are the same on all. */
#ifndef BASE_RANDOM_BLOCKS_H
#define BASE_RANDOM_BLOCKS_H

#include "base/cpu.h"
#include "base/random.h"

struct random_kernels {
    /* The four deviates of each of the blocks first … first + count − 1, one block after the other. */
    void (*uniform)(const struct random_stream *stream, size_t first, size_t count, float *out);
    void (*normal)(const struct random_stream *stream, size_t first, size_t count, float *out);
    /* For each of the blocks a byte: bit 2·i is set when the lower half of word i is below the threshold (0 …
     * 65536), bit 2·i + 1 when the upper half is. */
    void (*below)(const struct random_stream *stream, size_t first, size_t count, uint32_t threshold,
                  unsigned char *out);
};

LEVEL_DECLARE(const struct random_kernels, random_kernels);

#endif
