/* The passes as calls: what they refuse and say, the order they must come in, callbacks, and the shapes of
 * views. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

enum { INPUTS = 5, HIDDEN = 7, OUTPUTS = 3, BATCH = 6 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    float x[BATCH * INPUTS];
    int32_t classes[BATCH];
    float values[BATCH * OUTPUTS];
    mlp_targets targets;
};

static void make_with(struct fixture *f, mlp_layer hidden, mlp_activation output,
                      const mlp_network_options *options)
{
    const mlp_layer layers[] = { hidden, { .units = OUTPUTS, .activation = output } };
    uint64_t state = 3;
    assert_ok(mlp_network_create(INPUTS, layers, 2, options, &f->network));
    mlp_workspace_options workspace_options = MLP_WORKSPACE_OPTIONS_INIT;
    workspace_options.keep_pre_activations = 1;
    assert_ok(mlp_workspace_create(f->network, BATCH, &workspace_options, &f->workspace));
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    test_fill(&state, 0.0, 1.0, f->values, BATCH * OUTPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->classes[i] = i % OUTPUTS;
    }
    f->targets = (mlp_targets){ f->classes, NULL, NULL };
}

static void make(struct fixture *f)
{
    make_with(f, (mlp_layer){ .units = HIDDEN, .activation = MLP_ACTIVATION_TANH }, MLP_ACTIVATION_SOFTMAX,
              NULL);
}

static void drop(struct fixture *f)
{
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void forward_names_what_is_wrong(void **unused)
{
    struct fixture f;
    (void)unused;
    make(&f);
    assert_refused(mlp_forward(NULL, f.workspace, f.x, 1), MLP_ERROR_ARGUMENT, "mlp_forward",
                   "network is NULL", NULL);
    assert_refused(mlp_forward(f.network, NULL, f.x, 1), MLP_ERROR_ARGUMENT, "mlp_forward",
                   "workspace is NULL", NULL);
    assert_refused(mlp_forward(f.network, f.workspace, NULL, 1), MLP_ERROR_ARGUMENT, "x is NULL", NULL);
    assert_refused(mlp_forward(f.network, f.workspace, f.x, 0), MLP_ERROR_RANGE, "count is 0", NULL);
    assert_refused(mlp_forward(f.network, f.workspace, f.x, BATCH + 1), MLP_ERROR_RANGE, "count is 7", "6",
                   NULL);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    drop(&f);
}

static void other_arguments_are_named(void **unused)
{
    struct fixture f;
    double loss;
    (void)unused;
    make(&f);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, NULL, &loss), MLP_ERROR_ARGUMENT,
                   "targets is NULL", NULL);
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &f.targets, NULL), MLP_ERROR_ARGUMENT,
                   "loss is NULL", NULL);
    assert_refused(mlp_loss_evaluate(NULL, f.workspace, &f.targets, &loss), MLP_ERROR_ARGUMENT,
                   "network is NULL", NULL);
    assert_refused(mlp_loss_backward(f.network, f.workspace, NULL, &loss), MLP_ERROR_ARGUMENT,
                   "targets is NULL", NULL);
    assert_refused(mlp_loss_backward(f.network, NULL, &f.targets, &loss), MLP_ERROR_ARGUMENT,
                   "workspace is NULL", NULL);
    assert_refused(mlp_backward(f.network, f.workspace, NULL), MLP_ERROR_ARGUMENT, "dy is NULL", NULL);
    assert_refused(mlp_backward(NULL, f.workspace, f.values), MLP_ERROR_ARGUMENT, "network is NULL", NULL);
    assert_refused(mlp_input_gradient(f.network, f.workspace, NULL), MLP_ERROR_ARGUMENT, "dx is NULL", NULL);
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, NULL)); /* the loss may be left out */
    drop(&f);
}

