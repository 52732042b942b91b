/* Prediction: the outputs of a forward pass, from workspaces of either purpose, for any count. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/workspace.h"

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
    const mlp_layer layers[] = {
        { .units = shape->hidden, .activation = MLP_ACTIVATION_RELU },
        { .units = shape->hidden / 2, .activation = MLP_ACTIVATION_SILU },
        { .units = shape->outputs, .activation = shape->output, .bias_init = MLP_INIT_NORMAL }
    };
    mlp_network *network;
    assert_ok(mlp_network_create(shape->inputs, layers, 3, NULL, &network));
    return network;
}

static mlp_workspace *workspace_for(const mlp_network *network, size_t batch, mlp_workspace_purpose purpose,
                                    int threads)
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
                assert_memory_equal(view.data + j * view.leading_dimension,
                                    outputs[0] + j * shapes[s].outputs, shapes[s].outputs * sizeof(float));
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

/* More samples than the workspace holds are taken in pieces. A sample's last bits may depend on the piece it
 * is in. */
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

/* The same bits whatever the threads and the purpose, also where a team is worth it; what lies behind the
 * outputs stays as it was. */
static void threads_and_purposes_agree(void **unused)
{
    static const struct shape wide[] = { { 300, 260, 17, MLP_ACTIVATION_SOFTMAX },
                                         { 784, 130, 10, MLP_ACTIVATION_IDENTITY } };
    static float x[MAX_COUNT * 784], alone[MAX_COUNT * 17 + 8], shared[MAX_COUNT * 17 + 8];
    (void)unused;
    for (size_t s = 0; s < 2; s++) {
        mlp_network *network = make(&wide[s]);
        const size_t outputs = MAX_COUNT * wide[s].outputs;
        uint64_t state = 13;
        test_fill(&state, -1.0, 1.0, x, MAX_COUNT * wide[s].inputs);
        for (size_t batch = 64; batch <= MAX_COUNT; batch += 6) {
            mlp_workspace *one = workspace_for(network, batch, MLP_WORKSPACE_TRAINING, 1);
            assert_ok(mlp_predict(network, one, x, MAX_COUNT, alone));
            for (int threads = 2; threads <= 4; threads++) {
                mlp_workspace *many = workspace_for(network, batch, MLP_WORKSPACE_INFERENCE, threads);
                for (size_t i = 0; i < outputs + 8; i++) {
                    shared[i] = -7.5f;
                }
                assert_ok(mlp_predict(network, many, x, MAX_COUNT, shared));
                assert_memory_equal(alone, shared, outputs * sizeof(float));
                for (size_t i = outputs; i < outputs + 8; i++) {
                    assert_true(shared[i] == -7.5f);
                }
                mlp_workspace_destroy(&many);
            }
            mlp_workspace_destroy(&one);
        }
        mlp_network_destroy(&network);
    }
}

/* Layers take turns in the buffers of an inference workspace, and members of a chained team do not wait for
 * each other between layers: so no sample of a layer may lie where another sample of another layer does. */
