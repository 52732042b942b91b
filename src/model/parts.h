/* A step's batch in parts: each part goes through the passes alone, and the gradients are added up by a fixed
 * binary tree, in float. Nodes of level k stand for 2^k neighbouring parts; the last of a level may stand for
 * fewer. The sums depend on the number of parts alone.
 *
 * A sum of P floats by this tree is off by at most γ(⌈log₂ P⌉)·Σ|gᵢ|, γ(n) = n·u/(1 − n·u), u = 2⁻²⁴ (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2002, section 4.2).
 *
 * Parts are taken in order; the sums that wait are a stack, the leftmost one below. One whose number ends in
 * t ones in binary completes t nodes: its gradient tiles are made in scratch memory, while they are in cache
 * the t sums on top are added to them, and they take the place of the last of these. So of P parts at most
 * ⌊log₂ P⌋ sums wait, the first of them where the gradient is wanted in the end. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/team.h"
#include "model/exchange.h"
#include "model/shared_gradient.h"
#include "model/pass.h"

enum { PARTS_MOST = 4096, PARTS_LEVELS = 12 };

/* Called on one thread when a part's outputs and dZ are in the workspace, which holds this part alone;
 * `first` is its first sample's place in the batch. Adds to `counts`, which are those of the batch in the
 * end. */
enum { PART_COUNTS = 4 };
typedef void (*part_visitor)(void *context, const struct pass *pass, size_t first,
                             uint64_t counts[PART_COUNTS]);

struct parts {
    size_t count;                 /* parts that a batch is cut into */
    float *waiting[PARTS_LEVELS]; /* mirrors of the gradient arena: what waits above the first sum */
    float *apart;                 /* another: tiles that are too large for the scratch memory */
    float *scratch;               /* of each member, scratch_size floats */
    size_t scratch_size;
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

/* As mlp_workspace_set_exchange(), of an exchange that was accepted: without a word to the other ranks. */
mlp_status parts_set(const char *function, struct mlp_workspace *workspace, size_t parts,
                     const mlp_exchange *exchange);

/* Bytes that the parts of a workspace take, 0 without. */
size_t parts_bytes(const struct mlp_workspace *workspace);

/* A member's scratch memory for `floats` floats; NULL where they are too many. */
static inline float *parts_scratch(const struct parts *parts, const struct team *team, size_t floats)
{
    return floats <= parts->scratch_size ? parts->scratch + (size_t)team->rank * parts->scratch_size : NULL;
}

/* Samples of part `part` of `parts`: sizes differ by at most one, the longer ones come first. */
struct range part_range(size_t count, size_t parts, size_t part);

/* Parts that a batch of `count` samples has: one of a sample at most. */
size_t parts_of(const struct mlp_workspace *workspace, size_t count);

/* MLP_ERROR_RANGE unless the workspace has room for the parts of such a batch. */
mlp_status parts_check(const char *function, const struct mlp_workspace *workspace, size_t count);

/* The passes of a whole batch. As pass_begin(), of the first part; x and the targets stay the caller's. */
void pass_begin_batch(struct pass *pass, const float *x, size_t count);
/* Forward, loss and, where it is wanted, backward of every part, of other ranks, too, as a team; what it has
 * written is visible to all. Afterwards the gradient is in workspace->gradients, measured; Z, A and dZ are
 * the last part's. */
void pass_run_batch(const struct team *team, struct pass *pass);
/* As pass_sum_loss(), of the whole batch. */
void pass_sum_batch_loss(struct pass *pass);

/* As pass_evaluate(), with noise, of a whole batch. */
mlp_status pass_evaluate_batch(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               const mlp_targets *targets, size_t count);

#endif
