/* A step's batch in parts: each part has a gradient of its own, and the gradients are added up by a fixed
 * binary tree, in float. Nodes of level k stand for 2^k neighbouring parts; the last of a level may stand for
 * fewer. The sums depend on the number of parts alone.
 *
 * As many whole parts as the workspace has room for, a group, go through forward, loss and dZ together, side
 * by side as the columns of its buffers: our own kernel gives a sample the same bits whatever columns are
 * beside it, and goes any number of them the same way (PLAN_PARTS). Where BLAS multiplies they go one by one.
 *
 * A sum of P floats by this tree is off by at most γ(⌈log₂ P⌉)·Σ|gᵢ|, γ(n) = n·u/(1 − n·u), u = 2⁻²⁴ (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2002, section 4.2).
 *
 * A tile of the gradients of a group is added up in registers or, of long parts, in scratch memory
 * (model/part_gradient.c); while it is in cache the sums that wait for it are added to it, and it takes the
 * place of the last of these (model/part_tree.h): of P parts at most ⌊log₂ P⌋ sums wait, the first of them
 * where the gradient is wanted in the end. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/team.h"
#include "model/exchange.h"
#include "model/part_tree.h"
#include "model/pass.h"
#include "model/shared_gradient.h"

enum { PARTS_MOST = 4096 };

/* Called on one thread when outputs and dZ of a group's parts are in the workspace; pass->first is their
 * first sample's place in the batch. Adds to `counts`, which are those of the batch in the end. */
enum { PART_COUNTS = 4 };
typedef void (*part_visitor)(void *context, const struct pass *pass, uint64_t counts[PART_COUNTS]);

struct parts {
    size_t count;        /* parts that a batch is cut into */
    struct range groups; /* the fewest and the most parts of a group that may be */
    struct part_tree tree;
    float *sum;        /* arena 0 of the tree: where the gradient of the batch, or of this rank, goes */
    float *waiting;    /* arenas 1 …, one after the other */
    float *buffer;     /* owned: `waiting`, where it is this rank's own */
    size_t arena_size; /* floats */
    float *scratch;    /* of each member: `slots` tiles of NT_TILE_MOST floats at most */
    size_t scratch_size, slots;
    double *losses;               /* of each part of a batch */
    uint64_t counts[PART_COUNTS]; /* of a batch, as the visitor makes them */
    part_visitor visit;           /* or NULL */
    void *context;
    mlp_exchange exchange; /* of size 1: there is none */
    struct exchange_buffers buffers;
    struct shared_gradient shared;
    size_t bytes; /* held */
};

void parts_free(struct parts *parts);

/* As mlp_workspace_set_exchange(), of an exchange that was accepted: without a word to the other ranks.
 * `count`: the largest batch, or SIZE_MAX. */
mlp_status parts_set(const char *function, struct mlp_workspace *workspace, size_t parts, size_t count,
                     const mlp_exchange *exchange);

/* Samples of a workspace for batches of `count` on ranks of this exchange: of one part, or as many parts as
 * make products about as fast as they get, and as a rank has at most. */
size_t parts_room(size_t count, size_t parts, const mlp_exchange *exchange);

/* Bytes that the parts of a workspace take, 0 without. */
size_t parts_bytes(const struct mlp_workspace *workspace);

/* A member's scratch memory for a tile of a sum of 2^level parts, while that of more is made elsewhere. */
static inline float *parts_scratch(const struct parts *parts, const struct team *team, size_t level)
{
    return parts->scratch + ((size_t)team->rank * parts->slots + level) * parts->scratch_size;
}

/* An arena of the tree. */
static inline float *parts_arena(const struct parts *parts, size_t arena)
{
    return arena == 0 ? parts->sum : parts->waiting + (arena - 1) * parts->arena_size;
}

/* Whether the ranks' A and dZ, and their gradient, lie in memory that they have in common. */
static inline bool parts_are_shared(const struct parts *parts)
{
    return parts->shared.memory != NULL;
}

/* Ranks whose parts this rank makes tiles of. */
struct range parts_ranks(const struct pass *pass);

/* The plan of the parts under way, and columns of the i-th of them: pass_part(). */
enum plan_kind parts_plan_kind(const struct pass *pass);
bool parts_columns(const struct pass *pass, size_t i, struct range *columns);

/* dW and db of the parts of a round, a tile after the other: part_gradient.c. Of a
 * layer whose first tile lies at `area`, those in this member's share. */
void part_gradient_tiles(const struct team *team, struct pass *pass, size_t l, double area,
                         const struct area *share);

/* This rank's share of the gradient's `whole` entries: all where the ranks' sums are its own. */
struct area parts_area(const struct parts *parts, double whole);

/* Samples of part `part` of `parts`: sizes differ by at most one, the longer ones come first. */
struct range part_range(size_t count, size_t parts, size_t part);

/* MLP_ERROR_RANGE unless the workspace has room for the parts of such a batch. */
mlp_status parts_check(const char *function, const struct mlp_workspace *workspace, size_t count);

/* The passes of a whole batch. As pass_begin(), of the first group; x and the targets stay the caller's. */
void pass_begin_batch(struct pass *pass, const float *x, size_t count);
/* Forward, loss and, where it is wanted, backward of every part, of other ranks, too, as a team; what it has
 * written is visible to all. Afterwards the gradient is in workspace->gradients, measured; Z, A and dZ are
 * those of the last group. */
void pass_run_batch(const struct team *team, struct pass *pass);
/* As pass_sum_loss(), of the whole batch. */
void pass_sum_batch_loss(struct pass *pass);

/* As pass_evaluate(), with noise, of a whole batch. */
mlp_status pass_evaluate_batch(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               const mlp_targets *targets, size_t count);

#endif
