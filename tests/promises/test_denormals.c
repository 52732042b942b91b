/* Denormal numbers count as 0 within every call, on every member of a team, and the caller's setting is what
 * it was when the call returns, also where it fails. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/denormals.h"
#include "base/processors.h"
#include "base/team.h"
#include "model/network.h"
#include "optim/optimizer.h"

#if defined(__SSE2__) || defined(__aarch64__) || defined(__ARM_FP)
enum { HAVE_SETTING = 1 };
#else
enum { HAVE_SETTING = 0 };
#endif

enum { INPUTS = 300, UNITS = 320, OUTPUTS = 4, COUNT = 64, MOST = 8 };

/* ---- teams --------------------------------------------------------------------------------------------- */

/* 1 where a denormal operand counts as 0 and so does a denormal result. */
static int flushes(void)
{
    volatile float denormal = 1e-40f, large = 1e30f, smallest = FLT_MIN;
    const volatile float operand = denormal * large, result = smallest * 0.25f;
    return operand == 0.0f && result == 0.0f;
}

static void note_setting(const struct team *team, void *context)
{
    int *seen = context;
    seen[team->rank] = flushes();
    team_barrier(team);
}

static void every_member_flushes(void **unused)
{
    (void)unused;
    for (int size = 1; size <= MOST; size++) {
        int seen[MOST] = { 0 }, after[MOST] = { 0 };
        team_run(size, note_setting, seen);
#pragma omp parallel for num_threads(size)
        for (int t = 0; t < size; t++) {
            after[t] = flushes(); /* the caller's own region on the same threads */
        }
        const int paid = processors_within_quota(), members = size < paid ? size : paid;
        for (int t = 0; t < (team_has_openmp() ? members : 1); t++) {
            assert_int_equal(seen[t], HAVE_SETTING);
            assert_int_equal(after[t], 0);
        }
    }
}

/* ---- the caller's setting ------------------------------------------------------------------------------ */

struct things {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    mlp_data *data;
    float x[COUNT * INPUTS], dy[COUNT * OUTPUTS], outputs[COUNT * OUTPUTS], dx[COUNT * INPUTS];
    int32_t classes[COUNT];
    int settings_seen_by_callback;
};

static mlp_status call_forward(struct things *t)
{
    return mlp_forward(t->network, t->workspace, t->x, COUNT);
}

static mlp_status call_loss(struct things *t)
{
    const mlp_targets targets = { t->classes, NULL, NULL };
    double loss;
    return mlp_loss_evaluate(t->network, t->workspace, &targets, &loss);
}

static mlp_status call_backward(struct things *t)
{
    return mlp_backward(t->network, t->workspace, t->dy);
}

static mlp_status call_loss_backward(struct things *t)
{
    const mlp_targets targets = { t->classes, NULL, NULL };
    return mlp_loss_backward(t->network, t->workspace, &targets, NULL);
}

static mlp_status call_input_gradient(struct things *t)
{
    return mlp_input_gradient(t->network, t->workspace, t->dx);
}

static mlp_status call_optimizer_step(struct things *t)
{
    return mlp_optimizer_step(t->optimizer, t->network, t->workspace, NULL);
}

static mlp_status call_train_step(struct things *t)
{
    const mlp_targets targets = { t->classes, NULL, NULL };
    return mlp_train_step(t->network, t->optimizer, t->workspace, t->x, &targets, COUNT, NULL);
}

static mlp_status call_predict(struct things *t)
{
    return mlp_predict(t->network, t->workspace, t->x, COUNT, t->outputs);
}

static mlp_status call_predict_classes(struct things *t)
{
    return mlp_predict_classes(t->network, t->workspace, t->x, COUNT, t->classes);
}

static int see_setting(const mlp_progress *progress, void *context)
{
    struct things *t = context;
    (void)progress;
    t->settings_seen_by_callback += flushes();
    return 0;
}

static mlp_status call_fit(struct things *t)
{
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    noise.mixup = noise.hidden_dropout = noise.input_noise = 0.1;
    options.epochs = 2;
    options.batch = 40;
    options.regularization = &noise;
    average.rule = MLP_AVERAGE_EMA;
    options.average = &average;
    options.monitor_interval = 1;
    options.validation = t->data;
    options.progress = see_setting;
    options.progress_context = t;
    return mlp_fit(t->network, t->optimizer, t->data, &options, NULL);
}

