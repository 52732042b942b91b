/* The training loop by hand, one step at a time: forward, loss and backward, clip and update.
 *
 * Learns y = sin(3x) with a small tanh network and shows the gradient of its first layer on the way. */
#include <math.h>
#include <stdio.h>

#include <mlp/mlp.h>

enum { BATCH = 64, STEPS = 3000 };

static int failed(mlp_status status)
{
    if (status != MLP_OK) {
        fprintf(stderr, "step_by_step: %s\n", mlp_last_error());
    }
    return status != MLP_OK;
}

/* Root mean square of a matrix: column j begins at data + j·leading_dimension. */
static double root_mean_square(const mlp_matrix *m)
{
    double sum = 0.0;
    for (size_t j = 0; j < m->columns; j++) {
        for (size_t i = 0; i < m->rows; i++) {
            const double value = m->data[i + j * m->leading_dimension];
            sum += value * value;
        }
    }
    return sqrt(sum / (double)(m->rows * m->columns));
}

static int step(mlp_network *network, mlp_workspace *workspace, mlp_optimizer *optimizer, const float *x,
                const float *y, int number)
{
    const mlp_targets targets = { NULL, y, NULL };
    mlp_step_report report;
    mlp_matrix gradient;
    double loss;
    if (failed(mlp_forward(network, workspace, x, BATCH)) ||
        failed(mlp_loss_backward(network, workspace, &targets, &loss)) ||
        failed(mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, 0, &gradient)) ||
        failed(mlp_optimizer_step(optimizer, network, workspace, &report))) {
        return 1;
    }
    if (number % 500 == 0) {
        printf("step %4d: loss %.5f, rms of the first layer's dW %.5f, gradient norm %.4f%s\n", number, loss,
               root_mean_square(&gradient), report.clip.norm, report.clip.acted ? " (clipped)" : "");
    }
    return number == STEPS && loss > 0.01;
}

int main(void)
{
    const mlp_layer layers[] = {
        { .units = 32, .activation = MLP_ACTIVATION_TANH, .init = MLP_INIT_XAVIER_NORMAL },
        { .units = 32, .activation = MLP_ACTIVATION_TANH, .init = MLP_INIT_ORTHOGONAL },
        { .units = 1 }, /* identity: the loss is the squared error */
    };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network = NULL;
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    float x[BATCH], y[BATCH];
    options.rule = MLP_OPTIMIZER_NESTEROV;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 0.5;
    int code = failed(mlp_network_create(1, layers, 3, NULL, &network)) ||
               failed(mlp_workspace_create(network, BATCH, NULL, &workspace)) ||
               failed(mlp_optimizer_create(network, &options, &optimizer));
    for (int i = 0; i < BATCH; i++) {
        x[i] = -1.0f + 2.0f * (float)i / (BATCH - 1);
        y[i] = sinf(3.0f * x[i]);
    }
    for (int number = 0; number <= STEPS && !code; number++) {
        code = step(network, workspace, optimizer, x, y, number);
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return code;
}
