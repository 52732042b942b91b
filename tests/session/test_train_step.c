/* One training step: the same as its parts, and nothing applied that is not finite. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "optim/optimizer.h"

enum { INPUTS = 11, OUTPUTS = 4, BATCH = 19 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[BATCH * INPUTS];
    int32_t y[BATCH];
    mlp_targets targets;
};

static void make_wide(struct fixture *f, mlp_optimizer_rule rule, size_t outputs)
{
    const mlp_layer layers[] = { { .units = 30, .activation = MLP_ACTIVATION_RELU },
                                 { .units = 17, .activation = MLP_ACTIVATION_SIGMOID },
                                 { .units = outputs, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    uint64_t state = 6;
    options.rule = rule;
    options.clip = MLP_CLIP_LAYER_NORM;
    options.clip_threshold = 0.05;
    options.weight_decay = 0.01;
    assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, NULL, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->y[i] = (int32_t)((size_t)i * 7 % outputs);
    }
    f->targets = (mlp_targets){ f->y, NULL, NULL };
}

static void make(struct fixture *f, mlp_optimizer_rule rule)
{
    make_wide(f, rule, OUTPUTS);
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

static void a_step_is_its_parts(void **unused)
{
    (void)unused;
    for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
        if (rule == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        struct fixture whole, parts;
        mlp_step_report whole_report, parts_report;
        double loss;
        make(&whole, (mlp_optimizer_rule)rule);
        make(&parts, (mlp_optimizer_rule)rule);
        for (int step = 0; step < 5; step++) {
            const size_t count = BATCH - (size_t)step * 4;
            assert_ok(mlp_train_step(whole.network, whole.optimizer, whole.workspace, whole.x, &whole.targets,
                                     count, &whole_report));
            assert_ok(mlp_forward(parts.network, parts.workspace, parts.x, count));
            assert_ok(mlp_loss_backward(parts.network, parts.workspace, &parts.targets, &loss));
            assert_ok(mlp_optimizer_step(parts.optimizer, parts.network, parts.workspace, &parts_report));
            assert_true(loss == whole_report.loss);
            assert_memory_equal(&whole_report.clip, &parts_report.clip, sizeof whole_report.clip);
        }
        assert_memory_equal(whole.network->parameters, parts.network->parameters,
                            whole.network->arena_size * sizeof(float));
        drop(&whole);
        drop(&parts);
    }
}

static void assert_same_view(const struct fixture *a, const struct fixture *b, mlp_tensor tensor)
{
    mlp_matrix left, right;
    assert_ok(mlp_workspace_view(a->workspace, tensor, 2, &left));
    assert_ok(mlp_workspace_view(b->workspace, tensor, 2, &right));
    assert_int_equal(left.columns, right.columns);
    for (size_t j = 0; j < left.columns; j++) {
        assert_memory_equal(left.data + j * left.leading_dimension, right.data + j * right.leading_dimension,
                            left.rows * sizeof(float));
    }
}

/* A step makes the output's softmax and the loss together: Z, A, dZ and the loss are those of two calls. */
static void softmax_and_loss_together(void **unused)
{
    static const size_t outputs[] = { 2, 10, 16, 31, 32, 33, 63, 64, 70, 300 };
    (void)unused;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        struct fixture whole, parts;
        mlp_step_report report;
        double loss;
        make_wide(&whole, MLP_OPTIMIZER_SGD, outputs[i]);
        make_wide(&parts, MLP_OPTIMIZER_SGD, outputs[i]);
        for (int step = 0; step < 3; step++) { /* from the second on biases are not 0 */
            assert_ok(mlp_train_step(whole.network, whole.optimizer, whole.workspace, whole.x, &whole.targets,
                                     BATCH, &report));
            assert_ok(mlp_forward(parts.network, parts.workspace, parts.x, BATCH));
            assert_ok(mlp_loss_backward(parts.network, parts.workspace, &parts.targets, &loss));
            assert_true(loss == report.loss);
            assert_same_view(&whole, &parts, MLP_TENSOR_PRE_ACTIVATION);
            assert_same_view(&whole, &parts, MLP_TENSOR_ACTIVATION);
            assert_same_view(&whole, &parts, MLP_TENSOR_PRE_ACTIVATION_GRADIENT);
            assert_ok(mlp_optimizer_step(parts.optimizer, parts.network, parts.workspace, NULL));
        }
        drop(&whole);
        drop(&parts);
    }
}

static void repeated_steps_lower_the_loss(void **unused)
{
    struct fixture f;
    mlp_step_report report;
    double first = 0.0;
    (void)unused;
    make(&f, MLP_OPTIMIZER_ADAM);
    for (int step = 0; step < 300; step++) {
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH, &report));
        first = step == 0 ? report.loss : first;
    }
    assert_true(report.loss < 0.5 * first);
    drop(&f);
}

