/* The masks of dropout and what they do, compiled for each vector level. */
#include <stdint.h>
#include <string.h>

#include "base/random_blocks.h"
#include "strategy/dropout.h"

/* As many values as a register of the level has: wider vectors would be taken apart value by value. */
#if defined(__AVX512F__)
enum { WIDTH = 16 };
#elif defined(__AVX2__)
enum { WIDTH = 8 };
#else
enum { WIDTH = 4 };
#endif
enum { VECTORS = DROPOUT_GROUP / WIDTH };

typedef float vector_values __attribute__((vector_size(4 * WIDTH)));
typedef int32_t vector_words __attribute__((vector_size(4 * WIDTH)));

/* The bit of each value in a group's word. */
static const int32_t bits[DROPOUT_GROUP] = { 1 << 0,  1 << 1,  1 << 2,  1 << 3, 1 << 4,  1 << 5,
                                             1 << 6,  1 << 7,  1 << 8,  1 << 9, 1 << 10, 1 << 11,
                                             1 << 12, 1 << 13, 1 << 14, 1 << 15 };

/* Draws groups first … first + count − 1 of the mask, by their places in the stream. */
static void draw_groups(const struct dropout_tile *tile, size_t first, size_t count)
{
    LEVEL_NAME(random_kernels)
        .below(&tile->stream, 2 * (first + tile->first * dropout_groups(tile->units)), 2 * count,
               tile->draw.threshold, tile->mask + 2 * first);
}

static void draw_mask(const struct dropout_tile *tile)
{
    const size_t groups = dropout_groups(tile->units), drawn = dropout_groups(tile->rows);
    const size_t first = tile->column * groups + tile->row / DROPOUT_GROUP;
    if (drawn == groups) {
        draw_groups(tile, first, tile->columns * groups);
        return;
    }
    for (size_t j = 0; j < tile->columns; j++) {
        draw_groups(tile, first + j * groups, drawn);
    }
}

/* A whole group of a column: `dropped` where the mask has a bit. out may be in. */
static inline __attribute__((always_inline)) void apply(const unsigned char *mask, float kept, float shift,
                                                        float dropped, const float *in, float *out)
{
    const vector_words word = (vector_words){ 0 } + (int32_t)((uint32_t)mask[0] | (uint32_t)mask[1] << 8);
    const vector_values end = (vector_values){ 0 } + dropped;
    for (size_t p = 0; p < VECTORS; p++) {
        vector_values values;
        vector_words bit;
        memcpy(&values, in + p * WIDTH, sizeof values);
        memcpy(&bit, bits + p * WIDTH, sizeof bit);
        const vector_words is_dropped = (word & bit) != 0;
        values = values * kept + shift;
        values = (vector_values)(((vector_words)values & ~is_dropped) | ((vector_words)end & is_dropped));
        memcpy(out + p * WIDTH, &values, sizeof values);
    }
}

/* The `count` first of a group. */
static inline __attribute__((always_inline)) void apply_some(const unsigned char *mask, float kept,
                                                             float shift, float dropped, const float *in,
                                                             float *out, size_t count)
{
    float values[DROPOUT_GROUP] = { 0.0f };
    memcpy(values, in, count * sizeof *in);
    apply(mask, kept, shift, dropped, values, values);
    memcpy(out, values, count * sizeof *out);
}

static inline __attribute__((always_inline)) void apply_all(const struct dropout_tile *tile, float shift,
                                                            float dropped)
{
    const size_t groups = dropout_groups(tile->units), whole = tile->rows / DROPOUT_GROUP,
                 rest = tile->rows % DROPOUT_GROUP;
    const float kept = tile->draw.kept;
    for (size_t j = 0; j < tile->columns; j++) {
        const unsigned char *mask =
            tile->mask + 2 * ((tile->column + j) * groups + tile->row / DROPOUT_GROUP);
        const float *in = tile->in + j * tile->in_ld;
        float *out = tile->out + j * tile->out_ld;
        for (size_t g = 0; g < whole; g++) {
            apply(mask + 2 * g, kept, shift, dropped, in + g * DROPOUT_GROUP, out + g * DROPOUT_GROUP);
        }
        if (rest > 0) {
            apply_some(mask + 2 * whole, kept, shift, dropped, in + whole * DROPOUT_GROUP,
                       out + whole * DROPOUT_GROUP, rest);
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
