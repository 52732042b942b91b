/* Batches: gathering, and the counts that metrics are made of. */
#include "session/batch.h"

#include <math.h>

#include "base/memory.h"
#include "base/status.h"
#include "linalg/vector.h"
#include "model/parts.h"
#include "strategy/loss.h"

/* Floats from which on a thread pays when gathering, and when counting. */
enum { FLOATS_OF_A_THREAD = 16384 };

mlp_status batch_check_data(const char *function, const mlp_network *network, const mlp_data *data)
{
    const struct storage *s = data->storage;
    const size_t units = output_layer(network)->units, classes = units > 1 ? units : 2;
    FAIL_IF(s->inputs != network->inputs, MLP_ERROR_SHAPE, "%s: the data set has %zu inputs, the network %zu",
            function, s->inputs, network->inputs);
    FAIL_IF(storage_has_classes(s) && s->class_count > classes, MLP_ERROR_SHAPE,
            "%s: the data set has %zu classes, the network's output speaks for %zu", function, s->class_count,
            classes);
    FAIL_IF(storage_has_values(s) && s->outputs != units && network->loss.loss != MLP_LOSS_CUSTOM,
            MLP_ERROR_SHAPE, "%s: the data set has %zu target values a sample, the network %zu outputs",
            function, s->outputs, units);
    FAIL_IF(!storage_has_classes(s) && !storage_has_values(s) && network->loss.loss != MLP_LOSS_CUSTOM,
            MLP_ERROR_ARGUMENT, "%s: the data set has no targets", function);
    return MLP_OK;
}

mlp_status batch_check_mass(const char *function, const mlp_network *network, const mlp_data *data)
{
    const struct storage *s = data->storage;
    const mlp_targets targets = { s->classes, s->values, s->weights };
    size_t i = 0;
    if (s->source != NULL) {
        return MLP_OK; /* batches without mass are left out */
    }
    while (i < data->count && loss_sample_mass(&network->loss, &targets, data_sample(data, i)) == 0.0) {
        i++;
    }
    return i < data->count ? MLP_OK
                           : fail(MLP_ERROR_RANGE,
                                  "%s: the weights of all samples, or of all their classes, are 0, expected "
                                  "at least one above",
                                  function);
}

bool batch_has_mass(const struct batch *batch, const mlp_network *network)
{
    const bool weighted = batch->weights != NULL || network->loss.class_weights != NULL;
    return !weighted || loss_mass(&network->loss, &batch->targets, batch->count) > 0.0;
}

mlp_status batch_make(struct batch *batch, const mlp_data *data, size_t size)
{
    const struct storage *s = data->storage;
    size_t floats, values;
    *batch = (struct batch){ .data = data, .size = size };
    FAIL_IF(!size_multiply(size, s->inputs, &floats) || !size_multiply(size, s->outputs, &values),
            MLP_ERROR_SHAPE, "a batch of %zu samples is more than memory can hold", size);
    batch->x = memory_allocate(floats, sizeof(float));
    batch->classes = storage_has_classes(s) ? memory_allocate(size, sizeof(int32_t)) : NULL;
    batch->values = storage_has_values(s) ? memory_allocate(values, sizeof(float)) : NULL;
    batch->weights = storage_has_weights(s) ? memory_allocate(size, sizeof(float)) : NULL;
    if (batch->x == NULL || (storage_has_classes(s) && batch->classes == NULL) ||
        (storage_has_values(s) && batch->values == NULL) ||
        (storage_has_weights(s) && batch->weights == NULL)) {
        return MLP_ERROR_MEMORY;
    }
    batch->targets = (mlp_targets){ batch->classes, batch->values, batch->weights };
    return MLP_OK;
}

void batch_scale_targets(struct batch *batch, const mlp_network *network)
{
    batch->shift = network->output_shift;
    batch->scale = network->output_scale;
}

static void scale_values(const struct batch *batch)
{
    const size_t outputs = batch->data->storage->outputs;
    for (size_t j = 0; j < batch->count; j++) {
        for (size_t i = 0; i < outputs; i++) {
            float *value = &batch->values[j * outputs + i];
            *value = (float)(((double)*value - (double)batch->shift[i]) / (double)batch->scale[i]);
        }
    }
}

void batch_free(struct batch *batch)
{
    memory_free(batch->x);
    memory_free(batch->classes);
    memory_free(batch->values);
    memory_free(batch->weights);
    *batch = (struct batch){ 0 };
}

struct gathering {
    struct batch *batch;
    const size_t *order;
    size_t first;
    struct range samples; /* of the batch, whose features are wanted */
};

