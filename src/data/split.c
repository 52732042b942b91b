/* Splits and slices: other selections of the same storage. */
#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/data.h"

/* A data set of the same storage with room for `count` indices (0: a run). NULL when memory is short. */
static mlp_data *selection(const mlp_data *data, size_t count, bool indexed)
{
    mlp_data *made = memory_allocate(1, sizeof *made);
    size_t *samples = indexed ? memory_allocate(count, sizeof *samples) : NULL;
    if (made == NULL || (indexed && samples == NULL)) {
        memory_free(made);
        memory_free(samples);
        return NULL;
    }
    atomic_fetch_add(&data->storage->references, 1);
    made->storage = data->storage;
    made->count = count;
    made->samples = samples;
    return made;
}

static mlp_status split_by_order(const mlp_data *data, const size_t *order, size_t second_count, mlp_data **first,
                                 mlp_data **second)
{
    const size_t first_count = data->count - second_count;
    *first = selection(data, first_count, true);
    *second = selection(data, second_count, true);
    if (*first == NULL || *second == NULL) {
        mlp_data_destroy(first);
        mlp_data_destroy(second);
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < data->count; i++) {
        const size_t sample = data_sample(data, order[i]);
        if (i < first_count) {
            (*first)->samples[i] = sample;
        } else {
            (*second)->samples[i - first_count] = sample;
        }
    }
    return MLP_OK;
}

mlp_status mlp_data_split(const mlp_data *data, double fraction, uint64_t seed, mlp_data **first, mlp_data **second)
{
    const struct random_stream stream = random_stream(seed, RANDOM_SPLIT, 0, 0);
    REQUIRE_ARGUMENT(first);
    REQUIRE_ARGUMENT(second);
    *first = *second = NULL;
    REQUIRE_ARGUMENT(data);
    if (!(fraction > 0.0 && fraction < 1.0)) {
        return fail(MLP_ERROR_RANGE, "mlp_data_split: fraction is %g, expected more than 0 and less than 1", fraction);
    }
    if (data->count < 2) {
        return fail(MLP_ERROR_SHAPE, "mlp_data_split: the data set has one sample, expected at least 2");
    }
    size_t second_count = (size_t)llround(fraction * (double)data->count);
    second_count = second_count < 1 ? 1 : second_count < data->count ? second_count : data->count - 1;
    size_t *order = memory_allocate(data->count, sizeof *order);
    if (order == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < data->count; i++) {
        order[i] = i;
    }
    random_shuffle(&stream, order, data->count);
    const mlp_status status = split_by_order(data, order, second_count, first, second);
    memory_free(order);
    return status;
}

mlp_status mlp_data_slice(const mlp_data *data, size_t first, size_t count, mlp_data **slice)
{
    REQUIRE_ARGUMENT(slice);
    *slice = NULL;
    REQUIRE_ARGUMENT(data);
    if (count == 0 || first > data->count || count > data->count - first) {
        return fail(MLP_ERROR_RANGE, "mlp_data_slice: %zu samples from number %zu asked for, the data set has %zu", count,
                    first, data->count);
    }
    mlp_data *made = selection(data, count, data->samples != NULL);
    if (made == NULL) {
        return MLP_ERROR_MEMORY;
    }
    made->first = data->first + first;
    for (size_t i = 0; i < count && made->samples != NULL; i++) {
        made->samples[i] = data->samples[first + i];
    }
    *slice = made;
    return MLP_OK;
}
