/* The optimizer's clipping: its rule on all layers but those that have one of their own. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "model/pass.h"
#include "optim/optimizer.h"

/* ---- options ------------------------------------------------------------------------------------------- */

mlp_status optimizer_check_clipping(mlp_optimizer_options *o)
{
    o->clip_threshold = o->clip_threshold == 0.0 ? mlp_clip_default_threshold(o->clip) : o->clip_threshold;
    o->update_clip_threshold = o->update_clip_threshold == 0.0 ? mlp_clip_default_threshold(o->update_clip)
                                                               : o->update_clip_threshold;
    TRY(clip_check(o->clip, o->clip_threshold));
    TRY(clip_check_norm(o->clip, o->clip_norm));
    if ((o->custom_clip != NULL) != (o->clip == MLP_CLIP_CUSTOM)) {
        return fail(MLP_ERROR_ARGUMENT,
                    "custom_clip is %s, expected a function with the clipping rule custom, and none with "
                    "others",
                    o->custom_clip != NULL ? "given" : "NULL");
    }
    const mlp_status status = clip_check(o->update_clip, o->update_clip_threshold);
    if (status != MLP_OK) {
        return fail_in(status, "update_clip");
    }
    return o->update_clip <= MLP_CLIP_BLOCK_RMS
               ? MLP_OK
               : fail(MLP_ERROR_ARGUMENT, "update_clip is %s, expected none, value, a norm or block-rms",
                      mlp_clip_name(o->update_clip));
}

mlp_status mlp_optimizer_set_clip(mlp_optimizer *optimizer, size_t layer, mlp_clip clip, double threshold)
{
    REQUIRE_ARGUMENT(optimizer);
    TRY(optimizer_check_layer(__func__, optimizer, layer));
    threshold = threshold == 0.0 ? mlp_clip_default_threshold(clip) : threshold;
    TRY(clip_check(clip, threshold));
    if (clip == MLP_CLIP_GLOBAL_NORM || clip > MLP_CLIP_ADAPTIVE) {
        return fail(MLP_ERROR_ARGUMENT, "layer %zu: the clipping rule %s is for all layers together", layer,
                    mlp_clip_name(clip));
    }
    if (optimizer->rule->search != NULL && clip != MLP_CLIP_NONE) {
        return fail(MLP_ERROR_ARGUMENT, "layer %zu: %s takes no clipping", layer, optimizer->rule->name.name);
    }
    optimizer->clips[layer] = (struct layer_clip){ true, clip, threshold };
    return MLP_OK;
}

/* ---- which rule ---------------------------------------------------------------------------------------- */

struct layer_clip optimizer_layer_clip(const struct mlp_optimizer *optimizer, size_t layer)
{
    const mlp_optimizer_options *o = &optimizer->options;
    if (optimizer->clips[layer].given) {
        return optimizer->clips[layer];
    }
    const bool spared = o->clip == MLP_CLIP_ADAPTIVE && layer + 1 == optimizer->layer_count;
    return (struct layer_clip){ false, spared ? MLP_CLIP_NONE : o->clip, o->clip_threshold };
}

bool optimizer_clips_units(const struct mlp_optimizer *optimizer)
{
    for (size_t l = 0; l < optimizer->layer_count; l++) {
        if (optimizer_layer_clip(optimizer, l).rule == MLP_CLIP_ADAPTIVE) {
            return true;
        }
    }
    return false;
}

/* ---- what a step does ---------------------------------------------------------------------------------- */

/* Σ |g| of a layer's W and b; of what is frozen 0, as its other magnitudes. */
static void add_magnitudes(const struct update_plan *plan, size_t l)
{
    const struct layer *layer = &plan->network->layers[l];
    double *sums = plan->optimizer->sums + 2 * l;
    sums[0] = sums[1] = 0.0;
    for (size_t j = 0; j <= layer->inputs; j++) { /* b follows W */
        const bool bias = j == layer->inputs;
        const float *column = plan->workspace->gradients + layer->weights + j * layer->stride;
        for (size_t i = 0; i < layer->units && optimizer_rate_factor(plan->optimizer, 2 * l + bias) != 0.0;
             i++) {
            sums[bias] += fabs((double)column[i]);
        }
    }
}

