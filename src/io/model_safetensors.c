/* Models in safetensors files: this library's, and bare tensors such as PyTorch's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
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
    file->class_weights = safetensors_find(archive, "loss.class_weights");
    return parameters == 2 * file->layer_count
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT,
                      "%s: has %zu tensors named layers.*, expected %zu for the %zu layers that the "
                      "metadata describe",
                      archive->path, parameters, 2 * file->layer_count, file->layer_count);
}

/* ---- bare tensors -------------------------------------------------------------------------------------- */

/* One layer's tensors, and the number in their names. */
struct named_layer {
    long number;
    const struct safetensor *weights;
    const struct safetensor *bias;
};

/* "layers.3.weight" or "3.weight": number 3 and what follows it; NULL for any other name. */
static const char *parse_name(const char *name, long *number)
{
    char *end;
    const char *digits = strncmp(name, "layers.", 7) == 0 ? name + 7 : name;
    if (digits[0] < '0' || digits[0] > '9' || strspn(digits, "0123456789") > 9) {
        return NULL;
    }
    *number = strtol(digits, &end, 10);
    return *end == '.' ? end + 1 : NULL;
}

/* The layer of a number, newly added when it is the first of that number; NULL when all `room` are taken. */
static struct named_layer *layer_of(struct named_layer *layers, size_t *count, size_t room, long number)
{
    size_t i = 0;
    while (i < *count && layers[i].number != number) {
        i++;
    }
    if (i == room) {
        return NULL;
    }
    if (i == *count) {
        layers[(*count)++] = (struct named_layer){ .number = number };
    }
    return &layers[i];
}

static int by_number(const void *a, const void *b)
{
    const struct named_layer *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* Puts a tensor to the layer that it names. */
static mlp_status place_tensor(const struct safetensors *archive, const struct safetensor *tensor,
                               struct named_layer *layers, size_t *count, size_t room)
{
    long number;
    const char *kind = parse_name(tensor->name, &number);
    FAIL_IF(kind == NULL || (strcmp(kind, "weight") != 0 && strcmp(kind, "bias") != 0), MLP_ERROR_FORMAT,
            "%s: tensor '%.64s' is none of a network's: expected names such as "
            "layers.0.weight or 0.bias",
            archive->path, tensor->name);
    struct named_layer *layer = layer_of(layers, count, room, number);
    FAIL_IF(layer == NULL, MLP_ERROR_SHAPE, "%s: tensor '%.64s' is of one layer more than the %zu expected",
            archive->path, tensor->name, room);
    const struct safetensor **place = kind[0] == 'w' ? &layer->weights : &layer->bias;
    FAIL_IF(*place != NULL, MLP_ERROR_FORMAT, "%s: tensors '%.64s' and '%.64s' are the same layer's",
            archive->path, (*place)->name, tensor->name);
    *place = tensor;
    return MLP_OK;
}

/* Sorts the file's tensors into `room` layers in ascending order. */
static mlp_status collect(const struct safetensors *archive, struct named_layer *layers, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < archive->count; i++) {
        TRY(place_tensor(archive, &archive->tensors[i], layers, &count, room));
    }
    FAIL_IF(count < room, MLP_ERROR_SHAPE, "%s: has tensors of %zu layers, expected %zu", archive->path,
            count, room);
    qsort(layers, count, sizeof *layers, by_number);
    for (size_t l = 0; l < count; l++) {
        FAIL_IF(layers[l].weights == NULL, MLP_ERROR_FORMAT, "%s: tensor '%.64s' has no weights beside it",
                archive->path, layers[l].bias->name);
    }
    return MLP_OK;
}

static mlp_status find_bare(const struct safetensors *archive, struct model_file *file)
{
    struct named_layer *found = memory_allocate(file->layer_count, sizeof *found);
    mlp_status status = found != NULL ? collect(archive, found, file->layer_count) : MLP_ERROR_MEMORY;
    if (status == MLP_OK) {
        for (size_t l = 0; l < file->layer_count; l++) {
            file->layers[2 * l] = found[l].weights;
            file->layers[2 * l + 1] = found[l].bias;
        }
    }
    memory_free(found);
    return status;
}

/* ---- the format ---------------------------------------------------------------------------------------- */

static mlp_status open_file(struct model_file *file, size_t layers)
{
    struct safetensors *archive = memory_allocate(1, sizeof *archive);
    file->content = archive;
    REQUIRE_MEMORY(archive);
    TRY(safetensors_open(&file->source, archive));
    if (layers == 0) {
        TRY(description_read(archive, &file->description));
    }
    file->layer_count = layers > 0 ? layers : file->description.count;
    file->layers = memory_allocate(2 * file->layer_count, sizeof *file->layers);
    REQUIRE_MEMORY(file->layers);
    if (layers > 0) {
        return find_bare(archive, file);
    }
    return file->layer_count > 0 ? find_described(archive, file) : MLP_OK;
}

static void close_file(struct model_file *file)
{
    if (file->content != NULL) {
        safetensors_close(file->content);
    }
}

static mlp_status check(const struct model_file *file, const void *tensor, size_t rows, size_t columns)
{
    return safetensor_check_shape(file->content, tensor, rows, columns);
}

static mlp_status read_tensor(const struct model_file *file, const void *tensor, float *out, size_t stride)
{
    return safetensor_matrix(file->content, tensor, out, stride);
}

const struct model_format format_safetensors = {
    .name = "safetensors",
    .suffix = ".safetensors",
    .recognizes = model_is_safetensors,
    .open = open_file,
    .close = close_file,
    .check = check,
    .read = read_tensor,
};
