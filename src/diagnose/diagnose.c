/* A diagnosis from beginning to end. */
#include "diagnose/diagnose.h"

#include <math.h>

#include <mlp/pass.h>

#include "base/denormals.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"

static double mean_square_of_input(const mlp_network *network, const float *x, size_t count)
{
    double sum = 0.0;
    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < network->inputs; i++) {
            const double mean = network->mean != NULL ? (double)network->mean[i] : 0.0;
            const double scale = network->scale != NULL ? (double)network->scale[i] : 1.0;
            const double value = ((double)x[i + j * network->inputs] - mean) / scale;
            sum += value * value;
        }
    }
    return sum / ((double)count * (double)network->inputs);
}

/* ‖ΔW‖/‖W‖ of one step on a copy, whose gradients are those of the workspace. A refused step leaves NaN. */
static mlp_status measure_update(const mlp_network *network, mlp_workspace *workspace,
                                 const mlp_optimizer_options *options, mlp_signal *signals)
{
    mlp_network *copy = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_status status = mlp_network_copy(network, &copy);
    if (status == MLP_OK) {
        status = mlp_optimizer_create(copy, options, &optimizer);
    }
    const mlp_status stepped =
        status == MLP_OK ? mlp_optimizer_step(optimizer, copy, workspace, NULL) : status;
    if (stepped == MLP_OK) {
        for (size_t l = 0; l < network->layer_count; l++) {
            const struct layer *layer = &network->layers[l];
            const float *before = network->parameters + layer->weights,
                        *after = copy->parameters + layer->weights;
            double squares = 0.0;
            for (size_t i = 0; i < layer->stride * layer->inputs; i++) {
                const double change = (double)after[i] - (double)before[i];
                squares += change * change;
            }
            signals[l].update_ratio = sqrt(squares) / signals[l].weight_norm;
        }
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&copy);
    return status;
}

static mlp_status fill(const mlp_network *network, mlp_workspace *workspace, const float *x,
                       const mlp_targets *targets, size_t count, const mlp_diagnose_options *options,
                       mlp_diagnosis *d)
{
    TRY(mlp_forward(network, workspace, x, count));
    const mlp_status status = mlp_loss_backward(network, workspace, targets, &d->loss);
    if (status != MLP_OK && status != MLP_ERROR_NONFINITE) {
        return status;
    }
    d->input_square = mean_square_of_input(network, x, count);
    d->nonfinite = nonfinite_search(network, workspace, x, count, true, d->loss);
    TRY(signal_measure(network, workspace, status == MLP_OK, d));
    TRY(signal_symmetry(network, options->symmetry_tolerance, d->signals));
    if (options->step != NULL && status == MLP_OK) {
        TRY(measure_update(network, workspace, options->step, d->signals));
    }
    verdict_reach(network, d);
    return MLP_OK;
}

static mlp_status make(const mlp_network *network, const float *x, const mlp_targets *targets, size_t count,
                       const mlp_diagnose_options *options, mlp_diagnosis *d)
{
    mlp_workspace_options workspace_options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    d->layers = network->layer_count;
    d->signals = memory_allocate(d->layers, sizeof *d->signals);
    d->steps = memory_allocate(d->layers, sizeof *d->steps);
    if (d->signals == NULL || d->steps == NULL) {
        return MLP_ERROR_MEMORY;
    }
    workspace_options.threads = options->threads;
    workspace_options.keep_pre_activations = 1;
    TRY(mlp_workspace_create(network, count, &workspace_options, &workspace));
    const mlp_status status = fill(network, workspace, x, targets, count, options, d);
    mlp_workspace_destroy(&workspace);
    return status;
}

mlp_status mlp_diagnose(const mlp_network *network, const float *x, const mlp_targets *targets, size_t count,
                        const mlp_diagnose_options *options, mlp_diagnosis **diagnosis)
{
    mlp_diagnose_options accepted;
    REQUIRE_ARGUMENT(diagnosis);
    *diagnosis = NULL;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(x);
    REQUIRE_ARGUMENT(targets);
    TRY(ACCEPT_OPTIONS(mlp_diagnose_options, MLP_DIAGNOSE_OPTIONS_INIT, options, &accepted));
    mlp_diagnosis *made = memory_allocate(1, sizeof *made);
    REQUIRE_MEMORY(made);
    FLUSH_DENORMALS;
    const mlp_status status = make(network, x, targets, count, &accepted, made);
    if (status != MLP_OK) {
        mlp_diagnosis_destroy(&made);
    }
    *diagnosis = made;
    return status;
}

void mlp_diagnosis_destroy(mlp_diagnosis **diagnosis)
{
    if (diagnosis == NULL || *diagnosis == NULL) {
        return;
    }
    memory_free((*diagnosis)->signals);
    memory_free((*diagnosis)->steps);
    memory_free(*diagnosis);
    *diagnosis = NULL;
}

GETTER(size_t, mlp_diagnosis_layers, mlp_diagnosis, diagnosis, diagnosis->layers, 0)

mlp_status mlp_diagnosis_layer(const mlp_diagnosis *diagnosis, size_t layer, mlp_signal *signal)
{
    REQUIRE_ARGUMENT(diagnosis);
    REQUIRE_ARGUMENT(signal);
    FAIL_IF(layer >= diagnosis->layers, MLP_ERROR_RANGE,
            "mlp_diagnosis_layer: layer is %zu, expected less than %zu", layer, diagnosis->layers);
    *signal = diagnosis->signals[layer];
    return MLP_OK;
}

GETTER(unsigned, mlp_diagnosis_findings, mlp_diagnosis, diagnosis, diagnosis->findings, 0)
GETTER(double, mlp_diagnosis_loss, mlp_diagnosis, diagnosis, diagnosis->loss, NAN)
GETTER(const char *, mlp_diagnosis_text, mlp_diagnosis, diagnosis, diagnosis->text, "")
