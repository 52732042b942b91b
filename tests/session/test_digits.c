/* The digits set: a small network learns it for every one of ten seeds. */
#include "support/support.h"

#include <mlp/mlp.h>

enum { SEEDS = 10, EPOCHS = 12 };

static void learn(uint64_t seed)
{
    const mlp_layer layers[] = { { .units = 64, .activation = MLP_ACTIVATION_RELU },
                                 { .units = 10, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_data *all, *train, *test;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_report *report;
    mlp_metrics metrics;
    mlp_epoch first, last;
    options.seed = fit.seed = seed;
    rule.rule = MLP_OPTIMIZER_ADAM;
    fit.epochs = EPOCHS;
    fit.batch = 32;
    assert_ok(mlp_data_load_csv(test_data_path("digits.csv"), NULL, &all));
    assert_int_equal(mlp_data_count(all), 1797);
    assert_ok(mlp_data_split(all, 0.2, seed, &train, &test));
    assert_ok(mlp_network_create(64, layers, 2, &options, &network));
    assert_ok(mlp_data_standardize(train, network));
    assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
    assert_ok(mlp_fit(network, optimizer, train, &fit, &report));
    assert_ok(mlp_report_epoch(report, 0, &first));
    assert_ok(mlp_report_epoch(report, EPOCHS - 1, &last));
    assert_true(last.loss < 0.2 * first.loss);
    assert_ok(mlp_evaluate(network, test, 0, 0, 0, &metrics, NULL));
    assert_int_equal(metrics.count, 359);
    assert_true(metrics.accuracy >= 0.94);
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&test);
    mlp_data_destroy(&train);
    mlp_data_destroy(&all);
}

static void ten_seeds_learn_digits(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        learn(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ten_seeds_learn_digits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
