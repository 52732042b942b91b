/* Permutation importance: scores of a data set some of whose inputs come from other samples. */
#include <mlp/importance.h>

#include <math.h>

#include <mlp/train.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/random.h"
#include "base/status.h"
#include "data/data.h"
#include "model/network.h"

enum { DEFAULT_REPEATS = 5, DEFAULT_BATCH = 256 };

mlp_status mlp_importance_options_default(mlp_importance_options *options)
{
    static const mlp_importance_options defaults = MLP_IMPORTANCE_OPTIONS_INIT;
    return options_default("mlp_importance_options", &defaults, sizeof defaults, options);
}

/* A data set whose sample i has the inputs of a group from sample order[i], all else from sample i. */
struct permuted {
    const mlp_data *data;
    const size_t *groups; /* of each input, or NULL: the input itself */
    size_t group;
    size_t *order;  /* count */
    float *lent;    /* batch × inputs */
    mlp_data *view; /* reads through read_permuted() */
};

static mlp_status read_permuted(const mlp_data_block *block, void *context)
{
    const struct permuted *p = context;
    const size_t inputs = p->data->storage->inputs;
    TRY(data_gather(p->data, NULL, block));
    if (block->x == NULL) {
        return MLP_OK;
    }
    TRY(data_gather_features(p->data, p->order + block->first, 0, block->count, p->lent));
    for (size_t k = 0; k < block->count * inputs; k++) {
        const size_t group = p->groups != NULL ? p->groups[k % inputs] : k % inputs;
        block->x[k] = group == p->group ? p->lent[k] : block->x[k];
    }
    return MLP_OK;
}

static mlp_status make_view(struct permuted *p, size_t batch)
{
    const struct storage *storage = p->data->storage;
    mlp_data_source source = MLP_DATA_SOURCE_INIT;
    source.count = p->data->count;
    source.inputs = storage->inputs;
    source.class_count = storage->class_count;
    source.outputs = storage->class_count > 0 ? 0 : storage->outputs;
    source.weighted = storage_has_weights(storage);
    source.read = read_permuted;
    source.context = p;
    size_t floats = 0;
    FAIL_IF(!size_multiply(batch, storage->inputs, &floats), MLP_ERROR_SHAPE,
            "mlp_importance_measure: a batch of %zu samples is more than memory can hold", batch);
    p->order = memory_allocate(source.count, sizeof *p->order);
    p->lent = memory_allocate(floats, sizeof *p->lent);
    if (p->order == NULL || p->lent == NULL) {
        return MLP_ERROR_MEMORY;
    }
    return mlp_data_create_from_source(&source, &p->view);
}

static void free_view(struct permuted *p)
{
    mlp_data_destroy(&p->view);
    memory_free(p->order);
    memory_free(p->lent);
}

/* Mean R² of the outputs that have one. */
static mlp_status score_values(const mlp_network *network, const mlp_data *data,
                               const mlp_importance_options *options, double *score)
{
    const size_t outputs = output_layer(network)->units;
    mlp_number_metrics *metrics = memory_allocate(outputs, sizeof *metrics);
    REQUIRE_MEMORY(metrics);
    const mlp_status status = mlp_evaluate_numbers(network, data, options->batch, options->threads, metrics);
    double sum = 0.0, count = 0.0;
    for (size_t i = 0; i < outputs; i++) {
        sum += isnan(metrics[i].r2) ? 0.0 : metrics[i].r2;
        count += !isnan(metrics[i].r2);
    }
    memory_free(metrics);
    *score = sum / count;
    return status;
}

static mlp_status measure_score(const mlp_network *network, const mlp_data *data,
                                const mlp_importance_options *options, double *score)
{
    mlp_metrics metrics;
    if (!storage_has_classes(data->storage)) {
        TRY(score_values(network, data, options, score));
        FAIL_IF(isnan(*score), MLP_ERROR_NONFINITE,
                "mlp_importance_measure: all targets are alike, there is no R²");
        return MLP_OK;
    }
    TRY(mlp_evaluate(network, data, options->batch, options->threads, 1, &metrics, NULL));
    *score = metrics.accuracy;
    return MLP_OK;
}

