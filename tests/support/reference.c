/* A naive network in double. */
#include "support/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double normal_cdf(double z)
{
    return 0.5 * erfc(-z / sqrt(2.0));
}

static double sigmoid(double z)
{
    return z < 0.0 ? exp(z) / (1.0 + exp(z)) : 1.0 / (1.0 + exp(-z));
}

static double softplus(double z)
{
    return fmax(z, 0.0) + log1p(exp(-fabs(z)));
}

double reference_activation(mlp_activation activation, double p, double z)
{
    const double root = sqrt(2.0 / M_PI);
    switch (activation) {
    case MLP_ACTIVATION_IDENTITY: return z;
    case MLP_ACTIVATION_SIGMOID: return sigmoid(z);
    case MLP_ACTIVATION_TANH: return tanh(z);
    case MLP_ACTIVATION_RELU: return z > 0.0 ? z : 0.0;
    case MLP_ACTIVATION_LEAKY_RELU: return z > 0.0 ? z : p * z;
    case MLP_ACTIVATION_ELU: return z > 0.0 ? z : p * expm1(z);
    case MLP_ACTIVATION_SELU: return 1.0507009873554805 * (z > 0.0 ? z : 1.6732632423543772 * expm1(z));
    case MLP_ACTIVATION_GELU: return z * normal_cdf(z);
    case MLP_ACTIVATION_GELU_TANH: return 0.5 * z * (1.0 + tanh(root * (z + 0.044715 * z * z * z)));
    case MLP_ACTIVATION_SILU: return z * sigmoid(z);
    case MLP_ACTIVATION_MISH: return z * tanh(softplus(z));
    case MLP_ACTIVATION_SOFTPLUS: return softplus(z);
    case MLP_ACTIVATION_SOFTSIGN: return z / (1.0 + fabs(z));
    case MLP_ACTIVATION_HARD_SIGMOID: return fmin(fmax(z / 6.0 + 0.5, 0.0), 1.0);
    case MLP_ACTIVATION_HARD_TANH: return fmin(fmax(z, -1.0), 1.0);
    default: return NAN;
    }
}

/* Central differences: an error of about 1e-9 is far below float's. Kinks belong to the caller. */
double reference_slope(mlp_activation activation, double p, double z)
{
    const double h = 1e-5;
    return (reference_activation(activation, p, z + h) - reference_activation(activation, p, z - h)) /
           (2.0 * h);
}

static double *zeros(size_t count)
{
    double *values = calloc(count + 1, sizeof *values);
    if (values == NULL) {
        abort();
    }
    return values;
}

void reference_make(struct reference *r, const mlp_network *network, size_t count)
{
    memset(r, 0, sizeof *r);
    r->inputs = mlp_network_inputs(network);
    r->layers = mlp_network_layer_count(network);
    r->count = count;
    r->dx = zeros(r->inputs * count);
    for (size_t l = 0; l < r->layers; l++) {
        mlp_layer layer;
        mlp_const_matrix w, b;
        mlp_network_layer(network, l, &layer);
        mlp_network_weights(network, l, &w);
        mlp_network_bias(network, l, &b);
        r->units[l] = layer.units;
        r->activation[l] = layer.activation;
        r->parameter[l] = layer.activation_parameter;
        r->w[l] = zeros(w.rows * w.columns);
        r->dw[l] = zeros(w.rows * w.columns);
        r->b[l] = zeros(w.rows);
        r->db[l] = zeros(w.rows);
        r->z[l] = zeros(w.rows * count);
        r->a[l] = zeros(w.rows * count);
        r->dz[l] = zeros(w.rows * count);
        for (size_t j = 0; j < w.columns; j++) {
            for (size_t i = 0; i < w.rows; i++) {
                r->w[l][i + j * w.rows] = w.data[i + j * w.leading_dimension];
            }
        }
        for (size_t i = 0; i < b.rows; i++) {
            r->b[l][i] = b.data[i];
        }
    }
}

void reference_free(struct reference *r)
{
    for (size_t l = 0; l < r->layers; l++) {
        free(r->w[l]);
        free(r->b[l]);
        free(r->z[l]);
        free(r->a[l]);
        free(r->dz[l]);
        free(r->dw[l]);
        free(r->db[l]);
    }
    free(r->dx);
}

