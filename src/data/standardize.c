/* Standardization learnt on a data set: mean μ_j = Σ_i x_ij / m and standard deviation σ_j = √(Σ_i (x_ij −
 * μ_j)² / m) of every feature over its m samples, in two passes over gathered blocks. */
#include <math.h>
#include <stdbool.h>

#include "base/denormals.h"
#include "base/memory.h"
#include "base/status.h"
#include "data/data.h"

enum { BLOCK_FLOATS = 16384 }; /* 64 KiB: a block stays in the second-level cache */

/* Per feature, `inputs` entries each, and the block they are summed from. */
struct moments {
    double *origin; /* what is subtracted before summing */
    double *sum;    /* Σ (x − origin) or Σ (x − origin)² */
    float *mean;
    float *scale;
    float *block; /* block_rows × inputs */
    size_t block_rows;
};

static bool allocate_moments(struct moments *moments, size_t inputs, size_t count)
{
    const size_t rows = inputs < BLOCK_FLOATS ? BLOCK_FLOATS / inputs : 1;
    moments->block_rows = rows < count ? rows : count;
    moments->origin = memory_allocate(inputs, sizeof(double));
    moments->sum = memory_allocate(inputs, sizeof(double));
    moments->mean = memory_allocate(inputs, sizeof(float));
    moments->scale = memory_allocate(inputs, sizeof(float));
    moments->block = memory_allocate(moments->block_rows * inputs, sizeof(float));
    return moments->origin != NULL && moments->sum != NULL && moments->mean != NULL &&
           moments->scale != NULL && moments->block != NULL;
}

static void free_moments(struct moments *moments)
{
    memory_free(moments->origin);
    memory_free(moments->sum);
    memory_free(moments->mean);
    memory_free(moments->scale);
    memory_free(moments->block);
}

/* sum[j] = Σ_i (x_ij − origin[j]), or of the squares. */
static mlp_status sum_differences(const mlp_data *data, struct moments *moments, bool squared)
{
    const size_t inputs = data->storage->inputs;
    const double *restrict origin = moments->origin;
    double *restrict sum = moments->sum;
    for (size_t j = 0; j < inputs; j++) {
        sum[j] = 0.0;
    }
    for (size_t first = 0; first < data->count; first += moments->block_rows) {
        const size_t left = data->count - first;
        const size_t rows = left < moments->block_rows ? left : moments->block_rows;
        TRY(data_gather_features(data, NULL, first, rows, moments->block));
        for (size_t i = 0; i < rows; i++) {
            const float *restrict x = moments->block + i * inputs;
            for (size_t j = 0; j < inputs; j++) {
                const double difference = (double)x[j] - origin[j];
                sum[j] += squared ? difference * difference : difference;
            }
        }
    }
    return MLP_OK;
}

/* Differences from the first sample are exactly 0 for a constant feature, whose σ then is, too. A σ whose
 * reciprocal is no float cannot be divided by and counts as 0. */
static mlp_status learn(const mlp_data *data, struct moments *moments)
{
    const size_t inputs = data->storage->inputs;
    const double count = (double)data->count;
    TRY(data_gather_features(data, NULL, 0, 1, moments->block));
    for (size_t j = 0; j < inputs; j++) {
        moments->origin[j] = (double)moments->block[j];
    }
    TRY(sum_differences(data, moments, false));
    for (size_t j = 0; j < inputs; j++) {
        moments->origin[j] += moments->sum[j] / count;
        moments->mean[j] = (float)moments->origin[j];
    }
    TRY(sum_differences(data, moments, true));
    for (size_t j = 0; j < inputs; j++) {
        const float scale = (float)sqrt(moments->sum[j] / count);
        moments->scale[j] = scale > 0.0f && isfinite(1.0f / scale) ? scale : 1.0f;
        if (data->storage->flags != NULL && data->storage->flags[j]) {
            moments->mean[j] = 0.0f;
            moments->scale[j] = 1.0f;
        }
    }
    return MLP_OK;
}

mlp_status mlp_data_standardize(const mlp_data *data, mlp_network *network)
{
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(network);
    FAIL_IF(mlp_network_inputs(network) != data->storage->inputs, MLP_ERROR_SHAPE,
            "standardize: the data set has %zu features, but the network has %zu inputs",
            data->storage->inputs, mlp_network_inputs(network));
    FLUSH_DENORMALS;
    struct moments moments;
    mlp_status status = MLP_ERROR_MEMORY;
    if (allocate_moments(&moments, data->storage->inputs, data->count)) {
        status = learn(data, &moments);
    }
    if (status == MLP_OK) {
        status = mlp_network_set_standardization(network, moments.mean, moments.scale);
    }
    free_moments(&moments);
    return status;
}

/* Mean and deviation of output i's values, from the first as the origin. */
static void learn_target(const mlp_data *data, size_t i, float *shift, float *scale)
{
    const struct storage *s = data->storage;
    const double origin = (double)s->values[data_sample(data, 0) * s->outputs + i],
                 count = (double)data->count;
    double sum = 0.0, squares = 0.0;
    for (size_t position = 0; position < data->count; position++) {
        sum += (double)s->values[data_sample(data, position) * s->outputs + i] - origin;
    }
    const double mean = origin + sum / count;
    for (size_t position = 0; position < data->count; position++) {
        const double difference = (double)s->values[data_sample(data, position) * s->outputs + i] - mean;
        squares += difference * difference;
    }
    const float deviation = (float)sqrt(squares / count);
    *shift = (float)mean;
    *scale = deviation > 0.0f && isfinite(deviation) && isfinite(1.0f / deviation) ? deviation : 1.0f;
}

mlp_status mlp_data_standardize_targets(const mlp_data *data, mlp_network *network)
{
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(network);
    const size_t outputs = data->storage->outputs;
    FAIL_IF(data->storage->values == NULL, MLP_ERROR_ARGUMENT,
            "standardize: the targets of the data set are %s, expected values",
            data->storage->classes != NULL ? "classes" : "none");
    FAIL_IF(mlp_network_outputs(network) != outputs, MLP_ERROR_SHAPE,
            "standardize: the data set has %zu target values a sample, but the network has %zu outputs",
            outputs, mlp_network_outputs(network));
    float *shift = memory_allocate(2 * outputs, sizeof *shift);
    REQUIRE_MEMORY(shift);
    for (size_t i = 0; i < outputs; i++) {
        learn_target(data, i, &shift[i], &shift[outputs + i]);
    }
    const mlp_status status = mlp_network_set_output_scaling(network, shift, shift + outputs);
    memory_free(shift);
    return status;
}
