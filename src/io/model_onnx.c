/* Models in ONNX files. */
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_format.h"
#include "io/onnx_graph.h"

struct content {
    struct onnx_file file;
    struct onnx_layers layers;
};

/* The description that the loader creates a network from. */
static mlp_status describe(const struct onnx_layers *layers, struct model_file *file)
{
    const mlp_network_options defaults = MLP_NETWORK_OPTIONS_INIT;
    struct model_description *d = &file->description;
    struct onnx_layer *layer = layers->layers.items;
    *d = (struct model_description){ .inputs = layers->inputs, .options = defaults };
    d->layers = memory_allocate(layers->layers.count, sizeof *d->layers);
    file->layers = memory_allocate(2 * layers->layers.count, sizeof *file->layers);
    if (d->layers == NULL || file->layers == NULL) {
        return MLP_ERROR_MEMORY;
    }
    d->count = file->layer_count = layers->layers.count;
    for (size_t l = 0; l < d->count; l++) {
        d->layers[l] = (mlp_layer){ .units = layer[l].weights.rows,
                                    .activation = layer[l].activation,
                                    .activation_parameter = layer[l].activation_parameter };
        file->layers[2 * l] = &layer[l].weights;
        file->layers[2 * l + 1] = &layer[l].bias;
    }
    if (layers->mean.rows > 0) {
        file->mean = &layers->mean;
        file->scale = &layers->scale;
    }
    const size_t outputs = d->layers[d->count - 1].units, names = layers->class_name_count;
    if (names == (outputs == 1 ? 2 : outputs)) {
        d->class_names = memory_allocate(names, sizeof *d->class_names);
        d->class_name_count = d->class_names != NULL ? names : 0;
        for (size_t i = 0; i < d->class_name_count; i++) {
            d->class_names[i] = layers->class_names[i];
        }
        return d->class_names != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    return MLP_OK;
}

static mlp_status open_file(struct model_file *file, size_t layers)
{
    struct content *content = memory_allocate(1, sizeof *content);
    file->content = content;
    if (content == NULL) {
        return MLP_ERROR_MEMORY;
    }
    TRY(onnx_file_open(&file->source, &content->file));
    TRY(onnx_layers_read(&content->file, &content->layers));
    if (layers > 0 && layers != content->layers.layers.count) {
        return fail(MLP_ERROR_SHAPE, "%s: has %zu layers, expected %zu", file->path,
                    content->layers.layers.count, layers);
    }
    return describe(&content->layers, file);
}

static void close_file(struct model_file *file)
{
    struct content *content = file->content;
    if (content != NULL) {
        onnx_layers_free(&content->layers);
        onnx_file_close(&content->file);
    }
}

static mlp_status check(const struct model_file *file, const void *tensor, size_t rows, size_t columns)
{
    const struct onnx_parameter *parameter = tensor;
    return parameter->rows == rows && parameter->columns == columns
               ? MLP_OK
               : fail(MLP_ERROR_SHAPE, "%s: a tensor is of %zu × %zu numbers, expected %zu × %zu", file->path,
                      parameter->rows, parameter->columns, rows, columns);
}

static mlp_status read_tensor(const struct model_file *file, const void *tensor, float *out, size_t stride)
{
    const struct content *content = file->content;
    return onnx_parameter_read(&content->file, tensor, out, stride);
}

const struct model_format format_onnx = {
    .name = "ONNX",
    .suffix = ".onnx",
    .recognizes = model_is_onnx,
    .open = open_file,
    .close = close_file,
    .check = check,
    .read = read_tensor,
};