static void samples_keep_apart_in_shared_buffers(void **unused)
{
    static const size_t widths[] = { 128, 900, 17, 300, 64, 5 };
    mlp_layer layers[6] = { { .units = 0 } };
    mlp_network *network;
    (void)unused;
    for (size_t l = 0; l < 6; l++) {
        layers[l].units = widths[l];
    }
    assert_ok(mlp_network_create(30, layers, 6, NULL, &network));
    mlp_workspace *workspace = workspace_for(network, 40, MLP_WORKSPACE_INFERENCE, 2);
    for (size_t l = 0; l < 6 * 6; l++) {
        const struct workspace_layer *one = &workspace->layers[l / 6], *other = &workspace->layers[l % 6];
        for (size_t s = 0; s < 40 * 40; s++) {
            const float *first = one->z + s / 40 * one->ld, *second = other->z + s % 40 * other->ld;
            assert_true(s / 40 == s % 40 || first + widths[l / 6] <= second ||
                        second + widths[l % 6] <= first);
        }
    }
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* Deep, chained, and without a product in parts, whose barriers would hide it: members run ahead of each
 * other by whole layers. */
static void deep_networks_predict_the_same_on_any_team(void **unused)
{
    enum { COUNT = 128, DEPTH = 6, INPUTS = 300 };
    static const size_t widths[DEPTH] = { 128, 480, 320, 120, 500, 17 };
    static float x[COUNT * INPUTS], alone[COUNT * 17], shared[COUNT * 17];
    int32_t classes[2][COUNT];
    mlp_layer layers[DEPTH] = { { .units = 0 } };
    mlp_network *network;
    uint64_t state = 17;
    (void)unused;
    for (size_t l = 0; l < DEPTH; l++) {
        layers[l].units = widths[l];
        layers[l].activation = MLP_ACTIVATION_TANH;
    }
    assert_ok(mlp_network_create(INPUTS, layers, DEPTH, NULL, &network));
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    mlp_workspace *one = workspace_for(network, COUNT, MLP_WORKSPACE_TRAINING, 1);
    assert_ok(mlp_predict(network, one, x, COUNT, alone));
    assert_ok(mlp_predict_classes(network, one, x, COUNT, classes[0]));
    for (int threads = 2; threads <= 4; threads++) {
        mlp_workspace *many = workspace_for(network, COUNT, MLP_WORKSPACE_INFERENCE, threads);
        for (int round = 0; round < 30; round++) {
            assert_ok(mlp_predict(network, many, x, COUNT, shared));
            assert_memory_equal(alone, shared, sizeof alone);
            assert_ok(mlp_predict_classes(network, many, x, COUNT, classes[1]));
            assert_memory_equal(classes[0], classes[1], sizeof classes[0]);
        }
        mlp_workspace_destroy(&many);
    }
    mlp_workspace_destroy(&one);
    mlp_network_destroy(&network);
}

/* In pieces of the batch each piece has the bits of a forward pass of its samples. */
static void pieces_are_forward_passes(void **unused)
{
    enum { BATCH = 16, COUNT = 3 * BATCH + 5 };
    static float x[COUNT * 20], outputs[COUNT * 10];
    mlp_network *network = make(&shapes[0]);
    mlp_workspace *predicting = workspace_for(network, BATCH, MLP_WORKSPACE_INFERENCE, 1);
    mlp_workspace *training = workspace_for(network, COUNT, MLP_WORKSPACE_TRAINING, 1);
    uint64_t state = 21;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, COUNT * 20);
    assert_ok(mlp_predict(network, predicting, x, COUNT, outputs));
    for (size_t done = 0; done < COUNT; done += BATCH) {
        const size_t count = COUNT - done < BATCH ? COUNT - done : BATCH;
        mlp_matrix view;
        assert_ok(mlp_forward(network, training, x + done * 20, count));
        assert_ok(mlp_workspace_view(training, MLP_TENSOR_ACTIVATION, 2, &view));
        for (size_t j = 0; j < count; j++) {
            assert_memory_equal(view.data + j * view.leading_dimension, outputs + (done + j) * 10,
                                10 * sizeof(float));
        }
    }
    mlp_workspace_destroy(&training);
    mlp_workspace_destroy(&predicting);
    mlp_network_destroy(&network);
}

/* One layer with fixed parameters: what comes out is known. */
static mlp_network *fixed_with(size_t outputs, mlp_activation activation, mlp_loss loss,
                               mlp_class_targets targets, const float *weights)
{
    const mlp_layer layer = { .units = outputs, .activation = activation };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.loss = loss;
    options.class_targets = targets;
    assert_ok(mlp_network_create(1, &layer, 1, &options, &network));
    assert_ok(mlp_network_set_weights(network, 0, weights));
    return network;
}

static mlp_network *fixed(size_t outputs, mlp_activation activation, mlp_loss loss, const float *weights)
{
    return fixed_with(outputs, activation, loss, MLP_CLASS_TARGETS_BINARY, weights);
}

