/* L1, the elastic net and the max-norm constraint, against their formulas in double. */
#include "support/support.h"

#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/clip.h"
#include "optim/optimizer.h"

enum { INPUTS = 41, UNITS = 70, OUTPUTS = 9, BATCH = 24 };

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[BATCH * INPUTS];
    int32_t y[BATCH];
    float *before, *gradients;
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
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, &workspace, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->y[i] = i % OUTPUTS;
    }
    network_write(f->network)[3] = 0.0f; /* W of layer 0, unit 3 and input 0 */
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

static void step(struct fixture *f)
{
    const mlp_targets targets = { f->y, NULL, NULL };
    const size_t bytes = f->network->arena_size * sizeof(float);
    assert_ok(mlp_forward(f->network, f->workspace, f->x, BATCH));
    assert_ok(mlp_loss_backward(f->network, f->workspace, &targets, NULL));
    memcpy(f->before, f->network->parameters, bytes);
    memcpy(f->gradients, f->workspace->gradients, bytes);
    assert_ok(mlp_optimizer_step(f->optimizer, f->network, f->workspace, NULL));
}

static double sign(double w)
{
    return w > 0.0 ? 1.0 : w < 0.0 ? -1.0 : 0.0;
}

static void an_elastic_net_is_its_formula(void **unused)
{
    (void)unused;
    for (int biases = 0; biases <= 1; biases++) {
        struct fixture f;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        const mlp_layer_factors half = { .weight_rate = 1.0, .bias_rate = 1.0, .decay = 0.5 };
        options.learning_rate = 0.25;
        options.weight_decay = 0.125;
        options.l1 = 0.0625;
        options.decay_biases = biases;
        make(&f, &options, 1);
        assert_ok(mlp_optimizer_set_factors(f.optimizer, 1, &half));
        step(&f);
        for (size_t l = 0; l < 2; l++) {
            const struct layer *layer = &f.network->layers[l];
            for (size_t j = 0; j <= layer->inputs; j++) {
                for (size_t i = 0; i < layer->units; i++) {
                    const size_t at = layer->weights + i + j * layer->stride; /* b follows W */
                    const double w = f.before[at],
                                 share = (j == layer->inputs && !biases ? 0.0 : 1.0) * (l == 1 ? 0.5 : 1.0);
                    const double expected =
                        w - 0.25 * (f.gradients[at] + share * (0.125 * w + 0.0625 * sign(w)));
                    assert_close(f.network->parameters[at], expected, 2e-7);
                }
            }
        }
        drop(&f);
    }
}

/* With every rule, a gradient that L1 makes is that of the rule with the same gradient: for a first step of
 * Lion the sign alone. */
static void every_rule_takes_l1(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < MLP_OPTIMIZER_MUON; r++) { /* which turns the direction; L-BFGS takes none */
        struct fixture with, without;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        make(&without, &options, 1);
        options.l1 = 0.5; /* larger than any gradient here */
        make(&with, &options, 1);
        step(&without);
        step(&with);
        double shrunk = 0.0, total = 0.0;
        for (size_t i = 0; i < INPUTS; i++) {
            const size_t at = i * with.network->layers[0].stride + 7;
            const double w = with.before[at];
            shrunk += (with.network->parameters[at] - w) * sign(w) < 0.0;
            total += 1.0;
        }
        assert_true(shrunk == total);
        assert_memory_not_equal(with.network->parameters, without.network->parameters, 64);
        drop(&with);
        drop(&without);
    }
}

static double norm_of(const struct fixture *f, const float *parameters, size_t l, size_t unit)
{
    const struct layer *layer = &f->network->layers[l];
    double squares = 0.0;
    for (size_t j = 0; j < layer->inputs; j++) {
        const double w = parameters[layer->weights + unit + j * layer->stride];
        squares += w * w;
    }
    return sqrt(squares);
}

static void max_norm_scales_what_is_larger(void **unused)
{
    struct fixture f, plain;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    size_t larger = 0, smaller = 0;
    (void)unused;
    options.learning_rate = 0.5;
    make(&plain, &options, 1);
    options.max_norm = 1.0;
    make(&f, &options, 1);
    step(&plain);
    step(&f);
    for (size_t l = 0; l < 2; l++) {
        const struct layer *layer = &f.network->layers[l];
        for (size_t i = 0; i < layer->units; i++) {
            const double norm = norm_of(&plain, plain.network->parameters, l, i),
                         scale = norm > 1.0 ? 1.0 / norm : 1.0;
            larger += norm > 1.0;
            smaller += norm <= 1.0;
            for (size_t j = 0; j < layer->inputs; j++) {
                const size_t at = layer->weights + i + j * layer->stride;
                assert_close(f.network->parameters[at], plain.network->parameters[at] * scale,
                             norm > 1.0 ? 1e-7 : 0.0);
            }
            assert_true(f.network->parameters[layer->bias + i] == plain.network->parameters[layer->bias + i]);
        }
    }
    assert_true(larger > 5 && smaller > 5);
    drop(&f);
    drop(&plain);
}

