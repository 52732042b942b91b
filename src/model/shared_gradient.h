/* Ranks that are on one machine, as the members of one team: A and dZ of every rank lie in memory that all of
 * them see, and so does the gradient, of which each makes its share of the tiles.
 *
 * The memory holds the arenas of the parts' tree (model/part_tree.h), the magnitudes of the gradient's tiles,
 * and the buffers of each rank's workspace; with a sharded optimizer the updated parameters go through it,
 * too (optim/shards.c). In a round of a step each rank takes one of its parts through forward and the dZ
 * chain, all wait for each other by the caller's exchange, which carries a few bytes, each makes its share of
 * the tiles of all parts of the round, and all wait again. Elsewhere, and for small networks, the gradient
 * goes in messages. The bits are the same. */
#ifndef MODEL_SHARED_GRADIENT_H
#define MODEL_SHARED_GRADIENT_H

#include <stddef.h>

#include <mlp/status.h>

#include "model/pass.h"

struct shared_gradient {
    void *memory; /* NULL: there is none */
    size_t bytes;
    size_t block;                        /* floats of a rank's buffers */
    struct magnitude *magnitudes, *kept; /* of all ranks; this one's own, meanwhile */
    float *parameters; /* of shards: an arena, through which ranks give each other what they have updated */
};

/* Floats of a gradient from which on it is shared; tests set another. */
extern size_t shared_gradient_least;

/* Of a workspace that has an exchange: by all ranks together. Where one has no access to the memory none uses
 * it, and that is no error. Does nothing where there is no exchange. `has_shards`: an optimizer's state may
 * be shared out. MLP_ERROR_EXCHANGE. */
mlp_status shared_gradient_make(struct mlp_workspace *workspace, bool has_shards);
void shared_gradient_free(struct shared_gradient *shared);
/* The workspace's buffers are its own again. MLP_ERROR_MEMORY. */
mlp_status shared_gradient_leave(struct mlp_workspace *workspace);

/* By one thread, around a round's tiles: all ranks' A and dZ are complete; then all ranks' tiles. After the
 * last round the gradient is in workspace->gradients, measured, and losses and counts are those of all ranks;
 * nobody may write to the gradient: workspace_keep_gradients(). Errors: those of the exchange. */
mlp_status shared_gradient_begin(struct pass *pass);
mlp_status shared_gradient_end(struct pass *pass);

#endif
