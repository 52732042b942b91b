/* The elementwise operators of ONNX in double, and activations recognized by their values: a file may have
 * GELU as one node or as six. */
#include "io/onnx_elementwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/onnx_graph.h"
#include "strategy/activation.h"
#include "theory/exact_activation.h"

enum { NAME_SIZE = 32 }; /* of operators and attributes */

double onnx_grid(size_t i)
{
    return ((double)i - (ONNX_GRID - 1) / 2.0) / 4.0;
}

const onnx_attribute *onnx_attribute_of(const onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (node->attribute[i]->name != NULL && strcmp(node->attribute[i]->name, name) == 0) {
            return node->attribute[i];
        }
    }
    return NULL;
}

double onnx_number(const onnx_node *node, const char *name, double otherwise)
{
    const onnx_attribute *attribute = onnx_attribute_of(node, name);
    if (attribute == NULL) {
        return otherwise;
    }
    if (attribute->has_f) {
        return (double)attribute->f;
    }
    if (attribute->has_i) {
        return (double)attribute->i;
    }
    return attribute->s.len == 4 && memcmp(attribute->s.data, "tanh", 4) == 0;
}

/* ---- operators: f(x, p) of operands x (NaN: left out) and two attributes p ----------------------------- */

/* clang-format off */
static double sigmoid(double z) { return 1.0 / (1.0 + exp(-z)); }
static double softplus(double z) { return fmax(z, 0.0) + log1p(exp(-fabs(z))); }
static double clamp(double z, double low, double high) { return fmin(fmax(z, low), high); }
static double of_identity(const double *x, const double *p) { (void)p; return x[0]; }
static double of_cast(const double *x, const double *p)
{
    if (p[0] == (double)ONNX_BOOL) {
        return x[0] != 0.0;
    }
    return p[0] == (double)ONNX_INT32 || p[0] == (double)ONNX_INT64 ? trunc(x[0]) : x[0];
}
static double of_relu(const double *x, const double *p) { (void)p; return fmax(x[0], 0.0); }
static double of_leaky_relu(const double *x, const double *p) { return x[0] < 0.0 ? p[0] * x[0] : x[0]; }
static double of_prelu(const double *x, const double *p)
{
    (void)p;
    return x[0] < 0.0 ? x[1] * x[0] : x[0];
}
static double of_elu(const double *x, const double *p) { return x[0] < 0.0 ? p[0] * expm1(x[0]) : x[0]; }
static double of_celu(const double *x, const double *p)
{
    return x[0] < 0.0 ? p[0] * expm1(x[0] / p[0]) : x[0];
}
static double of_selu(const double *x, const double *p) { return p[1] * of_elu(x, p); }
static double of_sigmoid(const double *x, const double *p) { (void)p; return sigmoid(x[0]); }
static double of_tanh(const double *x, const double *p) { (void)p; return tanh(x[0]); }
static double of_softplus(const double *x, const double *p) { (void)p; return softplus(x[0]); }
static double of_softsign(const double *x, const double *p)
{
    (void)p;
    return x[0] / (1.0 + fabs(x[0]));
}
static double of_hard_sigmoid(const double *x, const double *p)
{
    return clamp(p[0] * x[0] + p[1], 0.0, 1.0);
}
static double of_mish(const double *x, const double *p) { (void)p; return x[0] * tanh(softplus(x[0])); }
static double of_swish(const double *x, const double *p) { return x[0] * sigmoid(p[0] * x[0]); }
static double of_gelu(const double *x, const double *p)
{
    const mlp_activation activation = p[0] != 0.0 ? MLP_ACTIVATION_GELU_TANH : MLP_ACTIVATION_GELU;
    return activation_exact_value(activation, 0.0, NULL, isnan(x[1]) ? x[0] : x[0] + x[1]);
}
static double of_erf(const double *x, const double *p) { (void)p; return erf(x[0]); }
static double of_erfc(const double *x, const double *p) { (void)p; return erfc(x[0]); }
static double of_exp(const double *x, const double *p) { (void)p; return exp(x[0]); }
static double of_log(const double *x, const double *p) { (void)p; return log(x[0]); }
static double of_abs(const double *x, const double *p) { (void)p; return fabs(x[0]); }
static double of_neg(const double *x, const double *p) { (void)p; return -x[0]; }
static double of_reciprocal(const double *x, const double *p) { (void)p; return 1.0 / x[0]; }
static double of_add(const double *x, const double *p) { (void)p; return x[0] + x[1]; }
static double of_sub(const double *x, const double *p) { (void)p; return x[0] - x[1]; }
static double of_mul(const double *x, const double *p) { (void)p; return x[0] * x[1]; }
static double of_div(const double *x, const double *p) { (void)p; return x[0] / x[1]; }
static double of_pow(const double *x, const double *p) { (void)p; return pow(x[0], x[1]); }
static double of_min(const double *x, const double *p) { (void)p; return fmin(x[0], x[1]); }
static double of_max(const double *x, const double *p) { (void)p; return fmax(x[0], x[1]); }
static double of_greater(const double *x, const double *p) { (void)p; return x[0] > x[1]; }
static double of_less(const double *x, const double *p) { (void)p; return x[0] < x[1]; }
static double of_where(const double *x, const double *p) { (void)p; return x[0] != 0.0 ? x[1] : x[2]; }
static double of_clip(const double *x, const double *p)
{
    return clamp(x[0], isnan(x[1]) ? p[0] : x[1], isnan(x[2]) ? p[1] : x[2]);
}

