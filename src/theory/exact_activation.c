/* φ and φ′ in double, by libm. */
#include "theory/exact_activation.h"

#include <math.h>

#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_LAMBDA 1.0507009873554804934193349852946
#define ROOT_TWO 1.4142135623730950488
#define ROOT_TWO_OVER_PI 0.79788456080286535588
#define ROOT_TWO_PI 2.5066282746310005024
#define GELU_CUBIC 0.044715

struct exact_row {
    double (*value)(double z, double p);
    double (*slope)(double z, double p);
    size_t kink_count;
    double kinks[2];
};

/* clang-format off */
static double identity_value(double z, double p) { (void)p; return z; }
static double identity_slope(double z, double p) { (void)z; (void)p; return 1.0; }
static double sigmoid_value(double z, double p) { (void)p; return 1.0 / (1.0 + exp(-z)); }
/* clang-format on */

static double sigmoid_slope(double z, double p)
{
    const double e = exp(-fabs(z));
    (void)p;
    return e / ((1.0 + e) * (1.0 + e));
}

/* clang-format off */
static double tanh_value(double z, double p) { (void)p; return tanh(z); }
/* clang-format on */

static double tanh_slope(double z, double p)
{
    return 4.0 * sigmoid_slope(2.0 * z, p);
}

/* clang-format off */
static double leaky_value(double z, double p) { return z < 0.0 ? p * z : z; }
static double leaky_slope(double z, double p) { return z > 0.0 ? 1.0 : p; }
static double relu_value(double z, double p) { (void)p; return z < 0.0 ? 0.0 : z; }
static double relu_slope(double z, double p) { (void)p; return z > 0.0 ? 1.0 : 0.0; }
static double elu_value(double z, double p) { return z < 0.0 ? p * expm1(z) : z; }
static double elu_slope(double z, double p) { return z > 0.0 ? 1.0 : p * exp(z); }
static double selu_value(double z, double p) { (void)p; return SELU_LAMBDA * elu_value(z, SELU_ALPHA); }
static double selu_slope(double z, double p) { (void)p; return SELU_LAMBDA * elu_slope(z, SELU_ALPHA); }
static double normal_cdf(double z) { return 0.5 * erfc(-z / ROOT_TWO); }
static double gelu_value(double z, double p) { (void)p; return z * normal_cdf(z); }
/* clang-format on */

static double gelu_slope(double z, double p)
{
    (void)p;
    return normal_cdf(z) + z * exp(-0.5 * z * z) / ROOT_TWO_PI;
}

/* z·sigmoid(2u), u = √(2/π)·(z + c·z³) */
static double gelu_tanh_value(double z, double p)
{
    return z * sigmoid_value(2.0 * ROOT_TWO_OVER_PI * (z + GELU_CUBIC * z * z * z), p);
}

static double gelu_tanh_slope(double z, double p)
{
    const double u = 2.0 * ROOT_TWO_OVER_PI * (z + GELU_CUBIC * z * z * z);
    return sigmoid_value(u, p) +
           z * sigmoid_slope(u, p) * 2.0 * ROOT_TWO_OVER_PI * (1.0 + 3.0 * GELU_CUBIC * z * z);
}

/* clang-format off */
static double silu_value(double z, double p) { return z * sigmoid_value(z, p); }
static double silu_slope(double z, double p) { return sigmoid_value(z, p) + z * sigmoid_slope(z, p); }
static double softplus_value(double z, double p) { (void)p; return fmax(z, 0.0) + log1p(exp(-fabs(z))); }
static double mish_value(double z, double p) { return z * tanh(softplus_value(z, p)); }
/* clang-format on */

static double mish_slope(double z, double p)
{
    const double softplus = softplus_value(z, p);
    return tanh(softplus) + z * tanh_slope(softplus, p) * sigmoid_value(z, p);
}

/* clang-format off */
static double softsign_value(double z, double p) { (void)p; return z / (1.0 + fabs(z)); }
static double softsign_slope(double z, double p)
{
    (void)p;
    return 1.0 / ((1.0 + fabs(z)) * (1.0 + fabs(z)));
}
static double hard_sigmoid_value(double z, double p) { (void)p; return fmin(fmax(z / 6.0 + 0.5, 0.0), 1.0); }
static double hard_sigmoid_slope(double z, double p) { (void)p; return fabs(z) < 3.0 ? 1.0 / 6.0 : 0.0; }
static double hard_tanh_value(double z, double p) { (void)p; return fmin(fmax(z, -1.0), 1.0); }
static double hard_tanh_slope(double z, double p) { (void)p; return fabs(z) < 1.0 ? 1.0 : 0.0; }
/* clang-format on */

#define EXACT(name, ...)                                                                                     \
    {                                                                                                        \
        name##_value, name##_slope, __VA_ARGS__                                                              \
    }

/* ELU's slope jumps at 0 unless p is 1. */
static const struct exact_row rows[] = {
    [MLP_ACTIVATION_IDENTITY] = EXACT(identity, 0, { 0.0 }),
    [MLP_ACTIVATION_SIGMOID] = EXACT(sigmoid, 0, { 0.0 }),
    [MLP_ACTIVATION_TANH] = EXACT(tanh, 0, { 0.0 }),
    [MLP_ACTIVATION_RELU] = EXACT(relu, 1, { 0.0 }),
    [MLP_ACTIVATION_LEAKY_RELU] = EXACT(leaky, 1, { 0.0 }),
    [MLP_ACTIVATION_ELU] = EXACT(elu, 1, { 0.0 }),
    [MLP_ACTIVATION_SELU] = EXACT(selu, 1, { 0.0 }),
    [MLP_ACTIVATION_GELU] = EXACT(gelu, 0, { 0.0 }),
    [MLP_ACTIVATION_GELU_TANH] = EXACT(gelu_tanh, 0, { 0.0 }),
    [MLP_ACTIVATION_SILU] = EXACT(silu, 0, { 0.0 }),
    [MLP_ACTIVATION_MISH] = EXACT(mish, 0, { 0.0 }),
    [MLP_ACTIVATION_SOFTPLUS] = { softplus_value, sigmoid_value, 0, { 0.0 } },
    [MLP_ACTIVATION_SOFTSIGN] = EXACT(softsign, 0, { 0.0 }),
    [MLP_ACTIVATION_HARD_SIGMOID] = EXACT(hard_sigmoid, 2, { -3.0, 3.0 }),
    [MLP_ACTIVATION_HARD_TANH] = EXACT(hard_tanh, 2, { -1.0, 1.0 }),
};

double activation_exact_value(mlp_activation activation, double parameter,
                              const mlp_activation_callbacks *custom, double z)
{
    if (activation == MLP_ACTIVATION_CUSTOM) {
        const float single = (float)z;
        float value;
        custom->value(&single, &value, 1, custom->context);
        return (double)value;
    }
    return rows[activation].value(z, parameter);
}

double activation_exact_slope(mlp_activation activation, double parameter,
                              const mlp_activation_callbacks *custom, double z)
{
    if (activation == MLP_ACTIVATION_CUSTOM) {
        const float single = (float)z;
        float slope;
        custom->derivative(&single, &slope, 1, custom->context);
        return (double)slope;
    }
    return rows[activation].slope(z, parameter);
}

size_t activation_kinks(mlp_activation activation, double kinks[2])
{
    if ((size_t)activation >= sizeof rows / sizeof rows[0]) {
        return 0; /* softmax has none, of a custom one nothing is known */
    }
    kinks[0] = rows[activation].kinks[0];
    kinks[1] = rows[activation].kinks[1];
    return rows[activation].kink_count;
}
