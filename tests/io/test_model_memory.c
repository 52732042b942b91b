/* Models in memory, and networks with functions of their own: what comes back is what a file would give, and
 * the caller is asked for functions by their names. */
#include "support/support.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "same_network.h"

enum { INPUTS = 3, UNITS = 2 };

/* ---- functions of the caller's own --------------------------------------------------------------------- */

static float slope = 3.0f, other_slope = 5.0f;

static void value(const float *z, float *a, size_t count, void *context)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = z[i] * *(const float *)context;
    }
}

static void derivative(const float *z, float *d, size_t count, void *context)
{
    (void)z;
    for (size_t i = 0; i < count; i++) {
        d[i] = *(const float *)context;
    }
}

static mlp_status loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                       size_t leading_dimension, float *gradient, double *value_of, void *context)
{
    (void)targets, (void)context;
    *value_of = 0.0;
    for (size_t j = 0; j < count; j++) {
        for (size_t i = 0; i < units; i++) {
            const float output = outputs[j * leading_dimension + i];
            *value_of += 0.5 * (double)output * (double)output / (double)count;
            if (gradient != NULL) {
                gradient[j * leading_dimension + i] = output / (float)count;
            }
        }
    }
    return MLP_OK;
}

static void find_activation(const char *name, mlp_activation_callbacks *callbacks, void *context)
{
    assert_ptr_equal(context, &slope);
    if (strcmp(name, "three z") == 0 || strcmp(name, "f\xc3\xbcnf z") == 0) {
        *callbacks = (mlp_activation_callbacks){ value, derivative, name[0] == 't' ? &slope : &other_slope };
    }
}

static void find_loss(const char *name, mlp_loss_callback *callback, void **loss_context, void *context)
{
    assert_ptr_equal(context, &slope);
    if (strcmp(name, "half squares") == 0) {
        *callback = loss;
        *loss_context = &other_slope;
    }
}

static mlp_load_options finders(bool with_loss)
{
    mlp_load_options options = MLP_LOAD_OPTIONS_INIT;
    options.find_activation = find_activation;
    options.find_loss = with_loss ? find_loss : NULL;
    options.context = &slope;
    return options;
}

/* 3 → 4 (three z) → 3 (tanh) → 2 (fünf z), and a custom loss; names NULL: none. */
static mlp_network *make_custom(const char *first, const char *last, const char *loss_name)
{
    const mlp_layer layers[] = {
        { .units = 4,
          .activation = MLP_ACTIVATION_CUSTOM,
          .custom_activation = { value, derivative, &slope } },
        { .units = 3, .activation = MLP_ACTIVATION_TANH },
        { .units = UNITS,
          .activation = MLP_ACTIVATION_CUSTOM,
          .custom_activation = { value, derivative, &other_slope } },
    };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.loss = MLP_LOSS_CUSTOM;
    options.custom_loss = loss;
    options.custom_loss_name = loss_name;
    options.custom_activation_names = (const char *const[]){ first, "not of a custom one", last };
    assert_ok(mlp_network_create(INPUTS, layers, 3, &options, &network));
    return network;
}

static const float x[4 * INPUTS] = { 1, 2, 3, -1, 0, 1, 0.5f, 0.25f, 0, 7, -7, 1 };

static void assert_same_outputs(const mlp_network *network, const mlp_network *expected)
{
    float outputs[2][4 * UNITS];
    const mlp_network *networks[] = { network, expected };
    for (int i = 0; i < 2; i++) {
        mlp_workspace *workspace;
        assert_ok(mlp_workspace_create(networks[i], 4, NULL, &workspace));
        assert_ok(mlp_predict(networks[i], workspace, x, 4, outputs[i]));
        mlp_workspace_destroy(&workspace);
    }
    assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
}

