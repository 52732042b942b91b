/* Evaluation of predicted numbers, in the units of the targets. */
#include <math.h>

#include <mlp/pass.h>

#include "base/memory.h"
#include "base/status.h"
#include "model/workspace.h"
#include "session/batch.h"

enum { DEFAULT_BATCH = 256 };

/* Running sums of one output; differences of targets are taken from the first one. */
struct sums {
    double origin;
    double weight;
    double error, absolute, squared; /* Σ w·(y − t), its size, its square */
    double target, target_squared;   /* Σ w·(t − origin), its square */
};

static void add_sample(struct sums *sums, double weight, double prediction, double target)
{
    const double error = prediction - target, difference = target - sums->origin;
    sums->weight += weight;
    sums->error += weight * error;
    sums->absolute += weight * fabs(error);
    sums->squared += weight * error * error;
    sums->target += weight * difference;
    sums->target_squared += weight * difference * difference;
}

static void add_batch(const struct batch *batch, const float *outputs, size_t units, bool first,
                      struct sums *sums)
{
    for (size_t j = 0; j < batch->count; j++) {
        const double weight = batch->weights != NULL ? (double)batch->weights[j] : 1.0;
        for (size_t i = 0; i < units; i++) {
            const double target = (double)batch->values[j * units + i];
            sums[i].origin = first && j == 0 ? target : sums[i].origin;
            add_sample(&sums[i], weight, (double)outputs[j * units + i], target);
        }
    }
}

static mlp_number_metrics metrics_of(const struct sums *s)
{
    const double shift = s->target / s->weight, mean_square = s->squared / s->weight;
    const double variance = fmax(s->target_squared / s->weight - shift * shift, 0.0);
    return (mlp_number_metrics){
        .rmse = sqrt(mean_square),
        .mae = s->absolute / s->weight,
        .r2 = variance > 0.0 ? 1.0 - mean_square / variance : NAN,
        .baseline_rmse = sqrt(variance),
        .mean = s->origin + shift,
        .bias = s->error / s->weight,
    };
}

static mlp_status evaluate(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                           float *outputs, struct sums *sums)
{
    const size_t count = batch->data->count, units = output_layer(network)->units;
    for (size_t done = 0; done < count; done += batch->size) {
        const size_t left = count - done;
        TRY(batch_gather(batch, NULL, done, left < batch->size ? left : batch->size, workspace->threads));
        TRY(mlp_predict(network, workspace, batch->x, batch->count, outputs));
        add_batch(batch, outputs, units, done == 0, sums);
    }
    for (size_t i = 0; i < units; i++) {
        FAIL_IF(!isfinite(sums[i].squared) || !(sums[i].weight > 0.0), MLP_ERROR_NONFINITE,
                "mlp_evaluate_numbers: output %zu: %s", i,
                sums[i].weight > 0.0 ? "a prediction is not finite" : "the weights of all samples are 0");
    }
    return MLP_OK;
}

mlp_status mlp_evaluate_numbers(const mlp_network *network, const mlp_data *data, size_t batch, int threads,
                                mlp_number_metrics *metrics)
{
    mlp_workspace *workspace = NULL;
    struct batch buffers = { 0 };
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(metrics);
    TRY(batch_check_data(__func__, network, data));
    FAIL_IF(!storage_has_values(data->storage), MLP_ERROR_ARGUMENT,
            "%s: the data set's targets are no values", __func__);
    const size_t units = output_layer(network)->units, wanted = batch > 0 ? batch : (size_t)DEFAULT_BATCH;
    const size_t size = wanted < data->count ? wanted : data->count;
    struct sums *sums = memory_allocate(units, sizeof *sums);
    float *outputs = memory_allocate(size * units, sizeof *outputs);
    mlp_status status = sums != NULL && outputs != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    status = status == MLP_OK ? workspace_create_for_evaluation(network, size, threads, &workspace) : status;
    status = status == MLP_OK ? batch_make(&buffers, data, size) : status;
    status = status == MLP_OK ? evaluate(network, workspace, &buffers, outputs, sums) : status;
    if (status == MLP_OK) {
        for (size_t i = 0; i < units; i++) {
            metrics[i] = metrics_of(&sums[i]);
        }
    }
    batch_free(&buffers);
    mlp_workspace_destroy(&workspace);
    memory_free(outputs);
    memory_free(sums);
    return status;
}
