/* What a verdict recommends: mean field's figures of each candidate, and where a candidate is left out. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "diagnose/remedy.h"

enum { INPUTS = 40, UNITS = 60, OUTPUTS = 5, LAYERS = 3 };

static mlp_network *make_mixed(mlp_activation activation, mlp_activation second, mlp_init init)
{
    const mlp_layer layers[LAYERS] = { { .units = UNITS, .activation = activation, .init = init },
                                       { .units = UNITS, .activation = second, .init = init },
                                       { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &network));
    return network;
}

static mlp_network *make(mlp_activation activation, mlp_init init)
{
    return make_mixed(activation, activation, init);
}

/* Whether `words` are recommended for features of this mean square. */
static bool recommends(const mlp_network *network, double input_square, const char *words,
                       struct field_step *steps)
{
    struct mlp_diagnosis diagnosis = { .layers = LAYERS, .input_square = input_square, .steps = steps };
    char text[256];
    remedy_find(network, &diagnosis, text, sizeof text);
    return strstr(text, words) != NULL;
}

/* The last candidate is tanh with Xavier's draw: σ_w² = fan_in·2/(fan_in + fan_out), and q = σ_w² of the mean
 * square of the features below. */
static void the_field_is_that_of_the_draw(void **unused)
{
    struct field_step steps[LAYERS];
    mlp_network *network = make(MLP_ACTIVATION_SIGMOID, MLP_INIT_LECUN_NORMAL);
    const double fan_in[LAYERS] = { INPUTS, UNITS, UNITS }, fan_out[LAYERS] = { UNITS, UNITS, OUTPUTS };
    (void)unused;
    assert_true(recommends(network, 1.0, "tanh with xavier-normal", steps));
    for (size_t l = 0; l < LAYERS; l++) {
        assert_close(steps[l].weight_variance, fan_in[l] * 2.0 / (fan_in[l] + fan_out[l]), 1e-6);
        assert_true(steps[l].bias_variance == 0.0);
    }
    assert_close(steps[0].q, 0.8, 1e-6);
    mlp_network_destroy(&network);
}

/* tanh is flat where its slope is under 2 %, at |z| above 2.64: of N(0, q) a tenth from q = 2.58 on, which
 * the features reach at a mean square of 3.2. Where the first layer is that wide, tanh is left out; half of
 * that is a share of 2 %, and fine. ReLU does not mind. */
static void flat_candidates_are_left_out(void **unused)
{
    struct field_step steps[LAYERS];
    mlp_network *network = make(MLP_ACTIVATION_SIGMOID, MLP_INIT_LECUN_NORMAL);
    (void)unused;
    assert_true(recommends(network, 2.9, "tanh", steps));
    assert_false(recommends(network, 3.5, "tanh", steps));
    assert_true(recommends(network, 3.5, "relu with he-normal", steps));
    mlp_network_destroy(&network);
}

/* What the network's first layer has already is no remedy, whatever those behind it have. */
static void the_networks_own_choice_is_not_recommended(void **unused)
{
    struct field_step steps[LAYERS];
    mlp_network *network = make(MLP_ACTIVATION_TANH, MLP_INIT_XAVIER_NORMAL);
    (void)unused;
    assert_false(recommends(network, 1.0, "tanh with xavier-normal", steps));
    assert_true(recommends(network, 1.0, "relu with he-normal", steps));
    mlp_network_destroy(&network);
    for (int tanh_first = 0; tanh_first <= 1; tanh_first++) {
        network =
            make_mixed(tanh_first ? MLP_ACTIVATION_TANH : MLP_ACTIVATION_SIGMOID,
                       tanh_first ? MLP_ACTIVATION_SIGMOID : MLP_ACTIVATION_TANH, MLP_INIT_XAVIER_NORMAL);
        assert_true(recommends(network, 1.0, "tanh with xavier-normal", steps) != tanh_first);
        mlp_network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_field_is_that_of_the_draw),
        cmocka_unit_test(flat_candidates_are_left_out),
        cmocka_unit_test(the_networks_own_choice_is_not_recommended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
