/* Dropout: kinds by name, and what each comes to. */
#include "strategy/dropout.h"

#include <math.h>

#include "base/names.h"
#include "base/status.h"

#define RESOLUTION 65536.0

/* −λ·α of SELU: where it ends on the left (Klambauer 2017). */
#define ALPHA_DROPPED (-1.0507009873554804934193349852946 * 1.6732632423543772848170429916717)

static const struct name kinds[] = {
    [MLP_DROPOUT_AUTOMATIC] = { "automatic", "alpha after selu, inverted after the others" },
    [MLP_DROPOUT_INVERTED] = { "inverted", "a/(1 - p), or 0 with probability p" },
    [MLP_DROPOUT_ALPHA] = { "alpha", "to SELU's left end with probability p; mean and variance stay" },
};

static const struct name_table names = NAME_ROWS("dropout", kinds);

STRATEGY_FUNCTIONS(mlp_dropout, mlp_dropout, &names);

struct dropout_draw dropout_draw(mlp_dropout kind, double p)
{
    const double threshold = fmin(nearbyint(p * RESOLUTION), RESOLUTION - 1.0),
                 rounded = threshold / RESOLUTION;
    const double q = 1.0 - rounded;
    struct dropout_draw draw = { .threshold = (unsigned)threshold, .kept = (float)(1.0 / q) };
    if (kind == MLP_DROPOUT_ALPHA) {
        const double scale = 1.0 / sqrt(q + ALPHA_DROPPED * ALPHA_DROPPED * q * rounded);
        const double shift = -scale * rounded * ALPHA_DROPPED;
        draw.kept = (float)scale;
        draw.shift = (float)shift;
        draw.dropped = (float)(scale * ALPHA_DROPPED + shift);
    }
    return draw;
}

mlp_status dropout_check(mlp_dropout kind)
{
    return name_check(&names, (int)kind);
}
