/* Initializations that look at a batch, and one layer drawn anew. */
#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/support.h"

enum { COUNT = 200, INPUTS = 12, LAYERS = 4 };

/* clang-format off */
static const mlp_layer layers[LAYERS] = {
    { .units = 30, .activation = MLP_ACTIVATION_RELU, .init = MLP_INIT_NORMAL,
      .init_parameters = { .a = 0.05 } },
    { .units = 8, .activation = MLP_ACTIVATION_TANH, .init = MLP_INIT_NORMAL,
      .init_parameters = { .a = 3.0 } },
    { .units = 40, .activation = MLP_ACTIVATION_GELU },
    { .units = 5, .activation = MLP_ACTIVATION_SOFTMAX },
};
/* clang-format on */

static mlp_network *make(float *x)
{
    uint64_t state = 5;
    mlp_network *network;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    options.seed = 3;
    test_fill(&state, 0.0, 7.0, x, COUNT * INPUTS);
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, &options, &network));
    return network;
}

/* Z of a layer, by plain products from the network's own parameters: mean and variance of units first … end
 * − 1. */
static void moments(const mlp_network *network, const float *x, size_t layer, size_t first, size_t end,
                    double *mean, double *variance)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace;
    mlp_const_matrix w, b;
    mlp_matrix a;
    double sum = 0.0, squares = 0.0;
    assert_ok(mlp_workspace_create(network, COUNT, &options, &workspace));
    assert_ok(mlp_forward(network, workspace, x, COUNT));
    assert_ok(mlp_network_weights(network, layer, &w));
    assert_ok(mlp_network_bias(network, layer, &b));
    if (layer > 0) {
        assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, layer - 1, &a));
    } else {
        a = (mlp_matrix){ (float *)x, INPUTS, COUNT, INPUTS };
    }
    for (size_t s = 0; s < COUNT; s++) {
        for (size_t i = first; i < end; i++) {
            double z = b.data[i];
            for (size_t j = 0; j < w.columns; j++) {
                z +=
                    (double)w.data[i + j * w.leading_dimension] * (double)a.data[j + s * a.leading_dimension];
            }
            sum += z;
            squares += z * z;
        }
    }
    const double count = (double)(end - first) * COUNT;
    *mean = sum / count;
    *variance = squares / count - *mean * *mean;
    mlp_workspace_destroy(&workspace);
}

static void lsuv_gives_every_layer_unit_variance(void **unused)
{
    float x[COUNT * INPUTS];
    mlp_network *network = make(x);
    (void)unused;
    assert_ok(mlp_network_initialize_from_data(network, MLP_DATA_INIT_LSUV, x, COUNT));
    for (size_t l = 0; l < LAYERS; l++) {
        double mean, variance;
        mlp_spectrum s;
        mlp_const_matrix b;
        moments(network, x, l, 0, layers[l].units, &mean, &variance);
        assert_close(variance, 1.0, 0.0201);
        assert_ok(mlp_weight_spectrum(network, l, NULL, &s)); /* still a multiple of an orthonormal matrix */
        assert_close(s.condition, 1.0, 1e-4);
        assert_ok(mlp_network_bias(network, l, &b));
        assert_true(b.data[0] == 0.0f);
    }
    mlp_network_destroy(&network);
}

static void weight_norm_gives_every_unit_mean_0_and_variance_1(void **unused)
{
    float x[COUNT * INPUTS];
    mlp_network *network = make(x);
    mlp_const_matrix before, after;
    float kept[2];
    (void)unused;
    assert_ok(mlp_network_weights(network, 0, &before));
    kept[0] = before.data[3];
    kept[1] = before.data[3 + before.leading_dimension];
    assert_ok(mlp_network_initialize_from_data(network, MLP_DATA_INIT_WEIGHT_NORM, x, COUNT));
    for (size_t l = 0; l < LAYERS; l++) {
        for (size_t i = 0; i < layers[l].units; i++) {
            double mean, variance;
            moments(network, x, l, i, i + 1, &mean, &variance);
            assert_close(mean, 0.0, 1e-4);
            assert_close(variance, 1.0, 1e-3);
        }
    }
    assert_ok(mlp_network_weights(network, 0, &after)); /* the direction is what it was */
    assert_close(after.data[3] / after.data[3 + after.leading_dimension], kept[0] / kept[1], 1e-5);
    mlp_network_destroy(&network);
}

