/* Averages of an activation over Gaussian pre-activations. */
#ifndef THEORY_MEAN_FIELD_H
#define THEORY_MEAN_FIELD_H

#include <mlp/mean_field.h>

/* The averages for a checked choice whose parameter has been resolved; 0 ≤ q ≤ ∞; at 0 and ∞ the limits. */
mlp_activation_moments activation_moments(const mlp_activation_choice *choice, double q);

/* g = 1/√E[φ(z)²] over z ~ N(0, 1); 1 for an activation that is 0 almost everywhere. */
double activation_exact_gain(const mlp_activation_choice *choice);

#endif
