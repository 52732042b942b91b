/* L-BFGS: the strong Wolfe conditions by independent evaluations, and minima that are known. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/optimizer.h"
#include "optim/pytorch_rules.h"

enum { COUNT = 40, INPUTS = 6, CLASSES = 3, MOST = 4000, STEPS = 14 };

struct fixture {
    float x[COUNT * INPUTS], values[COUNT];
    int32_t y[COUNT];
    mlp_network *network;
    mlp_workspace *workspace, *observer;
    mlp_optimizer *optimizer;
    mlp_targets targets;
};

/* hidden 0: linear regression; else a small classifier. */
static void make(struct fixture *f, size_t hidden, double decay)
{
    const mlp_layer deep[] = { { .units = hidden, .activation = MLP_ACTIVATION_TANH },
                               { .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX } };
    const mlp_layer linear = { .units = 1 };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    uint64_t state = 9;
    options.rule = MLP_OPTIMIZER_LBFGS;
    options.weight_decay = decay;
    test_fill(&state, -1.0, 1.0, f->x, COUNT * INPUTS);
    test_fill(&state, -1.0, 1.0, f->values, COUNT);
    for (int i = 0; i < COUNT; i++) {
        f->y[i] = f->x[i * INPUTS] * f->x[i * INPUTS + 1] > 0.0f ? 0 : f->x[i * INPUTS + 2] > 0.0f ? 1 : 2;
    }
    assert_ok(hidden > 0 ? mlp_network_create(INPUTS, deep, 2, NULL, &f->network)
                         : mlp_network_create(INPUTS, &linear, 1, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, COUNT, NULL, &f->workspace));
    assert_ok(mlp_workspace_create(f->network, COUNT, NULL, &f->observer));
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
    f->targets = hidden > 0 ? (mlp_targets){ f->y, NULL, NULL } : (mlp_targets){ NULL, f->values, NULL };
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_workspace_destroy(&f->observer);
    mlp_network_destroy(&f->network);
}

/* Loss, with decay, and gradient at the parameters as they are. */
static double evaluate(struct fixture *f, double decay, double *gradient)
{
    double loss;
    assert_ok(mlp_forward(f->network, f->observer, f->x, COUNT));
    assert_ok(mlp_loss_backward(f->network, f->observer, &f->targets, &loss));
    memset(gradient, 0, MOST * sizeof *gradient);
    for (size_t l = 0; l < f->network->layer_count; l++) {
        const struct layer *layer = &f->network->layers[l];
        for (size_t j = 0; j <= layer->inputs; j++) {
            for (size_t i = 0; i < layer->units; i++) {
                const size_t at = layer->weights + i + j * layer->stride;
                const double w = f->network->parameters[at], own = j < layer->inputs ? decay : 0.0;
                gradient[at] = f->observer->gradients[at] + own * w;
                loss += 0.5 * own * w * w;
            }
        }
    }
    return loss;
}

static void every_step_meets_the_strong_wolfe_conditions(void **unused)
{
    static double before[MOST], after[MOST], w[MOST];
    (void)unused;
    for (int decayed = 0; decayed <= 1; decayed++) {
        struct fixture f;
        const double decay = decayed ? 0.01 : 0.0;
        make(&f, 8, decay);
        for (int step = 0; step < 25; step++) { /* before float's rounding is all that is left */
            mlp_step_report report;
            const double f0 = evaluate(&f, decay, before);
            double slope0 = 0.0, slope1 = 0.0, moved = 0.0;
            for (size_t i = 0; i < f.network->arena_size; i++) {
                w[i] = f.network->parameters[i];
            }
            assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, &report));
            const double f1 = evaluate(&f, decay, after);
            for (size_t i = 0; i < f.network->arena_size; i++) {
                const double s = (double)f.network->parameters[i] - w[i];
                slope0 += s * before[i];
                slope1 += s * after[i];
                moved += s * s;
            }
            assert_true(moved > 0.0 && slope0 < 0.0);
            assert_true(f1 <= f0 + 1e-4 * slope0 + 1e-7);
            assert_true(fabs(slope1) <= 0.9 * fabs(slope0) + 1e-6); /* floats' rounding */
            assert_close(report.loss, decayed ? report.loss : f0, 1e-6);
        }
        drop(&f);
    }
}

