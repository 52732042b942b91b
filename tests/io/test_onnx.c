/* ONNX models: those of other programs give their outputs here (tests/io/onnx/record.py), ours give ours in
 * ONNX Runtime (tests/io/onnx/runtime.py), and what is no perceptron is refused by node and operator. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <mlp/mlp.h>

#include "base/memory.h"

/* ---- predictions --------------------------------------------------------------------------------------- */

static void predict(const mlp_network *network, const float *x, size_t count, float *y)
{
    mlp_workspace *workspace;
    assert_ok(mlp_workspace_create(network, count, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, x, count, y));
    mlp_workspace_destroy(&workspace);
}

static const char *recorded_path(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("MLP_TEST_ONNX"), name);
    return path;
}

/* One recorded model: samples, inputs and outputs, then a line for each sample. */
static void check_recorded(const char *name)
{
    float x[256], y[256], got[256];
    size_t samples, inputs, outputs;
    mlp_network *network;
    char model[256];
    FILE *stream = fopen(recorded_path(name), "r");
    assert_non_null(stream);
    assert_int_equal(fscanf(stream, "%zu %zu %zu", &samples, &inputs, &outputs), 3);
    assert_true(samples * inputs <= 256 && samples * outputs <= 256);
    for (size_t s = 0; s < samples; s++) {
        for (size_t i = 0; i < inputs + outputs; i++) {
            float *place = i < inputs ? &x[s * inputs + i] : &y[s * outputs + i - inputs];
            assert_int_equal(fscanf(stream, "%f", place), 1);
        }
    }
    fclose(stream);
    snprintf(model, sizeof model, "%.*s.onnx", (int)(strlen(name) - 4), name);
    print_message("%s\n", model);
    assert_ok(mlp_model_load(recorded_path(model), &network));
    assert_int_equal(mlp_network_inputs(network), inputs);
    assert_int_equal(mlp_network_outputs(network), outputs);
    predict(network, x, samples, got);
    for (size_t i = 0; i < samples * outputs; i++) {
        assert_close(got[i], y[i], 1e-5);
    }
    mlp_network_destroy(&network);
}

static void files_of_other_programs(void **unused)
{
    size_t count = 0;
    (void)unused;
    DIR *folder = opendir(recorded_path("."));
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0 &&
            strcmp(entry->d_name, "runtime.txt") != 0) {
            check_recorded(entry->d_name);
            count++;
        }
    }
    closedir(folder);
    assert_true(count >= 40);
    assert_int_equal(memory_live_count(), 0);
}

static void take(const unsigned char **from, size_t *left, void *to, size_t size)
{
    assert_true(size <= *left);
    memcpy(to, *from, size);
    *from += size;
    *left -= size;
}

/* PyTorch's files and outputs for 20 shapes of every activation; on a processor of its byte order. */
static void random_shapes_of_pytorch(void **unused)
{
    size_t left, count = 0;
    unsigned char *bytes = test_read_file(recorded_path("torch-shapes.bin"), &left);
    const unsigned char *from = bytes;
    (void)unused;
    for (; left > 0; count++) {
        uint32_t sizes[4]; /* of the model, samples, inputs, outputs */
        float x[64], y[64], got[64];
        mlp_network *network;
        take(&from, &left, sizes, sizeof sizes);
        assert_true(sizes[0] <= left && sizes[1] * sizes[2] <= 64 && sizes[1] * sizes[3] <= 64);
        assert_ok(mlp_model_load_memory(from, sizes[0], NULL, &network));
        from += sizes[0];
        left -= sizes[0];
        take(&from, &left, x, sizeof *x * sizes[1] * sizes[2]);
        take(&from, &left, y, sizeof *y * sizes[1] * sizes[3]);
        assert_int_equal(mlp_network_inputs(network), sizes[2]);
        assert_int_equal(mlp_network_outputs(network), sizes[3]);
        predict(network, x, sizes[1], got);
        for (size_t i = 0; i < sizes[1] * sizes[3]; i++) {
            assert_close(got[i], y[i], 1e-5);
        }
        mlp_network_destroy(&network);
    }
    free(bytes);
    assert_int_equal(count, 20 * MLP_ACTIVATION_CUSTOM);
}

/* ---- our files ----------------------------------------------------------------------------------------- */

enum { SHAPES = 20, SAMPLES = 2, LARGEST = 9 };