static mlp_status call_evaluate(struct things *t)
{
    mlp_metrics metrics;
    return mlp_evaluate(t->network, t->data, 20, 0, 0, &metrics, NULL);
}

static mlp_status call_diagnose(struct things *t)
{
    const mlp_targets targets = { t->classes, NULL, NULL };
    mlp_diagnosis *diagnosis;
    const mlp_status status = mlp_diagnose(t->network, t->x, &targets, COUNT, NULL, &diagnosis);
    mlp_diagnosis_destroy(&diagnosis);
    return status;
}

static mlp_status call_spectrum(struct things *t)
{
    mlp_spectrum spectrum;
    return mlp_weight_spectrum(t->network, 1, NULL, &spectrum);
}

static mlp_status call_initialize(struct things *t)
{
    return mlp_network_initialize(t->network, 3);
}

static mlp_status call_data_init(struct things *t)
{
    return mlp_network_initialize_from_data(t->network, MLP_DATA_INIT_LSUV, t->x, COUNT);
}

static mlp_status call_standardize(struct things *t)
{
    return mlp_data_standardize(t->data, t->network);
}

static mlp_status (*const calls[])(struct things *) = {
    call_forward,         call_loss,           call_backward,   call_loss_backward,
    call_input_gradient,  call_optimizer_step, call_train_step, call_predict,
    call_predict_classes, call_evaluate,       call_fit,        call_diagnose,
    call_spectrum,        call_initialize,     call_data_init,  call_standardize,
};

static void make(struct things *t, int threads, mlp_optimizer_rule rule)
{
    const mlp_layer layers[] = {
        { .units = UNITS, .activation = MLP_ACTIVATION_RELU, .init = MLP_INIT_ORTHOGONAL },
        { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX }
    };
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_optimizer_options update = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    uint64_t state = 3;
    options.threads = threads;
    update.rule = rule;
    update.clip = rule == MLP_OPTIMIZER_LBFGS ? MLP_CLIP_NONE : MLP_CLIP_GLOBAL_NORM;
    update.clip_threshold = update.clip == MLP_CLIP_NONE ? 0.0 : 1.0;
    test_fill(&state, -1.0, 1.0, t->x, COUNT * INPUTS);
    test_fill(&state, -1.0, 1.0, t->dy, COUNT * OUTPUTS);
    for (int i = 0; i < COUNT; i++) {
        t->classes[i] = i % OUTPUTS;
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = t->x;
    arrays.classes = t->classes;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &t->network));
    assert_ok(mlp_workspace_create(t->network, COUNT, &options, &t->workspace));
    assert_ok(mlp_optimizer_create(t->network, &update, &t->optimizer));
    assert_ok(mlp_data_create(&arrays, &t->data));
}

static void drop(struct things *t)
{
    mlp_data_destroy(&t->data);
    mlp_optimizer_destroy(&t->optimizer);
    mlp_workspace_destroy(&t->workspace);
    mlp_network_destroy(&t->network);
}

/* Every call once under each setting that a caller may have made, first as it should be and then with inputs
 * that make many of them fail. */
static void the_callers_setting_comes_back(void **unused)
{
    static struct things t;
    const denormal_setting callers = float_control() & ~DENORMAL_BITS;
    const denormal_setting settings[] = { 0, DENORMAL_BITS, DENORMAL_BITS & (DENORMAL_BITS - 1) };
    (void)unused;
    for (int round = 0; round < 12; round++) {
        const denormal_setting setting = callers | settings[round % 3];
        int failed = 0;
        memset(&t, 0, sizeof t);
        make(&t, 1 + round / 3 % 2 * 2, round % 2 ? MLP_OPTIMIZER_LBFGS : MLP_OPTIMIZER_ADAM);
        t.x[5] = t.dy[5] = round < 6 ? 0.5f : NAN;
        for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
            set_float_control(setting);
            failed += calls[c](&t) != MLP_OK;
            const denormal_setting after = float_control();
            set_float_control(callers);
            assert_int_equal(after & DENORMAL_BITS, setting & DENORMAL_BITS);
        }
        assert_true(round < 6 ? failed <= 1 : failed > 1); /* L-BFGS has no step of its own */
        if (settings[round % 3] == 0) {
            assert_int_equal(t.settings_seen_by_callback, 0);
        }
        drop(&t);
    }
}

