/* Gains by rule: what an activation wants of the weights in front of it. */
#ifndef THEORY_GAIN_H
#define THEORY_GAIN_H

#include <mlp/init.h>
#include <mlp/mean_field.h>

/* MLP_ERROR_ARGUMENT for a value that the table does not have. */
mlp_status gain_check(mlp_gain rule);
/* The gain for an elementwise activation whose parameter is resolved; 0 for MLP_GAIN_OWN. UNSUPPORTED where
 * the rule has none. */
mlp_status gain_of(mlp_gain rule, const mlp_activation_choice *choice, double *gain);

#endif
