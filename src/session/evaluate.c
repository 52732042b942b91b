/* Evaluation: the loss and metrics of a data set under a network. */
#include "session/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "model/exchange.h"
#include "model/pass.h"

enum { DEFAULT_BATCH = 256, DEFAULT_TOP_K = 5 };

/* Samples from `first` on, added to the tally. */
static mlp_status evaluate_batch(const struct evaluation *e, size_t first, struct tally *tally)
{
    struct batch *batch = e->batch;
    mlp_workspace *workspace = e->workspace;
    const size_t left = batch->data->count - first;
    TRY(batch_gather(batch, NULL, first, left < batch->size ? left : batch->size, workspace->threads));
    TRY(pass_evaluate(e->network, workspace, batch->x, &batch->targets, batch->count, false));
    tally_batch(tally, e->network, workspace, batch, e->top_k, e->confusion, workspace->threads);
    tally_loss(tally, &workspace->loss);
    return MLP_OK;
}

static mlp_metrics tally_metrics(const struct tally *tally, const mlp_network *network)
{
    return (mlp_metrics){
        .loss = tally_mean_loss(tally, network),
        .accuracy = tally_share(tally, tally->right),
        .top_k_accuracy = tally_share(tally, tally->right_top_k),
        .count = tally->samples,
    };
}

/* ---- one rank, or several ----------------------------------------------------------------------------- */

size_t evaluate_batches(const struct batch *batch)
{
    return (batch->data->count - 1) / batch->size + 1;
}

static mlp_status evaluate_alone(const struct evaluation *e, mlp_metrics *metrics)
{
    struct tally tally = { 0 };
    for (size_t done = 0; done < e->batch->data->count; done += e->batch->size) {
        TRY(evaluate_batch(e, done, &tally));
    }
    *metrics = tally_metrics(&tally, e->network);
    return MLP_OK;
}

mlp_status evaluate_data(const struct evaluation *e, mlp_metrics *metrics)
{
    struct tally sum = { 0 };
    mlp_status status = MLP_OK;
    if (e->exchange->size == 1) {
        return evaluate_alone(e, metrics);
    }
    const size_t batches = evaluate_batches(e->batch);
    const struct range own = exchange_parts(e->exchange, batches, e->exchange->rank);
    for (size_t b = own.first; b < own.end && status == MLP_OK; b++) {
        e->tallies[b] = (struct tally){ 0 };
        status = evaluate_batch(e, b * e->batch->size, &e->tallies[b]);
    }
    TRY(exchange_agree(e->exchange, status, NULL));
    TRY(exchange_gather(e->exchange, batches, sizeof *e->tallies, e->tallies));
    for (size_t b = 0; b < batches; b++) { /* as one rank adds them up */
        const struct tally *one = &e->tallies[batches + b];
        tally_add(&sum, one);
        tally_loss(&sum, &(struct loss_sum){ one->loss, one->loss_weight });
    }
    *metrics = tally_metrics(&sum, e->network);
    return MLP_OK;
}

size_t evaluate_top_k(size_t top_k)
{
    return top_k > 0 ? top_k : DEFAULT_TOP_K;
}

/* ---- a data set ---------------------------------------------------------------------------------------- */

/* What an evaluation takes beside network and data. */
struct room {
    mlp_workspace *workspace;
    struct batch batch;
    struct tally *tallies;
    uint64_t *confusions; /* of all ranks */
};

static size_t confusion_size(const mlp_network *network)
{
    const size_t outputs = output_layer(network)->units, classes = outputs > 1 ? outputs : 2;
    return classes * classes;
}

static mlp_status check(const mlp_network *network, const mlp_data *data, const uint64_t *confusion)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(data);
    TRY(batch_check_data("mlp_evaluate", network, data));
    FAIL_IF(confusion != NULL && !storage_has_classes(data->storage), MLP_ERROR_ARGUMENT,
            "mlp_evaluate: a confusion matrix needs classes, the data set has none");
    return MLP_OK;
}

