/* RMSProp (Tieleman & Hinton 2012): s ← β₂·s + (1 − β₂)·g²; w ← keep·w − η·g/(√s + ε). */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict s = u->state[0];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean_square = k.beta2 * s[i] + k.fresh2 * (gradient * gradient);
        s[i] = mean_square;
        w[i] = w[i] * k.keep - k.rate * gradient / (sqrtf(mean_square) + k.epsilon);
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(rmsprop_rule) = {
    .name = { "rmsprop", "s = b2 s + (1-b2) g^2; w -= rate g / (sqrt s + eps)" },
    .states = 1,
    .squares = true,
    .defaults = { .learning_rate = 0.01,
                  .momentum = NAN,
                  .beta1 = NAN,
                  .beta2 = 0.99,
                  .epsilon = 1e-8,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};
