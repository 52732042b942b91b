/* From an ONNX graph to layers: a walk from the input to the output. */
#include "io/onnx_graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/json_reader.h"
#include "io/onnx_elementwise.h"
#include "io/onnx_walk.h"

static void parameter_free(struct onnx_parameter *parameter)
{
    memory_free(parameter->row_scale);
    memory_free(parameter->column_scale);
    memory_free(parameter->values);
}

void onnx_layers_free(struct onnx_layers *layers)
{
    struct onnx_layer *layer = layers->layers.items;
    for (size_t l = 0; l < layers->layers.count; l++) {
        parameter_free(&layer[l].weights);
        parameter_free(&layer[l].bias);
    }
    array_free(&layers->layers);
    parameter_free(&layers->mean);
    parameter_free(&layers->scale);
    for (size_t i = 0; i < layers->class_name_count; i++) {
        memory_free(layers->class_names[i]);
    }
    memory_free(layers->class_names);
    *layers = (struct onnx_layers){ .inputs = 0 };
}

/* ---- class names --------------------------------------------------------------------------------------- */

static mlp_status begin_class_names(struct onnx_layers *layers, size_t count)
{
    if (layers->class_names != NULL || count == 0) {
        return MLP_OK;
    }
    layers->class_names = memory_allocate(count, sizeof *layers->class_names);
    layers->class_name_count = layers->class_names != NULL ? count : 0;
    return layers->class_names != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

/* The array of texts `class_names` among the metadata, as the export writes it. */
static mlp_status copy_class_names(const struct onnx_file *file, const struct json_node *names,
                                   struct onnx_layers *layers)
{
    if (names->type != NODE_ARRAY) {
        return fail(MLP_ERROR_FORMAT, "%s: metadata 'class_names' is no array of texts", file->path);
    }
    TRY(begin_class_names(layers, names->count));
    const struct json_node *name = node_first(names);
    for (size_t i = 0; i < layers->class_name_count; i++, name = node_next(name)) {
        if (node_text(name) == NULL) {
            return fail(MLP_ERROR_FORMAT, "%s: metadata 'class_names' is no array of texts", file->path);
        }
        layers->class_names[i] = memory_copy_text(node_text(name));
        if (layers->class_names[i] == NULL) {
            return MLP_ERROR_MEMORY;
        }
    }
    return MLP_OK;
}

static mlp_status read_class_names(const struct onnx_file *file, char *text, struct onnx_layers *layers)
{
    struct json_document document;
    mlp_status status = json_read(file->path, "metadata 'class_names'", text, strlen(text), &document);
    status = status == MLP_OK ? copy_class_names(file, document.nodes, layers) : status;
    json_document_free(&document);
    return status;
}

static mlp_status read_metadata(const struct onnx_file *file, struct onnx_layers *layers)
{
    for (size_t i = 0; i < file->model->n_metadata_props; i++) {
        const Mlp__Onnx__Entry *entry = file->model->metadata_props[i];
        if (entry->key != NULL && entry->value != NULL && strcmp(entry->key, "class_names") == 0 &&
            layers->class_names == NULL) {
            TRY(read_class_names(file, entry->value, layers));
        }
    }
    return MLP_OK;
}

/* A class of scikit-learn's, by a text of at most 255 bytes or a whole number. */
static char *class_text(const onnx_attribute *classes, size_t i)
{
    char text[256] = "";
    if (classes->n_strings > 0) {
        const ProtobufCBinaryData *from = &classes->strings[i];
        if (from->len > 0) { /* else it has no bytes: NULL */
            memcpy(text, from->data, from->len < sizeof text - 1 ? from->len : sizeof text - 1);
        }
    } else {
        snprintf(text, sizeof text, "%" PRId64, classes->ints[i]);
    }
    return memory_copy_text(text);
}

/* scikit-learn's dictionaries of classes and outputs. */
static mlp_status pass_zip_map(struct onnx_walk *walk, const onnx_node *node)
{
    const onnx_attribute *texts = onnx_attribute_of(node, "classlabels_strings"),
                         *classes = texts != NULL ? texts : onnx_attribute_of(node, "classlabels_int64s");
    struct onnx_layers *layers = walk->layers;
    walk->value = node->output[0];
    if (layers->class_names != NULL || classes == NULL) {
        return MLP_OK;
    }
    TRY(begin_class_names(layers, classes->n_strings > 0 ? classes->n_strings : classes->n_ints));
    for (size_t i = 0; i < layers->class_name_count; i++) {
        layers->class_names[i] = class_text(classes, i);
        if (layers->class_names[i] == NULL) {
            return MLP_ERROR_MEMORY;
        }
    }
    return MLP_OK;
}

/* Whether a constant is the number 1. */
static mlp_status is_one(const struct onnx_index *index, const struct onnx_constant *constant, bool *one)
{
    double *values;
    size_t count;
    TRY(onnx_constant_values(index, constant, &values, &count));
    *one = count == 1 && values[0] == 1.0;
    memory_free(values);
    return MLP_OK;
}

/* Whether the walk has come to the probability of one sigmoid unit. */
static bool is_probability(const struct onnx_walk *walk)
{
    const struct array *layers = &walk->layers->layers;
    if (layers->count == 0 || onnx_open_layer(walk) != NULL || walk->affine.count > 0) {
        return false;
    }
    const struct onnx_layer *last = (const struct onnx_layer *)layers->items + layers->count - 1;
    return last->activation == MLP_ACTIVATION_SIGMOID && last->weights.rows == 1;
}

/* scikit-learn's two classes of one unit: the concatenation of 1 − p and p. *taken where the walk took it. */
static mlp_status pass_two_classes(struct onnx_walk *walk, const onnx_node *concat, bool *taken)
{
    struct onnx_constant constant;
    size_t users;
    *taken = false;
    if (strcmp(concat->op_type, "Concat") != 0 || concat->n_input != 2 ||
        strcmp(concat->input[1], walk->value) != 0 || !is_probability(walk)) {
        return MLP_OK;
    }
    const struct onnx_link *link = onnx_users(&walk->index, walk->value, &users);
    for (size_t i = 0; i < users && !*taken; i++) {
        const onnx_node *node = walk->index.graph->node[link[i].node];
        if (strcmp(node->op_type, "Sub") == 0 && node->n_input == 2 &&
            strcmp(node->output[0], concat->input[0]) == 0 && strcmp(node->input[1], walk->value) == 0 &&
            onnx_constant_of(&walk->index, node->input[0], &constant)) {
            TRY(is_one(&walk->index, &constant, taken));
        }
    }
    walk->value = *taken ? concat->output[0] : walk->value;
    return MLP_OK;
}

/* ---- the walk ------------------------------------------------------------------------------------------ */

/* Numbers of a sample, where all dimensions but the first are given; else 0. */
static size_t declared_features(const Mlp__Onnx__ValueInfo *input)
{
    const Mlp__Onnx__TensorType *tensor = input->type != NULL ? input->type->tensor_type : NULL;
    const Mlp__Onnx__Shape *shape = tensor != NULL ? tensor->shape : NULL;
    size_t features = shape != NULL && shape->n_dim > 1;
    const size_t rank = features > 0 ? shape->n_dim : 0;
    for (size_t d = 1; d < rank; d++) {
        const int64_t size = shape->dim[d]->dim_value;
        if (size <= 0 || !size_multiply(features, (size_t)size, &features)) {
            return 0;
        }
    }
    return features;
}

/* The graph's one input that is no initializer (which old files list, too). */
static mlp_status find_input(struct onnx_walk *walk)
{
    const onnx_graph *graph = walk->index.graph;
    for (size_t i = 0; i < graph->n_input; i++) {
        const char *name = graph->input[i]->name;
        struct onnx_constant constant;
        if (name == NULL || onnx_constant_of(&walk->index, name, &constant)) {
            continue;
        }
        if (walk->value != NULL) {
            return fail(MLP_ERROR_UNSUPPORTED,
                        "%s: the graph has the inputs '%.64s' and '%.64s', expected one, and "
                        "constants among the initializers",
                        walk->index.file->path, walk->value, name);
        }
        walk->value = name;
        walk->features = declared_features(graph->input[i]);
    }
    return walk->value != NULL
               ? MLP_OK
               : fail(MLP_ERROR_UNSUPPORTED, "%s: the graph has no input", walk->index.file->path);
}

/* The one node that takes the value. What asks for its shape serves a Reshape, which takes it, too. */
static mlp_status next_node(struct onnx_walk *walk, const onnx_node **next)
{
    size_t users;
    bool taken;
    const onnx_graph *graph = walk->index.graph;
    const struct onnx_link *link = onnx_users(&walk->index, walk->value, &users);
    const onnx_node *shape = NULL;
    *next = NULL;
    for (size_t i = 0; i < users; i++) {
        const onnx_node *node = graph->node[link[i].node];
        if (strcmp(node->op_type, "Shape") == 0) {
            shape = node;
            continue;
        }
        if (node == *next) {
            continue;
        }
        TRY(pass_two_classes(walk, node, &taken));
        if (taken) {
            return MLP_OK;
        }
        if (*next != NULL && strcmp(graph->node[link[users - 1].node]->op_type, "Concat") != 0) {
            return onnx_refuse(walk, node, "the value that it takes goes to several nodes, expected a chain");
        }
        *next = node;
    }
    if (*next == NULL && shape != NULL) {
        return onnx_refuse(walk, shape, "expected a node that takes the samples themselves");
    }
    return *next != NULL ? MLP_OK
                         : fail(MLP_ERROR_UNSUPPORTED,
                                "%s: the graph's output '%.64s' does not follow from its input '%.64s'",
                                walk->index.file->path, walk->index.output, walk->value);
}

/* An activation where one begins here. */
static mlp_status take_activation(struct onnx_walk *walk, bool *taken)
{
    struct onnx_layer *layer = onnx_open_layer(walk);
    const char *end = NULL;
    *taken = false;
    if (layer == NULL) {
        return MLP_OK;
    }
    TRY(onnx_region_find(&walk->index, walk->value, &end, &layer->activation, &layer->activation_parameter));
    if (end != NULL) {
        layer->complete = true;
        walk->value = end;
        *taken = true;
    }
    return MLP_OK;
}

static mlp_status take_node(struct onnx_walk *walk)
{
    const char *value = walk->value;
    const onnx_node *node;
    TRY(next_node(walk, &node));
    if (walk->value != value) {
        return MLP_OK; /* past two classes */
    }
    if (strcmp(node->op_type, "ZipMap") == 0) {
        return pass_zip_map(walk, node);
    }
    return onnx_step_take(walk, node);
}

static mlp_status walk_graph(struct onnx_walk *walk)
{
    const size_t nodes = walk->index.graph->n_node;
    TRY(find_input(walk));
    for (size_t n = 0; strcmp(walk->value, walk->index.output) != 0; n++) {
        bool taken;
        if (n > nodes) {
            return fail(MLP_ERROR_FORMAT, "%s: the graph has a circle", walk->index.file->path);
        }
        TRY(take_activation(walk, &taken));
        if (!taken) {
            TRY(take_node(walk));
        }
    }
    if (walk->layers->layers.count == 0 || walk->affine.count > 0 || walk->swapped) {
        return fail(MLP_ERROR_UNSUPPORTED,
                    "%s: the graph's output '%.64s' is not that of a layer, expected Gemm or MatMul and an "
                    "activation",
                    walk->index.file->path, walk->index.output);
    }
    return MLP_OK;
}

mlp_status onnx_layers_read(const struct onnx_file *file, struct onnx_layers *layers)
{
    struct onnx_walk walk = { .layers = layers };
    *layers = (struct onnx_layers){ .inputs = 0 };
    mlp_status status = onnx_index_build(file, &walk.index);
    status = status == MLP_OK ? read_metadata(file, layers) : status;
    status = status == MLP_OK ? walk_graph(&walk) : status;
    onnx_affine_free(&walk.affine);
    onnx_index_free(&walk.index);
    return status;
}
