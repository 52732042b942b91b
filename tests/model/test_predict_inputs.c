/* What samples may look like when they are given: rows of a wider table, and inputs that are not finite. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"

enum { INPUTS = 21, OUTPUTS = 3, MOST = 70 };

static mlp_network *make(mlp_activation activation, mlp_init init, bool standardized)
{
    static const float mean[INPUTS] = { 1.0f, -2.0f };
    const mlp_activation hidden = activation == MLP_ACTIVATION_SOFTMAX ? MLP_ACTIVATION_RELU : activation;
    const mlp_layer layers[] = { { .units = 40, .activation = hidden, .init = init },
                                 { .units = 17, .activation = hidden },
                                 { .units = OUTPUTS, .activation = activation } };
    float scale[INPUTS];
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &network));
    for (size_t j = 0; j < INPUTS; j++) {
        scale[j] = 0.5f + (float)j;
    }
    if (standardized) {
        assert_ok(mlp_network_set_standardization(network, mean, scale));
    }
    return network;
}

static mlp_workspace *workspace_for(const mlp_network *network, size_t batch, mlp_workspace_purpose purpose,
                                    bool check_inputs)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    options.purpose = purpose;
    options.check_inputs = check_inputs;
    assert_ok(mlp_workspace_create(network, batch, &options, &workspace));
    return workspace;
}

/* Gaps between the rows are NaN, which nobody may look at. */
static void rows_of_a_wider_table(void **unused)
{
    static const size_t strides[] = { INPUTS, INPUTS + 1, INPUTS + 100 }, counts[] = { 1, 2, 16, 17, MOST };
    static float x[MOST * INPUTS], wide[MOST * (INPUTS + 100)], outputs[2][MOST * OUTPUTS];
    uint64_t state = 3;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, MOST * INPUTS);
    for (size_t way = 0; way < 3 * 5 * 2; way++) {
        const size_t stride = strides[way % 3], count = counts[way / 3 % 5];
        mlp_network *network = make(MLP_ACTIVATION_TANH, MLP_INIT_AUTOMATIC, way >= 15);
        mlp_workspace *workspace = workspace_for(network, 32, MLP_WORKSPACE_INFERENCE, true);
        for (size_t i = 0; i < MOST * stride; i++) {
            const size_t row = i / stride, column = i % stride;
            wide[i] = column < INPUTS ? x[row * INPUTS + column] : NAN;
        }
        assert_ok(mlp_predict(network, workspace, x, count, outputs[0]));
        assert_ok(mlp_predict_strided(network, workspace, wide, stride, count, outputs[1]));
        assert_memory_equal(outputs[0], outputs[1], count * OUTPUTS * sizeof(float));
        assert_refused(mlp_predict_strided(network, workspace, wide, INPUTS - 1, count, outputs[1]),
                       MLP_ERROR_RANGE, "stride is 20", "21", NULL);
        assert_refused(mlp_predict_strided(network, workspace, wide, 0, count, outputs[1]), MLP_ERROR_RANGE,
                       "stride is 0", NULL);
        mlp_workspace_destroy(&workspace);
        mlp_network_destroy(&network);
    }
}

/* A sample with a NaN: all its outputs are NaN and its class is 0; the others have the bits that they have
 * beside a sound sample. Also where its weight is 0. */
static void nan_reaches_every_output(void **unused)
{
    static const size_t counts[] = { 1, 3, 16, MOST };
    static float x[MOST * INPUTS], outputs[2][MOST * OUTPUTS];
    static int32_t classes[MOST];
    uint64_t state = 5;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, MOST * INPUTS);
    for (size_t a = 0; a < mlp_activation_count(); a++) {
        for (size_t way = 0; way < 4 * 2 * 2; way++) {
            const size_t count = counts[way % 4], bad = count / 2;
            const mlp_init init = way / 8 > 0 ? MLP_INIT_ZEROS : MLP_INIT_AUTOMATIC;
            if (a == MLP_ACTIVATION_CUSTOM) {
                continue;
            }
            mlp_network *network = make((mlp_activation)a, init, way / 4 % 2 > 0);
            mlp_workspace *workspace = workspace_for(network, MOST, MLP_WORKSPACE_INFERENCE, false);
            float *input = &x[bad * INPUTS + 7], sound = *input;
            assert_ok(mlp_predict(network, workspace, x, count, outputs[0]));
            *input = NAN;
            assert_ok(mlp_predict(network, workspace, x, count, outputs[1]));
            assert_ok(mlp_predict_classes(network, workspace, x, count, classes));
            *input = sound;
            for (size_t u = 0; u < OUTPUTS; u++) {
                assert_true(isnan(outputs[1][bad * OUTPUTS + u]));
                outputs[1][bad * OUTPUTS + u] = outputs[0][bad * OUTPUTS + u];
            }
            assert_memory_equal(outputs[1], outputs[0], count * OUTPUTS * sizeof(float));
            assert_int_equal(classes[bad], 0);
            mlp_workspace_destroy(&workspace);
            mlp_network_destroy(&network);
        }
    }
}

/* Whatever takes samples refuses one that is not finite, by its place, and nothing changes. */
static void inputs_are_checked_where_that_is_asked_for(void **unused)
{
    static const float values[] = { NAN, INFINITY, -INFINITY };
    float x[5 * INPUTS] = { 0 }, outputs[5 * OUTPUTS];
    int32_t classes[5] = { 0 };
    const mlp_targets targets = { .classes = classes };
    mlp_network *network = make(MLP_ACTIVATION_SOFTMAX, MLP_INIT_AUTOMATIC, true), *before;
    mlp_workspace *workspace = workspace_for(network, 5, MLP_WORKSPACE_TRAINING, true);
    mlp_optimizer *optimizer;
    (void)unused;
    assert_ok(mlp_network_copy(network, &before));
    assert_ok(mlp_optimizer_create(network, NULL, &optimizer));
    for (size_t i = 0; i < 3; i++) {
        x[3 * INPUTS + 20] = values[i];
        const mlp_status statuses[] = {
            mlp_forward(network, workspace, x, 5),
            mlp_train_step(network, optimizer, workspace, x, &targets, 5, NULL),
            mlp_predict(network, workspace, x, 5, outputs),
            mlp_predict_strided(network, workspace, x, INPUTS, 5, outputs),
            mlp_predict_classes(network, workspace, x, 5, classes),
        };
        for (size_t s = 0; s < sizeof statuses / sizeof statuses[0]; s++) {
            assert_int_equal(statuses[s], MLP_ERROR_NONFINITE);
        }
        assert_refused(mlp_predict(network, workspace, x, 5, outputs), MLP_ERROR_NONFINITE, "mlp_predict",
                       "sample 3", "input 20", NULL);
        assert_ok(mlp_predict(network, workspace, x, 3, outputs));
    }
    assert_memory_equal(network->parameters, before->parameters, network->arena_size * sizeof(float));
    assert_int_equal(mlp_optimizer_updates(optimizer), 0);
    x[3 * INPUTS + 20] = 0.0f;
    assert_ok(mlp_train_step(network, optimizer, workspace, x, &targets, 5, NULL));
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&before);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_wider_table),
        cmocka_unit_test(nan_reaches_every_output),
        cmocka_unit_test(inputs_are_checked_where_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