static void targets_are_checked(void **unused)
{
    struct fixture f;
    double loss;
    float weights[BATCH] = { 1, 1, 1, 1, 1, 1 };
    (void)unused;
    make(&f);
    const mlp_targets none = { NULL, NULL, NULL }, both = { f.classes, f.values, NULL };
    const mlp_targets weighted = { f.classes, NULL, weights };
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH - 1));
    assert_refused(mlp_loss_backward(f.network, f.workspace, &none, &loss), MLP_ERROR_ARGUMENT, "targets",
                   NULL);
    assert_refused(mlp_loss_backward(f.network, f.workspace, &both, &loss), MLP_ERROR_ARGUMENT, "targets",
                   NULL);
    f.classes[4] = OUTPUTS;
    assert_refused(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_RANGE, "sample 4",
                   "class is 3", "0 to 2", NULL);
    f.classes[4] = -1;
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_RANGE, "sample 4",
                   "class is -1", NULL);
    f.classes[4] = 0;
    f.classes[5] = 99; /* beyond this batch's count: not looked at */
    assert_ok(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss));
    weights[2] = -1.0f;
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &weighted, &loss), MLP_ERROR_RANGE, "sample 2",
                   NULL);
    weights[2] = NAN;
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &weighted, &loss), MLP_ERROR_RANGE, "sample 2",
                   NULL);
    memset(weights, 0, sizeof weights);
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &weighted, &loss), MLP_ERROR_RANGE, "weight",
                   NULL);
    drop(&f);
}

static void another_networks_workspace_is_refused(void **unused)
{
    static const size_t widths[][2] = { { INPUTS + 1, HIDDEN }, { INPUTS, HIDDEN + 1 } };
    struct fixture f;
    (void)unused;
    make(&f);
    for (int i = 0; i < 2; i++) {
        const mlp_layer layers[] = { { .units = widths[i][1] }, { .units = OUTPUTS } };
        mlp_network *other;
        assert_ok(mlp_network_create(widths[i][0], layers, 2, NULL, &other));
        assert_refused(mlp_forward(other, f.workspace, f.x, 1), MLP_ERROR_SHAPE,
                       i == 0 ? "5 inputs" : "7 units", i == 0 ? "6" : "8", NULL);
        mlp_network_destroy(&other);
    }
    drop(&f);
}

/* A workspace outlives its network, and serves another of the same shape. */
static void a_network_of_the_same_shape_will_do(void **unused)
{
    struct fixture f, other;
    double loss;
    (void)unused;
    make(&f);
    make(&other);
    mlp_network_destroy(&f.network);
    assert_ok(mlp_forward(other.network, f.workspace, f.x, BATCH));
    assert_ok(mlp_loss_backward(other.network, f.workspace, &f.targets, &loss));
    drop(&other);
    drop(&f);
}

/* ---- order --------------------------------------------------------------------------------------------- */

static void calls_come_in_order(void **unused)
{
    struct fixture f;
    double loss;
    float dx[BATCH * INPUTS];
    mlp_matrix view;
    (void)unused;
    make(&f);
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_STATE, "forward",
                   NULL);
    assert_refused(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_STATE, "forward",
                   NULL);
    assert_refused(mlp_backward(f.network, f.workspace, f.values), MLP_ERROR_STATE, "forward", NULL);
    assert_refused(mlp_input_gradient(f.network, f.workspace, dx), MLP_ERROR_STATE, "backward", NULL);
    assert_refused(mlp_workspace_view(f.workspace, MLP_TENSOR_ACTIVATION, 0, &view), MLP_ERROR_STATE,
                   "forward", NULL);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    assert_refused(mlp_input_gradient(f.network, f.workspace, dx), MLP_ERROR_STATE, "backward", NULL);
    assert_refused(mlp_workspace_view(f.workspace, MLP_TENSOR_BIAS_GRADIENT, 0, &view), MLP_ERROR_STATE,
                   "backward", NULL);
    assert_ok(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss));
    assert_refused(mlp_input_gradient(f.network, f.workspace, dx), MLP_ERROR_STATE, "backward", NULL);
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss));
    assert_ok(mlp_input_gradient(f.network, f.workspace, dx));
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH)); /* the gradients are of the batch before */
    assert_refused(mlp_input_gradient(f.network, f.workspace, dx), MLP_ERROR_STATE, "backward", NULL);
    drop(&f);
}

