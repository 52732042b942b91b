/* Networks to files and back: everything comes back bit for bit, the same network gives the same bytes, and
 * memory may run out anywhere. */
#include "support/support.h"

#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <mlp/mlp.h>

#include "base/memory.h"
#include "same_network.h"

enum { INPUTS = 5 };

static mlp_network *make(const mlp_layer *layers, size_t count, const mlp_network_options *options)
{
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, count, options, &network));
    fill_parameters(network, 11);
    return network;
}

/* Saves, loads, compares; destroys the network. */
static void round_trip(mlp_network *network)
{
    const char *path = test_path("round.safetensors");
    mlp_network *loaded;
    assert_ok(mlp_model_save(network, path));
    assert_ok(mlp_model_load(path, &loaded));
    assert_same_network(loaded, network);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

/* ---- round trips --------------------------------------------------------------------------------------- */

static void every_activation(void **unused)
{
    (void)unused;
    for (int a = 0; a < (int)mlp_activation_count(); a++) {
        const mlp_activation hidden = a == MLP_ACTIVATION_SOFTMAX ? MLP_ACTIVATION_TANH : (mlp_activation)a;
        mlp_layer layers[] = { { .units = 17, .activation = hidden },
                               { .units = 3, .activation = (mlp_activation)a } };
        if (a == MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        if (hidden == MLP_ACTIVATION_LEAKY_RELU || hidden == MLP_ACTIVATION_ELU) {
            layers[0].activation_parameter = 1.0 / 3.0;
        }
        round_trip(make(layers, 2, NULL));
    }
}

static void every_initializer(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)mlp_init_count(); i++) {
        mlp_layer layers[] = { { .units = 4, .init = (mlp_init)i }, { .units = 3 } };
        if (i == MLP_INIT_CUSTOM) {
            continue;
        }
        round_trip(make(layers, 2, NULL));
        if (i == MLP_INIT_ZEROS || (i >= MLP_INIT_CONSTANT && i <= MLP_INIT_TRUNCATED_NORMAL)) {
            layers[0].bias_init = (mlp_init)i;
            layers[0].bias_parameters.a = layers[0].init_parameters.a = i == MLP_INIT_ZEROS ? 0.0 : 0.1;
            layers[0].bias_parameters.b = i == MLP_INIT_UNIFORM ? 1.0 / 3.0 : 0.0;
            layers[0].init_parameters.b = i == MLP_INIT_UNIFORM ? 1e10 : 0.0;
        } else if (i == MLP_INIT_SPARSE) {
            layers[0].init_parameters = (mlp_init_parameters){ .a = 1.0 / 3.0, .b = 7.0 };
        } else if (i == MLP_INIT_CRITICAL) {
            layers[0].activation = MLP_ACTIVATION_TANH;
            layers[0].init_parameters.a = 1.0 / 3.0;
        } else {
            layers[0].init_parameters.gain = 4.9406564584124654e-324; /* the smallest double */
        }
        round_trip(make(layers, 2, NULL));
    }
}

static void every_fan_and_distribution(void **unused)
{
    (void)unused;
    for (int fan = 0; mlp_fan_name((mlp_fan)fan) != NULL; fan++) {
        for (int d = 0; mlp_distribution_name((mlp_distribution)d) != NULL; d++) {
            const mlp_layer layer = {
                .units = 3,
                .init = MLP_INIT_VARIANCE_SCALING,
                .init_parameters = { .gain = 0.7, .fan = (mlp_fan)fan, .distribution = (mlp_distribution)d }
            };
            round_trip(make(&layer, 1, NULL));
        }
    }
}

static void every_loss_and_reduction(void **unused)
{
    static const float class_weights[] = { 0.0f, 1.0f / 3.0f, 1e30f };
    (void)unused;
    for (int loss = 0; loss < (int)mlp_loss_count(); loss++) {
        if (loss != MLP_LOSS_CUSTOM) {
            for (int r = 0; mlp_reduction_name((mlp_reduction)r) != NULL; r++) {
                const mlp_layer layer = { .units = 3 };
                mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
                options.seed = UINT64_MAX - (uint64_t)r;
                options.loss = (mlp_loss)loss;
                options.reduction = (mlp_reduction)r;
                if (loss == MLP_LOSS_CROSS_ENTROPY) {
                    options.label_smoothing = 0.1;
                    options.class_weights = class_weights;
                } else if (loss == MLP_LOSS_HUBER) {
                    options.huber_delta = 0.3;
                }
                round_trip(make(&layer, 1, &options));
                if (loss >= (int)MLP_LOSS_SQUARED_ERROR) {
                    options.class_targets = MLP_CLASS_TARGETS_BIPOLAR;
                    round_trip(make(&layer, 1, &options));
                }
            }
        }
    }
}

