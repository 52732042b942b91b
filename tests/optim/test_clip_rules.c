/* Clipping as the optimizer does it, each rule against its formula in double. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/optimizer.h"

enum { INPUTS = 41, UNITS = 70, OUTPUTS = 9, BATCH = 24, LAYERS = 2 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[BATCH * INPUTS];
    int32_t y[BATCH];
    float *before, *gradients;
    mlp_step_report report;
};

static void make(struct fixture *f, const mlp_optimizer_options *options, int threads)
{
    const mlp_layer layers[] = {
        { .units = UNITS, .activation = MLP_ACTIVATION_TANH, .bias_init = MLP_INIT_NORMAL },
        { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX, .bias_init = MLP_INIT_NORMAL }
    };
    mlp_workspace_options workspace = MLP_WORKSPACE_OPTIONS_INIT;
    uint64_t state = 4;
    workspace.threads = threads;
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, &workspace, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->y[i] = i % OUTPUTS;
    }
    f->before = malloc(f->network->arena_size * sizeof(float));
    f->gradients = malloc(f->network->arena_size * sizeof(float));
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
    free(f->before);
    free(f->gradients);
}

static mlp_status try_step(struct fixture *f)
{
    const mlp_targets targets = { f->y, NULL, NULL };
    const size_t bytes = f->network->arena_size * sizeof(float);
    assert_ok(mlp_forward(f->network, f->workspace, f->x, BATCH));
    assert_ok(mlp_loss_backward(f->network, f->workspace, &targets, NULL));
    memcpy(f->before, f->network->parameters, bytes);
    memcpy(f->gradients, f->workspace->gradients, bytes);
    return mlp_optimizer_step(f->optimizer, f->network, f->workspace, &f->report);
}

/* SGD of rate 1: what the parameters lost is the clipped gradient. */
static mlp_optimizer_options sgd(mlp_clip clip, double threshold)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.learning_rate = 1.0;
    options.clip = clip;
    options.clip_threshold = threshold;
    return options;
}

/* Entry i of unit u, j of the inputs, or j = inputs for b. */
static size_t at(const struct fixture *f, size_t l, size_t u, size_t j)
{
    const struct layer *layer = &f->network->layers[l];
    return layer->weights + u + j * layer->stride;
}

/* A norm of a tensor (t even: W of layer t/2, else b), p 1, 2, or 0 for the largest. */
static double norm_of(const struct fixture *f, const float *values, size_t t, int p)
{
    const struct layer *layer = &f->network->layers[t / 2];
    double sum = 0.0;
    for (size_t j = t % 2 == 1 ? layer->inputs : 0; j < layer->inputs + t % 2; j++) {
        for (size_t u = 0; u < layer->units; u++) {
            const double value = fabs((double)values[at(f, t / 2, u, j)]);
            sum = p == 1 ? sum + value : p == 2 ? sum + value * value : fmax(sum, value);
        }
    }
    return p == 2 ? sqrt(sum) : sum;
}

/* Every entry of tensor t moved by `factor` times its gradient. */
static void assert_scaled(const struct fixture *f, size_t t, double factor)
{
    const struct layer *layer = &f->network->layers[t / 2];
    for (size_t j = t % 2 == 1 ? layer->inputs : 0; j < layer->inputs + t % 2; j++) {
        for (size_t u = 0; u < layer->units; u++) {
            const size_t i = at(f, t / 2, u, j);
            assert_close(f->network->parameters[i], f->before[i] - factor * f->gradients[i], 3e-7);
        }
    }
}

static void norms_of_every_kind(void **unused)
{
    static const mlp_clip_norm norms[] = { MLP_CLIP_NORM_1, MLP_CLIP_NORM_2, MLP_CLIP_NORM_MAX };
    static const int ps[] = { 1, 2, 0 };
    (void)unused;
    for (size_t k = 0; k < 3; k++) {
        for (int clip = MLP_CLIP_TENSOR_NORM; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
            struct fixture f;
            mlp_optimizer_options options = sgd((mlp_clip)clip, k == 0 ? 1.0 : k == 1 ? 0.1 : 0.01);
            options.clip_norm = norms[k];
            make(&f, &options, 1);
            assert_ok(try_step(&f));
            const size_t group = clip == MLP_CLIP_TENSOR_NORM ? 1 : clip == MLP_CLIP_LAYER_NORM ? 2 : 4;
            double euclidean = 0.0;
            for (size_t first = 0; first < 4; first += group) {
                double norm = 0.0;
                for (size_t t = first; t < first + group; t++) {
                    const double one = norm_of(&f, f.gradients, t, ps[k]);
                    norm = ps[k] == 0 ? fmax(norm, one) : ps[k] == 1 ? norm + one : hypot(norm, one);
                    euclidean = hypot(euclidean, norm_of(&f, f.gradients, t, 2));
                }
                for (size_t t = first; t < first + group; t++) {
                    assert_scaled(&f, t, fmin(1.0, options.clip_threshold / norm));
                }
            }
            assert_true(f.report.clip.acted && f.report.clip.scale < 1.0);
            assert_close(f.report.clip.norm, euclidean, 1e-6);
            drop(&f);
        }
    }
}

