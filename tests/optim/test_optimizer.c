/* The optimizer: options, clipping to the bit, decay, and what is not finite. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/pass.h>
#include <mlp/train.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/optimizer.h"

enum { BATCH = 12, INPUTS = 6 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[BATCH * INPUTS];
    int32_t y[BATCH];
};

static void make(struct fixture *f, const mlp_optimizer_options *options)
{
    const mlp_layer layers[] = {
        { .units = 20, .activation = MLP_ACTIVATION_TANH, .bias_init = MLP_INIT_NORMAL },
        { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX, .bias_init = MLP_INIT_NORMAL }
    };
    uint64_t state = 4;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, NULL, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->y[i] = i % 3;
    }
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

static mlp_status gradients(struct fixture *f)
{
    const mlp_targets targets = { f->y, NULL, NULL };
    assert_ok(mlp_forward(f->network, f->workspace, f->x, BATCH));
    return mlp_loss_backward(f->network, f->workspace, &targets, NULL);
}

/* One SGD step of rate 1 without decay: w − scale·g, so the clipped gradient can be read off. */
static void step_once(mlp_clip clip, double threshold, mlp_step_report *report, float *before,
                      float *gradient, float *after, size_t *size)
{
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.learning_rate = 1.0;
    options.clip = clip;
    options.clip_threshold = threshold;
    make(&f, &options);
    assert_ok(gradients(&f));
    *size = f.network->arena_size;
    memcpy(before, f.network->parameters, *size * sizeof(float));
    memcpy(gradient, f.workspace->gradients, *size * sizeof(float));
    assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, report));
    assert_memory_equal(gradient, f.workspace->gradients, *size * sizeof(float));
    memcpy(after, f.network->parameters, *size * sizeof(float));
    drop(&f);
}

static void clipping_is_exact(void **unused)
{
    static float before[1000], gradient[1000], after[1000], free_after[1000];
    mlp_step_report report;
    double square = 0.0;
    size_t size;
    (void)unused;
    step_once(MLP_CLIP_NONE, 0.0, &report, before, gradient, free_after, &size);
    for (size_t i = 0; i < size; i++) {
        square += (double)gradient[i] * gradient[i];
        assert_true(free_after[i] == before[i] - gradient[i]);
    }
    const double norm = sqrt(square);
    assert_close(report.clip.norm, norm, 1e-12);
    /* at and above the norm nothing changes, to the bit */
    for (int clip = MLP_CLIP_VALUE; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
        step_once((mlp_clip)clip, norm, &report, before, gradient, after, &size);
        assert_memory_equal(after, free_after, size * sizeof(float));
        assert_true(report.clip.acted == 0 && report.clip.scale == 1.0);
    }
    step_once(MLP_CLIP_GLOBAL_NORM, norm / 3.0, &report, before, gradient, after, &size);
    assert_true(report.clip.acted == 1);
    assert_close(report.clip.scale, 1.0 / 3.0, 6e-8); /* the factor is a float */
    for (size_t i = 0; i < size; i++) {
        assert_true(after[i] == before[i] - gradient[i] * (float)report.clip.scale);
    }
    step_once(MLP_CLIP_VALUE, 0.01, &report, before, gradient, after, &size);
    for (size_t i = 0; i < size; i++) {
        assert_true(after[i] == before[i] - fminf(fmaxf(gradient[i], -0.01f), 0.01f));
    }
}

static void decay_spares_biases(void **unused)
{
    (void)unused;
    for (int mode = MLP_DECAY_L2; mode <= MLP_DECAY_DECOUPLED; mode++) {
        for (int biases = 0; biases < 2; biases++) {
            struct fixture f;
            mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
            options.learning_rate = 0.5;
            options.weight_decay = 0.1;
            options.decay = (mlp_decay)mode;
            options.decay_biases = biases;
            make(&f, &options);
            assert_ok(gradients(&f));
            memset(f.workspace->gradients, 0, f.network->arena_size * sizeof(float));
            const struct layer *layer = &f.network->layers[0];
            const float w = f.network->parameters[layer->weights], b = f.network->parameters[layer->bias];
            assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
            assert_close(f.network->parameters[layer->weights], 0.95 * w, 1e-7); /* w·(1 − η·λ) either way */
            assert_close(f.network->parameters[layer->bias], biases ? 0.95 * b : b, 1e-7);
            drop(&f);
        }
    }
}

