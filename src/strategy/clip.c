/* Clipping rules: one row of behaviour for each value of mlp_clip. */
#include "strategy/clip.h"

#include <math.h>
#include <stdbool.h>

#include "base/names.h"
#include "base/status.h"

struct clip_row {
    struct name name; /* must be first */
    bool takes_threshold;
    double default_threshold; /* put in place of 0; 0: there is none */
    bool takes_norm;
    void (*apply)(const struct clip_input *input, struct clip_outcome *outcome);
};

static double sum_of(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

/* ‖g‖ₚ of a group of tensors. */
static double norm_of(const struct clip_input *input, size_t first, size_t count)
{
    double largest = 0.0;
    switch (input->norm) {
    case MLP_CLIP_NORM_1: return sum_of(input->sums + first, count);
    case MLP_CLIP_NORM_MAX:
        for (size_t t = first; t < first + count; t++) {
            largest = input->largest[t] > largest ? input->largest[t] : largest;
        }
        return largest;
    default: return sqrt(sum_of(input->squares + first, count));
    }
}

/* One factor for a group of tensors: c/size above the threshold, exactly 1 at or below it, or so little above
 * it that c/size is 1 in float. */
static void scale_group(size_t first, size_t count, double size, double threshold,
                        struct clip_outcome *outcome)
{
    const float scale = size > threshold ? (float)(threshold / size) : 1.0f;
    mlp_clip_report *report = &outcome->report;
    for (size_t t = first; t < first + count; t++) {
        outcome->scale[t] = scale;
    }
    report->largest = size > report->largest ? size : report->largest;
    report->scale = (double)scale < report->scale ? (double)scale : report->scale;
    report->acted = report->acted || scale < 1.0f;
}

static void leave(const struct clip_input *input, struct clip_outcome *outcome)
{
    (void)input;
    (void)outcome;
}

static void bound_values(const struct clip_input *input, struct clip_outcome *outcome)
{
    mlp_clip_report *report = &outcome->report;
    const float bound = (float)input->threshold;
    for (size_t t = 0; t < input->tensors; t++) {
        report->largest = input->largest[t] > report->largest ? input->largest[t] : report->largest;
    }
    outcome->bound = bound;
    report->acted = report->largest > (double)bound;
    report->scale = report->acted ? (double)bound / report->largest : 1.0;
}

static void scale_tensors(const struct clip_input *input, struct clip_outcome *outcome)
{
    for (size_t t = 0; t < input->tensors; t++) {
        scale_group(t, 1, norm_of(input, t, 1), input->threshold, outcome);
    }
}

static void scale_layers(const struct clip_input *input, struct clip_outcome *outcome)
{
    for (size_t t = 0; t < input->tensors; t += 2) {
        scale_group(t, 2, norm_of(input, t, 2), input->threshold, outcome);
    }
}

static void scale_all(const struct clip_input *input, struct clip_outcome *outcome)
{
    scale_group(0, input->tensors, norm_of(input, 0, input->tensors), input->threshold, outcome);
}

static void scale_blocks(const struct clip_input *input, struct clip_outcome *outcome)
{
    for (size_t t = 0; t < input->tensors; t++) {
        scale_group(t, 1, sqrt(input->squares[t] / (double)input->counts[t]), input->threshold, outcome);
    }
}

static void scale_by_percentile(const struct clip_input *input, struct clip_outcome *outcome)
{
    const double norm = outcome->report.norm;
    scale_group(0, input->tensors, norm, clip_auto_threshold(input->memory, input->threshold, norm), outcome);
}

static void scale_outliers(const struct clip_input *input, struct clip_outcome *outcome)
{
    const double norm = outcome->report.norm,
                 threshold = clip_z_threshold(input->memory, input->threshold, norm);
    scale_group(0, input->tensors, norm, threshold, outcome);
    clip_z_learn(input->memory, norm < threshold ? norm : threshold);
}

/* clang-format off */
static const struct clip_row rows[] = {
    [MLP_CLIP_NONE] = { { "none", "leaves the gradient alone" }, false, 0.0, false, leave },
    [MLP_CLIP_VALUE] = { { "value", "each entry clamped to [-c, c]" }, true, 0.0, false, bound_values },
    [MLP_CLIP_TENSOR_NORM] = { { "tensor-norm", "each W and each b by itself scaled to norm c when above" },
                               true, 0.0, true,
                               scale_tensors },
    [MLP_CLIP_LAYER_NORM] = { { "layer-norm", "each layer's W and b together scaled to norm c when above" },
                              true, 0.0, true,
                              scale_layers },
    [MLP_CLIP_GLOBAL_NORM] = { { "global-norm", "all parameters together scaled to norm c when above" },
                               true, 0.0, true,
                               scale_all },
    [MLP_CLIP_BLOCK_RMS] = { { "block-rms", "each W and each b scaled to root mean square c (1) when "
                                            "above" }, true, 1.0, false,
                             scale_blocks },
    [MLP_CLIP_ADAPTIVE] = { { "adaptive", "each unit scaled to c (0.01) times its weights' norm when "
                                          "above; not the output (AGC)" },
                            true, 0.01, false, leave },
    [MLP_CLIP_AUTO] = { { "auto", "global norm, at the c-th (10th) percentile of the last 1024 norms "
                                  "(AutoClip)" }, true, 10.0,
                        false, scale_by_percentile },
    [MLP_CLIP_Z] = { { "z", "global norm, where it is over c (2.5) deviations above its running mean "
                            "(ZClip)" }, true, 2.5, false,
                     scale_outliers },
    [MLP_CLIP_CUSTOM] = { { "custom", "the caller's own factors" }, false, 0.0, false, leave },
};
/* clang-format on */

static const struct name norm_names[] = {
    [MLP_CLIP_NORM_2] = { "2", "root of the sum of squares" },
    [MLP_CLIP_NORM_1] = { "1", "sum of magnitudes" },
    [MLP_CLIP_NORM_MAX] = { "max", "largest magnitude" },
};

static const struct name_table norms = NAME_ROWS("clip_norm", norm_names);

NAME_FUNCTIONS(mlp_clip_norm, mlp_clip_norm, &norms);

static const struct name_table names = NAME_ROWS("clip", rows);

STRATEGY_FUNCTIONS(mlp_clip, mlp_clip, &names);

mlp_status clip_check(mlp_clip clip, double threshold)
{
    TRY(name_check(&names, (int)clip));
    if (!rows[clip].takes_threshold && threshold != 0.0) {
        return fail(MLP_ERROR_ARGUMENT, "clip_threshold is %g, expected 0 for the clipping rule %s",
                    threshold, rows[clip].name.name);
    }
    if (rows[clip].takes_threshold && !((float)threshold > 0.0f && isfinite((float)threshold))) {
        return fail(MLP_ERROR_RANGE,
                    "clip_threshold is %g, expected a finite number above 0 in float's range for %s",
                    threshold, rows[clip].name.name);
    }
    if (clip == MLP_CLIP_AUTO && !(threshold < 100.0)) {
        return fail(MLP_ERROR_RANGE,
                    "clip_threshold is %g, expected a percentile above 0 and below 100 for auto", threshold);
    }
    return MLP_OK;
}

mlp_status clip_check_norm(mlp_clip clip, mlp_clip_norm norm)
{
    TRY(name_check(&norms, (int)norm));
    return norm == MLP_CLIP_NORM_2 || rows[clip].takes_norm
               ? MLP_OK
               : fail(MLP_ERROR_ARGUMENT, "clip_norm is %s, expected 2 for the clipping rule %s",
                      norm_names[norm].name, rows[clip].name.name);
}

void clip_apply(mlp_clip clip, const struct clip_input *input, struct clip_outcome *outcome)
{
    outcome->bound = INFINITY;
    outcome->report = (mlp_clip_report){ .norm = sqrt(sum_of(input->squares, input->tensors)), .scale = 1.0 };
    for (size_t t = 0; t < input->tensors; t++) {
        outcome->scale[t] = 1.0f;
    }
    rows[clip].apply(input, outcome);
}

double mlp_clip_default_threshold(mlp_clip clip)
{
    return name_of(&names, (int)clip) != NULL ? rows[clip].default_threshold : 0.0;
}