static void callbacks_are_found_by_their_names(void **unused)
{
    const char *path = test_path("custom.safetensors");
    const mlp_load_options options = finders(true);
    mlp_network *network = make_custom("three z", "f\xc3\xbcnf z", "half squares"), *copy, *loaded;
    mlp_layer layer;
    (void)unused;
    assert_ok(mlp_network_copy(network, &copy));
    assert_ok(mlp_model_save(copy, path));
    mlp_network_destroy(&copy); /* each has names of its own */
    assert_ok(mlp_model_load_with(path, &options, &loaded));
    assert_same_network(loaded, network);
    assert_same_outputs(loaded, network);
    assert_ok(mlp_network_layer(loaded, 2, &layer));
    assert_string_equal(mlp_network_custom_activation_name(loaded, 2), "f\xc3\xbcnf z");
    assert_ptr_equal(layer.custom_activation.context, &other_slope);
    assert_null(mlp_network_custom_activation_name(loaded, 1));
    assert_null(mlp_network_custom_activation_name(loaded, 3));
    assert_string_equal(mlp_network_custom_loss_name(loaded), "half squares");
    assert_true(loaded->loss.custom == loss && loaded->loss.context == &other_slope);
    assert_ok(mlp_model_save(loaded, path)); /* and can be saved again */
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

static void a_missing_activation_is_named(void **unused)
{
    const char *path = test_path("custom.safetensors");
    const mlp_load_options options = finders(true), none = MLP_LOAD_OPTIONS_INIT;
    mlp_network *network = make_custom("three z", "four z", "half squares"), *loaded;
    (void)unused;
    assert_ok(mlp_model_save(network, path));
    assert_refused(mlp_model_load_with(path, &options, &loaded), MLP_ERROR_UNSUPPORTED, path, "layer 2",
                   "'four z'", "find_activation", NULL);
    assert_null(loaded);
    assert_refused(mlp_model_load(path, &loaded), MLP_ERROR_UNSUPPORTED, "layer 0", "'three z'", NULL);
    assert_refused(mlp_model_load_with(path, &none, &loaded), MLP_ERROR_UNSUPPORTED, "'three z'", NULL);
    mlp_network_destroy(&network);
}

/* Predicts without, and says what is missing where the loss is asked for; a copy of it, too. */
static void a_missing_loss_is_named_when_it_is_asked_for(void **unused)
{
    const char *path = test_path("custom.safetensors");
    const mlp_load_options options = finders(false);
    const mlp_targets targets = { .values = x };
    mlp_network *network = make_custom("three z", "f\xc3\xbcnf z", "half squares"), *loaded, *copy;
    mlp_workspace *workspace;
    double value_of;
    (void)unused;
    assert_ok(mlp_model_save(network, path));
    assert_ok(mlp_model_load_with(path, &options, &loaded));
    assert_ok(mlp_network_copy(loaded, &copy));
    mlp_network_destroy(&loaded);
    assert_same_outputs(copy, network);
    assert_ok(mlp_workspace_create(copy, 4, NULL, &workspace));
    assert_ok(mlp_forward(copy, workspace, x, 4));
    assert_refused(mlp_loss_backward(copy, workspace, &targets, &value_of), MLP_ERROR_STATE, "'half squares'",
                   "find_loss", NULL);
    assert_ok(mlp_model_save(copy, path));
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&copy);
    mlp_network_destroy(&network);
}

