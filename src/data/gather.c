/* Gathering samples: from wherever they lie in the storage into consecutive rows of a batch. */
#include <string.h>

#include "base/status.h"
#include "data/data.h"
#include "linalg/vector.h"

/* Index into the storage of a position in the data set. */
static size_t sample_at(const mlp_data *data, size_t position)
{
    return data->samples != NULL ? data->samples[position] : data->first + position;
}

/* Samples that lie one after another in the storage are moved together: the number from position `first + done` on. */
static size_t run_length(const mlp_data *data, const size_t *order, size_t count, size_t done)
{
    return order == NULL && data->samples == NULL ? count - done : 1;
}

static size_t position_of(const size_t *order, size_t first, size_t i)
{
    return order != NULL ? order[i] : first + i;
}

void data_gather_features(const mlp_data *data, const size_t *order, size_t first, size_t count, float *x)
{
    const struct storage *storage = data->storage;
    const struct vector_kernels *kernels = vector_kernels();
    for (size_t i = 0; i < count;) {
        const size_t run = run_length(data, order, count, i);
        const size_t start = sample_at(data, position_of(order, first, i)) * storage->inputs;
        const size_t length = run * storage->inputs;
        float *out = x + i * storage->inputs;
        if (storage->features != NULL) {
            memcpy(out, storage->features + start, length * sizeof(float));
        } else {
            kernels->from_bytes(storage->bytes + start, storage->byte_scale, length, out);
        }
        i += run;
    }
}

void data_gather_targets(const mlp_data *data, const size_t *order, size_t first, size_t count, int32_t *classes,
                         float *values, float *weights)
{
    const struct storage *storage = data->storage;
    const size_t outputs = storage->outputs;
    for (size_t i = 0; i < count; i++) {
        const size_t sample = sample_at(data, position_of(order, first, i));
        if (classes != NULL && storage->classes != NULL) {
            classes[i] = storage->classes[sample];
        }
        if (values != NULL && storage->values != NULL) {
            memcpy(values + i * outputs, storage->values + sample * outputs, outputs * sizeof(float));
        }
        if (weights != NULL) {
            weights[i] = storage->weights != NULL ? storage->weights[sample] : 1.0f;
        }
    }
}

mlp_status mlp_data_read(const mlp_data *data, size_t first, size_t count, float *x, int32_t *classes, float *values)
{
    REQUIRE_ARGUMENT(data);
    if (first > data->count || count > data->count - first) {
        return fail(MLP_ERROR_RANGE, "data: %zu samples from %zu on are asked for, but there are %zu", count, first,
                    data->count);
    }
    if (classes != NULL && data->storage->classes == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "data: classes are asked for, but the targets are %s",
                    data->storage->values != NULL ? "values" : "none");
    }
    if (values != NULL && data->storage->values == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "data: target values are asked for, but the targets are %s",
                    data->storage->classes != NULL ? "classes" : "none");
    }
    if (x != NULL) {
        data_gather_features(data, NULL, first, count, x);
    }
    data_gather_targets(data, NULL, first, count, classes, values, NULL);
    return MLP_OK;
}
