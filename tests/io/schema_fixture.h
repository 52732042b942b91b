/* Tables as text, and what schemas learn from them. */
#ifndef SCHEMA_FIXTURE_H
#define SCHEMA_FIXTURE_H

#include "support/support.h"

#include <string.h>

#include <mlp/schema.h>

static inline const char *file_of(const char *text)
{
    return test_write_file("table.csv", text, strlen(text));
}

static inline mlp_schema *learn(const char *text, const mlp_schema_options *options, mlp_data **data)
{
    mlp_schema *schema;
    assert_ok(mlp_schema_learn(file_of(text), options, &schema, data));
    return schema;
}

#endif
