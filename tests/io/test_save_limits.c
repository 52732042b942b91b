/* What is saved can be loaded: where a file would be beyond the reader's limits nothing is saved, and what
 * was there before stays. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "io/safetensors.h"

enum { LONGEST_NAME = 4096, IN_HEADER = 4 }; /* a quote in JSON in JSON: \\\" */

/* One input, `classes` outputs, each with a name of 4096 quotes, but for a number in front. */
static mlp_network *with_long_names(size_t classes)
{
    const mlp_layer layer = { .units = classes, .init = MLP_INIT_ZEROS };
    mlp_network *network;
    char *names = malloc(classes * (LONGEST_NAME + 1));
    const char **list = malloc(classes * sizeof *list);
    assert_non_null(names);
    assert_non_null(list);
    for (size_t i = 0; i < classes; i++) {
        char *name = names + i * (LONGEST_NAME + 1);
        memset(name, '"', LONGEST_NAME);
        name[LONGEST_NAME] = '\0';
        memcpy(name + snprintf(name, 8, "%zu", i), "\"", 1);
        list[i] = name;
    }
    assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
    assert_ok(mlp_network_set_class_names(network, list, classes));
    free(list);
    free(names);
    return network;
}

/* Classes whose names take a tenth of the header's limit are saved and loaded; more than fit are refused. */
static void headers_have_a_limit(void **unused)
{
    const size_t most = SAFETENSORS_MAX_HEADER / (IN_HEADER * LONGEST_NAME);
    const char *path = test_path("limits.safetensors");
    mlp_network *network = with_long_names(most / 10), *loaded;
    size_t size, size_after;
    (void)unused;
    assert_ok(mlp_model_save(network, path));
    assert_ok(mlp_model_load(path, &loaded));
    for (size_t i = 0; i < most / 10; i++) {
        assert_string_equal(mlp_network_class_name(loaded, i), mlp_network_class_name(network, i));
    }
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
    unsigned char *before = test_read_file(path, &size);
    network = with_long_names(most * 11 / 10);
    assert_refused(mlp_model_save(network, path), MLP_ERROR_UNSUPPORTED, path, "header", "100000000", NULL);
    mlp_network_destroy(&network);
    unsigned char *after = test_read_file(path, &size_after);
    assert_int_equal(size_after, size);
    assert_memory_equal(after, before, size);
    free(after);
    free(before);
}

/* One byte more than a file may hold is refused where it is given. */
static void names_have_a_limit(void **unused)
{
    static char name[LONGEST_NAME + 2];
    const char *const names[] = { name, "other" };
    mlp_network *network = with_long_names(2), *loaded;
    const char *path = test_path("name.safetensors");
    (void)unused;
    memset(name, 'x', LONGEST_NAME + 1);
    assert_refused(mlp_network_set_class_names(network, names, 2), MLP_ERROR_RANGE, "4096", NULL);
    name[LONGEST_NAME] = '\0';
    assert_ok(mlp_network_set_class_names(network, names, 2));
    assert_ok(mlp_model_save(network, path));
    assert_ok(mlp_model_load(path, &loaded));
    assert_string_equal(mlp_network_class_name(loaded, 0), name);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

/* A length of the header whose bytes are those that ONNX files begin with: 8, 1 … 127, not 0. */
static void lengths_that_look_like_onnx(void **unused)
{
    enum { CLASSES = 20 };
    static char long_name[LONGEST_NAME + 1], first[512];
    const char *names[CLASSES];
    char numbered[CLASSES][LONGEST_NAME + 1];
    const mlp_layer layer = { .units = CLASSES };
    const char *path = test_path("length.safetensors");
    mlp_network *network, *loaded;
    bool met = false;
    (void)unused;
    memset(long_name, 'x', LONGEST_NAME);
    for (size_t i = 0; i < CLASSES; i++) {
        memcpy(numbered[i], long_name, sizeof long_name);
        numbered[i][0] = (char)('a' + i);
        names[i] = numbered[i];
    }
    names[0] = first;
    assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
    for (size_t length = 8; length < sizeof first - 8 && !met; length += 8) {
        size_t size;
        memset(first, 'y', length);
        assert_ok(mlp_network_set_class_names(network, names, CLASSES));
        assert_ok(mlp_model_save(network, path));
        unsigned char *bytes = test_read_file(path, &size);
        met = bytes[0] == 8 && bytes[1] > 0 && bytes[1] < 128 && bytes[2] != 0;
        free(bytes);
    }
    assert_true(met);
    assert_ok(mlp_model_load(path, &loaded));
    assert_string_equal(mlp_network_class_name(loaded, 0), first);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_have_a_limit),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(lengths_that_look_like_onnx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
