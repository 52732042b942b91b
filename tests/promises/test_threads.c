/* The same bits on any number of threads. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"

struct shape {
    size_t inputs;
    size_t units[4];
    size_t layers;
    size_t batch;
};

/* Small enough for no team at all; widths with tails; small-matrix and packed products; wide enough for
 * several tiles each way. */
static const struct shape shapes[] = {
    { 8, { 16, 16, 1 }, 3, 32 },
    { 130, { 300, 100, 10 }, 3, 128 },
    { 784, { 128, 64, 10 }, 3, 64 },
    { 256, { 256, 256, 256, 7 }, 4, 80 },
    { 300, { 128, 480, 320, 17 }, 4, 128 },
    { 1100, { 700, 530, 33 }, 3, 96 },
    { 1100, { 700, 530, 33 }, 3, 1 }, /* whose rows are shared out */
};

/* Whether products are cut as for packed kernels, whatever the kernels at hand. */
static bool packed;

/* Trains a few steps, the last batches short, and gives the parameters, losses and some predictions as bytes,
 * the predictions of a training and of an inference workspace. */
static size_t train(const struct shape *shape, mlp_optimizer_rule rule, int threads, size_t batch,
                    float **result)
{
    mlp_layer layers[4] = { { .units = 0 } };
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_optimizer_options update = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    uint64_t state = 12;
    const size_t outputs = shape->units[shape->layers - 1];
    for (size_t l = 0; l < shape->layers; l++) {
        layers[l].units = shape->units[l];
        layers[l].init = MLP_INIT_XAVIER_UNIFORM; /* quicker to draw than normal */
        layers[l].activation = l + 1 < shape->layers ? MLP_ACTIVATION_GELU
                               : outputs > 1         ? MLP_ACTIVATION_SOFTMAX
                                                     : MLP_ACTIVATION_IDENTITY;
    }
    options.threads = threads;
    update.rule = rule;
    update.clip = MLP_CLIP_GLOBAL_NORM;
    update.clip_threshold = 0.5;
    assert_ok(mlp_network_create(shape->inputs, layers, shape->layers, NULL, &network));
    assert_ok(mlp_workspace_create(network, batch, &options, &workspace));
    workspace->plan.class = packed ? BLAS_PACKED : workspace->plan.class;
    assert_ok(mlp_optimizer_create(network, &update, &optimizer));
    noise.hidden_dropout = noise.input_dropout = noise.input_noise = shape->inputs % 4 == 0 ? 0.2 : 0.0;
    assert_ok(mlp_workspace_set_regularization(workspace, &noise));
    float *x = malloc(batch * shape->inputs * sizeof *x), *y = malloc(batch * outputs * sizeof *y);
    float *mean = calloc(shape->inputs, sizeof *mean), *scale = malloc(shape->inputs * sizeof *scale);
    int32_t *classes = malloc(batch * sizeof *classes);
    test_fill(&state, -1.0, 1.0, x, batch * shape->inputs);
    test_fill(&state, -1.0, 1.0, y, batch * outputs);
    test_fill(&state, 0.5, 2.0, scale, shape->inputs);
    for (size_t i = 0; i < batch; i++) {
        classes[i] = (int32_t)(i * 3 % outputs);
    }
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    const mlp_targets targets = { outputs > 1 ? classes : NULL, outputs > 1 ? NULL : y, NULL };
    const size_t size = network->arena_size + 2 * batch * outputs + 8;
    *result = calloc(size, sizeof **result);
    for (size_t step = 0; step < 4; step++) {
        mlp_step_report report;
        const size_t count = step < batch ? batch - step : 1;
        assert_ok(mlp_train_step(network, optimizer, workspace, x, &targets, count, &report));
        (*result)[size - 1 - step] = (float)report.loss;
        (*result)[size - 5 - step % 4] = (float)report.clip.norm;
    }
    memcpy(*result, network->parameters, network->arena_size * sizeof(float));
    assert_ok(mlp_predict(network, workspace, x, batch, *result + network->arena_size));
    mlp_workspace_destroy(&workspace);
    options.purpose = MLP_WORKSPACE_INFERENCE;
    assert_ok(mlp_workspace_create(network, batch, &options, &workspace));
    workspace->plan.class = packed ? BLAS_PACKED : workspace->plan.class;
    assert_ok(mlp_predict(network, workspace, x, batch, *result + network->arena_size + batch * outputs));
    free(x);
    free(y);
    free(mean);
    free(scale);
    free(classes);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return size;
}

static void compare(const struct shape *shape, mlp_optimizer_rule rule, int threads, size_t batch)
{
    float *alone, *shared;
    const size_t size = train(shape, rule, 1, batch, &alone);
    train(shape, rule, threads, batch, &shared);
    if (memcmp(alone, shared, size * sizeof(float)) != 0) {
        print_error("%zu inputs, batch %zu: %d threads differ from one\n", shape->inputs, batch, threads);
    }
    assert_memory_equal(alone, shared, size * sizeof(float));
    free(alone);
    free(shared);
}

static void all_shapes_on_all_teams(void)
{
    static const int teams[] = { 2, 3, 4, 8 };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (size_t t = 0; t < sizeof teams / sizeof teams[0]; t++) {
            if (test_step() > 1 && t != s % 4) {
                continue;
            }
            compare(&shapes[s], t % 2 ? MLP_OPTIMIZER_ADAM : MLP_OPTIMIZER_MOMENTUM, teams[t],
                    shapes[s].batch);
        }
    }
}

static void any_number_of_threads(void **unused)
{
    (void)unused;
    all_shapes_on_all_teams();
}

static void any_number_of_threads_with_packed_tiles(void **unused)
{
    (void)unused;
    packed = true;
    all_shapes_on_all_teams();
    packed = false;
}

/* Wide enough that a single sample is worth a team. */
static void any_batch(void **unused)
{
    const struct shape shape = { 900, { 900, 900, 900, 10 }, 4, 0 };
    (void)unused;
    for (size_t batch = 1; batch <= 17; batch += (size_t)test_step()) {
        compare(&shape, MLP_OPTIMIZER_NESTEROV, 2 + (int)(batch % 3), batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(any_number_of_threads),
                                        cmocka_unit_test(any_number_of_threads_with_packed_tiles),
                                        cmocka_unit_test(any_batch) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
