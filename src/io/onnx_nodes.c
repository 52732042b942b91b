/* Nodes, tensors and activations of an ONNX graph that is being written. */
#include "io/onnx_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/safetensors.h"

/* ---- memory -------------------------------------------------------------------------------------------- */

void onnx_writer_begin(struct onnx_writer *w)
{
    *w = (struct onnx_writer){ .graph = MLP__ONNX__GRAPH__INIT };
    w->graph.name = "mlp";
}

void onnx_writer_end(struct onnx_writer *w)
{
    void **owned = w->owned.items;
    for (size_t i = 0; i < w->owned.count; i++) {
        memory_free(owned[i]);
    }
    array_free(&w->owned);
    array_free(&w->nodes);
    array_free(&w->tensors);
    array_free(&w->inputs);
    array_free(&w->outputs);
    array_free(&w->numbers);
}

/* Memory of the writer; NULL after a failure. */
static void *take(struct onnx_writer *w, size_t size)
{
    void *memory = w->status == MLP_OK ? memory_allocate(1, size) : NULL;
    if (memory != NULL && array_append(&w->owned, &memory, 1, sizeof memory) != MLP_OK) {
        memory_free(memory);
        memory = NULL;
    }
    w->status = memory != NULL ? w->status : MLP_ERROR_MEMORY;
    return memory;
}

static void *take_copy(struct onnx_writer *w, const void *from, size_t size)
{
    void *memory = take(w, size);
    if (memory != NULL) {
        memcpy(memory, from, size);
    }
    return memory;
}

static char *take_text(struct onnx_writer *w, const char *text)
{
    return take_copy(w, text, strlen(text) + 1);
}

