/* Batches: the buffers that samples are gathered into, and the counts that metrics are made of. */
#ifndef SESSION_BATCH_H
#define SESSION_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/train.h>

#include "base/team.h"
#include "data/data.h"
#include "model/workspace.h"

struct batch {
    const mlp_data *data;
    /* of ranks: the features of this rank's samples alone are wanted; or NULL */
    const struct parts *parts;
    size_t size;      /* largest */
    size_t count;     /* gathered */
    size_t epoch;     /* that a source is told */
    float *x;         /* size × inputs */
    int32_t *classes; /* or NULL */
    float *values;    /* or NULL */
    float *weights;   /* or NULL: all 1 */
    mlp_targets targets;
    const float *shift, *scale; /* values are (value − shift)/scale; borrowed; NULL: as they are */
};

/* MLP_ERROR_SHAPE or ARGUMENT unless the data set's samples and targets suit the network. */
mlp_status batch_check_data(const char *function, const mlp_network *network, const mlp_data *data);

/* Buffers for batches of up to `size` samples; batch_free() afterwards also when it fails. */
mlp_status batch_make(struct batch *batch, const mlp_data *data, size_t size);
void batch_free(struct batch *batch);

/* Values are gathered in the units of the network's outputs. */
void batch_scale_targets(struct batch *batch, const mlp_network *network);

/* Gathers samples order[0 … count − 1] (NULL: first … first + count − 1), on up to `threads` threads; from a
 * file or a source on the calling one. Errors: IO, FORMAT, a source's. */
mlp_status batch_gather(struct batch *batch, const size_t *order, size_t first, size_t count, int threads);

/* MLP_ERROR_RANGE unless some sample of the data set has a mass to divide a mean loss by. */
mlp_status batch_check_mass(const char *function, const mlp_network *network, const mlp_data *data);

/* Whether a gathered batch has one. */
bool batch_has_mass(const struct batch *batch, const mlp_network *network);

/* Running sums over batches. */
struct tally {
    double loss;        /* Σ loss_sum.sum */
    double loss_weight; /* Σ loss_sum.mass */
    size_t samples;
    size_t right;
    size_t right_top_k;
    size_t classed; /* samples with a class */
};

/* Counts a batch whose outputs are in the workspace: right, top-k, and in `confusion` (or NULL) actual ×
 * predicted; on up to `threads` threads, 1 within a team. */
void tally_batch(struct tally *tally, const mlp_network *network, const mlp_workspace *workspace,
                 const struct batch *batch, size_t top_k, uint64_t *confusion, int threads);

/* Adds the counts of some samples, not their loss. */
void tally_add(struct tally *tally, const struct tally *counts);

/* Adds the loss of a batch. */
void tally_loss(struct tally *tally, const struct loss_sum *loss);
/* The loss of all samples so far, by the network's reduction; NAN where a mean has no mass. */
double tally_mean_loss(const struct tally *tally, const mlp_network *network);

/* Share of `count`, NAN where nothing was counted. */
double tally_share(const struct tally *tally, size_t count);

#endif
