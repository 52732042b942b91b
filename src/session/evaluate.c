/* Evaluation: the loss and metrics of a data set under a network. */
#include "session/evaluate.h"

#include <math.h>
#include <string.h>

#include <mlp/pass.h>

#include "base/status.h"
#include "model/pass.h"

enum { DEFAULT_BATCH = 256, DEFAULT_TOP_K = 5 };

/* The loss of the batch in the workspace, weighted so that all batches together give the whole set's: a
 * mean's divisor is undone. A custom loss counts by its samples. */
static mlp_status add_loss(struct tally *tally, const mlp_network *network, mlp_workspace *workspace,
                           const struct batch *batch)
{
    struct pass pass = { .network = network, .workspace = workspace, .targets = &batch->targets };
    double loss, weight = (double)batch->count;
    if (network->loss.loss != MLP_LOSS_CUSTOM) {
        const mlp_status status = pass_check_targets(&pass, batch->count);
        if (status == MLP_ERROR_RANGE && batch->weights != NULL) {
            return MLP_OK; /* a batch of weights 0 adds nothing */
        }
        TRY(status);
        weight = 1.0 / pass.loss_scale;
    }
    const mlp_status status = mlp_loss_evaluate(network, workspace, &batch->targets, &loss);
    if (status != MLP_OK && status != MLP_ERROR_NONFINITE) {
        return status;
    }
    tally->loss += loss * weight;
    tally->loss_weight += weight;
    return MLP_OK;
}

mlp_status evaluate_data(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                         size_t top_k, mlp_metrics *metrics, uint64_t *confusion)
{
    struct tally tally = { 0 };
    const size_t count = batch->data->count;
    for (size_t done = 0; done < count; done += batch->size) {
        const size_t left = count - done;
        TRY(batch_gather(batch, NULL, done, left < batch->size ? left : batch->size, workspace->threads));
        TRY(pass_forward_batch("mlp_evaluate", network, workspace, batch->x, batch->count, false));
        tally_batch(&tally, network, workspace, batch, top_k, confusion);
        TRY(add_loss(&tally, network, workspace, batch));
    }
    const bool summed = network->loss.reduction == MLP_REDUCTION_SUM && network->loss.loss != MLP_LOSS_CUSTOM;
    *metrics = (mlp_metrics){
        .loss = summed ? tally.loss : tally.loss / tally.loss_weight,
        .accuracy = tally_share(&tally, tally.right),
        .top_k_accuracy = tally_share(&tally, tally.right_top_k),
        .count = tally.samples,
    };
    return MLP_OK;
}

size_t evaluate_top_k(size_t top_k)
{
    return top_k > 0 ? top_k : DEFAULT_TOP_K;
}

static mlp_status check(const mlp_network *network, const mlp_data *data, const uint64_t *confusion)
{
    TRY(batch_check_data("mlp_evaluate", network, data));
    if (confusion != NULL && data->storage->classes == NULL) {
        return fail(MLP_ERROR_ARGUMENT,
                    "mlp_evaluate: a confusion matrix needs classes, the data set has none");
    }
    return MLP_OK;
}

mlp_status mlp_evaluate(const mlp_network *network, const mlp_data *data, size_t batch, int threads,
                        size_t top_k, mlp_metrics *metrics, uint64_t *confusion)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
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
    options.threads = threads;
    mlp_status status = mlp_workspace_create(network, batch, &options, &workspace);
    if (status == MLP_OK) {
        status = batch_make(&buffers, data, batch);
    }
    if (status == MLP_OK) {
        status = evaluate_data(network, workspace, &buffers, evaluate_top_k(top_k), metrics, confusion);
    }
    batch_free(&buffers);
    mlp_workspace_destroy(&workspace);
    if (status == MLP_OK && !isfinite(metrics->loss)) {
        return fail(MLP_ERROR_NONFINITE, "mlp_evaluate: the loss is %g", metrics->loss);
    }
    return status;
}
