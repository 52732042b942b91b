/* Samples drawn from a data set, with the targets that a network is held against. */
#ifndef TOOLS_SAMPLE_BATCH_H
#define TOOLS_SAMPLE_BATCH_H

#include <stdint.h>

#include <mlp/data.h>
#include <mlp/loss.h>
#include <mlp/network.h>

struct sample_batch {
    size_t count;
    float *x, *values, *weights; /* values in the units of the network's outputs */
    int32_t *labels;
    mlp_targets targets; /* of labels or values, and weights */
};

/* All samples where there are no more than `samples`, else so many, drawn by the seed. Returns an exit code;
 * free it in any case. */
int sample_batch_draw(struct sample_batch *batch, const mlp_network *network, const mlp_data *data,
                      size_t samples, uint64_t seed);
/* Likewise the first of them, in the order of the data. */
int sample_batch_first(struct sample_batch *batch, const mlp_network *network, const mlp_data *data,
                       size_t samples);
void sample_batch_free(struct sample_batch *batch);

#endif
