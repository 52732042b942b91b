/* A forward pass and a loss in double by plain loops, and trials in which one parameter is moved. */
#ifndef DIAGNOSE_EXACT_PASS_H
#define DIAGNOSE_EXACT_PASS_H

#include <stdbool.h>

#include "model/network.h"

/* Z and A of all layers, units × count each, one after the other. */
struct exact_tensors {
    double *z;
    double *a;
};

struct exact_pass {
    const mlp_network *network;
    const mlp_targets *targets;
    size_t count;
    double *x;                    /* inputs × count, standardized */
    size_t *offsets;              /* of each layer in z and a */
    struct exact_tensors base;    /* nothing moved */
    struct exact_tensors side[2]; /* a parameter moved up, down */
    float *outputs;               /* for a custom loss */
    mlp_status status;            /* what a custom loss returned */
};

mlp_status exact_pass_make(struct exact_pass *pass, const mlp_network *network, const float *x,
                           const mlp_targets *targets, size_t count);
void exact_pass_free(struct exact_pass *pass);

/* Entry (row, column) of W of layer l, or of its bias, which is moved by `move`. */
struct moved {
    size_t layer;
    bool is_bias;
    size_t row;
    size_t column;
};
/* The loss with it; Z and A of this layer and those above go to side[side]. */
double exact_trial(struct exact_pass *pass, int side, const struct moved *moved, double move);

/* Whether between the two trials any unit's Z from `layer` on crosses a kink, or an absolute error its zero.
 */
bool exact_kink_between(const struct exact_pass *pass, size_t layer);

#endif
