/* Where an activation is flat. */
#include <math.h>

#include "diagnose/diagnose.h"
#include "theory/exact_activation.h"

/* Of the largest slope: tanh's at |a| = 0.99. */
#define FLAT 0.02
/* Far beyond any bend. */
#define FAR 1e3

static double slope_at(const mlp_activation_choice *choice, double z)
{
    return fabs(activation_exact_slope(choice->activation, choice->parameter, &choice->custom, z));
}

struct flatness flatness_of(const struct layer *layer)
{
    struct flatness flatness = {
        .choice = { layer->description.activation, layer->description.activation_parameter,
                    layer->description.custom_activation },
        .defined = !layer->activation->whole_column,
    };
    double steepest = 0.0;
    if (!flatness.defined) {
        return flatness;
    }
    for (double z = -8.0; z <= 8.0; z += 0.0625) {
        steepest = fmax(steepest, slope_at(&flatness.choice, z));
    }
    flatness.limit = FLAT * steepest;
    const bool below = slope_at(&flatness.choice, -FAR) < flatness.limit;
    const bool above = slope_at(&flatness.choice, FAR) < flatness.limit;
    flatness.bounded = below && above;
    flatness.one_sided = below != above;
    return flatness;
}

bool is_flat(const struct flatness *flatness, double z)
{
    return slope_at(&flatness->choice, z) < flatness->limit;
}

/* Where between `inside`, which is not flat, and `outside`, which is, the slope falls below the limit: the
 * value there. */
static double value_at_bend(const struct flatness *flatness, double inside, double outside)
{
    const mlp_activation_choice *choice = &flatness->choice;
    for (int i = 0; i < 200 && inside != outside; i++) {
        const double middle = 0.5 * (inside + outside);
        if (is_flat(flatness, middle)) {
            outside = middle;
        } else {
            inside = middle;
        }
    }
    return activation_exact_value(choice->activation, choice->parameter, &choice->custom, outside);
}

bool flat_values(const struct flatness *flatness, double *low, double *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (!flatness->defined || !flatness->bounded || flatness->choice.activation == MLP_ACTIVATION_CUSTOM) {
        return false;
    }
    *low = value_at_bend(flatness, 0.0, -FAR);
    *high = value_at_bend(flatness, 0.0, FAR);
    return true;
}
