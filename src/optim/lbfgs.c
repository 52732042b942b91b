/* L-BFGS with a strong-Wolfe line search (Nocedal & Wright, Numerical Optimization, algorithms 7.4, 3.5 and
 * 3.6).
 *
 * The optimizer's state holds ten pairs s = w′ − w and y = g′ − g, then the direction and the gradient and
 * parameters that a search starts from. Sums over the arena are in double, in one order whatever the threads
 * and the vector level. The objective is the loss with its L2 decay; frozen tensors have no gradient. */
#include "optim/lbfgs.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "linalg/vector.h"
#include "model/parts.h"
#include "model/regularize.h"
#include "optim/optimizer.h"

#define SUFFICIENT 1e-4 /* c₁: of the decrease that the slope promises */
#define CURVATURE 0.9   /* c₂: of the slope that may be left */
#define LONGEST 1e10

enum { MAX_TRIALS = 25 };

/* A search under way. */
struct search {
    struct pass *pass;
    const float *x;
    size_t count;
    struct update_plan *plan;
    uint64_t noise_step; /* every trial has the same noise */
    float *direction, *gradient, *start;
    double last;       /* step of the last trial */
    mlp_status status; /* a custom loss's failure in a trial: it ends the search */
};

/* A trial: step length, objective, slope along the direction. */
struct trial {
    double step, value, slope;
};

/* ---- the arena ----------------------------------------------------------------------------------------- */

static double dot(const float *a, const float *b, size_t count)
{
    return vector_kernels()->dot(a, b, count);
}

static void add(float *a, double factor, const float *b, size_t count)
{
    vector_kernels()->add_scaled(a, factor, b, count);
}

/* Adds the decay to loss and gradient, and leaves frozen tensors out. */
static double add_decay(const struct search *search)
{
    const struct mlp_network *network = search->plan->network;
    const struct mlp_optimizer *optimizer = search->plan->optimizer;
    float *gradients = search->plan->workspace->gradients;
    double penalty = 0.0;
    for (size_t t = 0; t < 2 * network->layer_count; t++) {
        const struct layer *layer = &network->layers[t / 2];
        const bool bias = t % 2 == 1;
        const size_t first = bias ? layer->bias : layer->weights,
                     size = bias ? layer->stride : layer->stride * layer->inputs;
        const bool decays = !bias || optimizer->options.decay_biases != 0;
        const double decay = decays ? optimizer->options.weight_decay * optimizer->factors[t / 2].decay : 0.0;
        if (optimizer_rate_factor(optimizer, t) == 0.0) {
            memset(gradients + first, 0, size * sizeof *gradients);
        } else if (decay > 0.0) {
            const float *w = network->parameters + first;
            penalty += 0.5 * decay * dot(w, w, size);
            add(gradients + first, decay, w, size);
        }
    }
    return penalty;
}

/* ---- the objective ------------------------------------------------------------------------------------- */

static void run_passes(const struct team *team, void *context)
{
    struct pass *pass = context;
    pass_run_batch(team, pass);
}

/* The objective and its gradient, in the workspace, at the parameters as they are. */
static double evaluate(struct search *search)
{
    struct pass *pass = search->pass;
    mlp_workspace_set_regularization_step(pass->workspace, search->noise_step);
    pass_begin_batch(pass, search->x, search->count);
    pass_run(pass, run_passes, pass);
    if (pass->status != MLP_OK) {
        return NAN;
    }
    pass_sum_batch_loss(pass);
    pass_sum_magnitudes(pass);
    workspace_keep_gradients(pass->workspace);
    return pass->loss + add_decay(search);
}

static bool all_finite(const float *values, size_t count)
{
    return isfinite(vector_kernels()->measure(values, count, 1, count).squares);
}

/* After a failure all trials are refused, unseen; so are parameters beyond float's range, with which a unit
 * that is off may still have a finite loss. */
static struct trial try_step(struct search *search, double step)
{
    const size_t size = search->plan->network->arena_size;
    float *parameters = network_write(search->plan->network);
    if (search->status != MLP_OK) {
        return (struct trial){ step, INFINITY, INFINITY };
    }
    memcpy(parameters, search->start, size * sizeof *parameters);
    add(parameters, step, search->direction, size);
    search->last = step;
    if (!all_finite(parameters, size)) {
        return (struct trial){ step, INFINITY, INFINITY };
    }
    const double value = evaluate(search);
    search->status = search->pass->status;
    const double slope = dot(search->plan->workspace->gradients, search->direction, size);
    const bool finite = isfinite(value) && isfinite(slope);
    return (struct trial){ step, finite ? value : INFINITY, finite ? slope : INFINITY };
}