static void max_norm_has_the_same_bits_on_any_threads_and_spares_frozen_layers(void **unused)
{
    struct fixture one, many;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    const mlp_layer_factors frozen = { .weight_rate = 0.0, .bias_rate = 1.0, .decay = 1.0 };
    (void)unused;
    options.rule = MLP_OPTIMIZER_ADAM;
    options.learning_rate = 0.1;
    options.max_norm = 0.8;
    make(&one, &options, 1);
    make(&many, &options, 3);
    for (int i = 0; i < 5; i++) {
        const mlp_targets targets = { one.y, NULL, NULL };
        assert_ok(mlp_train_step(one.network, one.optimizer, one.workspace, one.x, &targets, BATCH, NULL));
        step(&many);
    }
    assert_memory_equal(one.network->parameters, many.network->parameters,
                        one.network->arena_size * sizeof(float));
    assert_ok(mlp_optimizer_set_factors(one.optimizer, 0, &frozen));
    const struct layer *layer = &one.network->layers[0];
    for (size_t j = 0; j < layer->inputs; j++) {
        network_write(one.network)[layer->weights + j * layer->stride] = 2.0f;
    }
    step(&one);
    assert_close(norm_of(&one, one.network->parameters, 0, 0), 2.0 * sqrt(INPUTS), 1e-6);
    drop(&one);
    drop(&many);
}

/* Padding of signalling NaNs, which set FE_INVALID when they are read to be computed with. */
static void fill_padding(const mlp_network *network, float *arena)
{
    static const uint32_t signalling = 0x7FA00000;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        for (size_t j = 0; j <= layer->inputs; j++) { /* b follows W */
            for (size_t i = layer->units; i < layer->stride; i++) {
                memcpy(&arena[layer->weights + j * layer->stride + i], &signalling, sizeof signalling);
            }
        }
    }
}

/* What goes through units reads and writes these alone, neither padding nor a layer that is not there. */
static void units_are_visited_without_their_padding(void **unused)
{
    const struct team alone = { .size = 1 };
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    options.max_norm = 0.01;
    make(&f, &options, 1);
    step(&f);
    struct update_plan plan = { .optimizer = f.optimizer,
                                .network = f.network,
                                .workspace = f.workspace,
                                .parameters = network_write(f.network) };
    const size_t bytes = f.network->arena_size * sizeof(float);
    float *arenas[] = { plan.parameters, f.workspace->gradients };
    double ratios[UNITS + 1];
    for (int a = 0; a < 2; a++) {
        fill_padding(f.network, arenas[a]);
    }
    feclearexcept(FE_ALL_EXCEPT);
    centralize_gradients(&alone, &plan);
    clip_agc_units(&alone, &plan, 0, 1e-6, ratios);
    clip_agc_units(&alone, &plan, 1, 1e-6, ratios);
    max_norm_apply(&alone, &plan);
    assert_int_equal(fetestexcept(FE_INVALID), 0);
    for (int a = 0; a < 2; a++) {
        memcpy(f.before, arenas[a], bytes);
        fill_padding(f.network, f.before);
        assert_memory_equal(f.before, arenas[a], bytes);
    }
    drop(&f);
}

static void bad_options_are_named(void **unused)
{
    struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    (void)unused;
    make(&f, &options, 1);
    options.l1 = -1.0;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_RANGE, "l1", "-1", NULL);
    options.l1 = 0.0;
    options.max_norm = INFINITY;
    assert_refused(mlp_optimizer_create(f.network, &options, &optimizer), MLP_ERROR_RANGE, "max_norm", "inf",
                   NULL);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_elastic_net_is_its_formula),
        cmocka_unit_test(every_rule_takes_l1),
        cmocka_unit_test(max_norm_scales_what_is_larger),
        cmocka_unit_test(units_are_visited_without_their_padding),
        cmocka_unit_test(max_norm_has_the_same_bits_on_any_threads_and_spares_frozen_layers),
        cmocka_unit_test(bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
