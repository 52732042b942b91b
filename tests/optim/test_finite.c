/* Nothing that is not finite is ever in a network or an optimizer: over rules, rates, decays, gradients and
 * parameters from one end of float's range to the other, a step is made and everything is finite, or
 * refused and everything is as it was. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/finite.h"
#include "optim/optimizer.h"

enum { INPUTS = 3, UNITS = 5, OUTPUTS = 2, MOST = 256 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    mlp_step_report report;
};

static void make(struct fixture *f, const mlp_optimizer_options *options, int threads)
{
    const mlp_layer layers[] = { { .units = UNITS, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS } };
    const float x[INPUTS] = { 0.5f, -0.5f, 0.25f }, dy[OUTPUTS] = { 1.0f, -1.0f };
    mlp_workspace_options workspace = MLP_WORKSPACE_OPTIONS_INIT;
    workspace.threads = threads;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, 1, &workspace, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    assert_true(f->network->arena_size <= MOST);
    assert_ok(mlp_forward(f->network, f->workspace, x, 1));
    assert_ok(mlp_backward(f->network, f->workspace, dy));
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

/* Every parameter ±size, through the public functions; some are 0. */
static void put_parameters(struct fixture *f, double size)
{
    float values[UNITS * UNITS];
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < UNITS * UNITS; i++) {
            values[i] = (float)(i % 4 == 3 ? 0.0 : i % 2 == 0 ? size : -size);
        }
        assert_ok(mlp_network_set_weights(f->network, l, values));
        assert_ok(mlp_network_set_bias(f->network, l, values));
    }
}

static void put_gradients(struct fixture *f, double size, size_t step)
{
    for (size_t l = 0; l < 2; l++) {
        const struct layer *layer = &f->network->layers[l];
        for (size_t j = 0; j <= layer->inputs; j++) { /* b follows W */
            for (size_t i = 0; i < layer->units; i++) {
                const double sign = (i + j + step / 2) % 2 == 0 ? 1.0 : -1.0;
                f->workspace->gradients[layer->weights + i + j * layer->stride] =
                    (float)((3 * i + j) % 7 == 6 ? 0.0 : sign * size);
            }
        }
    }
}

/* All that an update may change. */
struct snapshot {
    float parameters[MOST], states[3][MOST];
    struct clip_memory memory;
    double product;
    uint64_t updates;
};

static void take(const struct fixture *f, struct snapshot *s)
{
    const size_t bytes = f->network->arena_size * sizeof(float);
    memset(s, 0, sizeof *s);
    memcpy(s->parameters, f->network->parameters, bytes);
    for (size_t a = 0; a < f->optimizer->rule->states; a++) {
        memcpy(s->states[a], f->optimizer->state[a], bytes);
    }
    s->memory = f->optimizer->memory;
    s->product = f->optimizer->product;
    s->updates = f->optimizer->updates;
}

static bool is_finite(const struct snapshot *s)
{
    bool finite = isfinite(s->product);
    for (size_t i = 0; i < MOST; i++) {
        finite = finite && isfinite(s->parameters[i]) && isfinite(s->states[0][i]) &&
                 isfinite(s->states[1][i]) && isfinite(s->states[2][i]);
    }
    return finite;
}

/* What is kept from step to step is a bound; of the state only where `finish` has no scratch in it. */
static void bounds_hold(const struct fixture *f, const struct snapshot *s)
{
    const size_t states = f->optimizer->rule->finish == NULL ? 3 : 0;
    for (size_t i = 0; i < MOST; i++) {
        assert_true(fabs((double)s->parameters[i]) <= f->network->bound);
        for (size_t a = 0; a < states; a++) {
            assert_true(fabs((double)s->states[a][i]) <= f->optimizer->state_bound);
        }
    }
}

/* Counts steps that were made and steps that were refused. */
static void follow(struct fixture *f, double gradient, size_t *made, size_t *refused)
{
    static struct snapshot before, after;
    for (size_t s = 0; s < 4; s++) {
        put_gradients(f, gradient, s);
        take(f, &before);
        const mlp_status status = mlp_optimizer_step(f->optimizer, f->network, f->workspace, &f->report);
        take(f, &after);
        assert_true(status == MLP_OK || status == MLP_ERROR_NONFINITE);
        if (status == MLP_OK && !f->report.skipped) {
            assert_true(is_finite(&after));
            bounds_hold(f, &after);
            ++*made;
        } else {
            assert_memory_equal(&before, &after, sizeof before);
            assert_true(isnan(f->report.clip.norm));
            ++*refused;
        }
    }
}

