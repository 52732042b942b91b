/* A network's description as texts, and back. */
#include "io/model_description.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/version.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/schema_json.h"

/* The second has the scaling of outputs, the third what classes stand for, which readers of those before
 * would leave out. */
static const char *const format_versions[] = { "1", "2", "3" };
enum { FORMAT_VERSIONS = sizeof format_versions / sizeof format_versions[0] };
enum { PLACE_SIZE = 64 };

/* ---- layers and losses --------------------------------------------------------------------------------- */

NAME_CODEC(activation, mlp_activation);
NAME_CODEC(init, mlp_init);
NAME_CODEC(fan, mlp_fan);
NAME_CODEC(distribution, mlp_distribution);
NAME_CODEC(loss, mlp_loss);
NAME_CODEC(reduction, mlp_reduction);

/* clang-format off */
#define INIT_FIELDS(init, parameters)                                                                        \
    {                                                                                                        \
        FIELD_ENUM("name", mlp_layer, init, &init_codec),                                                    \
        FIELD_AS("a", mlp_layer, parameters.a), FIELD_AS("b", mlp_layer, parameters.b),                      \
        FIELD_AS("gain", mlp_layer, parameters.gain),                                                        \
        FIELD_ENUM("fan", mlp_layer, parameters.fan, &fan_codec),                                            \
        FIELD_ENUM("distribution", mlp_layer, parameters.distribution, &distribution_codec),                 \
    }
static const struct field weight_init[] = INIT_FIELDS(init, init_parameters);
static const struct field bias_init[] = INIT_FIELDS(bias_init, bias_parameters);
static const struct field_list weight_init_fields = FIELD_LIST(weight_init);
static const struct field_list bias_init_fields = FIELD_LIST(bias_init);

static const struct field layer_members[] = {
    FIELD(mlp_layer, units),
    FIELD_ENUM("activation", mlp_layer, activation, &activation_codec),
    FIELD(mlp_layer, activation_parameter),
    FIELD_OBJECT("init", &weight_init_fields),
    FIELD_OBJECT("bias_init", &bias_init_fields),
};
/* clang-format on */
const struct field_list layer_fields = FIELD_LIST(layer_members);
const struct field_list layer_pass_fields = { layer_members, 3 };

#define LOSS(member) FIELD(struct loss_settings, member)
static const struct field loss_members[] = {
    FIELD_ENUM("name", struct loss_settings, loss, &loss_codec),
    FIELD_ENUM("reduction", struct loss_settings, reduction, &reduction_codec),
    LOSS(label_smoothing),
    LOSS(huber_delta),
};
const struct field_list loss_fields = FIELD_LIST(loss_members);

/* ---- writing ------------------------------------------------------------------------------------------- */

static json_t *layers_json(const mlp_network *network)
{
    json_t *layers = json_array();
    for (size_t l = 0; l < network->layer_count; l++) {
        layers = with_item(layers, fields_to_json(&layer_fields, &network->layers[l].description));
    }
    return layers;
}

static json_t *class_names_json(const mlp_network *network)
{
    json_t *names = json_array();
    for (size_t i = 0; i < network->class_name_count; i++) {
        names = with_item(names, json_string(network->class_names[i]));
    }
    return names;
}

/* "" for a layer whose activation has no name. */
static json_t *activation_names_json(const mlp_network *network)
{
    json_t *names = json_array();
    for (size_t l = 0; l < network->layer_count; l++) {
        const char *name = network->layers[l].activation_name;
        names = with_item(names, json_string(name != NULL ? name : ""));
    }
    return names;
}

static bool has_named_activation(const mlp_network *network)
{
    size_t l = 0;
    while (l < network->layer_count && network->layers[l].activation_name == NULL) {
        l++;
    }
    return l < network->layer_count;
}

bool metadata_set_json(json_t *metadata, const char *key, json_t *value)
{
    char *text = value != NULL ? safetensors_json_text(value, 1) : NULL;
    const bool set = text != NULL && json_object_set_new(metadata, key, json_string(text)) == 0;
    memory_free(text);
    json_decref(value);
    return set;
}

mlp_status description_class_names(const mlp_network *network, char **text)
{
    json_t *names = class_names_json(network);
    *text = names != NULL ? safetensors_json_text(names, 1) : NULL;
    json_decref(names);
    return *text != NULL ? MLP_OK : fail(MLP_ERROR_MEMORY, "out of memory for the class names");
}

