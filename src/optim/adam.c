/* Adam (Kingma & Ba 2015, algorithm 1) and AdamW (Loshchilov & Hutter 2019), which differ in their decay
 * alone: m ← β₁·m + (1 − β₁)·g; v ← β₂·v + (1 − β₂)·g²;
 * w ← keep·w − η·m̂/(√v̂ + ε), m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ). */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict m = u->state[0], *restrict v = u->state[1];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean = k.beta1 * m[i] + k.fresh1 * gradient;
        const float mean_square = k.beta2 * v[i] + k.fresh2 * (gradient * gradient);
        m[i] = mean;
        v[i] = mean_square;
        w[i] = w[i] * k.keep -
               k.rate * (mean * k.correction1) / (sqrtf(mean_square * k.correction2) + k.epsilon);
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(adam_rule) = {
    .name = { "adam", "mean of g over root mean square of g, corrected for their start at 0" },
    .states = 2,
    .squares = true,
    .defaults = { .learning_rate = 0.001,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};

const struct update_rule LEVEL_NAME(adamw_rule) = {
    .name = { "adamw", "adam with decoupled weight decay, 0.01 by default" },
    .states = 2,
    .squares = true,
    .defaults = { .learning_rate = 0.001,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .weight_decay = 0.01,
                  .decay = MLP_DECAY_DECOUPLED },
    .update = update,
};
