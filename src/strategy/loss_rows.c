/* The losses: value and gradient of each on a run of samples, and the table of rows. */
#include "strategy/loss_rows.h"

#include <math.h>

#include "linalg/vector_math.h"

static double weight_of(const struct loss_block *block, size_t column)
{
    return block->targets->weights != NULL ? (double)block->targets->weights[block->first + column] : 1.0;
}

/* y of one unit: dense, one-hot, or for a single unit the class itself. */
static double target_of(const struct loss_block *block, size_t column, size_t unit)
{
    const mlp_targets *targets = block->targets;
    const size_t sample = block->first + column;
    if (targets->values != NULL) {
        return (double)targets->values[sample * block->units + unit];
    }
    if (block->units == 1) {
        return (double)targets->classes[sample];
    }
    return (size_t)targets->classes[sample] == unit ? 1.0 : 0.0;
}

static double class_weight(const struct loss_settings *settings, size_t unit)
{
    return settings->class_weights != NULL ? (double)settings->class_weights[unit] : 1.0;
}

/* ln Σ e^z, about the largest z; where `p` is not NULL it receives softmax(z). */
static double log_sum_exp(const float *z, size_t units, float *p)
{
    float largest = z[0];
    double sum = 0.0;
    for (size_t i = 1; i < units; i++) {
        largest = z[i] > largest ? z[i] : largest;
    }
    if (p != NULL) {
        for (size_t i = 0; i < units; i++) {
            p[i] = vector_exp(z[i] - largest);
        }
    }
    for (size_t i = 0; i < units; i++) {
        sum += (double)(p != NULL ? p[i] : vector_exp(z[i] - largest));
    }
    for (size_t i = 0; p != NULL && i < units; i++) {
        p[i] *= (float)(1.0 / sum);
    }
    return (double)largest + log(sum);
}

/* The targets' part of a column: Σ_c w_c t_c (L − z_c), and Σ_c w_c t_c in *mass; takes factor·w_c t_c off the
 * gradient once that has been given factor·mass·p. A class index without smoothing or class weights has one term. */
static double target_terms(const struct loss_block *block, size_t column, double log_sum, double *mass,
                           double factor, float *gradient)
{
    const struct loss_settings *settings = block->settings;
    const float *z = block->z + column * block->leading_dimension;
    const double smoothing = settings->label_smoothing;
    const bool single = block->targets->classes != NULL && smoothing == 0.0 && settings->class_weights == NULL;
    const size_t first = single ? (size_t)block->targets->classes[block->first + column] : 0;
    const size_t end = single ? first + 1 : block->units;
    double loss = 0.0;
    *mass = 0.0;
    for (size_t i = first; i < end; i++) {
        const double target = (1.0 - smoothing) * target_of(block, column, i) + smoothing / (double)block->units;
        const double weighted = class_weight(settings, i) * target;
        loss += weighted != 0.0 ? weighted * (log_sum - (double)z[i]) : 0.0;
        *mass += weighted;
        if (gradient != NULL) {
            gradient[i] -= (float)(factor * weighted);
        }
    }
    return loss;
}

/* ℓ = Σ_c w_c t_c (L − z_c), L = ln Σ e^z, t = (1 − ε)·y + ε/classes; dℓ/dz_c = p_c·Σ_k w_k t_k − w_c t_c. */
static double cross_entropy_column(const struct loss_block *block, size_t column)
{
    const float *z = block->z + column * block->leading_dimension;
    float *gradient = block->gradient != NULL ? block->gradient + column * block->leading_dimension : NULL;
    const double factor = block->scale * weight_of(block, column);
    const double log_sum = log_sum_exp(z, block->units, gradient);
    double mass;
    const double loss = target_terms(block, column, log_sum, &mass, 0.0, NULL);
    if (gradient != NULL) {
        for (size_t i = 0; i < block->units; i++) {
            gradient[i] *= (float)(factor * mass);
        }
        target_terms(block, column, log_sum, &mass, factor, gradient);
    }
    /* a logit of +∞ or NaN must show, also where its target is 0 */
    return isfinite(log_sum) ? factor * loss : NAN;
}

static double cross_entropy(const struct loss_block *block)
{
    double sum = 0.0;
    for (size_t j = 0; j < block->columns; j++) {
        sum += cross_entropy_column(block, j);
    }
    return sum;
}

/* Value of one unit's loss and, in *slope, its derivative. */
typedef double (*unit_loss)(const struct loss_settings *settings, double output, double target, double *slope);

static double per_unit(const struct loss_block *block, const float *outputs, unit_loss loss)
{
    double sum = 0.0;
    for (size_t j = 0; j < block->columns; j++) {
        const double factor = block->scale * weight_of(block, j);
        for (size_t i = 0; i < block->units; i++) {
            const size_t at = j * block->leading_dimension + i;
            double slope;
            sum += factor * loss(block->settings, (double)outputs[at], target_of(block, j, i), &slope);
            if (block->gradient != NULL) {
                block->gradient[at] = (float)(factor * slope);
            }
        }
    }
    return sum;
}