static const char *format_version(const mlp_network *network)
{
    if (network->loss.class_targets != MLP_CLASS_TARGETS_BINARY) {
        return format_versions[2];
    }
    return format_versions[network->output_scale != NULL];
}

json_t *description_write(const mlp_network *network)
{
    char inputs[32], seed[32];
    snprintf(inputs, sizeof inputs, "%zu", network->inputs);
    snprintf(seed, sizeof seed, "%" PRIu64, network->seed);
    json_t *metadata =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "format", "mlp", "format_version", format_version(network),
                  "library_version", mlp_version(), "inputs", inputs, "seed", seed);
    bool complete = metadata != NULL && metadata_set_json(metadata, "layers", layers_json(network)) &&
                    metadata_set_json(metadata, "loss", fields_to_json(&loss_fields, &network->loss));
    if (complete && network->loss.class_targets != MLP_CLASS_TARGETS_BINARY) {
        const char *name = mlp_class_targets_name(network->loss.class_targets);
        complete = json_object_set_new(metadata, "class_targets", json_string(name)) == 0;
    }
    if (complete && network->class_name_count > 0) {
        complete = metadata_set_json(metadata, "class_names", class_names_json(network));
    }
    if (complete && has_named_activation(network)) {
        complete = metadata_set_json(metadata, "custom_activations", activation_names_json(network));
    }
    if (complete && network->loss_name != NULL) {
        complete = json_object_set_new(metadata, "custom_loss", json_string(network->loss_name)) == 0;
    }
    if (complete && network->note != NULL) {
        complete = json_object_set_new(metadata, "note", json_string(network->note)) == 0;
    }
    if (complete && network->schema != NULL) {
        complete = metadata_set_json(metadata, "schema", schema_to_json(network->schema));
    }
    if (!complete) {
        json_decref(metadata);
        return NULL;
    }
    return metadata;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* `key` is where in the metadata. */