static const struct operator_row {
    const char *op;
    double (*value)(const double *x, const double *p);
    const char *attributes[2];
    double defaults[2];
} operators[] = {
    { "Identity", of_identity, { NULL }, { 0 } },
    { "Cast", of_cast, { "to" }, { ONNX_FLOAT } },
    { "Dropout", of_identity, { NULL }, { 0 } },
    { "Relu", of_relu, { NULL }, { 0 } },
    { "LeakyRelu", of_leaky_relu, { "alpha" }, { 0.01 } },
    { "PRelu", of_prelu, { NULL }, { 0 } },
    { "Elu", of_elu, { "alpha" }, { 1.0 } },
    { "Celu", of_celu, { "alpha" }, { 1.0 } },
    { "Selu", of_selu, { "alpha", "gamma" }, { 1.6732632423543772, 1.0507009873554805 } },
    { "Sigmoid", of_sigmoid, { NULL }, { 0 } },
    { "Tanh", of_tanh, { NULL }, { 0 } },
    { "Softplus", of_softplus, { NULL }, { 0 } },
    { "Softsign", of_softsign, { NULL }, { 0 } },
    { "HardSigmoid", of_hard_sigmoid, { "alpha", "beta" }, { 0.2, 0.5 } },
    { "Mish", of_mish, { NULL }, { 0 } },
    { "Swish", of_swish, { "alpha" }, { 1.0 } },
    { "QuickGelu", of_swish, { "alpha" }, { 1.702 } },
    { "Gelu", of_gelu, { "approximate" }, { 0.0 } },
    { "FastGelu", of_gelu, { "" }, { 1.0 } }, /* these two take a bias, too */
    { "BiasGelu", of_gelu, { "" }, { 0.0 } },
    { "Erf", of_erf, { NULL }, { 0 } },
    { "Erfc", of_erfc, { NULL }, { 0 } }, /* of no operator set: tf2onnx 1.17 writes it for Keras' GELU */
    { "Exp", of_exp, { NULL }, { 0 } },
    { "Log", of_log, { NULL }, { 0 } },
    { "Abs", of_abs, { NULL }, { 0 } },
    { "Neg", of_neg, { NULL }, { 0 } },
    { "Reciprocal", of_reciprocal, { NULL }, { 0 } },
    { "Add", of_add, { NULL }, { 0 } },
    { "Sub", of_sub, { NULL }, { 0 } },
    { "Mul", of_mul, { NULL }, { 0 } },
    { "Div", of_div, { NULL }, { 0 } },
    { "Pow", of_pow, { NULL }, { 0 } },
    { "Min", of_min, { NULL }, { 0 } },
    { "Max", of_max, { NULL }, { 0 } },
    { "Greater", of_greater, { NULL }, { 0 } },
    { "Less", of_less, { NULL }, { 0 } },
    { "Where", of_where, { NULL }, { 0 } },
    { "Clip", of_clip, { "min", "max" }, { -INFINITY, INFINITY } },
};
/* clang-format on */

