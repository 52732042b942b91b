/* LAMB (You et al. 2020, algorithm 2): Adam's step, with the decoupled decay in it, as long as the tensor's
 * norm says: u = m̂/(√v̂ + ε) + λ·w; w ← w − η·(‖w‖/‖u‖)·u, the ratio 1 where one of the norms is 0, and for
 * biases that do not decay, which start at 0 and would hardly leave it (the authors' code leaves them out of
 * both, too). */
#include <float.h>

#include "linalg/vector.h"
#include "optim/rule_rows.h"

/* u goes into the third state; w waits for its norm. */
static inline float lamb(const struct update_constants *k, float g, float w, float *s)
{
    follow_moments(k, g, s);
    s[2] = (s[0] * k->correction1) / (sqrtf(s[1] * k->correction2) + k->epsilon) + k->decay * w;
    return w;
}

UPDATE_PASS(extern, LEVEL_NAME(lamb_update), lamb, 3)

void LEVEL_NAME(lamb_finish)(const struct tensor_update *t)
{
    const double w = sqrt(vector_kernels()->measure(t->parameters, t->rows, t->columns, t->stride).squares);
    const double u = sqrt(vector_kernels()->measure(t->state[2], t->rows, t->columns, t->stride).squares);
    const double exact = (double)t->rate * (!t->exempt && w > 0.0 && u > 0.0 ? w / u : 1.0);
    /* Beside a direction of 1e-40 the rate has no float, though their product has: part of it goes first. */
    const float lift = exact > FLT_MAX ? 0x1p100f : 1.0f, rate = (float)(exact / (double)lift);
    for (size_t j = 0; j < t->columns; j++) {
        float *restrict parameters = t->parameters + j * t->stride;
        const float *restrict direction = t->state[2] + j * t->stride;
        for (size_t i = 0; i < t->rows; i++) {
            parameters[i] -= rate * (lift * direction[i]);
        }
    }
}