static void standardization_and_class_names(void **unused)
{
    static const float mean[INPUTS] = { 0, -1, 1e-20f, 3e38f, 0.1f },
                       scale[INPUTS] = { 1, 1e-3f, 1e20f, 0.1f, 7 };
    static const char *const names[] = { "na\xc3\xafve \"quoted\" \\ /", "\xe6\x97\xa5\xe6\x9c\xac",
                                         "\xf0\x9f\x90\x8d " };
    const mlp_layer layers[] = { { .units = 1 }, { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    const mlp_layer unit = { .units = 1, .activation = MLP_ACTIVATION_SIGMOID };
    mlp_network *network = make(layers, 2, NULL);
    (void)unused;
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_class_names(network, names, 3));
    assert_ok(mlp_network_set_note(network, "hidden = 3\nlabel = \"größe\"\t\x01\n"));
    round_trip(network);
    network = make(&unit, 1, NULL); /* one unit, two classes */
    assert_ok(mlp_network_set_class_names(network, names, 2));
    round_trip(network);
}

static void many_layers(void **unused)
{
    static mlp_layer layers[120];
    (void)unused;
    for (size_t l = 0; l < 120; l++) {
        layers[l].units = 1 + l % 7;
    }
    round_trip(make(layers, 120, NULL));
}

/* ---- custom parts -------------------------------------------------------------------------------------- */

static void custom_value(const float *z, float *a, size_t count, void *context)
{
    (void)context;
    memmove(a, z, count * sizeof *a);
}

static void custom_derivative(const float *z, float *d, size_t count, void *context)
{
    (void)z;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        d[i] = 1.0f;
    }
}

static mlp_status custom_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                              size_t leading_dimension, float *gradient, double *loss, void *context)
{
    (void)outputs, (void)targets, (void)units, (void)count, (void)leading_dimension, (void)gradient,
        (void)context;
    *loss = 0.0;
    return MLP_OK;
}

static mlp_status custom_init(float *values, size_t rows, size_t columns, uint64_t seed, size_t layer,
                              void *context)
{
    (void)seed, (void)layer, (void)context;
    for (size_t i = 0; i < rows * columns; i++) {
        values[i] = 0.5f;
    }
    return MLP_OK;
}

static void custom_functions_are_refused(void **unused)
{
    const char *path = test_path("custom.safetensors");
    const mlp_layer layers[] = { { .units = 2 },
                                 { .units = 2,
                                   .activation = MLP_ACTIVATION_CUSTOM,
                                   .custom_activation = { custom_value, custom_derivative, NULL } } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network = make(layers, 2, NULL), *loaded;
    (void)unused;
    assert_refused(mlp_model_save(network, path), MLP_ERROR_UNSUPPORTED, "layer 1", "custom activation",
                   NULL);
    mlp_network_destroy(&network);
    options.loss = MLP_LOSS_CUSTOM;
    options.custom_loss = custom_loss;
    network = make(layers, 1, &options);
    assert_refused(mlp_model_save(network, path), MLP_ERROR_UNSUPPORTED, "custom loss", NULL);
    mlp_network_destroy(&network);
    assert_refused(mlp_model_load(path, &loaded), MLP_ERROR_IO, path, NULL); /* nothing was written */
}

/* A custom initializer comes back as automatic: the parameters are there, the function is not. */
static void custom_initializers_become_automatic(void **unused)
{
    const char *path = test_path("custom.safetensors");
    const mlp_layer layers[] = { { .units = 2,
                                   .activation = MLP_ACTIVATION_RELU,
                                   .init = MLP_INIT_CUSTOM,
                                   .init_parameters = { .custom = custom_init },
                                   .bias_init = MLP_INIT_CUSTOM,
                                   .bias_parameters = { .custom = custom_init } },
                                 { .units = 2,
                                   .activation = MLP_ACTIVATION_GELU,
                                   .init = MLP_INIT_CUSTOM,
                                   .init_parameters = { .custom = custom_init } } };
    const mlp_layer automatic[] = { { .units = 2, .activation = MLP_ACTIVATION_RELU },
                                    { .units = 2, .activation = MLP_ACTIVATION_GELU } };
    mlp_network *network = make(layers, 2, NULL), *expected = make(automatic, 2, NULL), *loaded;
    (void)unused;
    assert_ok(mlp_network_copy_parameters(expected, network));
    assert_ok(mlp_model_save(network, path));
    assert_ok(mlp_model_load(path, &loaded));
    assert_same_network(loaded, expected);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&expected);
    mlp_network_destroy(&network);
}