static void views_have_their_layers_shapes(void **unused)
{
    static const size_t rows[] = { HIDDEN, OUTPUTS }, inputs[] = { INPUTS, HIDDEN };
    struct fixture f;
    mlp_matrix view;
    (void)unused;
    make(&f);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH - 2));
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, NULL));
    for (size_t l = 0; l < 2; l++) {
        for (int tensor = MLP_TENSOR_PRE_ACTIVATION; tensor <= MLP_TENSOR_BIAS_GRADIENT; tensor++) {
            assert_ok(mlp_workspace_view(f.workspace, (mlp_tensor)tensor, l, &view));
            assert_non_null(view.data);
            assert_int_equal(view.rows, rows[l]);
            assert_true(view.leading_dimension >= view.rows);
            assert_int_equal(view.columns, tensor == MLP_TENSOR_WEIGHT_GRADIENT ? inputs[l]
                                           : tensor == MLP_TENSOR_BIAS_GRADIENT ? 1
                                                                                : BATCH - 2);
        }
    }
    assert_refused(mlp_workspace_view(f.workspace, MLP_TENSOR_ACTIVATION, 2, &view), MLP_ERROR_RANGE,
                   "layer is 2", NULL);
    assert_null(view.data);
    assert_refused(mlp_workspace_view(f.workspace, (mlp_tensor)5, 0, &view), MLP_ERROR_ARGUMENT,
                   "tensor is 5", NULL);
    assert_refused(mlp_workspace_view(f.workspace, (mlp_tensor)-1, 0, &view), MLP_ERROR_ARGUMENT,
                   "tensor is -1", NULL);
    assert_refused(mlp_workspace_view(NULL, MLP_TENSOR_ACTIVATION, 0, &view), MLP_ERROR_ARGUMENT, "workspace",
                   NULL);
    assert_refused(mlp_workspace_view(f.workspace, MLP_TENSOR_ACTIVATION, 0, NULL), MLP_ERROR_ARGUMENT,
                   "view", NULL);
    drop(&f);
}

/* ---- what is not finite -------------------------------------------------------------------------------- */

static void a_loss_that_is_not_finite_is_reported(void **unused)
{
    struct fixture f;
    double loss = 0.0;
    (void)unused;
    make(&f);
    f.x[2 * INPUTS + 1] = NAN;
    assert_ok(
        mlp_forward(f.network, f.workspace, f.x, BATCH)); /* outputs may well be NaN: the loss says so */
    assert_refused(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_NONFINITE,
                   "loss is", NULL);
    assert_true(isnan(loss));
    loss = 0.0;
    assert_refused(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_NONFINITE,
                   "loss is", NULL);
    assert_true(isnan(loss));
    f.x[2 * INPUTS + 1] = 0.0f;
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss));
    assert_true(isfinite(loss));
    drop(&f);
}

/* ---- two ways to the same gradient --------------------------------------------------------------------- */

/* Squared error's dL/dŷ = 2·(ŷ − y)/(units · count), given from outside, against the loss's own. */
static void a_callers_gradient_is_the_losss(void **unused)
{
    struct fixture f;
    float dy[BATCH * OUTPUTS], outputs[BATCH * OUTPUTS], first[HIDDEN * INPUTS], dx[2][BATCH * INPUTS];
    mlp_matrix view;
    (void)unused;
    make_with(&f, (mlp_layer){ .units = HIDDEN, .activation = MLP_ACTIVATION_GELU }, MLP_ACTIVATION_TANH,
              NULL);
    const mlp_targets targets = { NULL, f.values, NULL };
    assert_ok(mlp_predict(f.network, f.workspace, f.x, BATCH, outputs));
    for (int i = 0; i < BATCH * OUTPUTS; i++) {
        dy[i] = (float)(2.0 * ((double)outputs[i] - (double)f.values[i]) / (OUTPUTS * BATCH));
    }
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    assert_ok(mlp_loss_backward(f.network, f.workspace, &targets, NULL));
    assert_ok(mlp_input_gradient(f.network, f.workspace, dx[0]));
    assert_ok(mlp_workspace_view(f.workspace, MLP_TENSOR_WEIGHT_GRADIENT, 0, &view));
    for (size_t i = 0; i < HIDDEN * INPUTS; i++) {
        first[i] = view.data[i % HIDDEN + i / HIDDEN * view.leading_dimension];
    }
    assert_ok(mlp_backward(f.network, f.workspace, dy));
    assert_ok(mlp_input_gradient(f.network, f.workspace, dx[1]));
    for (size_t i = 0; i < HIDDEN * INPUTS;
         i++) { /* the same but for the rounding of dy: some 2⁻²³ of entries below 1 */
        assert_close(view.data[i % HIDDEN + i / HIDDEN * view.leading_dimension], first[i], 1e-6);
    }
    for (size_t i = 0; i < BATCH * INPUTS; i++) {
        assert_close(dx[1][i], dx[0][i], 1e-6);
    }
    drop(&f);
}

