/* The walk along an ONNX graph, from its input to its output. */
#ifndef IO_ONNX_WALK_H
#define IO_ONNX_WALK_H

#include "io/onnx_graph.h"

struct onnx_walk {
    struct onnx_index index;
    struct onnx_layers *layers;
    const char *value;         /* the network's, so far */
    size_t features;           /* of a sample, as the graph's input declares them; 0: it does not */
    bool swapped;              /* the value is features × samples */
    struct onnx_affine affine; /* behind the last activation, or the input, and in front of the next layer */
};

/* A node that takes the walk's value; moves the walk to what it computes. */
typedef mlp_status onnx_step(struct onnx_walk *walk, const onnx_node *node);

/* The step of whichever operator the node has, or a refusal. */
onnx_step onnx_step_take;
/* What hands the samples on. */
onnx_step onnx_step_identity, onnx_step_dropout, onnx_step_cast, onnx_step_flatten, onnx_step_squeeze,
    onnx_step_reshape, onnx_step_transpose;
/* A failure's text, behind the node and its operator. */
mlp_status onnx_at_node(const struct onnx_walk *walk, const onnx_node *node, mlp_status status);
/* UNSUPPORTED, with the node and its operator, and what would be supported. */
mlp_status onnx_refuse(const struct onnx_walk *walk, const onnx_node *node, const char *expected);
/* The layer whose activation is still to come, or NULL. */
struct onnx_layer *onnx_open_layer(const struct onnx_walk *walk);

/* Finds an activation behind a value: *end is what it computes, NULL where there is none. */
mlp_status onnx_region_find(const struct onnx_index *index, const char *value, const char **end,
                            mlp_activation *activation, double *parameter);

#endif