static void block_rms_is_its_formula(void **unused)
{
    static const size_t counts[] = { UNITS * INPUTS, UNITS, OUTPUTS * UNITS, OUTPUTS };
    const mlp_optimizer_options options = sgd(MLP_CLIP_BLOCK_RMS, 0.004);
    struct fixture f;
    size_t clipped = 0;
    (void)unused;
    make(&f, &options, 1);
    assert_ok(try_step(&f));
    for (size_t t = 0; t < 4; t++) {
        const double rms = norm_of(&f, f.gradients, t, 2) / sqrt((double)counts[t]);
        assert_scaled(&f, t, 1.0 / fmax(1.0, rms / 0.004));
        clipped += rms > 0.004;
    }
    assert_true(clipped > 0);
    drop(&f);
}

/* Brock et al. 2021, equation 3, for rows of W and for b as a whole. */
static double unit_norm(const struct fixture *f, const float *values, size_t l, size_t u)
{
    double squares = 0.0;
    for (size_t j = 0; j < f->network->layers[l].inputs; j++) {
        const double value = values[at(f, l, u, j)];
        squares += value * value;
    }
    return sqrt(squares);
}

static void adaptive_clipping_is_its_formula(void **unused)
{
    const double threshold = 0.05;
    (void)unused;
    for (int threads = 1; threads <= 3; threads += 2) {
        for (int own = 0; own <= 1; own++) {
            struct fixture f;
            const mlp_optimizer_options options = sgd(MLP_CLIP_ADAPTIVE, threshold);
            size_t clipped = 0, left = 0;
            make(&f, &options, threads);
            if (own) { /* the output is spared unless it is named */
                assert_ok(mlp_optimizer_set_clip(f.optimizer, 1, MLP_CLIP_ADAPTIVE, threshold));
            }
            assert_ok(try_step(&f));
            for (size_t l = 0; l < LAYERS; l++) {
                for (size_t u = 0; u < f.network->layers[l].units; u++) {
                    const double bound = threshold * fmax(unit_norm(&f, f.before, l, u), 1e-3);
                    const double norm = unit_norm(&f, f.gradients, l, u);
                    const double factor = norm > bound && (l == 0 || own) ? bound / norm : 1.0;
                    clipped += factor < 1.0;
                    left += factor == 1.0;
                    for (size_t j = 0; j < f.network->layers[l].inputs; j++) {
                        const size_t i = at(&f, l, u, j);
                        assert_close(f.network->parameters[i], f.before[i] - factor * f.gradients[i], 3e-7);
                    }
                }
                const double bound = threshold * fmax(norm_of(&f, f.before, 2 * l + 1, 2), 1e-3);
                assert_scaled(&f, 2 * l + 1,
                              l == 0 || own ? fmin(1.0, bound / norm_of(&f, f.gradients, 2 * l + 1, 2))
                                            : 1.0);
            }
            assert_true(clipped > 3 && left > 3 && f.report.clip.acted && f.report.clip.largest > threshold);
            drop(&f);
        }
    }
}

static void centralized_gradients_sum_to_nothing(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = sgd(MLP_CLIP_NONE, 0.0);
    (void)unused;
    options.centralize = 1;
    make(&f, &options, 2);
    assert_ok(try_step(&f));
    for (size_t l = 0; l < LAYERS; l++) {
        const size_t inputs = f.network->layers[l].inputs;
        for (size_t u = 0; u < f.network->layers[l].units; u++) {
            double mean = 0.0, after = 0.0;
            for (size_t j = 0; j < inputs; j++) {
                mean += f.gradients[at(&f, l, u, j)] / (double)inputs;
                after += f.workspace->gradients[at(&f, l, u, j)];
            }
            assert_close(after, 0.0,
                         6e-8 * 0.1 * (double)inputs); /* the mean and each entry, below 0.1, are rounded */
            for (size_t j = 0; j < inputs; j++) {
                const size_t i = at(&f, l, u, j);
                assert_close(f.network->parameters[i], f.before[i] - (f.gradients[i] - mean), 3e-7);
            }
        }
        assert_scaled(&f, 2 * l + 1, 1.0); /* biases stay */
    }
    double squares = 0.0; /* the norm is that of what is left */
    for (size_t t = 0; t < 4; t++) {
        const double norm = norm_of(&f, f.workspace->gradients, t, 2);
        squares += norm * norm;
    }
    assert_close(f.report.clip.norm, sqrt(squares), 1e-6);
    drop(&f);
}

