/* RAdam (Liu et al. 2020, algorithm 2): Adam whose v is trusted by `rectifier`, and not at all (0) in the
 * first steps. */
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
        const float root = sqrtf(mean_square) + k.epsilon;
        m[i] = mean;
        v[i] = mean_square;
        w[i] = w[i] * k.keep -
               k.rate * (mean * k.correction1) * (k.rectifier > 0.0f ? k.rectifier / root : 1.0f);
    }
}

/* Liu et al. 2020, algorithm 2, from ρ > 5 on, as torch.optim.RAdam has it (the paper: 4). */
static void prepare(const struct update_time *time, struct update *u)
{
    const double fade = pow(time->beta2, time->t), end = 2.0 / (1.0 - time->beta2) - 1.0;
    const double rho = end - 2.0 * time->t * fade / (1.0 - fade);
    const double r = (rho - 4.0) * (rho - 2.0) * end / ((end - 4.0) * (end - 2.0) * rho);
    u->rectifier = rho > 5.0 ? (float)(sqrt(r) * sqrt(1.0 - fade)) : 0.0f;
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(radam_rule) = {
    .name = { "radam", "adam with a warm-up of its own" },
    .states = 2,
    .squares = true,
    .defaults = { .learning_rate = 0.001,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .prepare = prepare,
    .update = update,
};
