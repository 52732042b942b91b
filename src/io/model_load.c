/* Loading a network, whatever the format of its file. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <mlp/model_file.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "io/model_format.h"

/* ---- the one loader ------------------------------------------------------------------------------------ */

static mlp_status read_checked(const struct model_file *file, const void *tensor, size_t rows, size_t columns,
                               float *out, size_t stride)
{
    TRY(file->format->check(file, tensor, rows, columns));
    return file->format->read(file, tensor, out, stride);
}

/* The parameters of a network that was created blank: a missing bias leaves zeros. */
static mlp_status fill(const struct model_file *file, mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        const void *const *tensors = &file->layers[2 * l];
        TRY(read_checked(file, tensors[0], layer->units, layer->inputs,
                         network_write(network) + layer->weights, layer->stride));
        if (tensors[1] != NULL) {
            TRY(read_checked(file, tensors[1], layer->units, 0, network_write(network) + layer->bias,
                             layer->stride));
        }
    }
    return MLP_OK;
}

/* ---- files that describe their network ----------------------------------------------------------------- */

/* What the library refuses about a file's description makes the file unusable. */
static mlp_status described(const struct model_file *file, mlp_status status)
{
    return status == MLP_OK || status == MLP_ERROR_MEMORY ? status
                                                          : fail_in(MLP_ERROR_FORMAT, "%s", file->path);
}

/* The sizes that the file claims must be those of its tensors, before memory is taken for them. */
static mlp_status check_claims(const struct model_file *file)
{
    const struct model_description *d = &file->description;
    FAIL_IF(d->layers == NULL, MLP_ERROR_FORMAT,
            "%s: holds tensors, but no description of a network by this library: load it "
            "with mlp_model_load_tensors()",
            file->path);
    FAIL_IF(d->inputs == 0, MLP_ERROR_FORMAT, "%s: metadata 'inputs' is 0, expected at least 1", file->path);
    for (size_t l = 0; l < d->count; l++) {
        const size_t source = layer_source(l),
                     inputs = source != NETWORK_INPUT ? d->layers[source].units : d->inputs;
        TRY(file->format->check(file, file->layers[2 * l], d->layers[l].units, inputs));
    }
    return file->class_weights != NULL
               ? file->format->check(file, file->class_weights, d->layers[d->count - 1].units, 0)
               : MLP_OK;
}

/* The callbacks of a network with functions of its own, which the caller knows by their names. Only a loss
 * may be missing: predictions need none. */
