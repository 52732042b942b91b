/* A model run over a data set, batch after batch. */
#ifndef TOOLS_PREDICTION_H
#define TOOLS_PREDICTION_H

#include <mlp/data.h>
#include <mlp/workspace.h>

struct prediction {
    const mlp_network *network;
    const mlp_data *data;
    mlp_workspace *workspace;
    float *x;            /* batch × inputs */
    float *outputs;      /* batch × outputs, probabilities where the model has them */
    size_t batch;        /* largest */
    size_t first, count; /* samples in the buffers */
};

/* Returns an exit code; free it in any case. */
int prediction_begin(struct prediction *prediction, const mlp_network *network, const mlp_data *data,
                     size_t batch, int threads);
/* Fills the buffers with the next samples; `count` is 0 after the last. Returns an exit code. */
int prediction_next(struct prediction *prediction);
void prediction_free(struct prediction *prediction);

/* Most probable class of sample i of the buffers: the largest output, or for a single one 1 above one half.
 */
size_t prediction_class(const struct prediction *prediction, size_t sample);
/* Its outputs. */
const float *prediction_outputs(const struct prediction *prediction, size_t sample);

#endif