static void assert_classes(mlp_network *network, const float *x, const int32_t *expected, size_t count)
{
    mlp_workspace *workspace = workspace_for(network, 2, MLP_WORKSPACE_INFERENCE, 1);
    int32_t classes[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    assert_ok(mlp_predict_classes(network, workspace, x, count, classes));
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(classes[i], i < count ? expected[i] : -1);
    }
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

static void equal_outputs_are_the_first_class(void **unused)
{
    const float weights[] = { 1.0f, 2.0f, 2.0f, -3.0f }, x[] = { 1.0f, 0.0f, -1.0f, 5.0f, 2.0f };
    (void)unused;
    assert_classes(fixed(4, MLP_ACTIVATION_SOFTMAX, MLP_LOSS_AUTOMATIC, weights), x,
                   (int32_t[]){ 1, 0, 3, 1, 1 }, 5);
    assert_classes(fixed(4, MLP_ACTIVATION_IDENTITY, MLP_LOSS_AUTOMATIC, weights), x,
                   (int32_t[]){ 1, 0, 3, 1, 1 }, 5);
}

/* A probability of one half is no yes; where the single output is a logit, or stands for -1 and
 * 1, that is at 0. */
static void one_unit_says_yes_above_one_half(void **unused)
{
    const float one[] = { 1.0f }, x[] = { -1.0f, 0.0f, 0.001f, 0.25f, 0.75f };
    (void)unused;
    assert_classes(fixed(1, MLP_ACTIVATION_SIGMOID, MLP_LOSS_AUTOMATIC, one), x, (int32_t[]){ 0, 0, 1, 1, 1 },
                   5);
    assert_classes(fixed(1, MLP_ACTIVATION_IDENTITY, MLP_LOSS_BINARY_CROSS_ENTROPY, one), x,
                   (int32_t[]){ 0, 0, 1, 1, 1 }, 5);
    assert_classes(fixed(1, MLP_ACTIVATION_IDENTITY, MLP_LOSS_SQUARED_ERROR, one), x,
                   (int32_t[]){ 0, 0, 0, 0, 1 }, 5);
    assert_classes(fixed_with(1, MLP_ACTIVATION_TANH, MLP_LOSS_SQUARED_ERROR, MLP_CLASS_TARGETS_BIPOLAR, one),
                   x, (int32_t[]){ 0, 0, 1, 1, 1 }, 5);
}

/* A prediction overwrites a forward pass in the same workspace: its views and gradients are no longer to be
 * had. */
static void a_prediction_ends_the_pass_before(void **unused)
{
    float x[3 * 20] = { 0 }, outputs[3 * 10], dy[3 * 10] = { 0 };
    mlp_network *network = make(&shapes[0]);
    mlp_workspace *workspace = workspace_for(network, 3, MLP_WORKSPACE_TRAINING, 1);
    mlp_matrix view;
    (void)unused;
    assert_ok(mlp_forward(network, workspace, x, 3));
    assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, 2, &view));
    assert_ok(mlp_predict(network, workspace, x, 3, outputs));
    assert_refused(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, 2, &view), MLP_ERROR_STATE, "forward",
                   NULL);
    assert_null(view.data);
    assert_refused(mlp_backward(network, workspace, dy), MLP_ERROR_STATE, "forward", NULL);
    assert_ok(mlp_forward(network, workspace, x, 3)); /* and the workspace is as good as before */
    assert_ok(mlp_backward(network, workspace, dy));
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
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
    assert_refused(mlp_predict(network, NULL, x, 1, out), MLP_ERROR_ARGUMENT, "workspace is NULL", NULL);
    assert_refused(mlp_predict(network, inference, NULL, 1, out), MLP_ERROR_ARGUMENT, "x is NULL", NULL);
    assert_refused(mlp_predict_classes(network, inference, x, 1, NULL), MLP_ERROR_ARGUMENT, "classes is NULL",
                   NULL);
    assert_refused(mlp_predict(network, inference, x, 1, NULL), MLP_ERROR_ARGUMENT, "outputs is NULL", NULL);
    assert_refused(mlp_predict(network, inference, x, 0, out), MLP_ERROR_RANGE, "count is 0", NULL);
    assert_refused(mlp_predict(other, inference, x, 1, out), MLP_ERROR_SHAPE, "20 inputs", "784", NULL);
    assert_refused(mlp_forward(network, inference, x, 1), MLP_ERROR_ARGUMENT, "inference", NULL);
    assert_refused(mlp_workspace_view(inference, MLP_TENSOR_ACTIVATION, 0, &view), MLP_ERROR_STATE, "forward",
                   NULL);
    assert_refused(mlp_workspace_view(inference, MLP_TENSOR_ACTIVATION, 3, &view), MLP_ERROR_RANGE,
                   "layer is 3", NULL);
    assert_refused(mlp_workspace_create(network, 0, NULL, &none), MLP_ERROR_RANGE, "batch is 0", NULL);
    assert_null(none);
    options.threads = -1;
    assert_refused(mlp_workspace_create(network, 1, &options, &none), MLP_ERROR_RANGE, "threads is -1", NULL);
    options.threads = 0;
    options.keep_pre_activations = 2;
    assert_refused(mlp_workspace_create(network, 1, &options, &none), MLP_ERROR_ARGUMENT,
                   "keep_pre_activations is 2", NULL);
    assert_refused(mlp_workspace_create(network, SIZE_MAX / 8, NULL, &none), MLP_ERROR_SHAPE, "batch", NULL);
    mlp_workspace_destroy(&inference);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
    mlp_network_destroy(&network);
    mlp_network_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(prediction_is_the_forward_pass),
                                        cmocka_unit_test(any_count),
                                        cmocka_unit_test(classes_are_the_largest_outputs),
                                        cmocka_unit_test(threads_and_purposes_agree),
                                        cmocka_unit_test(samples_keep_apart_in_shared_buffers),
                                        cmocka_unit_test(deep_networks_predict_the_same_on_any_team),
                                        cmocka_unit_test(pieces_are_forward_passes),
                                        cmocka_unit_test(equal_outputs_are_the_first_class),
                                        cmocka_unit_test(one_unit_says_yes_above_one_half),
                                        cmocka_unit_test(a_prediction_ends_the_pass_before),
                                        cmocka_unit_test(refusals) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