static void functions_without_a_name_cannot_be_saved(void **unused)
{
    static const struct {
        const char *first, *loss;
        const char *words[2];
    } cases[] = {
        { NULL, "half squares", { "layer 0", "custom_activation_names" } },
        { "three z", NULL, { "custom loss", "custom_loss_name" } },
    };
    const mlp_layer layer = { .units = 1,
                              .activation = MLP_ACTIVATION_CUSTOM,
                              .custom_activation = { value, derivative, &slope } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    void *bytes;
    size_t size;
    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        network = make_custom(cases[i].first, "three z", cases[i].loss);
        assert_refused(mlp_model_save_memory(network, &bytes, &size), MLP_ERROR_UNSUPPORTED,
                       cases[i].words[0], cases[i].words[1], NULL);
        assert_true(bytes == NULL && size == 0);
        mlp_network_destroy(&network);
    }
    options.custom_activation_names = (const char *const[]){ "a\nb" };
    assert_refused(mlp_network_create(1, &layer, 1, &options, &network), MLP_ERROR_ARGUMENT, "layer 0",
                   "custom_activation_names", "control character", NULL);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

static mlp_network *make_full(size_t units)
{
    static const float mean[INPUTS] = { 1, 2, 3 }, scale[INPUTS] = { 1, 2, 4 };
    static const char *const names[] = { "no", "yes" };
    const mlp_layer layers[] = { { .units = units, .activation = MLP_ACTIVATION_ELU },
                                 { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    fill_parameters(network, 5);
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_class_names(network, names, 2));
    return network;
}

static void memory_holds_what_a_file_does(void **unused)
{
    static const size_t units[] = { 1, 15, 16, 17, 1000, 70000 };
    const char *path = test_path("same.safetensors");
    (void)unused;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        mlp_network *network = make_full(units[i]), *loaded;
        void *bytes;
        size_t size, file_size;
        assert_ok(mlp_model_save(network, path));
        assert_ok(mlp_model_save_memory(network, &bytes, &size));
        unsigned char *file = test_read_file(path, &file_size);
        assert_int_equal(size, file_size);
        assert_memory_equal(bytes, file, size);
        mlp_memory_free(&bytes);
        assert_null(bytes);
        assert_ok(mlp_model_load_memory(file, file_size, NULL, &loaded));
        assert_same_network(loaded, network);
        free(file);
        mlp_network_destroy(&loaded);
        mlp_network_destroy(&network);
    }
}

/* An ONNX model is told by its content; a build without ONNX says so. */
static void onnx_in_memory(void **unused)
{
    const char *path = test_path("same.onnx");
    mlp_network *network = make_full(17), *loaded;
    mlp_onnx_options options = MLP_ONNX_OPTIONS_INIT;
    void *bytes;
    size_t size, file_size;
    (void)unused;
    options.label = 1;
    const mlp_status status = mlp_model_export_onnx_memory(network, &options, &bytes, &size);
    if (status != MLP_ERROR_UNSUPPORTED) {
        assert_ok(status);
        assert_ok(mlp_model_export_onnx(network, path, &options));
        unsigned char *file = test_read_file(path, &file_size);
        assert_int_equal(size, file_size);
        assert_memory_equal(bytes, file, size);
        free(file);
        assert_ok(mlp_model_load_memory(bytes, size, NULL, &loaded));
        assert_same_outputs(loaded, network);
        mlp_network_destroy(&loaded);
    }
    mlp_memory_free(&bytes);
    mlp_network_destroy(&network);
}

/* Whatever is missing of a model: refused, and nothing beyond its end is read (a sanitizer looks). */
static void every_cut_is_refused(void **unused)
{
    mlp_network *network = make_full(2), *loaded;
    const size_t live = memory_live_count();
    void *bytes;
    size_t size;
    (void)unused;
    assert_ok(mlp_model_save_memory(network, &bytes, &size));
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut > 0 ? cut : 1);
        assert_non_null(part);
        memcpy(part, bytes, cut);
        assert_int_equal(mlp_model_load_memory(part, cut, NULL, &loaded), MLP_ERROR_FORMAT);
        assert_null(loaded);
        free(part);
    }
    mlp_memory_free(&bytes);
    assert_int_equal(memory_live_count(), live);
    mlp_network_destroy(&network);
}

static void arguments(void **unused)
{
    mlp_network *network = make_full(2), *loaded;
    void *bytes = &bytes;
    size_t size = 7;
    (void)unused;
    mlp_memory_free(NULL);
    assert_refused(mlp_model_save_memory(NULL, &bytes, &size), MLP_ERROR_ARGUMENT, "network", NULL);
    assert_true(bytes == NULL && size == 0);
    mlp_memory_free(&bytes);
    assert_refused(mlp_model_save_memory(network, NULL, &size), MLP_ERROR_ARGUMENT, "bytes", NULL);
    assert_refused(mlp_model_save_memory(network, &bytes, NULL), MLP_ERROR_ARGUMENT, "size", NULL);
    assert_refused(mlp_model_load_memory(NULL, 0, NULL, &loaded), MLP_ERROR_ARGUMENT, "bytes", NULL);
    assert_refused(mlp_model_load_memory("", 0, NULL, NULL), MLP_ERROR_ARGUMENT, "network", NULL);
    assert_refused(mlp_model_export_onnx_memory(NULL, NULL, &bytes, &size), MLP_ERROR_ARGUMENT, "network",
                   NULL);
    mlp_network_destroy(&network);
}