/* Least squares by the normal equations in double (Gauss), columns: inputs and 1. */
static void solve(const struct fixture *f, double *solution)
{
    enum { N = INPUTS + 1 };
    double a[N][N + 1] = { { 0.0 } };
    for (int s = 0; s < COUNT; s++) {
        double row[N];
        for (int i = 0; i < N; i++) {
            row[i] = i < INPUTS ? f->x[s * INPUTS + i] : 1.0;
        }
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                a[i][j] += row[i] * row[j];
            }
            a[i][N] += row[i] * f->values[s];
        }
    }
    for (int p = 0; p < N; p++) {
        for (int i = 0; i < N; i++) {
            const double factor = a[i][p] / a[p][p];
            for (int j = p; j <= N && i != p; j++) {
                a[i][j] -= factor * a[p][j];
            }
        }
    }
    for (int i = 0; i < N; i++) {
        solution[i] = a[i][N] / a[i][i];
    }
}

static void least_squares_are_solved(void **unused)
{
    struct fixture f;
    double solution[INPUTS + 1];
    (void)unused;
    make(&f, 0, 0.0);
    solve(&f, solution);
    for (int step = 0; step < 25; step++) {
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, NULL));
    }
    const struct layer *layer = &f.network->layers[0];
    for (size_t i = 0; i <= INPUTS; i++) {
        assert_close(f.network->parameters[layer->weights + i * layer->stride], solution[i], 2e-5);
    }
    drop(&f);
}

/* The minimum that PyTorch's L-BFGS finds in double. Of floats the loss is known to some 10⁻⁸: that near the
 * minimum no search sees it fall, and with a curvature of 0.2 or more (the decay is 0.05 of it) the
 * parameters are within √(2·10⁻⁸/0.2) = 3·10⁻⁴ of it. */
static void the_minimum_is_pytorchs(void **unused)
{
    enum {
        SAMPLES = PYTORCH_LBFGS_SAMPLES,
        FEATURES = PYTORCH_LBFGS_FEATURES,
        OUTPUTS = PYTORCH_LBFGS_CLASSES
    };
    const mlp_layer layer = { .units = OUTPUTS,
                              .activation = MLP_ACTIVATION_SOFTMAX,
                              .init = MLP_INIT_ZEROS };
    static float x[SAMPLES * FEATURES];
    static int32_t y[SAMPLES];
    struct fixture f = { .observer = NULL };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    double loss, squares = 0.0;
    (void)unused;
    for (int s = 0; s < SAMPLES; s++) {
        y[s] = (s * s + s / 4) % OUTPUTS;
        for (int j = 0; j < FEATURES; j++) {
            x[s * FEATURES + j] = (float)((5 * s + 3 * j + s * j) % 17 - 8) / 8.0f;
        }
    }
    f.targets = (mlp_targets){ .classes = y };
    options.rule = MLP_OPTIMIZER_LBFGS;
    options.weight_decay = PYTORCH_LBFGS_DECAY;
    assert_ok(mlp_network_create(FEATURES, &layer, 1, NULL, &f.network));
    assert_ok(mlp_workspace_create(f.network, SAMPLES, NULL, &f.workspace));
    assert_ok(mlp_optimizer_create(f.network, &options, &f.optimizer));
    for (int step = 0; step < 40; step++) {
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, x, &f.targets, SAMPLES, NULL));
    }
    const struct layer *parameters = &f.network->layers[0];
    for (size_t c = 0; c < OUTPUTS; c++) {
        for (size_t j = 0; j < FEATURES; j++) {
            const double w = f.network->parameters[parameters->weights + c + j * parameters->stride];
            assert_close(w, pytorch_lbfgs_weights[c][j], 3e-4);
            squares += w * w;
        }
        assert_close(f.network->parameters[parameters->bias + c], pytorch_lbfgs_bias[c], 3e-4);
    }
    assert_ok(mlp_forward(f.network, f.workspace, x, SAMPLES));
    assert_ok(mlp_loss_evaluate(f.network, f.workspace, &f.targets, &loss));
    assert_close(loss + 0.5 * PYTORCH_LBFGS_DECAY * squares, PYTORCH_LBFGS_LOSS, 5e-8);
    drop(&f);
}

/* Some iterations end far below as many of gradient descent with its best rate. */
static void it_beats_gradient_descent(void **unused)
{
    static double gradient[MOST];
    double best = INFINITY;
    struct fixture f;
    (void)unused;
    for (double rate = 0.1; rate < 30.0; rate *= 1.5) {
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.learning_rate = rate;
        make(&f, 8, 0.0);
        mlp_optimizer_destroy(&f.optimizer);
        assert_ok(mlp_optimizer_create(f.network, &options, &f.optimizer));
        for (int step = 0; step < STEPS; step++) {
            assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, NULL));
        }
        best = fmin(best, evaluate(&f, 0.0, gradient));
        drop(&f);
    }
    make(&f, 8, 0.0);
    for (int step = 0; step < STEPS; step++) {
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, NULL));
    }
    assert_true(evaluate(&f, 0.0, gradient) < 0.5 * best);
    drop(&f);
}

