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
#include "strategy/init.h"

enum { MAX_NAME = 64 };

/* Reads a tensor of shape rows × columns, row-major (columns 0: rank 1), into column-major `out` without
 * gaps. */
static mlp_status read_tensor(const struct safetensors *archive, const struct safetensor *tensor, size_t rows,
                              size_t columns, float *out)
{
    const size_t width = columns > 0 ? columns : 1;
    TRY(safetensor_check_shape(archive, tensor, rows, columns));
    float *values = memory_allocate(tensor->elements, sizeof(float));
    if (values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = safetensor_floats(archive, tensor, values);
    for (size_t i = 0; i < rows && status == MLP_OK; i++) {
        for (size_t j = 0; j < width && status == MLP_OK; j++) {
            const float value = values[i * width + j];
            if (!isfinite(value)) {
                status =
                    fail(MLP_ERROR_NONFINITE, "%s: tensor '%.64s' has the value %g at row %zu, column %zu",
                         archive->path, tensor->name, (double)value, i, j);
            }
            out[i + j * rows] = value;
        }
    }
    memory_free(values);
    return status;
}

/* Fills one layer; a NULL bias tensor leaves zeros. */
static mlp_status load_layer(const struct safetensors *archive, const struct safetensor *weights,
                             const struct safetensor *bias, mlp_network *network, size_t l)
{
    const struct layer *layer = &network->layers[l];
    float *values =
        memory_allocate(layer->units * layer->inputs, sizeof(float)); /* the arena holds as many */
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
        const struct layer *layer = &network->layers[l];
        const struct safetensor *weights, *bias;
        snprintf(name, sizeof name, "layers.%zu.weight", l);
        TRY(safetensors_require(archive, name, layer->units, layer->inputs, &weights));
        snprintf(name, sizeof name, "layers.%zu.bias", l);
        TRY(safetensors_require(archive, name, layer->units, 0, &bias));
        TRY(load_layer(archive, weights, bias, network, l));
    }
    return MLP_OK;
}

/* What the library refuses about a file's description makes the file unusable. */
static mlp_status described(const struct safetensors *archive, mlp_status status)
{
    return status == MLP_OK || status == MLP_ERROR_MEMORY ? status
                                                          : fail_in(MLP_ERROR_FORMAT, "%s", archive->path);
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
        status =
            described(archive, mlp_network_set_standardization(network, values, values + network->inputs));
    }
    memory_free(values);
    return status;
}

static mlp_status load_class_names(const struct safetensors *archive, const json_t *array,
                                   mlp_network *network)
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
            status =
                fail(MLP_ERROR_FORMAT, "%s: metadata 'class_names' is not an array of texts", archive->path);
        }
    }
    if (status == MLP_OK) {
        status = described(archive, mlp_network_set_class_names(network, names, count));
    }
    memory_free(names);
    return status;
}

/* The sizes that the metadata claim must be those of the tensors, before memory is taken for them. */
static mlp_status check_claims(const struct safetensors *archive, const struct model_metadata *metadata)
{
    char name[MAX_NAME];
    size_t parameters = 0;
    for (size_t l = 0; l < metadata->count; l++) {
        const struct safetensor *weights;
        const size_t units = metadata->layers[l].units;
        const size_t inputs = l > 0 ? metadata->layers[l - 1].units : metadata->inputs;
        snprintf(name, sizeof name, "layers.%zu.weight", l);
        if (inputs > 0) { /* 0 is refused with the description */
            TRY(safetensors_require(archive, name, units, inputs, &weights));
        }
    }
    for (size_t i = 0; i < archive->count; i++) {
        parameters += strncmp(archive->tensors[i].name, "layers.", 7) == 0;
    }
    return parameters <= 2 * metadata->count
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT,
                      "%s: has %zu tensors named layers.*, expected %zu for the %zu layers that the "
                      "metadata describe",
                      archive->path, parameters, 2 * metadata->count, metadata->count);
}

/* Puts the file's initializers into the network, which was created with zeros in their place. */
static mlp_status describe_initializers(const struct model_metadata *metadata, mlp_network *network)
{
    for (size_t l = 0; l < metadata->count; l++) {
        const mlp_layer *given = &metadata->layers[l];
        mlp_layer *description = &network->layers[l].description;
        if (given->init != MLP_INIT_AUTOMATIC) {
            description->init = given->init;
            description->init_parameters = given->init_parameters;
        }
        if (given->bias_init != MLP_INIT_AUTOMATIC) {
            description->bias_init = given->bias_init;
            description->bias_parameters = given->bias_parameters;
        }
        mlp_status status = init_check(description->init, &description->init_parameters, false);
        if (status == MLP_OK) {
            status = init_check(description->bias_init, &description->bias_parameters, true);
        }
        if (status != MLP_OK) {
            return fail_in(status, "layer %zu", l);
        }
    }
    return MLP_OK;
}

