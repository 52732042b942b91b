/* mlp_find_nonfinite() names the very place: a bias by its unit, an activation by its layer. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

enum { INPUTS = 3, UNITS = 20, COUNT = 4 };

/* φ that is not finite for one value of a finite z, which no product overflows to. */
static void value(const float *z, float *a, size_t count, void *context)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = z[i] > *(const float *)context ? INFINITY : z[i];
    }
}

static void derivative(const float *z, float *d, size_t count, void *context)
{
    (void)z;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        d[i] = 1.0f;
    }
}

static mlp_network *make(float *limit)
{
    const mlp_activation_callbacks custom = { value, derivative, limit };
    const mlp_layer layers[] = {
        { .units = UNITS },
        { .units = UNITS, .activation = MLP_ACTIVATION_CUSTOM, .custom_activation = custom },
        { .units = 2 }
    };
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &network));
    return network;
}

static const float x[COUNT * INPUTS] = { 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0 };

static void a_bias_is_named_by_its_unit(void **unused)
{
    float limit = 1e30f;
    mlp_network *network = make(&limit);
    mlp_const_matrix b;
    mlp_nonfinite_location found;
    (void)unused;
    assert_ok(mlp_network_bias(network, 1, &b));
    ((float *)b.data)[UNITS - 1] = -INFINITY; /* as a stray write would */
    assert_ok(mlp_find_nonfinite(network, x, NULL, COUNT, &found));
    assert_int_equal(found.place, MLP_PLACE_BIAS);
    assert_int_equal(found.layer, 1);
    assert_int_equal(found.unit, UNITS - 1);
    assert_true(found.value < 0.0 && isinf(found.value));
    mlp_network_destroy(&network);
}

static void an_activation_is_named_by_its_layer(void **unused)
{
    float limit = 1e30f, bias[UNITS] = { [7] = 2e30f };
    mlp_network *network = make(&limit);
    mlp_nonfinite_location found;
    (void)unused;
    assert_ok(mlp_network_set_bias(network, 1, bias));
    assert_ok(mlp_find_nonfinite(network, x, NULL, COUNT, &found));
    assert_int_equal(found.place, MLP_PLACE_FORWARD);
    assert_int_equal(found.layer, 1);
    assert_int_equal(found.unit, 7);
    mlp_network_destroy(&network);
}

static void assert_located(const mlp_network *network, const float *batch, mlp_place place, size_t layer,
                           size_t unit, size_t sample)
{
    mlp_nonfinite_location found;
    assert_ok(mlp_find_nonfinite(network, batch, NULL, COUNT, &found));
    assert_int_equal(found.place, place);
    assert_int_equal(found.layer, layer);
    assert_int_equal(found.unit, unit);
    assert_int_equal(found.sample, sample);
}

/* As layer 2's entry 1, 7. */
static void assert_diagnosed(const mlp_network *network, const float *batch)
{
    static const float values[COUNT * 2] = { 0 };
    const mlp_targets targets = { .values = values };
    static const char *const words[] = { "non-finite: layer 2", "nan", "1, 7" };
    mlp_diagnosis *diagnosis;
    assert_ok(mlp_diagnose(network, batch, &targets, COUNT, NULL, &diagnosis));
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(strstr(mlp_diagnosis_text(diagnosis), words[i]));
    }
    mlp_diagnosis_destroy(&diagnosis);
}

/* Where the first value that is not finite is: an entry, what comes of entries that are finite, an input in
 * its sample. */
static void weights_sums_and_inputs_are_located(void **unused)
{
    float limit = 1e30f, batch[COUNT * INPUTS];
    mlp_network *network = make(&limit);
    mlp_const_matrix w;
    mlp_nonfinite_location found;
    (void)unused;
    memcpy(batch, x, sizeof batch);
    assert_ok(mlp_find_nonfinite(network, batch, NULL, COUNT, &found));
    assert_int_equal(found.place, MLP_PLACE_NONE);
    assert_ok(mlp_network_weights(network, 2, &w));
    float *entry = (float *)w.data + 1 + 7 * w.leading_dimension;
    const float kept = *entry;
    *entry = NAN;
    assert_located(network, batch, MLP_PLACE_WEIGHTS, 2, 1, 7);
    assert_diagnosed(network, batch);
    *entry = kept;
    for (size_t j = 0; j < w.columns; j++) {
        ((float *)w.data)[1 + j * w.leading_dimension] = 3e38f;
    }
    assert_ok(mlp_find_nonfinite(network, batch, NULL, COUNT, &found));
    assert_int_equal(found.place, MLP_PLACE_FORWARD);
    assert_int_equal(found.layer, 2);
    assert_int_equal(found.unit, 1);
    assert_true(isinf(found.value));
    batch[2 + 3 * INPUTS] = INFINITY;
    assert_located(network, batch, MLP_PLACE_INPUT, 0, 2, 3);
    mlp_network_destroy(&network);
}

/* Inputs of 0 keep dW finite; errors of 3e38 in one direction add up to a db that is not. */
static void bias_gradients_that_overflow_are_found(void **unused)
{
    enum { SAMPLES = 4 };
    const mlp_layer layers[] = { { .units = 1 } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    mlp_nonfinite_location found;
    mlp_diagnosis *diagnosis;
    const float zeros[SAMPLES] = { 0 }, values[SAMPLES] = { -8e37f, -8e37f, -8e37f, -8e37f };
    const mlp_targets targets = { .values = values };
    (void)unused;
    options.loss = MLP_LOSS_SQUARED_ERROR;
    options.reduction = MLP_REDUCTION_SUM;
    assert_ok(mlp_network_create(1, layers, 1, &options, &network));
    assert_ok(mlp_find_nonfinite(network, zeros, &targets, SAMPLES, &found));
    assert_int_equal(found.place, MLP_PLACE_BIAS_GRADIENT);
    assert_int_equal(found.unit, 0);
    assert_true(isinf(found.value));
    assert_ok(mlp_diagnose(network, zeros, &targets, SAMPLES, NULL, &diagnosis));
    assert_non_null(strstr(mlp_diagnosis_text(diagnosis), "gradient of a bias"));
    mlp_diagnosis_destroy(&diagnosis);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bias_is_named_by_its_unit),
        cmocka_unit_test(an_activation_is_named_by_its_layer),
        cmocka_unit_test(weights_sums_and_inputs_are_located),
        cmocka_unit_test(bias_gradients_that_overflow_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