static mlp_status bad(const struct safetensors *archive, const char *key, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: metadata '%s' %s", archive->path, key, what);
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

static mlp_status read_layer(const struct safetensors *archive, size_t index, const struct json_node *json,
                             mlp_layer *layer)
{
    char place[PLACE_SIZE];
    snprintf(place, sizeof place, "layers[%zu]", index);
    TRY(fields_from_json(&layer_fields, json, archive->path, place, layer));
    if (layer->units == 0) {
        return bad(archive, place, "has 0 units");
    }
    /* a file cannot hold the function */
    layer->init = layer->init != MLP_INIT_CUSTOM ? layer->init : MLP_INIT_AUTOMATIC;
    layer->bias_init = layer->bias_init != MLP_INIT_CUSTOM ? layer->bias_init : MLP_INIT_AUTOMATIC;
    return MLP_OK;
}

/* Every layer has a tensor: the file's size bounds the memory that the layers take. */
static mlp_status read_layers(const struct safetensors *archive, const struct json_node *layers,
                              struct model_description *description)
{
    if (layers->type != NODE_ARRAY || layers->count == 0) {
        return bad(archive, "layers", "is not an array of at least one layer");
    }
    FAIL_IF(layers->count > archive->count, MLP_ERROR_FORMAT,
            "%s: metadata 'layers' has %zu layers, more than the %zu tensors of the file", archive->path,
            layers->count, archive->count);
    description->count = layers->count;
    description->layers = memory_allocate(layers->count, sizeof *description->layers);
    REQUIRE_MEMORY(description->layers);
    const struct json_node *layer = node_first(layers);
    for (size_t l = 0; l < layers->count; l++, layer = node_next(layer)) {
        TRY(read_layer(archive, l, layer, &description->layers[l]));
    }
    return MLP_OK;
}

static mlp_status read_loss(const struct safetensors *archive, const struct json_node *json,
                            struct model_description *description)
{
    struct loss_settings loss = { 0 };
    mlp_network_options *options = &description->options;
    TRY(fields_from_json(&loss_fields, json, archive->path, "loss", &loss));
    options->loss = loss.loss;
    options->reduction = loss.reduction;
    options->label_smoothing = loss.label_smoothing;
    options->huber_delta = loss.huber_delta;
    return MLP_OK;
}

/* An array of one text or more; *texts is the caller's (memory_free) also on failure. */
static mlp_status read_texts(const struct safetensors *archive, const char *key, const struct json_node *json,
                             const char ***texts)
{
    if (json->type != NODE_ARRAY || json->count == 0) {
        return bad(archive, key, "is not an array of texts");
    }
    *texts = memory_allocate(json->count, sizeof **texts);
    REQUIRE_MEMORY(*texts);
    const struct json_node *text = node_first(json);
    for (size_t i = 0; i < json->count; i++, text = node_next(text)) {
        (*texts)[i] = node_text(text);
        if ((*texts)[i] == NULL) {
            return bad(archive, key, "is not an array of texts");
        }
    }
    return MLP_OK;
}

static mlp_status read_class_names(const struct safetensors *archive, const struct json_node *names,
                                   struct model_description *description)
{
    description->class_name_count = names->count;
    return read_texts(archive, "class_names", names, &description->class_names);
}

static mlp_status read_activation_names(const struct safetensors *archive, const struct json_node *names,
                                        struct model_description *description)
{
    TRY(read_texts(archive, "custom_activations", names, &description->activation_names));
    return names->count == description->count
               ? MLP_OK
               : bad(archive, "custom_activations", "has not one text for each layer");
}

static mlp_status read_schema(const struct safetensors *archive, const struct json_node *json,
                              struct model_description *description)
{
    return schema_from_json(json, archive->path, &description->schema);
}

static mlp_status check_format(const struct safetensors *archive)
{
    const char *version = safetensors_metadata(archive, "format_version");
    version = version != NULL ? version : "";
    size_t i = 0;
    while (i < FORMAT_VERSIONS && strcmp(version, format_versions[i]) != 0) {
        i++;
    }
    return i < FORMAT_VERSIONS
               ? MLP_OK
               : fail(MLP_ERROR_UNSUPPORTED, "%s: format version '%.16s', this library reads 1 to %d",
                      archive->path, version, FORMAT_VERSIONS);
}

static mlp_status read_class_targets(const struct safetensors *archive, mlp_network_options *options)
{
    const char *name = safetensors_metadata(archive, "class_targets");
    if (name == NULL || mlp_class_targets_from_name(name, &options->class_targets) == MLP_OK) {
        return MLP_OK;
    }
    return fail_in(MLP_ERROR_FORMAT, "%s: metadata 'class_targets'", archive->path);
}

/* The texts that hold JSON. */
static const struct {
    const char *key;
    bool optional;
    mlp_status (*read)(const struct safetensors *archive, const struct json_node *json,
                       struct model_description *description);
} texts[] = {
    { "layers", false, read_layers },          { "loss", false, read_loss },
    { "class_names", true, read_class_names }, { "custom_activations", true, read_activation_names },
    { "schema", true, read_schema },
};

/* One of the texts, where it is there or has to be. */
static mlp_status read_text(const struct safetensors *archive, size_t i,
                            struct model_description *description)
{
    struct json_document document;
    if (texts[i].optional && safetensors_metadata(archive, texts[i].key) == NULL) {
        return MLP_OK;
    }
    mlp_status status = safetensors_metadata_json(archive, texts[i].key, &document);
    if (status == MLP_OK) {
        status = texts[i].read(archive, document.nodes, description);
    }
    json_document_free(&document);
    return status;
}

mlp_status description_read(const struct safetensors *archive, struct model_description *description)
{
    const mlp_network_options defaults = MLP_NETWORK_OPTIONS_INIT;
    const char *format = safetensors_metadata(archive, "format");
    uint64_t inputs;
    *description = (struct model_description){ .options = defaults };
    if (format == NULL || strcmp(format, "mlp") != 0) {
        return MLP_OK;
    }
    TRY(check_format(archive));
    TRY(whole_text(archive, "inputs", &inputs));
    TRY(whole_text(archive, "seed", &description->options.seed));
    description->inputs = (size_t)inputs;
    TRY(read_class_targets(archive, &description->options));
    description->options.custom_loss_name = safetensors_metadata(archive, "custom_loss");
    description->note = safetensors_metadata(archive, "note");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        TRY(read_text(archive, i, description));
    }
    return MLP_OK;
}

void description_free(struct model_description *description)
{
    memory_free(description->layers);
    memory_free(description->class_names);
    memory_free(description->activation_names);
    mlp_schema_destroy(&description->schema);
    *description = (struct model_description){ 0 };
}
