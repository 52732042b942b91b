/* Factors of single layers: learning rates, decay, freezing, and the maximal update parametrization. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "optim/optimizer.h"

enum { COUNT = 24, INPUTS = 6, LAYERS = 3 };

struct world {
    float x[COUNT * INPUTS];
    int32_t y[COUNT];
    mlp_targets targets;
    mlp_network *network, *before;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
};

static void make(struct world *w, size_t units, mlp_init init, const mlp_optimizer_options *options)
{
    const mlp_layer layers[LAYERS] = {
        { .units = units, .activation = MLP_ACTIVATION_TANH, .init = init, .bias_init = MLP_INIT_NORMAL },
        { .units = units, .activation = MLP_ACTIVATION_TANH, .init = init, .bias_init = MLP_INIT_NORMAL },
        { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX, .init = init },
    };
    uint64_t state = 4;
    test_fill(&state, -1.7, 1.7, w->x, COUNT * INPUTS);
    for (int i = 0; i < COUNT; i++) {
        w->y[i] = i % 3;
    }
    w->targets = (mlp_targets){ .classes = w->y };
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &w->network));
    assert_ok(mlp_network_copy(w->network, &w->before));
    assert_ok(mlp_workspace_create(w->network, COUNT, NULL, &w->workspace));
    assert_ok(mlp_optimizer_create(w->network, options, &w->optimizer));
}

static void drop(struct world *w)
{
    mlp_optimizer_destroy(&w->optimizer);
    mlp_workspace_destroy(&w->workspace);
    mlp_network_destroy(&w->before);
    mlp_network_destroy(&w->network);
}

static void step(struct world *w, mlp_step_report *report)
{
    assert_ok(mlp_train_step(w->network, w->optimizer, w->workspace, w->x, &w->targets, COUNT, report));
}

/* Entry i of tensor t: W, then b of each layer, without padding. */
static float entry(const mlp_network *network, size_t t, size_t i)
{
    mlp_const_matrix m;
    assert_ok((t % 2 == 0 ? mlp_network_weights : mlp_network_bias)(network, t / 2, &m));
    return m.data[i % m.rows + i / m.rows * m.leading_dimension];
}

static size_t entries(const mlp_network *network, size_t t)
{
    mlp_const_matrix m;
    assert_ok((t % 2 == 0 ? mlp_network_weights : mlp_network_bias)(network, t / 2, &m));
    return m.rows * m.columns;
}

static float gradient(struct world *w, size_t t, size_t i)
{
    mlp_matrix m;
    assert_ok(mlp_workspace_view(w->workspace,
                                 t % 2 == 0 ? MLP_TENSOR_WEIGHT_GRADIENT : MLP_TENSOR_BIAS_GRADIENT, t / 2,
                                 &m));
    return m.data[i % m.rows + i / m.rows * m.leading_dimension];
}

/* w·(1 − η·f·λ·d) − η·f·g, entry by entry. */
static void every_tensor_has_its_own_rate_and_decay(void **unused)
{
    static const mlp_layer_factors factors[LAYERS] = { { 0.5, 2.0, 1.0 },
                                                       { 1.0, 1.0, 3.0 },
                                                       { 0.25, 0.125, 0.0 } };
    const double rate = 0.1, decay = 0.2;
    (void)unused;
    for (int mode = MLP_DECAY_L2; mode <= MLP_DECAY_DECOUPLED; mode++) {
        struct world w;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.learning_rate = rate;
        options.weight_decay = decay;
        options.decay = (mlp_decay)mode;
        make(&w, 9, MLP_INIT_LECUN_NORMAL, &options);
        for (size_t l = 0; l < LAYERS; l++) {
            mlp_layer_factors got;
            assert_ok(mlp_optimizer_set_factors(w.optimizer, l, &factors[l]));
            assert_ok(mlp_optimizer_get_factors(w.optimizer, l, &got));
            assert_memory_equal(&got, &factors[l], sizeof got);
        }
        step(&w, NULL);
        for (size_t t = 0; t < 2 * LAYERS; t++) {
            const double f = t % 2 == 0 ? factors[t / 2].weight_rate : factors[t / 2].bias_rate;
            const double d = t % 2 == 0 ? decay * factors[t / 2].decay : 0.0;
            for (size_t i = 0; i < entries(w.network, t); i++) {
                const double old = (double)entry(w.before, t, i);
                assert_close(entry(w.network, t, i), old - rate * f * ((double)gradient(&w, t, i) + d * old),
                             1e-6);
            }
        }
        drop(&w);
    }
}

