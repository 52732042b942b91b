/* Model files that are damaged, or that lie: a status and a message come back, nothing crashes, nothing
 * stays. */
#include "support/support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "archive_file.h"
#include "base/memory.h"
#include "same_network.h"

enum { INPUTS = 3, DATA_SIZE = 4 * (6 + 2 + 4 + 2 + 3 + 3 + 2) };

/* A saved network with everything that a file can hold: 3 → 2 → 2, standardization, class weights and names.
 */
static const char *save_example(const char *name)
{
    static const float class_weights[] = { 1, 2 }, mean[INPUTS] = { 1, 2, 3 }, scale[INPUTS] = { 1, 2, 4 };
    static const char *const names[] = { "no", "yes" };
    const mlp_layer layers[] = {
        { .units = 2, .activation = MLP_ACTIVATION_ELU },
        { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX, .bias_init = MLP_INIT_UNIFORM }
    };
    const char *path = test_path(name);
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.class_weights = class_weights;
    assert_ok(mlp_network_create(INPUTS, layers, 2, &options, &network));
    fill_parameters(network, 5);
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_class_names(network, names, 2));
    assert_ok(mlp_model_save(network, path));
    mlp_network_destroy(&network);
    return path;
}

/* Loads and destroys, from memory and from the file, which come to the same; a failure leaves NULL, and
 * nothing stays behind. */
static mlp_status load_and_destroy(const char *path)
{
    const size_t live = memory_live_count();
    mlp_network *network = NULL;
    size_t size;
    unsigned char *text = test_read_file(path, &size), *bytes = malloc(size > 0 ? size : 1);
    assert_non_null(bytes); /* as many as there are, so that a sanitizer sees what is read beyond */
    memcpy(bytes, text, size);
    const mlp_status expected = mlp_model_load_memory(bytes, size, NULL, &network);
    mlp_network_destroy(&network);
    free(text);
    free(bytes);
    const mlp_status status = mlp_model_load(path, &network);
    assert_true((status == MLP_OK) == (network != NULL));
    mlp_network_destroy(&network);
    assert_int_equal(memory_live_count(), live);
    assert_int_equal(status, expected);
    return status;
}

/* The text with ' written as \", as quotes stand in JSON inside of JSON. */
static void quote(const char *text, char *quoted, size_t size)
{
    size_t used = 0;
    for (; *text != '\0' && used + 3 < size; text++) {
        if (*text == '\'') {
            quoted[used++] = '\\';
        }
        quoted[used++] = *text == '\'' ? '"' : *text;
    }
    quoted[used] = '\0';
}

/* A copy of the example with the first `from` in its header replaced by `to`. */
static const char *altered(const char *from, const char *to)
{
    char quoted_from[256], quoted_to[256];
    size_t size;
    unsigned char *bytes = test_read_file(save_example("example"), &size);
    const size_t data = size - DATA_SIZE;
    char *header = malloc(size + sizeof quoted_to);
    assert_non_null(header);
    quote(from, quoted_from, sizeof quoted_from);
    quote(to, quoted_to, sizeof quoted_to);
    memcpy(header, bytes + 8, data - 8);
    header[data - 8] = '\0';
    char *found = strstr(header, quoted_from);
    if (found == NULL) {
        fail_msg("the header lacks %s: %s", quoted_from, header);
    }
    memmove(found + strlen(quoted_to), found + strlen(quoted_from), strlen(found + strlen(quoted_from)) + 1);
    memcpy(found, quoted_to, strlen(quoted_to));
    const char *path = write_archive("altered", header, strlen(header), bytes + data, DATA_SIZE);
    free(header);
    free(bytes);
    return path;
}