/* ---- the search ---------------------------------------------------------------------------------------- */

static bool decreases(const struct trial *start, const struct trial *trial)
{
    return trial->value <= start->value + SUFFICIENT * trial->step * start->slope;
}

static bool is_flat(const struct trial *start, const struct trial *trial)
{
    return fabs(trial->slope) <= CURVATURE * fabs(start->slope);
}

/* The minimum of the cubic through two trials' values and slopes, kept off the ends; the middle where there
 * is none. */
static double interpolate(const struct trial *a, const struct trial *b)
{
    const double width = b->step - a->step, low = fmin(a->step, b->step), high = fmax(a->step, b->step);
    const double d1 = a->slope + b->slope - 3.0 * (b->value - a->value) / width;
    const double root = sqrt(d1 * d1 - a->slope * b->slope), d2 = width > 0.0 ? root : -root;
    const double step = b->step - width * (b->slope + d2 - d1) / (b->slope - a->slope + 2.0 * d2);
    const double margin = 0.1 * (high - low);
    return isfinite(step) ? fmin(fmax(step, low + margin), high - margin) : 0.5 * (low + high);
}

/* Algorithm 3.6: between `low`, the best that decreases, and `high`. */
static struct trial zoom(struct search *search, const struct trial *start, struct trial low,
                         struct trial high, int trials)
{
    for (; trials < MAX_TRIALS; trials++) {
        const struct trial trial = try_step(search, interpolate(&low, &high));
        if (!decreases(start, &trial) || trial.value >= low.value) {
            high = trial;
            continue;
        }
        if (is_flat(start, &trial)) {
            return trial;
        }
        high = trial.slope * (high.step - low.step) >= 0.0 ? low : high;
        low = trial;
    }
    return low;
}

/* Algorithm 3.5. A step of 0 when nothing decreases. */
static struct trial search_along(struct search *search, const struct trial *start, double first)
{
    struct trial before = *start;
    double step = first;
    for (int trials = 0; trials < MAX_TRIALS && step < LONGEST; trials++) {
        const struct trial trial = try_step(search, step);
        if (!decreases(start, &trial) || (trials > 0 && trial.value >= before.value)) {
            return zoom(search, start, before, trial, trials + 1);
        }
        if (is_flat(start, &trial)) {
            return trial;
        }
        if (trial.slope >= 0.0) {
            return zoom(search, start, trial, before, trials + 1);
        }
        before = trial;
        step *= 2.0;
    }
    return before;
}

/* ---- the direction ------------------------------------------------------------------------------------- */

/* Pair `back` places before the newest: s, and y one array further. */
static size_t pair_at(const struct mlp_optimizer *optimizer, size_t back)
{
    return 2 * ((optimizer->pairs - 1 - back) % LBFGS_PAIRS);
}

/* Algorithm 7.4: −H·g, H from the pairs. */
static void find_direction(struct search *search)
{
    struct mlp_optimizer *optimizer = search->plan->optimizer;
    const size_t size = optimizer->arena_size,
                 count = optimizer->pairs < LBFGS_PAIRS ? optimizer->pairs : (size_t)LBFGS_PAIRS;
    double alpha[LBFGS_PAIRS], rho[LBFGS_PAIRS];
    float *q = search->direction;
    for (size_t i = 0; i < size; i++) {
        q[i] = -search->gradient[i];
    }
    for (size_t k = 0; k < count; k++) {
        const float *s = optimizer->state[pair_at(optimizer, k)],
                    *y = optimizer->state[pair_at(optimizer, k) + 1];
        rho[k] = 1.0 / dot(s, y, size);
        alpha[k] = rho[k] * dot(s, q, size);
        add(q, -alpha[k], y, size);
    }
    if (count > 0) {
        const float *y = optimizer->state[pair_at(optimizer, 0) + 1];
        const float scale = (float)(1.0 / (rho[0] * dot(y, y, size)));
        for (size_t i = 0; i < size; i++) {
            q[i] *= scale;
        }
    }
    for (size_t k = count; k-- > 0;) {
        const float *s = optimizer->state[pair_at(optimizer, k)],
                    *y = optimizer->state[pair_at(optimizer, k) + 1];
        add(q, alpha[k] - rho[k] * dot(y, q, size), s, size);
    }
}

