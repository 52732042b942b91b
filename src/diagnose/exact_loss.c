/* The losses in double, from their formulas (mlp/loss.h). */
#include "diagnose/exact_loss.h"

#include <math.h>

double exact_target(const mlp_network *network, const mlp_targets *targets, size_t sample, size_t unit)
{
    const size_t units = output_layer(network)->units;
    if (targets->values != NULL) {
        return (double)targets->values[sample * units + unit];
    }
    return loss_hot_unit(units, (size_t)targets->classes[sample]) == unit ? 1.0
                                                                          : (double)loss_low(&network->loss);
}

static double log_sum_exp(const double *z, size_t units)
{
    double largest = z[0], sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        largest = fmax(largest, z[i]);
    }
    for (size_t i = 0; i < units; i++) {
        sum += exp(z[i] - largest);
    }
    return largest + log(sum);
}

static double cross_entropy(const struct exact_outputs *o, size_t s, size_t units)
{
    const struct loss_settings *settings = &o->network->loss;
    const double *z = o->z + s * units;
    const double all = log_sum_exp(z, units), smoothing = settings->label_smoothing;
    double sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        const double weight = settings->class_weights != NULL ? (double)settings->class_weights[i] : 1.0;
        const double target =
            (1.0 - smoothing) * exact_target(o->network, o->targets, s, i) + smoothing / (double)units;
        sum += weight * target * (all - z[i]);
    }
    return sum;
}

static double unit_loss(const struct loss_settings *settings, double z, double a, double y)
{
    const double r = a - y, delta = settings->huber_delta;
    switch (settings->loss) {
    case MLP_LOSS_BINARY_CROSS_ENTROPY: return fmax(z, 0.0) + log1p(exp(-fabs(z))) - y * z;
    case MLP_LOSS_ABSOLUTE_ERROR: return fabs(r);
    case MLP_LOSS_HUBER: return fabs(r) <= delta ? 0.5 * r * r : delta * (fabs(r) - 0.5 * delta);
    default: return r * r;
    }
}

static double sample_loss(const struct exact_outputs *o, size_t s)
{
    const struct loss_settings *settings = &o->network->loss;
    const size_t units = output_layer(o->network)->units;
    double sum = 0.0;
    if (settings->loss == MLP_LOSS_CROSS_ENTROPY) {
        return cross_entropy(o, s, units);
    }
    for (size_t i = s * units; i < (s + 1) * units; i++) {
        sum += unit_loss(settings, o->z[i], o->a[i], exact_target(o->network, o->targets, s, i % units));
    }
    return sum;
}

static double sample_weight(const struct exact_outputs *o, size_t s)
{
    return o->targets->weights != NULL ? (double)o->targets->weights[s] : 1.0;
}

/* What the sum of weighted losses is divided by. */
static double divisor(const struct exact_outputs *o)
{
    const struct loss_settings *settings = &o->network->loss;
    const bool cross_entropy_loss = settings->loss == MLP_LOSS_CROSS_ENTROPY;
    double sum = 0.0;
    if (settings->reduction == MLP_REDUCTION_SUM) {
        return 1.0;
    }
    for (size_t s = 0; s < o->count; s++) {
        const bool weighted = settings->reduction == MLP_REDUCTION_MEAN && settings->class_weights != NULL &&
                              o->targets->classes != NULL;
        sum +=
            sample_weight(o, s) * (weighted ? (double)settings->class_weights[o->targets->classes[s]] : 1.0);
    }
    return settings->reduction == MLP_REDUCTION_MEAN && !cross_entropy_loss
               ? sum * (double)output_layer(o->network)->units
               : sum;
}

/* The caller's function sees floats. */
static double custom_loss(const struct exact_outputs *o, mlp_status *status)
{
    const struct loss_settings *settings = &o->network->loss;
    const size_t units = output_layer(o->network)->units;
    double loss = NAN;
    for (size_t i = 0; i < units * o->count; i++) {
        o->single[i] = (float)o->a[i];
    }
    const mlp_status returned =
        settings->custom(o->single, o->targets, units, o->count, units, NULL, &loss, settings->context);
    *status = *status == MLP_OK ? returned : *status;
    return loss;
}

double exact_loss(const struct exact_outputs *o, mlp_status *status)
{
    double sum = 0.0;
    if (o->network->loss.loss == MLP_LOSS_CUSTOM) {
        return custom_loss(o, status);
    }
    for (size_t s = 0; s < o->count; s++) {
        sum += sample_weight(o, s) * sample_loss(o, s);
    }
    return sum / divisor(o);
}