/* A network of one hidden layer with the activation and random shapes, biases and standardization. */
static mlp_network *random_network(mlp_activation activation, size_t shape, float x[SAMPLES * LARGEST])
{
    uint64_t state = 1000 * (uint64_t)activation + shape + 1;
    const size_t inputs = 1 + (size_t)test_uniform(&state, 0.0, LARGEST),
                 hidden = 1 + (size_t)test_uniform(&state, 0.0, LARGEST),
                 least = activation == MLP_ACTIVATION_SOFTMAX ? 2 : 1,
                 outputs = least + (size_t)test_uniform(&state, 0.0, 3.0);
    const bool hides = activation != MLP_ACTIVATION_SOFTMAX;
    const double parameter = activation == MLP_ACTIVATION_LEAKY_RELU || activation == MLP_ACTIVATION_ELU
                                 ? test_uniform(&state, 0.05, 0.95)
                                 : 0.0;
    const mlp_layer layers[] = {
        { .units = hidden,
          .activation = hides ? activation : MLP_ACTIVATION_TANH,
          .activation_parameter = parameter },
        { .units = outputs, .activation = activation, .activation_parameter = parameter },
    };
    float values[LARGEST * LARGEST], scale[LARGEST];
    mlp_network *network;
    assert_ok(mlp_network_create(inputs, layers, 2, NULL, &network));
    test_fill(&state, -1.0, 1.0, values, hidden * inputs);
    assert_ok(mlp_network_set_weights(network, 0, values));
    test_fill(&state, -1.0, 1.0, values, hidden * outputs);
    assert_ok(mlp_network_set_weights(network, 1, values));
    test_fill(&state, -1.0, 1.0, values, LARGEST);
    assert_ok(mlp_network_set_bias(network, 0, values));
    assert_ok(mlp_network_set_bias(network, 1, values));
    if (shape % 2 == 1) {
        test_fill(&state, -1.0, 1.0, values, LARGEST);
        test_fill(&state, 0.5, 2.0, scale, LARGEST);
        assert_ok(mlp_network_set_standardization(network, values, scale));
    }
    test_fill(&state, -3.0, 3.0, x, SAMPLES * inputs);
    return network;
}

/* ONNX Runtime's outputs for the file that the next lines' hash is of. With MLP_TEST_ONNX_WRITE a folder,
 * the files are written there for runtime.py. */
