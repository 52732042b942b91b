/* AMSGrad (Reddi, Kale & Kumar 2018, algorithm 2) with Adam's corrections, as torch.optim.Adam(amsgrad=True):
 * the largest v so far takes v's place. */
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict m = u->state[0], *restrict v = u->state[1],
                    *restrict top = u->state[2];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean = k.beta1 * m[i] + k.fresh1 * gradient;
        const float mean_square = k.beta2 * v[i] + k.fresh2 * (gradient * gradient);
        const float largest = top[i] > mean_square ? top[i] : mean_square;
        m[i] = mean;
        v[i] = mean_square;
        top[i] = largest;
        w[i] = w[i] * k.keep - k.rate * (mean * k.correction1) / (sqrtf(largest * k.correction2) + k.epsilon);
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(amsgrad_rule) = {
    .name = { "amsgrad", "adam with the largest mean square so far" },
    .states = 3,
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
