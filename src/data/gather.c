/* Gathering samples: from wherever they lie in the storage into consecutive rows of a batch. */
#include <string.h>

#include "base/status.h"
#include "data/schema.h"
#include "linalg/vector.h"

/* Where fewer samples of the file than one in so many are wanted, the others are not read ahead. */
enum { SPARSE = 8 };

/* Index into the storage of the i-th sample that is asked for. */
static size_t sample_at(const mlp_data *data, const size_t *order, size_t first, size_t i)
{
    return data_sample(data, order != NULL ? order[i] : first + i);
}

/* Samples from the i-th on that lie one after another in the storage: they are moved together. */
static size_t run_length(const mlp_data *data, const size_t *order, size_t first, size_t count, size_t i)
{
    const size_t start = sample_at(data, order, first, i);
    size_t run = order == NULL && data->samples == NULL ? count - i : 1;
    while (i + run < count && sample_at(data, order, first, i + run) == start + run) {
        run++;
    }
    return run;
}

/* Bytes of a shuffled sample are anywhere in memory: they are asked for, up to so many, while the samples
 * before it are copied. */
enum { AHEAD = 4, AHEAD_MOST = 4096, LINE = 64 };

static void ask_for(const struct storage *storage, size_t sample)
{
    const size_t most = storage->inputs < AHEAD_MOST ? storage->inputs : (size_t)AHEAD_MOST;
    const uint8_t *bytes = storage->bytes + sample * storage->inputs;
    for (size_t at = 0; at < most; at += LINE) {
        __builtin_prefetch(bytes + at);
    }
}

mlp_status data_gather_features(const mlp_data *data, const size_t *order, size_t first, size_t count,
                                float *x)
{
    const struct storage *storage = data->storage;
    const size_t inputs = storage->inputs;
    for (size_t i = 0; i < count;) {
        const size_t run = run_length(data, order, first, count, i);
        const size_t start = sample_at(data, order, first, i);
        float *out = x + i * inputs;
        if (storage->source != NULL) {
            const mlp_data_block block = { .first = start, .count = run, .x = out };
            TRY(data_source_read(storage->source, &block));
        } else if (storage->file != NULL) {
            TRY(feature_file_read(storage->file, start, run, out));
        } else if (storage->features != NULL) {
            memcpy(out, storage->features + start * inputs, run * inputs * sizeof(float));
        } else {
            if (order != NULL && i + AHEAD < count) {
                ask_for(storage, sample_at(data, order, first, i + AHEAD));
            }
            vector_kernels()->from_bytes(storage->bytes + start * inputs, storage->byte_scale, run * inputs,
                                         out);
        }
        i += run;
    }
    if (data->filler != NULL) {
        schema_fill_rows(data->filler, count, x);
    }
    return MLP_OK;
}

/* From a source: features and targets come together. */
static mlp_status gather_block(const mlp_data *data, const size_t *order, const mlp_data_block *block)
{
    const struct storage *storage = data->storage;
    for (size_t i = 0; i < block->count;) {
        const size_t run = run_length(data, order, block->first, block->count, i);
        mlp_data_block part = { .epoch = block->epoch,
                                .first = sample_at(data, order, block->first, i),
                                .count = run };
        part.x = block->x != NULL ? block->x + i * storage->inputs : NULL;
        part.classes = block->classes != NULL ? block->classes + i : NULL;
        part.values = block->values != NULL ? block->values + i * storage->outputs : NULL;
        part.weights = block->weights != NULL ? block->weights + i : NULL;
        TRY(data_source_read(storage->source, &part));
        i += run;
    }
    return MLP_OK;
}

mlp_status data_gather(const mlp_data *data, const size_t *order, const mlp_data_block *block)
{
    if (data->storage->source != NULL) {
        return gather_block(data, order, block);
    }
    if (block->x != NULL) {
        TRY(data_gather_features(data, order, block->first, block->count, block->x));
    }
    data_gather_targets(data, order, block->first, block->count, block->classes, block->values,
                        block->weights);
    return MLP_OK;
}

void data_announce(const mlp_data *data, size_t first, size_t count)
{
    if (data->storage->file == NULL || count == 0) {
        return;
    }
    const size_t start = data_sample(data, first),
                 span = data_sample(data, first + count - 1) - start + 1; /* subsets ascend */
    if (span / SPARSE < count) {
        feature_file_announce(data->storage->file, start, span);
    }
}

void data_gather_targets(const mlp_data *data, const size_t *order, size_t first, size_t count,
                         int32_t *classes, float *values, float *weights)
{
    const struct storage *storage = data->storage;
    const size_t outputs = storage->outputs;
    for (size_t i = 0; i < count; i++) {
        const size_t sample = sample_at(data, order, first, i);
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

static mlp_status check_range(const mlp_data *data, size_t first, size_t count)
{
    REQUIRE_ARGUMENT(data);
    FAIL_IF(first > data->count || count > data->count - first, MLP_ERROR_RANGE,
            "data: %zu samples from %zu on are asked for, but there are %zu", count, first, data->count);
    return MLP_OK;
}

mlp_status mlp_data_read(const mlp_data *data, size_t first, size_t count, float *x, int32_t *classes,
                         float *values)
{
    TRY(check_range(data, first, count));
    FAIL_IF(classes != NULL && !storage_has_classes(data->storage), MLP_ERROR_ARGUMENT,
            "data: classes are asked for, but the targets are %s",
            storage_has_values(data->storage) ? "values" : "none");
    FAIL_IF(values != NULL && !storage_has_values(data->storage), MLP_ERROR_ARGUMENT,
            "data: target values are asked for, but the targets are %s",
            storage_has_classes(data->storage) ? "classes" : "none");
    const mlp_data_block block = {
        .first = first, .count = count, .x = x, .classes = classes, .values = values
    };
    return data_gather(data, NULL, &block);
}

mlp_status mlp_data_read_weights(const mlp_data *data, size_t first, size_t count, float *weights)
{
    TRY(check_range(data, first, count));
    REQUIRE_ARGUMENT(weights);
    if (storage_has_weights(data->storage)) {
        return data_gather(data, NULL,
                           &(mlp_data_block){ .first = first, .count = count, .weights = weights });
    }
    for (size_t i = 0; i < count; i++) {
        weights[i] = 1.0f;
    }
    return MLP_OK;
}