static void frozen_layers_stay_and_count_for_no_norm(void **unused)
{
    static const mlp_optimizer_rule rules[] = { MLP_OPTIMIZER_SGD, MLP_OPTIMIZER_NESTEROV,
                                                MLP_OPTIMIZER_ADAMW };
    const mlp_layer_factors frozen = { 0.0, 0.0, 1.0 };
    (void)unused;
    for (size_t r = 0; r < 3; r++) {
        struct world w;
        mlp_step_report report;
        double square = 0.0;
        size_t moved = 0;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = rules[r];
        options.clip = MLP_CLIP_GLOBAL_NORM;
        options.clip_threshold = 1e-3;
        options.weight_decay = 0.01;
        make(&w, 9, MLP_INIT_LECUN_NORMAL, &options);
        assert_ok(mlp_optimizer_set_factors(w.optimizer, 1, &frozen));
        for (int s = 0; s < 3; s++) {
            step(&w, &report);
        }
        for (size_t t = 0; t < 2 * LAYERS; t++) {
            for (size_t i = 0; i < entries(w.network, t); i++) {
                const bool same = entry(w.network, t, i) == entry(w.before, t, i);
                moved += !same;
                assert_true(same || t / 2 != 1);
                square += t / 2 != 1 ? pow((double)gradient(&w, t, i), 2.0) : 0.0;
            }
        }
        assert_true(moved > 80); /* of 93 */
        assert_close(report.clip.norm, sqrt(square), 1e-6);
        drop(&w);
    }
}

/* The clip factor of what learns, in the steps of gradient descent at rate 1: as if there were no frozen
 * layer. */
static void frozen_layers_count_for_no_clipping_rule(void **unused)
{
    static const mlp_clip_norm norms[] = { MLP_CLIP_NORM_1, MLP_CLIP_NORM_2, MLP_CLIP_NORM_MAX };
    const mlp_layer_factors frozen = { 0.0, 0.0, 1.0 };
    (void)unused;
    for (int k = 0; k < 3; k++) {
        struct world w;
        double size = 0.0;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.learning_rate = 1.0;
        options.clip = MLP_CLIP_GLOBAL_NORM;
        options.clip_threshold = 1e-3;
        options.clip_norm = norms[k];
        make(&w, 9, MLP_INIT_LECUN_NORMAL, &options);
        assert_ok(mlp_optimizer_set_factors(w.optimizer, 1, &frozen));
        step(&w, NULL);
        for (size_t t = 0; t < 2 * LAYERS; t++) {
            if (t / 2 != 1) {
                for (size_t i = 0; i < entries(w.network, t); i++) {
                    const double g = fabs((double)gradient(&w, t, i));
                    size = k == 0 ? size + g : k == 1 ? hypot(size, g) : fmax(size, g);
                }
            }
        }
        for (size_t t = 0; t < 2 * LAYERS; t++) {
            if (t / 2 != 1) {
                for (size_t i = 0; i < entries(w.network, t); i++) {
                    const double moved = (double)gradient(&w, t, i) * 1e-3 / size;
                    assert_close(entry(w.network, t, i), (double)entry(w.before, t, i) - moved, 1e-7);
                }
            }
        }
        drop(&w);
    }
}

