/* NAdam (Dozat 2016, with the momentum schedule µₜ = β₁·(1 − 0.96^(t/250)/2)): Adam with Nesterov's look
 * ahead; `weight_now` and `weight_mean` are the corrected weights of g and m. */
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
        w[i] = w[i] * k.keep - k.rate * (k.weight_now * gradient + k.weight_mean * mean) /
                                   (sqrtf(mean_square * k.correction2) + k.epsilon);
    }
}

/* µₜ */
static double ahead(double beta1, double t)
{
    return beta1 * (1.0 - 0.5 * pow(0.96, t / 250.0));
}

static void prepare(const struct update_time *time, struct update *u)
{
    const double now = ahead(time->beta1, time->t), next = ahead(time->beta1, time->t + 1.0);
    *time->product *= now;
    u->weight_now = (float)((1.0 - now) / (1.0 - *time->product));
    u->weight_mean = (float)(next / (1.0 - *time->product * next));
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

const struct update_rule LEVEL_NAME(nadam_rule) = {
    .name = { "nadam", "adam with a look ahead" },
    .states = 2,
    .squares = true,
    .defaults = { .learning_rate = 0.002,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-8,
                  .weight_decay = 0.0,
                  .decay = MLP_DECAY_L2 },
    .prepare = prepare,
    .update = update,
};
