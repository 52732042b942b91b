/* Evaluation of predicted numbers, in the units of the targets. */
#include <math.h>

#include <mlp/pass.h>

#include "base/memory.h"
#include "base/status.h"
#include "model/exchange.h"
#include "model/workspace.h"
#include "session/evaluate.h"

enum { DEFAULT_BATCH = 256 };

/* Sums of one output over a batch, or over all; differences of targets are taken from the first sample's. */
struct sums {
    double origin;
    double weight;
    double error, absolute, squared; /* Σ w·(y − t), its size, its square */
    double target, target_squared;   /* Σ w·(t − origin), its square */
};

/* An evaluation under way, by one rank or several. */
struct number_evaluation {
    const mlp_network *network;
    const mlp_exchange *exchange;
    mlp_workspace *workspace;
    struct batch batch;
    size_t units;
    float *outputs;     /* of a batch */
    struct sums *total; /* of each output */
    struct sums *sums;  /* of a batch's outputs; on several ranks of each batch's: this rank's, then all */
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

static void add_sums(struct sums *to, const struct sums *sums)
{
    to->origin = sums->origin;
    to->weight += sums->weight;
    to->error += sums->error;
    to->absolute += sums->absolute;
    to->squared += sums->squared;
    to->target += sums->target;
    to->target_squared += sums->target_squared;
}

static void sum_batch(const struct number_evaluation *e, struct sums *sums)
{
    const struct batch *batch = &e->batch;
    for (size_t i = 0; i < e->units; i++) {
        sums[i] = (struct sums){ .origin = e->total[i].origin };
    }
    for (size_t j = 0; j < batch->count; j++) {
        const double weight = batch->weights != NULL ? (double)batch->weights[j] : 1.0;
        for (size_t i = 0; i < e->units; i++) {
            const size_t entry = j * e->units + i;
            add_sample(&sums[i], weight, (double)e->outputs[entry], (double)batch->values[entry]);
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

/* The targets of the first sample. */
static mlp_status find_origins(struct number_evaluation *e)
{
    TRY(batch_gather(&e->batch, NULL, 0, 1, 1));
    for (size_t i = 0; i < e->units; i++) {
        e->total[i].origin = (double)e->batch.values[i];
    }
    return MLP_OK;
}

/* The sums of batch b's outputs. */
static mlp_status evaluate_batch(struct number_evaluation *e, size_t b, struct sums *sums)
{
    struct batch *batch = &e->batch;
    const size_t first = b * batch->size, left = batch->data->count - first;
    TRY(batch_gather(batch, NULL, first, left < batch->size ? left : batch->size, e->workspace->threads));
    TRY(mlp_predict(e->network, e->workspace, batch->x, batch->count, e->outputs));
    sum_batch(e, sums);
    return MLP_OK;
}

static void add_batch(struct number_evaluation *e, const struct sums *sums)
{
    for (size_t i = 0; i < e->units; i++) {
        add_sums(&e->total[i], &sums[i]);
    }
}

static mlp_status evaluate_alone(struct number_evaluation *e)
{
    TRY(find_origins(e));
    for (size_t b = 0; b < evaluate_batches(&e->batch); b++) {
        TRY(evaluate_batch(e, b, e->sums));
        add_batch(e, e->sums);
    }
    return MLP_OK;
}

/* Batches of this rank. */
static mlp_status evaluate_own(struct number_evaluation *e)
{
    const struct range own = exchange_parts(e->exchange, evaluate_batches(&e->batch), e->exchange->rank);
    TRY(find_origins(e));
    for (size_t b = own.first; b < own.end; b++) {
        TRY(evaluate_batch(e, b, e->sums + b * e->units));
    }
    return MLP_OK;
}

/* The sums of all batches, in order: on any number of ranks the bits are the same. */
static mlp_status evaluate(struct number_evaluation *e)
{
    const size_t batches = evaluate_batches(&e->batch);
    if (e->exchange->size == 1) {
        return evaluate_alone(e);
    }
    TRY(exchange_agree(e->exchange, evaluate_own(e), NULL));
    TRY(exchange_gather(e->exchange, batches, e->units * sizeof *e->sums, e->sums));
    for (size_t b = 0; b < batches; b++) {
        add_batch(e, e->sums + (batches + b) * e->units);
    }
    return MLP_OK;
}

static mlp_status check(const struct number_evaluation *e, const mlp_data *data,
                        const mlp_number_metrics *metrics)
{
    static const char *const function = "mlp_evaluate_numbers";
    const mlp_network *network = e->network;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(metrics);
    TRY(batch_check_data(function, network, data));
    FAIL_IF(!storage_has_values(data->storage), MLP_ERROR_ARGUMENT,
            "%s: the data set's targets are no values", function);
    return MLP_OK;
}

static mlp_status prepare(struct number_evaluation *e, const mlp_data *data, size_t batch, int threads)
{
    struct memory_row row = { 0 };
    const size_t wanted = batch > 0 ? batch : (size_t)DEFAULT_BATCH;
    const size_t size = wanted < data->count ? wanted : data->count;
    e->units = output_layer(e->network)->units;
    TRY(workspace_create_for_evaluation(e->network, size, threads, &e->workspace));
    TRY(batch_make(&e->batch, data, size));
    const size_t kept = e->exchange->size > 1 ? 2 * evaluate_batches(&e->batch) : 1;
    e->outputs = memory_take(&row, size, e->units * sizeof *e->outputs);
    e->total = memory_take(&row, e->units, sizeof *e->total);
    e->sums = memory_take(&row, kept, e->units * sizeof *e->sums);
    return row.failed ? MLP_ERROR_MEMORY : MLP_OK;
}

static void release(struct number_evaluation *e)
{
    batch_free(&e->batch);
    mlp_workspace_destroy(&e->workspace);
    memory_free(e->outputs);
    memory_free(e->total);
    memory_free(e->sums);
}

static mlp_status read_metrics(const struct number_evaluation *e, mlp_number_metrics *metrics)
{
    for (size_t i = 0; i < e->units; i++) {
        const struct sums *sums = &e->total[i];
        FAIL_IF(!isfinite(sums->squared) || !(sums->weight > 0.0), MLP_ERROR_NONFINITE,
                "mlp_evaluate_numbers: output %zu: %s", i,
                sums->weight > 0.0 ? "a prediction is not finite" : "the weights of all samples are 0");
    }
    for (size_t i = 0; i < e->units; i++) {
        metrics[i] = metrics_of(&e->total[i]);
    }
    return MLP_OK;
}

mlp_status mlp_exchange_evaluate_numbers(const mlp_exchange *exchange, const mlp_network *network,
                                         const mlp_data *data, size_t batch, int threads,
                                         mlp_number_metrics *metrics)
{
    mlp_exchange accepted;
    struct number_evaluation e = { .network = network, .exchange = &accepted };
    TRY(exchange_accept(exchange, &accepted));
    mlp_status status = check(&e, data, metrics);
    status = status == MLP_OK ? prepare(&e, data, batch, threads) : status;
    status = exchange_agree(&accepted, status, NULL);
    status = status == MLP_OK ? evaluate(&e) : status;
    status = status == MLP_OK ? read_metrics(&e, metrics) : status;
    release(&e);
    return status;
}

mlp_status mlp_evaluate_numbers(const mlp_network *network, const mlp_data *data, size_t batch, int threads,
                                mlp_number_metrics *metrics)
{
    return mlp_exchange_evaluate_numbers(NULL, network, data, batch, threads, metrics);
}
