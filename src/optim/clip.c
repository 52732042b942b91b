/* Where clipping is decided: the optimizer's rule on all layers but those that have one of their own. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "model/pass.h"
#include "model/sample_gradient.h"
#include "optim/optimizer.h"

/* ---- options ------------------------------------------------------------------------------------------- */

mlp_status optimizer_check_clipping(mlp_optimizer_options *o)
{
    o->clip_threshold = o->clip_threshold == 0.0 ? mlp_clip_default_threshold(o->clip) : o->clip_threshold;
    o->update_clip_threshold = o->update_clip_threshold == 0.0 ? mlp_clip_default_threshold(o->update_clip)
                                                               : o->update_clip_threshold;
    TRY(clip_check(o->clip, o->clip_threshold));
    TRY(clip_check_norm(o->clip, o->clip_norm));
    FAIL_IF((o->custom_clip != NULL) != clip_row(o->clip)->takes_callback, MLP_ERROR_ARGUMENT,
            "custom_clip is %s, expected a function with the clipping rule custom, and none with "
            "others",
            o->custom_clip != NULL ? "given" : "NULL");
    const mlp_status status = clip_check(o->update_clip, o->update_clip_threshold);
    if (status != MLP_OK) {
        return fail_in(status, "update_clip");
    }
    return clip_row(o->update_clip)->of_updates
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
    FAIL_IF(!clip_row(clip)->of_layers, MLP_ERROR_ARGUMENT,
            "layer %zu: the clipping rule %s is for all layers together", layer, mlp_clip_name(clip));
    FAIL_IF(optimizer->rule->search != NULL && clip != MLP_CLIP_NONE, MLP_ERROR_ARGUMENT,
            "layer %zu: %s takes no clipping", layer, optimizer->rule->name.name);
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
    const bool exempt = clip_row(o->clip)->scale_units != NULL && layer + 1 == optimizer->layer_count;
    return (struct layer_clip){ false, exempt ? MLP_CLIP_NONE : o->clip, o->clip_threshold };
}

static bool clips_units(const struct mlp_optimizer *optimizer)
{
    for (size_t l = 0; l < optimizer->layer_count; l++) {
        if (clip_row(optimizer_layer_clip(optimizer, l).rule)->scale_units != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- units, by the team ------------------------------------------------------------------------------- */

bool optimizer_reshapes(const struct mlp_optimizer *optimizer)
{
    return optimizer->options.centralize || clips_units(optimizer);
}

/* Frozen tensors keep their gradients, and ratios of 0: factors may have changed since the last step. */
static void clip_units(const struct team *team, struct update_plan *plan)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    double *ratios = optimizer->ratios;
    if (team->rank == 0) {
        memset(ratios, 0, optimizer->unit_count * sizeof *ratios);
    }
    team_barrier(team);
    for (size_t l = 0; l < optimizer->layer_count; l++) {
        const struct layer_clip clip = optimizer_layer_clip(optimizer, l);
        if (clip_row(clip.rule)->scale_units != NULL) {
            clip_row(clip.rule)->scale_units(team, plan, l, clip.threshold, ratios);
        }
        ratios += optimizer->units[l] + 1;
    }
    team_barrier(team);
}

void optimizer_reshape(const struct team *team, struct update_plan *plan)
{
    struct pass pass = { .network = plan->network, .workspace = plan->workspace };
    if (plan->optimizer->options.centralize) {
        centralize_gradients(team, plan);
        team_barrier(team);
        if (team->rank == 0) {
            pass_measure(&pass);
        }
        team_barrier(team);
    }
    if (clips_units(plan->optimizer)) {
        clip_units(team, plan);
    }
}

/* ---- the decision, by one thread ----------------------------------------------------------------------- */

/* Σ |g| of a layer's W and b; of what is frozen 0, as its other magnitudes. */
static void add_magnitudes(const struct update_plan *plan, size_t l)
{
    const struct layer *layer = &plan->network->layers[l];
    double *sums = plan->optimizer->sums + 2 * l;
    sample_gradient_write(plan->workspace);
    sums[0] = sums[1] = 0.0;
    for (size_t j = 0; j <= layer->inputs; j++) { /* b follows W */
        const bool bias = j == layer->inputs;
        const float *column = plan->workspace->gradients + layer->weights + j * layer->stride;
        if (optimizer_rate_factor(plan->optimizer, 2 * l + bias) == 0.0) {
            continue;
        }
        for (size_t i = 0; i < layer->units; i++) {
            sums[bias] += fabs((double)column[i]);
        }
    }
}

/* A layer by itself; the norms have the p of the options where it clips by a norm. */
static void clip_layer(struct update_plan *plan, size_t l, const struct layer_clip *clip,
                       const double *ratios)
{
    struct mlp_optimizer *optimizer = plan->optimizer;
    struct clip_outcome outcome = { .scale = optimizer->scale + 2 * l };
    const struct clip_input input = { .squares = plan->workspace->squares + 2 * l,
                                      .largest = plan->workspace->largest + 2 * l,
                                      .sums = optimizer->sums + 2 * l,
                                      .counts = optimizer->counts + 2 * l,
                                      .tensors = 2,
                                      .threshold = clip->threshold,
                                      .norm = optimizer->options.clip_norm,
                                      .ratios = ratios,
                                      .units = optimizer->units[l] + 1 };
    mlp_clip_report *report = &plan->report.clip;
    if (input.norm == MLP_CLIP_NORM_1) {
        add_magnitudes(plan, l);
    }
    clip_apply(clip->rule, &input, &outcome); /* rules of layers have no callback that could fail */
    optimizer->bound[2 * l] = optimizer->bound[2 * l + 1] = outcome.bound;
    report->scale = fmin(report->scale, outcome.report.scale);
    report->largest = fmax(report->largest, outcome.report.largest);
    report->acted = report->acted || outcome.report.acted;
}

/* The layers that have a rule of their own, or one that looks at single units. */
static void clip_layers(struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    const double *ratios = optimizer->ratios;
    for (size_t l = 0; l < optimizer->layer_count; l++) {
        const struct layer_clip clip = optimizer_layer_clip(optimizer, l);
        if (clip.given || clip_row(clip.rule)->scale_units != NULL) {
            clip_layer(plan, l, &clip, ratios);
        }
        ratios += optimizer->units[l] + 1;
    }
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
                                .memory = &optimizer->memory,
                                .custom = o->custom_clip,
                                .custom_context = o->custom_clip_context,
                                .norms = optimizer->sums };
    double total = 0.0;
    if (o->clip_norm == MLP_CLIP_NORM_1) {
        for (size_t l = 0; l < workspace->layer_count; l++) {
            add_magnitudes(plan, l);
        }
    }
    for (size_t t = 0; t < tensors; t++) { /* a layer with its own rule is left out of the others' norms */
        const bool has_own_rule = optimizer->clips[t / 2].given && o->custom_clip == NULL;
        total += workspace->squares[t];
        optimizer->squares[t] = has_own_rule ? 0.0 : workspace->squares[t];
        optimizer->largest[t] = has_own_rule ? 0.0 : workspace->largest[t];
        optimizer->sums[t] = has_own_rule ? 0.0 : optimizer->sums[t];
    }
    const mlp_status status = clip_apply(o->clip, &input, &outcome);
    plan->report.clip = outcome.report;
    plan->report.clip.norm = sqrt(total);
    for (size_t t = 0; t < tensors; t++) {
        optimizer->bound[t] = outcome.bound;
    }
    clip_layers(plan);
    return status;
}
