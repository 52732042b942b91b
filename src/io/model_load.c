/* Loading a network, from this library's files and from bare tensors. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/model_file.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_metadata.h"

enum { MAX_NAME = 64 };

/* Reads a tensor of shape rows × columns, row-major (columns 0: rank 1), into column-major `out` without gaps. */
static mlp_status read_tensor(const struct safetensors *archive, const struct safetensor *tensor, size_t rows,
                              size_t columns, float *out)
{
    const size_t width = columns > 0 ? columns : 1;
    const bool fits = columns > 0 ? tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns
                                  : tensor->rank == 1 && tensor->shape[0] == rows;
    if (!fits) {
        return columns > 0 ? fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' is not of shape [%zu, %zu]", archive->path,
                                  tensor->name, rows, columns)
                           : fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' is not of shape [%zu]", archive->path,
                                  tensor->name, rows);
    }
    float *values = memory_allocate(tensor->elements, sizeof(float));
    if (values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = safetensor_floats(archive, tensor, values);
    for (size_t i = 0; i < tensor->elements && status == MLP_OK; i++) {
        if (!isfinite(values[i])) {
            status = fail(MLP_ERROR_NONFINITE, "%s: tensor '%.64s' has the value %g at row %zu, column %zu",
                          archive->path, tensor->name, (double)values[i], i / width, i % width);
        }
        out[i / width + i % width * rows] = values[i];
    }
    memory_free(values);
    return status;
}

static mlp_status find_tensor(const struct safetensors *archive, const char *name, const struct safetensor **tensor)
{
    *tensor = safetensors_find(archive, name);
    return *tensor != NULL ? MLP_OK : fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' is missing", archive->path, name);
}

/* Fills one layer; a NULL bias tensor leaves zeros. */
static mlp_status load_layer(const struct safetensors *archive, const struct safetensor *weights,
                             const struct safetensor *bias, mlp_network *network, size_t l)
{
    const struct layer *layer = &network->layers[l];
    float *values = memory_allocate(layer->units * layer->inputs, sizeof(float)); /* the arena holds as many */
    if (values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = read_tensor(archive, weights, layer->units, layer->inputs, values);
    if (status == MLP_OK) {
        status = mlp_network_set_weights(network, l, values);
    }
    memset(values, 0, layer->units * sizeof(float));
    if (status == MLP_OK && bias != NULL) {
        status = read_tensor(archive, bias, layer->units, 0, values);
    }
    if (status == MLP_OK) {
        status = mlp_network_set_bias(network, l, values);
    }
    memory_free(values);
    return status;
}

static mlp_status load_layers(const struct safetensors *archive, mlp_network *network)
{
    char name[MAX_NAME];
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct safetensor *weights, *bias;
        snprintf(name, sizeof name, "layers.%zu.weight", l);
        TRY(find_tensor(archive, name, &weights));
        snprintf(name, sizeof name, "layers.%zu.bias", l);
        TRY(find_tensor(archive, name, &bias));
        TRY(load_layer(archive, weights, bias, network, l));
    }
    return MLP_OK;
}

