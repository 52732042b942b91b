/* The losses: value and gradient of each on a run of samples, and their table. Compiled for each level; sums
 * have a fixed order, so that the level does not change a bit. */
#include "strategy/loss_rows.h"

#include <math.h>

#include "base/vector_math.h"
#include "linalg/vector_reduce.h"
#include "linalg/vector_softmax.h"

/* Units are taken in chunks, so that targets that have to be made up (one-hot) need no allocation. */
enum { CHUNK = 64, LANES = 8 };

static size_t chunk_from(size_t first, size_t units)
{
    return units - first < CHUNK ? units - first : (size_t)CHUNK;
}

static double weight_of(const struct loss_block *block, size_t column)
{
    return block->targets->weights != NULL ? (double)block->targets->weights[block->first + column] : 1.0;
}

/* y of `count` units from `first`: dense, or in `buffer` what the class stands for. */
static const float *targets_of(const struct loss_block *block, size_t column, size_t first, size_t count,
                               float buffer[CHUNK])
{
    const mlp_targets *targets = block->targets;
    const size_t sample = block->first + column;
    if (targets->values != NULL) {
        return targets->values + sample * block->units + first;
    }
    const size_t hot = loss_hot_unit(block->units, (size_t)targets->classes[sample]);
    const float low = loss_low(block->settings);
    for (size_t i = 0; i < count; i++) {
        buffer[i] = low;
    }
    if (hot >= first && hot < first + count) {
        buffer[hot - first] = 1.0f;
    }
    return buffer;
}

/* ---- cross-entropy: ℓ = Σ_c w_c t_c (L − z_c), L = ln Σ e^z, t = (1 − ε)·y + ε/classes; with p = softmax(z)
 * dℓ/dz_c = p_c·Σ_k w_k t_k − w_c t_c. */

/* w_c·t_c of `count` units from `first`. */
static void weighted_targets(const struct loss_block *block, size_t column, size_t first, size_t count,
                             double out[CHUNK])
{
    const struct loss_settings *settings = block->settings;
    const double kept = 1.0 - settings->label_smoothing;
    const double spread = settings->label_smoothing / (double)block->units;
    float buffer[CHUNK];
    const float *y = targets_of(block, column, first, count, buffer);
    for (size_t i = 0; i < count; i++) {
        out[i] = kept * (double)y[i] + spread;
    }
    if (settings->class_weights != NULL) {
        for (size_t i = 0; i < count; i++) {
            out[i] *= (double)settings->class_weights[first + i];
        }
    }
}

/* One sample's column. */
struct column {
    size_t index;
    double largest, sum, log_sum; /* max z, Σ e^(z − largest) and its logarithm */
    double factor;                /* on the gradient */
    float *gradient;              /* in: e^(z − largest); or NULL */
    float *softmax;               /* out: e^(z − largest)/sum; or NULL */
    bool streams;                 /* past the caches */
};

/* Whole registers of scale_terms(), softmax past the caches. Returns their units. */
static size_t stream_terms(float *restrict gradient, float *restrict softmax, size_t units, float share,
                           float scale)
{
    size_t i = 0;
    for (; i + REGISTER_FLOATS <= units; i += REGISTER_FLOATS) {
        const register_floats terms = load_register(gradient + i), scaled = terms * scale;
        stream_register(softmax + i, terms * share);
        memcpy(gradient + i, &scaled, sizeof scaled);
    }
    stream_end();
    return i;
}

/* The gradient is to be scaled, and softmax made, by one pass over both. */
static void scale_terms(const struct column *column, size_t units, float scale)
{
    float *restrict gradient = column->gradient, *restrict softmax = column->softmax;
    const float share = (float)(1.0 / column->sum);
    size_t i = column->streams ? stream_terms(gradient, softmax, units, share, scale) : 0;
    if (softmax != NULL) {
        for (; i < units; i++) {
            softmax[i] = gradient[i] * share;
            gradient[i] *= scale;
        }
    }
    for (; i < units; i++) {
        gradient[i] *= scale;
    }
}

