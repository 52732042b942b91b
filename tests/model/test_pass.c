/* Forward, loss and backward against naive loops in double and central differences. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/reference.h"

/* A float product of k terms is good to about √k·2⁻²⁴ of its terms' size; three layers of up to 130, and
 * losses that amplify by a few, stay below this. The reference's central differences add about 1e-9. */
static const double tolerance = 2e-5;

enum { INPUTS = 9, MAX_BATCH = REFERENCE_BATCH };

/* Pre-activations near a kink have no derivative to compare with: such samples' gradients are not asked for.
 * The seed is chosen by the first draw in which no unit lies within 1e-4 of one. */
static int near_kink(const struct reference *r)
{
    static const struct {
        mlp_activation activation;
        double at;
    } kinks[] = { { MLP_ACTIVATION_RELU, 0 },         { MLP_ACTIVATION_LEAKY_RELU, 0 },
                  { MLP_ACTIVATION_SELU, 0 },         { MLP_ACTIVATION_ELU, 0 },
                  { MLP_ACTIVATION_HARD_TANH, 1 },    { MLP_ACTIVATION_HARD_TANH, -1 },
                  { MLP_ACTIVATION_HARD_SIGMOID, 3 }, { MLP_ACTIVATION_HARD_SIGMOID, -3 } };
    for (size_t l = 0; l < r->layers; l++) {
        for (size_t k = 0; k < sizeof kinks / sizeof kinks[0]; k++) {
            for (size_t i = 0; kinks[k].activation == r->activation[l] && i < r->units[l] * r->count; i++) {
                if (fabs(r->z[l][i] - kinks[k].at) < 1e-4) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

static void compare(mlp_workspace *workspace, mlp_tensor tensor, size_t layer, const double *expected,
                    size_t rows, size_t columns)
{
    mlp_matrix view;
    double largest = 0.0;
    assert_ok(mlp_workspace_view(workspace, tensor, layer, &view));
    assert_int_equal(view.rows, rows);
    assert_int_equal(view.columns, columns);
    for (size_t i = 0; i < rows * columns; i++) {
        largest = fmax(largest, fabs(expected[i]));
    }
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            const double scale = fmax(largest, 1e-3);
            assert_close(view.data[i + j * view.leading_dimension] / scale, expected[i + j * rows] / scale,
                         tolerance);
        }
    }
}

/* φ′ follows from A: unless a workspace is told to keep it, a hidden layer's Z gives way to its A. */
static int spares_z(const struct reference *r, size_t l)
{
    const mlp_activation a = r->activation[l];
    return l + 1 < r->layers &&
           (a == MLP_ACTIVATION_IDENTITY || a == MLP_ACTIVATION_SIGMOID || a == MLP_ACTIVATION_TANH ||
            a == MLP_ACTIVATION_RELU || a == MLP_ACTIVATION_LEAKY_RELU);
}

static void compare_all(mlp_network *network, mlp_workspace *workspace, struct reference *r, int keep)
{
    float dx[MAX_BATCH * INPUTS];
    for (size_t l = 0; l < r->layers; l++) {
        const size_t inputs = l > 0 ? r->units[l - 1] : r->inputs;
        if (keep || !spares_z(r, l)) {
            compare(workspace, MLP_TENSOR_PRE_ACTIVATION, l, r->z[l], r->units[l], r->count);
        } else {
            mlp_matrix view;
            assert_refused(mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION, l, &view),
                           MLP_ERROR_STATE, "keep_pre_activations", NULL);
        }
        compare(workspace, MLP_TENSOR_ACTIVATION, l, r->a[l], r->units[l], r->count);
        compare(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l, r->dz[l], r->units[l], r->count);
        compare(workspace, MLP_TENSOR_WEIGHT_GRADIENT, l, r->dw[l], r->units[l], inputs);
        compare(workspace, MLP_TENSOR_BIAS_GRADIENT, l, r->db[l], r->units[l], 1);
    }
    assert_ok(mlp_input_gradient(network, workspace, dx));
    for (size_t i = 0; i < r->count * r->inputs; i++) {
        assert_close(dx[i], r->dx[i], tolerance);
    }
}

struct setting {
    size_t hidden[2];
    size_t outputs;
    mlp_activation hidden_activation;
    mlp_activation output_activation;
    size_t count;
    struct reference_loss loss;
    int dense;
    int weighted;
    int outside; /* dL/dŷ comes from the caller */
};

static mlp_network *make_network(const struct setting *s, uint64_t seed)
{
    mlp_layer layers[3] = { { .units = s->hidden[0], .activation = s->hidden_activation },
                            { .units = s->hidden[1], .activation = s->hidden_activation },
                            { .units = s->outputs, .activation = s->output_activation } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    for (int l = 0; l < 3; l++) {
        layers[l].bias_init = MLP_INIT_UNIFORM;
        layers[l].bias_parameters.a = -0.5;
        layers[l].bias_parameters.b = 0.5;
    }
    options.seed = seed;
    options.loss = s->loss.loss;
    options.reduction = s->loss.reduction;
    options.label_smoothing = s->loss.smoothing;
    options.huber_delta = s->loss.loss == MLP_LOSS_HUBER ? s->loss.delta : 0.0;
    options.class_weights = s->loss.class_weights;
    assert_ok(mlp_network_create(INPUTS, layers, 3, &options, &network));
    return network;
}

/* A batch through the library, with a workspace that keeps Z or not, against the reference. */
static void check_passes(const struct setting *s, mlp_network *network, struct reference *r, const float *x,
                         const mlp_targets *targets, const float *dy, int keep)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    double loss;
    options.keep_pre_activations = keep;
    assert_ok(mlp_workspace_create(network, MAX_BATCH, &options, &workspace));
    assert_ok(mlp_forward(network, workspace, x, s->count));
    if (s->outside) {
        assert_ok(mlp_backward(network, workspace, dy));
    } else {
        const double expected = reference_evaluate(r, &s->loss, targets);
        assert_ok(mlp_loss_evaluate(network, workspace, targets, &loss));
        assert_close(loss, expected, 1e-5);
        assert_ok(mlp_loss_backward(network, workspace, targets, &loss));
        assert_close(loss, expected, 1e-5);
    }
    compare_all(network, workspace, r, keep);
    mlp_workspace_destroy(&workspace);
}

static void run(const struct setting *s, uint64_t seed)
{
    float x[MAX_BATCH * INPUTS], values[MAX_BATCH * REFERENCE_WIDTH], weights[MAX_BATCH];
    int32_t classes[MAX_BATCH];
    uint64_t state = seed;
    mlp_network *network = make_network(s, seed);
    struct reference r;
    test_fill(&state, -1.0, 1.0, x, s->count * INPUTS);
    test_fill(&state, 0.0, 1.0, values, s->count * s->outputs);
    test_fill(&state, 0.1, 2.0, weights, s->count);
    for (size_t i = 0; i < s->count; i++) {
        classes[i] = (int32_t)test_uniform(&state, 0.0, s->outputs > 1 ? (double)s->outputs : 2.0);
    }
    const mlp_targets targets = { s->dense ? NULL : classes, s->dense ? values : NULL,
                                  s->weighted ? weights : NULL };
    reference_make(&r, network, s->count);
    reference_forward(&r, x);
    const int again = near_kink(&r);
    if (!again) {
        reference_backward(&r, x, s->outside ? NULL : &s->loss, s->outside ? NULL : &targets,
                           s->outside ? values : NULL);
        check_passes(s, network, &r, x, &targets, values, 0);
        check_passes(s, network, &r, x, &targets, values, 1);
    }
    reference_free(&r);
    mlp_network_destroy(&network);
    if (again) {
        run(s, seed + 1000);
    }
}

static int combines(mlp_loss loss, mlp_activation output)
{
    switch (loss) {
    case MLP_LOSS_CROSS_ENTROPY: return output == MLP_ACTIVATION_SOFTMAX || output == MLP_ACTIVATION_IDENTITY;
    case MLP_LOSS_BINARY_CROSS_ENTROPY:
        return output == MLP_ACTIVATION_SIGMOID || output == MLP_ACTIVATION_IDENTITY;
    case MLP_LOSS_SQUARED_ERROR: return 1;
    default: return output != MLP_ACTIVATION_SOFTMAX;
    }
}

/* Kinked outputs with absolute error would need a margin of their own; their kinks are those of the
 * activation. */
static void every_activation_with_every_loss(void **unused)
{
    (void)unused;
    for (int output = 0; output < (int)mlp_activation_count(); output++) {
        if (output == MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
            if (loss == MLP_LOSS_CUSTOM) {
                continue;
            }
            for (int hidden = 0; hidden < MLP_ACTIVATION_SOFTMAX; hidden++) {
                const struct setting s = { { 7, 16 },
                                           5,
                                           (mlp_activation)hidden,
                                           (mlp_activation)output,
                                           13,
                                           { (mlp_loss)loss, MLP_REDUCTION_MEAN, 0.0, 0.3, NULL },
                                           (loss + hidden) % 2,
                                           0,
                                           0 };
                if (combines((mlp_loss)loss, (mlp_activation)output)) {
                    run(&s, 10000 * (uint64_t)hidden + 100 * (uint64_t)output + (uint64_t)loss);
                }
            }
        }
    }
}

static void every_width_and_batch(void **unused)
{
    static const size_t widths[][2] = { { 1, 1 }, { 7, 64 }, { 16, 16 }, { 100, 3 }, { 130, 17 } };
    static const size_t counts[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 33, 64, 65 };
    (void)unused;
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            const struct setting s = { { widths[w][0], widths[w][1] },
                                       10,
                                       MLP_ACTIVATION_SILU,
                                       MLP_ACTIVATION_SOFTMAX,
                                       counts[c],
                                       { MLP_LOSS_CROSS_ENTROPY, MLP_REDUCTION_MEAN, 0.0, 0.0, NULL },
                                       0,
                                       0,
                                       0 };
            run(&s, 7 + w * 100 + c);
        }
    }
}

