/* Prediction: forward passes that keep nothing but the outputs. */
#include <string.h>

#include <mlp/pass.h>

#include "base/status.h"
#include "linalg/vector.h"
#include "model/pass.h"

struct prediction {
    struct pass pass;
    float *outputs; /* of this piece's samples; NULL: they stay in the workspace */
};

/* Forward, then every member copies its own samples' outputs. They are not computed in the caller's array: a
 * product over rows without padding may have other last bits than mlp_forward()'s. */
static void predict(const struct team *team, void *context)
{
    struct prediction *prediction = context;
    const struct pass *pass = &prediction->pass;
    const struct workspace_layer *last = &pass->workspace->layers[pass->network->layer_count - 1];
    const size_t units = output_layer(pass->network)->units;
    pass_forward(team, &prediction->pass);
    const struct range share = plan_columns(&pass->workspace->plan, team);
    if (prediction->outputs != NULL) {
        for (size_t j = share.first; j < share.end; j++) {
            memcpy(prediction->outputs + j * units, last->a + j * last->ld, units * sizeof(float));
        }
    }
}

/* The outputs of `count` samples in the units of the targets. */
static void scale_outputs(const struct mlp_network *network, size_t count, float *outputs)
{
    const size_t units = output_layer(network)->units;
    if (network->output_scale == NULL) {
        return;
    }
    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < units; i++) {
            const double value = (double)outputs[j * units + i];
            outputs[j * units + i] =
                (float)(value * (double)network->output_scale[i] + (double)network->output_shift[i]);
        }
    }
}

/* Predicts the samples from `done` on that the workspace takes at once, and returns how many those are. */
static size_t predict_piece(struct prediction *prediction, const float *x, size_t done, size_t count)
{
    struct pass *pass = &prediction->pass;
    const size_t left = count - done;
    const size_t piece = left < pass->workspace->batch ? left : pass->workspace->batch;
    pass_begin(pass, x + done * (pass->stride > 0 ? pass->stride : pass->network->inputs), piece);
    pass_run(pass, predict, prediction);
    return piece;
}

static mlp_status check(const char *function, const mlp_network *network, const mlp_workspace *workspace,
                        const float *x, size_t stride, size_t count, const void *out, const char *out_name)
{
    const struct {
        const char *name;
        const void *argument;
    } pointers[] = { { "network", network }, { "workspace", workspace }, { "x", x }, { out_name, out } };
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        FAIL_IF(pointers[i].argument == NULL, MLP_ERROR_ARGUMENT, "%s: %s is NULL", function,
                pointers[i].name);
    }
    FAIL_IF(count == 0, MLP_ERROR_RANGE, "%s: count is 0, expected at least 1", function);
    TRY(workspace_check(workspace, network));
    FAIL_IF(stride > 0 && stride < network->inputs, MLP_ERROR_RANGE,
            "%s: stride is %zu, expected at least the inputs, %zu", function, stride, network->inputs);
    return workspace_check_inputs(function, workspace, x, stride > 0 ? stride : network->inputs, count);
}

/* stride 0: the inputs. */
static mlp_status predict_outputs(const char *function, const mlp_network *network, mlp_workspace *workspace,
                                  const float *x, size_t stride, size_t count, float *outputs)
{
    struct prediction prediction = { .pass = { .network = network, .workspace = workspace } };
    TRY(check(function, network, workspace, x, stride, count, outputs, "outputs"));
    prediction.pass.stride = stride == network->inputs ? 0 : stride;
    for (size_t done = 0; done < count;) {
        prediction.outputs = outputs + done * output_layer(network)->units;
        done += predict_piece(&prediction, x, done, count);
    }
    scale_outputs(network, count, outputs);
    return MLP_OK;
}

mlp_status mlp_predict(const mlp_network *network, mlp_workspace *workspace, const float *x, size_t count,
                       float *outputs)
{
    return predict_outputs(__func__, network, workspace, x, 0, count, outputs);
}

mlp_status mlp_predict_strided(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               size_t stride, size_t count, float *outputs)
{
    FAIL_IF(stride == 0, MLP_ERROR_RANGE, "mlp_predict_strided: stride is 0, expected at least the inputs");
    return predict_outputs(__func__, network, workspace, x, stride, count, outputs);
}

float network_threshold(const struct mlp_network *network)
{
    const bool logit = network->loss.loss == MLP_LOSS_BINARY_CROSS_ENTROPY &&
                       output_layer(network)->description.activation == MLP_ACTIVATION_IDENTITY;
    return logit || network->loss.class_targets == MLP_CLASS_TARGETS_BIPOLAR ? 0.0f : 0.5f;
}

size_t network_class_of(const struct mlp_network *network, const float *outputs)
{
    const struct layer *output = output_layer(network);
    if (output->units == 1) {
        return outputs[0] > network_threshold(network) ? 1 : 0;
    }
    return vector_kernels()->largest_at(outputs, output->units);
}

mlp_status mlp_predict_classes(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               size_t count, int32_t *classes)
{
    struct prediction prediction = { .pass = { .network = network, .workspace = workspace } };
    TRY(check(__func__, network, workspace, x, 0, count, classes, "classes"));
    const struct workspace_layer *last = &workspace->layers[network->layer_count - 1];
    for (size_t done = 0; done < count;) {
        const size_t piece = predict_piece(&prediction, x, done, count);
        for (size_t j = 0; j < piece; j++) {
            classes[done + j] = (int32_t)network_class_of(network, last->a + j * last->ld);
        }
        done += piece;
    }
    return MLP_OK;
}
