/* A loss of one's own: the log-cosh error Σ ln cosh(ŷ − y) / n, through mlp_backward().
 *
 * The library computes ŷ; the program computes its loss and dL/dŷ from it; the library takes that back
 * through the network. The same way a network becomes a part of a larger model. */
#include <math.h>
#include <stdio.h>

#include <mlp/mlp.h>

enum { BATCH = 50, STEPS = 2000 };

static int failed(mlp_status status)
{
    if (status != MLP_OK) {
        fprintf(stderr, "custom_loss: %s\n", mlp_last_error());
    }
    return status != MLP_OK;
}

/* d/dŷ ln cosh(ŷ − y) = tanh(ŷ − y) */
static double log_cosh(const mlp_matrix *outputs, const float *y, float *dy)
{
    double loss = 0.0;
    for (size_t j = 0; j < outputs->columns; j++) {
        const double rest = outputs->data[j * outputs->leading_dimension] - y[j];
        loss += fabs(rest) + log1p(exp(-2.0 * fabs(rest))) - log(2.0);
        dy[j] = (float)(tanh(rest) / (double)outputs->columns);
    }
    return loss / (double)outputs->columns;
}

static int step(mlp_network *network, mlp_workspace *workspace, mlp_optimizer *optimizer, const float *x,
                const float *y, double *loss)
{
    mlp_matrix outputs;
    float dy[BATCH];
    if (failed(mlp_forward(network, workspace, x, BATCH)) ||
        failed(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, 1, &outputs))) {
        return 1;
    }
    *loss = log_cosh(&outputs, y, dy);
    return failed(mlp_backward(network, workspace, dy)) ||
           failed(mlp_optimizer_step(optimizer, network, workspace, NULL));
}

int main(void)
{
    const mlp_layer layers[] = { { .units = 24, .activation = MLP_ACTIVATION_GELU }, { .units = 1 } };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network = NULL;
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    float x[BATCH], y[BATCH];
    double first = 0.0, loss = 0.0;
    options.rule = MLP_OPTIMIZER_ADAM;
    options.learning_rate = 0.01;
    for (int i = 0; i < BATCH; i++) {
        x[i] = -2.0f + 4.0f * (float)i / (BATCH - 1);
        y[i] = x[i] * x[i] + (i == 10 ? 20.0f : 0.0f); /* one outlier, which log-cosh takes lightly */
    }
    int code = failed(mlp_network_create(1, layers, 2, NULL, &network)) ||
               failed(mlp_workspace_create(network, BATCH, NULL, &workspace)) ||
               failed(mlp_optimizer_create(network, &options, &optimizer));
    for (int i = 0; i < STEPS && !code; i++) {
        code = step(network, workspace, optimizer, x, y, &loss);
        first = i == 0 ? loss : first;
    }
    printf("log-cosh loss %.4f at first, %.4f after %d steps\n", first, loss, STEPS);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return code || !(loss < 0.5 * first);
}
