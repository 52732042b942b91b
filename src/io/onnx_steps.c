/* The operators of perceptrons in ONNX graphs, a row each. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_elementwise.h"
#include "io/onnx_walk.h"

mlp_status onnx_refuse(const struct onnx_walk *walk, const onnx_node *node, const char *expected)
{
    return fail(MLP_ERROR_UNSUPPORTED, "%s: node '%.64s' (%.32s): %s", walk->index.file->path,
                onnx_node_name(node), node->op_type, expected);
}

struct onnx_layer *onnx_open_layer(const struct onnx_walk *walk)
{
    const struct array *layers = &walk->layers->layers;
    struct onnx_layer *last =
        layers->count > 0 ? (struct onnx_layer *)layers->items + layers->count - 1 : NULL;
    return last != NULL && !last->complete ? last : NULL;
}

/* Whatever stands in the message, the node comes first. */
mlp_status onnx_at_node(const struct onnx_walk *walk, const onnx_node *node, mlp_status status)
{
    return status == MLP_OK || status == MLP_ERROR_MEMORY
               ? status
               : fail_in(status, "%s: node '%.64s' (%.32s)", walk->index.file->path, onnx_node_name(node),
                         node->op_type);
}

static bool takes_value(const struct onnx_walk *walk, const onnx_node *node, size_t input)
{
    return input < node->n_input && strcmp(node->input[input], walk->value) == 0;
}

/* A constant's numbers, one for each feature or one for all: they lie in its last dimension. */
static mlp_status feature_values(const struct onnx_walk *walk, const onnx_node *node,
                                 const struct onnx_constant *constant, double **values, size_t *count)
{
    const bool has_shape = constant->tensor != NULL && !constant->reshaped && !constant->transposed;
    const size_t rank = has_shape ? constant->tensor->n_dims : 0;
    for (size_t i = 0; i + 1 < rank; i++) {
        if (constant->tensor->dims[i] != 1) {
            return onnx_refuse(walk, node,
                               "expected a constant of one number for each feature, or one for all");
        }
    }
    return onnx_at_node(walk, node, onnx_constant_values(&walk->index, constant, values, count));
}

/* ---- k·x + t ------------------------------------------------------------------------------------------- */

static mlp_status apply(struct onnx_walk *walk, double *k, double *t, size_t count)
{
    const struct onnx_affine affine = { count, k, t };
    struct onnx_layer *layer = onnx_open_layer(walk);
    return layer != NULL ? onnx_layer_scale(layer, &affine) : onnx_affine_apply(&walk->affine, k, t, count);
}

/* k and t of x op c, or c op x where the value is the second operand. */
static void affine_of(char op, bool second, double c, double *k, double *t)
{
    *k = op == '*' ? c : 1.0;
    *t = op == '+' ? c : 0.0;
    if (op == '-') {
        *k = second ? -1.0 : 1.0;
        *t = second ? c : -c;
    }
    if (op == '/') {
        *k = 1.0 / c;
    }
}

static mlp_status apply_constant(struct onnx_walk *walk, char op, bool second, double *k, size_t count)
{
    double *t = memory_allocate(count, sizeof *t);
    if (t == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        affine_of(op, second, k[i], &k[i], &t[i]);
    }
    const mlp_status status =
        count > 0 ? apply(walk, k, t, count) : fail(MLP_ERROR_SHAPE, "its constant is empty");
    memory_free(t);
    return status;
}

static mlp_status step_affine(struct onnx_walk *walk, const onnx_node *node, char op)
{
    struct onnx_constant constant;
    const bool second = takes_value(walk, node, 1);
    double *values = NULL;
    size_t count;
    if (node->n_input != 2 || !onnx_constant_of(&walk->index, node->input[second ? 0 : 1], &constant) ||
        walk->swapped) {
        return onnx_refuse(walk, node, "expected a constant as its other operand");
    }
    TRY(feature_values(walk, node, &constant, &values, &count));
    const mlp_status status = onnx_at_node(walk, node, apply_constant(walk, op, second, values, count));
    memory_free(values);
    walk->value = node->output[0];
    return status;
}

static mlp_status step_add(struct onnx_walk *walk, const onnx_node *node)
{
    return step_affine(walk, node, '+');
}

static mlp_status step_sub(struct onnx_walk *walk, const onnx_node *node)
{
    return step_affine(walk, node, '-');
}

