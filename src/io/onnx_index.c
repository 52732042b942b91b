/* Who computes and who uses the values of an ONNX graph, and which of them are constants. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_graph.h"

static int by_value(const void *a, const void *b)
{
    const struct onnx_link *x = a, *y = b;
    const int order = strcmp(x->value, y->value);
    return order != 0 ? order : (x->node > y->node) - (x->node < y->node);
}

static void sort_links(struct onnx_links *links)
{
    qsort(links->links, links->count, sizeof *links->links, by_value);
}

/* The first link of a value; the number of all of them. */
static const struct onnx_link *find(const struct onnx_links *links, const char *value, size_t *count)
{
    size_t low = 0, high = links->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(links->links[middle].value, value) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *count = 0;
    while (low + *count < links->count && strcmp(links->links[low + *count].value, value) == 0) {
        (*count)++;
    }
    return *count > 0 ? &links->links[low] : NULL;
}

bool onnx_is_of_domain(const onnx_node *node, const char *domain)
{
    const char *given = node->domain != NULL && strcmp(node->domain, "ai.onnx") != 0 ? node->domain : "";
    return strcmp(given, domain) == 0;
}

const char *onnx_node_name(const onnx_node *node)
{
    if (node->name != NULL && node->name[0] != '\0') {
        return node->name;
    }
    return node->n_output > 0 ? node->output[0] : "";
}

const struct onnx_link *onnx_users(const struct onnx_index *index, const char *value, size_t *count)
{
    return find(&index->users, value, count);
}

/* ---- building ------------------------------------------------------------------------------------------ */

static mlp_status list_makers(struct onnx_index *index)
{
    const onnx_graph *graph = index->graph;
    size_t outputs = 0;
    for (size_t n = 0; n < graph->n_node; n++) {
        outputs += graph->node[n]->n_output;
        if (graph->node[n]->op_type == NULL) {
            return fail(MLP_ERROR_FORMAT, "%s: node %zu has no operator", index->file->path, n);
        }
        if (graph->node[n]->n_output == 0) {
            return fail(MLP_ERROR_FORMAT, "%s: node %zu (%.64s) has no output", index->file->path, n,
                        graph->node[n]->op_type);
        }
    }
    index->makers.links = memory_allocate(outputs, sizeof *index->makers.links);
    index->constants.links = memory_allocate(graph->n_initializer, sizeof *index->constants.links);
    index->needed = memory_allocate(graph->n_node, sizeof *index->needed);
    if (index->makers.links == NULL || index->constants.links == NULL || index->needed == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t n = 0; n < graph->n_node; n++) {
        for (size_t i = 0; i < graph->node[n]->n_output; i++) {
            index->makers.links[index->makers.count++] = (struct onnx_link){ graph->node[n]->output[i], n };
        }
    }
    for (size_t n = 0; n < graph->n_initializer; n++) {
        if (graph->initializer[n]->name != NULL) {
            index->constants.links[index->constants.count++] =
                (struct onnx_link){ graph->initializer[n]->name, n };
        }
    }
    sort_links(&index->makers);
    sort_links(&index->constants);
    return MLP_OK;
}

/* The first output of numbers: labels, which are integers or texts, say less. */
static mlp_status choose_output(struct onnx_index *index)
{
    const onnx_graph *graph = index->graph;
    for (size_t i = 0; i < graph->n_output && index->output == NULL; i++) {
        const Mlp__Onnx__ValueInfo *output = graph->output[i];
        const Mlp__Onnx__TensorType *tensor = output->type != NULL ? output->type->tensor_type : NULL;
        const int type = tensor != NULL ? tensor->elem_type : 0;
        if (output->name != NULL && type != ONNX_INT64 && type != ONNX_INT32 && type != ONNX_STRING) {
            index->output = output->name;
        }
    }
    return index->output != NULL
               ? MLP_OK
               : fail(MLP_ERROR_UNSUPPORTED, "%s: the graph has no output of floats", index->file->path);
}

/* Marks the nodes that the output follows from; returns how many values they take. `stack`: of nodes. */
static size_t mark_needed(struct onnx_index *index, size_t *stack)
{
    size_t depth = 0, taken = 0, count;
    const struct onnx_link *maker = find(&index->makers, index->output, &count);
    if (maker != NULL) {
        index->needed[maker->node] = true;
        stack[depth++] = maker->node;
    }
    while (depth > 0) {
        const onnx_node *node = index->graph->node[stack[--depth]];
        taken += node->n_input;
        for (size_t i = 0; i < node->n_input; i++) {
            maker = find(&index->makers, node->input[i], &count);
            if (maker != NULL && !index->needed[maker->node]) {
                index->needed[maker->node] = true;
                stack[depth++] = maker->node;
            }
        }
    }
    return taken;
}

