/* C files: compiled as C99 with every warning an error, loaded, and held against mlp_predict(). */
#include "support/support.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"

enum { INPUTS = 70, HIDDEN = 19, OUTPUTS = 10, SAMPLES = 32 };

/* Also the largest sum of the magnitudes that an output's last product adds up: where they cancel, the
 * rounding is theirs. */
static float predict(const mlp_network *network, const float *x, float *y)
{
    mlp_workspace *workspace;
    mlp_matrix a;
    mlp_const_matrix w;
    float largest = 1.0f;
    assert_ok(mlp_workspace_create(network, SAMPLES, NULL, &workspace));
    assert_ok(mlp_forward(network, workspace, x, SAMPLES));
    assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_ACTIVATION, 1, &a));
    assert_ok(mlp_network_weights(network, 2, &w));
    for (size_t i = 0; i < w.rows * a.columns; i++) {
        float sum = 0.0f;
        for (size_t j = 0; j < w.columns; j++) {
            sum += fabsf(w.data[i % w.rows + j * w.leading_dimension] *
                         a.data[j + i / w.rows * a.leading_dimension]);
        }
        largest = fmaxf(largest, sum);
    }
    assert_ok(mlp_predict(network, workspace, x, SAMPLES, y));
    mlp_workspace_destroy(&workspace);
    return largest;
}

/* Groups of eight units and units left over, inputs in more than one piece; every second one standardized. */
static mlp_network *network_with(mlp_activation activation)
{
    const bool takes_parameter = activation == MLP_ACTIVATION_LEAKY_RELU || activation == MLP_ACTIVATION_ELU;
    const bool hides = activation != MLP_ACTIVATION_SOFTMAX;
    const double parameter = takes_parameter ? 0.3 : 0.0;
    const mlp_layer layers[] = {
        { .units = HIDDEN,
          .activation = hides ? activation : MLP_ACTIVATION_TANH,
          .activation_parameter = parameter },
        { .units = HIDDEN - 1, .activation = MLP_ACTIVATION_IDENTITY },
        { .units = OUTPUTS, .activation = activation, .activation_parameter = parameter },
    };
    uint64_t state = (uint64_t)activation + 1;
    float values[INPUTS], scale[INPUTS];
    mlp_network *network;
    assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &network));
    for (size_t l = 0; l < 3; l++) {
        test_fill(&state, -1.0, 1.0, values, HIDDEN);
        assert_ok(mlp_network_set_bias(network, l, values));
    }
    if (activation % 2 == 1) {
        test_fill(&state, -1.0, 1.0, values, INPUTS);
        test_fill(&state, 0.5, 2.0, scale, INPUTS);
        assert_ok(mlp_network_set_standardization(network, values, scale));
    }
    return network;
}

static void export_as(const mlp_network *network, const char *name, bool int8)
{
    mlp_c_options options = MLP_C_OPTIONS_INIT;
    char file[72];
    options.int8 = int8;
    snprintf(file, sizeof file, "%s.c", name);
    assert_ok(mlp_model_export_c(network, test_path(file), &options));
}

/* Compiles what matches, in the tests' folder. */
static int compile(const char *flags, const char *files)
{
    char command[1024];
    const char *compiler = getenv("MLP_TEST_CC");
    snprintf(command, sizeof command,
             "cd '%s' && %s -Wall -Wextra -pedantic -Wconversion -Wshadow -Werror %s %s -lm", test_path("."),
             compiler != NULL ? compiler : "cc", flags, files);
    return system(command);
}

static void check(void *library, const char *name, const mlp_network *network)
{
    union {
        void *pointer;
        int (*predict)(const float *x, float *y);
    } function;
    float x[SAMPLES * INPUTS], y[SAMPLES * OUTPUTS], got[OUTPUTS];
    uint64_t state = 7;
    char symbol[64];
    snprintf(symbol, sizeof symbol, "%s_predict", name);
    function.pointer = dlsym(library, symbol);
    assert_non_null(function.pointer);
    test_fill(&state, -1.0, 1.0, x, SAMPLES * INPUTS);
    const float size = predict(network, x, y);
    for (size_t s = 0; s < SAMPLES; s++) {
        assert_int_equal(function.predict(x + s * INPUTS, got), 0);
        const float *expected = y + s * OUTPUTS;
        for (size_t i = 0; i < OUTPUTS; i++) {
            if (!(fabsf(got[i] - expected[i]) <= 3e-7f * size)) {
                fail_msg("%s: %.9g, expected %.9g", name, (double)got[i], (double)expected[i]);
            }
        }
    }
    x[3] = NAN;
    assert_int_equal(function.predict(x, got), -1);
}