static void adaptive_thresholds_scale_the_gradient(void **unused)
{
    static const mlp_clip clips[] = { MLP_CLIP_AUTO, MLP_CLIP_Z };
    (void)unused;
    for (size_t k = 0; k < 2; k++) {
        struct fixture f;
        mlp_optimizer_options options = sgd(clips[k], 0.0);
        options.learning_rate = 0.5;
        make(&f, &options, 1);
        mlp_optimizer_get_options(f.optimizer, &options);
        assert_true(options.clip_threshold == (k == 0 ? 10.0 : 2.5));
        size_t clipped = 0;
        for (int step = 0; step < 100; step++) {
            struct clip_memory memory = f.optimizer->memory;            /* before the step */
            const bool surprise = step % 10 == 9 && step > 80 * (int)k; /* z first sees norms fall */
            f.y[0] = surprise ? 8 : 0;
            f.x[0] = surprise ? 30.0f : 0.1f;
            assert_ok(try_step(&f));
            const double norm = f.report.clip.norm, scale = f.report.clip.scale,
                         threshold = k == 0 ? clip_auto_threshold(&memory, 10.0, norm)
                                            : clip_z_threshold(&memory, 2.5, norm);
            assert_close(scale, fmin(threshold / norm, 1.0), 1e-6);
            clipped += scale < 1.0;
            for (size_t t = 0; t < 4; t++) {
                assert_scaled(&f, t, 0.5 * scale);
            }
        }
        assert_true(clipped > 0 && clipped < 100);
        assert_true(f.optimizer->memory.seen == 100.0);
        mlp_optimizer_reset(f.optimizer);
        assert_true(f.optimizer->memory.seen == 0.0);
        drop(&f);
    }
}

/* ---- the update, single layers, a rule of one's own ---------------------------------------------------- */

static void updates_are_clipped_after_the_rule(void **unused)
{
    static const mlp_clip clips[] = { MLP_CLIP_GLOBAL_NORM, MLP_CLIP_VALUE };
    (void)unused;
    for (size_t k = 0; k < 2; k++) {
        struct fixture free, bound, loose;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        double squares = 0.0;
        options.rule = MLP_OPTIMIZER_ADAM;
        options.learning_rate = 0.01;
        make(&free, &options, 1);
        options.update_clip = clips[k];
        options.update_clip_threshold = k == 0 ? 0.2 : 0.004;
        make(&bound, &options, 3);
        options.update_clip_threshold = 1e6;
        make(&loose, &options, 2);
        assert_ok(try_step(&free));
        assert_ok(try_step(&bound));
        assert_ok(try_step(&loose));
        const size_t size = free.network->arena_size;
        assert_memory_equal(free.network->parameters, loose.network->parameters, size * sizeof(float));
        for (size_t i = 0; i < size; i++) {
            const double move = (double)free.network->parameters[i] - (double)free.before[i];
            squares += move * move;
        }
        assert_true(k == 1 || sqrt(squares) > 0.2);
        const mlp_clip_report *done = &bound.report.update_clip; /* of what Adam made of the gradient */
        assert_close(done->norm / sqrt(squares), 1.0, 1e-5);
        assert_close(done->scale, k == 0 ? 0.2 / sqrt(squares) : 0.004 / done->largest, 1e-5);
        assert_true(done->acted && !bound.report.clip.acted &&
                    done->largest > bound.optimizer->options.update_clip_threshold);
        assert_true(!loose.report.update_clip.acted && loose.report.update_clip.scale == 1.0);
        assert_close(loose.report.update_clip.norm / sqrt(squares), 1.0, 1e-5);
        assert_true(free.report.update_clip.norm == 0.0 && free.report.update_clip.scale == 1.0);
        for (size_t i = 0; i < size; i++) {
            const double move = (double)free.network->parameters[i] - (double)free.before[i];
            const double expected = k == 0 ? move * 0.2 / sqrt(squares) : fmax(-0.004, fmin(move, 0.004));
            assert_close((double)bound.network->parameters[i] - (double)bound.before[i], expected, 3e-7);
        }
        drop(&free);
        drop(&bound);
        drop(&loose);
    }
}