static mlp_status list_users(struct onnx_index *index)
{
    size_t *stack = memory_allocate(index->graph->n_node, sizeof *stack);
    if (stack == NULL) {
        return MLP_ERROR_MEMORY;
    }
    const size_t taken = mark_needed(index, stack);
    memory_free(stack);
    index->users.links = memory_allocate(taken, sizeof *index->users.links);
    if (index->users.links == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t n = 0; n < index->graph->n_node; n++) {
        const onnx_node *node = index->graph->node[n];
        for (size_t i = 0; i < node->n_input && index->needed[n]; i++) {
            index->users.links[index->users.count++] = (struct onnx_link){ node->input[i], n };
        }
    }
    sort_links(&index->users);
    return MLP_OK;
}

mlp_status onnx_index_build(const struct onnx_file *file, struct onnx_index *index)
{
    *index = (struct onnx_index){ .file = file, .graph = file->model->graph };
    TRY(list_makers(index));
    TRY(choose_output(index));
    return list_users(index);
}

void onnx_index_free(struct onnx_index *index)
{
    memory_free(index->makers.links);
    memory_free(index->constants.links);
    memory_free(index->users.links);
    memory_free(index->needed);
}

/* ---- constants ----------------------------------------------------------------------------------------- */

/* Operators that hand a constant's numbers on. */
static const char *const passing[] = { "Identity",  "Cast",    "Reshape",  "Squeeze",
                                       "Unsqueeze", "Flatten", "Transpose" };

static bool passes(const onnx_node *node)
{
    size_t i = 0;
    if (!onnx_is_of_domain(node, "")) {
        return false;
    }
    while (i < sizeof passing / sizeof passing[0] && strcmp(passing[i], node->op_type) != 0) {
        i++;
    }
    return i < sizeof passing / sizeof passing[0] && node->n_input > 0;
}

/* The numbers of a Constant node. */
static bool constant_node(const onnx_node *node, struct onnx_constant *constant)
{
    if (strcmp(node->op_type, "Constant") != 0 || node->n_attribute != 1) {
        return false;
    }
    constant->attribute = node->attribute[0];
    constant->tensor = node->attribute[0]->t;
    return true;
}

/* Whether an operator that passes leaves a tensor's shape, but for a transposition. */
static bool keeps_shape(const onnx_node *node)
{
    return strcmp(node->op_type, "Identity") == 0 || strcmp(node->op_type, "Cast") == 0 ||
           (strcmp(node->op_type, "Transpose") == 0 && onnx_exchanges_two(node));
}

const onnx_node *onnx_maker_of(const struct onnx_index *index, const char *value)
{
    size_t count;
    const struct onnx_link *link = find(&index->makers, value, &count);
    return link != NULL ? index->graph->node[link->node] : NULL;
}

enum { MAX_PASSING = 16 };

bool onnx_constant_of(const struct onnx_index *index, const char *value, struct onnx_constant *constant)
{
    *constant = (struct onnx_constant){ .tensor = NULL };
    for (size_t depth = 0; depth < MAX_PASSING; depth++) {
        size_t count;
        const struct onnx_link *link = find(&index->constants, value, &count);
        if (link != NULL) {
            constant->tensor = index->graph->initializer[link->node];
            return true;
        }
        const onnx_node *node = onnx_maker_of(index, value);
        if (node == NULL || !passes(node)) {
            return node != NULL && constant_node(node, constant);
        }
        constant->reshaped |= !keeps_shape(node);
        constant->transposed ^= strcmp(node->op_type, "Transpose") == 0;
        value = node->input[0];
    }
    return false;
}

static mlp_status attribute_values(const onnx_attribute *attribute, double **values, size_t *count)
{
    *count = attribute->n_floats + attribute->n_ints;
    const bool single = *count == 0 && (attribute->has_f || attribute->has_i);
    *count += single;
    *values = memory_allocate(*count, sizeof **values);
    if (*values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < attribute->n_floats; i++) {
        (*values)[i] = (double)attribute->floats[i];
    }
    for (size_t i = 0; i < attribute->n_ints; i++) {
        (*values)[attribute->n_floats + i] = (double)attribute->ints[i];
    }
    if (single) {
        (*values)[0] = attribute->has_f ? (double)attribute->f : (double)attribute->i;
    }
    return MLP_OK;
}

mlp_status onnx_constant_values(const struct onnx_index *index, const struct onnx_constant *constant,
                                double **values, size_t *count)
{
    *values = NULL;
    if (constant->tensor == NULL) {
        return attribute_values(constant->attribute, values, count);
    }
    TRY(onnx_tensor_elements(index->file, constant->tensor, count));
    *values = memory_allocate(*count, sizeof **values);
    if (*values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < *count; i += ONNX_PIECE) {
        const size_t size = *count - i < ONNX_PIECE ? *count - i : (size_t)ONNX_PIECE;
        const mlp_status status = onnx_doubles(index->file, constant->tensor, i, size, *values + i);
        if (status != MLP_OK) {
            memory_free(*values);
            *values = NULL;
            return status;
        }
    }
    return MLP_OK;
}
