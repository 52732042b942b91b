/* What looks at the gradient unit by unit before it is clipped: centralization, and adaptive clipping. A
 * unit's weights are a row of W; a run of rows at a time is read through its columns. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "model/pass.h"
#include "optim/optimizer.h"

#define LEAST_NORM 1e-3 /* of a unit's weights (Brock et al. 2021, ε) */

enum { ROWS = 32 };

/* A run of rows of a layer. */
struct rows {
    const struct layer *layer;
    size_t first, count;
    float *gradients;        /* the layer's dW, from the first row */
    const float *parameters; /* W likewise */
};

static void visit_rows(const struct team *team, struct update_plan *plan, size_t l,
                       void (*visit)(const struct rows *rows, const void *context), const void *context)
{
    const struct layer *layer = &plan->network->layers[l];
    const struct range own = team_share(team, (layer->units + ROWS - 1) / ROWS);
    for (size_t b = own.first; b < own.end; b++) {
        const size_t first = b * ROWS, left = layer->units - first;
        const struct rows rows = { layer, first, left < ROWS ? left : (size_t)ROWS,
                                   plan->workspace->gradients + layer->weights + first,
                                   plan->network->parameters + layer->weights + first };
        visit(&rows, context);
    }
}

/* ---- centralization (Yong et al. 2020) ----------------------------------------------------------------- */

static void centralize(const struct rows *rows, const void *unused)
{
    const struct layer *layer = rows->layer;
    double sums[ROWS] = { 0.0 };
    float means[ROWS];
    (void)unused;
    for (size_t j = 0; j < layer->inputs; j++) {
        for (size_t i = 0; i < rows->count; i++) {
            sums[i] += (double)rows->gradients[i + j * layer->stride];
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        means[i] = (float)(sums[i] / (double)layer->inputs);
    }
    for (size_t j = 0; j < layer->inputs; j++) {
        float *column = rows->gradients + j * layer->stride;
        for (size_t i = 0; i < rows->count; i++) {
            const float rest =
                column[i] - means[i]; /* infinite where both are near the ends of float's range */
            column[i] = rest > FLT_MAX ? FLT_MAX : rest < -FLT_MAX ? -FLT_MAX : rest;
        }
    }
}

/* ---- adaptive clipping (Brock et al. 2021) ------------------------------------------------------------- */

struct unit_clip {
    double threshold;
    double *ratios; /* of the layer's units, then of its b */
};

static double ratio_of(double gradient_squares, double parameter_squares)
{
    return sqrt(gradient_squares) / fmax(sqrt(parameter_squares), LEAST_NORM);
}

static void clip_rows(const struct rows *rows, const void *context)
{
    const struct unit_clip *clip = context;
    const struct layer *layer = rows->layer;
    double gradients[ROWS] = { 0.0 }, parameters[ROWS] = { 0.0 };
    float factors[ROWS];
    bool acts = false;
    for (size_t j = 0; j < layer->inputs; j++) {
        for (size_t i = 0; i < rows->count; i++) {
            const double g = (double)rows->gradients[i + j * layer->stride],
                         w = (double)rows->parameters[i + j * layer->stride];
            gradients[i] += g * g;
            parameters[i] += w * w;
        }
    }
    for (size_t i = 0; i < rows->count; i++) {
        const double ratio = ratio_of(gradients[i], parameters[i]);
        clip->ratios[rows->first + i] = ratio;
        factors[i] = optimizer_unit_factor(ratio, clip->threshold);
        acts = acts || factors[i] != 1.0f;
    }
    for (size_t j = 0; j < layer->inputs && acts; j++) {
        for (size_t i = 0; i < rows->count; i++) {
            rows->gradients[i + j * layer->stride] *= factors[i];
        }
    }
}

/* All of b is one unit. */
static void clip_bias(struct update_plan *plan, size_t l, const struct unit_clip *clip)
{
    const struct layer *layer = &plan->network->layers[l];
    const struct vector_kernels *kernels = vector_kernels();
    float *gradients = plan->workspace->gradients + layer->bias;
    const double parameters =
        kernels->measure(plan->network->parameters + layer->bias, layer->units, 1, layer->units).squares;
    const double ratio =
        ratio_of(kernels->measure(gradients, layer->units, 1, layer->units).squares, parameters);
    const float factor = optimizer_unit_factor(ratio, clip->threshold);
    clip->ratios[layer->units] = ratio;
    for (size_t i = 0; i < layer->units && factor != 1.0f; i++) {
        gradients[i] *= factor;
    }
}

/* Frozen tensors keep their gradients, and the ratios 0 that forget_ratios() gave them. */
static void clip_units(const struct team *team, struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    double *ratios = optimizer->ratios;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        const struct layer_clip rule = optimizer_layer_clip(optimizer, l);
        const struct unit_clip clip = { rule.threshold, ratios };
        if (rule.rule == MLP_CLIP_ADAPTIVE && optimizer_rate_factor(optimizer, 2 * l) != 0.0) {
            visit_rows(team, plan, l, clip_rows, &clip);
        }
        if (rule.rule == MLP_CLIP_ADAPTIVE && optimizer_rate_factor(optimizer, 2 * l + 1) != 0.0 &&
            team->rank == 0) {
            clip_bias(plan, l, &clip);
        }
        ratios += plan->network->layers[l].units + 1;
    }
}

/* Factors may have changed since the last step. By one thread. */
static void forget_ratios(struct update_plan *plan)
{
    size_t units = 0;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        units += plan->network->layers[l].units + 1;
    }
    memset(plan->optimizer->ratios, 0, units * sizeof *plan->optimizer->ratios);
}

void optimizer_reshape(const struct team *team, struct update_plan *plan)
{
    struct pass pass = { .network = plan->network, .workspace = plan->workspace };
    if (plan->optimizer->options.centralize) {
        for (size_t l = 0; l < plan->network->layer_count; l++) {
            if (plan->network->layers[l].inputs > 1) { /* of a single input nothing would be left */
                visit_rows(team, plan, l, centralize, NULL);
            }
        }
        team_barrier(team);
        if (team->rank == 0) {
            pass_measure(&pass);
        }
        team_barrier(team);
    }
    if (optimizer_clips_units(plan->optimizer)) {
        if (team->rank == 0) {
            forget_ratios(plan);
        }
        team_barrier(team);
        clip_units(team, plan);
        team_barrier(team);
    }
}
