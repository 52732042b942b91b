/* Gains: by quadrature, by PyTorch's table, and what they do to a deep network. */
#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/support.h"

enum { COUNT = 8, WIDTH = 1024, DEPTH = 20, SEEDS = 20 };

static void gains_are_those_of_the_tables(void **unused)
{
    static const struct {
        mlp_activation activation;
        double parameter, exact, pytorch; /* 0: none */
    } rows[] = {
        { MLP_ACTIVATION_SIGMOID, 0.0, 1.84623, 1.0 },
        { MLP_ACTIVATION_TANH, 0.0, 1.59254, 1.6666667 },
        { MLP_ACTIVATION_RELU, 0.0, 1.41421, 1.4142136 },
        { MLP_ACTIVATION_LEAKY_RELU, 0.01, 1.41414, 1.4141429 },
        { MLP_ACTIVATION_ELU, 0.0, 1.24520, 0.0 },
        { MLP_ACTIVATION_SELU, 0.0, 1.0, 0.75 },
        { MLP_ACTIVATION_GELU, 0.0, 1.53353, 0.0 },
        { MLP_ACTIVATION_SILU, 0.0, 1.67653, 0.0 },
        { MLP_ACTIVATION_MISH, 0.0, 1.48685, 0.0 },
        { MLP_ACTIVATION_SOFTSIGN, 0.0, 2.33753, 0.0 },
        { MLP_ACTIVATION_IDENTITY, 0.0, 1.0, 1.0 },
        { MLP_ACTIVATION_SOFTMAX, 0.0, 1.0, 1.0 },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const mlp_activation_choice choice = { .activation = rows[i].activation,
                                               .parameter = rows[i].parameter };
        double gain;
        assert_ok(mlp_activation_gain(MLP_GAIN_EXACT, &choice, &gain));
        assert_close(gain, rows[i].exact, 5e-6);
        if (rows[i].pytorch > 0.0) {
            assert_ok(mlp_activation_gain(MLP_GAIN_PYTORCH, &choice, &gain));
            assert_close(gain, rows[i].pytorch, 1e-6);
        } else {
            assert_refused(mlp_activation_gain(MLP_GAIN_PYTORCH, &choice, &gain), MLP_ERROR_UNSUPPORTED,
                           "pytorch", mlp_activation_name(rows[i].activation), NULL);
        }
    }
}

static void rules_have_names(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < mlp_gain_count(); i++) {
        mlp_gain gain;
        assert_ok(mlp_gain_from_name(mlp_gain_name((mlp_gain)i), &gain));
        assert_int_equal(gain, i);
        assert_non_null(mlp_gain_description((mlp_gain)i));
    }
    assert_null(mlp_gain_name((mlp_gain)mlp_gain_count()));
}

static void a_rule_becomes_a_number(void **unused)
{
    mlp_layer layers[] = { { .units = 4,
                             .activation = MLP_ACTIVATION_TANH,
                             .init = MLP_INIT_ORTHOGONAL,
                             .init_parameters = { .gain_rule = MLP_GAIN_PYTORCH } } };
    mlp_layer got;
    mlp_network *network;
    (void)unused;
    assert_ok(mlp_network_create(4, layers, 1, NULL, &network));
    assert_ok(mlp_network_layer(network, 0, &got));
    assert_close(got.init_parameters.gain, 5.0 / 3.0, 1e-15);
    assert_int_equal(got.init_parameters.gain_rule, MLP_GAIN_OWN); /* a file need not know it */
    mlp_network_destroy(&network);
    layers[0].init_parameters.gain = 2.0; /* a number wins */
    assert_ok(mlp_network_create(4, layers, 1, NULL, &network));
    assert_ok(mlp_network_layer(network, 0, &got));
    assert_close(got.init_parameters.gain, 2.0, 0.0);
    mlp_network_destroy(&network);
    layers[0].init_parameters.gain = 0.0;
    layers[0].activation = MLP_ACTIVATION_GELU;
    assert_refused(mlp_network_create(4, layers, 1, NULL, &network), MLP_ERROR_UNSUPPORTED, "layer 0", "gelu",
                   NULL);
    layers[0].init = MLP_INIT_ZEROS;
    layers[0].activation = MLP_ACTIVATION_TANH;
    assert_refused(mlp_network_create(4, layers, 1, NULL, &network), MLP_ERROR_ARGUMENT,
                   "zeros takes no gain", NULL);
    layers[0].init_parameters.gain_rule = (mlp_gain)9;
    assert_refused(mlp_network_create(4, layers, 1, NULL, &network), MLP_ERROR_ARGUMENT, "gain", NULL);
}

/* DEPTH layers of WIDTH units with exact gains, and a batch of mean square 1. */
struct deep {
    mlp_network *network;
    mlp_workspace *workspace;
    float x[COUNT * WIDTH];
};

