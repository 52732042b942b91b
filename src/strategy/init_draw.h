/* Filling a tensor: what the rows of the initializers' table are made of. */
#ifndef STRATEGY_INIT_DRAW_H
#define STRATEGY_INIT_DRAW_H

#include "strategy/init.h"

/* A tensor to fill, column-major. */
struct target {
    float *values;
    size_t rows;
    size_t columns;
    size_t leading_dimension;
};

/* Standard deviation of N(0, 1) cut at ±2. */
#define TRUNCATED_DEVIATION 0.87962566103423978

/* deviation × a draw of the distribution with variance 1. */
mlp_status draw_scaled(const struct init_task *task, mlp_distribution distribution, double deviation,
                       const struct target *target);

/* Uniform on [low, high). */
mlp_status draw_uniform(const struct init_task *task, double low, double high, const struct target *target);

mlp_status fill_constant(double value, const struct target *target);
/* `incoming` entries of each row N(0, deviation²), 0 elsewhere. */
mlp_status draw_sparse(const struct init_task *task, size_t incoming, double deviation,
                       const struct target *target);

/* The corner of a Hadamard matrix of order 2^m ≥ rows, times gain·2^(−(m−1)/2). */
mlp_status fill_hadamard(double gain, const struct target *target);
mlp_status fill_identity(double gain, const struct target *target);
mlp_status draw_orthogonal(const struct init_task *task, double gain, const struct target *target);
/* MLP_ERROR_NONFINITE, naming the first such value, when one is not finite. */
mlp_status check_drawn(const struct init_task *task, const struct target *target);
mlp_status fill_custom(const struct init_task *task, const struct target *target);

#endif
