/* Weights in 8 bits. */
#include "model/quantize.h"

#include <math.h>

#include "base/status.h"

enum { LARGEST = 127 };

float quantize_scale(const struct layer *layer, const float *weights, size_t i)
{
    float largest = 0.0f;
    for (size_t j = 0; j < layer->inputs; j++) {
        largest = fmaxf(largest, fabsf(weights[i + j * layer->stride]));
    }
    return largest / (float)LARGEST;
}

/* A scale below the least float is 0, and so are all its multiples. */
int quantize_weight(float weight, float scale)
{
    const long multiple = scale > 0.0f ? lrintf(weight / scale) : 0;
    const long bounded = multiple > LARGEST ? LARGEST : multiple;
    return (int)(bounded < -LARGEST ? -LARGEST : bounded);
}

mlp_status mlp_network_quantize(mlp_network *network)
{
    REQUIRE_ARGUMENT(network);
    float *parameters = network_write(network);
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        float *w = parameters + layer->weights;
        for (size_t i = 0; i < layer->units; i++) {
            const float scale = quantize_scale(layer, w, i);
            for (size_t j = 0; j < layer->inputs; j++) {
                float *value = &w[i + j * layer->stride];
                *value = scale * (float)quantize_weight(*value, scale);
            }
        }
    }
    return MLP_OK;
}
