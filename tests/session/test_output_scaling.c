/* The scaling of outputs: training on targets in the user's units is training on standardized ones, and what
 * is predicted and measured is in the user's units. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/model_file.h>
#include <mlp/pass.h>
#include <mlp/train.h>

enum { COUNT = 300, INPUTS = 3, OUTPUTS = 2 };

struct problem {
    float x[COUNT * INPUTS], t[COUNT * OUTPUTS], standardized[COUNT * OUTPUTS], weights[COUNT];
    double mean[OUTPUTS], deviation[OUTPUTS];
    mlp_data *data, *plain;
};

static mlp_data *data_of(const struct problem *p, const float *values, const float *weights)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = p->x;
    arrays.values = values;
    arrays.outputs = OUTPUTS;
    arrays.weights = weights;
    assert_ok(mlp_data_create(&arrays, &data));
    return data;
}

/* Targets in the hundred thousands and in the thousandths. */
static void make(struct problem *p)
{
    uint64_t state = 5;
    test_fill(&state, -1.0, 1.0, p->x, COUNT * INPUTS);
    test_fill(&state, 0.0, 2.0, p->weights, COUNT);
    for (int i = 0; i < OUTPUTS; i++) {
        double sum = 0.0, squares = 0.0;
        for (int j = 0; j < COUNT; j++) {
            const float *x = p->x + j * INPUTS;
            p->t[j * OUTPUTS + i] =
                i == 0 ? 250000.0f + 40000.0f * x[0] - 9000.0f * x[1] * x[2] : 0.003f * x[1] - 0.001f;
            sum += (double)p->t[j * OUTPUTS + i];
        }
        p->mean[i] = sum / COUNT;
        for (int j = 0; j < COUNT; j++) {
            squares += pow((double)p->t[j * OUTPUTS + i] - p->mean[i], 2.0);
        }
        p->deviation[i] = sqrt(squares / COUNT);
        for (int j = 0; j < COUNT; j++) {
            const double shift = (double)(float)p->mean[i], scale = (double)(float)p->deviation[i];
            p->standardized[j * OUTPUTS + i] = (float)(((double)p->t[j * OUTPUTS + i] - shift) / scale);
        }
    }
    p->data = data_of(p, p->t, p->weights);
    p->plain = data_of(p, p->standardized, p->weights);
}

static void destroy(struct problem *p)
{
    mlp_data_destroy(&p->data);
    mlp_data_destroy(&p->plain);
}

static mlp_network *trained(const mlp_data *data, bool scaled)
{
    const mlp_layer layers[] = { { .units = 16, .activation = MLP_ACTIVATION_TANH }, { .units = OUTPUTS } };
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network;
    mlp_optimizer *optimizer;
    options.rule = MLP_OPTIMIZER_ADAM;
    fit.epochs = 30;
    fit.batch = 32;
    fit.validation = data;
    fit.patience = 30;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    if (scaled) {
        assert_ok(mlp_data_standardize_targets(data, network));
    }
    assert_ok(mlp_optimizer_create(network, &options, &optimizer));
    assert_ok(mlp_fit(network, optimizer, data, &fit, NULL));
    mlp_optimizer_destroy(&optimizer);
    return network;
}

static void predict(const mlp_network *network, const struct problem *p, float *y)
{
    mlp_workspace *workspace;
    assert_ok(mlp_workspace_create(network, 64, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, p->x, COUNT, y));
    mlp_workspace_destroy(&workspace);
}

static void training_is_that_on_standardized_targets(void **state)
{
    static struct problem p;
    static float y[COUNT * OUTPUTS], plain[COUNT * OUTPUTS];
    mlp_metrics a, b;
    (void)state;
    make(&p);
    mlp_network *network = trained(p.data, true), *other = trained(p.plain, false);
    const float *shift, *scale;
    mlp_network_output_scaling(network, &shift, &scale);
    for (int i = 0; i < OUTPUTS; i++) {
        assert_close(shift[i], p.mean[i], 1e-6);
        assert_close(scale[i] / p.deviation[i], 1.0, 1e-6);
    }
    predict(network, &p, y);
    predict(other, &p, plain);
    for (int i = 0; i < COUNT * OUTPUTS; i++) {
        const int o = i % OUTPUTS;
        const double expected = (double)plain[i] * (double)scale[o] + (double)shift[o];
        assert_true(y[i] == (float)expected);
    }
    assert_ok(mlp_evaluate(network, p.data, 0, 0, 0, &a, NULL));
    assert_ok(mlp_evaluate(other, p.plain, 0, 0, 0, &b, NULL));
    assert_true(a.loss == b.loss);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
    destroy(&p);
}

