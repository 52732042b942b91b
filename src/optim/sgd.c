/* Stochastic gradient descent: w ← keep·w − η·g. */
#include "optim/rule_rows.h"

static void update(const struct update *u)
{
    float *restrict w = u->parameters;
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = 0; i < k.count; i++) {
        w[i] = w[i] * k.keep - k.rate * effective_gradient(&k, g[i], w[i]);
    }
}

const struct update_rule LEVEL_NAME(sgd_rule) = {
    .name = { "sgd", "w -= rate g" },
    .defaults = { .learning_rate = 0.01, .momentum = NAN, .beta1 = NAN, .beta2 = NAN, .epsilon = NAN,
                  .weight_decay = 0.0, .decay = MLP_DECAY_L2 },
    .update = update,
};
