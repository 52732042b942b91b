/* The activations: φ and φ′ of each, and the table of rows. Compiled once for each vector level. */
#include <math.h>

#include "base/cpu.h"
#include "base/vector_math.h"
#include "linalg/vector_softmax.h"
#include "strategy/activation.h"
#include "strategy/activation_rows.h"

/* Klambauer et al. 2017, equation 14. */
#define SELU_ALPHA 1.6732632423543772f
#define SELU_LAMBDA 1.0507009873554805f
/* √(2/π) and the cubic coefficient of Hendrycks & Gimpel 2016. */
#define GELU_ROOT 0.7978845608028654f
#define GELU_CUBIC 0.044715f

/* Each activation gives name_value(z, p) = φ(z) and name_slope(z, a, p) = φ′(z), where a = φ(z). */

/* clang-format off */
static inline float identity_value(float z, float p) { (void)p; return z; }
static inline float identity_slope(float z, float a, float p) { (void)z; (void)a; (void)p; return 1.0f; }
/* clang-format on */

/* clang-format off */
static inline float sigmoid_value(float z, float p) { (void)p; return vector_sigmoid(z); }
static inline float sigmoid_slope(float z, float a, float p) { (void)z; (void)p; return a * (1.0f - a); }
/* clang-format on */

/* clang-format off */
static inline float tanh_value(float z, float p) { (void)p; return vector_tanh(z); }
static inline float tanh_slope(float z, float a, float p) { (void)z; (void)p; return 1.0f - a * a; }
/* clang-format on */

/* NaN goes through: a comparison with it is false. */
/* clang-format off */
static inline float relu_value(float z, float p) { (void)p; return z < 0.0f ? 0.0f : z; }
static inline float relu_slope(float z, float a, float p) { (void)z; (void)p; return a > 0.0f ? 1.0f : 0.0f; }
/* clang-format on */

/* clang-format off */
static inline float leaky_relu_value(float z, float p) { return z < 0.0f ? p * z : z; }
static inline float leaky_relu_slope(float z, float a, float p) { (void)z; return a > 0.0f ? 1.0f : p; }
/* clang-format on */

/* clang-format off */
static inline float elu_value(float z, float p) { return z < 0.0f ? p * vector_expm1_negative(z) : z; }
static inline float elu_slope(float z, float a, float p)
{
    (void)a;
    return z > 0.0f ? 1.0f : p * vector_exp(z);
}
/* clang-format on */

static inline float selu_value(float z, float p)
{
    (void)p;
    return SELU_LAMBDA * (z < 0.0f ? SELU_ALPHA * vector_expm1_negative(z) : z);
}

static inline float selu_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    return z > 0.0f ? SELU_LAMBDA : SELU_LAMBDA * SELU_ALPHA * vector_exp(z);
}

/* z·Φ(z), to 7 ulp in the lower tail too; below −15, where it is under the smallest float, as at −15: −∞·0 is
 * NaN. */
static inline float gelu_value(float z, float p)
{
    (void)p;
    const float bounded = z < -15.0f ? -15.0f : z;
    return bounded * vector_normal_cdf(bounded);
}

static inline float gelu_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    const float low = z < -15.0f ? -15.0f : z;
    const float bounded = low > 15.0f ? 15.0f : low;
    return vector_normal_cdf(bounded) + bounded * vector_normal_density(bounded);
}

/* z/2·(1 + tanh u) = z·sigmoid(2u), u = √(2/π)·(z + c·z³) */
static inline float gelu_tanh_value(float z, float p)
{
    (void)p;
    const float bounded = z > 20.0f ? 20.0f : z;
    const float u = GELU_ROOT * (bounded + GELU_CUBIC * bounded * bounded * bounded);
    return z < -14.0f ? 0.0f : z * vector_sigmoid(2.0f * u);
}