static void figures_are_those_of_loops_in_double(void **state)
{
    static struct problem p;
    static float y[COUNT * OUTPUTS];
    mlp_number_metrics metrics[OUTPUTS];
    (void)state;
    make(&p);
    mlp_network *network = trained(p.data, true);
    predict(network, &p, y);
    assert_ok(mlp_evaluate_numbers(network, p.data, 64, 0, metrics)); /* batches as predict() has them */
    for (int i = 0; i < OUTPUTS; i++) {
        double weight = 0.0, mean = 0.0, squared = 0.0, absolute = 0.0, spread = 0.0;
        for (int j = 0; j < COUNT; j++) {
            const double w = (double)p.weights[j], t = (double)p.t[j * OUTPUTS + i];
            const double error = (double)y[j * OUTPUTS + i] - t;
            weight += w;
            mean += w * t;
            squared += w * error * error;
            absolute += w * fabs(error);
        }
        mean /= weight;
        for (int j = 0; j < COUNT; j++) {
            spread += (double)p.weights[j] * pow((double)p.t[j * OUTPUTS + i] - mean, 2.0);
        }
        assert_close(metrics[i].rmse / sqrt(squared / weight), 1.0, 1e-9);
        assert_close(metrics[i].mae / (absolute / weight), 1.0, 1e-9);
        assert_close(metrics[i].r2, 1.0 - squared / spread, 1e-9);
        assert_close(metrics[i].baseline_rmse / sqrt(spread / weight), 1.0, 1e-9);
        assert_close(metrics[i].mean / mean, 1.0, 1e-9);
        assert_true(metrics[i].r2 > 0.5);
    }
    mlp_network_destroy(&network);
    destroy(&p);
}

/* Copies, model files and ONNX keep it. */
static void files_keep_it(void **state)
{
    static struct problem p;
    static float y[COUNT * OUTPUTS], again[COUNT * OUTPUTS];
    (void)state;
    make(&p);
    mlp_network *network = trained(p.data, true), *kept;
    const char *model = test_path("model"), *onnx = test_path("model.onnx");
    predict(network, &p, y);
    assert_ok(mlp_network_copy(network, &kept));
    predict(kept, &p, again);
    assert_memory_equal(y, again, sizeof y);
    mlp_network_destroy(&kept);
    assert_ok(mlp_model_save(network, model));
    assert_ok(mlp_model_load(model, &kept));
    predict(kept, &p, again);
    assert_memory_equal(y, again, sizeof y);
    mlp_network_destroy(&kept);
    const mlp_status status = mlp_model_export_onnx(network, onnx, NULL);
    if (status != MLP_ERROR_UNSUPPORTED) { /* a build without protobuf */
        assert_ok(status);
        assert_ok(mlp_model_load(onnx, &kept));
        predict(kept, &p, again);
        for (int i = 0; i < COUNT * OUTPUTS; i++) {
            assert_close(again[i] / p.deviation[i % OUTPUTS], y[i] / p.deviation[i % OUTPUTS], 1e-5);
        }
        mlp_network_destroy(&kept);
    }
    mlp_network_destroy(&network);
    destroy(&p);
}

static void what_is_no_scaling_is_refused(void **state)
{
    const mlp_layer layer = { .units = 2 };
    const float ones[2] = { 1.0f, 1.0f }, zeros[2] = { 1.0f, 0.0f }, infinite[2] = { 0.0f, INFINITY };
    mlp_network *network;
    (void)state;
    assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
    assert_refused(mlp_network_set_output_scaling(network, ones, NULL), MLP_ERROR_ARGUMENT, "scale", NULL);
    assert_refused(mlp_network_set_output_scaling(network, ones, zeros), MLP_ERROR_RANGE, "output 1", NULL);
    assert_refused(mlp_network_set_output_scaling(network, infinite, ones), MLP_ERROR_NONFINITE, "shift",
                   NULL);
    assert_ok(mlp_network_set_output_scaling(network, ones, ones));
    assert_ok(mlp_network_set_output_scaling(network, NULL, NULL));
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_that_on_standardized_targets),
        cmocka_unit_test(figures_are_those_of_loops_in_double),
        cmocka_unit_test(files_keep_it),
        cmocka_unit_test(what_is_no_scaling_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