static mlp_status take_room(struct room *room, const struct evaluation *e, const mlp_data *data, size_t batch,
                            int threads)
{
    const size_t wanted = batch > 0 ? batch : DEFAULT_BATCH, ranks = (size_t)e->exchange->size;
    TRY(check(e->network, data, e->confusion));
    const size_t size = wanted < data->count ? wanted : data->count;
    TRY(workspace_create_for_evaluation(e->network, size, threads, &room->workspace));
    TRY(batch_make(&room->batch, data, size));
    batch_scale_targets(&room->batch, e->network);
    if (ranks > 1) {
        room->tallies = memory_allocate(2 * evaluate_batches(&room->batch), sizeof *room->tallies);
        REQUIRE_MEMORY(room->tallies);
    }
    if (ranks > 1 && e->confusion != NULL) {
        room->confusions = memory_allocate(ranks, confusion_size(e->network) * sizeof *room->confusions);
        REQUIRE_MEMORY(room->confusions);
    }
    return MLP_OK;
}

static void free_room(struct room *room)
{
    batch_free(&room->batch);
    mlp_workspace_destroy(&room->workspace);
    memory_free(room->tallies);
    memory_free(room->confusions);
}

/* The sum of all ranks' matrices. */
static mlp_status add_confusions(const struct evaluation *e, uint64_t *all)
{
    const size_t size = confusion_size(e->network);
    size_t bytes[EXCHANGE_RANKS];
    if (all == NULL) {
        return MLP_OK;
    }
    for (int r = 0; r < e->exchange->size; r++) {
        bytes[r] = size * sizeof *all;
    }
    TRY(e->exchange->all_gather(e->exchange->context, e->confusion, all, bytes));
    memset(e->confusion, 0, size * sizeof *e->confusion);
    for (size_t i = 0; i < (size_t)e->exchange->size * size; i++) {
        e->confusion[i % size] += all[i];
    }
    return MLP_OK;
}

static mlp_status evaluate(struct evaluation *e, const mlp_data *data, size_t batch, int threads,
                           mlp_metrics *metrics)
{
    struct room room = { 0 };
    mlp_status status = exchange_agree(e->exchange, take_room(&room, e, data, batch, threads), NULL);
    if (status == MLP_OK) {
        if (e->confusion != NULL) {
            memset(e->confusion, 0, confusion_size(e->network) * sizeof *e->confusion);
        }
        e->workspace = room.workspace;
        e->batch = &room.batch;
        e->tallies = room.tallies;
        status = evaluate_data(e, metrics);
        status = status == MLP_OK ? add_confusions(e, room.confusions) : status;
    }
    free_room(&room);
    return status;
}

mlp_status mlp_exchange_evaluate(const mlp_exchange *exchange, const mlp_network *network,
                                 const mlp_data *data, size_t batch, int threads, size_t top_k,
                                 mlp_metrics *metrics, uint64_t *confusion)
{
    mlp_exchange accepted;
    struct evaluation e = {
        .network = network, .exchange = &accepted, .top_k = evaluate_top_k(top_k), .confusion = confusion
    };
    REQUIRE_ARGUMENT(metrics);
    *metrics = (mlp_metrics){ .loss = NAN, .accuracy = NAN, .top_k_accuracy = NAN };
    TRY(exchange_accept(exchange, &accepted));
    TRY(evaluate(&e, data, batch, threads, metrics));
    if (isfinite(metrics->loss)) {
        return MLP_OK;
    }
    const bool weightless = batch_check_mass("mlp_evaluate", network, data) != MLP_OK; /* its text stands */
    return weightless ? MLP_ERROR_NONFINITE
                      : fail(MLP_ERROR_NONFINITE, "mlp_evaluate: the loss is %g", metrics->loss);
}

mlp_status mlp_evaluate(const mlp_network *network, const mlp_data *data, size_t batch, int threads,
                        size_t top_k, mlp_metrics *metrics, uint64_t *confusion)
{
    return mlp_exchange_evaluate(NULL, network, data, batch, threads, top_k, metrics, confusion);
}