/* ---- what is computed ---------------------------------------------------------------------------------- */

static size_t denormals(const float *values, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += fpclassify(values[i]) == FP_SUBNORMAL;
    }
    return found;
}

/* Moments that fade: gradients for a few steps, then none. The second batch is small enough for squares to be
 * denormal from the start. */
static void fade(int rule, float size)
{
    enum { SIDE = 24 };
    const mlp_layer layers[] = { { .units = SIDE }, { .units = SIDE } };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[SIDE], dy[SIDE];
    uint64_t state = 8;
    options.rule = rule;
    test_fill(&state, -1.0, 1.0, x, SIDE);
    test_fill(&state, -size, size, dy, SIDE);
    assert_ok(mlp_network_create(SIDE, layers, 2, NULL, &network));
    assert_ok(mlp_workspace_create(network, 1, NULL, &workspace));
    assert_ok(mlp_optimizer_create(network, &options, &optimizer));
    assert_ok(mlp_forward(network, workspace, x, 1));
    for (int step = 0; step < 1100; step++) {
        memset(dy, 0, step == 2 ? sizeof dy : 0);
        if (step < 3) {
            assert_ok(mlp_backward(network, workspace, dy));
        }
        assert_ok(mlp_optimizer_step(optimizer, network, workspace, NULL));
    }
    for (size_t s = 0; s < RULE_STATES; s++) {
        if (optimizer->state[s] != NULL) {
            assert_int_equal(denormals(optimizer->state[s], network->arena_size), 0);
        }
    }
    assert_int_equal(denormals(network->parameters, network->arena_size), 0);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

static void faded_moments_are_zero(void **unused)
{
    (void)unused;
    for (int rule = 0; rule < (int)mlp_optimizer_count() && HAVE_SETTING; rule++) {
        if (rule != MLP_OPTIMIZER_LBFGS) {
            fade(rule, 1e-3f);
            fade(rule, 1e-19f);
        }
    }
}

/* Denormal operands and denormal products, forth and back, are 0; so with one sample, with many, and with the
 * tiles of one member and of several. */
static void passes_flush(float input, float weight)
{
    static float weights[UNITS * UNITS], x[COUNT * UNITS], out[COUNT * UNITS];
    const mlp_layer layers[] = { { .units = UNITS }, { .units = UNITS } };
    for (size_t i = 0; i < UNITS * UNITS; i++) {
        weights[i] = weight;
    }
    for (size_t i = 0; i < COUNT * UNITS; i++) {
        x[i] = input;
    }
    for (int threads = 1; threads <= 3; threads += 2) {
        for (size_t count = 1; count <= COUNT; count += COUNT - 1) {
            mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
            mlp_network *network;
            mlp_workspace *workspace;
            mlp_matrix dw;
            options.threads = threads;
            assert_ok(mlp_network_create(UNITS, layers, 2, NULL, &network));
            assert_ok(mlp_network_set_weights(network, 0, weights));
            assert_ok(mlp_network_set_weights(network, 1, weights));
            assert_ok(mlp_workspace_create(network, COUNT, &options, &workspace));
            assert_ok(mlp_forward(network, workspace, x, count));
            assert_ok(mlp_backward(network, workspace, x));
            assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, 0, &dw));
            assert_int_equal(denormals(workspace->gradients, network->arena_size), 0);
            assert_ok(mlp_input_gradient(network, workspace, out));
            assert_int_equal(denormals(out, count * UNITS), 0);
            assert_ok(mlp_predict(network, workspace, x, count, out));
            for (size_t i = 0; i < count * UNITS; i++) {
                assert_true(!(out[i] != 0.0f)); /* the second layer's is far below any float */
            }
            mlp_workspace_destroy(&workspace);
            mlp_network_destroy(&network);
        }
    }
}

static void products_of_denormals_are_zero(void **unused)
{
    (void)unused;
    if (HAVE_SETTING) {
        passes_flush(1e-40f, 1.0f);
        passes_flush(1e-21f, 1e-20f);
        passes_flush(1.0f, 1e-40f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_flushes),
        cmocka_unit_test(the_callers_setting_comes_back),
        cmocka_unit_test(faded_moments_are_zero),
        cmocka_unit_test(products_of_denormals_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
