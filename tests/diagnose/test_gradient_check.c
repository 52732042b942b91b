/* The gradient check passes what is right and names what is wrong. */
#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "diagnose/gradient_compare.h"
#include "support/support.h"

enum { COUNT = 7, INPUTS = 5, HIDDEN = 6, OUTPUTS = 3 };

struct batch {
    float x[COUNT * INPUTS], values[COUNT * OUTPUTS], weights[COUNT];
    int32_t classes[COUNT];
};

static void make_batch(struct batch *b)
{
    uint64_t state = 11;
    test_fill(&state, -1.5, 1.5, b->x, COUNT * INPUTS);
    test_fill(&state, 0.05, 0.95, b->values, COUNT * OUTPUTS);
    test_fill(&state, 0.2, 2.0, b->weights, COUNT);
    for (int i = 0; i < COUNT; i++) {
        b->classes[i] = i % OUTPUTS;
    }
}

static void cube(const float *z, float *a, size_t count, void *context)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        a[i] = z[i] + 0.1f * z[i] * z[i] * z[i];
    }
}

/* *context: what the right derivative is multiplied by. */
static void cube_slope(const float *z, float *d, size_t count, void *context)
{
    for (size_t i = 0; i < count; i++) {
        d[i] = *(const float *)context * (1.0f + 0.3f * z[i] * z[i]);
    }
}

static mlp_network *make_network(const mlp_layer *hidden, const mlp_layer *output,
                                 const mlp_network_options *options)
{
    const mlp_layer layers[] = { *hidden, *hidden, *output };
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 3, options, &network));
    return network;
}

static const mlp_layer tanh_layer = { .units = HIDDEN,
                                      .activation = MLP_ACTIVATION_TANH,
                                      .bias_init = MLP_INIT_NORMAL,
                                      .bias_parameters = { .a = 0.3 } };
static const mlp_layer softmax_layer = { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX };

static void expect_pass(const mlp_network *network, const struct batch *b, const mlp_targets *targets,
                        const char *what)
{
    mlp_gradient_error errors[6];
    int passed;
    assert_ok(mlp_gradient_check(network, b->x, targets, COUNT, NULL, errors, &passed));
    for (int t = 0; t < 6; t++) {
        if (!errors[t].passed || errors[t].compared + errors[t].kinks == 0 || errors[t].numeric_norm == 0.0) {
            fail_msg("%s: layer %zu %s: %zu compared, relative error %g, analytic %g, numeric %g", what,
                     errors[t].layer, errors[t].is_bias ? "b" : "W", errors[t].compared,
                     errors[t].relative_error, errors[t].analytic, errors[t].numeric);
        }
    }
    assert_int_equal(passed, 1);
}

static void every_activation_passes(void **unused)
{
    struct batch b;
    float right = 1.0f;
    (void)unused;
    make_batch(&b);
    const mlp_targets targets = { .classes = b.classes };
    for (size_t a = 0; a < mlp_activation_count(); a++) {
        mlp_layer hidden = tanh_layer;
        hidden.activation = (mlp_activation)a;
        hidden.custom_activation = (mlp_activation_callbacks){ cube, cube_slope, &right };
        if (a == MLP_ACTIVATION_SOFTMAX) {
            continue;
        }
        if (a != MLP_ACTIVATION_CUSTOM) {
            memset(&hidden.custom_activation, 0, sizeof hidden.custom_activation);
        }
        mlp_network *network = make_network(&hidden, &softmax_layer, NULL);
        expect_pass(network, &b, &targets, mlp_activation_name((mlp_activation)a));
        mlp_network_destroy(&network);
    }
}

/* What a caller computes in float is compared less closely, in whichever layer it is. */
static void a_custom_activation_passes_in_any_layer(void **unused)
{
    struct batch b;
    float right = 1.0f;
    mlp_layer custom = tanh_layer;
    (void)unused;
    make_batch(&b);
    const mlp_targets targets = { .classes = b.classes };
    custom.activation = MLP_ACTIVATION_CUSTOM;
    custom.custom_activation = (mlp_activation_callbacks){ cube, cube_slope, &right };
    for (int l = 0; l < 2; l++) {
        const mlp_layer layers[] = { l == 0 ? custom : tanh_layer, l == 1 ? custom : tanh_layer,
                                     softmax_layer };
        mlp_network *network;
        assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &network));
        expect_pass(network, &b, &targets, l == 0 ? "custom first" : "custom second");
        mlp_network_destroy(&network);
    }
}