/* Keeps s and y of an accepted step, unless rounding left no curvature. */
static void remember(struct search *search)
{
    struct mlp_optimizer *optimizer = search->plan->optimizer;
    const size_t size = optimizer->arena_size, place = 2 * (optimizer->pairs % LBFGS_PAIRS);
    float *s = optimizer->state[place], *y = optimizer->state[place + 1];
    const float *w = search->plan->network->parameters, *g = search->plan->workspace->gradients;
    double curvature = 0.0, squares = 0.0, moved_most = 0.0, changed_most = 0.0;
    for (size_t i = 0; i < size; i++) {
        const double moved = (double)w[i] - (double)search->start[i],
                     changed = (double)g[i] - (double)search->gradient[i];
        curvature += moved * changed;
        squares += changed * changed;
        moved_most = fmax(moved_most, fabs(moved));
        changed_most = fmax(changed_most, fabs(changed));
    }
    if (!(curvature > 1e-10 * squares) || !(moved_most <= FLT_MAX) || !(changed_most <= FLT_MAX)) {
        return; /* the oldest pair stays where this one would have gone */
    }
    for (size_t i = 0; i < size; i++) {
        s[i] = w[i] - search->start[i];
        y[i] = g[i] - search->gradient[i];
    }
    optimizer->pairs++;
}

/* ---- the step ------------------------------------------------------------------------------------------ */

static double sum_of_magnitudes(const float *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += fabs((double)values[i]);
    }
    return sum;
}

/* The direction, and where a search along it ends: at a step of 0 when nothing decreases. Pairs that give no
 * descent are forgotten: the direction is the gradient's then. */
static struct trial search_step(struct search *search, double value)
{
    struct mlp_optimizer *optimizer = search->plan->optimizer;
    const size_t size = optimizer->arena_size;
    find_direction(search);
    struct trial start = { 0.0, value, dot(search->gradient, search->direction, size) };
    if (!(start.slope < 0.0) || !isfinite(start.slope)) {
        optimizer->pairs = 0;
        find_direction(search);
        start.slope = dot(search->gradient, search->direction, size);
    }
    const double rate = optimizer->options.learning_rate * optimizer->rate_scale;
    const double first =
        optimizer->pairs > 0 ? rate : rate * fmin(1.0, 1.0 / sum_of_magnitudes(search->gradient, size));
    const struct trial found = start.slope < 0.0 && first > 0.0 ? search_along(search, &start, first) : start;
    if (found.step > 0.0 && search->last != found.step) {
        try_step(search, found.step);
    }
    return found;
}

/* Where nothing decreases along the direction, the pairs mislead: forgotten, the next step is the
 * gradient's, and nothing that moved is counted.
 * A loss that fails takes all of the step back. */
static void move(struct search *search, double value)
{
    struct update_plan *plan = search->plan;
    struct mlp_optimizer *optimizer = plan->optimizer;
    const size_t bytes = optimizer->arena_size * sizeof(float), pairs = optimizer->pairs;
    memcpy(search->start, plan->network->parameters, bytes);
    memcpy(search->gradient, plan->workspace->gradients, bytes);
    const struct trial found = search_step(search, value);
    const bool failed = search->status != MLP_OK;
    if (!failed && found.step > 0.0) {
        remember(search);
        return;
    }
    memcpy(network_write(plan->network), search->start, bytes);
    memcpy(plan->workspace->gradients, search->gradient, bytes);
    optimizer->pairs = failed ? pairs : 0;
    optimizer->updates--;
    search->pass->status = search->status;
}

void lbfgs_step(struct pass *pass, const float *x, size_t count, struct update_plan *plan)
{
    float *const *state = plan->optimizer->state;
    const struct regularizer *noise = pass->workspace->regularizer;
    struct search search = { .pass = pass,
                             .x = x,
                             .count = count,
                             .plan = plan,
                             .noise_step = noise != NULL ? noise->step : 0,
                             .direction = state[2 * LBFGS_PAIRS],
                             .gradient = state[2 * LBFGS_PAIRS + 1],
                             .start = state[2 * LBFGS_PAIRS + 2] };
    const double value = evaluate(&search);
    if (pass->status != MLP_OK) {
        return;
    }
    const struct loss_sum before = pass->workspace->loss;
    optimizer_decide(plan, pass->loss, true);
    if (plan->apply) {
        move(&search, value);
        pass->loss = plan->report.loss;
        pass->workspace->loss = before;
    }
}
