/* Whether an update is finite: finite.h. */
#include "optim/finite.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/vector_math.h"

/* Of options and factors, for which finite.h's bound holds. ε is above 1e-10 or the rule has none. */
#define LARGEST_RATE 1e2
#define LARGEST_DECAY 1e4
#define LARGEST_BETA1 0.999
#define LARGEST_BETA2 0.999999
#define LEAST_EPSILON 1e-10

enum { COPIED = 512 };

static bool options_are_moderate(const struct mlp_optimizer *optimizer)
{
    const mlp_optimizer_options *o = &optimizer->options;
    const double beta1 = isnan(optimizer->momentum_now) ? o->beta1 : optimizer->momentum_now;
    const double rate = o->learning_rate * optimizer->rate_scale;
    if (beta1 > LARGEST_BETA1 || o->beta2 > LARGEST_BETA2 ||
        (o->epsilon > 0.0 && o->epsilon < LEAST_EPSILON)) {
        return false;
    }
    for (size_t t = 0; t < 2 * optimizer->layer_count; t++) {
        const double decay = optimizer->factors[t / 2].decay;
        if (rate * optimizer_rate_factor(optimizer, t) > LARGEST_RATE ||
            o->weight_decay * decay > LARGEST_DECAY || o->l1 * decay > LARGEST_DECAY) {
            return false;
        }
    }
    return true;
}

bool finite_is_known(const struct update_plan *plan, bool clipped)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    if (!plan->network->moderate || !optimizer->moderate || !options_are_moderate(optimizer)) {
        return false;
    }
    for (size_t t = 0; t < 2 * optimizer->layer_count; t++) {
        const double raw = plan->workspace->largest[t];
        const double largest =
            clipped ? fmin(raw * (double)optimizer->scale[t], (double)optimizer->bound[t]) : raw;
        if (!(largest <= LARGEST_MODERATE)) {
            return false;
        }
    }
    return true;
}

struct update_extent finite_try(update_pass *pass, const struct update *u)
{
    float copies[1 + ENTRY_STATES][COPIED];
    struct update_extent extent = { 0.0f, 0.0f };
    struct update block = *u;
    block.parameters = copies[ENTRY_STATES];
    for (size_t first = 0; first < u->count; first += COPIED) {
        block.count = u->count - first < COPIED ? u->count - first : (size_t)COPIED;
        block.gradients = u->gradients + first;
        memcpy(block.parameters, u->parameters + first, block.count * sizeof(float));
        for (size_t s = 0; s < ENTRY_STATES; s++) {
            block.state[s] = copies[s];
            if (u->state[s] != NULL) {
                memcpy(copies[s], u->state[s] + first, block.count * sizeof(float));
            }
        }
        const struct update_extent one = pass(&block);
        extent.parameters = one.parameters <= extent.parameters ? extent.parameters : one.parameters;
        extent.state = one.state <= extent.state ? extent.state : one.state;
        if (!(extent.parameters <= FLT_MAX && extent.state <= FLT_MAX)) {
            break; /* a NaN would not be kept */
        }
    }
    return extent;
}

static void keep_larger(int32_t *largest, float value)
{
    const int32_t bits = bits_of_float(value);
    int32_t known = __atomic_load_n(largest, __ATOMIC_RELAXED);
    while (bits > known &&
           !__atomic_compare_exchange_n(largest, &known, bits, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

void finite_note(struct update_plan *plan, bool after, const struct update_extent *extent)
{
    keep_larger(&plan->tried[after ? 2 : 0], extent->parameters);
    keep_larger(&plan->tried[after ? 3 : 1], extent->state);
}

/* LAMB's and Muon's steps are no longer than the rate times a norm of the parameters, or a direction. */
bool finite_accepts(struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    const float parameters = float_of_bits(plan->tried[2]), state = float_of_bits(plan->tried[3]);
    double rate = 0.0;
    for (size_t t = 0; t < 2 * optimizer->layer_count; t++) {
        rate = fmax(rate, optimizer_rate_factor(optimizer, t));
    }
    rate *= optimizer->options.learning_rate * optimizer->rate_scale;
    const double norm = (double)parameters * sqrt((double)optimizer->arena_size);
    const double length = rate * fmax(fmax(norm, (double)state), sqrt((double)optimizer->arena_size));
    plan->network->moderate = float_of_bits(plan->tried[0]) <= LARGEST_MODERATE;
    plan->optimizer->moderate = float_of_bits(plan->tried[1]) <= LARGEST_STATE;
    return parameters <= FLT_MAX && state <= FLT_MAX &&
           (optimizer->rule->finish == NULL || length + (double)parameters <= (double)FLT_MAX);
}

void finite_observe(const struct update_plan *plan, const struct update_extent *extent)
{
    if (!(extent->parameters <= LARGEST_MODERATE)) {
        __atomic_store_n(&plan->network->moderate, false, __ATOMIC_RELAXED);
    }
    if (!(extent->state <= LARGEST_STATE)) {
        __atomic_store_n(&plan->optimizer->moderate, false, __ATOMIC_RELAXED);
    }
}
