/* The walk along an ONNX graph, from its input to its output. */
#ifndef IO_ONNX_WALK_H
#define IO_ONNX_WALK_H

#include "io/onnx_graph.h"

struct onnx_walk {
    struct onnx_index index;
    struct onnx_layers *layers;
    const char *value;         /* the network's, so far */
    bool swapped;              /* it is features × samples */
    struct onnx_affine affine; /* behind the last activation, or the input, and in front of the next layer */
};

/* A node that takes the walk's value; moves the walk to what it computes. */
typedef mlp_status onnx_step(struct onnx_walk *walk, const onnx_node *node);

/* The step of an operator, or NULL. */
onnx_step *onnx_step_of(const char *operator_name);
/* UNSUPPORTED, with the node and its operator, and what would be supported. */
mlp_status onnx_refuse(const struct onnx_walk *walk, const onnx_node *node, const char *expected);
/* The layer whose activation is still to come, or NULL. */
struct onnx_layer *onnx_open_layer(const struct onnx_walk *walk);

/* Finds an activation behind a value: *end is what it computes, NULL where there is none. */
mlp_status onnx_region_find(const struct onnx_index *index, const char *value, const char **end,
                            mlp_activation *activation, double *parameter);

#endif