/* Everything an update may touch, to compare to the byte. */
struct snapshot {
    float parameters[1000], state0[1000], state1[1000];
    uint64_t updates;
};

static void take(const struct fixture *f, struct snapshot *s)
{
    const size_t bytes = f->network->arena_size * sizeof(float);
    memset(s, 0, sizeof *s);
    memcpy(s->parameters, f->network->parameters, bytes);
    memcpy(s->state0, f->optimizer->state[0], bytes);
    memcpy(s->state1, f->optimizer->state[1], bytes);
    s->updates = mlp_optimizer_updates(f->optimizer);
}

static void nothing_nonfinite_is_applied(void **unused)
{
    static struct snapshot before, after;
    const float bad[] = { NAN, INFINITY, -INFINITY };
    mlp_step_report report;
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    options.rule = MLP_OPTIMIZER_ADAM;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 1.0;
    make(&f, &options);
    assert_ok(gradients(&f));
    assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &report));
    take(&f, &before);
    for (int i = 0; i < 3; i++) {
        assert_ok(gradients(&f));
        f.workspace->gradients[f.network->layers[1].bias + 2] = bad[i];
        assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &report), MLP_ERROR_NONFINITE,
                       "layer 1", "bias", NULL);
        take(&f, &after);
        assert_memory_equal(&before, &after, sizeof before);
    }
    drop(&f);
}

static void skip_and_zero_policies(void **unused)
{
    static struct snapshot before, after;
    mlp_step_report report;
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    options.rule = MLP_OPTIMIZER_ADAM;
    options.nonfinite = MLP_NONFINITE_SKIP;
    for (size_t skips = 1; skips <= 2; skips++) {
        options.max_skips = skips;
        make(&f, &options);
        assert_ok(gradients(&f));
        take(&f, &before);
        f.workspace->gradients[0] = NAN;
        for (size_t i = 0; i < skips; i++) {
            assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &report));
            assert_int_equal(report.skipped, 1);
        }
        assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &report), MLP_ERROR_NONFINITE,
                       skips == 1 ? "1" : "2", "layer 0", NULL);
        take(&f, &after);
        assert_memory_equal(&before, &after, sizeof before);
        drop(&f);
    }
    options.nonfinite = MLP_NONFINITE_ZERO;
    options.max_skips = 0;
    options.rule = MLP_OPTIMIZER_SGD;
    make(&f, &options);
    assert_ok(gradients(&f));
    f.workspace->gradients[0] = NAN;
    f.workspace->gradients[5] = INFINITY;
    const float kept[] = { f.network->parameters[0], f.network->parameters[5] };
    assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &report));
    assert_int_equal(report.zeroed, 2);
    assert_true(f.network->parameters[0] == kept[0] && f.network->parameters[5] == kept[1]);
    drop(&f);
}

