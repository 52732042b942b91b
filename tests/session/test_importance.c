/* Permutation importance against its expectation, which linear networks have in closed form, and partial
 * dependence against its definition. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

enum { COUNT = 150, INPUTS = 5, REPEATS = 300 };

/* Input 1 is a copy of input 0 with noise; the network does without input 4. */
static const float w[INPUTS] = { 1.0f, -0.5f, 2.0f, 0.25f, 0.0f };
static float x[COUNT * INPUTS], targets[COUNT], sample_weights[COUNT];
static int32_t classes[COUNT];

static void fill(void)
{
    uint64_t state = 11;
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    test_fill(&state, 0.5, 2.0, sample_weights, COUNT);
    for (int i = 0; i < COUNT; i++) {
        float *row = x + i * INPUTS;
        row[1] = row[0] + 0.2f * row[1];
        targets[i] = 3.0f;
        for (int j = 0; j < INPUTS; j++) {
            targets[i] += w[j] * row[j];
        }
        classes[i] = row[2] > 0.0f;
    }
}

static mlp_data *make_data(bool classed, bool weighted)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    fill();
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = classed ? classes : NULL;
    arrays.values = classed ? NULL : targets;
    arrays.outputs = classed ? 0 : 1;
    arrays.weights = weighted ? sample_weights : NULL;
    assert_ok(mlp_data_create(&arrays, &data));
    return data;
}

/* w·x + 3; or of classes, the sigmoid of 8·x₂. */
static mlp_network *make_network(bool classed)
{
    const mlp_layer layer = { .units = 1,
                              .activation = classed ? MLP_ACTIVATION_SIGMOID : MLP_ACTIVATION_IDENTITY };
    const float eight[INPUTS] = { 0.0f, 0.0f, 8.0f }, bias = classed ? 0.0f : 3.0f;
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, &layer, 1, NULL, &network));
    assert_ok(mlp_network_set_weights(network, 0, classed ? eight : w));
    assert_ok(mlp_network_set_bias(network, 0, &bias));
    return network;
}

/* Variance over the samples of the sum of w_j·x_j over the inputs of a group. */
static double group_variance(const size_t *groups, size_t group)
{
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < COUNT; i++) {
        double value = 0.0;
        for (size_t j = 0; j < INPUTS; j++) {
            value += (groups != NULL ? groups[j] : j) == group ? (double)w[j] * (double)x[i * INPUTS + (int)j]
                                                               : 0.0;
        }
        sum += value;
        squares += value * value;
    }
    return squares / COUNT - sum / COUNT * (sum / COUNT);
}

/* Where the predictions are the targets, a permutation π makes the error Σ (s_π(i) − s_i)², s the group's
 * share of the sum. Over all π its mean is 2·Var(s) for each sample, and that of the drop 2·Var(s)/Var(t).
 * The mean over the repeats is within 5 of its standard errors of that. */
