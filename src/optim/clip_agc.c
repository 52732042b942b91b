/* Adaptive gradient clipping (AGC; Brock, De, Smith & Simonyan 2021): a unit's gradient is scaled to c·‖w‖
 * where it is larger: g ← g·c·max(‖w‖, 10⁻³)/‖g‖. All of b is one unit. */
#include <math.h>

#include "linalg/vector.h"
#include "optim/rows.h"

#define LEAST_NORM 1e-3 /* of a unit's weights (ε) */

/* What a unit of this ‖g‖/‖w‖ is multiplied by. */
static float unit_factor(double ratio, double threshold)
{
    return ratio > threshold ? (float)(threshold / ratio) : 1.0f;
}

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
        factors[i] = unit_factor(ratio, clip->threshold);
        acts = acts || factors[i] != 1.0f;
    }
    if (!acts) {
        return;
    }
    for (size_t j = 0; j < layer->inputs; j++) {
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
    const float factor = unit_factor(ratio, clip->threshold);
    clip->ratios[layer->units] = ratio;
    if (factor != 1.0f) {
        for (size_t i = 0; i < layer->units; i++) {
            gradients[i] *= factor;
        }
    }
}

void clip_agc_units(const struct team *team, struct update_plan *plan, size_t l, double threshold,
                    double *ratios)
{
    const struct unit_clip clip = { threshold, ratios };
    if (optimizer_rate_factor(plan->optimizer, 2 * l) != 0.0) {
        rows_visit(team, plan, l, clip_rows, &clip);
    }
    if (optimizer_rate_factor(plan->optimizer, 2 * l + 1) != 0.0 && team->rank == 0) {
        clip_bias(plan, l, &clip);
    }
}

mlp_status clip_agc(const struct clip_input *input, struct clip_outcome *outcome)
{
    mlp_clip_report *report = &outcome->report;
    for (size_t u = 0; u < input->units; u++) {
        const float factor = unit_factor(input->ratios[u], input->threshold);
        report->largest = fmax(report->largest, input->ratios[u]);
        report->scale = fmin(report->scale, (double)factor);
        report->acted = report->acted || factor < 1.0f;
    }
    return MLP_OK;
}