/* What is altered in a description, and what is said of it. */
static const struct {
    const char *from, *to; /* ' stands for a quote inside a text */
    mlp_status status;
    const char *words[2];
} lies[] = {
    { "\"mlp\"", "\"pt\"", MLP_ERROR_FORMAT, { "no description", "mlp_model_load_tensors" } },
    { "\"format_version\":\"1\"",
      "\"format_version\":\"4\"",
      MLP_ERROR_UNSUPPORTED,
      { "version '4'", "reads 1" } },
    { "\"format_version\"", "\"format-version\"", MLP_ERROR_UNSUPPORTED, { "version ''", "" } },
    { "\"inputs\":\"3\"", "\"inputs\":\"-3\"", MLP_ERROR_FORMAT, { "'inputs'", "not a whole number" } },
    { "\"inputs\":\"3\"", "\"inputs\":\"\"", MLP_ERROR_FORMAT, { "'inputs'", "not a whole number" } },
    { "\"inputs\":\"3\"",
      "\"inputs\":\"4\"",
      MLP_ERROR_FORMAT,
      { "'layers.0.weight'", "[2, 3], expected [2, 4]" } },
    { "\"inputs\"", "\"input\"", MLP_ERROR_FORMAT, { "'inputs'", "missing" } },
    { "\"seed\":\"0\"", "\"seed\":\"18446744073709551616\"", MLP_ERROR_FORMAT, { "'seed'", "64 bits" } },
    { "\"seed\":\"0\"", "\"seed\":\"0x1\"", MLP_ERROR_FORMAT, { "'seed'", "not a whole number" } },
    { "\"layers\"", "\"layer\"", MLP_ERROR_FORMAT, { "'layers'", "missing" } },
    { "\"layers\":\"[", "\"layers\":\"(", MLP_ERROR_FORMAT, { "'layers'", "not JSON" } },
    { "\"layers\":\"",
      "\"layers\":\"[]\",\"old\":\"",
      MLP_ERROR_FORMAT,
      { "'layers'", "at least one layer" } },
    { "\"layers\":\"", "\"layers\":\"{}\",\"old\":\"", MLP_ERROR_FORMAT, { "'layers'", "not an array" } },
    { "\"layers\":\"",
      "\"layers\":\"[7]\",\"old\":\"",
      MLP_ERROR_FORMAT,
      { "'layers[0]'", "not an object" } },
    { "\"layers\":\"",
      "\"layers\":\"[1,1,1,1,1,1,1,1]\",\"old\":\"",
      MLP_ERROR_FORMAT,
      { "8 layers", "7 tensors" } },
    { "'units':2", "'units':0", MLP_ERROR_FORMAT, { "'layers[0]'", "units" } },
    { "'units':2", "'units':2.0", MLP_ERROR_FORMAT, { "'layers[0].units'", "whole number" } },
    { "'units':2", "'units':9", MLP_ERROR_FORMAT, { "'layers.0.weight'", "[2, 3], expected [9, 3]" } },
    { "'units':2", "'units':-2", MLP_ERROR_FORMAT, { "'layers[0].units'", "whole number" } },
    { "'units':2",
      "'units':2,'unit':2",
      MLP_ERROR_FORMAT,
      { "'layers[0]' has the member 'unit'", "not know" } },
    { "'a':0.0", "'a':0.0,'c':0.0", MLP_ERROR_FORMAT, { "'layers[0].init' has the member 'c'", "not know" } },
    { "'reduction':'mean'",
      "'reduction':'mean','x':1",
      MLP_ERROR_FORMAT,
      { "'loss' has the member 'x'", "not know" } },
    { "'units':2", "'units':2,'units':2", MLP_ERROR_FORMAT, { "'layers'", "twice" } },
    { "'elu'", "'elo'", MLP_ERROR_FORMAT, { "'layers[0].activation'", "unknown name 'elo'" } },
    { "'elu'", "null", MLP_ERROR_FORMAT, { "'layers[0].activation'", "not a text" } },
    { "'elu'", "'softmax'", MLP_ERROR_FORMAT, { "layer 0", "softmax" } },
    { "'elu'", "'custom'", MLP_ERROR_UNSUPPORTED, { "layer 0", "custom" } },
    { "'activation_parameter':1.0",
      "'activation_parameter':'1'",
      MLP_ERROR_FORMAT,
      { "'layers[0].activation_parameter'", "not a number" } },
    { "'activation_parameter':1.0", "'activation_parameter':-7", MLP_ERROR_FORMAT, { "layer 0", "-7" } },
    { "'activation_parameter':1.0",
      "'activation_parameter':1e999",
      MLP_ERROR_FORMAT,
      { "'layers'", "not JSON" } },
    { "'bias_init':{'name':'zeros'",
      "'bias_init':{'name':'orthogonal'",
      MLP_ERROR_FORMAT,
      { "layer 0", "does not suit a bias" } },
    { "'bias_init':{'name':'zeros'",
      "'bias_init':{'name':'nought'",
      MLP_ERROR_FORMAT,
      { "'layers[0].bias_init.name'", "unknown name 'nought'" } },
    { "'init':",
      "'initializer':",
      MLP_ERROR_FORMAT,
      { "'layers[0]' has the member 'initializer'", "not know" } },
    { "'fan':'automatic'",
      "'fan':'heat'",
      MLP_ERROR_FORMAT,
      { "'layers[0].init.fan'", "unknown name 'heat'" } },
    { "'distribution':'normal'",
      "'distribution':'even'",
      MLP_ERROR_FORMAT,
      { "'layers[0].init.distribution'", "'even'" } },
    { "'a':0.0", "'a':3.5", MLP_ERROR_FORMAT, { "layer 0", "takes no a" } },
    { "'gain':", "'gain':-1,'old':", MLP_ERROR_FORMAT, { "'layers[0].init'", "'old'" } },
    { "'cross-entropy'", "'crossed'", MLP_ERROR_FORMAT, { "'loss.name'", "unknown name 'crossed'" } },
    { "'cross-entropy'", "'custom'", MLP_ERROR_FORMAT, { "custom", "" } },
    { "'cross-entropy'", "'huber'", MLP_ERROR_FORMAT, { "huber does not go with a softmax output", "" } },
    { "'reduction':'mean'", "'reduction':'median'", MLP_ERROR_FORMAT, { "'loss.reduction'", "'median'" } },
    { "'label_smoothing':0.0", "'label_smoothing':1", MLP_ERROR_FORMAT, { "label_smoothing is 1", "" } },
    { "'huber_delta':0.0", "'huber_delta':1", MLP_ERROR_FORMAT, { "huber_delta", "" } },
    { "\"[\\\"no\\\",\\\"yes\\\"]\"", "\"['no']\"", MLP_ERROR_FORMAT, { "class names: 1 given", "" } },
    { "\"[\\\"no\\\",\\\"yes\\\"]\"", "\"['no','']\"", MLP_ERROR_FORMAT, { "name 1: is empty", "" } },
    { "\"[\\\"no\\\",\\\"yes\\\"]\"",
      "\"['no',1]\"",
      MLP_ERROR_FORMAT,
      { "'class_names'", "array of texts" } },
    { "\"[\\\"no\\\",\\\"yes\\\"]\"", "\"'no'\"", MLP_ERROR_FORMAT, { "'class_names'", "array of texts" } },
    { "\"[\\\"no\\\",\\\"yes\\\"]\"", "\"{}\"", MLP_ERROR_FORMAT, { "'class_names'", "array of texts" } },
    { "\"layers.0.bias\"", "\"layers.0.base\"", MLP_ERROR_FORMAT, { "'layers.0.bias'", "missing" } },
    { "\"layers.1.weight\"", "\"layers.2.weight\"", MLP_ERROR_FORMAT, { "'layers.1.weight'", "missing" } },
    { "\"standardization.mean\"", "\"layers.2.bias\"", MLP_ERROR_FORMAT, { "5 tensors named layers.*", "" } },
    { "\"standardization.mean\"",
      "\"mean\"",
      MLP_ERROR_FORMAT,
      { "one of standardization.mean", "missing" } },
    { "\"standardization.scale\"",
      "\"scale\"",
      MLP_ERROR_FORMAT,
      { "one of standardization.mean", "missing" } },
    { "\"shape\":[2],\"data_offsets\":[24,32]",
      "\"shape\":[2,1],\"data_offsets\":[24,32]",
      MLP_ERROR_FORMAT,
      { "'layers.0.bias'", "[2, 1], expected [2]" } },
    { "\"dtype\":\"F32\",\"shape\":[2,3]",
      "\"dtype\":\"I32\",\"shape\":[2,3]",
      MLP_ERROR_UNSUPPORTED,
      { "'layers.0.weight'", "I32" } },
};

