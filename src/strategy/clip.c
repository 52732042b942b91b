/* Clipping rules: one row of behaviour for each value of mlp_clip. */
#include "strategy/clip.h"

#include <math.h>
#include <stdbool.h>

#include "base/names.h"
#include "base/status.h"

struct clip_row {
    struct name name; /* must be first */
    bool takes_threshold;
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

/* One factor for a group of tensors: c/‖g‖ above the threshold, exactly 1 at or below it, or so little above it that
 * c/‖g‖ is 1 in float. */
static void scale_group(const struct clip_input *input, size_t first, size_t count, struct clip_outcome *outcome)
{
    const double norm = sqrt(sum_of(input->squares + first, count));
    const float scale = norm > input->threshold ? (float)(input->threshold / norm) : 1.0f;
    mlp_clip_report *report = &outcome->report;
    for (size_t t = first; t < first + count; t++) {
        outcome->scale[t] = scale;
    }
    report->largest = norm > report->largest ? norm : report->largest;
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
        scale_group(input, t, 1, outcome);
    }
}

static void scale_layers(const struct clip_input *input, struct clip_outcome *outcome)
{
    for (size_t t = 0; t < input->tensors; t += 2) {
        scale_group(input, t, 2, outcome);
    }
}

static void scale_all(const struct clip_input *input, struct clip_outcome *outcome)
{
    scale_group(input, 0, input->tensors, outcome);
}

static const struct clip_row rows[] = {
    [MLP_CLIP_NONE] = { { "none", "leaves the gradient alone" }, false, leave },
    [MLP_CLIP_VALUE] = { { "value", "each entry clamped to [-c, c]" }, true, bound_values },
    [MLP_CLIP_TENSOR_NORM] = { { "tensor-norm", "each W and each b by itself scaled to norm c when above" }, true,
                               scale_tensors },
    [MLP_CLIP_LAYER_NORM] = { { "layer-norm", "each layer's W and b together scaled to norm c when above" }, true,
                              scale_layers },
    [MLP_CLIP_GLOBAL_NORM] = { { "global-norm", "all parameters together scaled to norm c when above" }, true,
                               scale_all },
};

static struct name_table names(void)
{
    return NAME_TABLE("clip", rows);
}

mlp_status clip_check(mlp_clip clip, double threshold)
{
    const struct name_table table = names();
    TRY(name_check(&table, (int)clip));
    if (!rows[clip].takes_threshold && threshold != 0.0) {
        return fail(MLP_ERROR_ARGUMENT, "clip_threshold is %g, expected 0 for the clipping rule %s", threshold,
                    rows[clip].name.name);
    }
    if (rows[clip].takes_threshold && !((float)threshold > 0.0f && isfinite((float)threshold))) {
        return fail(MLP_ERROR_RANGE, "clip_threshold is %g, expected a finite number above 0 in float's range for %s",
                    threshold, rows[clip].name.name);
    }
    return MLP_OK;
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

const char *mlp_clip_name(mlp_clip clip)
{
    const struct name_table table = names();
    return name_of(&table, (int)clip);
}

const char *mlp_clip_description(mlp_clip clip)
{
    const struct name_table table = names();
    return description_of(&table, (int)clip);
}

mlp_status mlp_clip_from_name(const char *name, mlp_clip *clip)
{
    const struct name_table table = names();
    int value;
    REQUIRE_ARGUMENT(clip);
    TRY(name_find(&table, name, &value));
    *clip = (mlp_clip)value;
    return MLP_OK;
}

size_t mlp_clip_count(void)
{
    return sizeof rows / sizeof rows[0];
}
