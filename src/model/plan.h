/* The plan of a batch: how every product of a step is cut, from the shapes and the BLAS core's class alone.
 * The same plan serves any number of threads, which is why they all produce the same bits. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "linalg/tiling.h"
#include "model/network.h"

/* Samples of one partial loss, and of one piece of column-wise work. */
enum { LOSS_BLOCK = 16 };

struct layer_plan {
    struct grid forward;  /* Z (rows × count) = W·A of the layer below */
    size_t slices;        /* of Z along the inner length, added up in order */
    struct grid backward; /* dA of the layer below (inputs × count) = Wᵀ·dZ; for layer 0 that is dL/dx */
    struct grid weights;  /* dW (rows × inputs) = dZ·Aᵀ; tiles in its first column also sum db */
    size_t first_magnitude; /* of the dW tiles in workspace->magnitudes; db's follow, one per row of tiles */
};

/* What the columns of a plan are. */
enum plan_kind {
    PLAN_BATCH, /* a batch by itself: few samples, or one, may go a way of their own */
    PLAN_PARTS, /* parts of a batch (model/parts.h), any number of them, each sample with the same bits */
    PLAN_UNEVEN_PARTS /* the same, where parts begin within a loss block: no member takes columns by itself */
};

struct plan {
    size_t count; /* samples; 0: not made yet */
    enum plan_kind kind;
    size_t shard;           /* samples that can go through all layers by themselves without cutting a tile */
    double work;            /* multiply-adds of a forward pass */
    bool forward_is_serial; /* no call of BLAS in a forward pass is large enough for threads of BLAS's own */
    enum blas_class class;
    size_t layer_count;
    struct layer_plan *layers; /* owned by the workspace */
};

/* The class that plans are made for: the core's. What has been set takes its place, so that the tests see
 * every class on every processor; before the first workspace is made. */
enum blas_class plan_class(void);
void plan_class_set(enum blas_class class);

/* Makes the plan for `count` samples (no allocation). */
void plan_make(struct plan *plan, const struct layer *layers, size_t count, enum plan_kind kind);

/* Entries that workspace->magnitudes needs for any count. False on overflow. */
bool plan_magnitudes_bound(const struct layer *layers, size_t layer_count, size_t *magnitudes);

/* Whether a team of this size should let every member take shards of the batch through all layers: then no
 * member needs another's columns, and no barrier stands between layers. Otherwise it shares out the tiles of
 * each layer. */
bool plan_is_chained(const struct plan *plan, int team_size);

/* The columns of the batch that are this member's in column-wise work; whole loss blocks. */
struct range plan_columns(const struct plan *plan, const struct team *team);

#endif
