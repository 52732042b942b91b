/* A network's description as texts, for `__metadata__`, and back. */
#ifndef IO_MODEL_DESCRIPTION_H
#define IO_MODEL_DESCRIPTION_H

#include <stdbool.h>

#include <mlp/schema.h>

#include "io/fields.h"
#include "io/safetensors.h"
#include "model/network.h"

/* A layer (mlp_layer), what its passes depend on alone, and a loss (struct loss_settings). */
extern const struct field_list layer_fields;
extern const struct field_list layer_pass_fields;
extern const struct field_list loss_fields;

/* The object of texts; the caller's reference. NULL when memory is short. */
json_t *description_write(const mlp_network *network);

/* Puts JSON into an object of texts as text; takes the reference to `value`. False when memory is short, or
 * `value` NULL. */
bool metadata_set_json(json_t *metadata, const char *key, json_t *value);

/* The class names as the text of a JSON array; the caller's (memory_free). */
mlp_status description_class_names(const mlp_network *network, char **text);

/* What a file says of a network. */
struct model_description {
    size_t inputs;
    size_t count;
    mlp_layer *layers;           /* owned; NULL: the file does not describe any */
    mlp_network_options options; /* class_weights not set: they are a tensor */
    const char **class_names;    /* owned, the texts are the file's; NULL: none */
    size_t class_name_count;
    const char **activation_names; /* owned, the texts are the file's: one for each layer, "" where its
                                      activation is not custom; NULL: none */
    mlp_schema *schema;            /* owned, or NULL */
    const char *note;              /* the file's, or NULL */
};

/* Reads the texts of an archive, once; description_free() afterwards also when it fails. Every value is
 * checked for its type here and for its range when the network is created. */
mlp_status description_read(const struct safetensors *archive, struct model_description *description);
void description_free(struct model_description *description);

#endif
