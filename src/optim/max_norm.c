/* The max-norm constraint (Srivastava et al. 2014, section 5.1): no unit's incoming weights have a larger
 * norm than c. */
#include <math.h>

#include "optim/optimizer.h"

/* Units that are scaled together: their weights from an input are a cache line or two. */
enum { ROWS = 32 };

/* Units first … first + rows − 1 of a layer. Sums go through the inputs in order. */
static void constrain(const struct layer *layer, float *weights, size_t rows, double bound)
{
    double squares[ROWS] = { 0.0 };
    float scale[ROWS];
    bool acts = false;
    for (size_t j = 0; j < layer->inputs; j++) {
        const float *column = weights + j * layer->stride;
        for (size_t i = 0; i < rows; i++) {
            squares[i] += (double)column[i] * (double)column[i];
        }
    }
    for (size_t i = 0; i < rows; i++) {
        scale[i] = squares[i] > bound * bound ? (float)(bound / sqrt(squares[i])) : 1.0f;
        acts = acts || scale[i] != 1.0f;
    }
    for (size_t j = 0; j < layer->inputs && acts; j++) {
        float *column = weights + j * layer->stride;
        for (size_t i = 0; i < rows; i++) {
            column[i] *= scale[i];
        }
    }
}

void max_norm_apply(const struct team *team, const struct mlp_optimizer *optimizer,
                    struct mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        const struct range own = team_share(team, (layer->units + ROWS - 1) / ROWS);
        for (size_t b = own.first; b < own.end && optimizer_rate_factor(optimizer, 2 * l) != 0.0; b++) {
            const size_t left = layer->units - b * ROWS;
            constrain(layer, network->parameters + layer->weights + b * ROWS,
                      left < ROWS ? left : (size_t)ROWS, optimizer->options.max_norm);
        }
    }
}
