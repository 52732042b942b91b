/* The layers that an ONNX graph computes. */
#ifndef IO_ONNX_GRAPH_H
#define IO_ONNX_GRAPH_H

#include <stdbool.h>

#include <mlp/network.h>

#include "base/array.h"
#include "io/onnx_file.h"

/* A matrix or a vector of the network, as the file's nodes give it. */
struct onnx_parameter {
    size_t rows, columns;      /* columns 0: a vector */
    const onnx_tensor *tensor; /* of a matrix: W[i][j] = factor · tensor · row_scale[i] · column_scale[j] */
    bool transposed;           /* the tensor is columns × rows */
    double factor;
    double *row_scale, *column_scale; /* owned; NULL: all 1 */
    double *values;                   /* of a vector; owned */
};

/* A = φ(W·A + b). */
struct onnx_layer {
    struct onnx_parameter weights, bias;
    mlp_activation activation;
    double activation_parameter;
    bool complete; /* the activation is behind us: what follows is the next layer's */
};

/* x·k + t for each of `count` values, or for any number of them where it is 1; 0: x itself. */
struct onnx_affine {
    size_t count;
    double *k, *t; /* owned */
};

struct onnx_layers {
    struct array layers; /* of struct onnx_layer */
    size_t inputs;
    struct onnx_parameter mean, scale; /* rows 0: no standardization */
    char **class_names;                /* owned, one by one; NULL: none */
    size_t class_name_count;
};

/* Reads the layers out of a graph; onnx_layers_free() afterwards also when it fails. UNSUPPORTED with the
 * node and its operator for what is no perceptron; FORMAT, IO, MEMORY, NONFINITE. */
mlp_status onnx_layers_read(const struct onnx_file *file, struct onnx_layers *layers);
void onnx_layers_free(struct onnx_layers *layers);

/* ---- inside the reading: onnx_index.c finds values and nodes, onnx_affine.c computes ------------------- */

/* Nodes by the names of values: sorted by name, then by node. */
struct onnx_link {
    const char *value;
    size_t node;
};
struct onnx_links {
    struct onnx_link *links; /* owned */
    size_t count;
};

struct onnx_index {
    const struct onnx_file *file;
    const onnx_graph *graph;
    struct onnx_links makers;    /* node that computes a value */
    struct onnx_links constants; /* initializer of a name; `node` is its number */
    struct onnx_links users;     /* nodes needed for the output that take a value */
    bool *needed;                /* nodes */
    const char *output;          /* the value that the network computes */
};

/* A constant of the graph: a tensor, or numbers of an attribute. */
struct onnx_constant {
    const onnx_tensor *tensor; /* NULL: values */
    bool transposed, reshaped;
    const onnx_attribute *attribute;
};

mlp_status onnx_index_build(const struct onnx_file *file, struct onnx_index *index);
void onnx_index_free(struct onnx_index *index);
/* The first node that uses a value, and how many do; 0 where none does. */
const struct onnx_link *onnx_users(const struct onnx_index *index, const char *value, size_t *count);
/* The node that computes a value, or NULL. */
const onnx_node *onnx_maker_of(const struct onnx_index *index, const char *value);
bool onnx_constant_of(const struct onnx_index *index, const char *value, struct onnx_constant *constant);
/* A constant's numbers in a new array (memory_free). */
mlp_status onnx_constant_values(const struct onnx_index *index, const struct onnx_constant *constant,
                                double **values, size_t *count);
/* Whether `perm` of a Transpose exchanges two dimensions, as it does by default. */
bool onnx_exchanges_two(const onnx_node *node);
/* Whether its operator is of that set; "": ONNX's own. */
bool onnx_is_of_domain(const onnx_node *node, const char *domain);
/* The node's name, or that of its first output. */
const char *onnx_node_name(const onnx_node *node);

/* affine = k·affine + t, each of `count` or of 1. SHAPE where neither fits. */
mlp_status onnx_affine_apply(struct onnx_affine *affine, const double *k, const double *t, size_t count);
void onnx_affine_free(struct onnx_affine *affine);
/* The same behind a layer's W and b. */
mlp_status onnx_layer_scale(struct onnx_layer *layer, const struct onnx_affine *affine);
/* Takes it into W and b from the front: W·(k∘x + t) + b. */
mlp_status onnx_layer_take(const struct onnx_file *file, struct onnx_layer *layer,
                           const struct onnx_affine *affine);
/* Into a column-major matrix, or a vector. */
mlp_status onnx_parameter_read(const struct onnx_file *file, const struct onnx_parameter *parameter,
                               float *out, size_t stride);

#endif