static void descriptions_are_refused(void **unused)
{
    (void)unused;
    assert_ok(load_and_destroy(altered("'elu'", "'elu'")));
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        const char *path = altered(lies[i].from, lies[i].to);
        assert_refused(load_and_destroy(path), lies[i].status, path, lies[i].words[0], lies[i].words[1],
                       NULL);
    }
}

/* A layer of 2⁴⁰ units of no inputs takes no bytes of the file: it must take no memory either. */
static void claims_do_not_take_memory(void **unused)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"mlp\",\"format_version\":\"1\",\"inputs\":\"0\",\"seed\":\"0\","
        "\"layers\":"
        "\"[{\\\"units\\\":1099511627776,\\\"activation\\\":\\\"identity\\\",\\\"activation_parameter\\\":0,"
        "\\\"init\\\":{\\\"name\\\":\\\"zeros\\\",\\\"a\\\":0,\\\"b\\\":0,\\\"gain\\\":0,\\\"fan\\\":"
        "\\\"automatic\\\","
        "\\\"distribution\\\":\\\"normal\\\"},\\\"bias_init\\\":{\\\"name\\\":\\\"zeros\\\",\\\"a\\\":0,"
        "\\\"b\\\":0,"
        "\\\"gain\\\":0,\\\"fan\\\":\\\"automatic\\\",\\\"distribution\\\":\\\"normal\\\"}}]\",\"loss\":"
        "\"{\\\"name\\\":\\\"automatic\\\",\\\"reduction\\\":\\\"mean\\\",\\\"label_smoothing\\\":0,"
        "\\\"huber_delta\\\":0}\"},"
        "\"layers.0.weight\":{\"dtype\":\"F32\",\"shape\":[1099511627776,0],\"data_offsets\":[0,0]},"
        "\"loss.class_weights\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    const char *path = write_archive("claims", header, strlen(header), "\0\0\0\0", 4);
    (void)unused;
    assert_refused(load_and_destroy(path), MLP_ERROR_FORMAT,
                   SIZE_MAX > UINT32_MAX ? "'layers.0.bias' is missing" : "within 32 bits", NULL);
}