static void every_loss_and_reduction_passes(void **unused)
{
    static const mlp_activation outputs[] = { MLP_ACTIVATION_SOFTMAX, MLP_ACTIVATION_SIGMOID,
                                              MLP_ACTIVATION_IDENTITY };
    struct batch b;
    size_t pairs = 0;
    (void)unused;
    make_batch(&b);
    for (int loss = 0; loss < (int)mlp_loss_count(); loss++) {
        if (loss != MLP_LOSS_CUSTOM) {
            for (size_t o = 0; o < 3; o++) {
                for (int r = 0; mlp_reduction_name((mlp_reduction)r) != NULL; r++) {
                    const mlp_layer layers[] = { tanh_layer,
                                                 tanh_layer,
                                                 { .units = OUTPUTS, .activation = outputs[o] } };
                    const mlp_targets targets = { .values = b.values, .weights = b.weights };
                    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
                    mlp_network *network;
                    options.loss = (mlp_loss)loss;
                    options.reduction = (mlp_reduction)r;
                    if (mlp_network_create(INPUTS, layers, 3, &options, &network) != MLP_OK) {
                        continue; /* a pair that the library refuses */
                    }
                    expect_pass(network, &b, &targets, mlp_loss_name((mlp_loss)loss));
                    mlp_network_destroy(&network);
                    pairs++;
                }
            }
        }
    }
    assert_true(pairs >= 18);
}

static void weights_smoothing_and_standardization_pass(void **unused)
{
    static const float class_weights[OUTPUTS] = { 0.5f, 2.0f, 1.0f },
                       mean[INPUTS] = { 0.5f, -0.25f, 0.0f, 1.0f, 0.1f },
                       scale[INPUTS] = { 2.0f, 0.5f, 1.0f, 3.0f, 0.7f };
    struct batch b;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    (void)unused;
    make_batch(&b);
    options.class_weights = class_weights;
    options.label_smoothing = 0.1;
    mlp_network *network = make_network(&tanh_layer, &softmax_layer, &options);
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    const mlp_targets targets = { .classes = b.classes, .weights = b.weights };
    expect_pass(network, &b, &targets, "class and sample weights");
    mlp_network_destroy(&network);
}

static void classes_that_stand_for_minus_one_and_one_pass(void **unused)
{
    struct batch b;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    const mlp_layer output = { .units = OUTPUTS, .activation = MLP_ACTIVATION_TANH };
    (void)unused;
    make_batch(&b);
    options.class_targets = MLP_CLASS_TARGETS_BIPOLAR;
    const mlp_targets targets = { .classes = b.classes };
    mlp_network *network = make_network(&tanh_layer, &output, &options);
    expect_pass(network, &b, &targets, "bipolar class targets");
    mlp_network_destroy(&network);
}

/* ---- what is planted is found -------------------------------------------------------------------------- */

static void negate(mlp_matrix *m)
{
    for (size_t j = 0; j < m->columns; j++) {
        for (size_t i = 0; i < m->rows; i++) {
            m->data[i + j * m->leading_dimension] *= -1.0f;
        }
    }
}

static void double_it(mlp_matrix *m)
{
    for (size_t j = 0; j < m->columns; j++) {
        for (size_t i = 0; i < m->rows; i++) {
            m->data[i + j * m->leading_dimension] *= 2.0f;
        }
    }
}

static void transpose(mlp_matrix *m)
{
    for (size_t j = 0; j < m->columns; j++) {
        for (size_t i = 0; i < j; i++) {
            const float kept = m->data[i + j * m->leading_dimension];
            m->data[i + j * m->leading_dimension] = m->data[j + i * m->leading_dimension];
            m->data[j + i * m->leading_dimension] = kept;
        }
    }
}

/* One entry alone. */
static void drop_one(mlp_matrix *m)
{
    m->data[m->rows / 2] = 0.0f;
}

static void planted_errors_are_named(void **unused)
{
    static const struct {
        void (*plant)(mlp_matrix *m);
        mlp_tensor tensor;
        size_t layer;
    } faults[] = {
        { negate, MLP_TENSOR_WEIGHT_GRADIENT, 0 },    { double_it, MLP_TENSOR_WEIGHT_GRADIENT, 2 },
        { transpose, MLP_TENSOR_WEIGHT_GRADIENT, 1 }, { negate, MLP_TENSOR_BIAS_GRADIENT, 1 },
        { drop_one, MLP_TENSOR_WEIGHT_GRADIENT, 1 },  { drop_one, MLP_TENSOR_BIAS_GRADIENT, 2 },
    };
    const mlp_gradient_check_options options = MLP_GRADIENT_CHECK_OPTIONS_INIT;
    struct batch b;
    mlp_network *network = make_network(&tanh_layer, &softmax_layer, NULL);
    mlp_workspace *workspace;
    (void)unused;
    make_batch(&b);
    const mlp_targets targets = { .classes = b.classes };
    assert_ok(mlp_workspace_create(network, COUNT, NULL, &workspace));
    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
        mlp_gradient_error errors[6];
        mlp_matrix view;
        int passed;
        assert_ok(mlp_forward(network, workspace, b.x, COUNT));
        assert_ok(mlp_loss_backward(network, workspace, &targets, NULL));
        assert_ok(mlp_workspace_view(workspace, faults[f].tensor, faults[f].layer, &view));
        faults[f].plant(&view);
        assert_ok(gradient_compare(network, workspace, b.x, &targets, COUNT, &options, errors, &passed));
        assert_int_equal(passed, 0);
        for (size_t t = 0; t < 6; t++) {
            const bool planted =
                t / 2 == faults[f].layer && (t % 2 == 1) == (faults[f].tensor == MLP_TENSOR_BIAS_GRADIENT);
            assert_int_equal(errors[t].passed, !planted);
            assert_int_equal(errors[t].layer, t / 2);
            assert_int_equal(errors[t].is_bias, t % 2);
        }
    }
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* The last hidden layer's own tensors follow its derivative; so do all below. The output layer's do not. */
static void a_wrong_custom_derivative_is_found(void **unused)
{
    struct batch b;
    float factor = 1.3f;
    mlp_layer hidden = tanh_layer;
    mlp_gradient_error errors[6];
    int passed;
    (void)unused;
    make_batch(&b);
    hidden.activation = MLP_ACTIVATION_CUSTOM;
    hidden.custom_activation = (mlp_activation_callbacks){ cube, cube_slope, &factor };
    mlp_network *network = make_network(&hidden, &softmax_layer, NULL);
    const mlp_targets targets = { .classes = b.classes };
    assert_ok(mlp_gradient_check(network, b.x, &targets, COUNT, NULL, errors, &passed));
    assert_int_equal(passed, 0);
    for (int t = 0; t < 6; t++) {
        assert_int_equal(errors[t].passed, t >= 4);
    }
    mlp_network_destroy(&network);
}

