/* mlp_find_nonfinite() names the very place: a bias by its unit, an activation by its layer. */
#include "support/support.h"

#include <math.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bias_is_named_by_its_unit),
        cmocka_unit_test(an_activation_is_named_by_its_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
