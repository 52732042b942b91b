/* Partial dependence: mean predictions with some inputs set alike in all samples. */
#include <mlp/importance.h>

#include <math.h>

#include <mlp/pass.h>
#include <mlp/workspace.h>

#include "base/memory.h"
#include "base/status.h"
#include "data/data.h"
#include "model/network.h"

enum { DEFAULT_BATCH = 256 };

struct dependence {
    const mlp_network *network;
    const mlp_data *data;
    const size_t *inputs;
    size_t input_count;
    size_t batch;
    mlp_workspace *workspace;
    float *x;       /* batch × inputs */
    float *outputs; /* batch × outputs */
};

static mlp_status check(const mlp_network *network, const mlp_data *data, const size_t *inputs,
                        size_t input_count, const float *grid, size_t point_count)
{
    FAIL_IF(data->storage->inputs != network->inputs, MLP_ERROR_SHAPE,
            "mlp_partial_dependence: the data have %zu inputs, expected the network's %zu",
            data->storage->inputs, network->inputs);
    FAIL_IF(input_count == 0 || point_count == 0, MLP_ERROR_ARGUMENT,
            "mlp_partial_dependence: %s is 0, expected at least 1",
            input_count == 0 ? "input_count" : "point_count");
    for (size_t i = 0; i < input_count; i++) {
        FAIL_IF(inputs[i] >= network->inputs, MLP_ERROR_RANGE,
                "mlp_partial_dependence: an input is %zu, expected less than %zu", inputs[i],
                network->inputs);
        for (size_t p = 0; p < point_count; p++) {
            const double value = (double)grid[p * input_count + i];
            FAIL_IF(!isfinite(value), MLP_ERROR_RANGE,
                    "mlp_partial_dependence: point %zu has %g for input %zu, expected a finite value", p,
                    value, inputs[i]);
        }
    }
    return MLP_OK;
}

/* The mean predictions at one point of the grid. */
static mlp_status measure_point(const struct dependence *d, const float *point, double *means)
{
    const size_t inputs = d->network->inputs, outputs = output_layer(d->network)->units,
                 count = d->data->count;
    for (size_t i = 0; i < outputs; i++) {
        means[i] = 0.0;
    }
    for (size_t first = 0; first < count; first += d->batch) {
        const size_t rows = count - first < d->batch ? count - first : d->batch;
        TRY(data_gather_features(d->data, NULL, first, rows, d->x));
        for (size_t k = 0; k < rows * d->input_count; k++) {
            const size_t i = k % d->input_count;
            d->x[k / d->input_count * inputs + d->inputs[i]] = point[i];
        }
        TRY(mlp_predict(d->network, d->workspace, d->x, rows, d->outputs));
        for (size_t k = 0; k < rows * outputs; k++) {
            means[k % outputs] += (double)d->outputs[k] / (double)count;
        }
    }
    return MLP_OK;
}

static mlp_status make_buffers(struct dependence *d, int threads)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    size_t floats;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    options.threads = threads;
    FAIL_IF(!size_multiply(d->batch, d->network->inputs, &floats), MLP_ERROR_SHAPE,
            "mlp_partial_dependence: a batch of %zu samples is more than memory can hold", d->batch);
    TRY(mlp_workspace_create(d->network, d->batch, &options, &d->workspace));
    d->x = memory_allocate(floats, sizeof *d->x);
    d->outputs = memory_allocate(d->batch, output_layer(d->network)->units * sizeof *d->outputs);
    return d->x != NULL && d->outputs != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

mlp_status mlp_partial_dependence(const mlp_network *network, const mlp_data *data, const size_t *inputs,
                                  size_t input_count, const float *grid, size_t point_count, size_t batch,
                                  int threads, double *means)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(inputs);
    REQUIRE_ARGUMENT(grid);
    REQUIRE_ARGUMENT(means);
    TRY(check(network, data, inputs, input_count, grid, point_count));
    batch = batch > 0 ? batch : DEFAULT_BATCH;
    struct dependence d = { network, data, inputs, input_count, batch < data->count ? batch : data->count,
                            NULL,    NULL, NULL };
    mlp_status status = make_buffers(&d, threads);
    for (size_t p = 0; p < point_count && status == MLP_OK; p++) {
        status = measure_point(&d, grid + p * input_count, means + p * output_layer(network)->units);
    }
    mlp_workspace_destroy(&d.workspace);
    memory_free(d.x);
    memory_free(d.outputs);
    return status;
}