/* A ReLU unit whose Z is 0: any move crosses its kink. */
static void kinks_are_left_out_and_counted(void **unused)
{
    const mlp_layer layers[] = { { .units = 2, .activation = MLP_ACTIVATION_RELU, .init = MLP_INIT_ZEROS },
                                 { .units = 1, .init = MLP_INIT_CONSTANT, .init_parameters = { .a = 1.0 } } };
    const float x[] = { 1.0f }, y[] = { 3.0f };
    const mlp_targets targets = { .values = y };
    mlp_gradient_error errors[4];
    mlp_network *network;
    int passed;
    (void)unused;
    assert_ok(mlp_network_create(1, layers, 2, NULL, &network));
    assert_ok(mlp_gradient_check(network, x, &targets, 1, NULL, errors, &passed));
    assert_int_equal(passed, 1);
    assert_int_equal(errors[0].kinks, 2);
    assert_int_equal(errors[0].compared, 0);
    assert_int_equal(errors[1].kinks, 2);
    assert_int_equal(errors[3].kinks, 0);
    assert_close(errors[3].numeric, -6.0, 1e-6); /* d(a − 3)²/db = 2·(0 − 3) */
    mlp_network_destroy(&network);
}

static void a_sample_of_entries(void **unused)
{
    struct batch b;
    mlp_gradient_check_options options = MLP_GRADIENT_CHECK_OPTIONS_INIT;
    mlp_gradient_error errors[6];
    mlp_network *network = make_network(&tanh_layer, &softmax_layer, NULL);
    int passed;
    (void)unused;
    make_batch(&b);
    const mlp_targets targets = { .classes = b.classes };
    options.entries = 4;
    assert_ok(mlp_gradient_check(network, b.x, &targets, COUNT, &options, errors, &passed));
    assert_int_equal(passed, 1);
    for (int t = 0; t < 6; t++) {
        assert_int_equal(errors[t].compared, t == 5 ? OUTPUTS : 4);
    }
    mlp_network_destroy(&network);
}

static void nonsense_is_refused(void **unused)
{
    struct batch b;
    mlp_gradient_check_options options = MLP_GRADIENT_CHECK_OPTIONS_INIT;
    mlp_network *network = make_network(&tanh_layer, &softmax_layer, NULL);
    int passed = 1;
    (void)unused;
    make_batch(&b);
    const mlp_targets targets = { .classes = b.classes };
    assert_refused(mlp_gradient_check(NULL, b.x, &targets, COUNT, NULL, NULL, &passed), MLP_ERROR_ARGUMENT,
                   "network", NULL);
    assert_int_equal(passed, 0);
    assert_refused(mlp_gradient_check(network, b.x, &targets, COUNT, NULL, NULL, NULL), MLP_ERROR_ARGUMENT,
                   "passed", NULL);
    assert_refused(mlp_gradient_check(network, b.x, &targets, 0, NULL, NULL, &passed), MLP_ERROR_RANGE,
                   "batch", NULL);
    options.step = -1.0;
    assert_refused(mlp_gradient_check(network, b.x, &targets, COUNT, &options, NULL, &passed),
                   MLP_ERROR_RANGE, "step", NULL);
    b.x[0] = NAN;
    assert_refused(mlp_gradient_check(network, b.x, &targets, COUNT, NULL, NULL, &passed),
                   MLP_ERROR_NONFINITE, "loss", NULL);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation_passes),
        cmocka_unit_test(every_loss_and_reduction_passes),
        cmocka_unit_test(weights_smoothing_and_standardization_pass),
        cmocka_unit_test(classes_that_stand_for_minus_one_and_one_pass),
        cmocka_unit_test(planted_errors_are_named),
        cmocka_unit_test(a_custom_activation_passes_in_any_layer),
        cmocka_unit_test(a_wrong_custom_derivative_is_found),
        cmocka_unit_test(kinks_are_left_out_and_counted),
        cmocka_unit_test(a_sample_of_entries),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