/* Mean and deviation of the drops, as they come (Welford). */
static mlp_status measure_group(const mlp_network *network, struct permuted *p,
                                const mlp_importance_options *options, double base,
                                mlp_importance *importance)
{
    double mean = 0.0, squares = 0.0;
    for (size_t r = 0; r < options->repeats; r++) {
        const struct random_stream stream = random_stream(options->seed, RANDOM_IMPORTANCE, 0, r);
        double score;
        for (size_t i = 0; i < p->data->count; i++) {
            p->order[i] = i;
        }
        random_shuffle(&stream, p->order, p->data->count);
        TRY(measure_score(network, p->view, options, &score));
        const double difference = base - score - mean;
        mean += difference / (double)(r + 1);
        squares += difference * (base - score - mean);
    }
    importance->drop = mean;
    importance->deviation = options->repeats > 1 ? sqrt(squares / (double)(options->repeats - 1)) : 0.0;
    return MLP_OK;
}

static mlp_status check(const mlp_network *network, const mlp_data *data, const size_t *groups,
                        size_t group_count)
{
    const size_t inputs = network->inputs;
    FAIL_IF(data->storage->inputs != inputs, MLP_ERROR_SHAPE,
            "mlp_importance_measure: the data have %zu inputs, expected the network's %zu",
            data->storage->inputs, inputs);
    FAIL_IF(storage_is_sequential(data->storage), MLP_ERROR_ARGUMENT,
            "mlp_importance_measure: the samples come in one order alone, and cannot be permuted");
    FAIL_IF(!storage_has_classes(data->storage) && !storage_has_values(data->storage), MLP_ERROR_ARGUMENT,
            "mlp_importance_measure: the data have no targets, without which there is no score");
    if (groups == NULL) {
        FAIL_IF(group_count != inputs, MLP_ERROR_SHAPE,
                "mlp_importance_measure: group_count is %zu, expected that of the inputs without groups, %zu",
                group_count, inputs);
        return MLP_OK;
    }
    FAIL_IF(group_count == 0, MLP_ERROR_ARGUMENT,
            "mlp_importance_measure: group_count is 0, expected at least 1");
    for (size_t i = 0; i < inputs; i++) {
        FAIL_IF(groups[i] >= group_count && groups[i] != SIZE_MAX, MLP_ERROR_RANGE,
                "mlp_importance_measure: the group of input %zu is %zu, expected less than %zu", i, groups[i],
                group_count);
    }
    return MLP_OK;
}

mlp_status mlp_importance_measure(const mlp_network *network, const mlp_data *data, const size_t *groups,
                                  size_t group_count, const mlp_importance_options *options, double *score,
                                  mlp_importance *importances)
{
    mlp_importance_options o;
    double base;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(importances);
    TRY(ACCEPT_OPTIONS(mlp_importance_options, MLP_IMPORTANCE_OPTIONS_INIT, options, &o));
    TRY(check(network, data, groups, group_count));
    o.repeats = o.repeats > 0 ? o.repeats : DEFAULT_REPEATS;
    o.batch = o.batch > 0 ? o.batch : DEFAULT_BATCH;
    o.batch = o.batch < data->count ? o.batch : data->count;
    TRY(measure_score(network, data, &o, &base));
    struct permuted permuted = { .data = data, .groups = groups };
    mlp_status status = make_view(&permuted, o.batch);
    for (; permuted.group < group_count && status == MLP_OK; permuted.group++) {
        status = measure_group(network, &permuted, &o, base, &importances[permuted.group]);
    }
    free_view(&permuted);
    if (score != NULL) {
        *score = base;
    }
    return status;
}