static mlp_status load_standardization(const struct safetensors *archive, mlp_network *network)
{
    const struct safetensor *mean = safetensors_find(archive, "standardization.mean");
    const struct safetensor *scale = safetensors_find(archive, "standardization.scale");
    if (mean == NULL && scale == NULL) {
        return MLP_OK;
    }
    if (mean == NULL || scale == NULL) {
        return fail(MLP_ERROR_FORMAT, "%s: one of standardization.mean and standardization.scale is missing",
                    archive->path);
    }
    float *values = memory_allocate(2 * network->inputs, sizeof(float));
    if (values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = read_tensor(archive, mean, network->inputs, 0, values);
    if (status == MLP_OK) {
        status = read_tensor(archive, scale, network->inputs, 0, values + network->inputs);
    }
    if (status == MLP_OK) {
        status = mlp_network_set_standardization(network, values, values + network->inputs);
    }
    memory_free(values);
    return status;
}

static mlp_status load_class_names(const struct safetensors *archive, const json_t *array, mlp_network *network)
{
    const size_t count = json_array_size(array);
    if (array == NULL) {
        return MLP_OK;
    }
    if (!json_is_array(array) || count == 0) {
        return fail(MLP_ERROR_FORMAT, "%s: metadata 'class_names' is not an array of texts", archive->path);
    }
    const char **names = memory_allocate(count, sizeof *names);
    if (names == NULL) {
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = MLP_OK;
    for (size_t i = 0; i < count && status == MLP_OK; i++) {
        names[i] = json_string_value(json_array_get(array, i));
        if (names[i] == NULL) {
            status = fail(MLP_ERROR_FORMAT, "%s: metadata 'class_names' is not an array of texts", archive->path);
        }
    }
    if (status == MLP_OK) {
        status = mlp_network_set_class_names(network, names, count);
    }
    memory_free(names);
    return status;
}

/* The sizes that the metadata claim must be those of the tensors, before memory is taken for them. */
static mlp_status check_claims(const struct safetensors *archive, const struct model_metadata *metadata)
{
    char name[MAX_NAME];
    for (size_t l = 0; l < metadata->count; l++) {
        const struct safetensor *weights;
        const size_t inputs = l > 0 ? metadata->layers[l - 1].units : metadata->inputs;
        snprintf(name, sizeof name, "layers.%zu.weight", l);
        TRY(find_tensor(archive, name, &weights));
        if (weights->rank != 2 || weights->shape[0] != metadata->layers[l].units || weights->shape[1] != inputs) {
            return fail(MLP_ERROR_FORMAT, "%s: tensor '%s' is not of shape [%zu, %zu], which the metadata give layer "
                        "%zu", archive->path, name, metadata->layers[l].units, inputs, l);
        }
    }
    return MLP_OK;
}

/* The network as described, its parameters not yet the file's. */
static mlp_status create_described(const struct safetensors *archive, struct model_metadata *metadata,
                                   mlp_network **network)
{
    const struct safetensor *weights = safetensors_find(archive, "loss.class_weights");
    const size_t outputs = metadata->layers[metadata->count - 1].units;
    float *class_weights = NULL;
    mlp_status status = MLP_OK;
    if (weights != NULL) {
        class_weights = memory_allocate(outputs, sizeof(float));
        status = class_weights != NULL ? read_tensor(archive, weights, outputs, 0, class_weights) : MLP_ERROR_MEMORY;
        metadata->options.class_weights = class_weights;
    }
    if (status == MLP_OK) {
        status = mlp_network_create(metadata->inputs, metadata->layers, metadata->count, &metadata->options, network);
        if (status != MLP_OK && status != MLP_ERROR_MEMORY) {
            status = fail_in(MLP_ERROR_FORMAT, "%s", archive->path);
        }
    }
    memory_free(class_weights);
    return status;
}

static mlp_status load_described(const struct safetensors *archive, struct model_metadata *metadata,
                                 mlp_network **network)
{
    TRY(model_metadata_read(archive, metadata));
    TRY(check_claims(archive, metadata));
    TRY(create_described(archive, metadata, network));
    TRY(load_layers(archive, *network));
    TRY(load_standardization(archive, *network));
    return load_class_names(archive, metadata->class_names, *network);
}

mlp_status mlp_model_load(const char *path, mlp_network **network)
{
    struct safetensors archive;
    struct model_metadata metadata = { 0 };
    REQUIRE_ARGUMENT(network);
    *network = NULL;
    REQUIRE_ARGUMENT(path);
    mlp_status status = safetensors_open(path, &archive);
    if (status == MLP_OK) {
        status = load_described(&archive, &metadata, network);
    }
    if (status != MLP_OK) {
        mlp_network_destroy(network);
    }
    model_metadata_free(&metadata);
    safetensors_close(&archive);
    return status;
}

/* ---- bare tensors -------------------------------------------------------------------------------------------- */

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

static struct named_layer *layer_of(struct named_layer *layers, size_t *count, long number)
{
    size_t i = 0;
    while (i < *count && layers[i].number != number) {
        i++;
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

/* Sorts the file's tensors into layers in ascending order; `layers` has room for all of the file's tensors. */
static mlp_status collect(const struct safetensors *archive, struct named_layer *layers, size_t *count)
{
    for (size_t i = 0; i < archive->count; i++) {
        const struct safetensor *tensor = &archive->tensors[i];
        long number;
        const char *kind = parse_name(tensor->name, &number);
        if (kind == NULL || (strcmp(kind, "weight") != 0 && strcmp(kind, "bias") != 0)) {
            return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' is none of a network's: expected names such as "
                        "layers.0.weight or 0.bias", archive->path, tensor->name);
        }
        struct named_layer *layer = layer_of(layers, count, number);
        const struct safetensor **place = kind[0] == 'w' ? &layer->weights : &layer->bias;
        if (*place != NULL) {
            return fail(MLP_ERROR_FORMAT, "%s: tensors '%.64s' and '%.64s' are the same layer's", archive->path,
                        (*place)->name, tensor->name);
        }
        *place = tensor;
    }
    if (*count > 0) {
        qsort(layers, *count, sizeof *layers, by_number);
    }
    for (size_t l = 0; l < *count; l++) {
        if (layers[l].weights == NULL) {
            return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' has no weights beside it", archive->path,
                        layers[l].bias->name);
        }
    }
    return MLP_OK;
}

static mlp_status load_collected(const struct safetensors *archive, struct named_layer *found, mlp_network *network)
{
    size_t count = 0;
    TRY(collect(archive, found, &count));
    if (count != network->layer_count) {
        return fail(MLP_ERROR_SHAPE, "%s: has weights of %zu layers, expected %zu", archive->path, count,
                    network->layer_count);
    }
    for (size_t l = 0; l < count; l++) {
        TRY(load_layer(archive, found[l].weights, found[l].bias, network, l));
    }
    return MLP_OK;
}

static mlp_status load_tensors(const char *path, mlp_network *network)
{
    struct safetensors archive;
    mlp_status status = safetensors_open(path, &archive);
    struct named_layer *found = NULL;
    if (status == MLP_OK && archive.count > 2 * network->layer_count) {
        status = fail(MLP_ERROR_SHAPE, "%s: holds %zu tensors, expected at most %zu for %zu layers", path, archive.count,
                      2 * network->layer_count, network->layer_count);
    }
    if (status == MLP_OK) {
        found = memory_allocate(archive.count, sizeof *found);
        status = found != NULL ? load_collected(&archive, found, network) : MLP_ERROR_MEMORY;
    }
    memory_free(found);
    safetensors_close(&archive);
    return status;
}

mlp_status mlp_model_load_tensors(const char *path, size_t inputs, const mlp_layer *layers, size_t count,
                                  const mlp_network_options *options, mlp_network **network)
{
    REQUIRE_ARGUMENT(network);
    *network = NULL;
    REQUIRE_ARGUMENT(path);
    TRY(mlp_network_create(inputs, layers, count, options, network));
    const mlp_status status = load_tensors(path, *network);
    if (status != MLP_OK) {
        mlp_network_destroy(network);
    }
    return status;
}