/* −[y ln p + (1 − y) ln(1 − p)] = max(z, 0) − z·y + ln(1 + e^−|z|), p = sigmoid(z); derivative p − y */
static double binary_unit(const struct loss_settings *settings, double z, double y, double *slope)
{
    const double e = exp(-fabs(z));
    (void)settings;
    *slope = (z < 0.0 ? e : 1.0) / (1.0 + e) - y;
    return fmax(z, 0.0) - z * y + log1p(e) + 0.0 * z;
}

static double squared_unit(const struct loss_settings *settings, double output, double y, double *slope)
{
    (void)settings;
    *slope = 2.0 * (output - y);
    return (output - y) * (output - y);
}

static double absolute_unit(const struct loss_settings *settings, double output, double y, double *slope)
{
    const double rest = output - y;
    (void)settings;
    *slope = rest > 0.0 ? 1.0 : rest < 0.0 ? -1.0 : 0.0 * rest;
    return fabs(rest);
}

static double huber_unit(const struct loss_settings *settings, double output, double y, double *slope)
{
    const double rest = output - y, delta = settings->huber_delta;
    if (fabs(rest) <= delta) {
        *slope = rest;
        return 0.5 * rest * rest;
    }
    *slope = copysign(delta, rest);
    return delta * (fabs(rest) - 0.5 * delta);
}

static double binary_cross_entropy(const struct loss_block *block)
{
    return per_unit(block, block->z, binary_unit);
}

static double squared_error(const struct loss_block *block)
{
    return per_unit(block, block->a, squared_unit);
}

static double absolute_error(const struct loss_block *block)
{
    return per_unit(block, block->a, absolute_unit);
}

static double huber(const struct loss_block *block)
{
    return per_unit(block, block->a, huber_unit);
}

static bool softmax_or_identity(mlp_activation output)
{
    return output == MLP_ACTIVATION_SOFTMAX || output == MLP_ACTIVATION_IDENTITY;
}

static bool sigmoid_or_identity(mlp_activation output)
{
    return output == MLP_ACTIVATION_SIGMOID || output == MLP_ACTIVATION_IDENTITY;
}

static bool any(mlp_activation output)
{
    (void)output;
    return true;
}

static bool any_but_softmax(mlp_activation output)
{
    return output != MLP_ACTIVATION_SOFTMAX;
}

const struct loss_entry loss_rows[LOSS_COUNT] = {
    [MLP_LOSS_AUTOMATIC] = {
        .row = { .name = { "automatic", "from the output: softmax gives cross-entropy, sigmoid binary, else squared" } },
        .accepts = any,
    },
    [MLP_LOSS_CROSS_ENTROPY] = {
        .row = { .name = { "cross-entropy", "-sum of t ln p, p = softmax(Z); one class out of many" },
                 .from_logits = true, .evaluate = cross_entropy },
        .accepts = softmax_or_identity,
        .advice = "a softmax output (or identity, for logits); for independent yes/no units use "
                  "binary-cross-entropy with sigmoid",
    },
    [MLP_LOSS_BINARY_CROSS_ENTROPY] = {
        .row = { .name = { "binary-cross-entropy", "-(y ln p + (1-y) ln(1-p)) per unit, p = sigmoid(Z)" },
                 .from_logits = true, .per_unit = true, .evaluate = binary_cross_entropy },
        .accepts = sigmoid_or_identity,
        .advice = "a sigmoid output (or identity, for logits); for one class out of many use cross-entropy with "
                  "softmax",
    },
    [MLP_LOSS_SQUARED_ERROR] = {
        .row = { .name = { "squared-error", "(output - y)^2 per unit" }, .per_unit = true, .evaluate = squared_error },
        .accepts = any,
    },
    [MLP_LOSS_ABSOLUTE_ERROR] = {
        .row = { .name = { "absolute-error", "|output - y| per unit" }, .per_unit = true, .evaluate = absolute_error },
        .accepts = any_but_softmax,
        .advice = "an output that is not softmax, such as identity; with softmax use cross-entropy or squared-error",
    },
    [MLP_LOSS_HUBER] = {
        .row = { .name = { "huber", "|r| <= delta ? r^2/2 : delta (|r| - delta/2) per unit" }, .per_unit = true,
                 .evaluate = huber },
        .accepts = any_but_softmax,
        .advice = "an output that is not softmax, such as identity; with softmax use cross-entropy or squared-error",
    },
    [MLP_LOSS_CUSTOM] = {
        .row = { .name = { "custom", "the caller's own function" }, .whole_batch = true },
        .accepts = any,
    },
};