/* The data of the example, as floats from the first tensor's: which one gets a bad value, and what is said of
 * it. */
static void values_are_refused(void **unused)
{
    static const struct {
        size_t index;
        float value;
        mlp_status status;
        const char *words[2];
    } cases[] = {
        { 4, (float)__builtin_inf(), MLP_ERROR_NONFINITE, { "'layers.0.weight'", "row 1, column 1" } },
        { 7, (float)__builtin_nan(""), MLP_ERROR_NONFINITE, { "'layers.0.bias'", "row 1" } },
        { 14, (float)-__builtin_inf(), MLP_ERROR_NONFINITE, { "'standardization.mean'", "row 0" } },
        { 18, 0.0f, MLP_ERROR_FORMAT, { "scale of input 1 is 0", "" } },
        { 19, -1.0f, MLP_ERROR_FORMAT, { "scale of input 2 is -1", "" } },
        { 20, -1.0f, MLP_ERROR_FORMAT, { "class_weights[0] is -1", "" } },
        { 21, (float)__builtin_nan(""), MLP_ERROR_NONFINITE, { "'loss.class_weights'", "row 1" } },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size;
        unsigned char *bytes = test_read_file(save_example("example"), &size);
        test_put_number((double)cases[i].value, 4, bytes + size - DATA_SIZE + 4 * cases[i].index);
        const char *path = test_write_file("values", bytes, size);
        free(bytes);
        assert_refused(load_and_destroy(path), cases[i].status, path, cases[i].words[0], cases[i].words[1],
                       NULL);
    }
}

static size_t size_of(const char *path)
{
    size_t size;
    free(test_read_file(path, &size));
    return size;
}

/* Bytes that begin no format are spoken of as what the name says, all of which may be the suffix. */
static void bytes_of_no_format_are_named_by_the_suffix(void **unused)
{
    static const struct {
        const char *name, *words;
    } cases[] = {
        { ".onnx", "ONNX" },          { "a.onnx", "ONNX" },     { "onnx", "header" },
        { ".safetensors", "header" }, { "x.onnx.b", "header" },
    };
    char before[4096];
    mlp_network *network;
    (void)unused;
    assert_non_null(getcwd(before, sizeof before));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[4096];
        const char *path = test_write_file(cases[i].name, "neither of them, but long enough", 32);
        snprintf(folder, sizeof folder, "%.*s", (int)(strlen(path) - strlen(cases[i].name)), path);
        /* a build without ONNX says so */
        const mlp_status status = mlp_model_load(path, &network);
        assert_true(status == MLP_ERROR_FORMAT || (status == MLP_ERROR_UNSUPPORTED && i < 2));
        assert_non_null(strstr(mlp_last_error(), cases[i].words));
        assert_int_equal(chdir(folder), 0);
        assert_refused(mlp_model_load(cases[i].name, &network), status, cases[i].words, NULL);
        assert_int_equal(chdir(before), 0);
    }
}

static void truncated_models_are_refused(void **unused)
{
    const char *path = save_example("truncated");
    (void)unused;
    for (size_t size = size_of(path); size > 0; size--) {
        assert_int_equal(truncate(path, (off_t)size - 1), 0);
        assert_refused(load_and_destroy(path), MLP_ERROR_FORMAT, path, NULL);
    }
}

/* A flipped bit may hit a text that nobody reads, or a number that stays in range: then a network comes back.
 */
static void flipped_bits_never_crash(void **unused)
{
    const char *path = save_example("flipped");
    const size_t bits = 8 * (size_of(path) - DATA_SIZE);
    size_t refused = 0;
    (void)unused;
    for (size_t bit = 0; bit < bits; bit++) {
        flip_bit(path, bit);
        refused += load_and_destroy(path) != MLP_OK;
        flip_bit(path, bit);
    }
    assert_true(refused > bits / 2 && refused < bits);
    assert_ok(load_and_destroy(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptions_are_refused),
        cmocka_unit_test(claims_do_not_take_memory),
        cmocka_unit_test(values_are_refused),
        cmocka_unit_test(truncated_models_are_refused),
        cmocka_unit_test(flipped_bits_never_crash),
        cmocka_unit_test(bytes_of_no_format_are_named_by_the_suffix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
