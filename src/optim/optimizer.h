/* The optimizer handle, and the update as a team runs it. */
#ifndef OPTIM_OPTIMIZER_H
#define OPTIM_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/optimizer.h>

#include "base/assert.h"
#include "base/team.h"
#include "model/workspace.h"
#include "optim/clip.h"
#include "optim/rule.h"

/* A layer's own clipping rule. */
struct layer_clip {
    bool given;
    mlp_clip rule;
    double threshold;
};

struct mlp_optimizer {
    mlp_optimizer_options options; /* every default resolved */
    const struct update_rule *rule;
    float *state[RULE_STATES]; /* mirrors of `own` of the parameter arena, as many as the rule has */
    struct range own;          /* floats of the arena that are updated here: all, or a shard */
    size_t *shard_ends;        /* of each rank's shard; NULL: the state is whole */
    size_t inputs;             /* shape of the networks this optimizer is for */
    size_t layer_count;
    size_t *units;
    size_t arena_size;
    float *scale;                     /* one clip factor for each tensor, 2 per layer ... */
    float *bound;                     /* ... and one bound for its entries */
    struct layer_clip *clips;         /* of single layers */
    double *squares, *largest, *sums; /* of each tensor, while a step is clipped */
    size_t *counts;                   /* entries of each tensor */
    double *ratios; /* ‖g‖/‖w‖ of each layer's units and b, while they are clipped; 0 where frozen */
    size_t unit_count;                /* of them */
    float *before;                    /* parameters before an update that is to be clipped; NULL: none is */
    float *scratch;                   /* for whole matrices; NULL: the rule needs none */
    size_t scratch_first;             /* floats that the layers before the shard's first would take ... */
    size_t scratch_whole;             /* ... and all layers */
    struct clip_memory memory;        /* of adaptive rules */
    struct clip_memory memory_before; /* of an update that may be refused */
    double state_bound;               /* no |state| is above it, as far as is known: optim/finite.h */
    struct moment_bound moments;      /* of rules that divide one state by the root of another */
    mlp_layer_factors *factors;       /* one for each layer */
    double rate_scale;                /* a schedule's factor on the learning rate; 1 without */
    double momentum_now;              /* a schedule's µ or β₁; NaN: that of the options */
    double product;                   /* a rule's running product over the updates; 1 at the start */
    size_t pairs;                     /* L-BFGS: remembered so far, the last of which are in the state */
    uint64_t updates;                 /* applied */
    size_t skips;                     /* in a row, up to now */
};

/* Checks the options of clipping and puts defaults in place. */
mlp_status optimizer_check_clipping(mlp_optimizer_options *options);
/* MLP_ERROR_RANGE when there is no such layer; the text begins with `function`. */
mlp_status optimizer_check_layer(const char *function, const mlp_optimizer *optimizer, size_t layer);
/* The rule of a layer: its own, or the optimizer's. */
struct layer_clip optimizer_layer_clip(const struct mlp_optimizer *optimizer, size_t layer);
/* Floats of scratch that the layers before `layer` take. */
size_t optimizer_scratch_before(const mlp_network *network, const struct update_rule *rule, size_t layer);
/* MLP_ERROR_SHAPE unless the optimizer was made for a network of this shape. */
mlp_status optimizer_check(const struct mlp_optimizer *optimizer, const struct mlp_network *network);

/* MLP_ERROR_RANGE when a decoupled decay of these options would take all of a parameter. */
mlp_status optimizer_check_decay(const struct mlp_optimizer *optimizer, const mlp_optimizer_options *options);

/* The factor on the learning rate of tensor t: W of layer t/2, or its b. */
static inline double optimizer_rate_factor(const struct mlp_optimizer *optimizer, size_t t)
{
    MLP_ASSERT(t / 2 < optimizer->layer_count);
    const mlp_layer_factors *factors = &optimizer->factors[t / 2];
    return t % 2 == 0 ? factors->weight_rate : factors->bias_rate;
}

/* What one step is going to do, decided by one thread before the team updates. */
struct update_plan {
    struct mlp_optimizer *optimizer;
    struct mlp_network *network;
    struct mlp_workspace *workspace;
    bool reshapes;                  /* the gradient is looked at unit by unit before it is clipped */
    struct update_constants common; /* what all tensors have in common */
    float *parameters;              /* the network's, to be written */
    bool finite;                    /* the update is known to be finite: it need not be tried first */
    bool bounds;                    /* gradients with their decay may be above LARGEST_SQUARED */
    double product_before;
    size_t skips_before; /* in a row */
    int32_t tried[2];    /* bits of the largest |parameter| and |state|, before and as they would be */
    mlp_step_report report;
    mlp_status status; /* NONFINITE: nothing may be applied */
    bool apply;        /* whether optimizer_update() is to run */
};

/* Decides: looks at loss and at workspace->squares, largest (pass_sum_magnitudes() or pass_measure() has
 * run), applies the policy for what is not finite and the clip rule; counts the update. `loss` may be NAN for
 * "not known": then `loss_known` is false. By one thread; all members see the result after a barrier. */
void optimizer_decide(struct update_plan *plan, double loss, bool loss_known);

/* Applies the rule to this member's share of the arena. Only when plan->apply. */
void optimizer_update(const struct team *team, struct update_plan *plan);

/* Whole tensors dealt out to the members of a team, in order and by their work: the middle of a tensor's work
 * decides whose it is. */
struct deal {
    const struct team *team;
    double total, done; /* work; done is 0 at first */
};

/* Whether the next tensor is this member's. */
static inline bool deal_next(struct deal *deal, double work)
{
    const double middle = (deal->done + 0.5 * work) * (double)deal->team->size;
    const double first = deal->total * (double)deal->team->rank;
    const bool last = deal->team->rank + 1 == deal->team->size;
    deal->done += work;
    return middle >= first && (last || middle < first + deal->total);
}

/* ---- between the files of this folder ------------------------------------------------------------------ */

/* Whether the gradient is looked at unit by unit before it is clipped, as optimizer_reshape() does: it
 * centralizes, and clips units; ends with a barrier. */
bool optimizer_reshapes(const struct mlp_optimizer *optimizer);
void optimizer_reshape(const struct team *team, struct update_plan *plan);
/* This member's share of the units. */
void centralize_gradients(const struct team *team, struct update_plan *plan);
/* Sets the optimizer's scale and bound, and the report. By one thread. A custom rule's failure comes back. */
mlp_status optimizer_clip(struct update_plan *plan);
/* Before and after an update that is to be clipped. */
void update_clip_begin(const struct update_plan *plan, const struct range *share);
void update_clip_end(const struct team *team, struct update_plan *plan);

/* What the rule does with whole tensors, those of this rank: each is one member's. */
void optimizer_finish(const struct team *team, const struct update_plan *plan);
/* Whether tensor t is a hidden layer's W, and the rule one that looks at matrices. */
static inline bool optimizer_takes_apart(const struct mlp_optimizer *optimizer, size_t t)
{
    return optimizer->rule->update_hidden != NULL && t % 2 == 0 && t / 2 + 1 < optimizer->layer_count;
}

/* Scales the weights into each unit to the optimizer's max_norm where theirs is larger; this member's share
 * of the units. */
void max_norm_apply(const struct team *team, const struct update_plan *plan);

#endif
