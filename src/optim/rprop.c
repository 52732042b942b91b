/* Rprop (Riedmiller & Braun 1993; without weight backtracking, as Igel & Hüsken's iRprop−): each parameter
 * has a step of its own, which grows by 1.2 while its gradient keeps its sign and halves when that turns;
 * then the gradient counts as 0 once. Steps stay within 10⁻⁶ and 50. */
#include "optim/rule_rows.h"

#define GROWTH 1.2f
#define SHRINKAGE 0.5f
#define LEAST 1e-6f
#define LARGEST 50.0f

/* The product of two small gradients has no float; that of their signs has. */
static inline float sign_of(float x)
{
    return (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f);
}

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict w = u->parameters, *restrict before = u->state[0], *restrict step = u->state[1];
    const float *restrict g = u->gradients;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float sign = sign_of(gradient), turn = sign * sign_of(before[i]);
        const float old = step[i] == 0.0f ? k.rate : step[i];
        const float factor = turn > 0.0f ? GROWTH : turn < 0.0f ? SHRINKAGE : 1.0f;
        const float wanted = old * factor, at_least = wanted < LEAST ? LEAST : wanted;
        const float own = at_least > LARGEST ? LARGEST : at_least;
        step[i] = own;
        before[i] = turn < 0.0f ? 0.0f : gradient;
        w[i] = w[i] * k.keep - (turn < 0.0f ? 0.0f : sign * own);
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(rprop_rule) = {
    .name = { "rprop", "a step for each parameter, by the signs of its gradients; for full batches" },
    .states = 2,
    .defaults = { .learning_rate = 0.01,
                  .momentum = NAN,
                  .beta1 = NAN,
                  .beta2 = NAN,
                  .epsilon = NAN,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .update = update,
};
