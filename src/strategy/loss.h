/* Losses: one row of behaviour for each value of mlp_loss. */
#ifndef STRATEGY_LOSS_H
#define STRATEGY_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/activation.h>
#include <mlp/loss.h>

#include "base/names.h"

struct loss_settings {
    mlp_loss loss; /* not automatic once loss_resolve() has been through */
    mlp_reduction reduction;
    double label_smoothing;
    double huber_delta;
    const float *class_weights; /* one for each output, or NULL; owned by the network */
    mlp_loss_callback custom;
    void *context;
};

/* A run of samples, columns first … first + columns − 1 of the batch. z, a and gradient point at column
 * `first`. */
struct loss_block {
    const struct loss_settings *settings;
    const mlp_targets *targets; /* of the whole batch */
    size_t first;
    size_t columns;
    size_t units;
    const float *z;           /* pre-activations of the output layer */
    const float *a;           /* its activations */
    float *gradient;          /* out: dL/dZ or dL/dA as the row's from_logits says; NULL: not wanted */
    size_t leading_dimension; /* of z, a and gradient */
    double scale;             /* from loss_scale(); multiplies loss and gradient */
};

struct loss_row {
    struct name name; /* must be first */
    bool from_logits; /* computed from Z, gradient is dL/dZ; otherwise from A, dL/dA */
    bool per_unit;    /* the mean also divides by the number of units */
    bool whole_batch; /* custom: the caller's function sees the batch at once; `evaluate` is NULL */
    /* Loss of the block, already scaled, and its gradient. */
    double (*evaluate)(const struct loss_block *block);
};

const struct loss_row *loss_row(mlp_loss loss);

/* Replaces automatic and 0 by what is in force, and checks everything: values, ranges, and whether the loss
 * goes with the output's activation and number of units. The message of a refused pair says what to use
 * instead. */
mlp_status loss_resolve(struct loss_settings *settings, mlp_activation output, size_t units);

/* Checks a batch's targets against the settings (not for custom) and gives the factor that the reduction
 * applies to each sample's weighted loss. MLP_ERROR_ARGUMENT (no targets, both kinds), MLP_ERROR_RANGE (class
 * index, weight: the message names the sample). The factor is 0 when all classes of the batch have weight 0.
 * Does not look at dense values: one that is not finite makes the loss not finite. */
mlp_status loss_scale(const struct loss_settings *settings, const mlp_targets *targets, size_t units,
                      size_t count, double *scale);

#endif
