/* φ and φ′ in double, one value at a time: what quadratures and checks compute with. */
#ifndef THEORY_EXACT_ACTIVATION_H
#define THEORY_EXACT_ACTIVATION_H

#include <mlp/activation.h>

/* φ(z) of an elementwise activation, right to a few ulp; a custom one to its own float. The parameter has
 * been resolved. Not softmax. */
double activation_exact_value(mlp_activation activation, double parameter,
                              const mlp_activation_callbacks *custom, double z);

/* φ′(z); at a kink the value the float path takes there (ReLU: 0). */
double activation_exact_slope(mlp_activation activation, double parameter,
                              const mlp_activation_callbacks *custom, double z);

/* Pre-activations at which φ′ jumps, ascending. Returns how many, at most 2. */
size_t activation_kinks(mlp_activation activation, double kinks[2]);

#endif
