/* The state of an optimizer shared out between ranks: each has that of its slice of the parameters alone,
 * updates these, and gets the others' from the ranks that have updated them. */
#ifndef OPTIM_SHARDS_H
#define OPTIM_SHARDS_H

#include "model/exchange.h"
#include "optim/optimizer.h"

static inline bool shards_are_used(const struct mlp_optimizer *optimizer)
{
    return optimizer->options.shard_count > 1;
}

/* MLP_ERROR_RANGE, UNSUPPORTED. Resolves the defaults. */
mlp_status shards_resolve(mlp_optimizer_options *options);
/* Cuts the arena: sets optimizer->own, and where the state is shared out optimizer->shard_ends, which is
 * allocated. A rule that looks at whole tensors has them on one rank each. */
void shards_cut(const mlp_network *network, struct mlp_optimizer *optimizer);
/* Whether tensor t, whose first float is `first`, is this rank's: of rules that look at whole tensors. */
static inline bool shards_own(const struct mlp_optimizer *optimizer, size_t first)
{
    return first >= optimizer->own.first && first < optimizer->own.end;
}

/* MLP_ERROR_ARGUMENT unless the exchange is that of the optimizer's shards; NULL: there is none. */
mlp_status shards_check(const char *function, const struct mlp_optimizer *optimizer,
                        const mlp_exchange *exchange);
/* MLP_ERROR_UNSUPPORTED where the state is shared out: the function takes it whole. */
mlp_status shards_check_whole(const char *function, const struct mlp_optimizer *optimizer);

/* ---- in a step ----------------------------------------------------------------------------------------- */

/* plan->tried becomes that of all ranks. By one thread. Does nothing where the state is whole. */
mlp_status shards_agree(struct update_plan *plan);
/* Keeps the parameters of this member's share of the slice, which is about to be updated. */
void shards_keep(const struct update_plan *plan, const struct range *share);
/* Everybody's parameters become those that the ranks have updated; where that fails, in plan->status, they
 * are as they were. */
void shards_gather(const struct team *team, struct update_plan *plan);

/* ---- checkpoints --------------------------------------------------------------------------------------- */

/* Array s of the state goes to rank 0, by all ranks: whole it lies there at shards_collected(), until the
 * next exchange. */
mlp_status shards_collect(const struct mlp_optimizer *optimizer, const mlp_workspace *workspace, size_t s);
const float *shards_collected(const mlp_workspace *workspace);
/* Each rank has been given its part of the state: what bounds that of all becomes known to all. */
mlp_status shards_share_bounds(mlp_optimizer *optimizer, const mlp_exchange *exchange);

#endif
