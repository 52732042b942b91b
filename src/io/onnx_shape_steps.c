/* Operators of ONNX graphs that hand samples × features on: in other shapes, in other types, or as they are.
 * */
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_elementwise.h"
#include "io/onnx_walk.h"

/* Units of the last layer; 0 in front of the first. */
static size_t units_so_far(const struct onnx_walk *walk)
{
    const struct array *layers = &walk->layers->layers;
    return layers->count > 0 ? ((struct onnx_layer *)layers->items)[layers->count - 1].weights.rows : 0;
}

/* The numbers of an operand, or of the attribute that older operator sets have in its place. *values NULL:
 * neither is given. */
static mlp_status numbers_of(const struct onnx_walk *walk, const onnx_node *node, const char *attribute,
                             double **values, size_t *count)
{
    struct onnx_constant constant = { .attribute = onnx_attribute_of(node, attribute) };
    *values = NULL;
    *count = 0;
    if (node->n_input > 1 && node->input[1][0] != '\0') {
        if (!onnx_constant_of(&walk->index, node->input[1], &constant)) {
            return onnx_refuse(walk, node, "expected a constant as its second operand");
        }
    } else if (constant.attribute == NULL) {
        return MLP_OK;
    }
    return onnx_at_node(walk, node, onnx_constant_values(&walk->index, &constant, values, count));
}

mlp_status onnx_step_identity(struct onnx_walk *walk, const onnx_node *node)
{
    walk->value = node->output[0];
    return MLP_OK;
}

/* Its mask, a second output, leads nowhere: the walk follows the samples. */
mlp_status onnx_step_dropout(struct onnx_walk *walk, const onnx_node *node)
{
    struct onnx_constant constant;
    double *training = NULL;
    size_t count = 0;
    walk->value = node->output[0];
    if (node->n_input < 3 || node->input[2][0] == '\0') {
        return MLP_OK;
    }
    if (onnx_constant_of(&walk->index, node->input[2], &constant)) {
        TRY(onnx_at_node(walk, node, onnx_constant_values(&walk->index, &constant, &training, &count)));
    }
    const bool inference = count == 1 && training[0] == 0.0;
    memory_free(training);
    return inference ? MLP_OK : onnx_refuse(walk, node, "expected a constant false as its training mode");
}

mlp_status onnx_step_cast(struct onnx_walk *walk, const onnx_node *node)
{
    const double to = onnx_number(node, "to", 0.0);
    walk->value = node->output[0];
    return to == (double)ONNX_FLOAT || to == (double)ONNX_DOUBLE || to == (double)ONNX_FLOAT16 ||
                   to == (double)ONNX_BFLOAT16
               ? MLP_OK
               : onnx_refuse(walk, node, "expected a cast to FLOAT, DOUBLE, FLOAT16 or BFLOAT16");
}

/* Axis −1 is 1 where there are two dimensions, as behind a layer. */
mlp_status onnx_step_flatten(struct onnx_walk *walk, const onnx_node *node)
{
    const double axis = onnx_number(node, "axis", 1.0);
    walk->value = node->output[0];
    return !walk->swapped && (axis == 1.0 || (axis == -1.0 && units_so_far(walk) > 0))
               ? MLP_OK
               : onnx_refuse(walk, node, "expected axis 1");
}

/* What is dropped must not be the samples: of one unit its dimension, in front of the first layer any other
 * than 0. */
mlp_status onnx_step_squeeze(struct onnx_walk *walk, const onnx_node *node)
{
    double *axes;
    size_t count;
    const size_t units = units_so_far(walk);
    TRY(numbers_of(walk, node, "axes", &axes, &count));
    bool fits = !walk->swapped && (count > 0 || units == 1) && (units <= 1 || count == 0);
    for (size_t i = 0; i < count; i++) {
        fits = fits && (units == 1 ? axes[i] == 1.0 || axes[i] == -1.0 : axes[i] >= 1.0);
    }
    memory_free(axes);
    walk->value = node->output[0];
    return fits ? MLP_OK
                : onnx_refuse(walk, node, "expected it to drop the dimension of one unit (axis 1 or -1)");
}

/* A shape that is computed: the samples' number from that of another value, then a constant. */
static bool is_computed_shape(const struct onnx_walk *walk, const char *value)
{
    struct onnx_constant constant;
    const onnx_node *node = onnx_maker_of(&walk->index, value);
    return node != NULL && strcmp(node->op_type, "Concat") == 0 && node->n_input == 2 &&
           !onnx_constant_of(&walk->index, node->input[0], &constant) &&
           onnx_constant_of(&walk->index, node->input[1], &constant);
}

/* To samples × features, by whichever numbers; to samples alone where there is one unit. */
static bool is_matrix_shape(const struct onnx_walk *walk, const double *shape, size_t count)
{
    const size_t units = units_so_far(walk), features = units > 0 ? units : walk->features;
    if (count == 1) {
        return units == 1 && shape[0] == -1.0;
    }
    return count == 2 && (shape[0] == -1.0 || shape[0] == 0.0 || shape[0] == 1.0) &&
           (shape[1] == -1.0 ? shape[0] != -1.0 : shape[1] > 0.0) &&
           (shape[1] == -1.0 || features == 0 || shape[1] == (double)features);
}

mlp_status onnx_step_reshape(struct onnx_walk *walk, const onnx_node *node)
{
    double *shape = NULL;
    size_t count = 0;
    const bool allows_zero = onnx_number(node, "allowzero", 0.0) != 0.0;
    bool fits = !walk->swapped;
    walk->value = node->output[0];
    if (fits && node->n_input > 1 && is_computed_shape(walk, node->input[1])) {
        return MLP_OK;
    }
    TRY(numbers_of(walk, node, "shape", &shape, &count));
    fits = fits && count > 0 && is_matrix_shape(walk, shape, count) && !(allows_zero && shape[0] == 0.0);
    memory_free(shape);
    return fits ? MLP_OK : onnx_refuse(walk, node, "expected a shape of samples × features");
}

/* Whether `perm` exchanges two dimensions, as it does by default. */
bool onnx_exchanges_two(const onnx_node *node)
{
    const onnx_attribute *order = onnx_attribute_of(node, "perm");
    return order == NULL || (order->n_ints == 2 && order->ints[0] == 1 && order->ints[1] == 0);
}

mlp_status onnx_step_transpose(struct onnx_walk *walk, const onnx_node *node)
{
    walk->swapped = !walk->swapped;
    walk->value = node->output[0];
    return onnx_exchanges_two(node) ? MLP_OK
                                    : onnx_refuse(walk, node, "expected two dimensions that change places");
}