static void train(struct fixture *f, int steps)
{
    for (int step = 0; step < steps; step++) {
        assert_ok(mlp_train_step(f->network, f->optimizer, f->workspace, f->x, &f->targets, COUNT, NULL));
    }
}

/* Frozen from the start, or when pairs that move the layer are remembered. */
static void frozen_layers_stay(void **unused)
{
    static float before[MOST];
    static double gradient[MOST];
    (void)unused;
    for (int late = 0; late <= 1; late++) {
        struct fixture f;
        make(&f, 8, 0.01);
        train(&f, late ? 6 : 0);
        const struct layer *layer = &f.network->layers[0];
        const size_t bytes = (layer->bias - layer->weights + layer->stride) * sizeof(float);
        memcpy(before, f.network->parameters, f.network->arena_size * sizeof(float));
        const double loss = evaluate(&f, 0.0, gradient);
        assert_ok(mlp_optimizer_set_factors(f.optimizer, 0, &(mlp_layer_factors){ 0.0, 0.0, 1.0 }));
        train(&f, 6);
        assert_memory_equal(before + layer->weights, f.network->parameters + layer->weights, bytes);
        assert_true(evaluate(&f, 0.0, gradient) < loss);
        assert_true(memcmp(before, f.network->parameters, f.network->arena_size * sizeof(float)) != 0);
        drop(&f);
    }
}

/* ‖ŷ‖²/2, which fails in its n-th call. */
struct own_loss {
    int calls, fails_at;
};

static mlp_status own_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                           size_t leading_dimension, float *gradient, double *loss, void *context)
{
    struct own_loss *own = context;
    (void)targets;
    *loss = 0.0;
    for (size_t s = 0; s < count; s++) {
        for (size_t i = s * leading_dimension; i < s * leading_dimension + units; i++) {
            *loss += 0.5 * (double)outputs[i] * (double)outputs[i];
            if (gradient != NULL) {
                gradient[i] = outputs[i];
            }
        }
    }
    return own->calls++ == own->fails_at ? MLP_ERROR_STATE : MLP_OK;
}

/* In whichever of a search's passes: parameters and state are those before the step. */
static void a_loss_that_fails_changes_nothing(void **unused)
{
    (void)unused;
    for (int fails_at = 0; fails_at <= 3; fails_at++) {
        struct fixture f;
        struct own_loss own = { 0, fails_at };
        const mlp_layer layers[] = { { .units = 8, .activation = MLP_ACTIVATION_TANH }, { .units = 2 } };
        mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
        static float before[MOST];
        make(&f, 8, 0.0);
        mlp_optimizer_options rule;
        mlp_optimizer_get_options(f.optimizer, &rule);
        drop(&f);
        options.loss = MLP_LOSS_CUSTOM;
        options.custom_loss = own_loss;
        options.custom_loss_context = &own;
        assert_ok(mlp_network_create(INPUTS, layers, 2, &options, &f.network));
        assert_ok(mlp_workspace_create(f.network, COUNT, NULL, &f.workspace));
        assert_ok(mlp_optimizer_create(f.network, &rule, &f.optimizer));
        mlp_status status = MLP_OK;
        uint64_t updates = 0;
        size_t pairs = 0;
        for (int step = 0; step < 5 && status == MLP_OK; step++) {
            memcpy(before, f.network->parameters, f.network->arena_size * sizeof(float));
            updates = mlp_optimizer_updates(f.optimizer);
            pairs = f.optimizer->pairs;
            status = mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, NULL);
        }
        assert_int_equal(status, MLP_ERROR_STATE);
        assert_int_equal(own.calls, fails_at + 1);
        assert_memory_equal(before, f.network->parameters, f.network->arena_size * sizeof(float));
        assert_int_equal(mlp_optimizer_updates(f.optimizer), updates);
        assert_int_equal(f.optimizer->pairs, pairs);
        f.observer = NULL;
        drop(&f);
    }
}

