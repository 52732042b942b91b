/* q and χ layer by layer, by the maps of mlp/mean_field.h. */
#include "theory/field.h"

#include <math.h>
#include <stdbool.h>

#include "theory/mean_field.h"

void field_follow(struct field_step *steps, size_t layers, double first_square)
{
    double q = first_square;
    for (size_t l = 0; l < layers; l++) {
        steps[l].q = q;
        steps[l].chi = NAN;
        if (l + 1 < layers) {
            const bool usable = q >= 0.0 && isfinite(q);
            const mlp_activation_moments moments =
                usable ? activation_moments(&steps[l].choice, q) : (mlp_activation_moments){ NAN, NAN, NAN };
            steps[l].chi = steps[l + 1].weight_variance * moments.slope_square;
            q = steps[l + 1].weight_variance * moments.square + steps[l + 1].bias_variance;
        }
    }
}
