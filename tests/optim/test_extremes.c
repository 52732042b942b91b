/* Gradients at the ends of float's range, and what is not finite, on every path of an update. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/denormals.h"
#include "model/network.h"
#include "model/workspace.h"
#include "optim/optimizer.h"

enum { INPUTS = 7, UNITS = 20, OUTPUTS = 3, BATCH = 12, LAYERS = 2, MOST = 1000 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[BATCH * INPUTS];
    int32_t y[BATCH];
    float before[MOST];
    double gradients[MOST];
    mlp_step_report report;
};

static mlp_optimizer_options sgd(void)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.learning_rate = 1.0;
    return options;
}

static void make(struct fixture *f, const mlp_optimizer_options *options)
{
    const mlp_layer layers[] = {
        { .units = UNITS, .activation = MLP_ACTIVATION_TANH, .bias_init = MLP_INIT_NORMAL },
        { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX, .bias_init = MLP_INIT_NORMAL }
    };
    uint64_t state = 4;
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, NULL, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    assert_true(f->network->arena_size <= MOST);
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->y[i] = i % OUTPUTS;
    }
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

static size_t at(const struct fixture *f, size_t l, size_t unit, size_t input)
{
    return f->network->layers[l].weights + unit + input * f->network->layers[l].stride; /* b follows W */
}

/* Entries of ±size, none of them alike, in place of the gradient of a backward pass. */
static void put_gradients(struct fixture *f, double size)
{
    const mlp_targets targets = { f->y, NULL, NULL };
    assert_ok(mlp_forward(f->network, f->workspace, f->x, BATCH));
    assert_ok(mlp_loss_backward(f->network, f->workspace, &targets, NULL));
    for (size_t l = 0; l < LAYERS && size > 0.0; l++) {
        for (size_t j = 0; j <= f->network->layers[l].inputs; j++) {
            for (size_t i = 0; i < f->network->layers[l].units; i++) {
                const double part = 1.0 - 0.01 * (double)((3 * i + 5 * j) % 50);
                f->workspace->gradients[at(f, l, i, j)] =
                    (float)((i + j) % 3 == 0 ? -size * part : size * part);
            }
        }
    }
    memcpy(f->before, f->network->parameters, f->network->arena_size * sizeof(float));
    for (size_t i = 0; i < f->network->arena_size; i++) {
        f->gradients[i] = f->workspace->gradients[i];
    }
}

static mlp_status step(struct fixture *f)
{
    return mlp_optimizer_step(f->optimizer, f->network, f->workspace, &f->report);
}

/* ---- large and small ----------------------------------------------------------------------------------- */

/* Unclipped gradients whose squares have no float: parameters and state stay finite, and rules whose steps do
 * not grow with the gradient make none that is longer than the rate by much. (RAdam's first steps are those
 * of momentum.) */
static void large_gradients_leave_the_state_finite(void **unused)
{
    static const double sizes[] = { 1e19, 1e20, 1e30, FLT_MAX };
    (void)unused;
    for (size_t k = 0; k < 4; k++) {
        for (size_t r = MLP_OPTIMIZER_RMSPROP; r < MLP_OPTIMIZER_LBFGS;
             r++) { /* those before step by the gradient itself */
            struct fixture f;
            mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
            options.rule = (mlp_optimizer_rule)r;
            options.learning_rate = 0.01;
            make(&f, &options);
            for (int s = 0; s < 3; s++) {
                put_gradients(&f, sizes[k]);
                assert_ok(step(&f));
                assert_true(isfinite(f.report.clip.norm));
                for (size_t i = 0; i < f.network->arena_size; i++) {
                    const double moved = fabs((double)f.network->parameters[i] - (double)f.before[i]);
                    assert_true(r == MLP_OPTIMIZER_RADAM ? isfinite(moved)
                                                         : moved <= 0.15); /* RMSProp's first is 0.1 */
                    for (size_t a = 0; a < f.optimizer->rule->states; a++) {
                        assert_true(isfinite(f.optimizer->state[a][i]));
                    }
                }
            }
            drop(&f);
        }
    }
}

static double norm_of(const double *values, size_t count)
{
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        squares += values[i] * values[i];
    }
    return sqrt(squares);
}

