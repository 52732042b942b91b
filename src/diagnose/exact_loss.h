/* The losses in double. */
#ifndef DIAGNOSE_EXACT_LOSS_H
#define DIAGNOSE_EXACT_LOSS_H

#include "model/network.h"

/* The output layer's tensors, units × count, and room for a custom loss's floats. */
struct exact_outputs {
    const mlp_network *network;
    const mlp_targets *targets;
    size_t count;
    const double *z;
    const double *a;
    float *single;
};

/* What unit `unit` of a sample should have come out as. */
double exact_target(const mlp_network *network, const mlp_targets *targets, size_t sample, size_t unit);

/* The reduced loss. A custom loss's failure goes to *status. */
double exact_loss(const struct exact_outputs *outputs, mlp_status *status);

#endif
