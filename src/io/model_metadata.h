/* A network's description as texts, for `__metadata__`, and back. */
#ifndef IO_MODEL_METADATA_H
#define IO_MODEL_METADATA_H

#include <stdbool.h>

#include "io/safetensors.h"
#include "model/network.h"

/* The object of texts; the caller's reference. NULL when memory is short. */
json_t *model_metadata_write(const mlp_network *network);

/* Puts JSON into an object of texts as text; takes the reference to `value`. False when memory is short, or
 * `value` NULL. */
bool model_metadata_set_json(json_t *metadata, const char *key, json_t *value);

/* What the texts say. */
struct model_metadata {
    size_t inputs;
    size_t count;
    mlp_layer *layers;           /* the caller's */
    mlp_network_options options; /* class_weights not set: they are a tensor */
    json_t *class_names;         /* an array of texts, or NULL; the caller's reference */
};

/* Reads the texts of an archive; model_metadata_free() afterwards also when it fails. Every number is checked
 * for its type here and for its range by mlp_network_create(). */
mlp_status model_metadata_read(const struct safetensors *archive, struct model_metadata *metadata);
void model_metadata_free(struct model_metadata *metadata);

#endif
