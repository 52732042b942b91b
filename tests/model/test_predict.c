/* Prediction: the outputs of a forward pass, from workspaces of either purpose, for any count. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

enum { MAX_COUNT = 70 };

struct shape {
    size_t inputs;
    size_t hidden;
    size_t outputs;
    mlp_activation output;
};

/* The second is long enough that its first product is computed in two parts. */
static const struct shape shapes[] = { { 20, 33, 10, MLP_ACTIVATION_SOFTMAX },
                                       { 784, 50, 3, MLP_ACTIVATION_TANH },
                                       { 600, 21, 1, MLP_ACTIVATION_SIGMOID } };

static mlp_network *make(const struct shape *shape)
{
    const mlp_layer layers[] = { { .units = shape->hidden, .activation = MLP_ACTIVATION_RELU },
                                 { .units = shape->hidden / 2, .activation = MLP_ACTIVATION_SILU },
                                 { .units = shape->outputs, .activation = shape->output, .bias_init = MLP_INIT_NORMAL } };
    mlp_network *network;
    assert_ok(mlp_network_create(shape->inputs, layers, 3, NULL, &network));
    return network;
}

static mlp_workspace *workspace_for(const mlp_network *network, size_t batch, mlp_workspace_purpose purpose, int threads)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    options.purpose = purpose;
    options.threads = threads;
    assert_ok(mlp_workspace_create(network, batch, &options, &workspace));
    return workspace;
}

static void prediction_is_the_forward_pass(void **unused)
{
    static const size_t counts[] = { 1, 2, 16, 17, MAX_COUNT };
    static float x[MAX_COUNT * 784], outputs[2][MAX_COUNT * 10];
    (void)unused;
    for (size_t s = 0; s < 3; s++) {
        mlp_network *network = make(&shapes[s]);
        uint64_t state = 3;
        test_fill(&state, -1.0, 1.0, x, MAX_COUNT * shapes[s].inputs);
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            mlp_workspace *training = workspace_for(network, counts[c], MLP_WORKSPACE_TRAINING, 1);
            mlp_workspace *inference = workspace_for(network, counts[c], MLP_WORKSPACE_INFERENCE, 2);
            mlp_matrix view;
            assert_ok(mlp_forward(network, training, x, counts[c]));
            assert_ok(mlp_workspace_view(training, MLP_TENSOR_ACTIVATION, 2, &view));
            assert_ok(mlp_predict(network, inference, x, counts[c], outputs[0]));
            for (size_t j = 0; j < counts[c]; j++) {
                assert_memory_equal(view.data + j * view.leading_dimension, outputs[0] + j * shapes[s].outputs,
                                    shapes[s].outputs * sizeof(float));
            }
            assert_ok(mlp_predict(network, training, x, counts[c], outputs[1]));
            assert_memory_equal(outputs[0], outputs[1], counts[c] * shapes[s].outputs * sizeof(float));
            assert_true(mlp_workspace_bytes(inference) < mlp_workspace_bytes(training));
            mlp_workspace_destroy(&training);
            mlp_workspace_destroy(&inference);
        }
        mlp_network_destroy(&network);
    }
}

/* More samples than the workspace holds are taken in pieces. A sample's last bits may depend on the piece it is in. */
static void any_count(void **unused)
{
    static float x[MAX_COUNT * 20], whole[MAX_COUNT * 10], pieces[MAX_COUNT * 10];
    mlp_network *network = make(&shapes[0]);
    mlp_workspace *large = workspace_for(network, MAX_COUNT, MLP_WORKSPACE_INFERENCE, 1);
    uint64_t state = 3;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, MAX_COUNT * 20);
    assert_ok(mlp_predict(network, large, x, MAX_COUNT, whole));
    for (size_t batch = 1; batch <= 33; batch += 8) {
        mlp_workspace *small = workspace_for(network, batch, MLP_WORKSPACE_INFERENCE, 1);
        assert_ok(mlp_predict(network, small, x, MAX_COUNT, pieces));
        for (size_t i = 0; i < MAX_COUNT * 10; i++) {
            assert_close(pieces[i], whole[i], 1e-6);
        }
        mlp_workspace_destroy(&small);
    }
    mlp_workspace_destroy(&large);
    mlp_network_destroy(&network);
}

static void classes_are_the_largest_outputs(void **unused)
{
    static float x[MAX_COUNT * 784], outputs[MAX_COUNT * 10];
    int32_t classes[MAX_COUNT];
    (void)unused;
    for (size_t s = 0; s < 3; s++) {
        mlp_network *network = make(&shapes[s]);
        mlp_workspace *workspace = workspace_for(network, 32, MLP_WORKSPACE_INFERENCE, 1);
        uint64_t state = 8;
        test_fill(&state, -1.0, 1.0, x, MAX_COUNT * shapes[s].inputs);
        assert_ok(mlp_predict(network, workspace, x, MAX_COUNT, outputs));
        assert_ok(mlp_predict_classes(network, workspace, x, MAX_COUNT, classes));
        for (size_t j = 0; j < MAX_COUNT; j++) {
            const float *out = outputs + j * shapes[s].outputs;
            int32_t best = shapes[s].outputs == 1 ? out[0] > 0.5f : 0;
            for (size_t i = 1; i < shapes[s].outputs; i++) {
                best = out[i] > out[best] ? (int32_t)i : best;
            }
            assert_int_equal(classes[j], best);
        }
        mlp_workspace_destroy(&workspace);
        mlp_network_destroy(&network);
    }
}

static void refusals(void **unused)
{
    float x[20] = { 0 }, out[10];
    mlp_network *network = make(&shapes[0]), *other = make(&shapes[1]);
    mlp_workspace *inference = workspace_for(network, 4, MLP_WORKSPACE_INFERENCE, 1);
    mlp_workspace *none;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_matrix view;
    (void)unused;
    assert_refused(mlp_predict(NULL, inference, x, 1, out), MLP_ERROR_ARGUMENT, "network is NULL", NULL);
    assert_refused(mlp_predict(network, inference, x, 1, NULL), MLP_ERROR_ARGUMENT, "outputs is NULL", NULL);
    assert_refused(mlp_predict(network, inference, x, 0, out), MLP_ERROR_RANGE, "count is 0", NULL);
    assert_refused(mlp_predict(other, inference, x, 1, out), MLP_ERROR_SHAPE, "20 inputs", "784", NULL);
    assert_refused(mlp_forward(network, inference, x, 1), MLP_ERROR_ARGUMENT, "inference", NULL);
    assert_refused(mlp_workspace_view(inference, MLP_TENSOR_ACTIVATION, 0, &view), MLP_ERROR_STATE, "forward", NULL);
    assert_refused(mlp_workspace_view(inference, MLP_TENSOR_ACTIVATION, 3, &view), MLP_ERROR_RANGE, "layer is 3", NULL);
    assert_refused(mlp_workspace_create(network, 0, NULL, &none), MLP_ERROR_RANGE, "batch is 0", NULL);
    assert_null(none);
    options.threads = -1;
    assert_refused(mlp_workspace_create(network, 1, &options, &none), MLP_ERROR_RANGE, "threads is -1", NULL);
    assert_refused(mlp_workspace_create(network, SIZE_MAX / 8, NULL, &none), MLP_ERROR_SHAPE, "batch", NULL);
    mlp_workspace_destroy(&inference);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
    mlp_network_destroy(&network);
    mlp_network_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(prediction_is_the_forward_pass), cmocka_unit_test(any_count),
                                        cmocka_unit_test(classes_are_the_largest_outputs),
                                        cmocka_unit_test(refusals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
