/* A network's description as texts, and back. */
#include "io/model_metadata.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/version.h>

#include "base/memory.h"
#include "base/status.h"

static const char format_version[] = "1";

/* ---- writing ------------------------------------------------------------------------------------------- */

static json_t *parameters_json(mlp_init init, const mlp_init_parameters *p)
{
    return json_pack("{s:s, s:f, s:f, s:f, s:s, s:s}", "name", mlp_init_name(init), "a", p->a, "b", p->b,
                     "gain", p->gain, "fan", mlp_fan_name(p->fan), "distribution",
                     mlp_distribution_name(p->distribution));
}

static json_t *layers_json(const mlp_network *network)
{
    json_t *layers = json_array();
    for (size_t l = 0; layers != NULL && l < network->layer_count; l++) {
        const mlp_layer *d = &network->layers[l].description;
        json_t *layer =
            json_pack("{s:I, s:s, s:f, s:o, s:o}", "units", (json_int_t)d->units, "activation",
                      mlp_activation_name(d->activation), "activation_parameter", d->activation_parameter,
                      "init", parameters_json(d->init, &d->init_parameters), "bias_init",
                      parameters_json(d->bias_init, &d->bias_parameters));
        if (layer == NULL || json_array_append_new(layers, layer) != 0) {
            json_decref(layers);
            return NULL;
        }
    }
    return layers;
}

static json_t *loss_json(const struct loss_settings *loss)
{
    return json_pack("{s:s, s:s, s:f, s:f}", "name", mlp_loss_name(loss->loss), "reduction",
                     mlp_reduction_name(loss->reduction), "label_smoothing", loss->label_smoothing,
                     "huber_delta", loss->huber_delta);
}

static json_t *class_names_json(const mlp_network *network)
{
    json_t *names = json_array();
    for (size_t i = 0; names != NULL && i < network->class_name_count; i++) {
        if (json_array_append_new(names, json_string(network->class_names[i])) != 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

bool model_metadata_set_json(json_t *metadata, const char *key, json_t *value)
{
    char *text = value != NULL ? safetensors_json_text(value, 1) : NULL;
    const bool set = text != NULL && json_object_set_new(metadata, key, json_string(text)) == 0;
    memory_free(text);
    json_decref(value);
    return set;
}

json_t *model_metadata_write(const mlp_network *network)
{
    char inputs[32], seed[32];
    snprintf(inputs, sizeof inputs, "%zu", network->inputs);
    snprintf(seed, sizeof seed, "%" PRIu64, network->seed);
    json_t *metadata =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "format", "mlp", "format_version", format_version,
                  "library_version", mlp_version(), "inputs", inputs, "seed", seed);
    bool complete = metadata != NULL && model_metadata_set_json(metadata, "layers", layers_json(network)) &&
                    model_metadata_set_json(metadata, "loss", loss_json(&network->loss));
    if (complete && network->class_name_count > 0) {
        complete = model_metadata_set_json(metadata, "class_names", class_names_json(network));
    }
    if (!complete) {
        json_decref(metadata);
        return NULL;
    }
    return metadata;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

enum { PLACE_SIZE = 64 };

/* `place` is where in the metadata: "inputs", "layers[3].init". */
static mlp_status bad(const struct safetensors *archive, const char *place, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: metadata '%s' %s", archive->path, place, what);
}

/* Texts that hold JSON; the caller's reference. */
static mlp_status parse_text(const struct safetensors *archive, const char *key, json_t **value)
{
    const char *text = safetensors_metadata(archive, key);
    char what[PLACE_SIZE];
    json_error_t error;
    *value = NULL;
    if (text == NULL) {
        return bad(archive, key, "is missing");
    }
    *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    snprintf(what, sizeof what, "metadata '%s'", key);
    return *value != NULL ? MLP_OK : safetensors_json_failure(archive, what, &error);
}

static mlp_status whole_text(const struct safetensors *archive, const char *key, uint64_t *value)
{
    const char *text = safetensors_metadata(archive, key);
    if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return bad(archive, key, text == NULL ? "is missing" : "is not a whole number");
    }
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0 ? MLP_OK : bad(archive, key, "is a number beyond 64 bits");
}

static mlp_status real_member(const struct safetensors *archive, const char *place, const json_t *object,
                              const char *member, double *value)
{
    const json_t *found = json_object_get(object, member);
    if (!json_is_number(found)) {
        return fail(MLP_ERROR_FORMAT, "%s: metadata '%s.%s' is missing or not a number", archive->path, place,
                    member);
    }
    *value = json_number_value(found);
    return MLP_OK;
}

static mlp_status text_member(const struct safetensors *archive, const char *place, const json_t *object,
                              const char *member, const char **value)
{
    *value = json_string_value(json_object_get(object, member));
    if (*value == NULL) {
        return fail(MLP_ERROR_FORMAT, "%s: metadata '%s.%s' is missing or not a text", archive->path, place,
                    member);
    }
    return MLP_OK;
}

/* A name that this version of the library does not know makes the file's description unusable. */
static mlp_status known(const struct safetensors *archive, const char *place, mlp_status status)
{
    return status == MLP_OK ? MLP_OK : fail_in(MLP_ERROR_FORMAT, "%s: metadata '%s'", archive->path, place);
}

static mlp_status read_init(const struct safetensors *archive, const char *layer, const json_t *object,
                            const char *member, mlp_init *init, mlp_init_parameters *parameters)
{
    const char *name, *fan, *distribution;
    char place[2 * PLACE_SIZE];
    snprintf(place, sizeof place, "%s.%s", layer, member);
    object = json_object_get(object, member);
    TRY(text_member(archive, place, object, "name", &name));
    TRY(text_member(archive, place, object, "fan", &fan));
    TRY(text_member(archive, place, object, "distribution", &distribution));
    TRY(known(archive, place, mlp_init_from_name(name, init)));
    TRY(known(archive, place, mlp_fan_from_name(fan, &parameters->fan)));
    TRY(known(archive, place, mlp_distribution_from_name(distribution, &parameters->distribution)));
    TRY(real_member(archive, place, object, "a", &parameters->a));
    TRY(real_member(archive, place, object, "b", &parameters->b));
    TRY(real_member(archive, place, object, "gain", &parameters->gain));
    if (*init == MLP_INIT_CUSTOM) {
        *init = MLP_INIT_AUTOMATIC; /* a file cannot hold the function */
    }
    return MLP_OK;
}

static mlp_status read_layer(const struct safetensors *archive, size_t index, const json_t *object,
                             mlp_layer *layer)
{
    const json_t *units = json_object_get(object, "units");
    const char *activation;
    char place[PLACE_SIZE];
    snprintf(place, sizeof place, "layers[%zu]", index);
    if (!json_is_integer(units) || json_integer_value(units) < 1) {
        return bad(archive, place, "has units that are not a whole number of at least 1");
    }
    layer->units = (size_t)json_integer_value(units);
    TRY(text_member(archive, place, object, "activation", &activation));
    TRY(known(archive, place, mlp_activation_from_name(activation, &layer->activation)));
    TRY(real_member(archive, place, object, "activation_parameter", &layer->activation_parameter));
    TRY(read_init(archive, place, object, "init", &layer->init, &layer->init_parameters));
    return read_init(archive, place, object, "bias_init", &layer->bias_init, &layer->bias_parameters);
}

/* Every layer has a tensor: the file's size bounds the memory that the layers take. */
static mlp_status read_layers(const struct safetensors *archive, const json_t *layers,
                              struct model_metadata *metadata)
{
    metadata->count = json_array_size(layers);
    if (!json_is_array(layers) || metadata->count == 0) {
        return bad(archive, "layers", "is not an array of at least one layer");
    }
    if (metadata->count > archive->count) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: metadata 'layers' has %zu layers, more than the %zu tensors of the file",
                    archive->path, metadata->count, archive->count);
    }
    metadata->layers = memory_allocate(metadata->count, sizeof *metadata->layers);
    if (metadata->layers == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t l = 0; l < metadata->count; l++) {
        TRY(read_layer(archive, l, json_array_get(layers, l), &metadata->layers[l]));
    }
    return MLP_OK;
}