static mlp_status step_mul(struct onnx_walk *walk, const onnx_node *node)
{
    return step_affine(walk, node, '*');
}

static mlp_status step_div(struct onnx_walk *walk, const onnx_node *node)
{
    return step_affine(walk, node, '/');
}

/* Scale, shift, mean and variance of a normalization: as many numbers each. */
enum { STATISTICS = 4 };

static mlp_status read_statistics(const struct onnx_walk *walk, const onnx_node *node,
                                  double *values[STATISTICS], size_t *count)
{
    for (size_t i = 0; i < STATISTICS; i++) {
        struct onnx_constant constant;
        size_t numbers;
        if (!onnx_constant_of(&walk->index, node->input[i + 1], &constant)) {
            return onnx_refuse(walk, node, "expected constants as its statistics");
        }
        TRY(onnx_at_node(walk, node, onnx_constant_values(&walk->index, &constant, &values[i], &numbers)));
        *count = i == 0 ? numbers : *count;
        if (numbers != *count || numbers == 0) {
            return onnx_refuse(walk, node, "expected as many numbers in each operand");
        }
    }
    return MLP_OK;
}

static mlp_status apply_statistics(struct onnx_walk *walk, const onnx_node *node, double *values[STATISTICS],
                                   size_t count)
{
    const double epsilon = onnx_number(node, "epsilon", 1e-5);
    for (size_t i = 0; i < count; i++) {
        values[0][i] /= sqrt(values[3][i] + epsilon);
        values[1][i] -= values[2][i] * values[0][i];
    }
    return onnx_at_node(walk, node, apply(walk, values[0], values[1], count));
}

/* (x − mean)/√(variance + ε)·scale + shift */
static mlp_status step_batch_normalization(struct onnx_walk *walk, const onnx_node *node)
{
    double *values[STATISTICS] = { NULL };
    size_t count = 0;
    if (node->n_input != STATISTICS + 1 || walk->swapped || onnx_number(node, "training_mode", 0.0) != 0.0) {
        return onnx_refuse(walk, node, "expected a normalization of samples by constants");
    }
    mlp_status status = read_statistics(walk, node, values, &count);
    status = status == MLP_OK ? apply_statistics(walk, node, values, count) : status;
    for (size_t i = 0; i < STATISTICS; i++) {
        memory_free(values[i]);
    }
    walk->value = node->output[0];
    return status;
}

/* ai.onnx.ml: (x − offset)·scale. */
static mlp_status step_scaler(struct onnx_walk *walk, const onnx_node *node)
{
    const onnx_attribute *offset = onnx_attribute_of(node, "offset"),
                         *scale = onnx_attribute_of(node, "scale");
    if (offset == NULL || scale == NULL || offset->n_floats != scale->n_floats || scale->n_floats == 0) {
        return onnx_refuse(walk, node, "expected as many offsets as scales");
    }
    const size_t count = scale->n_floats;
    double *k = memory_allocate(2 * count, sizeof *k);
    if (k == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        k[i] = (double)scale->floats[i];
        k[count + i] = -(double)offset->floats[i] * k[i];
    }
    const mlp_status status = onnx_at_node(walk, node, apply(walk, k, k + count, count));
    memory_free(k);
    walk->value = node->output[0];
    return status;
}

/* ---- matrices ------------------------------------------------------------------------------------------ */

/* (x − mean)/scale, where what lies before the first layer is of that form. */
static mlp_status take_standardization(struct onnx_layers *layers, struct onnx_affine *affine, size_t inputs)
{
    bool fits = affine->count == 1 || affine->count == inputs;
    for (size_t i = 0; i < affine->count; i++) {
        const float mean = (float)(-affine->t[i] / affine->k[i]), scale = (float)(1.0 / affine->k[i]);
        fits = fits && isfinite(mean) && isfinite(scale) && scale > 0.0f;
    }
    if (!fits) {
        return MLP_OK;
    }
    layers->mean =
        (struct onnx_parameter){ .rows = inputs, .values = memory_allocate(inputs, sizeof(double)) };
    layers->scale =
        (struct onnx_parameter){ .rows = inputs, .values = memory_allocate(inputs, sizeof(double)) };
    if (layers->mean.values == NULL || layers->scale.values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < inputs; i++) {
        const size_t from = affine->count > 1 ? i : 0;
        layers->mean.values[i] = 0.0 - affine->t[from] / affine->k[from];
        layers->scale.values[i] = 1.0 / affine->k[from];
    }
    onnx_affine_free(affine);
    return MLP_OK;
}