static mlp_status gather_share(const struct gathering *g, struct range shard)
{
    return data_gather_features(g->batch->data, g->order != NULL ? g->order + shard.first : NULL,
                                g->first + shard.first, shard.end - shard.first,
                                g->batch->x + shard.first * g->batch->data->storage->inputs);
}

/* From memory: nothing can fail. */
static void gather(const struct team *team, void *context)
{
    const struct gathering *g = context;
    const struct range share = team_share(team, g->samples.end - g->samples.first);
    gather_share(g, (struct range){ g->samples.first + share.first, g->samples.first + share.end });
}

mlp_status batch_gather(struct batch *batch, const size_t *order, size_t first, size_t count, int threads)
{
    const struct range all = { 0, count };
    const struct gathering gathering = {
        batch, order, first,
        batch->parts != NULL ? exchange_samples(&batch->parts->exchange, count, batch->parts->count) : all
    };
    const size_t floats = (gathering.samples.end - gathering.samples.first) * batch->data->storage->inputs;
    batch->count = count;
    if (batch->data->storage->source != NULL) {
        const mlp_data_block block = { batch->epoch,   first,         count,         batch->x,
                                       batch->classes, batch->values, batch->weights };
        return data_gather(batch->data, order, &block);
    }
    if (batch->data->storage->file != NULL) {
        TRY(gather_share(&gathering, gathering.samples));
    } else {
        team_run(team_size_for(floats, FLOATS_OF_A_THREAD, threads), gather, (void *)(uintptr_t)&gathering);
    }
    data_gather_targets(batch->data, order, first, count, batch->classes, batch->values, batch->weights);
    if (batch->values != NULL && batch->scale != NULL) {
        scale_values(batch);
    }
    return MLP_OK;
}

struct counting {
    struct tally *tally;
    const struct mlp_network *network;
    const struct mlp_workspace *workspace;
    const struct batch *batch;
    size_t top_k;
    uint64_t *confusion;
};

/* This member's samples: whole numbers, which are the same in any order. */
static void count_classes(const struct team *team, void *context)
{
    const struct counting *c = context;
    const struct workspace_layer *last = &c->workspace->layers[c->network->layer_count - 1];
    const size_t units = output_layer(c->network)->units, classes = units > 1 ? units : 2;
    const struct range share = team_share(team, c->batch->count);
    size_t right = 0, right_top_k = 0;
    for (size_t j = share.first; j < share.end; j++) {
        const float *outputs = last->a + j * last->ld;
        const size_t actual = (size_t)c->batch->classes[j];
        const size_t predicted = network_class_of(c->network, outputs);
        const bool ranked = units > 1 && c->top_k > 1;
        right += predicted == actual;
        right_top_k += ranked ? vector_kernels()->rank(outputs, units, actual) < c->top_k
                              : predicted == actual || c->top_k > 1;
        if (c->confusion != NULL) {
            __atomic_fetch_add(&c->confusion[actual * classes + predicted], 1, __ATOMIC_RELAXED);
        }
    }
    __atomic_fetch_add(&c->tally->right, right, __ATOMIC_RELAXED);
    __atomic_fetch_add(&c->tally->right_top_k, right_top_k, __ATOMIC_RELAXED);
}

void tally_batch(struct tally *tally, const mlp_network *network, const mlp_workspace *workspace,
                 const struct batch *batch, size_t top_k, uint64_t *confusion, int threads)
{
    struct counting counting = { tally, network, workspace, batch, top_k, confusion };
    tally->samples += batch->count;
    if (batch->classes == NULL) {
        return;
    }
    tally->classed += batch->count;
    team_run(team_size_for(batch->count * output_layer(network)->units, FLOATS_OF_A_THREAD, threads),
             count_classes, &counting);
}

void tally_add(struct tally *tally, const struct tally *counts)
{
    tally->samples += counts->samples;
    tally->right += counts->right;
    tally->right_top_k += counts->right_top_k;
    tally->classed += counts->classed;
}

void tally_loss(struct tally *tally, const struct loss_sum *loss)
{
    tally->loss += loss->sum;
    tally->loss_weight += loss->mass;
}

double tally_mean_loss(const struct tally *tally, const mlp_network *network)
{
    return loss_reduce(&network->loss, &(struct loss_sum){ tally->loss, tally->loss_weight });
}

double tally_share(const struct tally *tally, size_t count)
{
    return tally->classed > 0 ? (double)count / (double)tally->classed : NAN;
}
