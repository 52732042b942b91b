/* What a step's report says of clipping, for every rule, wherever the entries are that it changes: compared
 * with the updates themselves. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/pass.h"
#include "model/workspace.h"
#include "optim/optimizer.h"

enum { INPUTS = 3, UNITS = 4, LAYERS = 3, TENSORS = 2 * LAYERS, NOWHERE = TENSORS };

#define SMALL 1e-3f
#define LARGE 10.0f

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    mlp_step_report report;
    float custom[TENSORS];
};

/* Factors of its own for every tensor. */
static mlp_status custom(const double *norms, const double *largest, size_t tensors, float *scale,
                         void *context)
{
    (void)norms, (void)largest;
    memcpy(scale, context, tensors * sizeof *scale);
    return MLP_OK;
}

/* Parameters of 0, so that an update is minus the clipped gradient to the bit. */
static void make(struct fixture *f, mlp_clip clip, double threshold)
{
    mlp_layer layers[LAYERS] = { { 0 } };
    const float x[INPUTS] = { 0.0f }, y[UNITS] = { 0.0f };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    for (size_t l = 0; l < LAYERS; l++) {
        layers[l] = (mlp_layer){ .units = UNITS, .init = MLP_INIT_ZEROS };
    }
    options.learning_rate = 1.0;
    options.clip = clip;
    options.clip_threshold = threshold;
    options.custom_clip = clip == MLP_CLIP_CUSTOM ? custom : NULL;
    options.custom_clip_context = f->custom;
    for (size_t t = 0; t < TENSORS; t++) {
        f->custom[t] = 1.0f;
    }
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, 1, NULL, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
    assert_ok(mlp_forward(f->network, f->workspace, x, 1));
    assert_ok(mlp_loss_backward(f->network, f->workspace, &(mlp_targets){ .values = y }, NULL));
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

static float *entry(const struct fixture *f, float *arena, size_t t, size_t unit, size_t input)
{
    const struct layer *layer = &f->network->layers[t / 2];
    return arena + layer->weights + unit + (t % 2 == 0 ? input : layer->inputs) * layer->stride;
}

static size_t columns(const struct fixture *f, size_t t)
{
    return t % 2 == 0 ? f->network->layers[t / 2].inputs : 1;
}

/* Small entries, and large ones in one unit of one tensor; then the step. */
static void step(struct fixture *f, size_t where, size_t unit)
{
    struct pass pass = { .network = f->network, .workspace = f->workspace };
    for (size_t t = 0; t < TENSORS; t++) {
        for (size_t k = 0; k < UNITS * columns(f, t); k++) {
            const bool large = t == where && k % UNITS == unit;
            *entry(f, f->workspace->gradients, t, k % UNITS, k / UNITS) = large ? -LARGE : SMALL;
        }
    }
    pass_measure(&pass);
    assert_ok(mlp_optimizer_step(f->optimizer, f->network, f->workspace, &f->report));
}

/* `acted` and `scale` against the updates. */
static void check(const struct fixture *f, size_t where, size_t unit, bool expected)
{
    double scale = 1.0;
    bool changed = false;
    for (size_t t = 0; t < TENSORS; t++) {
        for (size_t k = 0; k < UNITS * columns(f, t); k++) {
            const bool large = t == where && k % UNITS == unit;
            const float update = -*entry(f, network_write(f->network), t, k % UNITS, k / UNITS);
            const float gradient = large ? -LARGE : SMALL;
            changed = changed || update != gradient;
            scale = fmin(scale, (double)update / (double)gradient);
        }
    }
    assert_int_equal(changed, expected);
    assert_int_equal(f->report.clip.acted, changed);
    assert_close(f->report.clip.scale / scale, 1.0, 1e-6);
}

/* For a threshold between what small entries come to and what large ones do. */
static const struct {
    mlp_clip clip;
    double threshold;
    bool acts; /* on large entries, in its first step */
} rules[] = {
    { MLP_CLIP_NONE, 0.0, false },       { MLP_CLIP_VALUE, 1.0, true },
    { MLP_CLIP_TENSOR_NORM, 1.0, true }, { MLP_CLIP_LAYER_NORM, 1.0, true },
    { MLP_CLIP_GLOBAL_NORM, 1.0, true }, { MLP_CLIP_BLOCK_RMS, 0.5, true },
    { MLP_CLIP_ADAPTIVE, 100.0, true },  { MLP_CLIP_AUTO, 10.0, false },
    { MLP_CLIP_Z, 2.5, false },
};

/* Of block-rms: the threshold by √(mean square) of the tensor with large entries. */
static void check_block_rms(const struct fixture *f, size_t where)
{
    const double large = (double)LARGE * (double)LARGE, small = (double)SMALL * (double)SMALL;
    const double rms = sqrt((large + (UNITS - 1) * small) / UNITS); /* one unit of them is large */
    if (where != NOWHERE) {
        assert_close(f->report.clip.largest / rms, 1.0, 1e-6);
        assert_close(f->report.clip.scale / (0.5 / rms), 1.0, 1e-6);
    }
}

static void one_rule_for_all_layers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        for (size_t where = 0; where <= NOWHERE; where++) {
            for (size_t unit = 0; unit < UNITS; unit++) {
                struct fixture f;
                make(&f, rules[i].clip, rules[i].threshold);
                step(&f, where, unit);
                const size_t last =
                    rules[i].clip == MLP_CLIP_ADAPTIVE ? TENSORS - 2 : TENSORS; /* not the output */
                check(&f, where, unit, rules[i].acts && where < last);
                if (rules[i].clip == MLP_CLIP_BLOCK_RMS) {
                    check_block_rms(&f, where);
                }
                drop(&f);
            }
        }
    }
}