/* One class with weight 1: ℓ = L − z_c. L itself would lose ln(sum) where logits are large: what is added to
 * it is largest − z_c. */
static double single_class(const struct loss_block *block, const struct column *column)
{
    const size_t class = (size_t)block->targets->classes[block->first + column->index];
    const double sum = column->sum, factor = column->factor;
    float *gradient = column->gradient;
    if (gradient != NULL) {
        const double of_class = (double)gradient[class];
        scale_terms(column, block->units, (float)(factor / sum));
        gradient[class] =
            (float)(factor * (of_class - sum) / sum); /* p − 1 keeps its digits when p is near 1 */
    }
    return column->log_sum +
           (column->largest - (double)block->z[column->index * block->leading_dimension + class]);
}

/* Any targets. A class without weight adds nothing, even where z is −∞. */
static double many_classes(const struct loss_block *block, const struct column *column)
{
    const float *z = block->z + column->index * block->leading_dimension;
    float *gradient = column->gradient;
    double t[CHUNK];
    double loss = 0.0, mass = 0.0;
    for (size_t first = 0; first < block->units; first += CHUNK) {
        const size_t count = chunk_from(first, block->units);
        weighted_targets(block, column->index, first, count, t);
        for (size_t i = 0; i < count; i++) {
            loss += t[i] != 0.0 ? t[i] * (column->log_sum + (column->largest - (double)z[first + i])) : 0.0;
            mass += t[i];
        }
    }
    for (size_t first = 0; gradient != NULL && first < block->units; first += CHUNK) {
        const size_t count = chunk_from(first, block->units);
        const double scale = column->factor * mass / column->sum;
        weighted_targets(block, column->index, first, count, t);
        for (size_t i = 0; i < count; i++) {
            gradient[first + i] = (float)(scale * (double)gradient[first + i] - column->factor * t[i]);
        }
    }
    return loss;
}

/* Columns first … first + s->columns − 1: what softmax knows of them. */
static void take_softmax(const struct loss_block *block, size_t first, struct softmax *s)
{
    const size_t ld = block->leading_dimension, units = block->units;
    s->z = block->z + first * ld;
    s->terms = block->gradient != NULL ? block->gradient : block->softmax;
    s->terms = s->terms != NULL ? s->terms + first * ld : NULL;
    s->units = units;
    s->z_ld = s->terms_ld = ld;
    for (size_t j = first; j < first + s->columns; j++) {
        s->largest[j - first] = vector_largest(block->z + j * ld, units);
    }
    softmax_exponentials(s);
}

static double cross_entropy(const struct loss_block *block)
{
    const bool single = block->targets->classes != NULL && block->settings->label_smoothing == 0.0 &&
                        block->settings->class_weights == NULL;
    const size_t group = softmax_group(block->units);
    double total = 0.0;
    for (size_t first = 0; first < block->columns; first += group) {
        struct softmax s = { .columns = block->columns - first < group ? block->columns - first : group };
        take_softmax(block, first, &s);
        for (size_t j = 0; j < s.columns; j++) {
            const size_t index = first + j, at = index * block->leading_dimension;
            const double weight = weight_of(block, index);
            const struct column column = { index,
                                           (double)s.largest[j],
                                           s.sums[j],
                                           log(s.sums[j]),
                                           block->scale * weight,
                                           block->gradient != NULL ? block->gradient + at : NULL,
                                           block->softmax != NULL ? block->softmax + at : NULL,
                                           block->softmax != NULL && block->streams };
            if (column.softmax != NULL && !(single && column.gradient != NULL)) {
                softmax_divide(s.terms + j * s.terms_ld, s.units, s.sums[j], column.softmax);
            }
            const double loss = (single ? single_class : many_classes)(block, &column);
            /* a logit of +∞ or NaN must show, also where its target is 0 */
            total += isfinite(column.largest + column.log_sum) ? weight * loss : (double)NAN;
        }
    }
    return total;
}

