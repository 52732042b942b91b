/* ONNX in a build without protobuf-c. */
#include <mlp/model_file.h>

#include "base/status.h"
#include "io/model_format.h"

static mlp_status open_file(struct model_file *file, size_t layers)
{
    (void)layers;
    return fail(MLP_ERROR_UNSUPPORTED, "%s: an ONNX model, which this build cannot read (option onnx)",
                file->path);
}

static void close_file(struct model_file *file)
{
    (void)file;
}

const struct model_format format_onnx = {
    .name = "ONNX",
    .suffix = ".onnx",
    .recognizes = model_is_onnx,
    .open = open_file,
    .close = close_file,
};

mlp_status mlp_model_export_onnx(const mlp_network *network, const char *path,
                                 const mlp_onnx_options *options)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(path);
    (void)options;
    return fail(MLP_ERROR_UNSUPPORTED, "%s: this build cannot write ONNX models (option onnx)", path);
}

mlp_status mlp_model_export_onnx_memory(const mlp_network *network, const mlp_onnx_options *options,
                                        void **bytes, size_t *size)
{
    REQUIRE_ARGUMENT(bytes);
    *bytes = NULL;
    REQUIRE_ARGUMENT(size);
    *size = 0;
    REQUIRE_ARGUMENT(network);
    (void)options;
    return fail(MLP_ERROR_UNSUPPORTED, "this build cannot write ONNX models (option onnx)");
}
