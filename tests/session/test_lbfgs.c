/* L-BFGS: the strong Wolfe conditions by independent evaluations, and minima that are known. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/optimizer.h"

enum { COUNT = 40, INPUTS = 6, CLASSES = 3, MOST = 4000, STEPS = 14 };

struct fixture {
    float x[COUNT * INPUTS], values[COUNT];
    int32_t y[COUNT];
    mlp_network *network;
    mlp_workspace *workspace, *judge;
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
    assert_ok(mlp_workspace_create(f->network, COUNT, NULL, &f->judge));
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
    f->targets = hidden > 0 ? (mlp_targets){ f->y, NULL, NULL } : (mlp_targets){ NULL, f->values, NULL };
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_workspace_destroy(&f->judge);
    mlp_network_destroy(&f->network);
}

/* Loss, with decay, and gradient at the parameters as they are. */
static double evaluate(struct fixture *f, double decay, double *gradient)
{
    double loss;
    assert_ok(mlp_forward(f->network, f->judge, f->x, COUNT));
    assert_ok(mlp_loss_backward(f->network, f->judge, &f->targets, &loss));
    memset(gradient, 0, MOST * sizeof *gradient);
    for (size_t l = 0; l < f->network->layer_count; l++) {
        const struct layer *layer = &f->network->layers[l];
        for (size_t j = 0; j <= layer->inputs; j++) {
            for (size_t i = 0; i < layer->units; i++) {
                const size_t at = layer->weights + i + j * layer->stride;
                const double w = f->network->parameters[at], own = j < layer->inputs ? decay : 0.0;
                gradient[at] = f->judge->gradients[at] + own * w;
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

static void what_it_cannot_take_is_refused(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    (void)unused;
    make(&f, 8, 0.0);
    options.rule = MLP_OPTIMIZER_LBFGS;
    options.l1 = 0.1;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "lbfgs", "L1", NULL);
    options.l1 = 0.0;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 1.0;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "lbfgs", "clipping", NULL);
    assert_ok(mlp_forward(f.network, f.workspace, f.x, COUNT));
    assert_ok(mlp_loss_backward(f.network, f.workspace, &f.targets, NULL));
    assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL), MLP_ERROR_UNSUPPORTED, "lbfgs",
                   "mlp_train_step", NULL);
    f.network->parameters[0] = 3e38f; /* the loss is not finite: nothing changes */
    f.x[0] = 3e38f;
    const float before = f.network->parameters[1];
    const mlp_status status = mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, COUNT, NULL);
    assert_true(status == MLP_ERROR_NONFINITE || status == MLP_OK);
    assert_true(status == MLP_OK || f.network->parameters[1] == before);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_meets_the_strong_wolfe_conditions),
        cmocka_unit_test(least_squares_are_solved),
        cmocka_unit_test(it_beats_gradient_descent),
        cmocka_unit_test(what_it_cannot_take_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