/* ---- losses of one unit -------------------------------------------------------------------------------- */

/* Value of one unit's loss, a double, and in *slope its derivative. `delta` is Huber's. Without branches. */
typedef double (*unit_loss)(float output, float target, double delta, float *slope);

/* The samples of a single output unit, side by side. */
static inline __attribute__((always_inline)) double per_sample(const struct loss_block *block,
                                                               const float *outputs, unit_loss loss)
{
    const size_t ld = block->leading_dimension;
    double total = 0.0;
    for (size_t first = 0; first < block->columns; first += CHUNK) {
        const size_t count = chunk_from(first, block->columns);
        float gathered[CHUNK], y[CHUNK], slopes[CHUNK];
        double values[CHUNK];
        for (size_t j = 0; j < count; j++) {
            gathered[j] = outputs[(first + j) * ld];
            y[j] = *targets_of(block, first + j, 0, 1, &y[j]);
        }
        for (size_t j = 0; j < count; j++) {
            values[j] = loss(gathered[j], y[j], block->settings->huber_delta, &slopes[j]);
        }
        for (size_t j = 0; j < count; j++) {
            const double weight = weight_of(block, first + j), factor = block->scale * weight;
            total += weight * values[j];
            if (block->gradient != NULL) {
                block->gradient[(first + j) * ld] = (float)factor * slopes[j];
            }
        }
    }
    return total;
}

/* The units of each sample side by side. */
static inline __attribute__((always_inline)) double per_unit(const struct loss_block *block,
                                                             const float *outputs, unit_loss loss)
{
    const double delta = block->settings->huber_delta;
    double total = 0.0;
    for (size_t j = 0; j < block->columns; j++) {
        const double weight = weight_of(block, j), factor = block->scale * weight;
        double lanes[LANES] = { 0.0 };
        for (size_t first = 0; first < block->units; first += CHUNK) {
            const size_t count = chunk_from(first, block->units), at = j * block->leading_dimension + first;
            float buffer[CHUNK], slopes[CHUNK];
            double values[CHUNK];
            const float *y = targets_of(block, j, first, count, buffer);
            for (size_t i = 0; i < count; i++) {
                values[i] = loss(outputs[at + i], y[i], delta, &slopes[i]);
            }
            for (size_t i = count; i % LANES != 0; i++) {
                values[i] = 0.0;
            }
            for (size_t i = 0; i < count; i += LANES) {
                for (size_t k = 0; k < LANES; k++) {
                    lanes[k] += values[i + k];
                }
            }
            for (size_t i = 0; block->gradient != NULL && i < count; i++) {
                block->gradient[at + i] = (float)factor * slopes[i];
            }
        }
        total += weight * (((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
                           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7])));
    }
    return total;
}

/* The loops around a unit's loss; `loss` is a constant at each call, so that it is inlined and the loops
 * vectorize. */
static inline __attribute__((always_inline)) double evaluate(const struct loss_block *block,
                                                             const float *outputs, unit_loss loss)
{
    return block->units == 1 ? per_sample(block, outputs, loss) : per_unit(block, outputs, loss);
}

/* −[y ln p + (1 − y) ln(1 − p)] = max(z, 0) − z·y + ln(1 + e^−|z|), p = sigmoid(z); derivative p − y, for z ≥
 * 0 as (1 − y) − (1 − p), which keeps its digits when p is near 1. */
static inline double binary_unit(float z, float y, double delta, float *slope)
{
    const float e = vector_exp(-magnitude_of(z));
    const float rest = e / (1.0f + e);
    (void)delta;
    *slope = z < 0.0f ? rest - y : (1.0f - y) - rest;
    return (double)(z < 0.0f ? 0.0f : z) - (double)z * (double)y + (double)vector_log1p(e);
}