static void every_activation_in_onnx_runtime(void **unused)
{
    FILE *stream = fopen(recorded_path("runtime.txt"), "r");
    const char *folder = getenv("MLP_TEST_ONNX_WRITE");
    (void)unused;
    for (int a = 0; a < MLP_ACTIVATION_CUSTOM; a++) {
        for (size_t shape = 0; shape < SHAPES; shape++) {
            float x[SAMPLES * LARGEST], y[SAMPLES * 4], expected;
            char name[128], path[4096], text[512];
            unsigned long long hash;
            mlp_network *network = random_network((mlp_activation)a, shape, x);
            const size_t inputs = mlp_network_inputs(network), outputs = mlp_network_outputs(network);
            snprintf(name, sizeof name, "%s-%zu.onnx", mlp_activation_name((mlp_activation)a), shape);
            snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : ".", name);
            const char *file = folder != NULL ? path : test_path(name);
            assert_ok(mlp_model_export_onnx(network, file, NULL));
            if (folder != NULL) {
                snprintf(path, sizeof path, "%s/%s.x", folder, name);
                FILE *samples = fopen(path, "wb");
                assert_int_equal(fwrite(x, sizeof *x, SAMPLES * inputs, samples), SAMPLES * inputs);
                fclose(samples);
            } else {
                size_t size;
                unsigned char *bytes = test_read_file(file, &size);
                assert_non_null(stream);
                assert_int_equal(fscanf(stream, "%511s %llx", text, &hash), 2);
                assert_string_equal(text, name);
                assert_true(hash == XXH64(bytes, size, 0));
                free(bytes);
                predict(network, x, SAMPLES, y);
                for (size_t i = 0; i < SAMPLES * outputs; i++) {
                    assert_int_equal(fscanf(stream, "%f", &expected), 1);
                    assert_close(y[i], expected, 1e-5);
                }
            }
            mlp_network_destroy(&network);
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
}

/* What was exported comes back: parameters and standardization bit for bit, activations by name. */
static void exported_and_back(void **unused)
{
    (void)unused;
    for (int a = 0; a < MLP_ACTIVATION_CUSTOM; a++) {
        for (size_t shape = 0; shape < SHAPES; shape++) {
            float x[SAMPLES * LARGEST], y[2][SAMPLES * 4];
            mlp_network *network = random_network((mlp_activation)a, shape, x), *back;
            mlp_layer layer;
            const char *path = test_path("back");
            assert_ok(mlp_model_export_onnx(network, path, NULL));
            assert_ok(mlp_model_load(path, &back));
            assert_ok(mlp_network_layer(back, 1, &layer));
            assert_int_equal(layer.activation, a);
            predict(network, x, SAMPLES, y[0]);
            predict(back, x, SAMPLES, y[1]);
            for (size_t i = 0; i < SAMPLES * mlp_network_outputs(network); i++) {
                /* a parameter goes through float, and for ELU through a quotient */
                assert_close(y[1][i], y[0][i], 3e-7);
            }
            mlp_network_destroy(&network);
            mlp_network_destroy(&back);
        }
    }
}

static void class_names_and_labels(void **unused)
{
    static const mlp_layer layers[] = { { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    static const char *const names[] = { "ant", "b\"ee", "größe" };
    mlp_onnx_options options = MLP_ONNX_OPTIONS_INIT;
    mlp_network *network, *back;
    (void)unused;
    options.label = 1;
    assert_ok(mlp_network_create(2, layers, 1, NULL, &network));
    assert_ok(mlp_network_set_class_names(network, names, 3));
    assert_ok(mlp_model_export_onnx(network, test_path("names"), &options));
    assert_ok(mlp_model_load(test_path("names"), &back));
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(mlp_network_class_name(back, i), names[i]);
    }
    mlp_network_destroy(&network);
    mlp_network_destroy(&back);
    assert_ok(mlp_model_load(recorded_path("sklearn-names-zipmap.onnx"), &network));
    assert_string_equal(mlp_network_class_name(network, 0), "no");
    assert_string_equal(mlp_network_class_name(network, 1), "yes");
    mlp_network_destroy(&network);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

static void value(const float *z, float *a, size_t count, void *context)
{
    (void)context;
    memcpy(a, z, count * sizeof *a);
}

static void custom_activations_are_refused(void **unused)
{
    const mlp_layer layers[] = {
        { .units = 2 },
        { .units = 1, .activation = MLP_ACTIVATION_CUSTOM, .custom_activation = { value, value, NULL } }
    };
    mlp_network *network;
    (void)unused;
    assert_ok(mlp_network_create(2, layers, 2, NULL, &network));
    assert_refused(mlp_model_export_onnx(network, test_path("custom"), NULL), MLP_ERROR_UNSUPPORTED,
                   "layer 1", "custom", NULL);
    assert_refused(mlp_model_export_onnx(NULL, "x", NULL), MLP_ERROR_ARGUMENT, "network", NULL);
    mlp_network_destroy(&network);
}

/* A file that is a perceptron but for one thing: refused by what each line beside it says. */
static void check_refused(const char *name)
{
    char model[256], piece[256];
    mlp_network *network;
    FILE *stream = fopen(recorded_path(name), "r");
    assert_non_null(stream);
    snprintf(model, sizeof model, "%.*s.onnx", (int)(strlen(name) - 4), name);
    const mlp_status status = mlp_model_load(recorded_path(model), &network);
    print_message("%s: %s\n", model, mlp_last_error());
    assert_true(status == MLP_ERROR_UNSUPPORTED || status == MLP_ERROR_FORMAT ||
                status == MLP_ERROR_NONFINITE || status == MLP_ERROR_IO);
    assert_null(network);
    while (fgets(piece, sizeof piece, stream) != NULL) {
        piece[strcspn(piece, "\n")] = '\0';
        assert_non_null(strstr(mlp_last_error(), piece));
    }
    fclose(stream);
}

static void what_is_no_perceptron_is_refused(void **unused)
{
    size_t count = 0;
    (void)unused;
    DIR *folder = opendir(recorded_path("refused"));
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[300];
        snprintf(name, sizeof name, "refused/%s", entry->d_name);
        if (strstr(name, ".txt") != NULL) {
            check_refused(name);
            count++;
        }
    }
    closedir(folder);
    assert_true(count >= 60);
    assert_int_equal(memory_live_count(), 0);
}

/* A file with two classes by name, in which the first `length` bytes like `from` are now those of `to`. */
static const char *changed_file(const char *from, const char *to, size_t length)
{
    size_t size, at = 0;
    unsigned char *bytes = test_read_file(recorded_path("sklearn-names-zipmap.onnx"), &size);
    while (at + length <= size && memcmp(bytes + at, from, length) != 0) {
        at++;
    }
    assert_true(at + length <= size);
    memcpy(bytes + at, to, length);
    const char *path = test_write_file("changed.onnx", bytes, size);
    free(bytes);
    return path;
}

/* Weights beside the model are not found from memory. */
static void external_data_need_a_folder(void **unused)
{
    mlp_network *network;
    size_t size;
    (void)unused;
    unsigned char *bytes = test_read_file(recorded_path("torch-external.onnx"), &size);
    assert_refused(mlp_model_load_memory(bytes, size, NULL, &network), MLP_ERROR_UNSUPPORTED, "external data",
                   "memory", NULL);
    assert_refused(mlp_model_load(test_write_file("moved.onnx", bytes, size), &network), MLP_ERROR_IO,
                   "external data", "torch-external.onnx.data", NULL);
    free(bytes);
    assert_int_equal(memory_live_count(), 0);
}

/* 1 − p and p are two classes; 2 − p and p are no network. */
static void two_classes_add_up_to_one(void **unused)
{
    mlp_network *network;
    (void)unused;
    assert_refused(mlp_model_load(changed_file("\0\0\x80\x3f", "\0\0\0\x40", 4), &network),
                   MLP_ERROR_UNSUPPORTED, "changed.onnx", NULL);
}

/* Two texts without a byte in the place of "no": three names for two classes, which are left out. */
static void names_of_classes_may_be_empty(void **unused)
{
    mlp_network *network;
    (void)unused;
    assert_ok(mlp_model_load(changed_file("\x4a\x02no", "\x4a\0\x4a\0", 4), &network));
    assert_int_equal(mlp_network_class_name_count(network), 0);
    mlp_network_destroy(&network);
}

/* Every piece of a file, every byte of it changed, and every allocation failing: a status, nothing leaked,
 * and no network that cannot be used. */
static void damaged_files(void **unused)
{
    /* the graph has 4 bytes, and a node in it claims 10 */
    static const unsigned char node_too_long[] = { 0x08, 8, 0x3A, 4, 0x0A, 10, 0, 0, 0x42,
                                                   8,    0, 0,    0, 0,    0,  0, 0, 0 };
    size_t size;
    mlp_network *none;
    (void)unused;
    assert_refused(mlp_model_load(test_write_file("long.onnx", node_too_long, sizeof node_too_long), &none),
                   MLP_ERROR_FORMAT, "a field is longer than what holds it", NULL);
    unsigned char *bytes = test_read_file(recorded_path("sklearn-names-zipmap.onnx"), &size);
    for (size_t i = 0; i < size; i++) {
        mlp_network *network;
        /* whole where the cut takes class names or the second set of operators */
        const mlp_status cut = mlp_model_load(test_write_file("cut.onnx", bytes, i), &network);
        assert_true((cut == MLP_OK) == (network != NULL) && (cut != MLP_OK || i > size - 64));
        mlp_network_destroy(&network);
        bytes[i] ^= (unsigned char)(1u << i % 8);
        mlp_model_load(test_write_file("changed.onnx", bytes, size), &network);
        mlp_network_destroy(&network);
        bytes[i] ^= (unsigned char)(1u << i % 8);
        assert_int_equal(memory_live_count(), 0);
    }
    free(bytes);
}

/* Every allocation of loading fails in turn; then it succeeds. */
static mlp_network *load_with_failures(const char *name)
{
    mlp_status status = MLP_ERROR_MEMORY;
    mlp_network *network;
    for (size_t n = 0; status != MLP_OK; n++) {
        memory_fail_after(n);
        status = mlp_model_load(recorded_path(name), &network);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || memory_live_count() == 0);
    }
    return network;
}

static void memory_that_fails(void **unused)
{
    mlp_status status = MLP_ERROR_MEMORY;
    (void)unused;
    mlp_network *network = load_with_failures("torch-external.onnx");
    mlp_network_destroy(&network);
    network = load_with_failures("sklearn-names-zipmap.onnx");
    for (size_t n = 0; status != MLP_OK; n++) {
        const size_t live = memory_live_count();
        memory_fail_after(n);
        status = mlp_model_export_onnx(network, test_path("failing"), NULL);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        assert_int_equal(memory_live_count(), live);
    }
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_other_programs),
        cmocka_unit_test(random_shapes_of_pytorch),
        cmocka_unit_test(every_activation_in_onnx_runtime),
        cmocka_unit_test(exported_and_back),
        cmocka_unit_test(class_names_and_labels),
        cmocka_unit_test(custom_activations_are_refused),
        cmocka_unit_test(what_is_no_perceptron_is_refused),
        cmocka_unit_test(external_data_need_a_folder),
        cmocka_unit_test(two_classes_add_up_to_one),
        cmocka_unit_test(names_of_classes_may_be_empty),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(memory_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
