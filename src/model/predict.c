/* Prediction: forward passes that keep nothing but the outputs. */
#include <mlp/pass.h>

#include "base/status.h"
#include "model/pass.h"

static void run_forward(const struct team *team, void *context)
{
    pass_forward(team, context);
}

static mlp_status check(const char *function, const mlp_network *network, const mlp_workspace *workspace,
                        const float *x, size_t count, const void *out, const char *out_name)
{
    if (network == NULL || workspace == NULL || x == NULL || out == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "%s: %s is NULL", function,
                    network == NULL     ? "network"
                    : workspace == NULL ? "workspace"
                    : x == NULL         ? "x"
                                        : out_name);
    }
    if (count == 0) {
        return fail(MLP_ERROR_RANGE, "%s: count is 0, expected at least 1", function);
    }
    return workspace_check(workspace, network);
}

mlp_status mlp_predict(const mlp_network *network, mlp_workspace *workspace, const float *x, size_t count,
                       float *outputs)
{
    struct pass pass = { .network = network, .workspace = workspace };
    TRY(check(__func__, network, workspace, x, count, outputs, "outputs"));
    const size_t units = output_layer(network)->units;
    struct workspace_layer *last = &workspace->layers[network->layer_count - 1];
    const struct workspace_layer kept = *last;
    last->ld = units;
    for (size_t done = 0; done < count; done += workspace->batch) {
        const size_t left = count - done;
        last->z = outputs + done * units; /* the output layer works in the caller's array */
        last->a = last->z;
        pass_begin(&pass, x + done * network->inputs, left < workspace->batch ? left : workspace->batch);
        pass_run(&pass, run_forward, &pass);
    }
    *last = kept;
    return MLP_OK;
}

size_t network_class_of(const struct mlp_network *network, const float *outputs)
{
    const struct layer *output = output_layer(network);
    size_t best = 0;
    if (output->units == 1) {
        const bool logit = network->loss.loss == MLP_LOSS_BINARY_CROSS_ENTROPY &&
                           output->description.activation == MLP_ACTIVATION_IDENTITY;
        return outputs[0] > (logit ? 0.0f : 0.5f) ? 1 : 0;
    }
    for (size_t i = 1; i < output->units; i++) {
        best = outputs[i] > outputs[best] ? i : best;
    }
    return best;
}

mlp_status mlp_predict_classes(const mlp_network *network, mlp_workspace *workspace, const float *x, size_t count,
                               int32_t *classes)
{
    struct pass pass = { .network = network, .workspace = workspace };
    TRY(check(__func__, network, workspace, x, count, classes, "classes"));
    const struct workspace_layer *last = &workspace->layers[network->layer_count - 1];
    for (size_t done = 0; done < count; done += workspace->batch) {
        const size_t left = count - done;
        const size_t piece = left < workspace->batch ? left : workspace->batch;
        pass_begin(&pass, x + done * network->inputs, piece);
        pass_run(&pass, run_forward, &pass);
        for (size_t j = 0; j < piece; j++) {
            classes[done + j] = (int32_t)network_class_of(network, last->a + j * last->ld);
        }
    }
    return MLP_OK;
}
