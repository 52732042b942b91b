/* Initializations that look at a batch: LSUV and the data-dependent part of weight normalization. */
#include <math.h>
#include <string.h>
#include <stdint.h>
#include <stdio.h>

#include <mlp/pass.h>

#include "base/denormals.h"
#include "base/names.h"
#include "base/status.h"
#include "model/network.h"

/* Mishkin & Matas 2015, algorithm 1 and section 3. */
#define LSUV_TOLERANCE 0.02
enum { LSUV_ROUNDS = 20 };

static const struct name rows[] = {
    [MLP_DATA_INIT_LSUV] = { "lsuv",
                             "orthonormal, each layer scaled to unit variance (Mishkin & Matas 2015)" },
    [MLP_DATA_INIT_WEIGHT_NORM] = { "weight-norm", "each unit scaled and shifted to mean 0, variance 1 "
                                                   "(Salimans & Kingma 2016)" },
};

static const struct name_table names = NAME_ROWS("data-dependent initialization", rows);

NAME_FUNCTIONS(mlp_data_init, mlp_data_init, &names);

/* Mean and variance of a row of Z, or of all of it where `row` is SIZE_MAX. */
static void measure(const mlp_matrix *z, size_t row, double *mean, double *variance)
{
    const size_t first = row == SIZE_MAX ? 0 : row, end = row == SIZE_MAX ? z->rows : row + 1;
    const double count = (double)(end - first) * (double)z->columns;
    double sum = 0.0, squares = 0.0;
    for (size_t j = 0; j < z->columns; j++) {
        for (size_t i = first; i < end; i++) {
            sum += (double)z->data[i + j * z->leading_dimension];
        }
    }
    *mean = sum / count;
    for (size_t j = 0; j < z->columns; j++) {
        for (size_t i = first; i < end; i++) {
            const double distance = (double)z->data[i + j * z->leading_dimension] - *mean;
            squares += distance * distance;
        }
    }
    *variance = squares / count;
}

static mlp_status check_variance(size_t layer, size_t unit, double variance)
{
    char where[48] = "";
    if (unit != SIZE_MAX) {
        snprintf(where, sizeof where, ", unit %zu", unit);
    }
    FAIL_IF(!isfinite(variance), MLP_ERROR_NONFINITE, "layer %zu%s: the variance of Z is %g on this batch",
            layer, where, variance);
    return variance > 0.0 ? MLP_OK
                          : fail(MLP_ERROR_RANGE,
                                 "layer %zu%s: Z is the same for all samples, expected features that vary",
                                 layer, where);
}

static mlp_status check_parameters(size_t layer, size_t unit, bool finite)
{
    FAIL_IF(!finite, MLP_ERROR_NONFINITE,
            "layer %zu, unit %zu: the features of this batch are too small or too much alike: no floats are "
            "parameters that give Z variance 1",
            layer, unit);
    return MLP_OK;
}

static mlp_status scale_row(mlp_network *network, size_t l, size_t row, double factor)
{
    const struct layer *layer = &network->layers[l];
    float *w = network_write(network) + layer->weights + row;
    bool finite = true;
    for (size_t j = 0; j < layer->inputs; j++) {
        float *weight = &w[j * layer->stride];
        *weight = (float)((double)*weight * factor);
        finite &= isfinite(*weight) != 0;
    }
    return check_parameters(l, row, finite);
}

static mlp_status forward(mlp_network *network, mlp_workspace *workspace, const float *x, size_t count,
                          size_t l, mlp_matrix *z)
{
    TRY(mlp_forward(network, workspace, x, count));
    return mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION, l, z);
}

static mlp_status lsuv_layer(mlp_network *network, mlp_workspace *workspace, const float *x, size_t count,
                             size_t l)
{
    for (int round = 0; round < LSUV_ROUNDS; round++) {
        mlp_matrix z;
        double mean, variance;
        TRY(forward(network, workspace, x, count, l, &z));
        measure(&z, SIZE_MAX, &mean, &variance);
        TRY(check_variance(l, SIZE_MAX, variance));
        if (fabs(variance - 1.0) < LSUV_TOLERANCE) {
            break;
        }
        for (size_t i = 0; i < network->layers[l].units; i++) {
            TRY(scale_row(network, l, i, 1.0 / sqrt(variance)));
        }
    }
    return MLP_OK;
}

static mlp_status weight_norm_layer(mlp_network *network, mlp_workspace *workspace, const float *x,
                                    size_t count, size_t l)
{
    float *bias = network_write(network) + network->layers[l].bias;
    mlp_matrix z;
    TRY(forward(network, workspace, x, count, l, &z));
    for (size_t i = 0; i < network->layers[l].units; i++) {
        double mean, variance;
        measure(&z, i, &mean, &variance);
        TRY(check_variance(l, i, variance));
        TRY(scale_row(network, l, i, 1.0 / sqrt(variance)));
        bias[i] = (float)(((double)bias[i] - mean) / sqrt(variance));
        TRY(check_parameters(l, i, isfinite(bias[i]) != 0));
    }
    return MLP_OK;
}

/* Orthonormal weights and no biases, whatever the layer's own initializer is. */
static mlp_status start_orthonormal(mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        struct init_task task = network_init_task(layer, l);
        task.init = MLP_INIT_ORTHOGONAL;
        task.parameters = (mlp_init_parameters){ 0 };
        task.seed = network->seed;
        TRY(init_fill(&task, network_write(network) + layer->weights, layer->units, layer->inputs,
                      layer->stride));
        memset(network_write(network) + layer->bias, 0, layer->units * sizeof(float));
    }
    return MLP_OK;
}

static mlp_status initialize(mlp_network *network, mlp_workspace *workspace, mlp_data_init method,
                             const float *x, size_t count)
{
    if (method == MLP_DATA_INIT_LSUV) {
        TRY(start_orthonormal(network));
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        TRY(method == MLP_DATA_INIT_LSUV ? lsuv_layer(network, workspace, x, count, l)
                                         : weight_norm_layer(network, workspace, x, count, l));
    }
    return MLP_OK;
}

/* On a copy, so that a failure leaves the network as it was. */
mlp_status mlp_network_initialize_from_data(mlp_network *network, mlp_data_init method, const float *x,
                                            size_t count)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace = NULL;
    mlp_network *copy = NULL;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(x);
    TRY(name_check(&names, (int)method));
    FAIL_IF(count < 2, MLP_ERROR_RANGE, "mlp_network_initialize_from_data: count is %zu, expected at least 2",
            count);
    FLUSH_DENORMALS;
    options.keep_pre_activations = 1;
    mlp_status status = mlp_workspace_create(network, count, &options, &workspace);
    status = status == MLP_OK ? mlp_network_copy(network, &copy) : status;
    status = status == MLP_OK ? initialize(copy, workspace, method, x, count) : status;
    status = status == MLP_OK ? mlp_network_copy_parameters(network, copy) : status;
    mlp_network_destroy(&copy);
    mlp_workspace_destroy(&workspace);
    return status;
}
