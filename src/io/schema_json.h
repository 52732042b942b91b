/* Schemas as JSON, for model files. */
#ifndef IO_SCHEMA_JSON_H
#define IO_SCHEMA_JSON_H

#include <jansson.h>

#include "data/schema.h"
#include "io/json_reader.h"

/* The caller's reference; NULL when memory is short. */
json_t *schema_to_json(const struct mlp_schema *schema);

/* Makes the schema that JSON of an untrusted file describes. `path` begins the messages. FORMAT, MEMORY. */
mlp_status schema_from_json(const struct json_node *json, const char *path, mlp_schema **schema);

#endif
