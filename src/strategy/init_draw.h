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
mlp_status fill_identity(double gain, const struct target *target);
mlp_status draw_orthogonal(const struct init_task *task, double gain, const struct target *target);
mlp_status fill_custom(const struct init_task *task, const struct target *target);

#endif
