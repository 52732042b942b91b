/* Momentum (Polyak 1964): v ← µ·v + g; w ← keep·w − η·v. */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict v = u->state[0];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float velocity = k.momentum * v[i] + effective_gradient(&k, g[i], w[i]);
        v[i] = velocity;
        w[i] = w[i] * k.keep - k.rate * velocity;
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(momentum_rule) = {
    .name = { "momentum", "v = mu v + g; w -= rate v" },
    .step = STEP_OF_GRADIENT,
    .states = 1,
    .defaults = { .learning_rate = 0.01,
                  .momentum = 0.9,
                  .beta1 = NAN,
                  .beta2 = NAN,
                  .epsilon = NAN,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};
