/* A build without protobuf-c: ONNX models are refused, and the message names the option. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>

#include <mlp/mlp.h>

#include "base/memory.h"

static void models_are_not_read(void **unused)
{
    char path[4096];
    size_t size;
    mlp_network *network;
    (void)unused;
    snprintf(path, sizeof path, "%s/keras-dense.onnx", getenv("MLP_TEST_ONNX"));
    assert_refused(mlp_model_load(path, &network), MLP_ERROR_UNSUPPORTED, path, "option onnx", NULL);
    assert_null(network);
    unsigned char *bytes = test_read_file(path, &size);
    assert_refused(mlp_model_load_memory(bytes, size, NULL, &network), MLP_ERROR_UNSUPPORTED, "option onnx",
                   NULL);
    assert_null(network);
    free(bytes);
    assert_int_equal(memory_live_count(), 0);
}

static void models_are_not_written(void **unused)
{
    static const mlp_layer layers[] = { { .units = 1 } };
    const char *path = test_path("model.onnx");
    mlp_network *network;
    void *bytes;
    size_t size;
    (void)unused;
    assert_ok(mlp_network_create(1, layers, 1, NULL, &network));
    assert_refused(mlp_model_export_onnx(network, path, NULL), MLP_ERROR_UNSUPPORTED, path, "option onnx",
                   NULL);
    assert_null(fopen(path, "r"));
    assert_refused(mlp_model_export_onnx_memory(network, NULL, &bytes, &size), MLP_ERROR_UNSUPPORTED,
                   "option onnx", NULL);
    assert_null(bytes);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_not_read),
        cmocka_unit_test(models_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