/* NaN and ∞ in the input: every byte of the parameters, the moments and the counter stays. */
static void a_nonfinite_step_changes_nothing(void **unused)
{
    static float parameters[4000], moments[RULE_STATES][4000];
    const float bad[] = { NAN, INFINITY, -INFINITY };
    (void)unused;
    for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
        if (rule == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        struct fixture f;
        mlp_step_report report;
        make(&f, (mlp_optimizer_rule)rule);
        const size_t bytes = f.network->arena_size * sizeof(float);
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH, NULL));
        memcpy(parameters, f.network->parameters, bytes);
        for (size_t s = 0; s < f.optimizer->rule->states; s++) {
            memcpy(moments[s], f.optimizer->state[s], bytes);
        }
        for (int i = 0; i < 3; i++) {
            f.x[5 * INPUTS + 2] = bad[i];
            assert_refused(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH,
                                          &report),
                           MLP_ERROR_NONFINITE, "nothing was updated", NULL);
            assert_true(!isfinite(report.loss)); /* what was met is reported */
            assert_memory_equal(parameters, f.network->parameters, bytes);
            for (size_t s = 0; s < f.optimizer->rule->states; s++) {
                assert_memory_equal(moments[s], f.optimizer->state[s], bytes);
            }
            assert_int_equal(mlp_optimizer_updates(f.optimizer), 1);
        }
        f.x[5 * INPUTS + 2] = 0.5f;
        assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH, &report));
        drop(&f);
    }
}

/* A loss that is finite, of weights whose gradient is not: 1e30 squared does not fit float. */
static void a_nonfinite_gradient_changes_nothing(void **unused)
{
    struct fixture f;
    mlp_step_report report;
    mlp_const_matrix w;
    (void)unused;
    make(&f, MLP_OPTIMIZER_MOMENTUM);
    assert_ok(mlp_network_weights(f.network, 2, &w));
    float *huge = malloc(w.rows * w.columns * sizeof *huge),
          *kept = malloc(f.network->arena_size * sizeof *kept);
    const size_t bytes = f.network->arena_size * sizeof(float);
    for (size_t i = 0; i < w.rows * w.columns; i++) {
        huge[i] =
            i % w.rows == 0 ? 3e38f : 0.0f; /* class 0 gets infinite odds: finite targets, infinite chain */
    }
    for (int i = 0; i < BATCH; i++) {
        f.y[i] = 1;
    }
    assert_ok(mlp_network_set_weights(f.network, 2, huge));
    memcpy(kept, f.network->parameters, bytes);
    assert_refused(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH, &report),
                   MLP_ERROR_NONFINITE, "nothing was updated", NULL);
    assert_memory_equal(kept, f.network->parameters, bytes);
    for (size_t i = 0; i < f.network->arena_size; i++) {
        assert_true(f.optimizer->state[0][i] == 0.0f);
    }
    assert_int_equal(mlp_optimizer_updates(f.optimizer), 0);
    free(huge);
    free(kept);
    drop(&f);
}

static void bad_arguments_are_named(void **unused)
{
    struct fixture f, other;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD);
    make(&other, MLP_OPTIMIZER_SGD);
    const mlp_targets none = { NULL, NULL, NULL };
    f.y[7] = OUTPUTS;
    assert_refused(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH, NULL),
                   MLP_ERROR_RANGE, "sample 7", "4", NULL);
    assert_refused(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &none, BATCH, NULL),
                   MLP_ERROR_ARGUMENT, "targets", NULL);
    assert_refused(mlp_train_step(f.network, f.optimizer, f.workspace, f.x, &f.targets, BATCH + 1, NULL),
                   MLP_ERROR_RANGE, "count is 20", "19", NULL);
    assert_refused(mlp_train_step(f.network, f.optimizer, f.workspace, NULL, &f.targets, BATCH, NULL),
                   MLP_ERROR_ARGUMENT, "x is NULL", NULL);
    assert_refused(mlp_train_step(f.network, NULL, f.workspace, f.x, &f.targets, BATCH, NULL),
                   MLP_ERROR_ARGUMENT, "optimizer", NULL);
    drop(&f);
    drop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_step_is_its_parts),
                                        cmocka_unit_test(softmax_and_loss_together),
                                        cmocka_unit_test(repeated_steps_lower_the_loss),
                                        cmocka_unit_test(a_nonfinite_step_changes_nothing),
                                        cmocka_unit_test(a_nonfinite_gradient_changes_nothing),
                                        cmocka_unit_test(bad_arguments_are_named) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