static void features_that_do_not_vary_are_refused(void **unused)
{
    float x[COUNT * INPUTS];
    mlp_network *network = make(x), *before;
    mlp_const_matrix w, kept;
    (void)unused;
    assert_ok(mlp_network_copy(network, &before));
    for (size_t i = 0; i < COUNT * INPUTS; i++) {
        x[i] = 0.0f;
    }
    assert_refused(mlp_network_initialize_from_data(network, MLP_DATA_INIT_LSUV, x, COUNT), MLP_ERROR_RANGE,
                   "layer 0", "vary", NULL);
    assert_refused(mlp_network_initialize_from_data(network, MLP_DATA_INIT_WEIGHT_NORM, x, COUNT),
                   MLP_ERROR_RANGE, "layer 0, unit 0", NULL);
    x[3] = NAN;
    assert_refused(mlp_network_initialize_from_data(network, MLP_DATA_INIT_LSUV, x, COUNT),
                   MLP_ERROR_NONFINITE, "layer 0", NULL);
    assert_refused(mlp_network_initialize_from_data(network, MLP_DATA_INIT_LSUV, x, 1), MLP_ERROR_RANGE,
                   "count", NULL);
    assert_refused(mlp_network_initialize_from_data(network, (mlp_data_init)9, x, 2), MLP_ERROR_ARGUMENT, "9",
                   NULL);
    for (size_t l = 0; l < LAYERS; l++) {
        assert_ok(mlp_network_weights(network, l, &w));
        assert_ok(mlp_network_weights(before, l, &kept));
        assert_memory_equal(w.data, kept.data, w.leading_dimension * w.columns * sizeof(float));
    }
    mlp_network_destroy(&before);
    mlp_network_destroy(&network);
}

static void one_layer_is_drawn_as_the_whole_network_would_be(void **unused)
{
    float x[COUNT * INPUTS];
    mlp_network *network = make(x), *other = make(x), *before = make(x);
    mlp_const_matrix w, expected;
    (void)unused;
    assert_ok(mlp_network_initialize(other, 77));
    assert_ok(mlp_network_initialize_layer(network, 1, 77));
    for (size_t l = 0; l < LAYERS; l++) {
        assert_ok(mlp_network_weights(network, l, &w));
        assert_ok(mlp_network_weights(l == 1 ? other : before, l, &expected));
        assert_memory_equal(w.data, expected.data, w.leading_dimension * w.columns * sizeof(float));
    }
    assert_refused(mlp_network_initialize_layer(network, LAYERS, 1), MLP_ERROR_RANGE, "layer is 4", NULL);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
    mlp_network_destroy(&before);
}

static bool all_finite(const mlp_network *network)
{
    mlp_const_matrix w, b;
    bool finite = true;
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        assert_ok(mlp_network_weights(network, l, &w));
        assert_ok(mlp_network_bias(network, l, &b));
        for (size_t i = 0; i < w.rows * w.columns; i++) {
            finite = finite && isfinite(w.data[i % w.rows + i / w.rows * w.leading_dimension]) &&
                     isfinite(b.data[i % w.rows]);
        }
    }
    return finite;
}

/* Features from one end of float's range to the other, about 0 and off it: what is kept is finite. */
static void extreme_features_leave_finite_parameters(void **unused)
{
    static const double sizes[] = { 1e-44, 1e-38, 1e-36, 1e-30, 1e-19, 1.0, 1e19, 1e30, 1e37, 1e38 };
    size_t made = 0, refused = 0;
    (void)unused;
    for (size_t k = 0; k < 10 * 2 * 2 * 2; k++) {
        float x[COUNT * INPUTS], samples[COUNT * INPUTS];
        mlp_network *network = make(x), *before;
        mlp_const_matrix w, kept;
        mlp_network_destroy(&network);
        assert_ok(mlp_network_create(INPUTS, k / 10 % 2 == 0 ? layers : &layers[LAYERS - 1],
                                     k / 10 % 2 == 0 ? LAYERS : 1, NULL, &network));
        assert_ok(mlp_network_copy(network, &before));
        for (size_t i = 0; i < COUNT * INPUTS; i++) {
            samples[i] = (float)(sizes[k % 10] * ((double)x[i] / 7.0 + (k / 40 == 0 ? 0.0 : 1.0)));
        }
        const mlp_data_init method = k / 20 % 2 == 0 ? MLP_DATA_INIT_LSUV : MLP_DATA_INIT_WEIGHT_NORM;
        const mlp_status status = mlp_network_initialize_from_data(network, method, samples, COUNT);
        assert_true(all_finite(network));
        assert_ok(mlp_network_weights(network, 0, &w));
        assert_ok(mlp_network_weights(before, 0, &kept));
        if (status != MLP_OK) {
            assert_memory_equal(w.data, kept.data, w.leading_dimension * w.columns * sizeof(float));
        }
        made += (size_t)(status == MLP_OK);
        refused += (size_t)(status != MLP_OK);
        mlp_network_destroy(&before);
        mlp_network_destroy(&network);
    }
    assert_true(made > 20 && refused > 5);
}