static mlp_status find_callbacks(struct model_file *file, const mlp_load_options *options)
{
    struct model_description *d = &file->description;
    mlp_network_options *network = &d->options;
    for (size_t l = 0; l < d->count; l++) {
        const char *name = d->activation_names != NULL ? d->activation_names[l] : "";
        mlp_activation_callbacks *callbacks = &d->layers[l].custom_activation;
        if (d->layers[l].activation != MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        FAIL_IF(name[0] == '\0', MLP_ERROR_UNSUPPORTED,
                "%s: layer %zu has a custom activation that was saved without a name", file->path, l);
        if (options->find_activation != NULL) {
            options->find_activation(name, callbacks, options->context);
        }
        FAIL_IF(callbacks->value == NULL || callbacks->derivative == NULL, MLP_ERROR_UNSUPPORTED,
                "%s: layer %zu has the custom activation '%s', which is not known here "
                "(mlp_load_options.find_activation)",
                file->path, l, name);
    }
    network->custom_activation_names = d->activation_names;
    if (network->loss == MLP_LOSS_CUSTOM && network->custom_loss_name != NULL && options->find_loss != NULL) {
        options->find_loss(network->custom_loss_name, &network->custom_loss, &network->custom_loss_context,
                           options->context);
    }
    if (network->loss == MLP_LOSS_CUSTOM && network->custom_loss == NULL) {
        network->custom_loss = loss_missing;
    }
    return MLP_OK;
}

/* The network as described, its parameters not yet the file's. */
static mlp_status create(struct model_file *file, mlp_network **network)
{
    struct model_description *d = &file->description;
    const size_t outputs = d->layers[d->count - 1].units;
    float *class_weights = file->class_weights != NULL ? memory_allocate(outputs, sizeof(float)) : NULL;
    mlp_status status = MLP_OK;
    if (file->class_weights != NULL) {
        status = class_weights != NULL ? file->format->read(file, file->class_weights, class_weights, outputs)
                                       : MLP_ERROR_MEMORY;
        d->options.class_weights = class_weights;
    }
    if (status == MLP_OK) {
        status = described(file, network_create_blank(d->inputs, d->layers, d->count, &d->options, network));
    }
    d->options.class_weights = NULL;
    memory_free(class_weights);
    return status;
}

/* Two vectors of `count` values that go together, and are kept by `set`. */
static mlp_status load_pair(const struct model_file *file, const char *names, const void *const pair[2],
                            size_t count, mlp_network *network,
                            mlp_status (*set)(mlp_network *, const float *, const float *))
{
    if (pair[0] == NULL && pair[1] == NULL) {
        return MLP_OK;
    }
    FAIL_IF(pair[0] == NULL || pair[1] == NULL, MLP_ERROR_FORMAT, "%s: one of %s is missing", file->path,
            names);
    float *values = memory_allocate(2 * count, sizeof(float));
    REQUIRE_MEMORY(values);
    mlp_status status = read_checked(file, pair[0], count, 0, values, count);
    status = status == MLP_OK ? read_checked(file, pair[1], count, 0, values + count, count) : status;
    if (status == MLP_OK) {
        status = described(file, set(network, values, values + count));
    }
    memory_free(values);
    return status;
}

static mlp_status load_scalings(const struct model_file *file, mlp_network *network)
{
    const void *const inputs[2] = { file->mean, file->scale }, *const outputs[2] = { file->shift,
                                                                                     file->output_scale };
    TRY(load_pair(file, "standardization.mean and standardization.scale", inputs, network->inputs, network,
                  mlp_network_set_standardization));
    return load_pair(file, "output.shift and output.scale", outputs, output_layer(network)->units, network,
                     mlp_network_set_output_scaling);
}

static mlp_status load_described(struct model_file *file, const mlp_load_options *options,
                                 mlp_network **network)
{
    const struct model_description *d = &file->description;
    TRY(check_claims(file));
    TRY(find_callbacks(file, options));
    TRY(create(file, network));
    TRY(fill(file, *network));
    TRY(load_scalings(file, *network));
    if (d->schema != NULL) {
        TRY(described(file, mlp_network_set_schema(*network, d->schema)));
    }
    TRY(described(file, mlp_network_set_note(*network, d->note)));
    return d->class_names != NULL
               ? described(file, mlp_network_set_class_names(*network, d->class_names, d->class_name_count))
               : MLP_OK;
}

/* Takes the source. */
static mlp_status load(struct byte_source source, const mlp_load_options *options, mlp_network **network)
{
    struct model_file file;
    mlp_status status = model_file_open(source, 0, &file);
    status = status == MLP_OK ? load_described(&file, options, network) : status;
    if (status != MLP_OK) {
        mlp_network_destroy(network);
    }
    model_file_close(&file);
    return status == MLP_ERROR_SHAPE ? MLP_ERROR_FORMAT
                                     : status; /* the file contradicts itself, not the caller */
}

mlp_status mlp_model_load(const char *path, mlp_network **network)
{
    return mlp_model_load_with(path, NULL, network);
}

mlp_status mlp_model_load_with(const char *path, const mlp_load_options *options, mlp_network **network)
{
    mlp_load_options accepted;
    struct byte_source source;
    REQUIRE_ARGUMENT(network);
    *network = NULL;
    REQUIRE_ARGUMENT(path);
    TRY(ACCEPT_OPTIONS(mlp_load_options, MLP_LOAD_OPTIONS_INIT, options, &accepted));
    TRY(byte_source_open(path, &source));
    return load(source, &accepted, network);
}

mlp_status mlp_model_load_memory(const void *bytes, size_t size, const mlp_load_options *options,
                                 mlp_network **network)
{
    mlp_load_options accepted;
    REQUIRE_ARGUMENT(network);
    *network = NULL;
    REQUIRE_ARGUMENT(bytes);
    TRY(ACCEPT_OPTIONS(mlp_load_options, MLP_LOAD_OPTIONS_INIT, options, &accepted));
    return load(byte_source_memory(bytes, size), &accepted, network);
}

/* ---- bare tensors -------------------------------------------------------------------------------------- */

/* A copy of the caller's layers, of whatever size, in which sizes of 0 are the file's. */
static mlp_status layers_of_file(const struct model_file *file, const mlp_layer *layers, size_t layer_size,
                                 unsigned char **copy)
{
    const size_t count = file->description.count;
    *copy = memory_allocate(count, layer_size);
    REQUIRE_MEMORY(*copy);
    memcpy(*copy, layers, count * layer_size);
    for (size_t l = 0; l < count; l++) {
        size_t units;
        unsigned char *place = *copy + l * layer_size + offsetof(mlp_layer, units);
        memcpy(&units, place, sizeof units);
        units = units > 0 ? units : file->description.layers[l].units;
        memcpy(place, &units, sizeof units);
    }
    return MLP_OK;
}

/* The network of the caller's layers, blank. */
static mlp_status create_bare(const struct model_file *file, size_t inputs, const mlp_layer *layers,
                              size_t count, const mlp_network_options *options, mlp_network **network)
{
    const size_t layer_size = options != NULL ? options->layer_size : sizeof *layers;
    unsigned char *copy = NULL;
    if (layer_size < sizeof(size_t) || file->description.layers == NULL) {
        return network_create_blank(inputs, layers, count, options, network);
    }
    mlp_status status = layers_of_file(file, layers, layer_size, &copy);
    if (status == MLP_OK) {
        status = network_create_blank(inputs > 0 ? inputs : file->description.inputs, (const mlp_layer *)copy,
                                      count, options, network);
    }
    memory_free(copy);
    return status;
}

mlp_status mlp_model_load_tensors(const char *path, size_t inputs, const mlp_layer *layers, size_t count,
                                  const mlp_network_options *options, mlp_network **network)
{
    struct byte_source source;
    struct model_file file;
    REQUIRE_ARGUMENT(network);
    *network = NULL;
    REQUIRE_ARGUMENT(path);
    REQUIRE_ARGUMENT(layers);
    FAIL_IF(count == 0, MLP_ERROR_RANGE,
            "mlp_model_load_tensors: number of layers is 0, expected at least 1");
    TRY(byte_source_open(path, &source));
    mlp_status status = model_file_open(source, count, &file);
    status = status == MLP_OK ? create_bare(&file, inputs, layers, count, options, network) : status;
    status = status == MLP_OK ? fill(&file, *network) : status;
    if (status == MLP_OK && file.format->finish != NULL) {
        status = file.format->finish(&file, *network);
    }
    if (status != MLP_OK) {
        mlp_network_destroy(network);
    }
    model_file_close(&file);
    return status;
}