static void make(struct deep *d, mlp_activation activation)
{
    mlp_layer layers[DEPTH];
    mlp_workspace_options keep = MLP_WORKSPACE_OPTIONS_INIT;
    for (size_t l = 0; l < DEPTH; l++) {
        layers[l] = (mlp_layer){ .units = WIDTH,
                                 .activation = activation,
                                 .init = MLP_INIT_VARIANCE_SCALING,
                                 .init_parameters = { .gain_rule = MLP_GAIN_EXACT } };
    }
    layers[0].init_parameters = (mlp_init_parameters){ .gain = 1.0 }; /* what it sees is no activation */
    keep.keep_pre_activations = 1;
    assert_ok(mlp_network_create(WIDTH, layers, DEPTH, NULL, &d->network));
    assert_ok(mlp_workspace_create(d->network, COUNT, &keep, &d->workspace));
}

/* Mean square of Z of each layer, of one draw. */
static void measure(struct deep *d, uint64_t seed, double square[DEPTH])
{
    uint64_t state = seed + 1;
    test_fill(&state, -1.7320508, 1.7320508, d->x, COUNT * WIDTH);
    assert_ok(mlp_network_initialize(d->network, seed));
    assert_ok(mlp_forward(d->network, d->workspace, d->x, COUNT));
    for (size_t l = 0; l < DEPTH; l++) {
        mlp_matrix z;
        double sum = 0.0;
        assert_ok(mlp_workspace_view(d->workspace, MLP_TENSOR_PRE_ACTIVATION, l, &z));
        for (size_t i = 0; i < WIDTH * COUNT; i++) {
            const double value = (double)z.data[i % WIDTH + i / WIDTH * z.leading_dimension];
            sum += value * value;
        }
        square[l] = sum / (WIDTH * COUNT);
    }
}

/* Slope of the map of q at 1: by what a deviation from 1 grows per layer. */
static double slope_of_map(mlp_activation activation, double gain)
{
    const mlp_activation_choice choice = { .activation = activation };
    mlp_activation_moments below, above;
    assert_ok(mlp_activation_moments_at(&choice, 0.99, &below));
    assert_ok(mlp_activation_moments_at(&choice, 1.01, &above));
    return gain * gain * (above.square - below.square) / 0.02;
}

/* The mean of SEEDS draws stays 1 within 2 % and three of its own standard errors: through all 20 layers
 * where q = 1 is a stable fixed point, or a neutral one (the ReLU family); through five for GELU, SiLU and
 * Mish, where it is unstable and deviations grow as slope^layers, so that no scale of the weights keeps a
 * deep network there. */
static void exact_gain_keeps_the_mean_square(void **unused)
{
    static const mlp_activation activations[] = { MLP_ACTIVATION_SIGMOID, MLP_ACTIVATION_TANH,
                                                  MLP_ACTIVATION_RELU,    MLP_ACTIVATION_LEAKY_RELU,
                                                  MLP_ACTIVATION_ELU,     MLP_ACTIVATION_SELU,
                                                  MLP_ACTIVATION_GELU,    MLP_ACTIVATION_SILU,
                                                  MLP_ACTIVATION_MISH,    MLP_ACTIVATION_SOFTSIGN };
    (void)unused;
    for (size_t a = 0; a < sizeof activations / sizeof activations[0]; a++) {
        static struct deep deep;
        const mlp_activation_choice choice = { .activation = activations[a] };
        double gain, one[DEPTH], mean[DEPTH] = { 0.0 }, squares[DEPTH] = { 0.0 };
        assert_ok(mlp_activation_gain(MLP_GAIN_EXACT, &choice, &gain));
        make(&deep, activations[a]);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            measure(&deep, seed, one);
            for (size_t l = 0; l < DEPTH; l++) {
                mean[l] += one[l] / SEEDS;
                squares[l] += one[l] * one[l] / SEEDS;
            }
        }
        const double slope = slope_of_map(activations[a], gain);
        const bool stable = slope < 1.001;
        double first_error = 0.0;
        for (size_t l = 0; l < DEPTH; l++) {
            const double error = sqrt((squares[l] - mean[l] * mean[l]) / (SEEDS - 1));
            if (l == 4 || l == DEPTH - 1) {
                print_message("%s, slope %.3f, layer %zu: %.4f ± %.4f\n", mlp_activation_name(activations[a]),
                              slope, l, mean[l], error);
            }
            assert_true((!stable && l > 4) || fabs(mean[l] - 1.0) < 0.02 + 3.0 * error);
            assert_true(!stable || error < 0.08);
            first_error = l == 4 ? error : first_error;
            assert_true(stable || l < DEPTH - 1 || error > first_error * pow(slope, (DEPTH - 5) / 2.0));
        }
        mlp_workspace_destroy(&deep.workspace);
        mlp_network_destroy(&deep.network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_are_those_of_the_tables),
        cmocka_unit_test(rules_have_names),
        cmocka_unit_test(a_rule_becomes_a_number),
        cmocka_unit_test(exact_gain_keeps_the_mean_square),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