/* Begins a layer behind the last one, with zeros for its bias. */
static mlp_status begin_layer(struct onnx_walk *walk, const onnx_node *node, const struct onnx_parameter *w,
                              struct onnx_layer **begun)
{
    struct onnx_layers *layers = walk->layers;
    const size_t count = layers->layers.count,
                 inputs = count > 0 ? ((struct onnx_layer *)layers->layers.items)[count - 1].weights.rows
                                    : w->columns;
    if (w->columns != inputs || w->columns == 0 || w->rows == 0) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: node '%.64s' (%.32s): its weights are for %zu inputs, expected %zu",
                    walk->index.file->path, onnx_node_name(node), node->op_type, w->columns, inputs);
    }
    if (count == 0) {
        if (walk->features > 0 && walk->features != w->columns) {
            return fail(MLP_ERROR_UNSUPPORTED,
                        "%s: node '%.64s' (%.32s): its weights are for %zu inputs, expected the %zu features "
                        "of a sample, which the graph's input declares",
                        walk->index.file->path, onnx_node_name(node), node->op_type, w->columns,
                        walk->features);
        }
        layers->inputs = w->columns;
        TRY(take_standardization(layers, &walk->affine, w->columns));
    }
    struct onnx_layer layer = { .weights = *w, .bias = { .rows = w->rows } };
    layer.bias.values = memory_allocate(w->rows, sizeof(double));
    if (layer.bias.values == NULL || array_append(&layers->layers, &layer, 1, sizeof layer) != MLP_OK) {
        memory_free(layer.bias.values);
        return MLP_ERROR_MEMORY;
    }
    *begun = onnx_open_layer(walk);
    TRY(onnx_at_node(walk, node, onnx_layer_take(walk->index.file, *begun, &walk->affine)));
    onnx_affine_free(&walk->affine);
    return MLP_OK;
}

/* The weights that are operand 1: inputs × units, or the other way round. */
static mlp_status find_weights(const struct onnx_walk *walk, const onnx_node *node, bool units_first,
                               struct onnx_parameter *w)
{
    struct onnx_constant constant;
    size_t elements;
    if (!takes_value(walk, node, 0) || node->n_input < 2 ||
        !onnx_constant_of(&walk->index, node->input[1], &constant) || constant.tensor == NULL ||
        constant.reshaped || constant.tensor->n_dims != 2) {
        return onnx_refuse(walk, node, "expected constant weights of two dimensions as its second operand");
    }
    TRY(onnx_at_node(walk, node, onnx_tensor_elements(walk->index.file, constant.tensor, &elements)));
    const size_t first = (size_t)constant.tensor->dims[0], second = (size_t)constant.tensor->dims[1];
    units_first ^= constant.transposed;
    *w = (struct onnx_parameter){ .rows = units_first ? first : second,
                                  .columns = units_first ? second : first,
                                  .tensor = constant.tensor,
                                  .transposed = !units_first,
                                  .factor = 1.0 };
    return MLP_OK;
}

/* b += beta·C */
static mlp_status add_bias(struct onnx_walk *walk, const onnx_node *node, struct onnx_layer *layer)
{
    struct onnx_constant constant;
    const double beta = onnx_number(node, "beta", 1.0);
    double *values;
    size_t count;
    if (node->n_input < 3 || node->input[2][0] == '\0') {
        return MLP_OK;
    }
    if (!onnx_constant_of(&walk->index, node->input[2], &constant)) {
        return onnx_refuse(walk, node, "expected a constant bias");
    }
    TRY(feature_values(walk, node, &constant, &values, &count));
    const bool fits = count == 1 || count == layer->bias.rows;
    if (fits) {
        for (size_t i = 0; i < layer->bias.rows; i++) {
            layer->bias.values[i] += beta * values[count > 1 ? i : 0];
        }
    }
    memory_free(values);
    return fits ? MLP_OK : onnx_refuse(walk, node, "expected one bias for each unit");
}

/* The activation that ONNX Runtime's optimizer puts into a product. */
static mlp_status take_fused_activation(const struct onnx_walk *walk, const onnx_node *node,
                                        struct onnx_layer *layer)
{
    const onnx_attribute *name = onnx_attribute_of(node, "activation");
    if (name == NULL) {
        return MLP_OK;
    }
    layer->complete = onnx_fused_activation(node, &name->s, &layer->activation, &layer->activation_parameter);
    return layer->complete
               ? MLP_OK
               : onnx_refuse(walk, node, "expected an activation of this library in its 'activation'");
}

