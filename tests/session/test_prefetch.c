/* The prefetch: whoever gathers, and wherever the features lie, a training sees the same batches. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "base/processors.h"
#include "model/network.h"
#include "session/prefetch.h"

enum { COUNT = 250, INPUTS = 12, BATCH = 16, EPOCHS = 4, WINDOW = 64 };

static void write_files(char *features, char *labels, size_t room)
{
    static unsigned char images[12 + COUNT * INPUTS] = { 0, 0, 8, 2, 0, 0, 0, COUNT, 0, 0, 0, INPUTS };
    unsigned char classes[8 + COUNT] = { 0, 0, 8, 1, 0, 0, 0, COUNT };
    uint64_t state = 9;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < INPUTS; j++) {
            images[12 + i * INPUTS + j] = (unsigned char)test_uniform(&state, 0.0, 256.0);
        }
        classes[8 + i] = images[12 + i * INPUTS] > images[13 + i * INPUTS];
    }
    snprintf(features, room, "%s", test_write_file("features.idx", images, sizeof images));
    snprintf(labels, room, "%s", test_write_file("labels.idx", classes, sizeof classes));
}

/* ---- batches ------------------------------------------------------------------------------------------- */

/* With a thread of its own, and without: `threads` of the steps decides. Batches out of turn, too. */
static void batches_are_the_samples_of_the_order(void **unused)
{
    float features[COUNT * INPUTS];
    int32_t classes[COUNT];
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    (void)unused;
    for (size_t i = 0; i < COUNT * INPUTS; i++) {
        features[i] = (float)i;
    }
    for (size_t i = 0; i < COUNT; i++) {
        classes[i] = (int32_t)(i % 5);
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = features;
    arrays.classes = classes;
    assert_ok(mlp_data_create(&arrays, &data));
    for (int threads = 1; threads <= 1000; threads *= 1000) {
        const struct prefetch_options options = {
            .batch = BATCH, .window = WINDOW, .seed = 2, .epochs = EPOCHS, .threads = threads
        };
        const size_t turns[][2] = { { 0, 0 },         { 0, BATCH },     { 0, 2 * BATCH },
                                    { 2, 5 * BATCH }, { 2, 6 * BATCH }, { 1, 240 },
                                    { 2, 0 },         { 3, 240 },       { 3, 0 } };
        struct prefetch prefetch;
        struct sample_order order;
        assert_ok(prefetch_make(&prefetch, data, &options));
        assert_int_equal(prefetch.ahead, threads < processors_allowed());
        assert_ok(sample_order_make(&order, data, BATCH, WINDOW, 2, true));
        for (size_t t = 0; t < sizeof turns / sizeof turns[0]; t++) {
            struct batch *batch;
            assert_ok(prefetch_take(&prefetch, turns[t][0], turns[t][1], &batch));
            const size_t *expected = sample_order_batch(&order, turns[t][0], turns[t][1]);
            assert_int_equal(batch->count, COUNT - turns[t][1] < BATCH ? COUNT - turns[t][1] : (size_t)BATCH);
            for (size_t i = 0; i < batch->count; i++) {
                assert_memory_equal(batch->x + i * INPUTS, features + expected[i] * INPUTS,
                                    INPUTS * sizeof(float));
                assert_int_equal(batch->classes[i], classes[expected[i]]);
            }
        }
        struct batch *batch;
        assert_ok(prefetch_take(&prefetch, 1, 240, &batch));
        assert_true(!prefetch.ahead ||
                    (prefetch.epoch == 2 && prefetch.first == 0)); /* what is gathered meanwhile */
        assert_ok(prefetch_take(&prefetch, 2, 0, &batch));
        assert_true(!prefetch.ahead || (prefetch.epoch == 2 && prefetch.first == BATCH));
        assert_ok(prefetch_take(&prefetch, 3, 240, &batch));
        assert_true(!prefetch.ahead || prefetch.epoch == SIZE_MAX);
        sample_order_free(&order);
        prefetch_free(&prefetch);
    }
    mlp_data_destroy(&data);
}

/* ---- fits ---------------------------------------------------------------------------------------------- */

struct way {
    bool on_disk;
    int threads;
    size_t window;
    double mixup;
    const char *folder; /* of checkpoints, or NULL */
    size_t stop_after;  /* progress calls; 0: never */
};

static size_t calls;

static int stop(const mlp_progress *progress, void *context)
{
    (void)progress;
    return ++calls == *(const size_t *)context;
}

/* The parameters that a fit ends with; the caller frees. */
static float *train(const char *features, const char *labels, const struct way *way, size_t *size)
{
    const mlp_layer layers[] = { { .units = 10, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_data *data, *part, *validation;
    mlp_network *network;
    mlp_optimizer *optimizer;
    rule.rule = MLP_OPTIMIZER_ADAM;
    noise.mixup = way->mixup;
    checkpoint.folder = way->folder;
    checkpoint.resume = 1;
    assert_ok(way->on_disk ? mlp_data_open_idx(features, labels, NULL, &data)
                           : mlp_data_load_idx(features, labels, &data));
    assert_ok(mlp_data_split(data, 0.2, 1, &part, &validation));
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    assert_ok(mlp_data_standardize(part, network));
    assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
    fit.epochs = EPOCHS;
    fit.batch = BATCH;
    fit.threads = way->threads;
    fit.shuffle_window = way->window;
    fit.validation = validation;
    fit.regularization = &noise;
    fit.checkpoint = way->folder != NULL ? &checkpoint : NULL;
    fit.progress = stop;
    size_t last = way->stop_after;
    fit.progress_context = &last;
    calls = 0;
    assert_ok(mlp_fit(network, optimizer, part, &fit, NULL));
    *size = network->arena_size * sizeof(float);
    float *parameters = malloc(*size);
    memcpy(parameters, network->parameters, *size);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&validation);
    mlp_data_destroy(&part);
    mlp_data_destroy(&data);
    return parameters;
}

static void fits_from_a_file_have_the_bits_of_memory(void **unused)
{
    char features[256], labels[256];
    (void)unused;
    write_files(features, labels, sizeof features);
    for (size_t window = WINDOW; window <= COUNT + WINDOW; window += COUNT) {
        for (int mixed = 0; mixed < 2; mixed++) {
            const struct way memory = { false, 1, window, mixed * 0.3, NULL, 0 };
            size_t size, other_size;
            float *expected = train(features, labels, &memory, &size);
            for (int threads = 1; threads <= 3; threads++) {
                for (int on_disk = 0; on_disk < 2; on_disk++) {
                    const struct way way = { on_disk, threads, window, mixed * 0.3, NULL, 0 };
                    float *parameters = train(features, labels, &way, &other_size);
                    assert_int_equal(other_size, size);
                    assert_memory_equal(parameters, expected, size);
                    free(parameters);
                }
            }
            free(expected);
        }
    }
}

/* Stopped in the middle of a window, and gone on with. */
static void fits_from_a_file_go_on_bit_for_bit(void **unused)
{
    char features[256], labels[256], folder[256];
    const struct way whole = { true, 1, WINDOW, 0.0, NULL, 0 };
    size_t size, unused_size;
    (void)unused;
    write_files(features, labels, sizeof features);
    float *expected = train(features, labels, &whole, &size);
    for (size_t steps = 1; steps < 4 * 14; steps += 9) {
        snprintf(folder, sizeof folder, "%s-%zu", test_path("checkpoints"), steps);
        const struct way first = { true, 2, WINDOW, 0.0, folder, steps },
                         second = { true, 1, WINDOW, 0.0, folder, 0 };
        free(train(features, labels, &first, &unused_size));
        float *parameters = train(features, labels, &second, &unused_size);
        assert_memory_equal(parameters, expected, size);
        free(parameters);
    }
    free(expected);
}

/* The text comes from another thread. */
static void a_file_cut_during_a_fit_ends_it_with_its_name(void **unused)
{
    char features[256], labels[256];
    const mlp_layer layers[] = { { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    const size_t live = memory_live_count();
    mlp_data *data;
    mlp_network *network;
    mlp_optimizer *optimizer;
    (void)unused;
    write_files(features, labels, sizeof features);
    assert_ok(mlp_data_open_idx(features, labels, NULL, &data));
    assert_ok(mlp_network_create(INPUTS, layers, 1, NULL, &network));
    assert_ok(mlp_optimizer_create(network, NULL, &optimizer));
    assert_int_equal(truncate(features, 12 + 100 * INPUTS), 0);
    assert_refused(mlp_fit(network, optimizer, data, &fit, NULL), MLP_ERROR_FORMAT, "features.idx", "shorter",
                   NULL);
    fit.keep_order = 1;
    fit.batch = 50;
    assert_refused(mlp_fit(network, optimizer, data, &fit, NULL), MLP_ERROR_FORMAT, "features.idx",
                   "sample 149", NULL);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
    assert_int_equal(memory_live_count(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_the_samples_of_the_order),
        cmocka_unit_test(fits_from_a_file_have_the_bits_of_memory),
        cmocka_unit_test(fits_from_a_file_go_on_bit_for_bit),
        cmocka_unit_test(a_file_cut_during_a_fit_ends_it_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
