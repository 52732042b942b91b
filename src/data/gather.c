/* Gathering samples into batches: bytes become floats here and nowhere else. */
#include <string.h>

#include "base/status.h"
#include "data/data.h"
#include "linalg/vector.h"

static size_t gathered(const mlp_data *data, const size_t *order, size_t first, size_t i)
{
    return data_sample(data, order != NULL ? order[i] : first + i);
}

void data_gather_features(const mlp_data *data, const size_t *order, size_t first, size_t count, float *x)
{
    const struct storage *s = data->storage;
    for (size_t i = 0; i < count; i++) {
        const size_t offset = gathered(data, order, first, i) * s->inputs;
        if (s->bytes != NULL) {
            vector_kernels()->from_bytes(s->bytes + offset, s->byte_scale, s->inputs, x + i * s->inputs);
        } else {
            memcpy(x + i * s->inputs, s->features + offset, s->inputs * sizeof(float));
        }
    }
}

void data_gather_targets(const mlp_data *data, const size_t *order, size_t first, size_t count, int32_t *classes,
                         float *values, float *weights)
{
    const struct storage *s = data->storage;
    for (size_t i = 0; i < count; i++) {
        const size_t sample = gathered(data, order, first, i);
        if (classes != NULL) {
            classes[i] = s->classes[sample];
        }
        if (values != NULL) {
            memcpy(values + i * s->outputs, s->values + sample * s->outputs, s->outputs * sizeof(float));
        }
        if (weights != NULL) {
            weights[i] = s->weights != NULL ? s->weights[sample] : 1.0f;
        }
    }
}

mlp_status mlp_data_read(const mlp_data *data, size_t first, size_t count, float *x, int32_t *classes, float *values)
{
    REQUIRE_ARGUMENT(data);
    if (first > data->count || count > data->count - first) {
        return fail(MLP_ERROR_RANGE, "mlp_data_read: samples %zu to %zu asked for, the data set has %zu", first,
                    first + count, data->count);
    }
    if (classes != NULL && data->storage->classes == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "mlp_data_read: classes asked for, the data set has none");
    }
    if (values != NULL && data->storage->values == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "mlp_data_read: values asked for, the data set has none");
    }
    if (x != NULL) {
        data_gather_features(data, NULL, first, count, x);
    }
    data_gather_targets(data, NULL, first, count, classes, values, NULL);
    return MLP_OK;
}
