/* Lion (Chen et al. 2023, algorithm 2): w ← keep·w − η·sign(β₁·m + (1 − β₁)·g); m ← β₂·m + (1 − β₂)·g. */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict m = u->state[0];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float blend = k.beta1 * m[i] + k.fresh1 * gradient;
        const float sign = (blend > 0.0f ? 1.0f : 0.0f) - (blend < 0.0f ? 1.0f : 0.0f);
        m[i] = k.beta2 * m[i] + k.fresh2 * gradient;
        w[i] = w[i] * k.keep - k.rate * sign;
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(lion_rule) = {
    .name = { "lion", "the sign of a mean of g" },
    .states = 1,
    .defaults = { .learning_rate = 0.0001,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.99,
                  .epsilon = NAN,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_DECOUPLED },
    .update = update,
};
