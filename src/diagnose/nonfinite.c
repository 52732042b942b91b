/* The first value that is not finite. */
#include <math.h>

#include <mlp/pass.h>

#include "base/status.h"
#include "diagnose/diagnose.h"

/* In order of columns; true when there is one. */
static bool search(const float *data, size_t rows, size_t columns, size_t ld, mlp_place place, size_t layer,
                   mlp_nonfinite_location *location)
{
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            if (!isfinite(data[i + j * ld])) {
                *location = (mlp_nonfinite_location){ place, layer, i, j, (double)data[i + j * ld] };
                return true;
            }
        }
    }
    return false;
}

static bool search_tensor(mlp_workspace *workspace, mlp_tensor tensor, mlp_place place, size_t layer,
                          mlp_nonfinite_location *location)
{
    mlp_matrix view;
    return mlp_workspace_view(workspace, tensor, layer, &view) == MLP_OK &&
           search(view.data, view.rows, view.columns, view.leading_dimension, place, layer, location);
}

static bool search_parameters(const mlp_network *network, mlp_nonfinite_location *location)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        if (search(network->parameters + layer->weights, layer->units, layer->inputs, layer->stride,
                   MLP_PLACE_WEIGHTS, l, location) ||
            search(network->parameters + layer->bias, layer->units, 1, layer->stride, MLP_PLACE_BIAS, l,
                   location)) {
            return true;
        }
    }
    return false;
}

mlp_nonfinite_location nonfinite_search(const mlp_network *network, mlp_workspace *workspace, const float *x,
                                        size_t count, bool backward, double loss)
{
    mlp_nonfinite_location found = { .place = MLP_PLACE_NONE };
    if (search_parameters(network, &found) ||
        search(x, network->inputs, count, network->inputs, MLP_PLACE_INPUT, 0, &found)) {
        return found;
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        if (search_tensor(workspace, MLP_TENSOR_PRE_ACTIVATION, MLP_PLACE_FORWARD, l, &found) ||
            search_tensor(workspace, MLP_TENSOR_ACTIVATION, MLP_PLACE_FORWARD, l, &found)) {
            return found;
        }
    }
    if (!backward) {
        return found;
    }
    if (!isfinite(loss)) {
        return (mlp_nonfinite_location){ .place = MLP_PLACE_LOSS,
                                         .layer = network->layer_count - 1,
                                         .value = loss };
    }
    for (size_t l = network->layer_count; l-- > 0;) {
        if (search_tensor(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, MLP_PLACE_BACKWARD, l, &found) ||
            search_tensor(workspace, MLP_TENSOR_WEIGHT_GRADIENT, MLP_PLACE_GRADIENT, l, &found) ||
            search_tensor(workspace, MLP_TENSOR_BIAS_GRADIENT, MLP_PLACE_BIAS_GRADIENT, l, &found)) {
            return found;
        }
    }
    return found;
}

static mlp_status pass_and_search(const mlp_network *network, mlp_workspace *workspace, const float *x,
                                  const mlp_targets *targets, size_t count, mlp_nonfinite_location *location)
{
    double loss = 0.0;
    TRY(mlp_forward(network, workspace, x, count));
    if (targets != NULL) {
        const mlp_status status = mlp_loss_backward(network, workspace, targets, &loss);
        if (status != MLP_OK && status != MLP_ERROR_NONFINITE) {
            return status;
        }
    }
    *location = nonfinite_search(network, workspace, x, count, targets != NULL, loss);
    return MLP_OK;
}

mlp_status mlp_find_nonfinite(const mlp_network *network, const float *x, const mlp_targets *targets,
                              size_t count, mlp_nonfinite_location *location)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(x);
    REQUIRE_ARGUMENT(location);
    *location = (mlp_nonfinite_location){ .place = MLP_PLACE_NONE };
    options.keep_pre_activations = 1;
    TRY(mlp_workspace_create(network, count, &options, &workspace));
    const mlp_status status = pass_and_search(network, workspace, x, targets, count, location);
    mlp_workspace_destroy(&workspace);
    return status;
}
