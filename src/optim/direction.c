/* Bounds of directions: direction.h. */
#include "optim/direction.h"

#include <float.h>
#include <math.h>

#include "optim/rule.h"

#define ROUNDING (1.0 + 1e-6)                 /* of a step's float operations on m and v */
#define UNDERFLOW sqrt(3.0 * (double)FLT_MIN) /* of √v */

/* Of a root of at least `root`, of which (√v + UNDERFLOW)·ratio + rest is the dividend. */
static double over_root(double ratio, double rest, double epsilon)
{
    return ratio + rest / epsilon;
}

static double fresh_ratio(const struct update_constants *k)
{
    return 1.0 / sqrt((double)k->fresh2);
}

double direction_of_gradient(const struct update_constants *k, double state, struct moment_bound *bound)
{
    const double ratio = fresh_ratio(k);
    (void)state, (void)bound;
    return over_root(ratio, ratio * UNDERFLOW, (double)k->epsilon);
}

double direction_of_sum(const struct update_constants *k, double state, struct moment_bound *bound)
{
    (void)state, (void)bound;
    return over_root(1.0, UNDERFLOW, (double)k->epsilon);
}

static void follow(const struct update_constants *k, struct moment_bound *bound)
{
    const double beta1 = (double)k->beta1, fresh = (double)k->fresh1 * fresh_ratio(k);
    const double kept = beta1 * bound->ratio / sqrt((double)k->beta2);
    const double ratio = k->beta2 > 0.0f ? sqrt(kept * kept + fresh * fresh) * ROUNDING : (double)INFINITY;
    bound->ratio = fmax(bound->ratio, ratio);
    bound->rest = fmax(bound->rest, beta1 * bound->rest + bound->ratio * UNDERFLOW);
}

double direction_of_moments(const struct update_constants *k, double state, struct moment_bound *bound)
{
    (void)state;
    follow(k, bound);
    return (double)k->correction1 * over_root(bound->ratio, bound->rest, (double)k->epsilon);
}

double direction_of_nadam(const struct update_constants *k, double state, struct moment_bound *bound)
{
    follow(k, bound);
    return (double)fabsf(k->figures[0]) * direction_of_gradient(k, state, bound) +
           (double)fabsf(k->figures[1]) * over_root(bound->ratio, bound->rest, (double)k->epsilon);
}

double direction_of_radam(const struct update_constants *k, double state, struct moment_bound *bound)
{
    const double rectifier = (double)k->figures[0], moments = direction_of_moments(k, state, bound);
    return rectifier > 0.0 ? rectifier * moments : (double)k->correction1 * state;
}

double direction_of_adamax(const struct update_constants *k, double state, struct moment_bound *bound)
{
    (void)state;
    const double ratio =
        k->beta2 > 0.0f ? (double)k->beta1 / (double)k->beta2 * bound->ratio : (double)INFINITY;
    bound->ratio = fmax(bound->ratio, (ratio + (double)k->fresh1) * ROUNDING);
    bound->rest = fmax(bound->rest, (double)k->beta1 * bound->rest + 3.0 * (double)FLT_MIN);
    return (double)k->correction1 * over_root(bound->ratio, bound->rest, (double)k->epsilon);
}

double direction_of_adadelta(const struct update_constants *k, double state, struct moment_bound *bound)
{
    const double ratio = fresh_ratio(k);
    (void)bound;
    return sqrt(state + (double)k->epsilon) * over_root(ratio, ratio * UNDERFLOW, sqrt((double)k->epsilon));
}

void direction_measure(const float *m, const float *v, size_t count, bool of_root, struct moment_bound *bound)
{
    for (size_t i = 0; i < count; i++) {
        const double root = of_root ? sqrt(fmax((double)v[i], 0.0)) : (double)v[i];
        if (root * root >= (double)FLT_MIN) {
            bound->ratio = fmax(bound->ratio, fabs((double)m[i]) / root);
        } else { /* v may be read as 0 */
            bound->rest = fmax(bound->rest, fabs((double)m[i]));
        }
    }
}