static void every_activation_in_floats_and_in_8_bits(void **unused)
{
    mlp_network *networks[MLP_ACTIVATION_CUSTOM];
    char name[64];
    (void)unused;
    for (int a = 0; a < MLP_ACTIVATION_CUSTOM; a++) {
        networks[a] = network_with((mlp_activation)a);
        for (int int8 = 0; int8 < 2; int8++) {
            snprintf(name, sizeof name, "%s%d", int8 ? "q" : "f", a);
            export_as(networks[a], name, int8);
        }
    }
    assert_int_equal(compile("-std=c99 -O1 -fPIC -shared -o exported.so", "f*.c q*.c"), 0);
    void *library = dlopen(test_path("exported.so"), RTLD_NOW);
    assert_non_null(library);
    for (int a = 0; a < MLP_ACTIVATION_CUSTOM; a++) {
        snprintf(name, sizeof name, "f%d", a);
        check(library, name, networks[a]);
        assert_ok(mlp_network_quantize(networks[a]));
        snprintf(name, sizeof name, "q%d", a);
        check(library, name, networks[a]);
        mlp_network_destroy(&networks[a]);
    }
    dlclose(library);
}

/* Whatever classes are called, they stay in a comment; the self-test compares its own samples. */
static void self_test_and_names(void **unused)
{
    static const char *const names[] = { "*/ #error", "/* \\", "line \\", "?\?/", "größe",
                                         "a",         "b",     "c",       "d",    "e" };
    mlp_c_options options = MLP_C_OPTIONS_INIT;
    mlp_network *network = network_with(MLP_ACTIVATION_GELU);
    float samples[2 * INPUTS] = { 0.0f };
    char command[512];
    (void)unused;
    NEEDS_PROCESSOR;
    assert_ok(mlp_network_set_class_names(network, names, OUTPUTS));
    options.name = "Some_name2";
    options.samples = samples;
    options.sample_count = 2;
    assert_ok(mlp_model_export_c(network, test_path("other file.c"), &options));
    assert_int_equal(compile("-std=c99 -DSOME_NAME2_TEST -o self-test", "'other file.c'"), 0);
    snprintf(command, sizeof command, "'%s' >/dev/null", test_path("self-test"));
    assert_int_equal(system(command), 0);
    mlp_network_destroy(&network);
}

/* The title counts what the file declares: each constant and the bytes of its type. */
static void the_title_counts_the_constants(void **unused)
{
    (void)unused;
    for (int int8 = 0; int8 <= 1; int8++) {
        mlp_c_options options = MLP_C_OPTIONS_INIT;
        mlp_network *network = network_with(MLP_ACTIVATION_TANH);
        size_t size, bytes = 0, told = 0;
        options.int8 = int8;
        assert_ok(mlp_model_export_c(network, test_path("titled.c"), &options));
        char *text = (char *)test_read_file(test_path("titled.c"), &size);
        const char *title = strstr(text, " parameters");
        assert_non_null(title);
        assert_int_equal(sscanf(strchr(title, ',') + 1, int8 ? " a scale for each unit, %zu" : " %zu", &told),
                         1);
        *strstr(text, "\n#ifdef") = '\0'; /* the samples of the self-test follow */
        for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
            const char *bracket = strchr(line, '[');
            line += *line == '\n';
            if (strncmp(line, "static const ", 13) == 0 && bracket != NULL) {
                bytes += strtoul(bracket + 1, NULL, 10) * (strncmp(line + 13, "float", 5) == 0 ? 4 : 1);
            }
        }
        assert_true(bytes > 0);
        assert_int_equal(told, bytes);
        free(text);
        mlp_network_destroy(&network);
    }
}

