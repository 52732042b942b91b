/* The passes as a team runs them: every member calls each function, in the same order; each ends with what it
 * wrote visible to all members. BLAS is on one thread (linalg/blas_section.h). */
#ifndef MODEL_PASS_H
#define MODEL_PASS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/team.h"
#include "model/workspace.h"

/* A batch on its way through the passes. */
struct pass {
    const struct mlp_network *network;
    struct mlp_workspace *workspace;
    const float *x;             /* the batch as the caller gave it ... */
    size_t stride;              /* ... floats from one sample to the next; 0: the inputs */
    const mlp_targets *targets; /* for the loss */
    double mass;                /* of the targets: loss_mass() */
    double loss_scale;          /* from loss_scale() */
    double loss;                /* out: set by pass_loss() */
    mlp_status status;          /* a custom loss's failure */
    bool want_gradient;
    bool noise;                /* a forward pass of training: model/regularize.h */
    float *input_gradient;     /* inputs × count, for pass_input_gradient() */
    size_t first;              /* place of the first sample in the step's batch, by which noise is drawn */
    float *gradient;           /* where dW and db of a batch that is taken whole go: workspace->gradients */
    const struct parts *parts; /* NULL: the batch is taken whole */
    bool measures; /* of parts: the tiles are complete with this round, their magnitudes are wanted */
    struct {
        const float *x;
        const mlp_targets *targets;
        size_t count, parts;
        size_t group;         /* parts that go through the passes together, at most */
        size_t rounds, round; /* in each, every rank takes a group of its parts through the passes */
        struct range now;     /* this rank's parts under way */
        mlp_targets here;     /* their targets */
    } batch;                  /* of a step: model/parts.h */
};

/* Sets workspace->x, count and plan for a batch of 1 … workspace->batch samples; before the team starts. */
void pass_begin(struct pass *pass, const float *x, size_t count);
/* The same without a step of the noise: of further parts of a batch. */
void pass_place(struct pass *pass, const float *x, size_t count);

/* Threads that this batch may keep busy, at most the workspace's. */
int pass_threads(const struct pass *pass);

void pass_forward(const struct team *team, struct pass *pass); /* Z, A */
void pass_loss(const struct team *team, struct pass *pass);    /* loss, dŷ: the output layer's dZ */
/* Both, with the same bits, where a softmax and its cross-entropy take their exponentials once: all but the
 * activation of an output that needs whole columns, then that and the loss. */
void pass_layers(const struct team *team, struct pass *pass);
void pass_output_loss(const struct team *team, struct pass *pass);
void pass_backward(const struct team *team,
                   struct pass *pass); /* dZ, dW, db, magnitudes of the gradient tiles */
/* The two halves of it: dZ of all layers; then the rest. */
void pass_differentiate(const struct team *team, struct pass *pass);
void pass_gradient(const struct team *team, struct pass *pass);
void pass_layer_gradient(struct pass *pass, size_t layer); /* of one layer, by one thread */

/* Adds the blocks' losses up, in order, into pass->loss and workspace->loss. By one thread, after the team or
 * a barrier. */
void pass_sum_loss(struct pass *pass);
/* The sum of the losses of a part's blocks, pass_part()'s; and what stands for that of all in pass->loss and
 * workspace->loss. */
double pass_part_loss(const struct pass *pass, size_t i);
void pass_set_loss(struct pass *pass, double sum);

/* Adds the tiles' magnitudes up, tensor by tensor, in grid order, into workspace->squares and largest.
 * Likewise. */
void pass_sum_magnitudes(struct pass *pass);

/* Measures the gradient tiles afresh (a caller may have changed them), then as above. Likewise. */
void pass_measure(struct pass *pass);

/* Measures this member's share of the gradient tiles; pass_sum_magnitudes() adds them up. */
void pass_measure_tiles(const struct team *team, struct pass *pass);

/* dL/dx of the batch, after pass_backward(); `context` is the pass. */
void pass_input_gradient(const struct team *team, void *context);