/* The second layer's inputs are long enough for a product in two parts, and for one that is packed. */
static void long_products(void **unused)
{
    static const size_t widths[][2] = { { 513, 40 }, { 784, 20 }, { 1000, 33 } };
    static const size_t counts[] = { 1, 2, 17, 65 };
    (void)unused;
    for (size_t i = 0; i < 3 * 4; i++) {
        const struct setting s = { { widths[i / 4][0], widths[i / 4][1] },
                                   10,
                                   MLP_ACTIVATION_SILU,
                                   MLP_ACTIVATION_SOFTMAX,
                                   counts[i % 4],
                                   { MLP_LOSS_CROSS_ENTROPY, MLP_REDUCTION_MEAN, 0.0, 0.0, NULL },
                                   0,
                                   0,
                                   0 };
        run(&s, 77 + i);
    }
}

/* dW = dZ·Aᵀ of a hidden layer, summed up in double from the workspace's own dZ and A. */
static void check_weight_gradient(mlp_workspace *workspace, size_t layer)
{
    mlp_matrix dz, a, dw;
    assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, layer, &dz));
    assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, layer - 1, &a));
    assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, layer, &dw));
    for (size_t i = 0; i < dw.rows; i++) {
        for (size_t j = 0; j < dw.columns; j++) {
            double sum = 0.0, absolute = 0.0;
            for (size_t s = 0; s < dz.columns; s++) {
                const double term = (double)dz.data[i + s * dz.leading_dimension] *
                                    (double)a.data[j + s * a.leading_dimension];
                sum += term;
                absolute += fabs(term);
            }
            assert_true(fabs(dw.data[i + j * dw.leading_dimension] - sum) <= 1e-6 * absolute);
        }
    }
}

