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
    mlp_class_targets class_targets;
    double label_smoothing;
    double huber_delta;
    const float *class_weights; /* one for each output, or NULL; owned by the network */
    mlp_loss_callback custom;
    void *context;
    const char *custom_name; /* in files, or NULL; owned by the network */
};

/* The value of units that are not the class's: its own is 1. */
static inline float loss_low(const struct loss_settings *settings)
{
    return settings->class_targets == MLP_CLASS_TARGETS_BIPOLAR ? -1.0f : 0.0f;
}

/* The unit that is 1 for a class, of several, or of a single one, which is class 1's; none: SIZE_MAX. */
static inline size_t loss_hot_unit(size_t units, size_t class)
{
    return units > 1 ? class : class - 1;
}

/* Stands for a custom loss that was not given when the network was loaded: STATE, naming it by the context,
 * its custom_name. */
mlp_status loss_missing(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                        size_t leading_dimension, float *gradient, double *loss, void *context);

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
    double scale;             /* from loss_scale(); multiplies the gradient */
    float *softmax; /* out: a, of the same exponentials, where the loss is to make it as well; else NULL */
    bool streams;   /* it goes past the caches, which could not keep it */
};

/* Losses of samples added up. Those of batches add up to that of a data set, which loss_reduce() divides
 * once. */
struct loss_sum {
    double sum;  /* Σ s_i ℓ_i; with the reduction mean ℓ_i is averaged over the units */
    double mass; /* Σ s_i, with the reduction mean and class indices Σ s_i w_{y_i}: what a mean divides by */
};

struct loss_row {
    struct name name;   /* must be first */
    bool from_logits;   /* computed from Z, gradient is dL/dZ; otherwise from A, dL/dA */
    bool takes_softmax; /* makes the block's `softmax`, too, where that is set */
    bool per_unit;      /* the mean also divides by the number of units */
    bool whole_batch;   /* custom: the caller's function sees the batch at once; `evaluate` is NULL */
    /* Σ s_i ℓ_i of the block, summed over the units, and its scaled gradient. */
    double (*evaluate)(const struct loss_block *block);
};

const struct loss_row *loss_row(mlp_loss loss);

/* Replaces automatic and 0 by what is in force, and checks everything: values, ranges, and whether the loss
 * goes with the output's activation and number of units. The message of a refused pair says what to use
 * instead. */
mlp_status loss_resolve(struct loss_settings *settings, mlp_activation output, size_t units);

/* Checks a batch's targets against the settings. MLP_ERROR_ARGUMENT (no targets, both kinds), MLP_ERROR_RANGE
 * (class index, weight: the message names the sample). Does not look at dense values: one that is not finite
 * makes the loss not finite. Nothing is checked for a custom loss. */
mlp_status loss_check_targets(const struct loss_settings *settings, const mlp_targets *targets, size_t units,
                              size_t count);

/* What sample `sample` of checked targets adds to loss_sum.mass. */
double loss_sample_mass(const struct loss_settings *settings, const mlp_targets *targets, size_t sample);

/* The mass of a batch of checked targets. */
double loss_mass(const struct loss_settings *settings, const mlp_targets *targets, size_t count);

/* What a sample's loss summed over the units is divided by to be its ℓ_i: `units` where the mean is over
 * units too, else 1. */
size_t loss_units(const struct loss_settings *settings, size_t units);

/* The factor that the reduction applies to each sample's weighted loss summed over `units`, in a batch of
 * this mass: 1 for a sum. 0 for a mean without mass, which has nothing to learn from. */
double loss_scale(const struct loss_settings *settings, size_t units, double mass);

/* The number that the sums stand for: the sum, or sum/mass, NaN where a mean has no mass. */
double loss_reduce(const struct loss_settings *settings, const struct loss_sum *sum);

#endif
