/* Symmetry: units of a layer that compute the same. */
#include <math.h>

#include <mlp/diagnose.h>

#include "base/status.h"
#include "model/network.h"

static double largest_magnitude(const mlp_const_matrix *w)
{
    double largest = 0.0;
    for (size_t j = 0; j < w->columns; j++) {
        for (size_t i = 0; i < w->rows; i++) {
            const double magnitude = fabs((double)w->data[i + j * w->leading_dimension]);
            largest =
                magnitude > largest ? magnitude : largest; /* gcc 12.2 fails on fmax() here, for aarch64 */
        }
    }
    return largest;
}

/* NaN equals nothing. */
static int alike(const mlp_const_matrix *w, const mlp_const_matrix *b, size_t i, size_t k, double tolerance)
{
    if (!(fabs((double)b->data[i] - (double)b->data[k]) <= tolerance)) {
        return 0;
    }
    for (size_t j = 0; j < w->columns; j++) {
        const float *column = w->data + j * w->leading_dimension;
        if (!(fabs((double)column[i] - (double)column[k]) <= tolerance)) {
            return 0;
        }
    }
    return 1;
}

mlp_status mlp_symmetry(const mlp_network *network, size_t layer, double tolerance, size_t *group,
                        size_t *groups)
{
    mlp_const_matrix w, b;
    size_t different = 0;
    REQUIRE_ARGUMENT(group);
    FAIL_IF(!(tolerance >= 0.0) || !isfinite(tolerance), MLP_ERROR_RANGE,
            "mlp_symmetry: tolerance is %g, expected a finite number of at least 0", tolerance);
    TRY(mlp_network_weights(network, layer, &w));
    TRY(mlp_network_bias(network, layer, &b));
    const double difference = tolerance > 0.0 ? tolerance * largest_magnitude(&w) : 0.0;
    for (size_t i = 0; i < w.rows; i++) {
        group[i] = i;
        for (size_t k = 0; k < i && group[i] == i; k++) {
            if (group[k] == k && alike(&w, &b, i, k, difference)) {
                group[i] = k;
            }
        }
        different += group[i] == i;
    }
    if (groups != NULL) {
        *groups = different;
    }
    return MLP_OK;
}
