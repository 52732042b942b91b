/* Stochastic gradient descent: w ← keep·w − η·g. */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters;
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        w[i] = w[i] * k.keep - k.rate * effective_gradient(&k, g[i], w[i]);
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(sgd_rule) = {
    .name = { "sgd", "w -= rate g" },
    .step = STEP_OF_GRADIENT,
    .defaults = { .learning_rate = 0.01,
                  .momentum = NAN,
                  .beta1 = NAN,
                  .beta2 = NAN,
                  .epsilon = NAN,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};
