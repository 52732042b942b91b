/* RMSProp (Tieleman & Hinton 2012): s ← β₂·s + (1 − β₂)·g²; w ← keep·w − η·g/(√s + ε). */
#include "optim/rule_rows.h"

static void update(const struct update *u)
{
    float *restrict w = u->parameters, *restrict s = u->state[0];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    const float fresh = u->fresh2;
    for (size_t i = 0; i < k.count; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean_square = k.beta2 * s[i] + fresh * (gradient * gradient);
        s[i] = mean_square;
        w[i] = w[i] * k.keep - k.rate * gradient / (sqrtf(mean_square) + k.epsilon);
    }
}

const struct update_rule LEVEL_NAME(rmsprop_rule) = {
    .name = { "rmsprop", "s = b2 s + (1-b2) g^2; w -= rate g / (sqrt s + eps)" },
    .states = 1,
    .defaults = { .learning_rate = 0.01, .momentum = NAN, .beta1 = NAN, .beta2 = 0.99, .epsilon = 1e-8,
                  .weight_decay = 0.0, .decay = MLP_DECAY_L2 },
    .update = update,
};
