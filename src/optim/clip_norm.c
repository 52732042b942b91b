/* Clipping by value (each entry clamped to ±c), by the norms of tensors, layers or all parameters (g ←
 * g·c/‖g‖ where ‖g‖ > c; Pascanu, Mikolov & Bengio 2013), and by root mean squares. */
#include <math.h>

#include "optim/clip.h"

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
void clip_scale_group(size_t first, size_t count, double size, double threshold, struct clip_outcome *outcome)
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

mlp_status clip_none(const struct clip_input *input, struct clip_outcome *outcome)
{
    (void)input;
    (void)outcome;
    return MLP_OK;
}

mlp_status clip_values(const struct clip_input *input, struct clip_outcome *outcome)
{
    mlp_clip_report *report = &outcome->report;
    const float bound = (float)input->threshold;
    for (size_t t = 0; t < input->tensors; t++) {
        report->largest = input->largest[t] > report->largest ? input->largest[t] : report->largest;
    }
    outcome->bound = bound;
    report->acted = report->largest > (double)bound;
    report->scale = report->acted ? (double)bound / report->largest : 1.0;
    return MLP_OK;
}

/* One factor for each `size` tensors in turn. */
static mlp_status scale_groups(const struct clip_input *input, size_t size, struct clip_outcome *outcome)
{
    for (size_t t = 0; t < input->tensors; t += size) {
        clip_scale_group(t, size, norm_of(input, t, size), input->threshold, outcome);
    }
    return MLP_OK;
}

mlp_status clip_tensor_norms(const struct clip_input *input, struct clip_outcome *outcome)
{
    return scale_groups(input, 1, outcome);
}

mlp_status clip_layer_norms(const struct clip_input *input, struct clip_outcome *outcome)
{
    return scale_groups(input, 2, outcome);
}

mlp_status clip_global_norm(const struct clip_input *input, struct clip_outcome *outcome)
{
    return scale_groups(input, input->tensors, outcome);
}

mlp_status clip_block_rms(const struct clip_input *input, struct clip_outcome *outcome)
{
    for (size_t t = 0; t < input->tensors; t++) {
        clip_scale_group(t, 1, sqrt(input->squares[t] / (double)input->counts[t]), input->threshold, outcome);
    }
    return MLP_OK;
}
