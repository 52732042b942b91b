/* Parts of a data set that share its storage: a seeded split, and a run of samples. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/data.h"

/* A data set of `count` samples on the same storage, with room for their indices when `listed`. */
static mlp_data *share(const mlp_data *data, size_t count, bool listed)
{
    mlp_data *part = memory_allocate(1, sizeof *part);
    if (part == NULL) {
        return NULL;
    }
    if (listed) {
        part->samples = memory_allocate(count, sizeof *part->samples);
        if (part->samples == NULL) {
            memory_free(part);
            return NULL;
        }
    }
    part->storage = data->storage;
    part->count = count;
    atomic_fetch_add_explicit(&data->storage->references, 1, memory_order_relaxed);
    return part;
}

/* The last `second->count` of the shuffled positions go to `second`; both parts list theirs in ascending order, so
 * that reading them walks the storage forward. `order` is used as a shuffle and then as marks. */
static mlp_status deal(const mlp_data *data, uint64_t seed, mlp_data *first, mlp_data *second)
{
    const struct random_stream stream = random_stream(seed, RANDOM_SPLIT, 0, 0);
    size_t *order = memory_allocate(data->count, sizeof *order);
    bool *in_second = memory_allocate(data->count, sizeof *in_second);
    if (order == NULL || in_second == NULL) {
        memory_free(order);
        memory_free(in_second);
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < data->count; i++) {
        order[i] = i;
    }
    random_shuffle(&stream, order, data->count);
    for (size_t i = first->count; i < data->count; i++) {
        in_second[order[i]] = true;
    }
    size_t filled[2] = { 0, 0 };
    for (size_t i = 0; i < data->count; i++) {
        mlp_data *part = in_second[i] ? second : first;
        part->samples[filled[in_second[i]]++] = data->samples != NULL ? data->samples[i] : data->first + i;
    }
    memory_free(order);
    memory_free(in_second);
    return MLP_OK;
}

mlp_status mlp_data_split(const mlp_data *data, double fraction, uint64_t seed, mlp_data **first, mlp_data **second)
{
    if (first != NULL) {
        *first = NULL;
    }
    if (second != NULL) {
        *second = NULL;
    }
    REQUIRE_ARGUMENT(first);
    REQUIRE_ARGUMENT(second);
    REQUIRE_ARGUMENT(data);
    if (!(fraction > 0.0 && fraction < 1.0)) {
        return fail(MLP_ERROR_RANGE, "split: fraction is %g, expected a number between 0 and 1", fraction);
    }
    if (data->count < 2) {
        return fail(MLP_ERROR_RANGE, "split: the data set has 1 sample, expected at least 2");
    }
    const double wanted = round(fraction * (double)data->count);
    size_t second_count = wanted < 1.0 ? 1 : (size_t)wanted;
    second_count = second_count < data->count ? second_count : data->count - 1;
    mlp_data *parts[2] = { share(data, data->count - second_count, true), share(data, second_count, true) };
    mlp_status status = parts[0] != NULL && parts[1] != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    if (status == MLP_OK) {
        status = deal(data, seed, parts[0], parts[1]);
    }
    if (status != MLP_OK) {
        mlp_data_destroy(&parts[0]);
        mlp_data_destroy(&parts[1]);
    }
    *first = parts[0];
    *second = parts[1];
    return status;
}

mlp_status mlp_data_slice(const mlp_data *data, size_t first, size_t count, mlp_data **slice)
{
    REQUIRE_ARGUMENT(slice);
    *slice = NULL;
    REQUIRE_ARGUMENT(data);
    if (count == 0 || first > data->count || count > data->count - first) {
        return fail(MLP_ERROR_RANGE, "slice: %zu samples from %zu on are asked for, expected 1 or more of the %zu "
                    "there are", count, first, data->count);
    }
    mlp_data *part = share(data, count, data->samples != NULL);
    if (part == NULL) {
        return MLP_ERROR_MEMORY;
    }
    if (data->samples != NULL) {
        memcpy(part->samples, data->samples + first, count * sizeof *part->samples);
    } else {
        part->first = data->first + first;
    }
    *slice = part;
    return MLP_OK;
}
