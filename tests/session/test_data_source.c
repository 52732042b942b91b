/* Data from a callback: a fit on it is the fit on the same samples as arrays, to the bit; it stops and goes
 * on as a fit does. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "session/data_source_fixture.h"

static float all_x[COUNT * INPUTS], all_values[COUNT * OUTPUTS], all_weights[COUNT];
static int32_t all_classes[COUNT];

static mlp_data *make_arrays(bool dense)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < INPUTS; j++) {
            all_x[i * INPUTS + j] = feature(&plain, 0, i, j);
        }
        for (size_t u = 0; u < OUTPUTS; u++) {
            all_values[i * OUTPUTS + u] = target(i, u);
        }
        all_classes[i] = class_of(i);
        all_weights[i] = weight_of(i);
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = all_x;
    arrays.classes = dense ? NULL : all_classes;
    arrays.values = dense ? all_values : NULL;
    arrays.outputs = dense ? OUTPUTS : 0;
    arrays.weights = dense ? all_weights : NULL;
    assert_ok(mlp_data_create(&arrays, &data));
    return data;
}

/* With early stopping and an average, standardized. */
static mlp_network *train(const mlp_data *data, const mlp_data *validation, bool dense, bool keep_order,
                          mlp_epoch *last)
{
    mlp_fit_options fit = settings(keep_order);
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_network *network;
    mlp_report *report;
    average.rule = MLP_AVERAGE_EMA;
    fit.average = &average;
    fit.validation = validation;
    fit.patience = 2;
    assert_ok(fit_on(data, dense, &fit, &network, &report));
    assert_ok(mlp_report_epoch(report, mlp_report_epochs(report) - 1, last));
    mlp_report_destroy(&report);
    return network;
}

static void a_source_is_as_good_as_arrays(void **unused)
{
    (void)unused;
    for (unsigned way = 0; way < 8; way++) {
        const bool dense = (way & 1) != 0, sequential = (way & 2) != 0, keeps = sequential || (way & 4) != 0;
        struct stream stream = plain, watched = plain;
        mlp_data *arrays = make_arrays(dense), *source = make(&stream, dense, sequential),
                 *validation = make(&watched, dense, sequential);
        mlp_epoch expected, figures;
        stream.in_order = sequential;
        mlp_network *a = train(arrays, arrays, dense, keeps, &expected);
        /* a sequential source is not shuffled, whatever the options say */
        mlp_network *b = train(source, validation, dense, keeps && !sequential, &figures);
        assert_same_parameters(a, b);
        assert_true(figures.loss == expected.loss && figures.validation.loss == expected.validation.loss);
        assert_true(figures.steps == expected.steps);
        assert_int_equal(stream.skipped, 0);
        mlp_network_destroy(&a);
        mlp_network_destroy(&b);
        mlp_data_destroy(&validation);
        mlp_data_destroy(&source);
        mlp_data_destroy(&arrays);
    }
}

/* Parts of a source that can be read anywhere; standardization, evaluation, and reading. */
static void what_a_data_set_can_do(void **unused)
{
    struct stream stream = plain;
    mlp_data *arrays = make_arrays(false), *source = make(&stream, false, false), *parts[2][2], *slice;
    mlp_network *networks[2] = { make_network(false), make_network(false) };
    mlp_metrics metrics[2];
    float x[3 * INPUTS];
    int32_t classes[3];
    (void)unused;
    assert_int_equal(mlp_data_count(source), COUNT);
    assert_int_equal(mlp_data_class_count(source), OUTPUTS);
    for (int i = 0; i < 2; i++) {
        const mlp_data *data = i == 0 ? arrays : source;
        assert_ok(mlp_data_split(data, 0.3, 5, &parts[i][0], &parts[i][1]));
        assert_ok(mlp_data_standardize(parts[i][0], networks[i]));
        assert_ok(mlp_evaluate(networks[i], parts[i][1], 7, 2, 0, &metrics[i], NULL));
    }
    assert_memory_equal(networks[0]->mean, networks[1]->mean, INPUTS * sizeof(float));
    assert_memory_equal(networks[0]->scale, networks[1]->scale, INPUTS * sizeof(float));
    assert_true(metrics[0].loss == metrics[1].loss && metrics[0].accuracy == metrics[1].accuracy);
    assert_ok(mlp_data_slice(source, 10, 20, &slice));
    assert_ok(mlp_data_read(slice, 2, 3, x, classes, NULL));
    assert_memory_equal(x, all_x + 12 * INPUTS, sizeof x);
    assert_memory_equal(classes, all_classes + 12, sizeof classes);
    mlp_data_destroy(&slice);
    for (int i = 0; i < 2; i++) {
        mlp_network_destroy(&networks[i]);
        mlp_data_destroy(&parts[i][0]);
        mlp_data_destroy(&parts[i][1]);
    }
    mlp_data_destroy(&source);
    mlp_data_destroy(&arrays);
}

