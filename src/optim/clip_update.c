/* Clipping of the update: the rule has moved the parameters, and what it moved them by is scaled back. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "optim/optimizer.h"

/* Entries of a tensor in the arena, padding included: that of an update is 0. */
static size_t extent(const struct layer *layer, bool bias)
{
    return bias ? layer->stride : layer->stride * layer->inputs;
}

void update_clip_begin(const struct update_plan *plan, const struct range *share)
{
    memcpy(plan->optimizer->before + share->first, plan->network->parameters + share->first,
           (share->end - share->first) * sizeof(float));
}

/* Floats of a column that are taken at a time. */
enum { RUN = 512 };

/* Σ Δw² and max |Δw| of a tensor, Δw the difference of the parameters as they are and as they were. */
static struct magnitude measure_tensor(const float *after, const float *before, size_t count)
{
    struct magnitude sum = { 0.0, 0.0 };
    float moves[RUN];
    for (size_t first = 0; first < count; first += RUN) {
        const size_t size = count - first < RUN ? count - first : (size_t)RUN;
        for (size_t i = 0; i < size; i++) {
            moves[i] = after[first + i] - before[first + i];
        }
        const struct magnitude block = vector_kernels()->measure(moves, size, 1, size);
        sum.squares += block.squares;
        sum.largest = fmax(sum.largest, block.largest);
    }
    return sum;
}

/* Every tensor is one member's, so that the sums have one order. */
static void measure_moves(const struct team *team, struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    struct deal deal = { team, (double)optimizer->arena_size, 0.0 };
    for (size_t t = 0; t < 2 * plan->network->layer_count; t++) {
        const struct layer *layer = &plan->network->layers[t / 2];
        const size_t first = t % 2 == 1 ? layer->bias : layer->weights, count = extent(layer, t % 2 == 1);
        if (deal_next(&deal, (double)count)) {
            const struct magnitude m =
                measure_tensor(plan->network->parameters + first, optimizer->before + first, count);
            optimizer->squares[t] = m.squares;
            optimizer->largest[t] = m.largest;
        }
    }
}

/* Factors in double, in `sums`; those below `lift` times the least normal float are left to a larger lift. */
static void keep_scales(const struct mlp_optimizer *optimizer, double lift)
{
    for (size_t t = 0; t < 2 * optimizer->layer_count; t++) {
        if (lift == 1.0 || optimizer->sums[t] < 2.0 * (double)FLT_MIN) {
            optimizer->sums[t] = (double)optimizer->scale[t] / lift;
        }
    }
}

/* A float of 1e-39 counts as 0: beside updates so large the rule is asked again with a threshold that is
 * lifted. */
static void decide(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *o = &optimizer->options;
    struct clip_outcome outcome = { .scale = optimizer->scale };
    struct clip_input input = { .squares = optimizer->squares,
                                .largest = optimizer->largest,
                                .tensors = 2 * plan->network->layer_count,
                                .threshold = o->update_clip_threshold,
                                .counts = optimizer->counts };
    clip_apply(o->update_clip, &input, &outcome);
    keep_scales(optimizer, 1.0);
    plan->report.update_clip = outcome.report;
    optimizer->bound[0] = outcome.bound;
    if (isinf(outcome.bound) && outcome.report.scale < 2.0 * (double)FLT_MIN) {
        const double lift = 0x1p64;
        input.threshold *= lift;
        clip_apply(o->update_clip, &input, &outcome);
        keep_scales(optimizer, lift);
        plan->report.update_clip.scale = outcome.report.scale / lift;
    }
}

/* w ← w′ + s·Δw or w′ ± bound with the w′ before, in double: exact for any |Δw|. What is not clipped stays
 * bit for bit. */
static void clip_tensor(float *parameters, const float *before, size_t count, double scale, double bound)
{
    for (size_t i = 0; i < count; i++) {
        const double was = (double)before[i], move = (double)parameters[i] - was;
        if (scale < 1.0) {
            parameters[i] = (float)(was + scale * move);
        } else if (fabs(move) > bound) {
            parameters[i] = (float)(was + copysign(bound, move));
        }
    }
}

static void clip_moves(const struct team *team, const struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    const float bound = optimizer->bound[0];
    struct deal deal = { team, (double)optimizer->arena_size, 0.0 };
    for (size_t t = 0; t < 2 * plan->network->layer_count; t++) {
        const struct layer *layer = &plan->network->layers[t / 2];
        const size_t first = t % 2 == 1 ? layer->bias : layer->weights, count = extent(layer, t % 2 == 1);
        if (deal_next(&deal, (double)count) && (optimizer->sums[t] < 1.0 || isfinite(bound))) {
            clip_tensor(plan->parameters + first, optimizer->before + first, count, optimizer->sums[t],
                        (double)bound);
        }
    }
}

void update_clip_end(const struct team *team, struct update_plan *plan)
{
    team_barrier(team);
    measure_moves(team, plan);
    team_barrier(team);
    if (team->rank == 0) {
        decide(plan);
    }
    team_barrier(team);
    clip_moves(team, plan);
}
