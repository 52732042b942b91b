/* The state of a fit's schedule. */
#include "session/schedule_state.h"

#include <math.h>

#include "base/status.h"
#include "strategy/schedule.h"

/* A loss must be lower by this share of the best to count as fallen. */
#define FALLEN 1e-4

struct schedule_state schedule_state_begin(const mlp_schedule_options *options, size_t epochs, size_t steps)
{
    return (struct schedule_state){ .options = options,
                                    .scale = 1.0,
                                    .best = INFINITY,
                                    .total =
                                        options != NULL && options->per_epoch ? epochs : epochs * steps };
}

mlp_status schedule_state_apply(const struct schedule_state *state, mlp_optimizer *optimizer, size_t step,
                                size_t epoch)
{
    const mlp_schedule_options *o = state->options;
    if (o == NULL) {
        return MLP_OK;
    }
    const size_t t = o->per_epoch ? epoch : step;
    const mlp_schedule_point point = schedule_at(o, t, state->total);
    FAIL_IF(!(point.factor >= 0.0) || !isfinite(point.factor), MLP_ERROR_RANGE,
            "schedule %s: the factor of step %zu is %g, expected a finite number of at least 0",
            mlp_schedule_name(o->rule), t, point.factor);
    optimizer->rate_scale = point.factor * state->scale;
    optimizer->momentum_now = point.momentum;
    return MLP_OK;
}

void schedule_state_end_epoch(struct schedule_state *state, double loss)
{
    const mlp_schedule_options *o = state->options;
    if (o == NULL || o->rule != MLP_SCHEDULE_PLATEAU) {
        return;
    }
    if (loss < state->best - (isfinite(state->best) ? FALLEN * fabs(state->best) : 0.0)) {
        state->best = loss;
        state->since_best = 0;
        return;
    }
    state->since_best++;
    if (state->since_best >= schedule_patience(o)) {
        state->scale = fmax(state->scale * schedule_gamma(o), o->minimum);
        state->since_best = 0;
    }
}

void schedule_state_end(mlp_optimizer *optimizer)
{
    optimizer->rate_scale = 1.0;
    optimizer->momentum_now = NAN;
}