/* A number that would be denormal is 0, where the processor can be told so (mlp/pass.h). */
static double flushed(double number)
{
    return number < (double)FLT_MIN && DENORMAL_BITS != 0 ? 0.0 : number;
}

/* Below the largest float's tenth a clipped gradient has its formula's entries, to a few roundings. */
static void clipping_of_large_gradients_is_exact(void **unused)
{
    static const double sizes[] = { 1e20, 1e30, 3e37 };
    (void)unused;
    for (size_t k = 0; k < 3; k++) {
        struct fixture f;
        mlp_optimizer_options options = sgd();
        options.clip = MLP_CLIP_GLOBAL_NORM;
        options.clip_threshold = 1.0;
        make(&f, &options);
        put_gradients(&f, sizes[k]);
        assert_ok(step(&f));
        const double norm = norm_of(f.gradients, f.network->arena_size);
        assert_close(f.report.clip.norm / norm, 1.0, 1e-12);
        for (size_t i = 0; i < f.network->arena_size; i++) {
            assert_close(f.network->parameters[i], (double)f.before[i] - f.gradients[i] * flushed(1.0 / norm),
                         1e-6);
        }
        drop(&f);
        options.clip = MLP_CLIP_ADAPTIVE;
        options.clip_threshold = 0.01;
        make(&f, &options);
        put_gradients(&f, sizes[k]);
        assert_ok(step(&f));
        for (size_t u = 0; u < UNITS; u++) {
            double g[INPUTS], w[INPUTS];
            for (size_t j = 0; j < INPUTS; j++) {
                g[j] = f.gradients[at(&f, 0, u, j)];
                w[j] = f.before[at(&f, 0, u, j)];
            }
            for (size_t j = 0; j < INPUTS; j++) {
                const double factor = flushed(0.01 * fmax(norm_of(w, INPUTS), 1e-3) / norm_of(g, INPUTS));
                assert_close(f.network->parameters[at(&f, 0, u, j)], w[j] - g[j] * factor, 1e-6);
            }
        }
        assert_true(isfinite(f.report.clip.largest) && (f.report.clip.scale > 0.0 || sizes[k] > 1e35));
        drop(&f);
    }
}

/* ±FLT_MAX about a mean of the other sign: what is left of the difference is the largest float, not an
 * infinity. */
static void centralizing_the_largest_floats_stays_finite(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = sgd();
    (void)unused;
    options.centralize = 1;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 1.0;
    make(&f, &options);
    put_gradients(&f, FLT_MAX);
    assert_ok(step(&f));
    assert_true(isfinite(f.report.clip.norm));
    for (size_t i = 0; i < f.network->arena_size; i++) {
        assert_true(fabs((double)f.network->parameters[i] - (double)f.before[i]) <= 1.0);
    }
    drop(&f);
}

/* Rprop looks at signs alone, also of gradients whose products have no float. Denormal ones are 0. */
static void rprop_sees_the_signs_of_tiny_gradients(void **unused)
{
    (void)unused;
    for (double size = 1e-3; size > 1e-40; size *= 1e-12) {
        struct fixture f;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = MLP_OPTIMIZER_RPROP;
        make(&f, &options);
        double length = 0.01;
        for (int s = 0; s < 4; s++) {
            put_gradients(&f, size);
            assert_ok(step(&f));
            const size_t i = at(&f, 0, 1, 1);
            assert_close(f.network->parameters[i], (double)f.before[i] - (flushed(size) > 0.0 ? length : 0.0),
                         1e-6);
            length *= 1.2;
        }
        drop(&f);
    }
}

/* ---- centralization ------------------------------------------------------------------------------------ */