static inline double squared_unit(float output, float y, double delta, float *slope)
{
    const double rest = (double)output - (double)y;
    (void)delta;
    *slope = (float)(2.0 * rest);
    return rest * rest;
}

static inline double absolute_unit(float output, float y, double delta, float *slope)
{
    const float rest = output - y;
    (void)delta;
    const float not_above = rest < 0.0f ? -1.0f : 0.0f * rest; /* NaN stays NaN */
    *slope = rest > 0.0f ? 1.0f : not_above;
    return fabs((double)output - (double)y);
}

/* q·(|r| − q/2) with q = min(|r|, δ); derivative r clamped to ±δ. */
static inline double huber_unit(float output, float y, double delta, float *slope)
{
    const double rest = (double)output - (double)y, size = fabs(rest);
    const double inner = size > delta ? delta : size;
    const double low = rest < -delta ? -delta : rest;
    *slope = (float)(low > delta ? delta : low);
    return inner * (size - 0.5 * inner);
}

static double binary_cross_entropy(const struct loss_block *block)
{
    return evaluate(block, block->z, binary_unit);
}

static double squared_error(const struct loss_block *block)
{
    return evaluate(block, block->a, squared_unit);
}

static double absolute_error(const struct loss_block *block)
{
    return evaluate(block, block->a, absolute_unit);
}

static double huber(const struct loss_block *block)
{
    return evaluate(block, block->a, huber_unit);
}

/* ---- the table ----------------------------------------------------------------------------------------- */

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

static const struct loss_entry rows[] = {
    [MLP_LOSS_AUTOMATIC] = {
        .row = { .name = { "automatic",
                           "from the output: softmax gives cross-entropy, sigmoid binary, else squared" },
                 .evaluate = NULL },
        .accepts = any,
    },
    [MLP_LOSS_CROSS_ENTROPY] = {
        .row = { .name = { "cross-entropy", "-sum of t ln p, p = softmax(Z); one class out of many" },
                 .from_logits = true, .takes_softmax = true, .evaluate = cross_entropy },
        .accepts = softmax_or_identity,
        .advice = "a softmax output (or identity, for logits); for independent yes/no units use "
                  "binary-cross-entropy with sigmoid",
    },
    [MLP_LOSS_BINARY_CROSS_ENTROPY] = {
        .row = { .name = { "binary-cross-entropy", "-(y ln p + (1-y) ln(1-p)) per unit, p = sigmoid(Z)" },
                 .from_logits = true, .per_unit = true, .evaluate = binary_cross_entropy },
        .accepts = sigmoid_or_identity,
        .advice = "a sigmoid output (or identity, for logits); for one class out of many use "
                  "cross-entropy with softmax",
    },
    [MLP_LOSS_SQUARED_ERROR] = {
        .row = { .name = { "squared-error", "(output - y)^2 per unit" }, .per_unit = true,
                 .evaluate = squared_error },
        .accepts = any,
    },
    [MLP_LOSS_ABSOLUTE_ERROR] = {
        .row = { .name = { "absolute-error", "|output - y| per unit" }, .per_unit = true,
                 .evaluate = absolute_error },
        .accepts = any_but_softmax,
        .advice = "an output that is not softmax, such as identity; with softmax use cross-entropy or "
                  "squared-error",
    },
    [MLP_LOSS_HUBER] = {
        .row = { .name = { "huber", "|r| <= delta ? r^2/2 : delta (|r| - delta/2) per unit" },
                 .per_unit = true,
                 .evaluate = huber },
        .accepts = any_but_softmax,
        .advice = "an output that is not softmax, such as identity; with softmax use cross-entropy or "
                  "squared-error",
    },
    [MLP_LOSS_CUSTOM] = {
        .row = { .name = { "custom", "the caller's own function" }, .whole_batch = true },
        .accepts = any,
    },
};

const struct name_table LEVEL_NAME(loss_table) = NAME_ROWS("loss", rows);
