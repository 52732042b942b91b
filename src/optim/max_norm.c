/* The max-norm constraint (Srivastava et al. 2014, section 5.1): no unit's incoming weights have a larger
 * norm than c. */
#include <math.h>

#include "optim/rows.h"

/* Sums go through the inputs in order. */
static void constrain(const struct rows *rows, const void *context)
{
    const double bound = *(const double *)context;
    const struct layer *layer = rows->layer;
    double squares[ROWS] = { 0.0 };
    float scale[ROWS];
    bool acts = false;
    for (size_t j = 0; j < layer->inputs; j++) {
        const float *column = rows->parameters + j * layer->stride;
        for (size_t i = 0; i < rows->count; i++) {
            squares[i] += (double)column[i] * (double)column[i];
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        scale[i] = squares[i] > bound * bound ? (float)(bound / sqrt(squares[i])) : 1.0f;
        acts = acts || scale[i] != 1.0f;
    }
    if (!acts) {
        return;
    }
    for (size_t j = 0; j < layer->inputs; j++) {
        float *column = rows->parameters + j * layer->stride;
        for (size_t i = 0; i < rows->count; i++) {
            column[i] *= scale[i];
        }
    }
}

void max_norm_apply(const struct team *team, const struct update_plan *plan)
{
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        if (optimizer_rate_factor(plan->optimizer, 2 * l) != 0.0) {
            rows_visit(team, plan, l, constrain, &plan->optimizer->options.max_norm);
        }
    }
}