/* z = 10⁷(x₀ − x₁) with inputs of 10⁻³⁷ that differ by a hundredth at most: its variance is 1 for weights
 * beyond float's range. */
static void weights_beyond_floats_are_refused(void **unused)
{
    static const float steep[] = { 1e7f, -1e7f };
    const mlp_layer layer[] = { { .units = 1 } };
    float x[COUNT * 2];
    mlp_network *network;
    mlp_const_matrix w;
    (void)unused;
    for (size_t s = 0; s < COUNT; s++) {
        x[2 * s] = 1e-37f;
        x[2 * s + 1] = s % 2 == 0 ? 1e-37f : 1.01e-37f;
    }
    assert_ok(mlp_network_create(2, layer, 1, NULL, &network));
    assert_ok(mlp_network_set_weights(network, 0, steep));
    assert_refused(mlp_network_initialize_from_data(network, MLP_DATA_INIT_WEIGHT_NORM, x, COUNT),
                   MLP_ERROR_NONFINITE, "layer 0, unit 0", "variance 1", NULL);
    assert_ok(mlp_network_weights(network, 0, &w));
    assert_true(w.data[0] == steep[0]);
    mlp_network_destroy(&network);
}

/* The last layer's draw has entries beyond float's range: the layers before it are as they were, too. */
static void a_draw_that_fails_changes_nothing(void **unused)
{
    const float values[INPUTS] = { 0.25f };
    const mlp_init_parameters wide = { .gain = 3e38 };
    const mlp_layer two[] = { { .units = 1 },
                              { .units = 1, .init = MLP_INIT_LECUN_NORMAL, .init_parameters = wide } };
    mlp_network *network = NULL;
    mlp_const_matrix w;
    uint64_t seed = 0;
    size_t refused = 0;
    (void)unused;
    while (network == NULL) { /* a seed whose draw is within the range */
        mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
        options.seed = seed++;
        const mlp_status status = mlp_network_create(INPUTS, two, 2, &options, &network);
        assert_true(status == MLP_OK || status == MLP_ERROR_NONFINITE);
    }
    for (size_t s = 0; s < 32; s++) {
        assert_ok(mlp_network_set_weights(network, 0, values));
        const mlp_status status = mlp_network_initialize(network, s);
        assert_ok(mlp_network_weights(network, 0, &w));
        assert_true((w.data[0] == 0.25f) == (status == MLP_ERROR_NONFINITE));
        refused += (size_t)(status == MLP_ERROR_NONFINITE);
    }
    assert_true(refused > 0 && refused < 32);
    mlp_network_destroy(&network);
}

static void names_go_round(void **unused)
{
    mlp_data_init method;
    (void)unused;
    for (int i = 0; i < 2; i++) {
        assert_ok(mlp_data_init_from_name(mlp_data_init_name((mlp_data_init)i), &method));
        assert_int_equal(method, i);
    }
    assert_null(mlp_data_init_name((mlp_data_init)2));
    assert_refused(mlp_data_init_from_name("data", &method), MLP_ERROR_ARGUMENT, "lsuv", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lsuv_gives_every_layer_unit_variance),
        cmocka_unit_test(weight_norm_gives_every_unit_mean_0_and_variance_1),
        cmocka_unit_test(features_that_do_not_vary_are_refused),
        cmocka_unit_test(one_layer_is_drawn_as_the_whole_network_would_be),
        cmocka_unit_test(extreme_features_leave_finite_parameters),
        cmocka_unit_test(weights_beyond_floats_are_refused),
        cmocka_unit_test(a_draw_that_fails_changes_nothing),
        cmocka_unit_test(names_go_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
