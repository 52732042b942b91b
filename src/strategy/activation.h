/* Activations: one row of behaviour for each value of mlp_activation. */
#ifndef STRATEGY_ACTIVATION_H
#define STRATEGY_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/activation.h>
#include <mlp/init.h>

#include "base/names.h"

/* The forward epilogue of one tile, rows × columns, column-major: z += bias, a = φ(z); of a row that needs
 * whole columns a = φ(z) alone, where z has its bias. */
struct activation_forward {
    float *z; /* in: W·A of the layer below; out: Z. whole_column: Z */
    size_t z_ld;
    float *a; /* out: A; may be z */
    size_t a_ld;
    const float *bias; /* one for each row; whole_column: NULL */
    size_t rows;
    size_t columns;
    float parameter;
    const mlp_activation_callbacks *custom;
};

/* The backward epilogue of one tile: d is dA on entry and dZ = dA ⊙ φ′ on return. */
struct activation_backward {
    const float *z;
    size_t z_ld;
    const float *a;
    size_t a_ld;
    float *d;
    size_t d_ld;
    size_t rows;
    size_t columns;
    float parameter;
    const mlp_activation_callbacks *custom;
};

struct activation_row {
    struct name name; /* must be first */
    bool
        whole_column; /* needs all units of a sample in one tile (softmax); such a row is for outputs alone */
    bool slope_from_value; /* φ′ follows from a alone: z may be overwritten by a */
    bool takes_parameter;
    double default_parameter; /* put in place of 0 */
    double minimum_parameter; /* range of the parameter where it is taken */
    double maximum_parameter;
    mlp_init automatic_init; /* what MLP_INIT_AUTOMATIC means for weights in front of this activation */
    bool exact_gain;         /* with gain 1/√E[φ²] (theory/mean_field.h), not the initializer's own */
    void (*forward)(const struct activation_forward *tile);
    void (*backward)(const struct activation_backward *tile);
};

/* Row of a valid activation, with kernels for the processor's vector level. Static. */
const struct activation_row *activation_row(mlp_activation activation);

/* Checks activation, parameter and callbacks; *parameter receives the one in force. The text does not name a
 * layer. */
mlp_status activation_check(mlp_activation activation, double given, const mlp_activation_callbacks *custom,
                            bool is_output, double *parameter);

#endif