/* Creates the network without drawing parameters that the file's replace: an orthogonal draw takes longer
 * than all the rest of loading. Automatic ones, there where a custom initializer was saved, the network
 * resolves itself. */
static mlp_status create_network(const struct model_metadata *metadata, mlp_network **network)
{
    mlp_layer *layers = memory_allocate(metadata->count, sizeof *layers);
    if (layers == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t l = 0; l < metadata->count; l++) {
        layers[l] = metadata->layers[l];
        if (layers[l].init != MLP_INIT_AUTOMATIC) {
            layers[l].init = MLP_INIT_ZEROS;
            layers[l].init_parameters = (mlp_init_parameters){ 0 };
        }
        layers[l].bias_init = MLP_INIT_ZEROS;
        layers[l].bias_parameters = (mlp_init_parameters){ 0 };
    }
    mlp_status status =
        mlp_network_create(metadata->inputs, layers, metadata->count, &metadata->options, network);
    if (status == MLP_OK) {
        status = describe_initializers(metadata, *network);
    }
    memory_free(layers);
    return status;
}

/* The network as described, its parameters not yet the file's. */
static mlp_status create_described(const struct safetensors *archive, struct model_metadata *metadata,
                                   mlp_network **network)
{
    const struct safetensor *weights = safetensors_find(archive, "loss.class_weights");
    float *class_weights = NULL;
    mlp_status status = MLP_OK;
    if (weights != NULL) {
        class_weights = memory_allocate(weights->elements, sizeof(float));
        status =
            class_weights != NULL
                ? read_tensor(archive, weights, metadata->layers[metadata->count - 1].units, 0, class_weights)
                : MLP_ERROR_MEMORY;
        metadata->options.class_weights = class_weights;
    }
    if (status == MLP_OK) {
        status = described(archive, create_network(metadata, network));
    }
    metadata->options.class_weights = NULL;
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
    return status == MLP_ERROR_SHAPE ? MLP_ERROR_FORMAT
                                     : status; /* the file contradicts itself, not the caller */
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
    if (kind == NULL || (strcmp(kind, "weight") != 0 && strcmp(kind, "bias") != 0)) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: tensor '%.64s' is none of a network's: expected names such as "
                    "layers.0.weight or 0.bias",
                    archive->path, tensor->name);
    }
    struct named_layer *layer = layer_of(layers, count, room, number);
    if (layer == NULL) {
        return fail(MLP_ERROR_SHAPE, "%s: tensor '%.64s' is of one layer more than the %zu expected",
                    archive->path, tensor->name, room);
    }
    const struct safetensor **place = kind[0] == 'w' ? &layer->weights : &layer->bias;
    if (*place != NULL) {
        return fail(MLP_ERROR_FORMAT, "%s: tensors '%.64s' and '%.64s' are the same layer's", archive->path,
                    (*place)->name, tensor->name);
    }
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
    if (count < room) {
        return fail(MLP_ERROR_SHAPE, "%s: has tensors of %zu layers, expected %zu", archive->path, count,
                    room);
    }
    qsort(layers, count, sizeof *layers, by_number);
    for (size_t l = 0; l < count; l++) {
        if (layers[l].weights == NULL) {
            return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' has no weights beside it", archive->path,
                        layers[l].bias->name);
        }
    }
    return MLP_OK;
}

static mlp_status load_collected(const struct safetensors *archive, struct named_layer *found,
                                 mlp_network *network)
{
    TRY(collect(archive, found, network->layer_count));
    for (size_t l = 0; l < network->layer_count; l++) {
        TRY(load_layer(archive, found[l].weights, found[l].bias, network, l));
    }
    return MLP_OK;
}

static mlp_status load_tensors(const char *path, mlp_network *network)
{
    struct safetensors archive;
    mlp_status status = safetensors_open(path, &archive);
    struct named_layer *found = NULL;
    if (status == MLP_OK) {
        found = memory_allocate(network->layer_count, sizeof *found);
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
