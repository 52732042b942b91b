/* The network handle: what creation checks and resolves, layout, copies, what travels with it. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"

static const mlp_layer good[] = { { .units = 7, .activation = MLP_ACTIVATION_LEAKY_RELU },
                                  { .units = 20, .activation = MLP_ACTIVATION_GELU },
                                  { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };

static mlp_network *make(uint64_t seed)
{
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.seed = seed;
    assert_ok(mlp_network_create(5, good, 3, &options, &network));
    return network;
}

static void defaults_are_resolved(void **unused)
{
    mlp_network *network = make(1);
    mlp_layer layer;
    mlp_init_summary summary;
    (void)unused;
    assert_int_equal(mlp_network_inputs(network), 5);
    assert_int_equal(mlp_network_outputs(network), 3);
    assert_int_equal(mlp_network_layer_count(network), 3);
    assert_int_equal(mlp_network_parameter_count(network), 7 * 6 + 20 * 8 + 3 * 21);
    assert_int_equal(mlp_network_loss(network), MLP_LOSS_CROSS_ENTROPY);
    assert_ok(mlp_network_layer(network, 0, &layer));
    assert_true(layer.init == MLP_INIT_HE_NORMAL && layer.activation_parameter == 0.01 &&
                layer.bias_init == MLP_INIT_ZEROS);
    assert_ok(mlp_network_init_summary(network, 0, &summary));
    assert_true(summary.fan_in == 5 && summary.fan_out == 7);
    assert_close(summary.deviation, sqrt(2.0 / 1.0001 / 5.0), 1e-12);
    assert_ok(mlp_network_init_summary(network, 1, &summary));
    assert_true(summary.init == MLP_INIT_VARIANCE_SCALING);
    assert_close(summary.gain, 1.53353, 1e-5); /* 1/√E[gelu(z)²] */
    assert_ok(mlp_network_init_summary(network, 2, &summary));
    assert_close(summary.deviation, sqrt(2.0 / 23.0), 1e-12);
    mlp_network_destroy(&network);
    assert_null(network);
}

static void layout_and_padding(void **unused)
{
    mlp_network *network = make(1);
    (void)unused;
    for (size_t l = 0; l < 3; l++) {
        mlp_const_matrix w, b;
        float values[20 * 20];
        uint64_t state = 4;
        assert_ok(mlp_network_weights(network, l, &w));
        assert_ok(mlp_network_bias(network, l, &b));
        assert_int_equal(w.leading_dimension % 16, 0);
        assert_int_equal((uintptr_t)w.data % 64, 0);
        for (size_t j = 0; j < w.columns; j++) {
            for (size_t i = w.rows; i < w.leading_dimension; i++) {
                assert_true(w.data[i + j * w.leading_dimension] == 0.0f);
            }
        }
        test_fill(&state, -1.0, 1.0, values, w.rows * w.columns);
        assert_ok(mlp_network_set_weights(network, l, values));
        for (size_t j = 0; j < w.columns; j++) {
            assert_memory_equal(w.data + j * w.leading_dimension, values + j * w.rows,
                                w.rows * sizeof(float));
        }
        assert_ok(mlp_network_set_bias(network, l, values));
        assert_memory_equal(b.data, values, b.rows * sizeof(float));
        values[1] = NAN;
        assert_refused(mlp_network_set_weights(network, l, values), MLP_ERROR_NONFINITE, "nan", NULL);
        assert_true(isfinite(w.data[1]));
    }
    mlp_network_destroy(&network);
}

static void seeds_decide_and_layers_differ(void **unused)
{
    mlp_network *a = make(7), *b = make(7), *c = make(8);
    (void)unused;
    const size_t bytes = a->arena_size * sizeof(float);
    assert_memory_equal(a->parameters, b->parameters, bytes);
    assert_true(memcmp(a->parameters, c->parameters, bytes) != 0);
    assert_ok(mlp_network_initialize(c, 7));
    assert_memory_equal(a->parameters, c->parameters, bytes);
    assert_int_equal(mlp_network_seed(c), 7);
    assert_true(a->parameters[a->layers[0].weights] != a->parameters[a->layers[1].weights]);
    mlp_network_destroy(&a);
    mlp_network_destroy(&b);
    mlp_network_destroy(&c);
}