/* Batches whose dW is summed up in runs of samples, the last one short or a single sample. */
static void long_batches(void **unused)
{
    enum { WIDTH = 70, LONGEST = 1281 };
    static const size_t counts[] = { 500, 1000, 1025, LONGEST };
    static float x[LONGEST * INPUTS], dy[LONGEST * 10];
    const struct setting s = { .hidden = { WIDTH, WIDTH },
                               .outputs = 10,
                               .hidden_activation = MLP_ACTIVATION_TANH,
                               .loss = { .loss = MLP_LOSS_SQUARED_ERROR } };
    mlp_network *network = make_network(&s, 3);
    uint64_t state = 5;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, LONGEST * INPUTS);
    test_fill(&state, -1.0, 1.0, dy, LONGEST * 10);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        mlp_workspace *workspace;
        assert_ok(mlp_workspace_create(network, counts[i], NULL, &workspace));
        assert_ok(mlp_forward(network, workspace, x, counts[i]));
        assert_ok(mlp_backward(network, workspace, dy));
        check_weight_gradient(workspace, 1);
        mlp_workspace_destroy(&workspace);
    }
    mlp_network_destroy(&network);
}

static void reductions_weights_and_smoothing(void **unused)
{
    static const float class_weights[] = { 0.5f, 2.0f, 0.0f, 1.0f, 3.0f };
    (void)unused;
    for (int reduction = 0; reduction <= MLP_REDUCTION_SAMPLE_MEAN; reduction++) {
        for (int dense = 0; dense < 2; dense++) {
            struct setting s = { { 12, 8 },
                                 5,
                                 MLP_ACTIVATION_TANH,
                                 MLP_ACTIVATION_SOFTMAX,
                                 21,
                                 { MLP_LOSS_CROSS_ENTROPY, (mlp_reduction)reduction, 0.1, 0.0,
                                   class_weights },
                                 dense,
                                 1,
                                 0 };
            run(&s, 31);
            s.output_activation = MLP_ACTIVATION_SIGMOID;
            s.loss = (struct reference_loss){ MLP_LOSS_BINARY_CROSS_ENTROPY, (mlp_reduction)reduction, 0, 0,
                                              NULL };
            run(&s, 32);
            s.loss.loss = MLP_LOSS_SQUARED_ERROR;
            run(&s, 33);
            s.outputs = 1;
            run(&s, 34);
        }
    }
}

