/* Clipping of the update: the rule has moved the parameters, and what it moved them by is scaled back. */
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

/* What each tensor was moved by, in place of what it was. Every tensor is one member's, so that the sums have
 * one order. */
static void measure_moves(const struct team *team, struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const size_t tensors = 2 * plan->network->layer_count;
    for (size_t t = (size_t)team->rank; t < tensors; t += (size_t)team->size) {
        const struct layer *layer = &plan->network->layers[t / 2];
        const bool bias = t % 2 == 1;
        const size_t first = bias ? layer->bias : layer->weights, count = extent(layer, bias);
        float *moves = optimizer->before + first;
        const float *parameters = plan->network->parameters + first;
        for (size_t i = 0; i < count; i++) {
            moves[i] = parameters[i] - moves[i];
        }
        const struct magnitude m =
            vector_kernels()->measure(moves, layer->units, count / layer->stride, layer->stride);
        optimizer->squares[t] = m.squares;
        optimizer->largest[t] = m.largest;
    }
}

static void decide(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *o = &optimizer->options;
    struct clip_outcome outcome = { .scale = optimizer->scale };
    const struct clip_input input = { .squares = optimizer->squares,
                                      .largest = optimizer->largest,
                                      .tensors = 2 * plan->network->layer_count,
                                      .threshold = o->update_clip_threshold,
                                      .counts = optimizer->counts };
    clip_apply(o->update_clip, &input, &outcome);
    optimizer->bound[0] = outcome.bound;
    plan->report.update_clip = outcome.report;
}

/* w − (1 − s)·Δw, and where Δw is out of bounds w − Δw ± bound: entries that are not clipped stay bit for
 * bit. */
static void pull_back(const struct team *team, const struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    const float bound = optimizer->bound[0];
    for (size_t t = (size_t)team->rank; t < 2 * plan->network->layer_count; t += (size_t)team->size) {
        const struct layer *layer = &plan->network->layers[t / 2];
        const size_t first = t % 2 == 1 ? layer->bias : layer->weights, count = extent(layer, t % 2 == 1);
        float *parameters = plan->network->parameters + first;
        const float *moves = optimizer->before + first, rest = 1.0f - optimizer->scale[t];
        for (size_t i = 0; i < count && rest > 0.0f; i++) {
            parameters[i] -= rest * moves[i];
        }
        for (size_t i = 0; i < count && isfinite(bound); i++) {
            const float excess = moves[i] > bound    ? moves[i] - bound
                                 : moves[i] < -bound ? moves[i] + bound
                                                     : 0.0f;
            parameters[i] -= excess;
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
    pull_back(team, plan);
}
