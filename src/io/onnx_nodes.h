/* An ONNX graph being put together. What is added lives until onnx_writer_end(); after a failure, which
 * `status` keeps, nothing more is added. */
#ifndef IO_ONNX_NODES_H
#define IO_ONNX_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <onnx.pb-c.h>

#include <mlp/activation.h>

#include "base/array.h"
#include "io/byte_sink.h"
#include "io/onnx_file.h"

/* Operators as of set 13 of 2020, which every runtime since has; IR 8. */
enum { ONNX_OPSET = 13, ONNX_IR = 8 };
enum { ONNX_NAME = 64 };

struct onnx_writer {
    mlp_status status;
    Mlp__Onnx__Graph graph;
    char value[ONNX_NAME];                        /* what the next node takes */
    struct array owned;                           /* of pointers: all that was added */
    struct array nodes, tensors, inputs, outputs; /* the graph's, of pointers */
    struct array numbers; /* of struct safetensor_output, one for each tensor; values NULL: it has raw data */
};

void onnx_writer_begin(struct onnx_writer *writer);
void onnx_writer_end(struct onnx_writer *writer);

/* An input or output of samples × features, or of samples where features is 0. */
void onnx_value_add(struct onnx_writer *writer, const char *name, enum onnx_type type, size_t features,
                    bool is_output);
void onnx_value_set(struct onnx_writer *writer, const char *name);
/* A node of at most 3 inputs. NULL after a failure, which what follows takes. */
Mlp__Onnx__Node *onnx_node_add(struct onnx_writer *writer, const char *op, const char *const *inputs,
                               size_t count, const char *output);
void onnx_integer_add(struct onnx_writer *writer, Mlp__Onnx__Node *node, const char *name, int64_t value);
void onnx_float_add(struct onnx_writer *writer, Mlp__Onnx__Node *node, const char *name, float value);
/* A tensor of rank 0 to 2; its bytes, all 0, are the caller's to fill in. NULL after a failure. */
unsigned char *onnx_tensor_add(struct onnx_writer *writer, const char *name, enum onnx_type type, size_t rank,
                               const size_t *shape, size_t size);
/* A tensor of rows × columns floats, or of rows where columns is 0: values[i + j·stride], borrowed until the
 * model is written. */
void onnx_matrix_add(struct onnx_writer *writer, const char *name, const float *values, size_t rows,
                     size_t columns, size_t stride);
/* The nodes from the writer's value to `end` = φ(value); l makes their names different. */
void onnx_activation_add(struct onnx_writer *writer, mlp_activation activation, double parameter, size_t l,
                         const char *end);

/* Writes the model with the writer's graph; tensors' numbers go from the network into the sink piece by
 * piece. `names`: the metadata class_names, or NULL. */
mlp_status onnx_model_write(const struct onnx_writer *writer, const char *names, struct byte_sink *sink);

#endif
