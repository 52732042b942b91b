/* Whether an update is finite: finite.h. */
#include "optim/finite.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/vector_math.h"

/* Of all values of a step that is known to be finite: sums of some of them are, too. */
#define LIMIT 1e36
#define ROUNDING (1.0 + 1e-5) /* of a step's few operations */
#define SLACK 1.01            /* of a quotient's */
#define LONGEST_STEP 50.0     /* Rprop's, whatever the rate */

/* ---- what a step can do at most ------------------------------------------------------------------------ */

/* The largest factors of any tensor that is updated, and the largest gradient with them. */
struct extremes {
    double gradient, rate, decay;
};

static struct extremes find_extremes(const struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    struct extremes most = { 0.0, 0.0, 0.0 };
    for (size_t t = 0; t < 2 * optimizer->layer_count; t++) {
        const double factor = optimizer_rate_factor(optimizer, t);
        const double scaled = plan->workspace->largest[t] * (double)optimizer->scale[t];
        if (factor > 0.0) {
            most.gradient = fmax(most.gradient, fmin(scaled, (double)optimizer->bound[t]));
            most.rate = fmax(most.rate, factor);
            most.decay = fmax(most.decay, optimizer->factors[t / 2].decay);
        }
    }
    most.rate *= optimizer->options.learning_rate * optimizer->rate_scale;
    return most;
}

/* What `finish` moves a parameter by: LAMB by the rate times the tensor's norm, Muon by the rate times √rows
 * of an orthogonal direction. */
static double finish_length(const struct mlp_optimizer *optimizer, double rate, double parameters)
{
    const double length = rate * sqrt((double)optimizer->arena_size);
    if (optimizer->rule->finish == NULL) {
        return 0.0;
    }
    return optimizer->rule->gram_matrices > 0 ? length : length * fmax(parameters, 1.0);
}

/* What decay adds to a direction, where decoupled, or to a gradient; the L1 penalty adds to a gradient. */
static double decay_of(const struct mlp_optimizer *optimizer, double factor, double parameters)
{
    return factor * optimizer->options.weight_decay * parameters;
}

static double penalty_of(const struct mlp_optimizer *optimizer, double factor, double parameters)
{
    const bool decoupled = optimizer->options.decay == MLP_DECAY_DECOUPLED;
    return factor * optimizer->options.l1 + (decoupled ? 0.0 : decay_of(optimizer, factor, parameters));
}

/* Whether gradients with their decay may be above what a rule takes. */
static bool has_to_bound(const struct mlp_optimizer *optimizer, double gradient)
{
    return optimizer->rule->squares && !(gradient * ROUNDING <= (double)LARGEST_SQUARED);
}

/* What a rule's quotient is at most, which moves its bound on. */
static double quotient_of(struct mlp_optimizer *optimizer, const struct update_constants *k, double state)
{
    return optimizer->rule->direction != NULL
               ? SLACK * optimizer->rule->direction(k, state, &optimizer->moments)
               : (double)INFINITY;
}

void finite_state_given(struct mlp_optimizer *optimizer, float *const *state)
{
    const struct update_rule *rule = optimizer->rule;
    optimizer->state_bound = INFINITY;
    optimizer->moments = (struct moment_bound){ 0 };
    if (rule->gram_matrices > 0) { /* some tensors have other states */
        optimizer->moments = (struct moment_bound){ INFINITY, INFINITY };
    } else if (rule->direction != NULL && rule->states >= 2) {
        const size_t count = optimizer->own.end - optimizer->own.first;
        direction_measure(state[0], state[1], count, rule->squares, &optimizer->moments);
    }
}

/* State: a mean or sum of gradients or their squares, Rprop's step length, or Adamax's |g| + ε. A direction
 * is made of state and gradient, corrected, over a root + ε. Where ε is below 1e-34 no update is known to be
 * finite. */
void finite_predict(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const struct update_constants *k = &plan->common;
    const mlp_optimizer_options *o = &optimizer->options;
    const struct extremes most = find_extremes(plan);
    const double parameters = plan->network->bound;
    const double penalty = penalty_of(optimizer, most.decay, parameters);
    const double gradient = (most.gradient + penalty) * ROUNDING;
    plan->bounds = has_to_bound(optimizer, gradient);

    const double kept =
        optimizer->rule->compounds ? 2.1 * (optimizer->state_bound + o->epsilon) : optimizer->state_bound;
    const double square = optimizer->rule->squares ? gradient * gradient : 0.0;
    const double state = (kept + gradient + square + o->epsilon + LONGEST_STEP) * ROUNDING;
    const double correction = (double)(fabsf(k->correction1) + fabsf(k->figures[0]) + fabsf(k->figures[1]));
    const double root = o->epsilon > 0.0 ? fmin(o->epsilon, 1.0) : 1.0;
    /* multiplied by the rate before it is divided */
    const double dividend = 2.0 * correction * state;
    const double longest = fmin(dividend / root, quotient_of(optimizer, k, state));
    const double direction = longest + penalty + decay_of(optimizer, most.decay, parameters);
    const double moved = parameters + most.rate * direction + LONGEST_STEP;
    const double after = (moved + finish_length(optimizer, most.rate, moved)) * ROUNDING;
    plan->finite = direction <= LIMIT && after <= LIMIT && most.rate * dividend <= LIMIT &&
                   2.0 * state / (1.0 - o->beta2) <= LIMIT;
    if (plan->finite) {
        plan->network->bound = after;
        optimizer->state_bound = state;
    }
}

