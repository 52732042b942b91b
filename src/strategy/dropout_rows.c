/* The masks of dropout and what they do, compiled for each vector level. */
#include <stdint.h>

#include "base/random_blocks.h"
#include "strategy/dropout.h"

static const uint32_t bits[DROPOUT_GROUP] = { 1u << 0, 1u << 1, 1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
                                              1u << 8, 1u << 9, 1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15 };

/* Draws groups first … first + count − 1 of the mask. */
static void draw_groups(const struct dropout_tile *tile, size_t first, size_t count)
{
    LEVEL_NAME(random_kernels).below(&tile->stream, 2 * first, 2 * count, tile->draw.threshold, tile->mask + 2 * first);
}

static void draw_mask(const struct dropout_tile *tile)
{
    const size_t groups = dropout_groups(tile->units), own = dropout_groups(tile->rows);
    const size_t first = tile->column * groups + tile->row / DROPOUT_GROUP;
    if (own == groups) {
        draw_groups(tile, first, tile->columns * groups);
        return;
    }
    for (size_t j = 0; j < tile->columns; j++) {
        draw_groups(tile, first + j * groups, own);
    }
}

/* A group of a column: `count` values, `dropped` where the bit is set. */
static inline __attribute__((always_inline)) void apply(uint32_t mask, float kept, float shift, float dropped, const float *in,
                                                        float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float value = in[i] * kept + shift;
        out[i] = (mask & bits[i]) != 0 ? dropped : value;
    }
}

static inline __attribute__((always_inline)) void apply_all(const struct dropout_tile *tile, float shift, float dropped)
{
    const size_t groups = dropout_groups(tile->units), whole = tile->rows / DROPOUT_GROUP, rest = tile->rows % DROPOUT_GROUP;
    const float kept = tile->draw.kept;
    for (size_t j = 0; j < tile->columns; j++) {
        const unsigned char *mask = tile->mask + 2 * ((tile->column + j) * groups + tile->row / DROPOUT_GROUP);
        const float *in = tile->in + j * tile->in_ld;
        float *out = tile->out + j * tile->out_ld;
        for (size_t g = 0; g < whole; g++) {
            const uint32_t word = (uint32_t)mask[2 * g] | (uint32_t)mask[2 * g + 1] << 8;
            apply(word, kept, shift, dropped, in + g * DROPOUT_GROUP, out + g * DROPOUT_GROUP, DROPOUT_GROUP);
        }
        if (rest > 0) {
            const uint32_t word = (uint32_t)mask[2 * whole] | (uint32_t)mask[2 * whole + 1] << 8;
            apply(word, kept, shift, dropped, in + whole * DROPOUT_GROUP, out + whole * DROPOUT_GROUP, rest);
        }
    }
}

static void forward(const struct dropout_tile *tile)
{
    draw_mask(tile);
    apply_all(tile, tile->draw.shift, tile->draw.dropped);
}

static void backward(const struct dropout_tile *tile)
{
    apply_all(tile, 0.0f, 0.0f);
}

const struct dropout_kernels LEVEL_NAME(dropout_kernels) = { .forward = forward, .backward = backward };
