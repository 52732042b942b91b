/* Weights in 8 bits: those of a unit are whole multiples, −127 to 127, of one scale. */
#ifndef MODEL_QUANTIZE_H
#define MODEL_QUANTIZE_H

#include "model/network.h"

/* The largest |W_ij| of unit i is 127 scales; 0 where all weights are 0. */
float quantize_scale(const struct layer *layer, const float *weights, size_t i);
/* The multiple next to a weight, −127 to 127. */
int quantize_weight(float weight, float scale);

#endif