static void layers_have_rules_of_their_own(void **unused)
{
    struct fixture f;
    const mlp_optimizer_options options = sgd(MLP_CLIP_GLOBAL_NORM, 0.05);
    (void)unused;
    make(&f, &options, 1);
    assert_ok(mlp_optimizer_set_clip(f.optimizer, 1, MLP_CLIP_VALUE, 0.002));
    assert_ok(try_step(&f));
    const double norm =
        hypot(norm_of(&f, f.gradients, 0, 2), norm_of(&f, f.gradients, 1, 2)); /* without the second layer */
    assert_true(norm > 0.05);
    assert_scaled(&f, 0, 0.05 / norm);
    assert_scaled(&f, 1, 0.05 / norm);
    for (size_t u = 0; u < OUTPUTS; u++) {
        for (size_t j = 0; j <= UNITS; j++) {
            const size_t i = at(&f, 1, u, j);
            assert_close(f.network->parameters[i],
                         f.before[i] - fmax(-0.002, fmin((double)f.gradients[i], 0.002)), 3e-7);
        }
    }
    assert_refused(mlp_optimizer_set_clip(f.optimizer, 0, MLP_CLIP_GLOBAL_NORM, 1.0), MLP_ERROR_ARGUMENT,
                   "layer 0", "global-norm", NULL);
    assert_refused(mlp_optimizer_set_clip(f.optimizer, 2, MLP_CLIP_VALUE, 1.0), MLP_ERROR_RANGE, "layer is 2",
                   NULL);
    assert_refused(mlp_optimizer_set_clip(f.optimizer, 0, MLP_CLIP_VALUE, 0.0), MLP_ERROR_RANGE,
                   "clip_threshold", NULL);
    drop(&f);
}

struct own_rule {
    float factor;
    mlp_status status;
    double seen;
};

static mlp_status own_rule(const double *norms, const double *largest, size_t tensors, float *scale,
                           void *context)
{
    struct own_rule *rule = context;
    assert_int_equal(tensors, 4);
    assert_true(largest[0] <= norms[0] && scale[3] == 1.0f);
    rule->seen = norms[2];
    scale[2] = rule->factor;
    return rule->status;
}

static void a_rule_of_ones_own(void **unused)
{
    struct fixture f;
    struct own_rule rule = { .factor = 0.25f, .status = MLP_OK };
    mlp_optimizer_options options = sgd(MLP_CLIP_CUSTOM, 0.0);
    (void)unused;
    options.custom_clip = own_rule;
    options.custom_clip_context = &rule;
    make(&f, &options, 1);
    assert_ok(try_step(&f));
    assert_close(rule.seen, norm_of(&f, f.gradients, 2, 2), 1e-6);
    assert_scaled(&f, 2, 0.25);
    assert_scaled(&f, 0, 1.0);
    assert_true(f.report.clip.scale == 0.25 && f.report.clip.acted);
    rule.status = MLP_ERROR_STATE;
    assert_int_equal(try_step(&f), MLP_ERROR_STATE);
    rule.status = MLP_OK;
    rule.factor = NAN;
    assert_refused(try_step(&f), MLP_ERROR_RANGE, "custom_clip", "layer 1", "nan", NULL);
    assert_memory_equal(f.before, f.network->parameters, f.network->arena_size * sizeof(float));
    assert_int_equal(mlp_optimizer_updates(f.optimizer), 1);
    drop(&f);
}

static void bad_options_are_named(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = sgd(MLP_CLIP_CUSTOM, 0.0);
    const mlp_optimizer_options sound = sgd(MLP_CLIP_NONE, 0.0);
    mlp_optimizer *optimizer;
    mlp_clip_norm norm;
    (void)unused;
    make(&f, &sound, 1);
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "custom_clip",
                   NULL);
    options = sgd(MLP_CLIP_AUTO, 100.0);
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_RANGE, "percentile",
                   "100", NULL);
    options = sgd(MLP_CLIP_VALUE, 1.0);
    options.clip_norm = MLP_CLIP_NORM_1;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "clip_norm",
                   "value", NULL);
    options = sgd(MLP_CLIP_NONE, 0.0);
    options.update_clip = MLP_CLIP_Z;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_ARGUMENT, "update_clip",
                   "z", NULL);
    options.update_clip = MLP_CLIP_GLOBAL_NORM;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_RANGE, "update_clip",
                   "clip_threshold", NULL);
    for (int i = 0; i < 3; i++) {
        assert_ok(mlp_clip_norm_from_name(mlp_clip_norm_name((mlp_clip_norm)i), &norm));
        assert_int_equal(norm, i);
    }
    assert_null(mlp_clip_norm_name((mlp_clip_norm)3));
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_of_every_kind),
        cmocka_unit_test(block_rms_is_its_formula),
        cmocka_unit_test(adaptive_clipping_is_its_formula),
        cmocka_unit_test(centralized_gradients_sum_to_nothing),
        cmocka_unit_test(adaptive_thresholds_scale_the_gradient),
        cmocka_unit_test(updates_are_clipped_after_the_rule),
        cmocka_unit_test(layers_have_rules_of_their_own),
        cmocka_unit_test(a_rule_of_ones_own),
        cmocka_unit_test(bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
