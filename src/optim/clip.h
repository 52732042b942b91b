/* Clipping: one row of behaviour for each value of mlp_clip, and the single place that decides (clip.c).
 *
 * A rule turns the gradient's magnitudes into one factor for each tensor and one bound for all entries; the
 * update pass applies both. AGC looks at single units: it scales the gradient itself, before that. */
#ifndef OPTIM_CLIP_H
#define OPTIM_CLIP_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/clip.h>
#include <mlp/optimizer.h>

#include "base/names.h"
#include "base/team.h"

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
    const double *sums;   /* Σ |g| of each tensor; for MLP_CLIP_NORM_1 alone */
    const size_t *counts; /* entries of each tensor; for MLP_CLIP_BLOCK_RMS alone */
    const double *ratios; /* ‖g‖/‖w‖ of each unit; for rules of units alone, with one layer's tensors */
    size_t units;
    struct clip_memory *memory; /* for rules with one alone */
    mlp_clip_callback custom;   /* for MLP_CLIP_CUSTOM alone; with room for the tensors' norms */
    double *norms;
    void *custom_context;
};

struct clip_outcome {
    float *scale; /* one factor for each tensor; exactly 1 where nothing is scaled */
    float bound;  /* entries are clamped to ±bound after scaling; INFINITY when they are not */
    mlp_clip_report report;
};

struct update_plan;

struct clip_row {
    struct name name;         /* must be first */
    double default_threshold; /* put in place of 0; 0: there is none */
    double threshold_end;     /* thresholds are in (0, end); 0: it takes none */
    bool takes_norm;
    bool of_layers;  /* may be a single layer's own */
    bool of_updates; /* may clip what a rule changes the parameters by */
    bool takes_callback;
    bool remembers; /* it changes input->memory */
    /* By one thread, from magnitudes. `outcome` says that nothing is scaled. Only a callback fails. */
    mlp_status (*apply)(const struct clip_input *input, struct clip_outcome *outcome);
    /* By the team, before magnitudes count: scales single units of layer l, and puts ‖g‖/‖w‖ of each into
     * ratios. NULL for rules of whole tensors. The output layer has it only as its own rule. */
    void (*scale_units)(const struct team *team, struct update_plan *plan, size_t l, double threshold,
                        double *ratios);
};

/* Row of a valid rule. */
const struct clip_row *clip_row(mlp_clip clip);

/* Checks rule and threshold; the text names the field of mlp_optimizer_options. */
mlp_status clip_check(mlp_clip clip, double threshold);
/* MLP_ERROR_ARGUMENT for a value that is no norm, or one other than 2 with a rule that takes none. */
mlp_status clip_check_norm(mlp_clip clip, mlp_clip_norm norm);

/* Applies a checked rule; outcome->scale has room for input->tensors factors. */
mlp_status clip_apply(mlp_clip clip, const struct clip_input *input, struct clip_outcome *outcome);

/* ---- what the rows have: each method in a file of its own ---------------------------------------------- */

/* One factor for tensors first … first + count − 1: threshold/size where size is above the threshold. */
void clip_scale_group(size_t first, size_t count, double size, double threshold,
                      struct clip_outcome *outcome);

mlp_status clip_none(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_values(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_tensor_norms(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_layer_norms(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_global_norm(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_block_rms(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_agc(const struct clip_input *input, struct clip_outcome *outcome);
void clip_agc_units(const struct team *team, struct update_plan *plan, size_t l, double threshold,
                    double *ratios);
mlp_status clip_auto(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_z(const struct clip_input *input, struct clip_outcome *outcome);
mlp_status clip_custom(const struct clip_input *input, struct clip_outcome *outcome);

/* The threshold of AutoClip for this norm, which it remembers; above 0; INFINITY: none. */
double clip_auto_threshold(struct clip_memory *memory, double percentile, double norm);
/* That of ZClip; none where the norm is no outlier. Follow with clip_z_learn() of the clipped norm. */
double clip_z_threshold(const struct clip_memory *memory, double limit, double norm);
void clip_z_learn(struct clip_memory *memory, double clipped);

#endif
