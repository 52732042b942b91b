/* Tensors whose numbers lie in a file beside the model, "external data": PyTorch writes NAME.onnx.data. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_file.h"

static const char *name_of(const onnx_tensor *tensor)
{
    return tensor->name != NULL ? tensor->name : "";
}

static const char *entry_of(const onnx_tensor *tensor, const char *key)
{
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const Mlp__Onnx__Entry *entry = tensor->external_data[i];
        if (entry->key != NULL && strcmp(entry->key, key) == 0 && entry->value != NULL) {
            return entry->value;
        }
    }
    return NULL;
}

/* An entry of digits; `otherwise` where the tensor has none. */
static mlp_status size_of(const struct onnx_file *file, const onnx_tensor *tensor, const char *key,
                          size_t otherwise, size_t *size)
{
    enum { DIGITS = 18 }; /* below 2⁶³ */
    const char *text = entry_of(tensor, key);
    *size = otherwise;
    if (text == NULL) {
        return MLP_OK;
    }
    const size_t length = strlen(text);
    FAIL_IF(length == 0 || length > DIGITS || strspn(text, "0123456789") != length, MLP_ERROR_FORMAT,
            "%s: tensor '%.64s': external data: '%s' is '%.32s', expected digits", file->path,
            name_of(tensor), key, text);
    *size = size_from(strtoull(text, NULL, 10));
    return MLP_OK;
}

/* Opens the file, which has no folder in its name: a model must not say what else is read. */
static mlp_status open_beside(struct onnx_file *file, const onnx_tensor *tensor, const char *location)
{
    const char *slash = strrchr(file->path, '/');
    const size_t folder = slash != NULL ? (size_t)(slash + 1 - file->path) : 0, length = strlen(location);
    FAIL_IF(length == 0 || strchr(location, '/') != NULL || strcmp(location, ".") == 0 ||
                strcmp(location, "..") == 0,
            MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' lies in another file (external data), '%.64s', expected the name of one "
            "beside the model",
            file->path, name_of(tensor), location);
    file->external_path = memory_allocate(folder + length + 1, 1);
    REQUIRE_MEMORY(file->external_path);
    memcpy(file->external_path, file->path, folder);
    memcpy(file->external_path + folder, location, length + 1);
    const mlp_status status = byte_source_open(file->external_path, &file->external);
    if (status != MLP_OK) {
        file->external.name = NULL;
        return fail_in(status, "%s: tensor '%.64s' lies in another file (external data)", file->path,
                       name_of(tensor));
    }
    return MLP_OK;
}

/* Notes where the numbers lie, as if they were in the model. */
static mlp_status place(struct onnx_file *file, onnx_tensor *tensor)
{
    const char *location = entry_of(tensor, "location");
    size_t offset, size;
    if (tensor->data_location == 0) {
        return MLP_OK;
    }
    FAIL_IF(file->source->bytes != NULL, MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' lies in another file (external data), which a model in memory cannot have: "
            "save the model without external data",
            file->path, name_of(tensor));
    location = location != NULL ? location : "";
    if (file->external.name == NULL) {
        TRY(open_beside(file, tensor, location));
    }
    const char *opened = strrchr(file->external_path, '/');
    opened = opened != NULL ? opened + 1 : file->external_path;
    FAIL_IF(strcmp(location, opened) != 0, MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' lies in '%.64s' and others in '%.64s' (external data), expected one file",
            file->path, name_of(tensor), location, opened);
    TRY(size_of(file, tensor, "offset", 0, &offset));
    const size_t left = offset < file->external.size ? file->external.size - offset : 0;
    TRY(size_of(file, tensor, "length", left, &size));
    FAIL_IF(size > left, MLP_ERROR_FORMAT,
            "%s: tensor '%.64s': %zu bytes from %zu on lie beyond the end of '%.64s' (%zu bytes)", file->path,
            name_of(tensor), size, offset, opened, file->external.size);
    tensor->data_offset = offset;
    tensor->data_size = size;
    tensor->has_data_size = true;
    return MLP_OK;
}

mlp_status onnx_external_open(struct onnx_file *file)
{
    const onnx_graph *graph = file->model->graph;
    for (size_t i = 0; i < graph->n_initializer; i++) {
        TRY(place(file, graph->initializer[i]));
    }
    for (size_t n = 0; n < graph->n_node; n++) {
        for (size_t a = 0; a < graph->node[n]->n_attribute; a++) {
            if (graph->node[n]->attribute[a]->t != NULL) {
                TRY(place(file, graph->node[n]->attribute[a]->t));
            }
        }
    }
    return MLP_OK;
}

void onnx_external_close(struct onnx_file *file)
{
    if (file->external.name != NULL) {
        byte_source_close(&file->external);
    }
    memory_free(file->external_path);
}