static const double sizes[] = { 1e-45, 1e-30, 1.0, 1e12, 1e19, 1e30, 2e38, FLT_MAX };
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* A rule of one's own may make gradients larger. */
static mlp_status grow(const double *norms, const double *largest, size_t tensors, float *scale,
                       void *context)
{
    (void)norms, (void)largest, (void)context;
    for (size_t t = 0; t < tensors; t++) {
        scale[t] = 1e18f;
    }
    return MLP_OK;
}

static void every_rule_is_finite_or_refused(void **unused)
{
    static const double rates[] = { 1e-40, 0.01, 10.0, 1e20, 3e38 };
    static const mlp_clip clips[] = { [3] = MLP_CLIP_AUTO, [6] = MLP_CLIP_CUSTOM };
    const size_t step = (size_t)test_step();
    size_t made = 0, refused = 0;
    (void)unused;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        if (r == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        for (size_t k = 0; k < SIZES * SIZES * 5 * 7; k += step) {
            struct fixture f;
            mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
            options.rule = (mlp_optimizer_rule)r;
            options.learning_rate = rates[k / SIZES / SIZES % 5];
            options.decay = MLP_DECAY_L2;
            options.decay_biases = 1;
            options.nonfinite = k % 3 == 0 ? MLP_NONFINITE_SKIP : MLP_NONFINITE_ERROR;
            const size_t variant = k / SIZES / SIZES / 5;
            options.weight_decay = variant == 1 ? 1e30 : 0.0;
            options.l1 = variant == 2 ? 3e38 : 0.0;
            options.clip = clips[variant];
            options.custom_clip = variant == 6 ? grow : NULL;
            make(&f, &options, k % 2 == 0 ? 1 : 2);
            if (variant == 3 && f.optimizer->options.epsilon > 0.0) {
                f.optimizer->options.epsilon = 1e-44; /* a float still */
            }
            if (variant > 3 && f.optimizer->options.epsilon > 0.0) {
                f.optimizer->options.epsilon = variant == 4 ? 1e30 : 1.5e38;
            }
            put_parameters(&f, sizes[k / SIZES % SIZES]);
            follow(&f, sizes[k % SIZES], &made, &refused);
            drop(&f);
        }
    }
    assert_true(made > 10000 / step && refused > 1000 / step);
}

/* Gradients that jump, at rates with which a product overflows although its quotient does not. */
static void jumps_are_finite_or_refused(void **unused)
{
    static const double rates[] = { 0.01, 1e5, 1e10, 1e20 };
    const size_t step = (size_t)test_step();
    size_t made = 0, refused = 0;
    (void)unused;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        if (r == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        for (size_t k = 0; k < SIZES * SIZES * 4; k += step) {
            struct fixture f;
            mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
            options.rule = (mlp_optimizer_rule)r;
            options.learning_rate = rates[k / SIZES / SIZES];
            options.decay = MLP_DECAY_L2;
            make(&f, &options, 1);
            put_parameters(&f, 0.5);
            follow(&f, sizes[k % SIZES], &made, &refused);
            follow(&f, sizes[k / SIZES % SIZES], &made, &refused);
            drop(&f);
        }
    }
    assert_true(made > 1000 / step && refused > 100 / step);
}

/* Over a training the bounds stay far within what needs no try, and whoever writes parameters makes them
 * unknown. */
static void bounds_hold_over_many_steps(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        if (r == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        struct fixture f;
        static struct snapshot after;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        options.weight_decay = 0.01;
        options.decay_biases = 1;
        make(&f, &options, 1);
        for (size_t s = 0; s < 2000; s++) {
            put_gradients(&f, s % 97 == 0 ? 1e3 : 0.1, s);
            assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
            take(&f, &after);
            bounds_hold(&f, &after);
            assert_true(f.network->bound < 1e36 && f.optimizer->state_bound < 1e36);
        }
        put_parameters(&f, 1e20);
        assert_true(isinf(f.network->bound));
        put_gradients(&f, 0.1, 0);
        assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
        take(&f, &after);
        bounds_hold(&f, &after);
        drop(&f);
    }
}