/* What the functions that take a batch check; texts begin with `function`. The second without its size. */
mlp_status pass_check_batch(const char *function, const mlp_network *network, const mlp_workspace *workspace,
                            const float *x, size_t count);
mlp_status pass_check_training(const char *function, const mlp_network *network,
                               const mlp_workspace *workspace, const float *x);

/* Forward and loss of a batch of 1 … workspace->batch samples, with the noise of training or without, in a
 * workspace for training or evaluation. Leaves A of the output and the loss in it; a loss that is not finite
 * is no error, and a batch without mass is none. Errors: those of targets, a custom loss's. */
mlp_status pass_evaluate(const mlp_network *network, mlp_workspace *workspace, const float *x,
                         const mlp_targets *targets, size_t count, bool noise);

/* Checks pass->targets, with MLP_ERROR_RANGE where all weights are 0, and sets pass->mass and loss_scale. */
mlp_status pass_check_targets(struct pass *pass, size_t count);

/* MLP_OK when the loss is finite, else the custom loss's status or MLP_ERROR_NONFINITE. */
mlp_status pass_loss_status(const struct pass *pass);

/* Sets pass->mass and loss_scale from targets that need not have a mass. Errors: those of targets. */
mlp_status pass_prepare_targets(struct pass *pass, size_t count);

/* Runs a team of pass_threads(), or one thread where that is faster, with BLAS kept to one thread. */
void pass_run(struct pass *pass, team_work *work, void *context);

/* ---- between the files of this folder ------------------------------------------------------------------ */

/* Columns of the i-th part of a batch that is in the workspace; a batch that is taken whole is one. False
 * where there are no more. */
bool pass_part(const struct pass *pass, size_t i, struct range *columns);

/* Loss of the block of the i-th part that begins with a column. */
static inline double *loss_block(const struct pass *pass, size_t i, size_t column)
{
    return &pass->workspace->block_losses[column / LOSS_BLOCK + i];
}

/* Magnitudes of a gradient tile in workspace->gradients, and in the first column of tiles of those rows of
 * db. */
void pass_measure_tile(struct pass *pass, size_t l, size_t r, size_t c);

/* A member's share of tiles that lie one after the other: entries first … end − 1. The middle of a tile
 * decides whose it is: tiles of unlike sizes are shared out by what they cost. */
struct area {
    double first, end;
};

/* A member's share of an area, and of `whole` entries. */
struct area area_of(const struct team *team, const struct area *area);
struct area area_share(const struct team *team, double whole);

/* Whether the share has the tile whose first entry is at `area`, which goes on to the next tile. */
bool area_takes(const struct area *share, double *area, const struct tile *tile);

/* One tile of a layer's product. */
typedef void (*tile_visitor)(struct pass *pass, size_t layer, const struct tile *tile);

/* Visits this member's tiles of a grid over (something × batch). */
void visit_tiles(const struct team *team, struct pass *pass, const struct grid *grid, size_t layer,
                 tile_visitor visit);

/* The same for all slices of a product, each a grid of its own, one slice after the other; whichever member's
 * columns the tiles are of. */
typedef void (*slice_visitor)(struct pass *pass, size_t layer, size_t slice, const struct tile *tile);
void visit_slices(const struct team *team, struct pass *pass, const struct grid *grid, size_t slices,
                  size_t layer, slice_visitor visit);

/* Waits for the others, unless every member keeps to its own columns. */
void join_columns(const struct team *team, const struct pass *pass);

/* Whether other ranks read the batch as the first layer sees it: it is copied then. */
bool pass_shares_input(const struct pass *pass);

/* A of the layer below `layer`, or the batch; *ld receives its leading dimension. */
const float *layer_input(const struct pass *pass, size_t layer, size_t *ld);

/* dA → dZ of a layer, for one tile. */
void activation_gradient(struct pass *pass, size_t layer, const struct tile *tile);

#endif