static mlp_status read_loss(const struct safetensors *archive, const json_t *loss,
                            mlp_network_options *options)
{
    const char *name, *reduction;
    TRY(text_member(archive, "loss", loss, "name", &name));
    TRY(text_member(archive, "loss", loss, "reduction", &reduction));
    TRY(known(archive, "loss", mlp_loss_from_name(name, &options->loss)));
    TRY(known(archive, "loss", mlp_reduction_from_name(reduction, &options->reduction)));
    TRY(real_member(archive, "loss", loss, "label_smoothing", &options->label_smoothing));
    return real_member(archive, "loss", loss, "huber_delta", &options->huber_delta);
}

static mlp_status check_format(const struct safetensors *archive)
{
    const char *format = safetensors_metadata(archive, "format");
    const char *version = safetensors_metadata(archive, "format_version");
    if (format == NULL || strcmp(format, "mlp") != 0) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: holds tensors, but no description of a network by this library: load it "
                    "with mlp_model_load_tensors()",
                    archive->path);
    }
    if (version == NULL || strcmp(version, format_version) != 0) {
        return fail(MLP_ERROR_UNSUPPORTED, "%s: format version '%.16s', this library reads %s", archive->path,
                    version != NULL ? version : "", format_version);
    }
    return MLP_OK;
}

mlp_status model_metadata_read(const struct safetensors *archive, struct model_metadata *metadata)
{
    const mlp_network_options defaults = MLP_NETWORK_OPTIONS_INIT;
    uint64_t inputs;
    json_t *value;
    *metadata = (struct model_metadata){ .options = defaults };
    TRY(check_format(archive));
    TRY(whole_text(archive, "inputs", &inputs));
    TRY(whole_text(archive, "seed", &metadata->options.seed));
    metadata->inputs = (size_t)inputs;
    TRY(parse_text(archive, "layers", &value));
    mlp_status status = read_layers(archive, value, metadata);
    json_decref(value);
    TRY(status);
    TRY(parse_text(archive, "loss", &value));
    status = read_loss(archive, value, &metadata->options);
    json_decref(value);
    TRY(status);
    return safetensors_metadata(archive, "class_names") != NULL
               ? parse_text(archive, "class_names", &metadata->class_names)
               : MLP_OK;
}

void model_metadata_free(struct model_metadata *metadata)
{
    memory_free(metadata->layers);
    json_decref(metadata->class_names);
    *metadata = (struct model_metadata){ 0 };
}