/* ---- bytes, memory ------------------------------------------------------------------------------------- */

/* A network with everything that a file can hold. */
static mlp_network *make_full(void)
{
    static const float class_weights[] = { 1, 2, 3 }, mean[INPUTS] = { 0 },
                       scale[INPUTS] = { 1, 2, 3, 4, 0.1f };
    static const char *const names[] = { "one", "two", "three" };
    const mlp_layer layers[] = {
        { .units = 4, .activation = MLP_ACTIVATION_ELU, .activation_parameter = 0.1 },
        { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX }
    };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    options.class_weights = class_weights;
    options.label_smoothing = 0.1;
    mlp_network *network = make(layers, 2, &options);
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_class_names(network, names, 3));
    return network;
}

static void assert_same_file(const char *path, const char *other)
{
    size_t size, other_size;
    unsigned char *bytes = test_read_file(path, &size), *other_bytes = test_read_file(other, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(bytes, other_bytes, size);
    free(bytes);
    free(other_bytes);
}

static void the_same_network_gives_the_same_bytes(void **unused)
{
    const char *first = test_path("first"), *second = test_path("second.onnx"), *third = test_path("third");
    mlp_network *network = make_full(), *loaded;
    (void)unused;
    assert_ok(mlp_model_save(network, first));
    assert_ok(mlp_model_save(network, second));
    assert_same_file(first, second);
    assert_ok(mlp_model_load(second, &loaded)); /* its content says what it is, not its name */
    assert_ok(mlp_model_save(loaded, third));
    assert_same_file(first, third);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

/* A locale that writes 0,1 must not reach the file. */
static void the_locale_is_kept_out(void **unused)
{
    static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8" };
    const char *first = test_path("first"), *second = test_path("second");
    mlp_network *network = make_full(), *loaded;
    bool found = false;
    (void)unused;
    assert_ok(mlp_model_save(network, first));
    for (size_t i = 0; i < 4 && !found; i++) {
        found = setlocale(LC_NUMERIC, locales[i]) != NULL;
    }
    if (found) {
        assert_ok(mlp_model_save(network, second));
        assert_ok(mlp_model_load(first, &loaded));
        setlocale(LC_NUMERIC, "C");
        assert_same_file(first, second);
        assert_same_network(loaded, network);
        mlp_network_destroy(&loaded);
    } else {
        print_message("no locale with a decimal comma is installed here\n");
    }
    mlp_network_destroy(&network);
}

/* Names that take a longer header than a file may have are refused before anything is written; the old file
 * stays. */
static void what_could_not_be_loaded_is_not_saved(void **unused)
{
    enum { CLASSES = 25000, LENGTH = 4090 };
    const mlp_layer layer = { .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX },
                    small = { .units = 2 };
    const char *path = test_path("limits.safetensors");
    char *texts = malloc((size_t)CLASSES * (LENGTH + 1));
    const char **names = malloc(CLASSES * sizeof *names);
    mlp_network *network = make(&layer, 1, NULL), *old = make(&small, 1, NULL), *loaded;
    (void)unused;
    assert_true(texts != NULL && names != NULL);
    for (size_t i = 0; i < CLASSES; i++) {
        names[i] = memset(texts + i * (LENGTH + 1), 'n', LENGTH);
        texts[i * (LENGTH + 1) + LENGTH] = '\0';
    }
    assert_ok(mlp_model_save(old, path));
    assert_ok(mlp_network_set_class_names(network, names, CLASSES));
    assert_refused(mlp_model_save(network, path), MLP_ERROR_UNSUPPORTED, path, "the format allows 100000000",
                   NULL);
    assert_ok(mlp_network_set_class_names(network, NULL, 0));
    network_write(network)[network->layers[0].weights + 3] = NAN;
    assert_refused(mlp_model_save(network, path), MLP_ERROR_NONFINITE, path, "layers.0.weight", NULL);
    assert_ok(mlp_model_load(path, &loaded));
    assert_same_network(loaded, old);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&old);
    mlp_network_destroy(&network);
    free(names);
    free(texts);
}

static void arguments(void **unused)
{
    mlp_network *network = make_full(), *loaded = network;
    (void)unused;
    assert_refused(mlp_model_save(NULL, "x"), MLP_ERROR_ARGUMENT, "network", NULL);
    assert_refused(mlp_model_save(network, NULL), MLP_ERROR_ARGUMENT, "path", NULL);
    assert_refused(mlp_model_load("x", NULL), MLP_ERROR_ARGUMENT, "network", NULL);
    assert_refused(mlp_model_load(NULL, &loaded), MLP_ERROR_ARGUMENT, "path", NULL);
    assert_null(loaded);
    mlp_network_destroy(&network);
}

/* jansson's allocations, which do not go through base/memory.h: the one that fails, and those that live. */
static size_t json_countdown = SIZE_MAX, json_live;

static void *json_allocate(size_t size)
{
    if (json_countdown != SIZE_MAX && json_countdown-- == 0) {
        json_countdown = SIZE_MAX;
        return NULL;
    }
    json_live++;
    return malloc(size);
}

static void json_release(void *pointer)
{
    json_live -= pointer != NULL;
    free(pointer);
}

static void fail_library(size_t k)
{
    memory_fail_after(k);
}

static void fail_json(size_t k)
{
    json_countdown = k;
}

/* Makes the k-th allocation fail, for every k, in saving a network over another one's file; returns how many
 * failed. */
static size_t fail_saving(void (*fail_at)(size_t k), const mlp_network *network, const char *old,
                          const char *path)
{
    mlp_status status = MLP_ERROR_MEMORY;
    size_t k = 0;
    for (; status != MLP_OK; k++) {
        const size_t live = memory_live_count(), json = json_live;
        fail_at(k);
        status = mlp_model_save(network, path);
        fail_at(SIZE_MAX);
        assert_int_equal(memory_live_count(), live);
        assert_int_equal(json_live, json);
        if (status != MLP_OK) {
            assert_refused(status, MLP_ERROR_MEMORY, "out of memory", NULL);
            assert_same_file(path, old); /* the old file stays */
        }
    }
    return k - 1;
}

static void saving_survives_every_failed_allocation(void **unused)
{
    const mlp_layer layer = { .units = 2 };
    const char *path = test_path("memory"), *old = test_path("old");
    mlp_network *network = make_full(), *small = make(&layer, 1, NULL), *loaded;
    (void)unused;
    json_set_alloc_funcs(json_allocate, json_release);
    assert_ok(mlp_model_save(small, old));
    assert_ok(mlp_model_save(small, path));
    assert_true(fail_saving(fail_library, network, old, path) > 5);
    assert_ok(mlp_model_save(small, path));
    assert_true(fail_saving(fail_json, network, old, path) > 100);
    json_set_alloc_funcs(malloc, free);
    assert_ok(mlp_model_load(path, &loaded));
    assert_same_network(loaded, network);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&small);
    mlp_network_destroy(&network);
}

