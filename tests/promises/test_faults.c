/* The k-th allocation fails, for every k: a status comes back, nothing leaks, and the next attempt works. */
#include "support/support.h"

#include <stdint.h>

#include <mlp/mlp.h>

#include "base/memory.h"

enum { MAX_ALLOCATIONS = 400 };

/* A whole life in small: create, train, evaluate, save, load. */
static mlp_status live(const char *path)
{
    const mlp_layer layers[] = { { .units = 6, .activation = MLP_ACTIVATION_TANH, .init = MLP_INIT_ORTHOGONAL },
                                 { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    static const float class_weights[] = { 1.0f, 2.0f, 3.0f };
    static const char *const names[] = { "one", "two", "three" };
    static const float x[] = { 0, 0, 1, 0, 0, 1, 1, 1, 0.5f, 0.25f, 0.1f, 0.9f };
    static const int32_t y[] = { 0, 1, 2, 0, 1, 2 };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_data *data = NULL, *first = NULL, *second = NULL;
    mlp_network *network = NULL, *copy = NULL, *loaded = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_report *report = NULL;
    mlp_metrics metrics;
    arrays.count = 6;
    arrays.inputs = 2;
    arrays.features = x;
    arrays.classes = y;
    options.class_weights = class_weights;
    rule.rule = MLP_OPTIMIZER_ADAM;
    fit.epochs = 2;
    fit.batch = 2;
    fit.patience = 5;
    fit.threads = 1;
    mlp_status status = mlp_data_create(&arrays, &data);
    status = status == MLP_OK ? mlp_data_split(data, 0.4, 1, &first, &second) : status;
    status = status == MLP_OK ? mlp_network_create(2, layers, 2, &options, &network) : status;
    status = status == MLP_OK ? mlp_data_standardize(first, network) : status;
    status = status == MLP_OK ? mlp_network_set_class_names(network, names, 3) : status;
    status = status == MLP_OK ? mlp_network_copy(network, &copy) : status;
    status = status == MLP_OK ? mlp_optimizer_create(network, &rule, &optimizer) : status;
    fit.validation = second;
    status = status == MLP_OK ? mlp_fit(network, optimizer, first, &fit, &report) : status;
    status = status == MLP_OK ? mlp_evaluate(network, data, 4, 1, 0, &metrics, NULL) : status;
    status = status == MLP_OK ? mlp_model_save(network, path) : status;
    status = status == MLP_OK ? mlp_model_load(path, &loaded) : status;
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&copy);
    mlp_network_destroy(&network);
    mlp_data_destroy(&second);
    mlp_data_destroy(&first);
    mlp_data_destroy(&data);
    return status;
}

static void every_allocation_may_fail(void **unused)
{
    const char *path = test_path("faults.safetensors");
    const size_t live_before = memory_live_count();
    size_t k = 0;
    (void)unused;
    for (; k < MAX_ALLOCATIONS; k++) {
        memory_fail_after(k);
        const mlp_status status = live(path);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(memory_live_count(), live_before);
        if (status == MLP_OK) {
            break;
        }
        assert_int_equal(status, MLP_ERROR_MEMORY);
        assert_true(mlp_last_error()[0] != '\0');
    }
    assert_true(k > 30 && k < MAX_ALLOCATIONS); /* the sequence allocates, and comes to its end */
    assert_ok(live(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
