/* The gradient of ranks that are on one machine, added up in memory that all of them see.
 *
 * It holds the nodes of every rank (model/exchange.h), their sum, and the magnitudes of its tiles; with a
 * sharded optimizer the updated parameters go through it, too (optim/shards.c). In a step
 * each rank adds up its slice of the sum, straight from the others' nodes, and measures its share of the
 * tiles; after each of the two all ranks wait for each other by the caller's exchange, which carries a few
 * bytes. Elsewhere, and for small networks, the gradient goes in messages. The bits are the same. */
#ifndef MODEL_SHARED_GRADIENT_H
#define MODEL_SHARED_GRADIENT_H

#include <stddef.h>

#include <mlp/status.h>

#include "base/team.h"
#include "model/pass.h"

struct shared_gradient {
    void *memory; /* NULL: there is none */
    size_t bytes;
    size_t row; /* arenas of a rank's nodes, from the beginning on */
    float *sum; /* an arena: workspace->gradients of every rank after a step */
    struct magnitude *magnitudes;
    float *parameters; /* another arena, through which ranks give each other what they have updated */
};

/* Floats of a gradient from which on it is shared; tests set another. */
extern size_t shared_gradient_least;

/* Of a workspace that has an exchange: by all ranks together. Where one has no access to the memory none uses
 * it, and that is no error. Does nothing where there is no exchange. MLP_ERROR_EXCHANGE. */
mlp_status shared_gradient_make(struct mlp_workspace *workspace);
void shared_gradient_free(struct shared_gradient *shared);

/* As exchange_gradient(). Nobody may write to the gradient: workspace_keep_gradients(). */
void shared_gradient_add(const struct team *team, struct pass *pass);

#endif