/* ---- callbacks ----------------------------------------------------------------------------------------- */

static int activation_context;

static void cube(const float *z, float *a, size_t count, void *context)
{
    assert_ptr_equal(context, &activation_context);
    for (size_t i = 0; i < count; i++) {
        a[i] = z[i] * z[i] * z[i];
    }
}

static void cube_derivative(const float *z, float *d, size_t count, void *context)
{
    assert_ptr_equal(context, &activation_context);
    for (size_t i = 0; i < count; i++) {
        d[i] = 3.0f * z[i] * z[i];
    }
}

/* A = Z³ in the hidden layer, and dZ = 3·Z²·Wᵀ·dZ of the layer above. */
static void a_custom_activation_is_applied(void **unused)
{
    struct fixture f;
    mlp_matrix z, a, dz, above;
    mlp_const_matrix w;
    (void)unused;
    make_with(&f,
              (mlp_layer){ .units = HIDDEN,
                           .activation = MLP_ACTIVATION_CUSTOM,
                           .custom_activation = { cube, cube_derivative, &activation_context } },
              MLP_ACTIVATION_SOFTMAX, NULL);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, NULL));
    assert_ok(mlp_workspace_view(f.workspace, MLP_TENSOR_PRE_ACTIVATION, 0, &z));
    assert_ok(mlp_workspace_view(f.workspace, MLP_TENSOR_ACTIVATION, 0, &a));
    assert_ok(mlp_workspace_view(f.workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, 0, &dz));
    assert_ok(mlp_workspace_view(f.workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, 1, &above));
    assert_ok(mlp_network_weights(f.network, 1, &w));
    for (size_t j = 0; j < BATCH; j++) {
        for (size_t i = 0; i < HIDDEN; i++) {
            const double value = z.data[i + j * z.leading_dimension];
            double da = 0.0;
            for (size_t o = 0; o < OUTPUTS; o++) {
                da +=
                    (double)w.data[o + i * w.leading_dimension] * above.data[o + j * above.leading_dimension];
            }
            assert_close(a.data[i + j * a.leading_dimension], value * value * value, 1e-6);
            assert_close(dz.data[i + j * dz.leading_dimension], 3.0 * value * value * da, 1e-6);
        }
    }
    drop(&f);
}

struct loss_calls {
    int with_gradient;
    int without;
    mlp_status answer;
};

/* L = Σ w·ŷ with w = 1, 2, 3, … over the entries, so dL/dŷ = w. */
static mlp_status weighted_sum(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                               size_t leading_dimension, float *gradient, double *loss, void *context)
{
    struct loss_calls *calls = context;
    calls->with_gradient += gradient != NULL;
    calls->without += gradient == NULL;
    if (calls->answer != MLP_OK) {
        return calls->answer;
    }
    assert_non_null(targets);
    assert_int_equal(units, OUTPUTS);
    assert_true(leading_dimension >= units);
    *loss = 0.0;
    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < units; i++) {
            const double weight = (double)(1 + i + j * units);
            *loss += weight * (double)outputs[i + j * leading_dimension];
            if (gradient != NULL) {
                gradient[i + j * leading_dimension] = (float)weight;
            }
        }
    }
    return MLP_OK;
}