/* ---- updates in blocks --------------------------------------------------------------------------------- */

enum { BLOCK = 512 };

/* Keeps the larger magnitude, as bits: without their sign bit floats are ordered as their bits are, infinity
 * and then NaN last. */
static void keep_largest(int32_t *largest, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t bits = bits_of_float(values[i]) & 0x7FFFFFFF;
        *largest = bits > *largest ? bits : *largest;
    }
}

/* Gradients as the rule sees them, bounded. */
static void bound_gradients(const struct update *u, size_t first, size_t count, float largest, float *out)
{
    for (size_t i = 0; i < count; i++) {
        const size_t at = first + i;
        const float raw =
            u->inputs != NULL ? u->gradients[at % u->rows] * u->inputs[at / u->rows] : u->gradients[at];
        const float g = effective_gradient(&u->constants, raw, u->parameters[at]);
        const float low = g < -largest ? -largest : g;
        out[i] = low > largest ? largest : low;
    }
}

/* The block of `u` from `first`, with bounded gradients in `gradients`. */
static struct update block_of(const struct update *u, size_t first, float largest, float *gradients)
{
    struct update block = update_from(u, first, u->count - first < BLOCK ? u->count - first : (size_t)BLOCK);
    block.gradients = gradients;
    block.constants.scale = 1.0f;
    block.constants.bound = INFINITY;
    block.constants.l1 = block.constants.l2 = 0.0f;
    bound_gradients(u, first, block.count, largest, gradients);
    return block;
}

void finite_bounded(update_pass *pass, const struct update *u, float largest)
{
    float gradients[BLOCK];
    for (size_t first = 0; first < u->count; first += BLOCK) {
        const struct update block = block_of(u, first, largest, gradients);
        pass(&block);
    }
}

/* Puts a copy in the place of what it points to. */
static void copy_out(float **values, size_t count, float *copy)
{
    memcpy(copy, *values, count * sizeof *copy);
    *values = copy;
}

static void measure_block(const struct update *block, int32_t *extent)
{
    keep_largest(&extent[0], block->parameters, block->count);
    for (size_t s = 0; s < ENTRY_STATES && block->state[s] != NULL; s++) {
        keep_largest(&extent[1], block->state[s], block->count);
    }
}

void finite_try(struct update_plan *plan, update_pass *pass, const struct update *u, float largest)
{
    float gradients[BLOCK], copies[1 + ENTRY_STATES][BLOCK];
    int32_t extent[2] = { 0, 0 };
    for (size_t first = 0; first < u->count; first += BLOCK) {
        struct update block = block_of(u, first, largest, gradients);
        measure_block(&block, extent);
        if (pass != NULL) {
            copy_out(&block.parameters, block.count, copies[ENTRY_STATES]);
            for (size_t s = 0; s < ENTRY_STATES && block.state[s] != NULL; s++) {
                copy_out(&block.state[s], block.count, copies[s]);
            }
            pass(&block);
            measure_block(&block, extent);
        }
    }
    for (size_t e = 0; e < 2; e++) { /* other members add theirs */
        int32_t known = __atomic_load_n(&plan->tried[e], __ATOMIC_RELAXED);
        while (extent[e] > known && !__atomic_compare_exchange_n(&plan->tried[e], &known, extent[e], false,
                                                                 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
}

bool finite_accepts(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const double parameters = (double)float_of_bits((uint32_t)plan->tried[0]),
                 state = (double)float_of_bits((uint32_t)plan->tried[1]);
    const struct extremes most = find_extremes(plan);
    const double direction =
        optimizer->rule->finish != NULL ? most.rate * state : 0.0; /* LAMB's, of biases */
    const double after =
        (parameters + fmax(finish_length(optimizer, most.rate, parameters), direction)) * ROUNDING;
    if (!(after <= (double)FLT_MAX * ROUNDING && state <= (double)FLT_MAX)) {
        return false;
    }
    plan->bounds = has_to_bound(optimizer, most.gradient + penalty_of(optimizer, most.decay, parameters));
    plan->network->bound = after + (double)FLT_MIN; /* denormals have been read as 0 */
    optimizer->state_bound = state + (double)FLT_MIN;
    return true;
}
