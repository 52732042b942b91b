/* Initializers: one row of behaviour for each value of mlp_init. */
#ifndef STRATEGY_INIT_H
#define STRATEGY_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/init.h>
#include <mlp/mean_field.h>

/* One tensor to fill. */
struct init_task {
    mlp_init init; /* not automatic: see init_check() */
    mlp_init_parameters parameters;
    mlp_activation_choice activation; /* of the layer; identity in place of softmax */
    size_t fan_in;
    size_t fan_out;
    size_t layer; /* for the random stream and messages */
    uint64_t seed;
    bool is_bias;
    bool is_output; /* of a network with hidden layers */
};

/* What a task's draw comes to. */
struct init_scale {
    double gain;
    double fan;       /* 0 where none divides the variance */
    double deviation; /* σ; 0 for a fixed pattern, NaN for a custom one */
};

/* Checks the initializer and its parameters (for weights, or for a bias, which fewer suit). Automatic must
 * have been resolved. The text does not name the layer. */
mlp_status init_check(mlp_init init, const mlp_init_parameters *parameters, bool is_bias);

/* σ, gain and fan of a checked task. */
struct init_scale init_scale(const struct init_task *task);

/* Fills values (rows×columns column-major, leading dimension ≥ rows; padding is left alone) as the task says.
 * Weights: rows = fan_out, columns = fan_in. Bias: columns = 1. The draw depends on seed, purpose and layer
 * alone. MLP_ERROR_NONFINITE when a drawn value does not fit float (or a custom one is not finite),
 * MLP_ERROR_MEMORY, or what a custom callback returned. */
mlp_status init_fill(const struct init_task *task, float *values, size_t rows, size_t columns,
                     size_t leading_dimension);

#endif