/* Appends to one of the graph's lists of pointers. */
static void append(struct onnx_writer *w, struct array *list, void *item)
{
    if (w->status == MLP_OK) {
        w->status = array_append(list, &item, 1, sizeof item);
    }
    w->graph.n_node = w->nodes.count;
    w->graph.node = w->nodes.items;
    w->graph.n_initializer = w->tensors.count;
    w->graph.initializer = w->tensors.items;
    w->graph.n_input = w->inputs.count;
    w->graph.input = w->inputs.items;
    w->graph.n_output = w->outputs.count;
    w->graph.output = w->outputs.items;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

void onnx_value_set(struct onnx_writer *w, const char *name)
{
    snprintf(w->value, sizeof w->value, "%s", name);
}

void onnx_value_add(struct onnx_writer *w, const char *name, enum onnx_type type, size_t features,
                    bool is_output)
{
    struct {
        Mlp__Onnx__ValueInfo value;
        Mlp__Onnx__Type type;
        Mlp__Onnx__TensorType tensor;
        Mlp__Onnx__Shape shape;
        Mlp__Onnx__Dimension dimensions[2];
        Mlp__Onnx__Dimension *list[2];
    } *all = take(w, sizeof *all);
    if (all == NULL) {
        return;
    }
    mlp__onnx__value_info__init(&all->value);
    mlp__onnx__type__init(&all->type);
    mlp__onnx__tensor_type__init(&all->tensor);
    mlp__onnx__shape__init(&all->shape);
    for (size_t i = 0; i < 2; i++) {
        mlp__onnx__dimension__init(&all->dimensions[i]);
        all->list[i] = &all->dimensions[i];
    }
    all->value.name = take_text(w, name);
    all->value.type = &all->type;
    all->type.tensor_type = &all->tensor;
    all->tensor.has_elem_type = true;
    all->tensor.elem_type = (int32_t)type;
    all->tensor.shape = &all->shape;
    all->shape.n_dim = features > 0 ? 2 : 1;
    all->shape.dim = all->list;
    all->dimensions[0].dim_param = "samples";
    all->dimensions[1].has_dim_value = true;
    all->dimensions[1].dim_value = (int64_t)features;
    append(w, is_output ? &w->outputs : &w->inputs, &all->value);
}

Mlp__Onnx__Node *onnx_node_add(struct onnx_writer *w, const char *op, const char *const *inputs, size_t count,
                               const char *output)
{
    struct {
        Mlp__Onnx__Node node;
        char *inputs[3], *outputs[1];
        Mlp__Onnx__Attribute *attributes[2];
    } *all = take(w, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    mlp__onnx__node__init(&all->node);
    for (size_t i = 0; i < count; i++) {
        all->inputs[i] = take_text(w, inputs[i]);
    }
    all->outputs[0] = take_text(w, output);
    all->node.name = all->outputs[0];
    all->node.op_type = take_text(w, op);
    all->node.n_input = count;
    all->node.input = all->inputs;
    all->node.n_output = 1;
    all->node.output = all->outputs;
    all->node.attribute = all->attributes;
    append(w, &w->nodes, &all->node);
    return w->status == MLP_OK ? &all->node : NULL;
}

static Mlp__Onnx__Attribute *add_attribute(struct onnx_writer *w, Mlp__Onnx__Node *node, const char *name,
                                           int type)
{
    Mlp__Onnx__Attribute *attribute = node != NULL ? take(w, sizeof *attribute) : NULL;
    if (attribute != NULL) {
        mlp__onnx__attribute__init(attribute);
        attribute->name = take_text(w, name);
        attribute->has_type = true;
        attribute->type = type;
        node->attribute[node->n_attribute++] = attribute;
    }
    return attribute;
}

void onnx_integer_add(struct onnx_writer *w, Mlp__Onnx__Node *node, const char *name, int64_t value)
{
    Mlp__Onnx__Attribute *attribute = add_attribute(w, node, name, 2);
    if (attribute != NULL) {
        attribute->has_i = true;
        attribute->i = value;
    }
}

void onnx_float_add(struct onnx_writer *w, Mlp__Onnx__Node *node, const char *name, float value)
{
    Mlp__Onnx__Attribute *attribute = add_attribute(w, node, name, 1);
    if (attribute != NULL) {
        attribute->has_f = true;
        attribute->f = value;
    }
}

/* A tensor whose numbers are still to come. */
static Mlp__Onnx__Tensor *add_tensor(struct onnx_writer *w, const char *name, enum onnx_type type,
                                     size_t rank, const size_t *shape,
                                     const struct safetensor_output *numbers)
{
    struct {
        Mlp__Onnx__Tensor tensor;
        int64_t dims[2];
    } *all = take(w, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    mlp__onnx__tensor__init(&all->tensor);
    for (size_t i = 0; i < rank; i++) {
        all->dims[i] = (int64_t)shape[i];
    }
    all->tensor.n_dims = rank;
    all->tensor.dims = all->dims;
    all->tensor.has_data_type = true;
    all->tensor.data_type = (int32_t)type;
    all->tensor.name = take_text(w, name);
    w->status = w->status == MLP_OK ? array_append(&w->numbers, numbers, 1, sizeof *numbers) : w->status;
    append(w, &w->tensors, &all->tensor);
    return w->status == MLP_OK ? &all->tensor : NULL;
}

unsigned char *onnx_tensor_add(struct onnx_writer *w, const char *name, enum onnx_type type, size_t rank,
                               const size_t *shape, size_t size)
{
    const struct safetensor_output none = { .values = NULL };
    unsigned char *bytes = take(w, size);
    Mlp__Onnx__Tensor *tensor = add_tensor(w, name, type, rank, shape, &none);
    if (tensor == NULL) {
        return NULL;
    }
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){ size, bytes };
    return bytes;
}

void onnx_matrix_add(struct onnx_writer *w, const char *name, const float *values, size_t rows,
                     size_t columns, size_t stride)
{
    struct safetensor_output numbers = {
        .rows = rows, .columns = columns, .values = values, .leading_dimension = stride
    };
    snprintf(numbers.name, sizeof numbers.name, "%s", name);
    add_tensor(w, name, ONNX_FLOAT, columns > 0 ? 2 : 1, (const size_t[2]){ rows, columns }, &numbers);
}

/* ---- activations --------------------------------------------------------------------------------------- */

/* A node of an activation. Operands: "z", the pre-activation; "1" to "9", what the step of that number
 * computes; any other number with a point, a constant. The last step computes φ(z). */
enum { MAX_STEPS = 9, MAX_OPERANDS = 3 };
struct step {
    const char *op;
    const char *operands[MAX_OPERANDS];
    const char *attributes[2];
    double values[2]; /* 0: the activation's parameter */
};

/* clang-format off */
#define STEP(name, ...) { .op = name, .operands = { __VA_ARGS__ } }
static const struct step nodes[][MAX_STEPS] = {
    [MLP_ACTIVATION_SIGMOID] = { STEP("Sigmoid", "z") },
    [MLP_ACTIVATION_TANH] = { STEP("Tanh", "z") },
    [MLP_ACTIVATION_RELU] = { STEP("Relu", "z") },
    [MLP_ACTIVATION_LEAKY_RELU] = { { "LeakyRelu", { "z" }, { "alpha" }, { 0.0 } } },
    [MLP_ACTIVATION_ELU] = { { "Elu", { "z" }, { "alpha" }, { 0.0 } } },
    [MLP_ACTIVATION_SELU] = { STEP("Selu", "z") },
    /* (z·½)·(1 + erf(z/√2)) */
    [MLP_ACTIVATION_GELU] = { STEP("Mul", "z", "0.7071067811865476"), STEP("Erf", "1"),
                              STEP("Add", "2", "1.0"), STEP("Mul", "z", "0.5"), STEP("Mul", "4", "3") },
    /* z·sigmoid(2u), 2u = z·(√(8/π) + 0.044715·√(8/π)·z²) */
    [MLP_ACTIVATION_GELU_TANH] = { STEP("Mul", "z", "z"), STEP("Mul", "1", "0.0713548162726"),
                                   STEP("Add", "2", "1.5957691216057308"), STEP("Mul", "3", "z"),
                                   STEP("Sigmoid", "4"), STEP("Mul", "z", "5") },
    [MLP_ACTIVATION_SILU] = { STEP("Sigmoid", "z"), STEP("Mul", "z", "1") },
    [MLP_ACTIVATION_MISH] = { STEP("Softplus", "z"), STEP("Tanh", "1"), STEP("Mul", "z", "2") },
    [MLP_ACTIVATION_SOFTPLUS] = { STEP("Softplus", "z") },
    [MLP_ACTIVATION_SOFTSIGN] = { STEP("Softsign", "z") },
    [MLP_ACTIVATION_HARD_SIGMOID] = { { "HardSigmoid", { "z" }, { "alpha", "beta" }, { 1.0 / 6.0, 0.5 } } },
    [MLP_ACTIVATION_HARD_TANH] = { STEP("Clip", "z", "-1.0", "1.0") },
    [MLP_ACTIVATION_SOFTMAX] = { STEP("Softmax", "z") },
};
/* clang-format on */

/* A constant's name is its number. */
static void constant(struct onnx_writer *w, const char *number)
{
    const Mlp__Onnx__Tensor *const *tensors = w->tensors.items;
    for (size_t i = 0; i < w->tensors.count; i++) {
        if (tensors[i]->name != NULL && strcmp(tensors[i]->name, number) == 0) {
            return;
        }
    }
    unsigned char *bytes = onnx_tensor_add(w, number, ONNX_FLOAT, 0, NULL, sizeof(float));
    if (bytes != NULL) {
        const float value = strtof(number, NULL);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        for (unsigned b = 0; b < 4; b++) {
            bytes[b] = (unsigned char)(bits >> (8 * b));
        }
    }
}

/* The value that an operand names. */
static void operand(struct onnx_writer *w, const char *text, size_t l, char name[ONNX_NAME])
{
    if (text[0] == 'z') {
        snprintf(name, ONNX_NAME, "%s", w->value);
    } else if (text[1] == '\0') {
        snprintf(name, ONNX_NAME, "z%zu.%s", l, text);
    } else {
        snprintf(name, ONNX_NAME, "%s", text);
        constant(w, text);
    }
}

void onnx_activation_add(struct onnx_writer *w, mlp_activation activation, double parameter, size_t l,
                         const char *end)
{
    const struct step *steps = nodes[activation];
    for (size_t s = 0; s < MAX_STEPS && steps[s].op != NULL; s++) {
        char names[MAX_OPERANDS][ONNX_NAME], output[ONNX_NAME];
        const char *inputs[MAX_OPERANDS];
        size_t count = 0;
        while (count < MAX_OPERANDS && steps[s].operands[count] != NULL) {
            operand(w, steps[s].operands[count], l, names[count]);
            inputs[count] = names[count];
            count++;
        }
        const bool last = s + 1 == MAX_STEPS || steps[s + 1].op == NULL;
        snprintf(output, sizeof output, "z%zu.%zu", l, s + 1);
        Mlp__Onnx__Node *node = onnx_node_add(w, steps[s].op, inputs, count, last ? end : output);
        for (size_t k = 0; k < 2 && steps[s].attributes[k] != NULL; k++) {
            const double value = steps[s].values[k] != 0.0 ? steps[s].values[k] : parameter;
            onnx_float_add(w, node, steps[s].attributes[k], (float)value);
        }
        if (last && activation == MLP_ACTIVATION_SOFTMAX) {
            onnx_integer_add(w, node, "axis", -1);
        }
    }
    onnx_value_set(w, end);
}