/* Adaptive clipping leaves a frozen layer's gradient as it is, and does not tell of it. */
static void frozen_units_are_not_clipped(void **unused)
{
    const mlp_layer_factors frozen = { 0.0, 0.0, 1.0 };
    struct world w, plain;
    mlp_step_report report;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    make(&plain, 9, MLP_INIT_LECUN_NORMAL, &options);
    step(&plain, NULL);
    options.clip = MLP_CLIP_ADAPTIVE;
    options.clip_threshold = 1e-4;
    make(&w, 9, MLP_INIT_LECUN_NORMAL, &options);
    assert_ok(mlp_optimizer_set_factors(w.optimizer, 0, &frozen));
    assert_ok(mlp_optimizer_set_factors(w.optimizer, 1, &(mlp_layer_factors){ 0.0, 1.0, 1.0 }));
    step(&w, &report);
    for (size_t t = 0; t < 3; t++) {
        for (size_t i = 0; i < entries(w.network, t); i++) {
            assert_true(gradient(&w, t, i) == gradient(&plain, t, i));
        }
    }
    assert_true(gradient(&w, 3, 0) != gradient(&plain, 3, 0) && report.clip.acted);
    assert_ok(mlp_optimizer_set_factors(w.optimizer, 1, &frozen));
    step(&w, &report); /* the output is exempt: nothing is left that could be clipped */
    assert_true(!report.clip.acted && report.clip.scale == 1.0 && report.clip.largest == 0.0);
    drop(&w);
    drop(&plain);
}

static void factors_are_checked(void **unused)
{
    struct world w;
    mlp_layer_factors factors = MLP_LAYER_FACTORS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    options.rule = MLP_OPTIMIZER_ADAMW;
    options.learning_rate = 0.5;
    options.weight_decay = 0.5;
    make(&w, 9, MLP_INIT_LECUN_NORMAL, &options);
    assert_refused(mlp_optimizer_set_factors(w.optimizer, 3, &factors), MLP_ERROR_RANGE, "layer is 3",
                   "less than 3", NULL);
    factors.bias_rate = -1.0;
    assert_refused(mlp_optimizer_set_factors(w.optimizer, 0, &factors), MLP_ERROR_RANGE, "bias_rate is -1",
                   NULL);
    factors = (mlp_layer_factors){ 2.0, 1.0, 2.0 }; /* 0.5·2·0.5·2 */
    assert_refused(mlp_optimizer_set_factors(w.optimizer, 1, &factors), MLP_ERROR_RANGE, "layer 1",
                   "less than 1", NULL);
    assert_ok(mlp_optimizer_get_factors(w.optimizer, 1, &factors));
    assert_true(factors.weight_rate == 1.0 && factors.decay == 1.0); /* as before */
    factors.weight_rate = 3.0;
    assert_ok(mlp_optimizer_set_factors(w.optimizer, 1, &factors));
    assert_refused(mlp_optimizer_set_learning_rate(w.optimizer, 0.9), MLP_ERROR_RANGE, "layer 1", NULL);
    assert_refused(mlp_optimizer_set_factors(NULL, 0, &factors), MLP_ERROR_ARGUMENT, "optimizer", NULL);
    assert_refused(mlp_mup_factors(w.network, MLP_OPTIMIZER_ADAM, 0.5, 0, &factors), MLP_ERROR_RANGE,
                   "base_width is 0.5", NULL);
    assert_refused(mlp_mup_factors(w.network, MLP_OPTIMIZER_ADAM, 8, 5, &factors), MLP_ERROR_RANGE,
                   "layer is 5", NULL);
    drop(&w);
}

/* ---- maximal update parametrization -------------------------------------------------------------------- */

