/* Evaluation: the loss and metrics of a data set under a network. */
#include "session/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "model/pass.h"

enum { DEFAULT_BATCH = 256, DEFAULT_TOP_K = 5 };

mlp_status evaluate_batch(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                          size_t first, size_t top_k, struct tally *tally, uint64_t *confusion)
{
    const size_t left = batch->data->count - first;
    TRY(batch_gather(batch, NULL, first, left < batch->size ? left : batch->size, workspace->threads));
    TRY(pass_evaluate(network, workspace, batch->x, &batch->targets, batch->count, false));
    tally_batch(tally, network, workspace, batch, top_k, confusion, workspace->threads);
    tally_loss(tally, &workspace->loss);
    return MLP_OK;
}

mlp_metrics tally_metrics(const struct tally *tally, const mlp_network *network)
{
    return (mlp_metrics){
        .loss = tally_mean_loss(tally, network),
        .accuracy = tally_share(tally, tally->right),
        .top_k_accuracy = tally_share(tally, tally->right_top_k),
        .count = tally->samples,
    };
}

mlp_status evaluate_data(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                         size_t top_k, mlp_metrics *metrics, uint64_t *confusion)
{
    struct tally tally = { 0 };
    for (size_t done = 0; done < batch->data->count; done += batch->size) {
        TRY(evaluate_batch(network, workspace, batch, done, top_k, &tally, confusion));
    }
    *metrics = tally_metrics(&tally, network);
    return MLP_OK;
}

size_t evaluate_top_k(size_t top_k)
{
    return top_k > 0 ? top_k : DEFAULT_TOP_K;
}

static mlp_status check(const mlp_network *network, const mlp_data *data, const uint64_t *confusion)
{
    TRY(batch_check_data("mlp_evaluate", network, data));
    FAIL_IF(confusion != NULL && !storage_has_classes(data->storage), MLP_ERROR_ARGUMENT,
            "mlp_evaluate: a confusion matrix needs classes, the data set has none");
    return MLP_OK;
}

mlp_status mlp_evaluate(const mlp_network *network, const mlp_data *data, size_t batch, int threads,
                        size_t top_k, mlp_metrics *metrics, uint64_t *confusion)
{
    mlp_workspace *workspace = NULL;
    struct batch buffers = { 0 };
    REQUIRE_ARGUMENT(metrics);
    *metrics = (mlp_metrics){ .loss = NAN, .accuracy = NAN, .top_k_accuracy = NAN };
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(data);
    TRY(check(network, data, confusion));
    const size_t outputs = output_layer(network)->units, classes = outputs > 1 ? outputs : 2;
    if (confusion != NULL) {
        memset(confusion, 0, classes * classes * sizeof *confusion);
    }
    batch = batch > 0 ? batch : DEFAULT_BATCH;
    batch = batch < data->count ? batch : data->count;
    mlp_status status = workspace_create_for_evaluation(network, batch, threads, &workspace);
    if (status == MLP_OK) {
        status = batch_make(&buffers, data, batch);
    }
    batch_scale_targets(&buffers, network);
    if (status == MLP_OK) {
        status = evaluate_data(network, workspace, &buffers, evaluate_top_k(top_k), metrics, confusion);
    }
    batch_free(&buffers);
    mlp_workspace_destroy(&workspace);
    if (status == MLP_OK && !isfinite(metrics->loss)) {
        const bool weightless =
            batch_check_mass("mlp_evaluate", network, data) != MLP_OK; /* its text stands */
        status = weightless ? MLP_ERROR_NONFINITE
                            : fail(MLP_ERROR_NONFINITE, "mlp_evaluate: the loss is %g", metrics->loss);
    }
    return status;
}