static void softmax(const double *z, size_t units, double *a)
{
    double largest = z[0], sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        largest = fmax(largest, z[i]);
    }
    for (size_t i = 0; i < units; i++) {
        sum += a[i] = exp(z[i] - largest);
    }
    for (size_t i = 0; i < units; i++) {
        a[i] /= sum;
    }
}

/* What layer l sees of the one below, or of the batch. */
static double seen(const struct reference *r, size_t l, size_t at, const float *x)
{
    if (l == 0) {
        return (double)x[at];
    }
    return r->factor[l - 1] != NULL ? r->factor[l - 1][at] * r->a[l - 1][at] + r->offset[l - 1][at]
                                    : r->a[l - 1][at];
}

void reference_forward(struct reference *r, const float *x)
{
    for (size_t l = 0; l < r->layers; l++) {
        const size_t units = r->units[l], inputs = l > 0 ? r->units[l - 1] : r->inputs;
        for (size_t s = 0; s < r->count; s++) {
            for (size_t i = 0; i < units; i++) {
                double sum = r->b[l][i];
                for (size_t j = 0; j < inputs; j++) {
                    sum += r->w[l][i + j * units] * seen(r, l, j + s * inputs, x);
                }
                r->z[l][i + s * units] = sum;
                r->a[l][i + s * units] = reference_activation(r->activation[l], r->parameter[l], sum);
            }
            if (r->activation[l] == MLP_ACTIVATION_SOFTMAX) {
                softmax(r->z[l] + s * units, units, r->a[l] + s * units);
            }
        }
    }
}

static double target(const mlp_targets *t, size_t sample, size_t unit, size_t units)
{
    if (t->values != NULL) {
        return t->values[sample * units + unit];
    }
    return units == 1 ? t->classes[sample] : (size_t)t->classes[sample] == unit;
}

static int per_unit(mlp_loss loss)
{
    return loss != MLP_LOSS_CROSS_ENTROPY;
}

/* What the reduction multiplies each sample's weighted loss by. */
static double scale_of(const struct reference_loss *loss, const mlp_targets *t, size_t units, size_t count)
{
    double sum = 0.0;
    if (loss->reduction == MLP_REDUCTION_SUM) {
        return 1.0;
    }
    for (size_t s = 0; s < count; s++) {
        double weight = t->weights != NULL ? t->weights[s] : 1.0;
        if (loss->reduction == MLP_REDUCTION_MEAN && loss->class_weights != NULL && t->classes != NULL) {
            weight *= loss->class_weights[t->classes[s]];
        }
        sum += weight;
    }
    return 1.0 /
           (sum * (loss->reduction == MLP_REDUCTION_MEAN && per_unit(loss->loss) ? (double)units : 1.0));
}

/* One sample's loss as a function of its logits z and outputs a. */
static double sample_loss(const struct reference_loss *loss, const mlp_targets *t, size_t s, const double *z,
                          const double *a, size_t units)
{
    double sum = 0.0, p[REFERENCE_WIDTH];
    softmax(z, units, p);
    for (size_t i = 0; i < units; i++) {
        const double y = target(t, s, i, units), r = a[i] - y;
        switch (loss->loss) {
        case MLP_LOSS_CROSS_ENTROPY:
            sum -= (loss->class_weights != NULL ? loss->class_weights[i] : 1.0) *
                   ((1.0 - loss->smoothing) * y + loss->smoothing / (double)units) * log(p[i]);
            break;
        case MLP_LOSS_BINARY_CROSS_ENTROPY: sum += softplus(z[i]) - y * z[i]; break;
        case MLP_LOSS_SQUARED_ERROR: sum += r * r; break;
        case MLP_LOSS_ABSOLUTE_ERROR: sum += fabs(r); break;
        default:
            sum += fabs(r) <= loss->delta ? 0.5 * r * r : loss->delta * (fabs(r) - 0.5 * loss->delta);
            break;
        }
    }
    return sum * (t->weights != NULL ? t->weights[s] : 1.0);
}