static void values(void **unused)
{
    static const size_t pairs[INPUTS] = { 0, 0, 1, SIZE_MAX, 2 }, all[INPUTS] = { 0 };
    const struct {
        const size_t *groups;
        size_t count;
    } rows[] = { { NULL, INPUTS }, { pairs, 3 }, { all, 1 } };
    mlp_importance_options options = MLP_IMPORTANCE_OPTIONS_INIT;
    mlp_data *data = make_data(false, false);
    mlp_network *network = make_network(false);
    (void)unused;
    options.repeats = REPEATS;
    for (size_t r = 0; r < 3; r++) {
        mlp_importance found[INPUTS];
        double score;
        assert_ok(
            mlp_importance_measure(network, data, rows[r].groups, rows[r].count, &options, &score, found));
        assert_close(score, 1.0, 1e-9);
        for (size_t g = 0; g < rows[r].count; g++) {
            const double expected = 2.0 * group_variance(rows[r].groups, g) / group_variance(all, 0);
            const double error = found[g].deviation / sqrt(REPEATS);
            assert_true(fabs(found[g].drop - expected) <= 5.0 * error + 1e-9);
            assert_true(expected == 0.0 ? found[g].deviation <= 1e-9 : error < 0.1 * expected);
        }
    }
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

/* With classes of shares p and 1 − p that are read off one input, a permuted one is right with
 * p² + (1 − p)². */
static void accuracy(void **unused)
{
    mlp_importance_options options = MLP_IMPORTANCE_OPTIONS_INIT;
    mlp_data *data = make_data(true, true);
    mlp_network *network = make_network(true);
    mlp_importance found[INPUTS];
    double score, p = 0.0;
    (void)unused;
    options.repeats = REPEATS;
    for (int i = 0; i < COUNT; i++) {
        p += (double)classes[i] / COUNT;
    }
    assert_ok(mlp_importance_measure(network, data, NULL, INPUTS, &options, &score, found));
    assert_close(score, 1.0, 1e-12);
    for (size_t g = 0; g < INPUTS; g++) {
        const double expected = g == 2 ? 2.0 * p * (1.0 - p) : 0.0;
        assert_true(fabs(found[g].drop - expected) <= 5.0 * found[g].deviation / sqrt(REPEATS));
    }
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

/* The same bits on any number of threads, and by default what the documentation says. */
static void repeatable(void **unused)
{
    const mlp_layer layers[] = { { .units = 40, .activation = MLP_ACTIVATION_RELU }, { .units = 1 } };
    mlp_importance_options options = MLP_IMPORTANCE_OPTIONS_INIT;
    mlp_data *data = make_data(false, true);
    mlp_network *network;
    mlp_importance found[2][INPUTS];
    (void)unused;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    assert_ok(mlp_importance_measure(network, data, NULL, INPUTS, NULL, NULL, found[0]));
    options.repeats = 5;
    options.batch = 256;
    for (options.threads = 1; options.threads <= 4; options.threads++) {
        memset(found[1], 0, sizeof found[1]);
        assert_ok(mlp_importance_measure(network, data, NULL, INPUTS, &options, NULL, found[1]));
        assert_memory_equal(found[0], found[1], sizeof found[0]);
    }
    options.seed = 1;
    assert_ok(mlp_importance_measure(network, data, NULL, INPUTS, &options, NULL, found[1]));
    assert_true(found[0][0].drop != found[1][0].drop);
    options.repeats = 1;
    assert_ok(mlp_importance_measure(network, data, NULL, INPUTS, &options, NULL, found[1]));
    assert_close(found[1][0].deviation, 0.0, 0.0);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

static mlp_status no_samples(const mlp_data_block *block, void *context)
{
    (void)block;
    (void)context;
    return MLP_ERROR_IO;
}

static void refusals(void **unused)
{
    static const size_t groups[INPUTS] = { 0, 1, 2, 3, 1 };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data_source source = MLP_DATA_SOURCE_INIT;
    mlp_data *data = make_data(false, false), *bare, *sequential;
    mlp_network *network = make_network(false);
    mlp_importance found[INPUTS];
    (void)unused;
    assert_refused(mlp_importance_measure(network, data, NULL, 4, NULL, NULL, found), MLP_ERROR_SHAPE,
                   "group_count is 4", "5", NULL);
    assert_refused(mlp_importance_measure(network, data, groups, 3, NULL, NULL, found), MLP_ERROR_RANGE,
                   "input 3", "less than 3", NULL);
    assert_refused(mlp_importance_measure(network, data, groups, 0, NULL, NULL, found), MLP_ERROR_ARGUMENT,
                   "group_count", NULL);
    assert_refused(mlp_importance_measure(network, data, NULL, INPUTS, NULL, NULL, NULL), MLP_ERROR_ARGUMENT,
                   "importances", NULL);
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    assert_ok(mlp_data_create(&arrays, &bare));
    assert_refused(mlp_importance_measure(network, bare, NULL, INPUTS, NULL, NULL, found), MLP_ERROR_ARGUMENT,
                   "no targets", NULL);
    source.count = source.inputs = INPUTS;
    source.outputs = source.sequential = 1;
    source.read = no_samples;
    assert_ok(mlp_data_create_from_source(&source, &sequential));
    assert_refused(mlp_importance_measure(network, sequential, NULL, INPUTS, NULL, NULL, found),
                   MLP_ERROR_ARGUMENT, "one order", NULL);
    memset(targets, 0, sizeof targets);
    mlp_data_destroy(&data);
    arrays.values = targets;
    arrays.outputs = 1;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_refused(mlp_importance_measure(network, data, NULL, INPUTS, NULL, NULL, found),
                   MLP_ERROR_NONFINITE, "alike", NULL);
    mlp_data_destroy(&sequential);
    mlp_data_destroy(&bare);
    mlp_data_destroy(&data);
    mlp_network_destroy(&network);
}

/* The mean of predictions of samples that were written out with the inputs set. */
static void dependence(void **unused)
{
    enum { POINTS = 3, OUTPUTS = 2, SET = 2 };
    static const size_t set[SET] = { 3, 1 };
    static const float grid[POINTS * SET] = { -1.0f, 0.5f, 0.0f, 2.0f, 1.0f, -3.0f };
    const mlp_layer layers[] = { { .units = 7, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_data *data = make_data(true, false);
    mlp_network *network;
    mlp_workspace *workspace;
    float rows[COUNT * INPUTS], outputs[COUNT * OUTPUTS];
    double means[POINTS * OUTPUTS], same[POINTS * OUTPUTS];
    (void)unused;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    assert_ok(mlp_workspace_create(network, COUNT, NULL, &workspace));
    assert_ok(mlp_partial_dependence(network, data, set, SET, grid, POINTS, 64, 1, means));
    for (int p = 0; p < POINTS; p++) {
        memcpy(rows, x, sizeof rows);
        for (int i = 0; i < COUNT; i++) {
            rows[i * INPUTS + 3] = grid[p * SET];
            rows[i * INPUTS + 1] = grid[p * SET + 1];
        }
        assert_ok(mlp_predict(network, workspace, rows, COUNT, outputs));
        for (int c = 0; c < OUTPUTS; c++) {
            double sum = 0.0;
            for (int i = 0; i < COUNT; i++) {
                sum += (double)outputs[i * OUTPUTS + c];
            }
            assert_close(means[p * OUTPUTS + c], sum / COUNT, 1e-6);
        }
    }
    assert_true(fabs(means[0] - means[OUTPUTS]) > 1e-3);
    for (int threads = 2; threads <= 4; threads++) {
        assert_ok(mlp_partial_dependence(network, data, set, SET, grid, POINTS, 64, threads, same));
        assert_memory_equal(means, same, sizeof means);
    }
    assert_refused(mlp_partial_dependence(network, data, (const size_t[]){ INPUTS }, 1, grid, 1, 0, 1, means),
                   MLP_ERROR_RANGE, "input is 5", NULL);
    assert_refused(mlp_partial_dependence(network, data, set, 1, (const float[]){ NAN }, 1, 0, 1, means),
                   MLP_ERROR_RANGE, "point 0", "input 3", NULL);
    assert_refused(mlp_partial_dependence(network, data, set, SET, grid, 0, 0, 1, means), MLP_ERROR_ARGUMENT,
                   "point_count", NULL);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(values), cmocka_unit_test(accuracy),
                                        cmocka_unit_test(repeatable), cmocka_unit_test(refusals),
                                        cmocka_unit_test(dependence) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