/* Fills `out` with an operator's values, its attributes by their names behind `prefix`. */
static bool apply(const onnx_node *node, const char *op, const char *prefix, const double *const *operands,
                  double *out)
{
    const struct operator_row *row = NULL;
    double p[2] = { 0.0, 0.0 };
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        row = strcmp(operators[i].op, op) == 0 ? &operators[i] : row;
    }
    if (row == NULL) {
        return false;
    }
    for (size_t k = 0; k < 2; k++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%s%s", prefix, row->attributes[k] != NULL ? row->attributes[k] : "");
        p[k] = row->attributes[k] != NULL ? onnx_number(node, name, row->defaults[k]) : 0.0;
    }
    for (size_t i = 0; i < ONNX_GRID; i++) {
        double x[ONNX_MAX_OPERANDS];
        for (size_t k = 0; k < ONNX_MAX_OPERANDS; k++) {
            x[k] = operands[k] != NULL ? operands[k][i] : NAN;
        }
        out[i] = row->value(x, p);
    }
    return true;
}

bool onnx_elementwise(const onnx_node *node, const double *const *operands, double *out)
{
    return (onnx_is_of_domain(node, "") || onnx_is_of_domain(node, "com.microsoft")) &&
           apply(node, node->op_type, "", operands, out);
}

/* ---- recognition --------------------------------------------------------------------------------------- */

/* Point −1 of the grid, whose value says the parameter: slope −φ(−1), and α = φ(−1)/(e⁻¹ − 1). */
enum { GRID_MINUS_ONE = 44 };

static double parameter_of(mlp_activation activation, const double *values)
{
    const double value = values[GRID_MINUS_ONE];
    return activation == MLP_ACTIVATION_ELU ? value / expm1(-1.0) : -value;
}

static bool same_values(mlp_activation activation, double parameter, const double *values)
{
    for (size_t i = 0; i < ONNX_GRID; i++) {
        const double expected = activation_exact_value(activation, parameter, NULL, onnx_grid(i));
        if (!(fabs(values[i] - expected) <= 1e-6 * fabs(expected) + 1e-7)) {
            return false;
        }
    }
    return true;
}

bool onnx_activation_of(const double *values, mlp_activation *activation, double *parameter)
{
    for (int a = MLP_ACTIVATION_SIGMOID; a < MLP_ACTIVATION_SOFTMAX; a++) {
        const struct activation_row *row = activation_row((mlp_activation)a);
        *activation = (mlp_activation)a;
        *parameter = 0.0;
        if (row->takes_parameter) {
            *parameter = parameter_of(*activation, values);
            if (!(*parameter > 0.0 && *parameter <= row->maximum_parameter)) {
                continue;
            }
        }
        if (same_values(*activation, *parameter, values)) {
            return true;
        }
    }
    return false;
}

bool onnx_fused_activation(const onnx_node *node, const ProtobufCBinaryData *name, mlp_activation *activation,
                           double *parameter)
{
    double grid[ONNX_GRID], values[ONNX_GRID];
    const double *const operands[ONNX_MAX_OPERANDS] = { grid };
    char op[NAME_SIZE] = "";
    if (name->len >= sizeof op) {
        return false;
    }
    if (name->len > 0) {
        memcpy(op, name->data, name->len);
    }
    for (size_t i = 0; i < ONNX_GRID; i++) {
        grid[i] = onnx_grid(i);
    }
    return apply(node, op, "activation_", operands, values) &&
           onnx_activation_of(values, activation, parameter);
}
