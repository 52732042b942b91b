/* Dropout: kinds by name, and the masks. */
#ifndef STRATEGY_DROPOUT_H
#define STRATEGY_DROPOUT_H

#include <stddef.h>

#include <mlp/regularize.h>

#include "base/cpu.h"
#include "base/random.h"

/* Units of a group; the mask of a group is two bytes, a bit for each unit, from two Philox blocks. */
enum { DROPOUT_GROUP = 16 };

static inline size_t dropout_groups(size_t units)
{
    return (units + DROPOUT_GROUP - 1) / DROPOUT_GROUP;
}

/* What a draw does to a value: kept·a + shift with probability q, else `dropped`. */
struct dropout_draw {
    unsigned threshold; /* of 65536; 0: nothing is dropped */
    float kept;
    float shift;
    float dropped;
};

/* The draw of a kind, not automatic, and p. */
struct dropout_draw dropout_draw(mlp_dropout kind, double p);

/* MLP_ERROR_ARGUMENT for a value that is no kind. */
mlp_status dropout_check(mlp_dropout kind);

/* A run of units of some samples. `mask` has dropout_groups(units) groups for each sample. The first row is a
 * multiple of 16. */
struct dropout_tile {
    struct random_stream stream;
    struct dropout_draw draw;
    size_t units; /* of a sample */
    size_t row, rows;
    size_t column, columns;
    size_t first;        /* place of column 0 in what the stream is of: a step's batch */
    unsigned char *mask; /* of the whole batch */
    const float *in;     /* at the tile's first value */
    size_t in_ld;
    float *out; /* may be `in` */
    size_t out_ld;
};

struct dropout_kernels {
    void (*forward)(const struct dropout_tile *tile);  /* draws the mask; out = what the draw makes of in */
    void (*backward)(const struct dropout_tile *tile); /* out = kept·in where the mask kept, else 0 */
};

LEVEL_DECLARE(const struct dropout_kernels, dropout_kernels);

static inline const struct dropout_kernels *dropout(void)
{
    return LEVEL_SELECT(dropout_kernels);
}

#endif