static void make_custom_loss(struct fixture *f, struct loss_calls *calls, mlp_activation output)
{
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    options.loss = MLP_LOSS_CUSTOM;
    options.custom_loss = weighted_sum;
    options.custom_loss_context = calls;
    make_with(f, (mlp_layer){ .units = HIDDEN, .activation = MLP_ACTIVATION_TANH }, output, &options);
}

/* The callback's loss comes back; its gradient is that of the same dL/dŷ given to mlp_backward(), bit for
 * bit. */
static void a_custom_loss_is_asked_once(void **unused)
{
    static const mlp_activation outputs[] = { MLP_ACTIVATION_IDENTITY, MLP_ACTIVATION_SOFTMAX,
                                              MLP_ACTIVATION_TANH };
    (void)unused;
    for (int k = 0; k < 3; k++) {
        struct fixture f;
        struct loss_calls calls = { 0, 0, MLP_OK };
        float predicted[BATCH * OUTPUTS], dy[BATCH * OUTPUTS], dx[2][BATCH * INPUTS];
        double loss, expected = 0.0;
        make_custom_loss(&f, &calls, outputs[k]);
        assert_ok(mlp_predict(f.network, f.workspace, f.x, BATCH, predicted));
        for (int i = 0; i < BATCH * OUTPUTS; i++) {
            dy[i] = (float)(i + 1);
            expected += (double)dy[i] * (double)predicted[i];
        }
        assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
        assert_ok(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss));
        assert_true(loss == expected);
        assert_true(calls.with_gradient == 0 && calls.without == 1);
        assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss));
        assert_true(loss == expected);
        assert_true(calls.with_gradient == 1 && calls.without == 1);
        assert_ok(mlp_input_gradient(f.network, f.workspace, dx[0]));
        assert_ok(mlp_backward(f.network, f.workspace, dy));
        assert_ok(mlp_input_gradient(f.network, f.workspace, dx[1]));
        assert_memory_equal(dx[0], dx[1], sizeof dx[0]);
        drop(&f);
    }
}

static void a_failing_custom_loss_passes_its_status_on(void **unused)
{
    struct fixture f;
    struct loss_calls calls = { 0, 0, MLP_ERROR_IO };
    mlp_optimizer *optimizer;
    mlp_matrix view;
    mlp_const_matrix w;
    double loss;
    (void)unused;
    make_custom_loss(&f, &calls, MLP_ACTIVATION_IDENTITY);
    assert_ok(mlp_optimizer_create(f.network, NULL, &optimizer));
    assert_ok(mlp_network_weights(f.network, 0, &w));
    const float kept = w.data[0];
    assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
    assert_int_equal(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_IO);
    assert_int_equal(mlp_loss_backward(f.network, f.workspace, &f.targets, &loss), MLP_ERROR_IO);
    assert_refused(mlp_workspace_view(f.workspace, MLP_TENSOR_BIAS_GRADIENT, 0, &view), MLP_ERROR_STATE,
                   "backward", NULL);
    assert_int_equal(mlp_train_step(f.network, optimizer, f.workspace, f.x, &f.targets, BATCH, NULL),
                     MLP_ERROR_IO);
    assert_int_equal(mlp_optimizer_updates(optimizer), 0);
    assert_true(w.data[0] == kept);
    calls.answer = MLP_OK;
    assert_ok(mlp_train_step(f.network, optimizer, f.workspace, f.x, &f.targets, BATCH, NULL));
    assert_true(w.data[0] != kept);
    mlp_optimizer_destroy(&optimizer);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_names_what_is_wrong),
        cmocka_unit_test(other_arguments_are_named),
        cmocka_unit_test(targets_are_checked),
        cmocka_unit_test(another_networks_workspace_is_refused),
        cmocka_unit_test(a_network_of_the_same_shape_will_do),
        cmocka_unit_test(calls_come_in_order),
        cmocka_unit_test(views_have_their_layers_shapes),
        cmocka_unit_test(a_loss_that_is_not_finite_is_reported),
        cmocka_unit_test(a_callers_gradient_is_the_losss),
        cmocka_unit_test(a_custom_activation_is_applied),
        cmocka_unit_test(a_custom_loss_is_asked_once),
        cmocka_unit_test(a_failing_custom_loss_passes_its_status_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