/* alpha·A·B + beta·C; MatMul has no attributes. */
static mlp_status step_product(struct onnx_walk *walk, const onnx_node *node)
{
    struct onnx_parameter w;
    struct onnx_layer *layer = NULL;
    if ((onnx_number(node, "transA", 0.0) != 0.0) != walk->swapped) {
        return onnx_refuse(walk, node, "expected samples × features (transA with a Transpose before it)");
    }
    if (onnx_number(node, "transBatchA", 0.0) != 0.0 || onnx_number(node, "transBatchB", 0.0) != 0.0) {
        return onnx_refuse(walk, node, "expected matrices, not batches of them");
    }
    TRY(find_weights(walk, node, onnx_number(node, "transB", 0.0) != 0.0, &w));
    w.factor = onnx_number(node, "alpha", 1.0);
    TRY(begin_layer(walk, node, &w, &layer));
    TRY(add_bias(walk, node, layer));
    walk->swapped = false;
    walk->value = node->output[0];
    return take_fused_activation(walk, node, layer);
}

/* ONNX Runtime's GELU of samples and biases. */
static mlp_status step_bias_gelu(struct onnx_walk *walk, const onnx_node *node)
{
    struct onnx_layer *layer = onnx_open_layer(walk);
    if (layer == NULL) {
        return onnx_refuse(walk, node, "expected it behind Gemm or MatMul");
    }
    TRY(step_add(walk, node));
    layer->activation =
        strcmp(node->op_type, "FastGelu") == 0 ? MLP_ACTIVATION_GELU_TANH : MLP_ACTIVATION_GELU;
    layer->complete = true;
    return MLP_OK;
}

/* The default axis is 1 up to opset 12, the last afterwards: the same for samples × features. */
static mlp_status step_softmax(struct onnx_walk *walk, const onnx_node *node)
{
    struct onnx_layer *layer = onnx_open_layer(walk);
    const double axis = onnx_number(node, "axis", -1.0);
    if (layer == NULL || walk->swapped || (axis != -1.0 && axis != 1.0)) {
        return onnx_refuse(walk, node, "expected it over the units of a layer (axis 1 or -1)");
    }
    layer->activation = MLP_ACTIVATION_SOFTMAX;
    layer->complete = true;
    walk->value = node->output[0];
    return MLP_OK;
}

/* clang-format off */
static const struct {
    const char *domain, *name;
    onnx_step *step;
    bool any_operand; /* else the value is the first one */
} steps[] = {
    { "", "Gemm", step_product, false }, { "com.microsoft", "FusedGemm", step_product, false },
    { "", "MatMul", step_product, false }, { "com.microsoft", "FusedMatMul", step_product, false },
    { "", "Add", step_add, true }, { "", "Sub", step_sub, true },
    { "", "Mul", step_mul, true }, { "", "Div", step_div, false },
    { "com.microsoft", "BiasGelu", step_bias_gelu, false },
    { "com.microsoft", "FastGelu", step_bias_gelu, false },
    { "", "BatchNormalization", step_batch_normalization, false },
    { "ai.onnx.ml", "Scaler", step_scaler, false },
    { "", "Softmax", step_softmax, false },
    { "", "Identity", onnx_step_identity, false }, { "", "Dropout", onnx_step_dropout, false },
    { "", "Squeeze", onnx_step_squeeze, false }, { "", "Cast", onnx_step_cast, false },
    { "", "Flatten", onnx_step_flatten, false }, { "", "Reshape", onnx_step_reshape, false },
    { "", "Transpose", onnx_step_transpose, false },
};
/* clang-format on */

mlp_status onnx_step_take(struct onnx_walk *walk, const onnx_node *node)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (strcmp(steps[i].name, node->op_type) == 0 && onnx_is_of_domain(node, steps[i].domain)) {
            return steps[i].any_operand || takes_value(walk, node, 0)
                       ? steps[i].step(walk, node)
                       : onnx_refuse(walk, node, "expected the samples as its first operand");
        }
    }
    return onnx_refuse(
        walk, node,
        "none of a perceptron's operators here; expected Gemm or MatMul with constant weights, an "
        "activation of this library behind it, a standardization, BatchNormalization, Dropout, "
        "Flatten or Reshape");
}
