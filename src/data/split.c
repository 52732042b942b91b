/* Parts of a data set that share its storage: seeded splits and folds, and a run of samples. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <mlp/schema.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"
#include "data/split.h"

/* A data set of `count` samples on the same storage, with room for their indices when `listed`. */
static mlp_data *share(const mlp_data *data, size_t count, bool listed)
{
    mlp_data *subset = memory_allocate(1, sizeof *subset);
    if (subset == NULL) {
        return NULL;
    }
    if (listed) {
        subset->samples = memory_allocate(count, sizeof *subset->samples);
        if (subset->samples == NULL) {
            memory_free(subset);
            return NULL;
        }
    }
    if (data->filler != NULL) {
        mlp_schema_copy(data->filler, &subset->filler);
    }
    subset->storage = data->storage;
    subset->count = count;
    atomic_fetch_add_explicit(&data->storage->references, 1, memory_order_relaxed);
    return subset;
}

/* ---- dealing ------------------------------------------------------------------------------------------- */

/* How samples are dealt: shuffled by the seed, with `stratified` then class after class. */
struct deal {
    const mlp_data *data;
    uint64_t seed;
    bool stratified;
};

static int32_t class_at(const mlp_data *data, size_t position)
{
    return data->storage->classes[data_sample(data, position)];
}

