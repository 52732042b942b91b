/* Models in safetensors files: this library's, and bare tensors such as PyTorch's. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_bare.h"
#include "io/model_format.h"

enum { MAX_NAME = 64 };

/* ---- this library's own -------------------------------------------------------------------------------- */

static mlp_status find_layer(const struct safetensors *archive, size_t l, const char *kind,
                             const void **tensor)
{
    char name[MAX_NAME];
    snprintf(name, sizeof name, "layers.%zu.%s", l, kind);
    *tensor = safetensors_find(archive, name);
    return *tensor != NULL ? MLP_OK
                           : fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' is missing", archive->path, name);
}

static mlp_status find_described(const struct safetensors *archive, struct model_file *file)
{
    size_t parameters = 0;
    for (size_t l = 0; l < file->layer_count; l++) {
        TRY(find_layer(archive, l, "weight", &file->layers[2 * l]));
        TRY(find_layer(archive, l, "bias", &file->layers[2 * l + 1]));
    }
    for (size_t i = 0; i < archive->count; i++) {
        parameters += strncmp(archive->tensors[i].name, "layers.", 7) == 0;
    }
    file->mean = safetensors_find(archive, "standardization.mean");
    file->scale = safetensors_find(archive, "standardization.scale");
    file->shift = safetensors_find(archive, "output.shift");
    file->output_scale = safetensors_find(archive, "output.scale");
    file->class_weights = safetensors_find(archive, "loss.class_weights");
    return parameters == 2 * file->layer_count
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT,
                      "%s: has %zu tensors named layers.*, expected %zu for the %zu layers that the "
                      "metadata describe",
                      archive->path, parameters, 2 * file->layer_count, file->layer_count);
}

/* ---- the format ---------------------------------------------------------------------------------------- */

struct content {
    struct safetensors archive;
    struct bare_tensors bare;
};

static mlp_status open_file(struct model_file *file, size_t layers)
{
    struct content *content = memory_allocate(1, sizeof *content);
    file->content = content;
    REQUIRE_MEMORY(content);
    TRY(safetensors_open(&file->source, &content->archive));
    if (layers == 0) {
        TRY(description_read(&content->archive, &file->description));
    }
    file->layer_count = layers > 0 ? layers : file->description.count;
    file->layers = memory_allocate(2 * file->layer_count, sizeof *file->layers);
    REQUIRE_MEMORY(file->layers);
    if (layers > 0) {
        return bare_find(&content->archive, file, &content->bare);
    }
    return file->layer_count > 0 ? find_described(&content->archive, file) : MLP_OK;
}

static void close_file(struct model_file *file)
{
    struct content *content = file->content;
    if (content != NULL) {
        bare_free(&content->bare);
        safetensors_close(&content->archive);
    }
}

static mlp_status check(const struct model_file *file, const void *tensor, size_t rows, size_t columns)
{
    const struct content *content = file->content;
    return safetensor_check_shape(&content->archive, tensor, rows, columns);
}

static mlp_status read_tensor(const struct model_file *file, const void *tensor, float *out, size_t stride)
{
    struct content *content = file->content;
    return safetensor_matrix(&content->archive, tensor, out, stride);
}

static mlp_status finish(const struct model_file *file, mlp_network *network)
{
    struct content *content = file->content;
    return bare_fold(&content->archive, &content->bare, network);
}

const struct model_format format_safetensors = {
    .name = "safetensors",
    .suffix = ".safetensors",
    .recognizes = model_is_safetensors,
    .open = open_file,
    .close = close_file,
    .check = check,
    .read = read_tensor,
    .finish = finish,
};