/* The k-th allocation fails, for every k. */
static void memory_may_run_out(void **unused)
{
    const mlp_load_options options = finders(true);
    mlp_network *network = make_custom("three z", "f\xc3\xbcnf z", "half squares"), *loaded = NULL;
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    void *bytes = NULL;
    size_t size, k = 0;
    (void)unused;
    for (; status != MLP_OK; k++) {
        mlp_network *copy = NULL;
        memory_fail_after(k);
        status = mlp_network_copy(network, &copy);
        status = status == MLP_OK ? mlp_model_save_memory(copy, &bytes, &size) : status;
        status = status == MLP_OK ? mlp_model_load_memory(bytes, size, &options, &loaded) : status;
        memory_fail_after(SIZE_MAX);
        mlp_memory_free(&bytes);
        mlp_network_destroy(&copy);
        if (status != MLP_OK) {
            assert_refused(status, MLP_ERROR_MEMORY, "out of memory", NULL);
            assert_int_equal(memory_live_count(), live);
        }
    }
    assert_true(k > 30);
    assert_same_outputs(loaded, network);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

/* Draws of every kind, texts, numbers of the description: the whole file, recorded on x86-64, is the same on
 * processors of the other order of bytes, of 32 bit, and with other vectors. FNV-1a (Fowler, Noll & Vo). */
static void bytes_are_those_of_any_machine(void **unused)
{
    static const mlp_layer layers[] = {
        { .units = 37,
          .activation = MLP_ACTIVATION_RELU,
          .bias_init = MLP_INIT_UNIFORM,
          .bias_parameters = { .a = -0.3, .b = 0.7 } },
        { .units = 23, .init = MLP_INIT_TRUNCATED_NORMAL, .init_parameters = { .a = 0.25 } },
        { .units = 23,
          .init = MLP_INIT_IDENTITY,
          .bias_init = MLP_INIT_CONSTANT,
          .bias_parameters = { .a = -1e-30 } },
        { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX, .init = MLP_INIT_XAVIER_UNIFORM },
    };
    static const char *const names[] = { "größer", "\"", "c" };
    const float mean[] = { 1, -2, 0.1f, 3e38f, 1e-38f }, scale[] = { 0.1f, 1, 2, 3, 1e30f };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    void *bytes;
    size_t size;
    uint64_t digest = 0xCBF29CE484222325u;
    (void)unused;
    options.seed = 0x0123456789ABCDEFu;
    assert_ok(mlp_network_create(5, layers, 4, &options, &network));
    assert_ok(mlp_network_set_class_names(network, names, 3));
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_model_save_memory(network, &bytes, &size));
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
    }
    assert_int_equal(size, 9248);
    assert_int_equal(digest, 0x61934D9BF1B587F4u);
    mlp_memory_free(&bytes);
    mlp_network_destroy(&network);
}

/* Bytes have no name: the first say that they are ONNX, also where a text behind the version is empty. */
static void onnx_is_known_by_its_beginning(void **unused)
{
    static const unsigned char beginning[] = { 0x08, 8, 0x12, 0 }; /* version 8, a producer without a name */
    char path[4096];
    size_t size;
    mlp_network *network;
    (void)unused;
    snprintf(path, sizeof path, "%s/offset-2.onnx", getenv("MLP_TEST_ONNX"));
    unsigned char *bytes = test_read_file(path, &size), *longer = malloc(size + 2);
    assert_memory_equal(bytes, beginning, 2);
    memcpy(longer, beginning, sizeof beginning);
    memcpy(longer + sizeof beginning, bytes + 2, size - 2);
    const mlp_status status = mlp_model_load_memory(longer, size + 2, NULL, &network);
    assert_true(status == MLP_OK || status == MLP_ERROR_UNSUPPORTED); /* the latter without protobuf-c */
    mlp_network_destroy(&network);
    free(bytes);
    free(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_are_found_by_their_names),
        cmocka_unit_test(a_missing_activation_is_named),
        cmocka_unit_test(a_missing_loss_is_named_when_it_is_asked_for),
        cmocka_unit_test(functions_without_a_name_cannot_be_saved),
        cmocka_unit_test(memory_holds_what_a_file_does),
        cmocka_unit_test(onnx_in_memory),
        cmocka_unit_test(bytes_are_those_of_any_machine),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(arguments),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(onnx_is_known_by_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