/* Of a gradient that is centralized already only rounding is left to take away; biases stay to the bit. */
static void centralization_is_idempotent(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = sgd();
    static float once[MOST];
    (void)unused;
    options.centralize = 1;
    make(&f, &options);
    put_gradients(&f, 1.0);
    assert_ok(step(&f));
    memcpy(once, f.workspace->gradients, f.network->arena_size * sizeof(float));
    assert_ok(step(&f));
    for (size_t l = 0; l < LAYERS; l++) {
        for (size_t u = 0; u < f.network->layers[l].units; u++) {
            const size_t inputs = f.network->layers[l].inputs;
            for (size_t j = 0; j < inputs; j++) {
                assert_close(f.workspace->gradients[at(&f, l, u, j)], once[at(&f, l, u, j)],
                             1.2e-7); /* a rounding of 1 */
                assert_true(fabs((double)once[at(&f, l, u, j)] - f.gradients[at(&f, l, u, j)]) > 1e-3);
            }
            assert_true(once[at(&f, l, u, inputs)] == f.gradients[at(&f, l, u, inputs)]);
        }
    }
    drop(&f);
}

/* ---- not finite ---------------------------------------------------------------------------------------- */

/* Everything that an update may touch. */
struct snapshot {
    float parameters[MOST], states[3][MOST];
    struct clip_memory memory;
    uint64_t updates;
    double product;
};

static void take(const struct fixture *f, struct snapshot *s)
{
    const size_t bytes = f->network->arena_size * sizeof(float);
    memset(s, 0, sizeof *s);
    memcpy(s->parameters, f->network->parameters, bytes);
    for (size_t a = 0; a < f->optimizer->rule->states && a < 3; a++) {
        memcpy(s->states[a], f->optimizer->state[a], bytes);
    }
    s->memory = f->optimizer->memory;
    s->updates = f->optimizer->updates;
    s->product = f->optimizer->product;
}

/* Ways through an update, by the clipping rule, centralization and clipping of the update. */
static const struct {
    mlp_clip clip;
    double threshold;
    int centralize;
    mlp_clip update_clip;
} paths[] = {
    { MLP_CLIP_NONE, 0.0, 0, MLP_CLIP_NONE },      { MLP_CLIP_NONE, 0.0, 1, MLP_CLIP_NONE },
    { MLP_CLIP_ADAPTIVE, 0.0, 0, MLP_CLIP_NONE },  { MLP_CLIP_ADAPTIVE, 0.0, 1, MLP_CLIP_BLOCK_RMS },
    { MLP_CLIP_AUTO, 0.0, 0, MLP_CLIP_NONE },      { MLP_CLIP_AUTO, 0.0, 1, MLP_CLIP_NONE },
    { MLP_CLIP_Z, 0.0, 0, MLP_CLIP_BLOCK_RMS },    { MLP_CLIP_VALUE, 0.1, 1, MLP_CLIP_NONE },
    { MLP_CLIP_BLOCK_RMS, 0.0, 0, MLP_CLIP_NONE },
};
enum { PATHS = sizeof paths / sizeof paths[0] };

static mlp_optimizer_options options_of(size_t path, mlp_optimizer_rule rule, mlp_nonfinite policy)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = rule;
    options.nonfinite = policy;
    options.clip = paths[path].clip;
    options.clip_threshold = paths[path].threshold;
    options.centralize = paths[path].centralize;
    options.update_clip = paths[path].update_clip;
    return options;
}

/* Refused or left out: nothing changes, on no path, nor what adaptive rules remember. */
static void nothing_nonfinite_is_applied_on_any_path(void **unused)
{
    static struct snapshot before, after;
    (void)unused;
    for (size_t p = 0; p < PATHS; p++) {
        for (int skips = 0; skips <= 1; skips++) {
            struct fixture f;
            mlp_optimizer_options options =
                options_of(p, MLP_OPTIMIZER_NADAM, skips ? MLP_NONFINITE_SKIP : MLP_NONFINITE_ERROR);
            options.max_skips = skips ? 2 : 0;
            make(&f, &options);
            for (int s = 0; s < 3; s++) {
                put_gradients(&f, 0.0);
                assert_ok(step(&f));
            }
            take(&f, &before);
            for (int s = 0; s < 3; s++) {
                put_gradients(&f, 0.0);
                f.workspace->gradients[at(&f, 1, 1, 2)] = s == 0 ? NAN : INFINITY;
                if (skips && s < 2) {
                    assert_ok(step(&f));
                    assert_true(f.report.skipped == 1 && isnan(f.report.clip.norm) && !f.report.clip.acted);
                } else {
                    assert_refused(step(&f), MLP_ERROR_NONFINITE, "layer 1", "weights",
                                   skips ? "after 2 updates" : "nothing", NULL);
                }
                take(&f, &after);
                assert_memory_equal(&before, &after, sizeof before);
            }
            put_gradients(&f, 0.0);
            assert_ok(step(&f));
            assert_int_equal(f.optimizer->skips, 0);
            drop(&f);
        }
    }
}

