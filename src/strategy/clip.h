/* Clipping rules: one row of behaviour for each value of mlp_clip. A rule turns the gradient's magnitudes
 * into one factor for each tensor and one bound for all entries; the update pass applies both. */
#ifndef STRATEGY_CLIP_H
#define STRATEGY_CLIP_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/clip.h>

enum { CLIP_WINDOW = 1024 };

/* What adaptive rules remember; all zero at the start. Doubles, for files. */
struct clip_memory {
    double seen;                /* norms */
    double mean, variance;      /* Z */
    double next;                /* place of the oldest norm in a full window */
    double window[CLIP_WINDOW]; /* AUTO: the last norms ... */
    double sorted[CLIP_WINDOW]; /* ... ascending */
};

/* Whether what a file held can be one. */
bool clip_memory_check(const struct clip_memory *memory);

/* Magnitudes of the raw gradient, all finite. Tensor 2·l is dW of layer l, tensor 2·l + 1 its db. */
struct clip_input {
    const double *squares; /* Σ g² of each tensor */
    const double *largest; /* max |g| of each tensor */
    size_t tensors;        /* even */
    double threshold;
    mlp_clip_norm norm;
    const double *sums;         /* Σ |g| of each tensor; for MLP_CLIP_NORM_1 alone */
    const size_t *counts;       /* entries of each tensor; for MLP_CLIP_BLOCK_RMS alone */
    struct clip_memory *memory; /* for adaptive rules alone */
};

struct clip_outcome {
    float *scale; /* one factor for each tensor; exactly 1 where nothing is scaled */
    float bound;  /* entries are clamped to ±bound after scaling; INFINITY when they are not */
    mlp_clip_report report;
};

/* Checks rule and threshold; the text names the field of mlp_optimizer_options. */
mlp_status clip_check(mlp_clip clip, double threshold);
/* MLP_ERROR_ARGUMENT for a value that is no norm, or one other than 2 with a rule that takes none. */
mlp_status clip_check_norm(mlp_clip clip, mlp_clip_norm norm);

/* Applies a checked rule; outcome->scale has room for input->tensors factors. ADAPTIVE and CUSTOM change
 * nothing here: they are the optimizer's, which has the parameters and the callback. */
void clip_apply(mlp_clip clip, const struct clip_input *input, struct clip_outcome *outcome);

/* The adaptive rules, between the files of this strategy: the threshold for this norm, above 0; INFINITY:
 * none. */
double clip_auto_threshold(struct clip_memory *memory, double percentile, double norm);
/* Likewise; none where the norm is no outlier. Follow with clip_z_learn() of the clipped norm. */
double clip_z_threshold(const struct clip_memory *memory, double limit, double norm);
void clip_z_learn(struct clip_memory *memory, double clipped);

#endif