static void bad_options_are_named(void **unused)
{
    static const struct {
        size_t field;
        double value;
        mlp_optimizer_rule rule;
        mlp_status status;
        const char *word;
    } cases[] = {
#define FIELD(name) offsetof(mlp_optimizer_options, name)
        { FIELD(learning_rate), -1.0, MLP_OPTIMIZER_SGD, MLP_ERROR_RANGE, "learning_rate" },
        { FIELD(learning_rate), NAN, MLP_OPTIMIZER_SGD, MLP_ERROR_RANGE, "learning_rate" },
        { FIELD(momentum), 1.0, MLP_OPTIMIZER_MOMENTUM, MLP_ERROR_RANGE, "momentum" },
        { FIELD(momentum), 0.5, MLP_OPTIMIZER_ADAM, MLP_ERROR_ARGUMENT, "momentum" },
        { FIELD(beta1), 1.5, MLP_OPTIMIZER_ADAM, MLP_ERROR_RANGE, "beta1" },
        { FIELD(beta1), 1.0, MLP_OPTIMIZER_ADAM, MLP_ERROR_RANGE, "beta1" },
        { FIELD(beta2), -0.1, MLP_OPTIMIZER_ADAM, MLP_ERROR_RANGE, "beta2" },
        { FIELD(beta2), 1.0, MLP_OPTIMIZER_ADAM, MLP_ERROR_RANGE, "beta2" },
        { FIELD(epsilon), INFINITY, MLP_OPTIMIZER_RMSPROP, MLP_ERROR_RANGE, "epsilon" },
        { FIELD(weight_decay), -0.1, MLP_OPTIMIZER_SGD, MLP_ERROR_RANGE, "weight_decay" },
        { FIELD(clip_threshold), 1.0, MLP_OPTIMIZER_SGD, MLP_ERROR_ARGUMENT, "clip_threshold" },
    };
    struct fixture f;
    mlp_optimizer *none;
    (void)unused;
    make(&f, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = cases[i].rule;
        memcpy((char *)&options + cases[i].field, &cases[i].value, sizeof(double));
        assert_refused(mlp_optimizer_create(f.network, &options, &none), cases[i].status, cases[i].word,
                       NULL);
        assert_null(none);
    }
    assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL), MLP_ERROR_STATE, "backward",
                   NULL);
    drop(&f);
}

static void defaults_are_resolved(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT, found;
    (void)unused;
    options.rule = MLP_OPTIMIZER_ADAMW;
    make(&f, &options);
    mlp_optimizer_get_options(f.optimizer, &found);
    assert_true(found.learning_rate == 0.001 && found.beta1 == 0.9 && found.beta2 == 0.999 &&
                found.epsilon == 1e-8);
    assert_true(found.weight_decay == 0.01 && found.decay == MLP_DECAY_DECOUPLED && found.max_skips == 10);
    assert_refused(mlp_optimizer_set_learning_rate(f.optimizer, 0.0), MLP_ERROR_RANGE, "learning_rate", NULL);
    assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 0.5));
    drop(&f);
}

/* One weight and a bias, one sample: w·x + b. Adam's step is lr·g/√v̂ with β₁ = 0. */
static void zero_can_be_said(void **unused)
{
    const mlp_layer layer = { .units = 1 };
    const float x = 0.5f, y = 9.0f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    mlp_const_matrix weights, bias;
    const mlp_targets targets = { .values = &y };
    (void)unused;
    options.rule = MLP_OPTIMIZER_ADAMW;
    options.learning_rate = 0.5;
    options.beta1 = MLP_ZERO;
    options.beta2 = 0.9;
    options.weight_decay = MLP_ZERO;
    assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
    assert_ok(mlp_workspace_create(network, 1, NULL, &workspace));
    assert_ok(mlp_optimizer_create(network, &options, &optimizer));
    assert_ok(mlp_network_weights(network, 0, &weights));
    assert_ok(mlp_network_bias(network, 0, &bias));
    double w = (double)weights.data[0], b = 0.0, v = 0.0;
    for (int step = 1; step <= 5; step++) {
        const double gradient = w * 0.5 + b - 9.0; /* of b, up to a factor, as is that of w */
        v = 0.9 * v + 0.1 * gradient * gradient;
        const double update = 0.5 * gradient / sqrt(v / (1.0 - pow(0.9, step)));
        w -= update;
        b -= update;
        assert_ok(mlp_train_step(network, optimizer, workspace, &x, &targets, 1, NULL));
        assert_close(weights.data[0], w, 1e-5);
        assert_close(bias.data[0], b, 1e-5);
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clipping_is_exact),
        cmocka_unit_test(decay_spares_biases),
        cmocka_unit_test(nothing_nonfinite_is_applied),
        cmocka_unit_test(skip_and_zero_policies),
        cmocka_unit_test(zero_can_be_said),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(defaults_are_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