/* ---- going on ------------------------------------------------------------------------------------------ */

struct stop {
    size_t after, steps;
};

static int stop_after(const mlp_progress *progress, void *context)
{
    struct stop *stop = context;
    return !progress->epoch_ended && ++stop->steps == stop->after;
}

/* Stopped at any step, a fit goes on to the bits of one in one go; a sequential source is led there from the
 * start of the epoch by a block that nobody wants. */
static void a_stopped_fit_goes_on(void **unused)
{
    const size_t steps = (COUNT + BATCH - 1) / BATCH * EPOCHS;
    (void)unused;
    for (size_t after = 1; after < steps; after += 4) {
        for (int sequential = 0; sequential < 2; sequential++) {
            struct stream stream = plain;
            struct stop stop = { .after = after };
            mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
            mlp_fit_options fit = settings(false);
            mlp_network *whole, *parts;
            char name[32];
            stream.in_order = sequential != 0;
            stream.by_epoch = true;
            mlp_data *data = make(&stream, false, sequential != 0);
            assert_ok(fit_on(data, false, &fit, &whole, NULL));
            assert_int_equal(stream.epoch, EPOCHS - 1);
            snprintf(name, sizeof name, "run-%zu-%d", after, sequential);
            checkpoint.folder = test_path(name);
            fit.checkpoint = &checkpoint;
            fit.progress = stop_after;
            fit.progress_context = &stop;
            assert_ok(fit_on(data, false, &fit, &parts, NULL));
            mlp_network_destroy(&parts);
            checkpoint.resume = 1;
            fit.progress = NULL;
            /* As in another process: where the first fit has left the source depends on the prefetch. */
            mlp_data_destroy(&data);
            data = make(&stream, false, sequential != 0);
            stream.skipped = 0;
            assert_ok(fit_on(data, false, &fit, &parts, NULL));
            assert_same_parameters(parts, whole);
            const size_t open = after % ((COUNT + BATCH - 1) / BATCH);
            assert_int_equal(stream.skipped, sequential != 0 ? open * BATCH : 0);
            mlp_network_destroy(&parts);
            mlp_network_destroy(&whole);
            mlp_data_destroy(&data);
        }
    }
}

/* The fingerprint that the caller gives says whether a checkpoint is of this source. */
static void another_source_is_refused(void **unused)
{
    struct stream stream = plain;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_fit_options fit = settings(false);
    mlp_data_source source = describe(&stream, false, false);
    mlp_network *network;
    mlp_data *data;
    (void)unused;
    checkpoint.folder = test_path("fingerprint");
    checkpoint.resume = 1;
    fit.checkpoint = &checkpoint;
    for (uint64_t fingerprint = 5; fingerprint < 7; fingerprint++) {
        source.fingerprint = fingerprint;
        assert_ok(mlp_data_create_from_source(&source, &data));
        if (fingerprint == 5) {
            assert_ok(fit_on(data, false, &fit, &network, NULL));
        } else {
            assert_refused(fit_on(data, false, &fit, &network, NULL), MLP_ERROR_ARGUMENT,
                           "training_data.fingerprint", "0000000000000005", NULL);
        }
        mlp_network_destroy(&network);
        mlp_data_destroy(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_as_good_as_arrays),
        cmocka_unit_test(what_a_data_set_can_do),
        cmocka_unit_test(a_stopped_fit_goes_on),
        cmocka_unit_test(another_source_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