static void a_callers_gradient(void **unused)
{
    (void)unused;
    for (int output = 0; output < (int)mlp_activation_count(); output++) {
        if (output == MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        const struct setting s = { { 20, 11 },
                                   6,
                                   MLP_ACTIVATION_GELU,
                                   (mlp_activation)output,
                                   19,
                                   { MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_MEAN, 0, 0, NULL },
                                   1,
                                   0,
                                   1 };
        run(&s, 500 + (uint64_t)output);
    }
}

/* With a standardization, the passes compute with (x − mean)/scale and dL/dx goes through it. */
static void standardization(void **unused)
{
    const struct setting s = { { 8, 8 },
                               3,
                               MLP_ACTIVATION_TANH,
                               MLP_ACTIVATION_IDENTITY,
                               18,
                               { MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_MEAN, 0, 0, NULL },
                               1,
                               0,
                               0 };
    float x[18 * INPUTS], standardized[18 * INPUTS], mean[INPUTS], scale[INPUTS], y[18 * 3], dx[18 * INPUTS];
    uint64_t state = 9;
    mlp_network *network = make_network(&s, 5);
    mlp_workspace *workspace;
    struct reference r;
    double loss;
    (void)unused;
    test_fill(&state, -3.0, 5.0, x, 18 * INPUTS);
    test_fill(&state, -1.0, 1.0, mean, INPUTS);
    test_fill(&state, 0.5, 4.0, scale, INPUTS);
    test_fill(&state, -1.0, 1.0, y, 18 * 3);
    for (size_t i = 0; i < 18 * INPUTS; i++) {
        standardized[i] = (x[i] - mean[i % INPUTS]) / scale[i % INPUTS];
    }
    assert_ok(mlp_workspace_create(network, 18, NULL, &workspace));
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    const mlp_targets targets = { NULL, y, NULL };
    reference_make(&r, network, 18);
    reference_forward(&r, standardized);
    reference_backward(&r, standardized, &s.loss, &targets, NULL);
    assert_ok(mlp_forward(network, workspace, x, 18));
    assert_ok(mlp_loss_backward(network, workspace, &targets, &loss));
    assert_ok(mlp_input_gradient(network, workspace, dx));
    for (size_t i = 0; i < 18 * INPUTS; i++) {
        assert_close(dx[i], r.dx[i] / scale[i % INPUTS], tolerance);
    }
    compare(workspace, MLP_TENSOR_WEIGHT_GRADIENT, 0, r.dw[0], 8, INPUTS);
    reference_free(&r);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation_with_every_loss),
        cmocka_unit_test(every_width_and_batch),
        cmocka_unit_test(long_products),
        cmocka_unit_test(long_batches),
        cmocka_unit_test(reductions_weights_and_smoothing),
        cmocka_unit_test(a_callers_gradient),
        cmocka_unit_test(standardization),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