static void value(const float *z, float *a, size_t count, void *context)
{
    (void)context;
    memcpy(a, z, count * sizeof *a);
}

static void what_is_refused(void **unused)
{
    const mlp_layer custom[] = {
        { .units = 1, .activation = MLP_ACTIVATION_CUSTOM, .custom_activation = { value, value, NULL } }
    };
    static const char *const paths[] = { "c",    ".c",   "1a.c", "a-b.c",  "a b.c",
                                         "_a.c", "a.cc", "a.C",  "x\"y.c", "a\\b.c" };
    mlp_c_options options = MLP_C_OPTIONS_INIT;
    mlp_network *network = network_with(MLP_ACTIVATION_TANH), *other;
    float sample[INPUTS];
    (void)unused;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_refused(mlp_model_export_c(network, paths[i], NULL), MLP_ERROR_ARGUMENT, paths[i], NULL);
    }
    options.name = "9";
    assert_refused(mlp_model_export_c(network, "a.c", &options), MLP_ERROR_ARGUMENT, "'9'", NULL);
    options.name = NULL;
    options.samples = sample;
    assert_refused(mlp_model_export_c(network, "a.c", &options), MLP_ERROR_RANGE, "sample_count", NULL);
    options.sample_count = 1;
    for (size_t i = 0; i < INPUTS; i++) {
        sample[i] = 0.0f;
    }
    assert_refused(mlp_model_export_c(network, test_path("no/such.c"), &options), MLP_ERROR_IO, "no/such.h",
                   NULL);
    assert_refused(mlp_model_export_c(NULL, "a.c", NULL), MLP_ERROR_ARGUMENT, "network", NULL);
    assert_refused(mlp_model_export_c(network, NULL, NULL), MLP_ERROR_ARGUMENT, "path", NULL);
    assert_refused(mlp_network_quantize(NULL), MLP_ERROR_ARGUMENT, "network", NULL);
    assert_ok(mlp_network_create(2, custom, 1, NULL, &other));
    assert_refused(mlp_model_export_c(other, "a.c", NULL), MLP_ERROR_UNSUPPORTED, "layer 0", "custom", NULL);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
}

/* A unit's largest weight stays, and the others move by half a step at most; weights of 0 stay. */
static void quantized_weights(void **unused)
{
    static const float w[] = { 1.27f, 0.0f, -0.5f, 0.0f, 0.004f, 0.0f, 1e-45f, 0.0f };
    static const mlp_layer layers[] = { { .units = 2 } };
    mlp_const_matrix weights;
    mlp_network *network;
    (void)unused;
    assert_ok(mlp_network_create(4, layers, 1, NULL, &network));
    assert_ok(mlp_network_set_weights(network, 0, w));
    assert_ok(mlp_network_quantize(network));
    assert_ok(mlp_network_weights(network, 0, &weights));
    for (size_t j = 0; j < 4; j++) {
        assert_true(fabsf(weights.data[j * weights.leading_dimension] - w[2 * j]) <= 0.005001f);
        assert_true(weights.data[1 + j * weights.leading_dimension] == 0.0f);
    }
    assert_close(weights.data[0], 1.27f, 1e-6);
    mlp_network_destroy(&network);
}

static void memory_that_fails(void **unused)
{
    mlp_c_options options = MLP_C_OPTIONS_INIT;
    mlp_network *network = network_with(MLP_ACTIVATION_TANH);
    mlp_status status = MLP_ERROR_MEMORY;
    (void)unused;
    options.int8 = 1;
    for (size_t n = 0; status != MLP_OK; n++) {
        const size_t live = memory_live_count();
        memory_fail_after(n);
        status = mlp_model_export_c(network, test_path("failing.c"), &options);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        assert_int_equal(memory_live_count(), live);
    }
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_activation_in_floats_and_in_8_bits),
        cmocka_unit_test(self_test_and_names),
        cmocka_unit_test(the_title_counts_the_constants),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(quantized_weights),
        cmocka_unit_test(memory_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
