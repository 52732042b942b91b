/* Adadelta (Zeiler 2012, algorithm 1): s ← β₂·s + (1 − β₂)·g²; δ = √(d + ε)/√(s + ε)·g; d ← β₂·d + (1 −
 * β₂)·δ²; w ← keep·w − η·δ. */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict s = u->state[0], *restrict d = u->state[1];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean_square = k.beta2 * s[i] + k.fresh2 * (gradient * gradient);
        const float change = sqrtf(d[i] + k.epsilon) / sqrtf(mean_square + k.epsilon) * gradient;
        s[i] = mean_square;
        d[i] = k.beta2 * d[i] + k.fresh2 * (change * change);
        w[i] = w[i] * k.keep - k.rate * change;
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(adadelta_rule) = {
    .name = { "adadelta", "steps as large as the steps of late; rate 1" },
    .states = 2,
    .squares = true,
    .defaults = { .learning_rate = 1.0,
                  .momentum = NAN,
                  .beta1 = NAN,
                  .beta2 = 0.9,
                  .epsilon = 1e-6,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};