static void mup_factors_are_the_papers(void **unused)
{
    struct world w;
    mlp_layer_factors f[LAYERS];
    (void)unused;
    make(&w, 256, MLP_INIT_MUP, NULL); /* four times the default base width of 64 */
    for (size_t l = 0; l < LAYERS; l++) {
        assert_ok(mlp_mup_factors(w.network, MLP_OPTIMIZER_ADAM, 64.0, l, &f[l]));
    }
    assert_true(f[0].weight_rate == 1.0 && f[1].weight_rate == 0.25 && f[2].weight_rate == 0.25);
    assert_true(f[0].bias_rate == 1.0 && f[1].bias_rate == 1.0 && f[2].bias_rate == 1.0);
    for (size_t l = 0; l < LAYERS; l++) {
        assert_ok(mlp_mup_factors(w.network, MLP_OPTIMIZER_SGD, 64.0, l, &f[l]));
    }
    assert_true(f[0].weight_rate == 4.0 && f[1].weight_rate == 1.0 && f[2].weight_rate == 0.25);
    assert_true(f[0].bias_rate == 4.0 && f[1].bias_rate == 4.0 && f[2].bias_rate == 1.0);
    for (size_t l = 0; l < LAYERS; l++) {
        assert_ok(mlp_mup_factors(w.network, MLP_OPTIMIZER_LAMB, 64.0, l, &f[l]));
    }
    assert_true(f[0].weight_rate == 1.0 && f[1].weight_rate == 0.5 && f[2].weight_rate == 1.0);
    for (size_t l = 0; l < LAYERS;
         l++) { /* √(units/inputs)/√max(units, inputs), by what it is at the base width */
        assert_ok(mlp_mup_factors(w.network, MLP_OPTIMIZER_MUON, 64.0, l, &f[l]));
    }
    assert_true(f[0].weight_rate == 1.0 && f[1].weight_rate == 0.5 && f[2].weight_rate == 0.25);
    assert_ok(mlp_mup_factors(w.network, MLP_OPTIMIZER_RPROP, 64.0, 1, &f[1]));
    assert_ok(mlp_mup_factors(w.network, MLP_OPTIMIZER_LBFGS, 64.0, 1, &f[2]));
    assert_true(f[1].weight_rate == 0.25 && f[2].weight_rate == 1.0 && f[2].bias_rate == 1.0);
    mlp_init_summary summary;
    assert_ok(mlp_network_init_summary(w.network, 1, &summary));
    assert_close(summary.deviation, 1.5925374 / 16.0, 1e-6); /* g₂ of tanh by √256 */
    assert_ok(mlp_network_init_summary(w.network, 2, &summary));
    assert_close(summary.deviation, 8.0 / 256.0, 1e-12); /* √64/256 */
    drop(&w);
}

/* rms of the change that three steps make to Z of the second layer and of the output. */
static void change_after_steps(mlp_optimizer_rule rule, double rate, size_t units, bool mup, uint64_t seed,
                               double change[2])
{
    struct world w;
    mlp_workspace_options keep = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    double *first[2];
    options.rule = rule;
    options.learning_rate = rate;
    keep.keep_pre_activations = 1;
    make(&w, units, mup ? MLP_INIT_MUP : MLP_INIT_LECUN_NORMAL, &options);
    assert_ok(mlp_network_initialize(w.network, seed));
    assert_ok(mlp_workspace_create(w.network, COUNT, &keep, &workspace));
    if (mup) {
        for (size_t l = 0; l < LAYERS; l++) {
            mlp_layer_factors factors;
            assert_ok(mlp_mup_factors(w.network, options.rule, 64.0, l, &factors));
            assert_ok(mlp_optimizer_set_factors(w.optimizer, l, &factors));
        }
    }
    for (int round = 0; round < 2; round++) {
        assert_ok(mlp_forward(w.network, workspace, w.x, COUNT));
        for (size_t k = 0; k < 2; k++) {
            mlp_matrix z;
            double sum = 0.0;
            assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_PRE_ACTIVATION, k + 1, &z));
            first[k] = round == 0 ? calloc(z.rows * COUNT, sizeof(double)) : first[k];
            for (size_t i = 0; i < z.rows * COUNT; i++) {
                const double value = (double)z.data[i % z.rows + i / z.rows * z.leading_dimension];
                sum += round == 1 ? pow(value - first[k][i], 2.0) : 0.0;
                first[k][i] = value;
            }
            change[k] = sqrt(sum / (double)(z.rows * COUNT));
        }
        if (round == 0) {
            for (int s = 0; s < 3; s++) {
                step(&w, NULL);
            }
        }
    }
    free(first[0]);
    free(first[1]);
    mlp_workspace_destroy(&workspace);
    drop(&w);
}