/* Rules of single layers, the others' left alone; a layer whose rule does nothing before and after one that
 * acts. */
static void rules_of_single_layers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        for (size_t where = 0; where <= NOWHERE; where++) {
            for (size_t clipped = 0; clipped <= LAYERS; clipped++) { /* LAYERS: all of them */
                struct fixture f;
                make(&f, MLP_CLIP_NONE, 0.0);
                for (size_t l = 0; l < LAYERS; l++) {
                    const bool is_clipped = clipped == LAYERS || clipped == l;
                    const mlp_status status =
                        mlp_optimizer_set_clip(f.optimizer, l, is_clipped ? rules[i].clip : MLP_CLIP_VALUE,
                                               is_clipped ? rules[i].threshold : 1e3);
                    const bool is_global =
                        rules[i].clip == MLP_CLIP_GLOBAL_NORM || rules[i].clip >= MLP_CLIP_AUTO;
                    assert_int_equal(status, is_clipped && is_global ? MLP_ERROR_ARGUMENT : MLP_OK);
                    if (status == MLP_ERROR_ARGUMENT) {
                        assert_ok(mlp_optimizer_set_clip(f.optimizer, l, MLP_CLIP_LAYER_NORM, 1.0));
                    }
                }
                step(&f, where, 1);
                check(&f, where, 1,
                      rules[i].clip != MLP_CLIP_NONE && where != NOWHERE &&
                          (clipped == LAYERS || clipped == where / 2));
                if (rules[i].clip == MLP_CLIP_BLOCK_RMS && clipped == LAYERS) {
                    check_block_rms(&f, where);
                }
                drop(&f);
            }
        }
    }
}

static void a_rule_of_ones_own_on_any_tensor(void **unused)
{
    static const float factors[] = { 1.0f, 0.5f, 2.0f };
    (void)unused;
    for (size_t t = 0; t < TENSORS; t++) {
        for (size_t i = 0; i < 3; i++) {
            struct fixture f;
            make(&f, MLP_CLIP_CUSTOM, 0.0);
            f.custom[t] = factors[i];
            step(&f, NOWHERE, 0);
            check(&f, NOWHERE, 0, factors[i] != 1.0f);
            drop(&f);
        }
    }
}

struct sizes {
    double norms[TENSORS], largest[TENSORS];
};

static mlp_status note_sizes(const double *norms, const double *largest, size_t tensors, float *scale,
                             void *context)
{
    struct sizes *sizes = context;
    memcpy(sizes->norms, norms, tensors * sizeof *norms);
    memcpy(sizes->largest, largest, tensors * sizeof *largest);
    for (size_t t = 0; t < tensors; t++) {
        scale[t] = 1.0f;
    }
    return MLP_OK;
}

/* A tensor of the gradient against what was noted of it. */
static void compare_sizes(mlp_workspace *workspace, size_t t, const struct sizes *sizes)
{
    mlp_matrix view;
    double squares = 0.0, largest = 0.0;
    assert_ok(mlp_workspace_view(workspace,
                                 t % 2 == 0 ? MLP_TENSOR_WEIGHT_GRADIENT : MLP_TENSOR_BIAS_GRADIENT, t / 2,
                                 &view));
    for (size_t j = 0; j < view.columns; j++) {
        for (size_t i = 0; i < view.rows; i++) {
            const double g = (double)view.data[i + j * view.leading_dimension];
            squares += g * g;
            largest = fmax(largest, fabs(g));
        }
    }
    assert_true(largest > 0.0);
    assert_close(sizes->norms[t] / sqrt(squares), 1.0, 1e-6);
    assert_true(sizes->largest[t] == largest);
}

/* What the backward pass measures as it goes, over layers of several tiles and several batches. */
static void callbacks_are_given_the_sizes_of_every_tensor(void **state)
{
    enum { WIDE = 130, SAMPLES = 40 };
    static const mlp_layer layers[LAYERS] = { { .units = 300, .activation = MLP_ACTIVATION_TANH },
                                              { .units = 7, .activation = MLP_ACTIVATION_TANH },
                                              { .units = 33 } };
    static float x[WIDE * SAMPLES], y[33 * SAMPLES];
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct sizes sizes;
        uint64_t seed = 4;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_workspace_options workspace = MLP_WORKSPACE_OPTIONS_INIT;
        struct fixture f;
        options.clip = MLP_CLIP_CUSTOM;
        options.custom_clip = note_sizes;
        options.custom_clip_context = &sizes;
        workspace.threads = threads;
        assert_ok(mlp_network_create(WIDE, layers, LAYERS, NULL, &f.network));
        assert_ok(mlp_workspace_create(f.network, SAMPLES, &workspace, &f.workspace));
        assert_ok(mlp_optimizer_create(f.network, &options, &f.optimizer));
        for (int batch = 0; batch < 3; batch++) {
            const double size = pow(10.0, -batch); /* what was measured before does not stay */
            test_fill(&seed, -size, size, x, WIDE * SAMPLES);
            test_fill(&seed, -size, size, y, 33 * SAMPLES);
            assert_ok(mlp_forward(f.network, f.workspace, x, SAMPLES));
            assert_ok(mlp_loss_backward(f.network, f.workspace, &(mlp_targets){ .values = y }, NULL));
            assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
            for (size_t t = 0; t < TENSORS; t++) {
                compare_sizes(f.workspace, t, &sizes);
            }
        }
        drop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rule_for_all_layers),
        cmocka_unit_test(rules_of_single_layers),
        cmocka_unit_test(a_rule_of_ones_own_on_any_tensor),
        cmocka_unit_test(callbacks_are_given_the_sizes_of_every_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