/* The policy zero does what a gradient with zeros in those places does, on every path. */
static void zeroed_entries_are_zeros_on_every_path(void **unused)
{
    (void)unused;
    for (size_t p = 0; p < PATHS; p++) {
        const mlp_optimizer_options options = options_of(p, MLP_OPTIMIZER_ADAM, MLP_NONFINITE_ZERO);
        struct fixture bad, good;
        make(&bad, &options);
        make(&good, &options);
        for (int s = 0; s < 3; s++) {
            put_gradients(&bad, 0.0);
            put_gradients(&good, 0.0);
            bad.workspace->gradients[at(&bad, 0, 4, 2)] = NAN;
            bad.workspace->gradients[at(&bad, 1, 2, UNITS)] = -INFINITY;
            good.workspace->gradients[at(&good, 0, 4, 2)] =
                good.workspace->gradients[at(&good, 1, 2, UNITS)] = 0.0f;
            assert_ok(step(&bad));
            assert_ok(step(&good));
            assert_true(bad.report.zeroed == 2 && good.report.zeroed == 0);
            assert_true(bad.report.clip.norm == good.report.clip.norm &&
                        bad.report.clip.scale == good.report.clip.scale);
            assert_memory_equal(bad.network->parameters, good.network->parameters,
                                bad.network->arena_size * sizeof(float));
        }
        drop(&bad);
        drop(&good);
    }
}

/* The less the further the bias goes, with a gradient that never ends. */
static mlp_status endless_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                               size_t ld, float *gradient, double *loss, void *context)
{
    double *least = context;
    (void)outputs;
    (void)targets;
    (void)units;
    (void)count;
    (void)ld;
    if (gradient != NULL) {
        gradient[0] = 1e30f; /* one unit, one sample */
    }
    *loss = *least -= 1e68;
    return MLP_OK;
}

/* L-BFGS doubles its step while the loss falls: not beyond where a parameter has a float, which no loss may
 * show (of a unit that is off, say). The first trial moves the bias by 3e38, the next one would by 6e38. */
static void trials_that_overflow_are_too_long(void **unused)
{
    const mlp_layer layer = { .units = 1 };
    const float x = 0.0f, y = 0.0f;
    const mlp_targets targets = { NULL, &y, NULL };
    mlp_network_options network_options = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    struct fixture f;
    double least = 0.0;
    (void)unused;
    network_options.loss = MLP_LOSS_CUSTOM;
    network_options.custom_loss = endless_loss;
    network_options.custom_loss_context = &least;
    options.rule = MLP_OPTIMIZER_LBFGS;
    options.learning_rate = 3e38;
    assert_ok(mlp_network_create(1, &layer, 1, &network_options, &f.network));
    assert_ok(mlp_workspace_create(f.network, 1, NULL, &f.workspace));
    assert_ok(mlp_optimizer_create(f.network, &options, &f.optimizer));
    assert_ok(mlp_train_step(f.network, f.optimizer, f.workspace, &x, &targets, 1, NULL));
    const float bias = f.network->parameters[f.network->layers[0].bias];
    assert_true(bias <= -2.9e38f && isfinite(bias));
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_gradients_leave_the_state_finite),
        cmocka_unit_test(clipping_of_large_gradients_is_exact),
        cmocka_unit_test(centralizing_the_largest_floats_stays_finite),
        cmocka_unit_test(rprop_sees_the_signs_of_tiny_gradients),
        cmocka_unit_test(centralization_is_idempotent),
        cmocka_unit_test(nothing_nonfinite_is_applied_on_any_path),
        cmocka_unit_test(zeroed_entries_are_zeros_on_every_path),
        cmocka_unit_test(trials_that_overflow_are_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