/* A layer's own rule; the norms have the p of the options where it clips by a norm. */
static void clip_layer(struct update_plan *plan, size_t l)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    struct clip_outcome outcome = { .scale = optimizer->scale + 2 * l };
    const struct layer_clip own = optimizer->clips[l];
    const struct clip_input input = { .squares = plan->workspace->squares + 2 * l,
                                      .largest = plan->workspace->largest + 2 * l,
                                      .sums = optimizer->sums + 2 * l,
                                      .counts = optimizer->counts + 2 * l,
                                      .tensors = 2,
                                      .threshold = own.threshold,
                                      .norm = optimizer->options.clip_norm };
    mlp_clip_report *report = &plan->report.clip;
    if (input.norm == MLP_CLIP_NORM_1) {
        add_magnitudes(plan, l);
    }
    clip_apply(own.rule, &input, &outcome);
    optimizer->bound[2 * l] = optimizer->bound[2 * l + 1] = outcome.bound;
    report->scale = fmin(report->scale, outcome.report.scale);
    report->acted = report->acted || outcome.report.acted;
}

/* What units were scaled by. */
static void add_units(const struct update_plan *plan, mlp_clip_report *report)
{
    const double *ratios = plan->optimizer->ratios;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        const struct layer_clip rule = optimizer_layer_clip(plan->optimizer, l);
        const size_t count = plan->network->layers[l].units + 1;
        for (size_t u = 0; u < count && rule.rule == MLP_CLIP_ADAPTIVE; u++) {
            const float factor = optimizer_unit_factor(ratios[u], rule.threshold);
            report->largest = fmax(report->largest, ratios[u]);
            report->scale = fmin(report->scale, (double)factor);
            report->acted = report->acted || factor < 1.0f;
        }
        ratios += count;
    }
}

static mlp_status clip_by_callback(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *o = &optimizer->options;
    const size_t tensors = 2 * plan->network->layer_count;
    mlp_clip_report *report = &plan->report.clip;
    for (size_t t = 0; t < tensors; t++) {
        optimizer->sums[t] = sqrt(plan->workspace->squares[t]);
    }
    TRY(o->custom_clip(optimizer->sums, plan->workspace->largest, tensors, optimizer->scale,
                       o->custom_clip_context));
    for (size_t t = 0; t < tensors; t++) {
        const float scale = optimizer->scale[t];
        if (!(scale >= 0.0f) || !isfinite(scale)) {
            return fail(MLP_ERROR_RANGE,
                        "custom_clip: the factor of layer %zu's %s is %g, expected a finite number of at "
                        "least 0",
                        t / 2, t % 2 == 0 ? "weights" : "bias", (double)scale);
        }
        report->scale = fmin(report->scale, (double)scale);
        report->acted = report->acted || scale != 1.0f;
    }
    return MLP_OK;
}

mlp_status optimizer_clip(struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    const mlp_optimizer_options *o = &optimizer->options;
    struct mlp_workspace *workspace = plan->workspace;
    const size_t tensors = 2 * workspace->layer_count;
    struct clip_outcome outcome = { .scale = optimizer->scale };
    struct clip_input input = { .squares = optimizer->squares,
                                .largest = optimizer->largest,
                                .tensors = tensors,
                                .threshold = o->clip_threshold,
                                .norm = o->clip_norm,
                                .sums = optimizer->sums,
                                .counts = optimizer->counts,
                                .memory = &optimizer->memory };
    double total = 0.0;
    for (size_t l = 0; l < workspace->layer_count && o->clip_norm == MLP_CLIP_NORM_1; l++) {
        add_magnitudes(plan, l);
    }
    for (size_t t = 0; t < tensors; t++) { /* a layer with its own rule is left out of the others' norms */
        const bool own = optimizer->clips[t / 2].given;
        total += workspace->squares[t];
        optimizer->squares[t] = own ? 0.0 : workspace->squares[t];
        optimizer->largest[t] = own ? 0.0 : workspace->largest[t];
        optimizer->sums[t] = own ? 0.0 : optimizer->sums[t];
    }
    clip_apply(o->clip, &input, &outcome);
    plan->report.clip = outcome.report;
    plan->report.clip.norm = sqrt(total);
    for (size_t t = 0; t < tensors; t++) {
        optimizer->bound[t] = outcome.bound;
    }
    const mlp_status status = o->clip == MLP_CLIP_CUSTOM ? clip_by_callback(plan) : MLP_OK;
    for (size_t l = 0; l < workspace->layer_count; l++) {
        if (optimizer->clips[l].given) {
            clip_layer(plan, l);
        }
    }
    add_units(plan, &plan->report.clip);
    return status;
}
