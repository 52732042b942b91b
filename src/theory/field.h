/* Mean field at finite depth: what becomes of a signal layer by layer. */
#ifndef THEORY_FIELD_H
#define THEORY_FIELD_H

#include <stddef.h>

#include <mlp/mean_field.h>

/* A network's weights and biases as mean field sees them, and what follows. `steps` receives for each layer
 * the q that `first_square`, the mean square of Z of layer 0, leads to, and the backward factor χ between it
 * and the layer above. */
struct field_step {
    double weight_variance;       /* fan-in times the mean square of W; in */
    double bias_variance;         /* mean square of b; in */
    mlp_activation_choice choice; /* of the layer; in; that of the last is not looked at */
    double q;
    double chi; /* NaN for the last */
};
void field_follow(struct field_step *steps, size_t layers, double first_square);

#endif
