/* What ranks exchange: words on how they are, and in a step the gradient. */
#ifndef MODEL_EXCHANGE_H
#define MODEL_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/exchange.h>

#include "base/team.h"
struct pass;

enum { EXCHANGE_RANKS = 1024, EXCHANGE_NODES = 24 };

/* A subtree of a batch's parts: 2^level of them from part `first` on, a multiple of that. */
struct tree_node {
    size_t first, level;
};

/* The nodes that the parts first … end − 1 are, in order; returns their number. `cut`: no part follows, the
 * last node may stand for fewer. */
size_t tree_nodes(size_t first, size_t end, bool cut, struct tree_node nodes[EXCHANGE_NODES]);

/* Buffers of a step's exchange. */
struct exchange_buffers {
    char *send, *receive;               /* all_to_all: for each rank a heading and its slices of the nodes */
    float *slice;                       /* the sums of this rank's slice */
    float *kept;                        /* an arena that is free once the gradient is complete */
    size_t *send_bytes, *receive_bytes; /* one for each rank */
    size_t headings;                    /* bytes of all headings of a rank, at most */
};

/* Takes over a caller's exchange, NULL for one rank, and checks it; one that is refused becomes one rank. */
mlp_status exchange_accept(const mlp_exchange *given, mlp_exchange *exchange);

/* Every rank gives how it fares: MLP_OK where all are well; else the first other status, with its rank's
 * text, on all of them. *flags, or NULL, becomes all flags that any rank has. With one rank: `status`. */
mlp_status exchange_agree(const mlp_exchange *exchange, mlp_status status, unsigned *flags);

/* Floats of an arena that rank `rank` of `size` adds up: whole cache lines. */
struct range exchange_slice(size_t arena_size, int size, int rank);

/* Parts of `parts` that rank `rank` owns. */
struct range exchange_parts(const mlp_exchange *exchange, size_t parts, int rank);

/* A list of `count` items of `size` bytes that the ranks own as parts: each has its own in `items`; everybody
 * gets all, behind those, from the item `count` on. */
mlp_status exchange_gather(const mlp_exchange *exchange, size_t count, size_t size, void *items);

/* Samples of a batch of `count`, in up to `parts` parts, that are this rank's. */
struct range exchange_samples(const mlp_exchange *exchange, size_t count, size_t parts);

/* Of a workspace whose parts have an exchange: for batches of up to `parts` parts. */
bool exchange_make(struct exchange_buffers *buffers, const mlp_exchange *exchange, size_t parts,
                   size_t arena_size, size_t *bytes);
void exchange_free(struct exchange_buffers *buffers);
/* No messages have any nodes from now on; `kept` as in the struct, or NULL. */
void exchange_shrink(struct exchange_buffers *buffers, float *kept);

/* What the ranks' nodes add up to becomes everybody's workspace->gradients, measured; losses and counts
 * likewise. As a team; a failure is in pass->status. */
void exchange_gradient(const struct team *team, struct pass *pass);
/* Losses and counts alone. On one thread. */
mlp_status exchange_totals(struct pass *pass);

/* This member's share of this rank's slice of the gradient to buffers.slice, from the nodes of all ranks:
 * those of rank r at nodes[r], one slice after the other. exchange_sum.c. */
void exchange_add_slice(const struct team *team, const struct pass *pass, const float *const *nodes);

#endif
