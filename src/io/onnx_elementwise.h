/* Activations in ONNX graphs, whichever operators a file puts them together from. */
#ifndef IO_ONNX_ELEMENTWISE_H
#define IO_ONNX_ELEMENTWISE_H

#include <stdbool.h>

#include <mlp/activation.h>

#include "io/onnx_file.h"

/* Pre-activations at which functions are compared, −12 to 12 in steps of 1/4. */
enum { ONNX_GRID = 97, ONNX_MAX_OPERANDS = 3 };
double onnx_grid(size_t i);

/* Applies a node to the values of its operands, at all points of the grid; NULL: an operand left out. False
 * where its operator is none of those known. `out` is none of the operands. */
bool onnx_elementwise(const onnx_node *node, const double *const *operands, double *out);

/* The activation that a product's node names; its attributes have their names behind "activation_". */
bool onnx_fused_activation(const onnx_node *node, const ProtobufCBinaryData *name, mlp_activation *activation,
                           double *parameter);

/* Finds the activation that has these values on the grid, within float's rounding of constants. */
bool onnx_activation_of(const double *values, mlp_activation *activation, double *parameter);

/* A number of a node's attributes: f or i; 1 for the text "tanh". `otherwise` where there is none. */
double onnx_number(const onnx_node *node, const char *name, double otherwise);
const onnx_attribute *onnx_attribute_of(const onnx_node *node, const char *name);

#endif
