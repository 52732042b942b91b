/* Clipping rules: one row of behaviour for each value of mlp_clip. A rule turns the gradient's magnitudes into one
 * factor for each tensor and one bound for all entries; the update pass applies both. */
#ifndef STRATEGY_CLIP_H
#define STRATEGY_CLIP_H

#include <stddef.h>

#include <mlp/clip.h>

/* Magnitudes of the raw gradient, all finite. Tensor 2·l is dW of layer l, tensor 2·l + 1 its db. */
struct clip_input {
    const double *squares; /* Σ g² of each tensor */
    const double *largest; /* max |g| of each tensor */
    size_t tensors;        /* even */
    double threshold;
};

struct clip_outcome {
    float *scale;            /* one factor for each tensor; exactly 1 where nothing is scaled */
    float bound;             /* entries are clamped to ±bound after scaling; INFINITY when they are not */
    mlp_clip_report report;
};

/* Checks rule and threshold; the text names the field of mlp_optimizer_options. */
mlp_status clip_check(mlp_clip clip, double threshold);

/* Applies a checked rule; outcome->scale has room for input->tensors factors. */
void clip_apply(mlp_clip clip, const struct clip_input *input, struct clip_outcome *outcome);

#endif