static inline float gelu_tanh_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    const float near = bounded(z, -14.0f, 14.0f);
    const float square = near * near;
    const float s = vector_sigmoid(2.0f * GELU_ROOT * (near + GELU_CUBIC * near * square));
    return s + 2.0f * near * s * (1.0f - s) * GELU_ROOT * (1.0f + 3.0f * GELU_CUBIC * square);
}

/* Below −104 the product is under the smallest float. */
static inline float silu_value(float z, float p)
{
    (void)p;
    return z < -110.0f ? 0.0f : z * vector_sigmoid(z);
}

static inline float silu_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    const float s = vector_sigmoid(z);
    const float near = bounded(z, -110.0f, 110.0f);
    return s * (1.0f + near * (1.0f - s));
}

/* z·tanh(ln(1 + eᶻ)) = z·n/(n + 2), n = eᶻ·(eᶻ + 2); above 20 the quotient is 1 in float. */
static inline float mish_value(float z, float p)
{
    (void)p;
    const float e = vector_exp(z > 20.0f ? 20.0f : z);
    const float n = e * (e + 2.0f);
    return z < -110.0f ? 0.0f : z * (n / (n + 2.0f));
}

/* t + z·(1 − t²)·sigmoid(z), t = n/(n + 2), 1 − t² = 4·(n + 1)/(n + 2)² */
static inline float mish_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    const float near = bounded(z, -110.0f, 20.0f);
    const float e = vector_exp(near);
    const float n = e * (e + 2.0f);
    const float rest = 4.0f * (n + 1.0f) / ((n + 2.0f) * (n + 2.0f));
    return n / (n + 2.0f) + near * rest * vector_sigmoid(near);
}

/* clang-format off */
static inline float softplus_value(float z, float p) { (void)p; return vector_softplus(z); }
static inline float softplus_slope(float z, float a, float p) { (void)a; (void)p; return vector_sigmoid(z); }
/* clang-format on */

/* The quotient of infinities is ±1 in the limit. */
static inline float softsign_value(float z, float p)
{
    (void)p;
    const float near = bounded(z, -1e30f, 1e30f);
    return near / (1.0f + magnitude_of(near));
}

static inline float softsign_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    const float root = 1.0f / (1.0f + magnitude_of(z));
    return root * root;
}

static inline float hard_sigmoid_value(float z, float p)
{
    (void)p;
    const float line = z * (1.0f / 6.0f) + 0.5f;
    const float low = line < 0.0f ? 0.0f : line;
    return low > 1.0f ? 1.0f : low;
}

static inline float hard_sigmoid_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    return magnitude_of(z) < 3.0f ? 1.0f / 6.0f : 0.0f;
}

static inline float hard_tanh_value(float z, float p)
{
    (void)p;
    const float low = z < -1.0f ? -1.0f : z;
    return low > 1.0f ? 1.0f : low;
}

static inline float hard_tanh_slope(float z, float a, float p)
{
    (void)a;
    (void)p;
    return magnitude_of(z) < 1.0f ? 1.0f : 0.0f;
}

