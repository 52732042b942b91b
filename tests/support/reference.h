/* A naive network in double: plain loops from the formulas, nothing of the library's. */
#ifndef SUPPORT_REFERENCE_H
#define SUPPORT_REFERENCE_H

#include <stddef.h>

#include <mlp/mlp.h>

enum { REFERENCE_LAYERS = 4, REFERENCE_WIDTH = 160, REFERENCE_BATCH = 80 };

/* φ(z) and φ′(z) of an elementwise activation, by libm in double. */
double reference_activation(mlp_activation activation, double parameter, double z);
double reference_slope(mlp_activation activation, double parameter, double z);

/* The network of a library handle, copied out in double, and the intermediates of a pass. */
struct reference {
    size_t inputs, layers, count;
    size_t units[REFERENCE_LAYERS];
    mlp_activation activation[REFERENCE_LAYERS];
    double parameter[REFERENCE_LAYERS];
    double *w[REFERENCE_LAYERS]; /* units × inputs, column-major */
    double *b[REFERENCE_LAYERS];
    double *z[REFERENCE_LAYERS]; /* units × count */
    double *a[REFERENCE_LAYERS];
    double *dz[REFERENCE_LAYERS];
    double *dw[REFERENCE_LAYERS];
    double *db[REFERENCE_LAYERS];
    double *dx;
    const double *factor[REFERENCE_LAYERS]; /* borrowed, units × count: the layer above sees factor·a +
                                               offset; NULL: a */
    const double *offset[REFERENCE_LAYERS];
};

/* What a loss is computed by. */
struct reference_loss {
    mlp_loss loss;
    mlp_reduction reduction;
    double smoothing, delta;
    const float *class_weights;
};

void reference_make(struct reference *reference, const mlp_network *network, size_t count);
void reference_free(struct reference *reference);
void reference_forward(struct reference *reference, const float *x);
double reference_evaluate(const struct reference *reference, const struct reference_loss *loss,
                          const mlp_targets *targets);
/* After reference_forward(): all gradients. dL/dŷ is found by its formula, or taken from `dy` (count ×
 * outputs). */
void reference_backward(struct reference *reference, const float *x, const struct reference_loss *loss,
                        const mlp_targets *targets, const float *dy);

#endif