static void what_it_cannot_take_is_refused(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    (void)unused;
    make(&f, 8, 0.0);
    options.rule = MLP_OPTIMIZER_LBFGS;
    options.l1 = 0.1;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "lbfgs", "L1",
                   NULL);
    options.l1 = 0.0;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 1.0;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "lbfgs",
                   "clipping", NULL);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, COUNT));
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, NULL));
    assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL), MLP_ERROR_UNSUPPORTED,
                   "lbfgs", "mlp_train_step", NULL);
    assert_refused(mlp_optimizer_set_clip(f.optimizer, 1, MLP_CLIP_ADAPTIVE, 0.0), MLP_ERROR_ARGUMENT,
                   "layer 1", "lbfgs", NULL);
    assert_refused(mlp_optimizer_set_factors(f.optimizer, 0, &(mlp_layer_factors){ 0.5, 1.0, 1.0 }),
                   MLP_ERROR_ARGUMENT, "lbfgs", "weight_rate is 0.5", NULL);
    assert_ok(mlp_optimizer_set_factors(f.optimizer, 0, &(mlp_layer_factors){ 1.0, 0.0, 2.0 }));
    drop(&f);
}

/* The gradient at the parameters is NaN: nothing changes, by either policy that L-BFGS takes. */
static void nothing_nonfinite_is_applied(void **unused)
{
    static float before[MOST];
    (void)unused;
    for (int skips = 0; skips <= 1; skips++) {
        struct fixture f;
        mlp_step_report report;
        mlp_optimizer_options options;
        make(&f, 8, 0.0);
        mlp_optimizer_get_options(f.optimizer, &options);
        options.nonfinite = skips ? MLP_NONFINITE_SKIP : MLP_NONFINITE_ERROR;
        mlp_optimizer_destroy(&f.optimizer);
        assert_ok(mlp_optimizer_create(f.network, &options, &f.optimizer));
        train(&f, 3);
        const size_t pairs = f.optimizer->pairs;
        memcpy(before, f.network->parameters, f.network->arena_size * sizeof(float));
        f.x[0] = NAN;
        const mlp_status status =
            mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, &report);
        assert_int_equal(status, skips ? MLP_OK : MLP_ERROR_NONFINITE);
        assert_int_equal(report.skipped, skips);
        assert_memory_equal(before, f.network->parameters, f.network->arena_size * sizeof(float));
        assert_true(mlp_optimizer_updates(f.optimizer) == 3 && f.optimizer->pairs == pairs);
        f.x[0] = 0.5f;
        train(&f, 1);
        drop(&f);
    }
}

/* All trials of a step see one dropout mask: with that mask the step meets the strong Wolfe conditions. */
static void every_trial_has_the_same_noise(void **unused)
{
    static double before[MOST], after[MOST], w[MOST];
    struct fixture f;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    (void)unused;
    make(&f, 8, 0.0);
    noise.hidden_dropout = 0.5;
    noise.seed = 3;
    assert_ok(mlp_workspace_set_regularization(f.workspace, &noise));
    assert_ok(mlp_workspace_set_regularization(f.observer, &noise));
    for (uint64_t step = 0; step < 12; step++) {
        mlp_step_report report;
        double slope0 = 0.0, slope1 = 0.0;
        mlp_workspace_set_regularization_step(f.observer, step);
        const double f0 = evaluate(&f, 0.0, before);
        for (size_t i = 0; i < f.network->arena_size; i++) {
            w[i] = f.network->parameters[i];
        }
        mlp_workspace_set_regularization_step(f.workspace, step);
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, &report));
        mlp_workspace_set_regularization_step(f.observer, step);
        const double f1 = evaluate(&f, 0.0, after);
        for (size_t i = 0; i < f.network->arena_size; i++) {
            const double s = (double)f.network->parameters[i] - w[i];
            slope0 += s * before[i];
            slope1 += s * after[i];
        }
        assert_close(report.loss, f0, 1e-6);
        assert_true(slope0 < 0.0 && f1 <= f0 + 1e-4 * slope0 + 1e-7 &&
                    fabs(slope1) <= 0.9 * fabs(slope0) + 1e-6);
    }
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_meets_the_strong_wolfe_conditions),
        cmocka_unit_test(least_squares_are_solved),
        cmocka_unit_test(the_minimum_is_pytorchs),
        cmocka_unit_test(it_beats_gradient_descent),
        cmocka_unit_test(frozen_layers_stay),
        cmocka_unit_test(a_loss_that_fails_changes_nothing),
        cmocka_unit_test(what_it_cannot_take_is_refused),
        cmocka_unit_test(nothing_nonfinite_is_applied),
        cmocka_unit_test(every_trial_has_the_same_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