/* What has a float is not refused, up to the last. */
static void the_largest_updates_are_made(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < SIZES; k++) {
        struct fixture f;
        size_t made = 0, refused = 0;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.learning_rate = 0.25;
        make(&f, &options, 1);
        put_parameters(&f, 0.5);
        follow(&f, sizes[k], &made, &refused); /* the gradients' signs change after two */
        assert_true(made == 4 && refused == 0);
        drop(&f);
    }
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        if (r == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        struct fixture f;
        size_t made = 0, refused = 0;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        make(&f, &options, 2);
        put_parameters(&f, 1e15);
        follow(&f, 1e15, &made, &refused);
        assert_true(made == 4);
        drop(&f);
    }
}

/* The first refusal says what to do; skips are counted and end in an error. */
static void overflowing_updates_follow_the_policy(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    options.learning_rate = 10.0;
    make(&f, &options, 1);
    put_gradients(&f, 2e38, 0);
    assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL), MLP_ERROR_NONFINITE,
                   "update", "learning rate 10", "smaller", NULL);
    drop(&f);
    options.nonfinite = MLP_NONFINITE_SKIP;
    options.max_skips = 2;
    make(&f, &options, 1);
    put_gradients(&f, 2e38, 0);
    for (int s = 0; s < 2; s++) {
        assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &f.report));
        assert_true(f.report.skipped == 1);
    }
    assert_refused(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &f.report), MLP_ERROR_NONFINITE,
                   "after 2 updates", NULL);
    put_gradients(&f, 1.0, 0);
    assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &f.report));
    assert_true(f.report.skipped == 0 && mlp_optimizer_updates(f.optimizer) == 1);
    drop(&f);
}

/* w before, plus the clipped update, however large the update is. */
static void clipped_updates_are_exact(void **unused)
{
    (void)unused;
    for (double size = 2.5e-2; size < 1e38; size *= 1e3) {
        for (int norm = 0; norm <= 1; norm++) {
            struct fixture f;
            static struct snapshot before, after;
            mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
            options.learning_rate = 1.0;
            options.update_clip = norm ? MLP_CLIP_TENSOR_NORM : MLP_CLIP_VALUE;
            options.update_clip_threshold = 0.1;
            make(&f, &options, 2);
            put_parameters(&f, 0.5);
            put_gradients(&f, size, 0);
            take(&f, &before);
            assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, &f.report));
            take(&f, &after);
            for (size_t l = 0; l < 2; l++) {
                const struct layer *layer = &f.network->layers[l];
                double squares = 0.0;
                for (size_t i = 0; i < layer->inputs * layer->stride; i++) {
                    const double g = (double)f.workspace->gradients[layer->weights + i];
                    squares += g * g;
                }
                const double scale = norm ? fmin(1.0, 0.1 / sqrt(squares)) : 1.0,
                             bound = norm ? FLT_MAX : 0.1;
                for (size_t i = layer->weights; i < layer->bias; i++) {
                    const double move = fmax(-bound, fmin(bound, -scale * (double)f.workspace->gradients[i]));
                    assert_close(after.parameters[i], (double)before.parameters[i] + move, 2e-7);
                }
            }
            drop(&f);
        }
    }
}

/* A rate of 0, as a schedule may have it, moves nothing by any rule. */
static void nothing_moves_at_a_rate_of_0(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        if (r == MLP_OPTIMIZER_LBFGS) {
            continue;
        }
        struct fixture f;
        static struct snapshot before, after;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        make(&f, &options, 1);
        put_gradients(&f, 1.0, 0);
        assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
        f.optimizer->rate_scale = 0.0;
        take(&f, &before);
        assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
        take(&f, &after);
        assert_memory_equal(before.parameters, after.parameters, sizeof before.parameters);
        drop(&f);
    }
}

