/* The units of a layer, some at a time. A unit's weights are a row of W; a run of rows at a time is read
 * through its columns: what they have of a column is a cache line or two. */
#ifndef OPTIM_ROWS_H
#define OPTIM_ROWS_H

#include "optim/optimizer.h"

enum { ROWS = 32 };

/* A run of rows of a layer. */
struct rows {
    const struct layer *layer;
    size_t first, count;
    float *gradients;  /* the layer's dW, from the first row; a column is layer->stride on */
    float *parameters; /* W likewise */
};

typedef void (*rows_visitor)(const struct rows *rows, const void *context);

/* Visits this member's share of the units of layer l. */
void rows_visit(const struct team *team, const struct update_plan *plan, size_t l, rows_visitor visit,
                const void *context);

#endif
