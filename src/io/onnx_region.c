/* The stretch of elementwise nodes behind a layer that computes an activation. */
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_elementwise.h"
#include "io/onnx_walk.h"

/* Nodes of one activation, and nodes looked at to find them, at most. */
enum { MAX_NODES = 24, MAX_DISTANCE = 256 };

/* A value computed from the pre-activation, at all points of the grid. */
struct region_value {
    const char *name;
    size_t unused; /* uses that no node of the region has yet */
    double grid[ONNX_GRID];
};

struct region {
    const struct onnx_index *index;
    size_t count;
    struct region_value values[MAX_NODES + 1]; /* the first is the pre-activation */
    double constants[ONNX_MAX_OPERANDS][ONNX_GRID];
};

static struct region_value *value_of(struct region *region, const char *name)
{
    for (size_t i = 0; i < region->count; i++) {
        if (strcmp(region->values[i].name, name) == 0) {
            return &region->values[i];
        }
    }
    return NULL;
}

/* An operand on the grid: a value of the region, or one number for all. *values NULL: neither. */
static mlp_status operand(struct region *region, const char *name, size_t k, const double **values)
{
    struct onnx_constant constant;
    const struct region_value *value = value_of(region, name);
    double *numbers;
    size_t count = 1;
    *values = value != NULL ? value->grid : NULL;
    if (value != NULL || !onnx_constant_of(region->index, name, &constant)) {
        return MLP_OK;
    }
    if (constant.tensor != NULL) {
        TRY(onnx_tensor_elements(region->index->file, constant.tensor, &count));
    }
    if (count != 1) {
        return MLP_OK; /* a matrix of weights is not read for this */
    }
    TRY(onnx_constant_values(region->index, &constant, &numbers, &count));
    if (count == 1) {
        for (size_t i = 0; i < ONNX_GRID; i++) {
            region->constants[k][i] = numbers[0];
        }
        *values = region->constants[k];
    }
    memory_free(numbers);
    return MLP_OK;
}

/* Adds a node's value where its operands are the region's or numbers; *added false where they are not. */
static mlp_status add_node(struct region *region, const onnx_node *node, bool *added)
{
    const double *operands[ONNX_MAX_OPERANDS] = { NULL };
    struct region_value *next = &region->values[region->count];
    *added = false;
    const bool drops = strcmp(node->op_type, "Dropout") == 0; /* a training mode is the walk's to look at */
    if (node->n_input > (drops ? 2 : ONNX_MAX_OPERANDS)) {
        return MLP_OK;
    }
    for (size_t k = 0; k < node->n_input; k++) {
        if (node->input[k][0] == '\0' || (k > 0 && drops)) {
            continue;
        }
        TRY(operand(region, node->input[k], k, &operands[k]));
        if (operands[k] == NULL) {
            return MLP_OK;
        }
    }
    *added = operands[0] != NULL && onnx_elementwise(node, operands, next->grid);
    return MLP_OK;
}

/* Counts a node's uses of the region's values. */
static size_t count_uses(struct region *region, const onnx_node *node, bool take)
{
    size_t uses = 0;
    for (size_t k = 0; k < node->n_input; k++) {
        struct region_value *value = value_of(region, node->input[k]);
        uses += value != NULL;
        if (value != NULL && take) {
            value->unused--;
        }
    }
    return uses;
}

/* Whether everything but the newest value has been used up. */
static bool is_cut(const struct region *region)
{
    size_t unused = 0;
    for (size_t i = 0; i + 1 < region->count; i++) {
        unused += region->values[i].unused;
    }
    return unused == 0;
}

static void enter(struct region *region, const char *name)
{
    struct region_value *value = &region->values[region->count++];
    value->name = name;
    onnx_users(region->index, name, &value->unused);
}

static mlp_status search(struct region *region, size_t first, const char **end, mlp_activation *activation,
                         double *parameter)
{
    const onnx_graph *graph = region->index->graph;
    for (size_t n = first; n < graph->n_node && n - first < MAX_DISTANCE; n++) {
        const onnx_node *node = graph->node[n];
        mlp_activation found;
        double with;
        bool added;
        if (!region->index->needed[n] || count_uses(region, node, false) == 0) {
            continue;
        }
        if (region->count > MAX_NODES) {
            break;
        }
        TRY(add_node(region, node, &added));
        if (!added) {
            break;
        }
        count_uses(region, node, true);
        enter(region, node->output[0]);
        if (is_cut(region) && onnx_activation_of(region->values[region->count - 1].grid, &found, &with)) {
            *end = node->output[0];
            *activation = found;
            *parameter = with;
        }
    }
    return MLP_OK;
}

mlp_status onnx_region_find(const struct onnx_index *index, const char *value, const char **end,
                            mlp_activation *activation, double *parameter)
{
    size_t count;
    const struct onnx_link *first = onnx_users(index, value, &count);
    *end = NULL;
    if (first == NULL) {
        return MLP_OK;
    }
    struct region *region = memory_allocate(1, sizeof *region);
    if (region == NULL) {
        return MLP_ERROR_MEMORY;
    }
    region->index = index;
    enter(region, value);
    for (size_t i = 0; i < ONNX_GRID; i++) {
        region->values[0].grid[i] = onnx_grid(i);
    }
    const mlp_status status = search(region, first->node, end, activation, parameter);
    memory_free(region);
    return status;
}