/* Reading takes no memory but the library's own. */
static void loading_survives_every_failed_allocation(void **unused)
{
    const char *path = test_path("memory");
    mlp_network *network = make_full(), *loaded = NULL;
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    size_t k = 0;
    (void)unused;
    assert_ok(mlp_model_save(network, path));
    json_set_alloc_funcs(json_allocate, json_release);
    for (; status != MLP_OK; k++) {
        const size_t json = json_live;
        memory_fail_after(k);
        status = mlp_model_load(path, &loaded);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(json_live, json);
        if (status != MLP_OK) {
            assert_refused(status, MLP_ERROR_MEMORY, "out of memory", NULL);
            assert_null(loaded);
            assert_int_equal(memory_live_count(), live);
        }
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(k > 10); /* the loop met allocations */
    assert_same_network(loaded, network);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

int main(void)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation),                cmocka_unit_test(every_initializer),
        cmocka_unit_test(every_fan_and_distribution),      cmocka_unit_test(every_loss_and_reduction),
        cmocka_unit_test(standardization_and_class_names), cmocka_unit_test(many_layers),
        cmocka_unit_test(custom_functions_are_refused),
               cmocka_unit_test(custom_initializers_become_automatic),
        cmocka_unit_test(the_same_network_gives_the_same_bytes), cmocka_unit_test(the_locale_is_kept_out),
        cmocka_unit_test(what_could_not_be_loaded_is_not_saved), cmocka_unit_test(arguments),
                                  cmocka_unit_test(saving_survives_every_failed_allocation),
        cmocka_unit_test(loading_survives_every_failed_allocation),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