/* The coordinate check of Yang et al. 2022, appendix D.1: changes of activations do not grow with the width;
 * with the standard parametrization they do. */
static void changes_do_not_depend_on_the_width(void **unused)
{
    static const size_t widths[] = { 64, 256, 1024 };
    double change[2][3][2] = { 0 };
    (void)unused;
    NEEDS_PROCESSOR;
    for (uint64_t seed = 0; seed < 5; seed++) {
        for (size_t i = 0; i < 6; i++) {
            double one[2];
            change_after_steps(MLP_OPTIMIZER_ADAM, 0.01, widths[i % 3], i / 3 == 1, seed, one);
            change[i / 3][i % 3][0] += one[0] / 5.0;
            change[i / 3][i % 3][1] += one[1] / 5.0;
        }
    }
    for (size_t k = 0; k < 2; k++) {
        print_message("%s: standard %.3f %.3f %.3f, mup %.3f %.3f %.3f\n", k == 0 ? "hidden" : "output",
                      change[0][0][k], change[0][1][k], change[0][2][k], change[1][0][k], change[1][1][k],
                      change[1][2][k]);
        assert_true(change[0][2][k] > 2.5 * change[0][0][k]); /* 16 times as wide */
        assert_true(change[1][2][k] < 1.5 * change[1][0][k] && change[1][2][k] > change[1][0][k] / 1.5);
    }
}

/* The same for a rule of each kind of step. */
static void no_rule_s_changes_depend_on_the_width(void **unused)
{
    static const struct {
        mlp_optimizer_rule rule;
        double rate;
    } rules[] = { { MLP_OPTIMIZER_SGD, 0.1 },    { MLP_OPTIMIZER_NESTEROV, 0.05 },
                  { MLP_OPTIMIZER_RPROP, 0.01 }, { MLP_OPTIMIZER_LION, 0.01 },
                  { MLP_OPTIMIZER_LAMB, 0.02 },  { MLP_OPTIMIZER_MUON, 0.02 } };
    (void)unused;
    NEEDS_PROCESSOR;
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
        double change[2][2] = { { 0.0 } };
        for (uint64_t seed = 0; seed < 6; seed++) {
            for (size_t i = 0; i < 2; i++) {
                double one[2];
                change_after_steps(rules[r].rule, rules[r].rate, i == 0 ? 128 : 512, true, seed, one);
                change[i][0] += one[0] / 6.0;
                change[i][1] += one[1] / 6.0;
            }
        }
        for (size_t k = 0; k < 2; k++) {
            const double share = change[1][k] / change[0][k];
            print_message("%s, %s: %.4f %.4f\n", mlp_optimizer_name(rules[r].rule),
                          k == 0 ? "hidden" : "output", change[0][k], change[1][k]);
            assert_true(k == 0 ? fabs(share - 1.0) < 0.1
                               : share > 0.6 && share < 1.1); /* what an output starts with shrinks */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_has_its_own_rate_and_decay),
        cmocka_unit_test(frozen_layers_stay_and_count_for_no_norm),
        cmocka_unit_test(frozen_layers_count_for_no_clipping_rule),
        cmocka_unit_test(frozen_units_are_not_clipped),
        cmocka_unit_test(factors_are_checked),
        cmocka_unit_test(mup_factors_are_the_papers),
        cmocka_unit_test(changes_do_not_depend_on_the_width),
        cmocka_unit_test(no_rule_s_changes_depend_on_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
