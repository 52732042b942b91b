/* Data from a callback: a fit on it is the fit on the same samples as arrays, to the bit; it stops, goes on
 * and fails as a fit does. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/network.h"

enum { COUNT = 67, INPUTS = 4, OUTPUTS = 3, BATCH = 8, EPOCHS = 4 };

/* What the callback is to do, and what it saw. */
struct stream {
    bool by_epoch;  /* samples differ from epoch to epoch */
    bool in_order;  /* fails the test where blocks do not follow each other within an epoch */
    size_t fail_at; /* number of the call that fails, from 0; SIZE_MAX: none */
    mlp_status failure;
    size_t calls, skipped; /* samples that nobody wanted */
    size_t epoch, next;
};

static float feature(const struct stream *s, size_t epoch, size_t sample, size_t j)
{
    uint64_t state = 1 + sample * 31 + j + (s->by_epoch ? epoch * 7919 : 0);
    return (float)test_uniform(&state, -2, 2);
}

static int32_t class_of(size_t sample)
{
    return (int32_t)(sample * 5 % OUTPUTS);
}

static float target(size_t sample, size_t unit)
{
    return (float)(sample % 7) * 0.1f + (float)unit;
}

static float weight_of(size_t sample)
{
    return 0.5f + (float)(sample % 3);
}

static mlp_status read_block(const mlp_data_block *block, void *context)
{
    struct stream *s = context;
    if (s->calls++ == s->fail_at) {
        return s->failure;
    }
    assert_true(!s->in_order || block->first == 0 || (block->epoch == s->epoch && block->first == s->next));
    s->epoch = block->epoch;
    s->next = block->first + block->count;
    s->skipped += block->x == NULL && block->classes == NULL && block->values == NULL ? block->count : 0;
    const size_t features = block->x != NULL ? INPUTS : 0, values = block->values != NULL ? OUTPUTS : 0;
    for (size_t i = 0; i < block->count; i++) {
        const size_t sample = block->first + i;
        assert_true(sample < COUNT);
        for (size_t j = 0; j < features; j++) {
            block->x[i * INPUTS + j] = feature(s, block->epoch, sample, j);
        }
        for (size_t u = 0; u < values; u++) {
            block->values[i * OUTPUTS + u] = target(sample, u);
        }
        if (block->classes != NULL) {
            block->classes[i] = class_of(sample);
        }
        if (block->weights != NULL) {
            block->weights[i] = weight_of(sample);
        }
    }
    return MLP_OK;
}

static const struct stream plain = { .fail_at = SIZE_MAX };

static mlp_data_source describe(struct stream *stream, bool dense, bool sequential)
{
    mlp_data_source source = MLP_DATA_SOURCE_INIT;
    source.count = COUNT;
    source.inputs = INPUTS;
    source.class_count = dense ? 0 : OUTPUTS;
    source.outputs = dense ? OUTPUTS : 0;
    source.weighted = dense;
    source.sequential = sequential;
    source.read = read_block;
    source.context = stream;
    return source;
}

static mlp_data *make(struct stream *stream, bool dense, bool sequential)
{
    const mlp_data_source source = describe(stream, dense, sequential);
    mlp_data *data;
    assert_ok(mlp_data_create_from_source(&source, &data));
    return data;
}

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

/* ---- fits ---------------------------------------------------------------------------------------------- */

static mlp_network *make_network(bool dense)
{
    const mlp_layer layers[] = { { .units = 11, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS,
                                   .activation = dense ? MLP_ACTIVATION_IDENTITY : MLP_ACTIVATION_SOFTMAX } };
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    return network;
}

static mlp_fit_options settings(bool keep_order)
{
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    fit.epochs = EPOCHS;
    fit.batch = BATCH;
    fit.seed = 3;
    fit.keep_order = keep_order;
    return fit;
}

/* The status of a fit, and the network that it leaves. */
static mlp_status fit_on(const mlp_data *data, bool dense, const mlp_fit_options *options,
                         mlp_network **network, mlp_report **report)
{
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    rule.rule = MLP_OPTIMIZER_ADAM;
    rule.learning_rate = 0.01;
    *network = make_network(dense);
    assert_ok(mlp_optimizer_create(*network, &rule, &optimizer));
    const mlp_status status = mlp_fit(*network, optimizer, data, options, report);
    mlp_optimizer_destroy(&optimizer);
    return status;
}

