/* LAMB (You et al. 2020, algorithm 2): Adam's step, with the decoupled decay in it, as long as the tensor's
 * norm says: u = m̂/(√v̂ + ε) + λ·w; w ← w − η·(‖w‖/‖u‖)·u, the ratio 1 where one of the norms is 0, and for
 * biases that do not decay, which start at 0 and would hardly leave it (the authors' code leaves them out of
 * both, too). */
#include "linalg/vector.h"
#include "optim/rule_rows.h"

static void update_block(const struct update *u, size_t first, size_t end)
{
    float *restrict m = u->state[0], *restrict v = u->state[1], *restrict direction = u->state[2];
    const float *restrict g = u->gradients, *restrict w = u->parameters;
    const struct update k = *u;
    for (size_t i = first; i < end; i++) {
        const float gradient = effective_gradient(&k, g[i], w[i]);
        const float mean = k.beta1 * m[i] + k.fresh1 * gradient;
        const float mean_square = k.beta2 * v[i] + k.fresh2 * (gradient * gradient);
        m[i] = mean;
        v[i] = mean_square;
        direction[i] =
            (mean * k.correction1) / (sqrtf(mean_square * k.correction2) + k.epsilon) + k.decay * w[i];
    }
}

static void update(const struct update *u)
{
    for_each_block(u, update_block);
}

static void finish(const struct tensor_update *t)
{
    const double w = sqrt(vector_kernels()->measure(t->parameters, t->rows, t->columns, t->stride).squares);
    const double u = sqrt(vector_kernels()->measure(t->state[2], t->rows, t->columns, t->stride).squares);
    const float rate = (float)((double)t->rate * (!t->exempt && w > 0.0 && u > 0.0 ? w / u : 1.0));
    for (size_t j = 0; j < t->columns; j++) {
        float *restrict parameters = t->parameters + j * t->stride;
        const float *restrict direction = t->state[2] + j * t->stride;
        for (size_t i = 0; i < t->rows; i++) {
            parameters[i] -= rate * direction[i];
        }
    }
}

const struct update_rule LEVEL_NAME(lamb_rule) = {
    .name = { "lamb", "adam's step, scaled to each tensor's norm; for large batches" },
    .step = STEP_OF_NORM,
    .states = 3,
    .squares = true,
    .defaults = { .learning_rate = 0.002,
                  .momentum = NAN,
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .epsilon = 1e-6,
                  .weight_decay = 0.01,
                  .decay = MLP_DECAY_DECOUPLED },
    .update = update,
    .finish = finish,
};