/* The tile loops around an activation's two functions. z and a may be the same array; d aliases neither. */
#define ELEMENTWISE(activation)                                                                              \
    static void activation##_forward(const struct activation_forward *t)                                     \
    {                                                                                                        \
        const float p = t->parameter;                                                                        \
        const float *restrict bias = t->bias;                                                                \
        for (size_t j = 0; j < t->columns; j++) {                                                            \
            float *z = t->z + j * t->z_ld, *a = t->a + j * t->a_ld;                                          \
            _Pragma("GCC ivdep") for (size_t i = 0; i < t->rows; i++)                                        \
            {                                                                                                \
                const float sum = z[i] + bias[i];                                                            \
                z[i] = sum;                                                                                  \
                a[i] = activation##_value(sum, p);                                                           \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void activation##_backward(const struct activation_backward *t)                                   \
    {                                                                                                        \
        const float p = t->parameter;                                                                        \
        for (size_t j = 0; j < t->columns; j++) {                                                            \
            const float *z = t->z + j * t->z_ld, *a = t->a + j * t->a_ld;                                    \
            float *restrict d = t->d + j * t->d_ld;                                                          \
            for (size_t i = 0; i < t->rows; i++) {                                                           \
                d[i] *= activation##_slope(z[i], a[i], p);                                                   \
            }                                                                                                \
        }                                                                                                    \
    }

ELEMENTWISE(identity)
ELEMENTWISE(sigmoid)
ELEMENTWISE(tanh)
ELEMENTWISE(relu)
ELEMENTWISE(leaky_relu)
ELEMENTWISE(elu)
ELEMENTWISE(selu)
ELEMENTWISE(gelu)
ELEMENTWISE(gelu_tanh)
ELEMENTWISE(silu)
ELEMENTWISE(mish)
ELEMENTWISE(softplus)
ELEMENTWISE(softsign)
ELEMENTWISE(hard_sigmoid)
ELEMENTWISE(hard_tanh)

/* a_i = e^(z_i − max z) / Σ_k e^(z_k − max z); the sum in double. */
static void softmax_forward(const struct activation_forward *t)
{
    const size_t group = softmax_group(t->rows);
    for (size_t first = 0; first < t->columns; first += group) {
        const float *z = t->z + first * t->z_ld;
        float *a = t->a + first * t->a_ld;
        const size_t left = t->columns - first;
        struct softmax s = { .z = z, .terms = a, .units = t->rows, .z_ld = t->z_ld, .terms_ld = t->a_ld };
        s.columns = left < group ? left : group;
        for (size_t j = 0; j < s.columns; j++) {
            s.largest[j] = vector_largest(z + j * t->z_ld, t->rows);
        }
        softmax_exponentials(&s);
        for (size_t j = 0; j < s.columns; j++) {
            softmax_divide(a + j * t->a_ld, t->rows, s.sums[j], a + j * t->a_ld);
        }
    }
}

/* The Jacobian of softmax is diag(a) − a·aᵀ: d_i ← a_i·(d_i − Σ_k a_k d_k). */
static void softmax_backward(const struct activation_backward *t)
{
    for (size_t j = 0; j < t->columns; j++) {
        const float *a = t->a + j * t->a_ld;
        float *d = t->d + j * t->d_ld;
        double sum = 0.0;
        for (size_t i = 0; i < t->rows; i++) {
            sum += (double)a[i] * (double)d[i];
        }
        for (size_t i = 0; i < t->rows; i++) {
            d[i] = (float)((double)a[i] * ((double)d[i] - sum));
        }
    }
}

static void custom_forward(const struct activation_forward *t)
{
    for (size_t j = 0; j < t->columns; j++) {
        float *z = t->z + j * t->z_ld;
        for (size_t i = 0; i < t->rows; i++) {
            z[i] += t->bias[i];
        }
        t->custom->value(z, t->a + j * t->a_ld, t->rows, t->custom->context);
    }
}

static void custom_backward(const struct activation_backward *t)
{
    enum { CHUNK = 256 };
    float slope[CHUNK];
    for (size_t j = 0; j < t->columns; j++) {
        for (size_t first = 0; first < t->rows; first += CHUNK) {
            const size_t count = t->rows - first < CHUNK ? t->rows - first : (size_t)CHUNK;
            float *d = t->d + j * t->d_ld + first;
            t->custom->derivative(t->z + j * t->z_ld + first, slope, count, t->custom->context);
            for (size_t i = 0; i < count; i++) {
                d[i] *= slope[i];
            }
        }
    }
}

#define ROW(function, text, formula, ...)                                                                    \
    {                                                                                                        \
        .name = { text, formula }, .forward = function##_forward, .backward = function##_backward,           \
        __VA_ARGS__                                                                                          \
    }
#define FROM_VALUE .slope_from_value = true
#define PARAMETER(value, low, high)                                                                          \
    .takes_parameter = true, .default_parameter = value, .minimum_parameter = low, .maximum_parameter = high
/* Weights for an activation without a rule of its own: σ² = g²/fan-in, g = 1/√E[φ(z)²] over z ~ N(0, 1). */
#define QUADRATURE_GAIN .automatic_init = MLP_INIT_VARIANCE_SCALING, .exact_gain = true

/* clang-format off */
static const struct activation_row rows[] = {
    [MLP_ACTIVATION_IDENTITY] = ROW(identity, "identity", "z", FROM_VALUE,
        .automatic_init = MLP_INIT_XAVIER_NORMAL),
    [MLP_ACTIVATION_SIGMOID] = ROW(sigmoid, "sigmoid", "1/(1 + e^-z)", FROM_VALUE,
        .automatic_init = MLP_INIT_XAVIER_NORMAL),
    [MLP_ACTIVATION_TANH] = ROW(tanh, "tanh", "tanh z", FROM_VALUE, .automatic_init = MLP_INIT_XAVIER_NORMAL),
    [MLP_ACTIVATION_RELU] = ROW(relu, "relu", "max(0, z)", FROM_VALUE, .automatic_init = MLP_INIT_HE_NORMAL),
    [MLP_ACTIVATION_LEAKY_RELU] = ROW(leaky_relu, "leaky-relu", "z > 0 ? z : p z, p = 0.01 by default",
                                      PARAMETER(0.01, 0.0, 1.0), FROM_VALUE,
                                          .automatic_init = MLP_INIT_HE_NORMAL),
    [MLP_ACTIVATION_ELU] = ROW(elu, "elu", "z > 0 ? z : p (e^z - 1), p = 1 by default", PARAMETER(1.0, 0.0,
        100.0),
                               QUADRATURE_GAIN),
    [MLP_ACTIVATION_SELU] = ROW(selu, "selu", "1.0507 (z > 0 ? z : 1.6733 (e^z - 1))",
                                .automatic_init = MLP_INIT_LECUN_NORMAL),
    [MLP_ACTIVATION_GELU] = ROW(gelu, "gelu", "z Phi(z), by erf", QUADRATURE_GAIN),
    [MLP_ACTIVATION_GELU_TANH] = ROW(gelu_tanh, "gelu-tanh", "z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))",
                                     QUADRATURE_GAIN),
    [MLP_ACTIVATION_SILU] = ROW(silu, "silu", "z sigmoid(z), also called swish", QUADRATURE_GAIN),
    [MLP_ACTIVATION_MISH] = ROW(mish, "mish", "z tanh(ln(1 + e^z))", QUADRATURE_GAIN),
    [MLP_ACTIVATION_SOFTPLUS] = ROW(softplus, "softplus", "ln(1 + e^z)", QUADRATURE_GAIN),
    [MLP_ACTIVATION_SOFTSIGN] = ROW(softsign, "softsign", "z/(1 + |z|)",
        .automatic_init = MLP_INIT_XAVIER_NORMAL),
    [MLP_ACTIVATION_HARD_SIGMOID] = ROW(hard_sigmoid, "hard-sigmoid", "clamp(z/6 + 1/2, 0, 1)",
                                        QUADRATURE_GAIN),
    [MLP_ACTIVATION_HARD_TANH] = ROW(hard_tanh, "hard-tanh", "clamp(z, -1, 1)", QUADRATURE_GAIN),
    [MLP_ACTIVATION_SOFTMAX] = ROW(softmax, "softmax", "e^z_i / sum of e^z_k over the units; output layer "
                                                       "only",
                                   .whole_column = true, .automatic_init = MLP_INIT_XAVIER_NORMAL),
    [MLP_ACTIVATION_CUSTOM] = ROW(custom, "custom", "the caller's own function", QUADRATURE_GAIN),
};
/* clang-format on */

const struct name_table LEVEL_NAME(activation_table) = NAME_ROWS("activation", rows);
