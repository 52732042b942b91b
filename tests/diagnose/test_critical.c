/* Networks drawn on the critical line, against the theory of infinite width. */
#include <math.h>

#include <mlp/mlp.h>

#include "support/support.h"

enum { COUNT = 64, INPUTS = 20, CLASSES = 5, DEPTH = 12, FIRST = 4, WIDTH = 1000, SEEDS = 10 };

static mlp_network *make_network(uint64_t seed)
{
    mlp_layer layers[DEPTH + 1];
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    for (size_t l = 0; l < DEPTH; l++) {
        layers[l] = (mlp_layer){ .units = WIDTH,
                                 .activation = MLP_ACTIVATION_TANH,
                                 .init = MLP_INIT_CRITICAL,
                                 .init_parameters = { .a = sqrt(0.05) } };
    }
    layers[DEPTH] = (mlp_layer){ .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX };
    options.seed = seed;
    assert_ok(mlp_network_create(INPUTS, layers, DEPTH + 1, &options, &network));
    return network;
}

/* Schoenholz et al. 2017: at (σ_b², σ_w²) = (0.05, 1.76095) q* of tanh is 0.57005 and χ₁ is 1. Means over
 * layers that have come to the fixed point and lie below another of the same width. */
static void wide_critical_networks_have_chi_1(void **unused)
{
    float x[COUNT * INPUTS];
    int32_t classes[COUNT];
    uint64_t state = 2;
    double back = 0.0, square = 0.0;
    (void)unused;
    NEEDS_PROCESSOR;
    test_fill(&state, -1.7320508, 1.7320508, x, COUNT * INPUTS);
    for (int i = 0; i < COUNT; i++) {
        classes[i] = i % CLASSES;
    }
    const mlp_targets targets = { .classes = classes };
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        mlp_network *network = make_network(seed);
        mlp_diagnosis *diagnosis;
        assert_ok(mlp_diagnose(network, x, &targets, COUNT, NULL, &diagnosis));
        for (size_t l = FIRST; l < DEPTH - 1; l++) {
            mlp_signal signal;
            assert_ok(mlp_diagnosis_layer(diagnosis, l, &signal));
            back += 2.0 * log(signal.backward_growth) / (SEEDS * (DEPTH - 1.0 - FIRST));
            square += signal.z.mean_square / (SEEDS * (DEPTH - 1.0 - FIRST));
        }
        mlp_diagnosis_destroy(&diagnosis);
        mlp_network_destroy(&network);
    }
    print_message("chi_1 %.4f, q %.4f\n", exp(back), square);
    assert_close(exp(back), 1.0, 0.02);
    assert_close(square / 0.57005, 1.0, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(wide_critical_networks_have_chi_1) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
