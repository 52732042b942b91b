/* Gradient centralization (Yong et al. 2020): each unit's mean over its incoming weights is taken from dW. */
#include <float.h>

#include "base/vector_math.h"
#include "optim/rows.h"

void rows_visit(const struct team *team, const struct update_plan *plan, size_t l, rows_visitor visit,
                const void *context)
{
    MLP_ASSERT(l < plan->network->layer_count);
    const struct layer *layer = &plan->network->layers[l];
    const struct range share = team_share(team, (layer->units + ROWS - 1) / ROWS);
    for (size_t b = share.first; b < share.end; b++) {
        const size_t first = b * ROWS, left = layer->units - first;
        const struct rows rows = { layer, first, left < ROWS ? left : (size_t)ROWS,
                                   plan->workspace->gradients + layer->weights + first,
                                   plan->parameters + layer->weights + first };
        visit(&rows, context);
    }
}

static void centralize(const struct rows *rows, const void *unused)
{
    const struct layer *layer = rows->layer;
    double sums[ROWS] = { 0.0 };
    float means[ROWS];
    (void)unused;
    for (size_t j = 0; j < layer->inputs; j++) {
        for (size_t i = 0; i < rows->count; i++) {
            sums[i] += (double)rows->gradients[i + j * layer->stride];
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        means[i] = (float)(sums[i] / (double)layer->inputs);
    }
    for (size_t j = 0; j < layer->inputs; j++) {
        float *column = rows->gradients + j * layer->stride;
        for (size_t i = 0; i < rows->count; i++) {
            /* infinite where both are near the ends of float's range */
            column[i] = bounded(column[i] - means[i], -FLT_MAX, FLT_MAX);
        }
    }
}

void centralize_gradients(const struct team *team, struct update_plan *plan)
{
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        if (plan->network->layers[l].inputs > 1) { /* of a single input nothing would be left */
            rows_visit(team, plan, l, centralize, NULL);
        }
    }
}