static void copies_are_independent(void **unused)
{
    static const float mean[] = { 1, 2, 3, 4, 5 }, scale[] = { 1, 2, 4, 8, 16 };
    static const char *const names[] = { "katze", "hund", "zebra \xC3\xA4" };
    mlp_network *network = make(2), *copy;
    const float *found;
    (void)unused;
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_class_names(network, names, 3));
    assert_ok(mlp_network_copy(network, &copy));
    const float kept = copy->parameters[0];
    network_write(network)[0] += 1.0f;
    assert_true(copy->parameters[0] == kept);
    assert_ok(mlp_network_copy_parameters(copy, network));
    assert_true(copy->parameters[0] == network->parameters[0]);
    mlp_network_destroy(&network);
    mlp_network_standardization(copy, NULL, &found);
    assert_memory_equal(found, scale, sizeof scale);
    assert_string_equal(mlp_network_class_name(copy, 2), names[2]);
    assert_null(mlp_network_note(copy));
    assert_ok(mlp_network_set_note(copy, "one\ntwo"));
    assert_refused(mlp_network_set_note(copy, "a\xFF"), MLP_ERROR_ARGUMENT, "note", "byte 1", NULL);
    assert_string_equal(mlp_network_note(copy), "one\ntwo");
    assert_ok(mlp_network_set_note(copy, ""));
    assert_null(mlp_network_note(copy));
    assert_null(mlp_network_note(NULL));
    assert_null(mlp_network_class_name(copy, 3));
    assert_refused(mlp_network_set_standardization(copy, mean, (float[]){ 1, 1, 0, 1, 1 }), MLP_ERROR_RANGE,
                   "input 2", NULL);
    assert_refused(mlp_network_set_class_names(copy, names, 2), MLP_ERROR_SHAPE, "2 given", "3", NULL);
    const char *const controls[] = { "b\n", "\x1B[2J", "\x7F", "b\xC2\x80", "\xC2\x9F" };
    for (size_t i = 0; i < sizeof controls / sizeof controls[0]; i++) {
        assert_refused(mlp_network_set_class_names(copy, (const char *const[]){ "a", controls[i], "c" }, 3),
                       MLP_ERROR_ARGUMENT, "name 1", "a control character", NULL);
    }
    assert_refused(mlp_network_set_class_names(copy, (const char *const[]){ "a", "b\xFF", "c" }, 3),
                   MLP_ERROR_ARGUMENT, "UTF-8", "name 1", NULL);
    assert_string_equal(mlp_network_class_name(copy, 0), "katze");
    mlp_network_destroy(&copy);
}

static void refuse(const mlp_layer *layer, int as_output, mlp_status status, const char *first,
                   const char *second)
{
    mlp_layer layers[3] = { good[0], good[1], good[2] };
    mlp_network *network;
    layers[as_output ? 2 : 1] = *layer;
    assert_refused(mlp_network_create(5, layers, 3, NULL, &network), status,
                   as_output ? "layer 2" : "layer 1", first, second, NULL);
    assert_null(network);
}

static void bad_layers_are_named(void **unused)
{
    mlp_network *network;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    (void)unused;
    refuse(&(mlp_layer){ .units = 0 }, 0, MLP_ERROR_RANGE, "units is 0", "expected 1");
    refuse(&(mlp_layer){ .units = SIZE_MAX }, 1, MLP_ERROR_RANGE, "units", NULL);
    refuse(&(mlp_layer){ .units = 2, .activation = MLP_ACTIVATION_SOFTMAX }, 0, MLP_ERROR_ARGUMENT, "softmax",
           "output");
    refuse(&(mlp_layer){ .units = 2, .activation = (mlp_activation)77 }, 0, MLP_ERROR_ARGUMENT, "activation",
           "77");
    refuse(&(mlp_layer){ .units = 2, .activation_parameter = 0.5 }, 0, MLP_ERROR_ARGUMENT,
           "activation_parameter", NULL);
    refuse(&(mlp_layer){ .units = 2, .activation = MLP_ACTIVATION_CUSTOM }, 0, MLP_ERROR_ARGUMENT, "custom",
           "NULL");
    refuse(&(mlp_layer){ .units = 2, .init = MLP_INIT_NORMAL, .init_parameters = { .a = -1.0 } }, 0,
           MLP_ERROR_RANGE, "normal", "-1");
    refuse(&(mlp_layer){ .units = 2, .bias_init = MLP_INIT_ORTHOGONAL }, 1, MLP_ERROR_ARGUMENT, "orthogonal",
           "bias");
    assert_refused(mlp_network_create(0, good, 3, NULL, &network), MLP_ERROR_RANGE, "inputs is 0", NULL);
    assert_refused(mlp_network_create(5, good, 0, NULL, &network), MLP_ERROR_RANGE, "layers is 0", NULL);
    options.loss = MLP_LOSS_BINARY_CROSS_ENTROPY;
    assert_refused(mlp_network_create(5, good, 3, &options, &network), MLP_ERROR_ARGUMENT,
                   "binary-cross-entropy", "sigmoid", NULL);
    options.struct_size = 4;
    assert_refused(mlp_network_create(5, good, 3, &options, &network), MLP_ERROR_ARGUMENT,
                   "MLP_NETWORK_OPTIONS_INIT", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_resolved),          cmocka_unit_test(layout_and_padding),
        cmocka_unit_test(seeds_decide_and_layers_differ), cmocka_unit_test(copies_are_independent),
        cmocka_unit_test(bad_layers_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