static void assert_same_parameters(const mlp_network *a, const mlp_network *b)
{
    assert_memory_equal(a->parameters, b->parameters, a->arena_size * sizeof(float));
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

/* ---- failures ------------------------------------------------------------------------------------------ */

/* Whatever call fails, the fit ends with the callback's status; after IO a checkpoint keeps what was learnt,
 * from which it goes on. */
static void a_failure_ends_the_fit(void **unused)
{
    static const mlp_status statuses[] = { MLP_ERROR_IO, MLP_ERROR_STATE, MLP_ERROR_UNSUPPORTED };
    const size_t calls = (COUNT + BATCH - 1) / BATCH * EPOCHS;
    mlp_network *whole, *network;
    struct stream stream = plain;
    mlp_data *data = make(&stream, false, true);
    mlp_fit_options fit = settings(false);
    (void)unused;
    assert_ok(fit_on(data, false, &fit, &whole, NULL));
    for (size_t k = 0; k < calls; k += 3) {
        for (size_t s = 0; s < 3; s++) {
            mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
            char name[32];
            snprintf(name, sizeof name, "failed-%zu-%zu", k, s);
            checkpoint.folder = test_path(name);
            checkpoint.resume = 1;
            fit.checkpoint = &checkpoint;
            stream = plain;
            stream.fail_at = k;
            stream.failure = statuses[s];
            assert_refused(fit_on(data, false, &fit, &network, NULL), statuses[s], "data source", NULL);
            mlp_network_destroy(&network);
            stream.fail_at = SIZE_MAX;
            assert_ok(fit_on(data, false, &fit, &network, NULL)); /* from there, or from the start */
            assert_same_parameters(network, whole);
            /* that failed, and one that leads the source to the open step */
            assert_true(statuses[s] != MLP_ERROR_IO || stream.calls <= calls + 2);
            mlp_network_destroy(&network);
        }
    }
    mlp_network_destroy(&whole);
    mlp_data_destroy(&data);
}

static int breach;

static mlp_status read_badly(const mlp_data_block *block, void *context)
{
    const mlp_status status = read_block(block, context);
    if (block->first <= 20 && block->first + block->count > 20) {
        const size_t i = 20 - block->first;
        if (breach == 0) {
            block->x[i * INPUTS + 2] = NAN;
        } else if (breach == 1) {
            block->values[i * OUTPUTS] = INFINITY;
        } else {
            block->weights[i] = -1.0f;
        }
    }
    return status;
}

static mlp_status read_class(const mlp_data_block *block, void *context)
{
    const mlp_status status = read_block(block, context);
    block->classes[block->count - 1] = OUTPUTS;
    return status;
}

static void what_comes_is_checked(void **unused)
{
    static const struct {
        mlp_status status;
        const char *word;
    } breaches[] = { { MLP_ERROR_NONFINITE, "feature 2" },
                     { MLP_ERROR_NONFINITE, "target value 0" },
                     { MLP_ERROR_RANGE, "weight is -1" } };
    const mlp_fit_options fit = settings(true);
    struct stream stream = plain;
    mlp_data_source source = describe(&stream, true, false);
    mlp_network *network;
    mlp_data *data;
    (void)unused;
    source.read = read_badly;
    assert_ok(mlp_data_create_from_source(&source, &data));
    for (breach = 0; breach < 3; breach++) {
        assert_refused(fit_on(data, true, &fit, &network, NULL), breaches[breach].status, "sample 20",
                       breaches[breach].word, NULL);
        mlp_network_destroy(&network);
    }
    mlp_data_destroy(&data);
    source = describe(&stream, false, false);
    source.read = read_class;
    assert_ok(mlp_data_create_from_source(&source, &data));
    assert_refused(fit_on(data, false, &fit, &network, NULL), MLP_ERROR_RANGE, "sample 7", "class is 3",
                   NULL);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

static void arguments(void **unused)
{
    struct stream stream = plain;
    const mlp_data_source good = describe(&stream, false, true);
    mlp_data_source source = good;
    mlp_data *data, *first, *second;
    float weights[OUTPUTS];
    (void)unused;
    assert_refused(mlp_data_create_from_source(NULL, &data), MLP_ERROR_ARGUMENT, "source", NULL);
    assert_refused(mlp_data_create_from_source(&good, NULL), MLP_ERROR_ARGUMENT, "data", NULL);
    source.read = NULL;
    assert_refused(mlp_data_create_from_source(&source, &data), MLP_ERROR_ARGUMENT, "read", NULL);
    source = good;
    source.inputs = 0;
    assert_refused(mlp_data_create_from_source(&source, &data), MLP_ERROR_RANGE, "inputs", NULL);
    source = good;
    source.outputs = 2;
    assert_refused(mlp_data_create_from_source(&source, &data), MLP_ERROR_ARGUMENT, "class_count", "outputs",
                   NULL);
    assert_ok(mlp_data_create_from_source(&good, &data));
    assert_refused(mlp_data_split(data, 0.5, 1, &first, &second), MLP_ERROR_ARGUMENT, "sequential", NULL);
    assert_refused(mlp_data_fold(data, 3, 1, 0, 1, &first, &second), MLP_ERROR_ARGUMENT, "sequential", NULL);
    assert_refused(mlp_data_balanced_weights(data, weights), MLP_ERROR_ARGUMENT, "classes", NULL);
    mlp_data_destroy(&data);
    source = good;
    source.sequential = 0;
    assert_ok(mlp_data_create_from_source(&source, &data));
    assert_refused(mlp_data_split_stratified(data, 0.5, 1, &first, &second), MLP_ERROR_ARGUMENT, "classes",
                   NULL);
    mlp_data_destroy(&data);
    assert_int_equal(stream.calls, 0);
}

static void memory_may_run_out(void **unused)
{
    struct stream stream = plain;
    const mlp_data_source source = describe(&stream, false, true);
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    mlp_data *data;
    (void)unused;
    for (size_t k = 0; status != MLP_OK; k++) {
        memory_fail_after(k);
        status = mlp_data_create_from_source(&source, &data);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || (data == NULL && memory_live_count() == live));
    }
    mlp_data_destroy(&data);
    assert_int_equal(memory_live_count(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_as_good_as_arrays),
        cmocka_unit_test(what_a_data_set_can_do),
        cmocka_unit_test(a_stopped_fit_goes_on),
        cmocka_unit_test(another_source_is_refused),
        cmocka_unit_test(a_failure_ends_the_fit),
        cmocka_unit_test(what_comes_is_checked),
        cmocka_unit_test(arguments),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
