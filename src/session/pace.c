/* The pace of a fit. */
#include "session/pace.h"

#include <math.h>

#include "base/status.h"
#include "strategy/schedule.h"

/* A loss must be lower by this share of the best to count as fallen. */
#define FALLEN 1e-4

struct pace pace_begin(const mlp_schedule_options *options, size_t epochs, size_t steps)
{
    return (struct pace){ .options = options,
                          .scale = 1.0,
                          .best = INFINITY,
                          .total = options != NULL && options->per_epoch ? epochs : epochs * steps };
}

mlp_status pace_set(const struct pace *pace, mlp_optimizer *optimizer, size_t step, size_t epoch)
{
    const mlp_schedule_options *o = pace->options;
    if (o == NULL) {
        return MLP_OK;
    }
    const size_t t = o->per_epoch ? epoch : step;
    const mlp_schedule_point point = schedule_at(o, t, pace->total);
    if (!(point.factor >= 0.0) || !isfinite(point.factor)) {
        return fail(MLP_ERROR_RANGE,
                    "schedule %s: the factor of step %zu is %g, expected a finite number of at least 0",
                    mlp_schedule_name(o->rule), t, point.factor);
    }
    optimizer->rate_scale = point.factor * pace->scale;
    optimizer->momentum_now = point.momentum;
    return MLP_OK;
}

void pace_end_epoch(struct pace *pace, double loss)
{
    const mlp_schedule_options *o = pace->options;
    if (o == NULL || o->rule != MLP_SCHEDULE_PLATEAU) {
        return;
    }
    if (loss < pace->best - (isfinite(pace->best) ? FALLEN * fabs(pace->best) : 0.0)) {
        pace->best = loss;
        pace->since_best = 0;
        return;
    }
    pace->since_best++;
    if (pace->since_best >= schedule_patience(o)) {
        pace->scale = fmax(pace->scale * schedule_gamma(o), o->minimum);
        pace->since_best = 0;
    }
}

void pace_end(mlp_optimizer *optimizer)
{
    optimizer->rate_scale = 1.0;
    optimizer->momentum_now = NAN;
}
