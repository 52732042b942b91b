/* Adamax (Kingma & Ba 2015, algorithm 2): m ← β₁·m + (1 − β₁)·g; v ← max(β₂·v, |g| + ε); w ← keep·w − η·m̂/v,
 * m̂ = m/(1 − β₁ᵗ). ε as in torch.optim.Adamax; the paper has none. */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict m = u->state[0], *restrict v = u->state[1];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean = k.beta1 * m[i] + k.fresh1 * gradient;
        const float faded = k.beta2 * v[i], fresh = fabsf(gradient) + k.epsilon;
        const float largest = faded > fresh ? faded : fresh;
        m[i] = mean;
        v[i] = largest;
        w[i] = w[i] * k.keep - k.rate * (mean * k.correction1) / largest;
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(adamax_rule) = {
    .name = { "adamax", "mean of g over the largest |g| of late" },
    .states = 2,
    .defaults = { .learning_rate = 0.002,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};