/* Sorts positions by class; those of a class stay in their order. */
static mlp_status group_by_class(const mlp_data *data, size_t *order)
{
    size_t *next = memory_allocate(data->storage->class_count + 1, sizeof *next);
    size_t *sorted = memory_allocate(data->count, sizeof *sorted);
    const bool complete = next != NULL && sorted != NULL;
    if (complete) {
        for (size_t i = 0; i < data->count; i++) {
            next[class_at(data, i) + 1]++;
        }
        for (size_t c = 1; c < data->storage->class_count; c++) {
            next[c] += next[c - 1];
        }
        for (size_t i = 0; i < data->count; i++) {
            sorted[next[class_at(data, order[i])]++] = order[i];
        }
        memcpy(order, sorted, data->count * sizeof *order);
    }
    memory_free(next);
    memory_free(sorted);
    return complete ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status make_order(const struct deal *deal, size_t *order)
{
    const struct random_stream stream = random_stream(deal->seed, RANDOM_SPLIT, 0, 0);
    for (size_t i = 0; i < deal->data->count; i++) {
        order[i] = i;
    }
    random_shuffle(&stream, order, deal->data->count);
    return deal->stratified ? group_by_class(deal->data, order) : MLP_OK;
}

/* Which subset the i-th sample dealt goes to: true for the second. */
typedef bool (*deal_rule)(size_t i, size_t count, const size_t *numbers);

mlp_status data_subsets(const mlp_data *data, const bool *in_second, size_t second_count, mlp_data **first,
                        mlp_data **second)
{
    mlp_data *subsets[2] = { share(data, data->count - second_count, true), share(data, second_count, true) };
    if (subsets[0] == NULL || subsets[1] == NULL) {
        mlp_data_destroy(&subsets[0]);
        mlp_data_destroy(&subsets[1]);
        return MLP_ERROR_MEMORY;
    }
    size_t filled[2] = { 0, 0 };
    for (size_t i = 0; i < data->count; i++) {
        const int side = in_second[i];
        subsets[side]->samples[filled[side]++] = data_sample(data, i);
    }
    *first = subsets[0];
    *second = subsets[1];
    return MLP_OK;
}

/* `order`: positions as they are dealt; `in_second`: room for as many. */
static mlp_status deal_out(const struct deal *deal, deal_rule is_second, const size_t *numbers, size_t *order,
                           bool *in_second)
{
    TRY(make_order(deal, order));
    for (size_t i = 0; i < deal->data->count; i++) {
        in_second[order[i]] = is_second(i, deal->data->count, numbers);
    }
    return MLP_OK;
}

/* Makes and fills both subsets, whose positions ascend, so that reading them walks the storage forward;
 * `second_count` samples go to the second. */
static mlp_status make_subsets(const struct deal *deal, deal_rule is_second, const size_t *numbers,
                               size_t second_count, mlp_data **first, mlp_data **second)
{
    size_t *order = memory_allocate(deal->data->count, sizeof *order);
    bool *in_second = memory_allocate(deal->data->count, sizeof *in_second);
    mlp_status status = MLP_ERROR_MEMORY;
    if (order != NULL && in_second != NULL) {
        status = deal_out(deal, is_second, numbers, order, in_second);
    }
    if (status == MLP_OK) {
        status = data_subsets(deal->data, in_second, second_count, first, second);
    }
    memory_free(order);
    memory_free(in_second);
    return status;
}

static mlp_status check_arguments(const char *function, const struct deal *deal, mlp_data **first,
                                  mlp_data **second)
{
    if (first != NULL) {
        *first = NULL;
    }
    if (second != NULL) {
        *second = NULL;
    }
    FAIL_IF(deal->data == NULL, MLP_ERROR_ARGUMENT, "%s: data is NULL", function);
    FAIL_IF(first == NULL || second == NULL, MLP_ERROR_ARGUMENT, "%s: the pointer to the %s set is NULL",
            function, first == NULL ? "first" : "second");
    FAIL_IF(storage_is_sequential(deal->data->storage), MLP_ERROR_ARGUMENT,
            "%s: the data come from a sequential source, of which there are slices alone", function);
    FAIL_IF(deal->stratified && deal->data->storage->classes == NULL, MLP_ERROR_ARGUMENT,
            "%s: a stratified split needs classes, the data set has none%s", function,
            deal->data->storage->source != NULL ? " before they are read" : "");
    FAIL_IF(deal->data->count < 2, MLP_ERROR_RANGE, "%s: the data set has 1 sample, expected at least 2",
            function);
    return MLP_OK;
}

/* ---- splits -------------------------------------------------------------------------------------------- */

/* The last numbers[0] samples dealt. */
static bool is_at_the_end(size_t i, size_t count, const size_t *numbers)
{
    return i >= count - numbers[0];
}

/* Holds the product of two sizes. */
#if SIZE_MAX > UINT32_MAX
typedef unsigned __int128 size_product;
#else
typedef uint64_t size_product;
#endif

/* numbers[0] samples, evenly spread over all that are dealt. */
static bool is_spread(size_t i, size_t count, const size_t *numbers)
{
    const size_product wanted = numbers[0];
    return (i + 1) * wanted / count > i * wanted / count;
}

/* numbers: folds, fold. */
static bool is_of_fold(size_t i, size_t count, const size_t *numbers)
{
    (void)count;
    return i % numbers[0] == numbers[1];
}

static mlp_status split(const char *function, const struct deal *deal, double fraction, mlp_data **first,
                        mlp_data **second)
{
    TRY(check_arguments(function, deal, first, second));
    const size_t count = deal->data->count;
    FAIL_IF(!(fraction > 0.0 && fraction < 1.0), MLP_ERROR_RANGE,
            "%s: fraction is %g, expected a number between 0 and 1", function, fraction);
    const double wanted = round(fraction * (double)count);
    size_t second_count = wanted < 1.0 ? 1 : (size_t)wanted;
    second_count = second_count < count ? second_count : count - 1;
    return make_subsets(deal, deal->stratified ? is_spread : is_at_the_end, &second_count, second_count,
                        first, second);
}

mlp_status mlp_data_split(const mlp_data *data, double fraction, uint64_t seed, mlp_data **first,
                          mlp_data **second)
{
    const struct deal deal = { data, seed, false };
    return split(__func__, &deal, fraction, first, second);
}

mlp_status mlp_data_split_stratified(const mlp_data *data, double fraction, uint64_t seed, mlp_data **first,
                                     mlp_data **second)
{
    const struct deal deal = { data, seed, true };
    return split(__func__, &deal, fraction, first, second);
}

mlp_status mlp_data_fold(const mlp_data *data, size_t folds, size_t fold, int stratified, uint64_t seed,
                         mlp_data **train, mlp_data **validation)
{
    const struct deal deal = { data, seed, stratified != 0 };
    const size_t numbers[2] = { folds, fold };
    TRY(check_arguments(__func__, &deal, train, validation));
    FAIL_IF(folds < 2 || folds > data->count, MLP_ERROR_RANGE,
            "mlp_data_fold: folds is %zu, expected 2 to the number of samples, %zu", folds, data->count);
    FAIL_IF(fold >= folds, MLP_ERROR_RANGE, "mlp_data_fold: fold is %zu, expected less than %zu", fold,
            folds);
    const size_t count = (data->count - fold + folds - 1) / folds;
    return make_subsets(&deal, is_of_fold, numbers, count, train, validation);
}

mlp_status mlp_data_balanced_weights(const mlp_data *data, float *weights)
{
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(weights);
    const size_t classes = data->storage->class_count;
    size_t present = 0;
    FAIL_IF(data->storage->classes == NULL, MLP_ERROR_ARGUMENT,
            "mlp_data_balanced_weights: the data set has no classes%s",
            data->storage->source != NULL ? " before they are read" : "");
    size_t *counts = memory_allocate(classes, sizeof *counts);
    REQUIRE_MEMORY(counts);
    for (size_t i = 0; i < data->count; i++) {
        present += counts[class_at(data, i)]++ == 0;
    }
    for (size_t c = 0; c < classes; c++) {
        weights[c] =
            counts[c] > 0 ? (float)((double)data->count / ((double)present * (double)counts[c])) : 0.0f;
    }
    memory_free(counts);
    return MLP_OK;
}

mlp_status mlp_data_slice(const mlp_data *data, size_t first, size_t count, mlp_data **slice)
{
    REQUIRE_ARGUMENT(slice);
    *slice = NULL;
    REQUIRE_ARGUMENT(data);
    FAIL_IF(count == 0 || first > data->count || count > data->count - first, MLP_ERROR_RANGE,
            "slice: %zu samples from %zu on are asked for, expected 1 or more of the %zu "
            "there are",
            count, first, data->count);
    mlp_data *subset = share(data, count, data->samples != NULL);
    REQUIRE_MEMORY(subset);
    if (data->samples != NULL) {
        memcpy(subset->samples, data->samples + first, count * sizeof *subset->samples);
    } else {
        subset->first = data->first + first;
    }
    *slice = subset;
    return MLP_OK;
}