double reference_evaluate(const struct reference *r, const struct reference_loss *loss, const mlp_targets *t)
{
    const size_t last = r->layers - 1, units = r->units[last];
    double sum = 0.0;
    for (size_t s = 0; s < r->count; s++) {
        sum += sample_loss(loss, t, s, r->z[last] + s * units, r->a[last] + s * units, units);
    }
    return sum * scale_of(loss, t, units, r->count);
}

/* dL/dZ of the output layer by central differences of the sample's loss in each of its logits: independent of
 * any formula for a loss's gradient, softmax's Jacobian included. */
static void output_gradient(struct reference *r, const struct reference_loss *loss, const mlp_targets *t)
{
    const size_t last = r->layers - 1, units = r->units[last];
    const double scale = scale_of(loss, t, units, r->count), h = 1e-5;
    for (size_t s = 0; s < r->count; s++) {
        for (size_t i = 0; i < units; i++) {
            double z[REFERENCE_WIDTH], a[REFERENCE_WIDTH], side[2];
            for (int k = 0; k < 2; k++) {
                memcpy(z, r->z[last] + s * units, units * sizeof *z);
                z[i] += k == 0 ? h : -h;
                for (size_t u = 0; u < units; u++) {
                    a[u] = reference_activation(r->activation[last], r->parameter[last], z[u]);
                }
                if (r->activation[last] == MLP_ACTIVATION_SOFTMAX) {
                    softmax(z, units, a);
                }
                side[k] = sample_loss(loss, t, s, z, a, units);
            }
            r->dz[last][i + s * units] = scale * (side[0] - side[1]) / (2.0 * h);
        }
    }
}

/* dA → dZ of the output layer for a gradient given from outside. */
static void take_gradient(struct reference *r, const float *dy)
{
    const size_t last = r->layers - 1, units = r->units[last];
    for (size_t s = 0; s < r->count; s++) {
        const double *a = r->a[last] + s * units;
        double dot = 0.0;
        for (size_t i = 0; i < units; i++) {
            dot += a[i] * dy[i + s * units];
        }
        for (size_t i = 0; i < units; i++) {
            r->dz[last][i + s * units] =
                r->activation[last] == MLP_ACTIVATION_SOFTMAX
                    ? a[i] * (dy[i + s * units] - dot)
                    : dy[i + s * units] *
                          reference_slope(r->activation[last], r->parameter[last], r->z[last][i + s * units]);
        }
    }
}

static void layer_gradients(struct reference *r, size_t l, const float *x)
{
    const size_t units = r->units[l], inputs = l > 0 ? r->units[l - 1] : r->inputs;
    for (size_t s = 0; s < r->count; s++) {
        for (size_t i = 0; i < units; i++) {
            const double dz = r->dz[l][i + s * units];
            r->db[l][i] += dz;
            for (size_t j = 0; j < inputs; j++) {
                r->dw[l][i + j * units] += dz * seen(r, l, j + s * inputs, x);
            }
        }
        for (size_t j = 0; j < inputs; j++) {
            double sum = 0.0;
            for (size_t i = 0; i < units; i++) {
                sum += r->w[l][i + j * units] * r->dz[l][i + s * units];
            }
            if (l == 0) {
                r->dx[j + s * inputs] = sum;
            } else {
                sum *= r->factor[l - 1] != NULL ? r->factor[l - 1][j + s * inputs] : 1.0;
                r->dz[l - 1][j + s * inputs] =
                    sum *
                    reference_slope(r->activation[l - 1], r->parameter[l - 1], r->z[l - 1][j + s * inputs]);
            }
        }
    }
}

void reference_backward(struct reference *r, const float *x, const struct reference_loss *loss,
                        const mlp_targets *t, const float *dy)
{
    for (size_t l = 0; l < r->layers; l++) {
        const size_t inputs = l > 0 ? r->units[l - 1] : r->inputs;
        memset(r->dw[l], 0, r->units[l] * inputs * sizeof(double));
        memset(r->db[l], 0, r->units[l] * sizeof(double));
    }
    if (dy != NULL) {
        take_gradient(r, dy);
    } else {
        output_gradient(r, loss, t);
    }
    for (size_t l = r->layers; l-- > 0;) {
        layer_gradients(r, l, x);
    }
}
