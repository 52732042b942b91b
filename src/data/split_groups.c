/* A split that keeps groups of samples together. */
#include <math.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/split.h"

GETTER(int, mlp_data_has_groups, mlp_data, data, data->storage->groups != NULL, 0)

static size_t group_at(const mlp_data *data, size_t position)
{
    return (size_t)data->storage->groups[data_sample(data, position)];
}

static size_t group_limit(const mlp_data *data)
{
    size_t limit = 0;
    for (size_t i = 0; i < data->count; i++) {
        limit = group_at(data, i) >= limit ? group_at(data, i) + 1 : limit;
    }
    return limit;
}

/* Which groups go to the second part: `sizes` are their samples, 0 for those that are not there. Both parts
 * get at least one. */
static mlp_status choose(const size_t *sizes, size_t groups, size_t wanted, uint64_t seed, bool *chosen)
{
    const struct random_stream stream = random_stream(seed, RANDOM_SPLIT, 0, 0);
    size_t present = 0, taken = 0, count = 0;
    size_t *order = memory_allocate(groups, sizeof *order);
    REQUIRE_MEMORY(order);
    for (size_t g = 0; g < groups; g++) {
        if (sizes[g] > 0) {
            order[present++] = g;
        }
    }
    random_shuffle(&stream, order, present);
    while (count + 1 < present && (count == 0 || taken + sizes[order[count]] / 2 < wanted)) {
        taken += sizes[order[count]];
        chosen[order[count++]] = true;
    }
    memory_free(order);
    FAIL_IF(present < 2, MLP_ERROR_RANGE, "mlp_data_split_groups: there is 1 group, expected at least 2");
    return MLP_OK;
}

static mlp_status split(const mlp_data *data, double fraction, uint64_t seed, size_t *sizes, bool *chosen,
                        bool *in_second, mlp_data **first, mlp_data **second)
{
    const size_t groups = group_limit(data), wanted = (size_t)round(fraction * (double)data->count);
    size_t count = 0;
    for (size_t i = 0; i < data->count; i++) {
        sizes[group_at(data, i)]++;
    }
    TRY(choose(sizes, groups, wanted, seed, chosen));
    for (size_t i = 0; i < data->count; i++) {
        in_second[i] = chosen[group_at(data, i)];
        count += in_second[i];
    }
    return data_subsets(data, in_second, count, first, second);
}

mlp_status mlp_data_split_groups(const mlp_data *data, double fraction, uint64_t seed, mlp_data **first,
                                 mlp_data **second)
{
    REQUIRE_ARGUMENT(first);
    REQUIRE_ARGUMENT(second);
    *first = *second = NULL;
    REQUIRE_ARGUMENT(data);
    FAIL_IF(data->storage->groups == NULL, MLP_ERROR_ARGUMENT, "%s: the data set has no groups", __func__);
    FAIL_IF(!(fraction > 0.0 && fraction < 1.0), MLP_ERROR_RANGE,
            "%s: fraction is %g, expected a number between 0 and 1", __func__, fraction);
    const size_t groups = group_limit(data);
    size_t *sizes = memory_allocate(groups, sizeof *sizes);
    bool *chosen = memory_allocate(groups, sizeof *chosen);
    bool *in_second = memory_allocate(data->count, sizeof *in_second);
    mlp_status status = MLP_ERROR_MEMORY;
    if (sizes != NULL && chosen != NULL && in_second != NULL) {
        status = split(data, fraction, seed, sizes, chosen, in_second, first, second);
    }
    memory_free(sizes);
    memory_free(chosen);
    memory_free(in_second);
    return status;
}
