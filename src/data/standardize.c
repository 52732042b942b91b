/* Learning a standardization: mean and standard deviation of every feature, two passes in double. */
#include <math.h>

#include "base/memory.h"
#include "base/status.h"
#include "data/data.h"

/* Adds Σ x, or with means Σ (x − mean)², of every feature over the whole data set to `sums`. */
static void accumulate(const mlp_data *data, const double *means, float *row, double *sums)
{
    const size_t inputs = data->storage->inputs;
    for (size_t i = 0; i < data->count; i++) {
        data_gather_features(data, NULL, i, 1, row);
        for (size_t j = 0; j < inputs; j++) {
            const double rest = (double)row[j] - (means != NULL ? means[j] : 0.0);
            sums[j] += means != NULL ? rest * rest : rest;
        }
    }
}

static void learn(const mlp_data *data, double *means, double *squares, float *mean, float *scale)
{
    const size_t inputs = data->storage->inputs;
    const double count = (double)data->count;
    accumulate(data, NULL, mean, means);
    for (size_t j = 0; j < inputs; j++) {
        means[j] /= count;
    }
    accumulate(data, means, mean, squares);
    for (size_t j = 0; j < inputs; j++) {
        const double deviation = sqrt(squares[j] / count);
        /* below rounding of the mean a spread means nothing: such a feature counts as constant */
        const bool constant = !(deviation > 1e-7 * fabs(means[j])) || !(1.0 / deviation < 1e37);
        mean[j] = (float)means[j];
        scale[j] = constant ? 1.0f : (float)deviation;
    }
}

mlp_status mlp_data_standardize(const mlp_data *data, mlp_network *network)
{
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(network);
    const size_t inputs = data->storage->inputs;
    if (inputs != mlp_network_inputs(network)) {
        return fail(MLP_ERROR_SHAPE, "mlp_data_standardize: the data set has %zu inputs, the network %zu", inputs,
                    mlp_network_inputs(network));
    }
    double *sums = memory_allocate(2 * inputs, sizeof(double));
    float *floats = memory_allocate(2 * inputs, sizeof(float));
    mlp_status status = MLP_ERROR_MEMORY;
    if (sums != NULL && floats != NULL) {
        learn(data, sums, sums + inputs, floats, floats + inputs);
        status = mlp_network_set_standardization(network, floats, floats + inputs);
    }
    memory_free(sums);
    memory_free(floats);
    return status;
}