/* How many of 1000 ordinary steps are tried first. */
static size_t count_tried(const mlp_optimizer_options *options)
{
    const struct team alone = { 1, 0, NULL };
    struct fixture f;
    size_t tried = 0;
    make(&f, options, 1);
    for (size_t step = 0; step < 1000; step++) {
        struct update_plan plan = { .optimizer = f.optimizer,
                                    .network = f.network,
                                    .workspace = f.workspace };
        put_gradients(&f, 0.01, step);
        optimizer_decide(&plan, 1.0, true);
        tried += plan.finite ? 0 : 1;
        optimizer_update(&alone, &plan);
    }
    drop(&f);
    return tried;
}

/* Ordinary steps are known to be finite: hardly one in fifty is tried first, which takes as long again. With
 * either decay, and with a penalty. */
static void ordinary_updates_are_hardly_ever_tried(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < MLP_OPTIMIZER_LBFGS; r++) {
        for (int variant = 0; variant < 4; variant++) {
            mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
            options.rule = (mlp_optimizer_rule)r;
            options.decay = variant == 1 ? MLP_DECAY_L2 : MLP_DECAY_DECOUPLED;
            options.weight_decay = variant == 1 || variant == 2 ? 0.001 : 0.0;
            options.l1 = variant == 3 ? 0.001 : 0.0;
            const size_t tried = count_tried(&options);
            if (tried > 20) {
                fail_msg("%s, variant %d: %zu of 1000 updates are tried", mlp_optimizer_name(options.rule),
                         variant, tried);
            }
        }
    }
}

/* Gradients that make a quotient of moments long: such as underflow in v, growing at the rate at which m is
 * largest beside its root, falling, of all sizes. */
static double awkward_gradient(size_t step, uint64_t *state)
{
    if (step < 100) {
        return 3e-18;
    }
    switch (step / 400 % 4) {
    case 0: return pow(0.999 / 0.9, (double)(step % 400)) * 1e-12;
    case 1: return pow(0.8, (double)(step % 400));
    case 2: return pow(10.0, test_uniform(state, -25.0, -15.0));
    default: return pow(10.0, test_uniform(state, -8.0, 8.0));
    }
}

/* |m| ≤ ratio·√v + rest of every entry, after each step and measured anew; β₁ moves as a cycle has it. */
static void bounds_of_moments_hold(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < MLP_OPTIMIZER_LBFGS; r++) {
        struct fixture f;
        static struct snapshot s;
        uint64_t random = 5;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        make(&f, &options, 1);
        const struct update_rule *rule = f.optimizer->rule;
        const bool has_moments = rule->direction != NULL && rule->states >= 2 &&
                                 rule->direction != direction_of_adadelta && rule->gram_matrices == 0;
        for (size_t step = 0; step < (has_moments ? 3200 : 0); step++) {
            put_gradients(&f, awkward_gradient(step, &random), step);
            f.optimizer->momentum_now = step > 2400 ? 0.85 + 0.1 * (double)(step % 2) : NAN;
            assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
            take(&f, &s);
            const struct moment_bound kept = f.optimizer->moments;
            assert_true(kept.ratio < 20.0 && kept.rest < 1e-14);
            for (size_t i = 0; i < f.network->arena_size; i++) {
                const double v = (double)s.states[1][i], root = rule->squares ? sqrt(v) : v;
                assert_true(fabs((double)s.states[0][i]) <= 1.00001 * kept.ratio * root + kept.rest);
            }
        }
        const struct moment_bound kept = f.optimizer->moments;
        finite_state_given(f.optimizer, f.optimizer->state);
        assert_true(!has_moments || (f.optimizer->moments.ratio <= 1.00001 * kept.ratio &&
                                     f.optimizer->moments.rest <= kept.rest + 1e-17));
        drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_finite_or_refused),
        cmocka_unit_test(jumps_are_finite_or_refused),
        cmocka_unit_test(bounds_hold_over_many_steps),
        cmocka_unit_test(the_largest_updates_are_made),
        cmocka_unit_test(overflowing_updates_follow_the_policy),
        cmocka_unit_test(clipped_updates_are_exact),
        cmocka_unit_test(nothing_moves_at_a_rate_of_0),
        cmocka_unit_test(ordinary_updates_are_hardly_ever_tried),
        cmocka_unit_test(bounds_of_moments_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
