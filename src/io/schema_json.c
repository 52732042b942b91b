/* Schemas as JSON:
 *     {"target": "classes", "missing": "refuse", "missing_words": [...], "label_word": text or null,
 *      "columns": [{"name": text or null, "levels": [...], "encoding": {...}}, ...]} */
#include "io/schema_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/fields.h"

enum { PLACE_SIZE = 64 };

/* What a column's encoding depends on, as fields have it. */
struct encoding {
    mlp_column_role role;
    mlp_column_kind kind;
    double offset, fill;
    int indicator, has_time;
    size_t kept;
};

NAME_CODEC(column_role, mlp_column_role);
NAME_CODEC(column_kind, mlp_column_kind);

static const struct field encoding_members[] = {
    FIELD_ENUM("role", struct encoding, role, &column_role_codec),
    FIELD_ENUM("kind", struct encoding, kind, &column_kind_codec),
    FIELD(struct encoding, offset),
    FIELD(struct encoding, fill),
    FIELD(struct encoding, indicator),
    FIELD(struct encoding, has_time),
    FIELD(struct encoding, kept),
};
static const struct field_list encoding_fields = FIELD_LIST(encoding_members);

/* ---- writing ------------------------------------------------------------------------------------------- */

static json_t *texts_json(const struct text_list *list)
{
    json_t *texts = json_array();
    for (size_t i = 0; i < text_list_count(list); i++) {
        texts = with_item(texts, json_string(text_list_get(list, i)));
    }
    return texts;
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *column_json(const struct schema_column *column)
{
    const struct encoding encoding = { column->role,      column->kind,     column->offset, column->fill,
                                       column->indicator, column->has_time, column->kept };
    json_t *json = json_object();
    json = with_member(json, "name", text_or_null(column->name));
    json = with_member(json, "levels", texts_json(&column->levels.texts));
    return with_member(json, "encoding", fields_to_json(&encoding_fields, &encoding));
}

json_t *schema_to_json(const struct mlp_schema *schema)
{
    json_t *columns = json_array(), *json = json_object();
    for (size_t c = 0; c < schema->column_count; c++) {
        columns = with_item(columns, column_json(&schema->columns[c]));
    }
    json = with_member(json, "target", json_string(mlp_target_kind_name(schema->target)));
    json = with_member(json, "missing", json_string(mlp_missing_name(schema->missing)));
    json = with_member(json, "missing_words", texts_json(&schema->missing_words));
    json = with_member(json, "label_word", text_or_null(schema->label_word));
    return with_member(json, "columns", columns);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static mlp_status bad(const char *path, const char *place, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: metadata 'schema': %s %s", path, place, what);
}

/* Adds texts to a list, or to a pool, in which they are distinct. */
static mlp_status read_texts(const struct json_node *json, const char *path, const char *place,
                             struct text_list *list, struct text_pool *pool)
{
    size_t number;
    if (json == NULL || json->type != NODE_ARRAY) {
        return bad(path, place, "is not an array of texts");
    }
    const struct json_node *node = node_first(json);
    for (size_t i = 0; i < json->count; i++, node = node_next(node)) {
        const char *text = node_text(node);
        if (text == NULL) {
            return bad(path, place, "is not an array of texts");
        }
        if (list != NULL) {
            TRY(text_list_append(list, text));
            continue;
        }
        TRY(text_pool_add(pool, text, &number));
        if (number < i) {
            return bad(path, place, "has a text twice");
        }
    }
    return MLP_OK;
}

static mlp_status read_text_or_null(const struct json_node *json, const char *path, const char *place,
                                    char **text)
{
    if (json != NULL && json->type == NODE_NULL) {
        return MLP_OK;
    }
    if (node_text(json) == NULL) {
        return bad(path, place, "is neither a text nor null");
    }
    *text = memory_copy_text(node_text(json));
    return *text != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status check_encoding(const struct encoding *e, size_t levels, const char *path, const char *place)
{
    const bool has_levels = e->kind == MLP_COLUMN_CATEGORICAL;
    const bool whole = e->fill >= 0.0 && e->fill == floor(e->fill) && e->fill < fmax((double)levels, 1.0);
    if (!isfinite(e->offset) || !isfinite(e->fill) || isinf((float)e->fill)) {
        return bad(path, place, "has a number that is not finite");
    }
    if (e->kept > levels || (has_levels && !whole) || levels >= (size_t)INT32_MAX) {
        return bad(path, place, "speaks of levels that are not there");
    }
    return MLP_OK;
}

static mlp_status read_column(const struct json_node *json, const char *path, size_t index,
                              struct schema_column *column)
{
    char place[PLACE_SIZE];
    struct encoding encoding = { 0 };
    snprintf(place, sizeof place, "columns[%zu]", index);
    if (json->type != NODE_OBJECT) {
        return bad(path, place, "is not an object");
    }
    TRY(read_text_or_null(node_member(json, "name"), path, place, &column->name));
    TRY(read_texts(node_member(json, "levels"), path, place, NULL, &column->levels));
    const struct json_node *members = node_member(json, "encoding");
    if (members == NULL) {
        return bad(path, place, "has no encoding");
    }
    TRY(fields_from_json(&encoding_fields, members, path, place, &encoding));
    TRY(check_encoding(&encoding, text_list_count(&column->levels.texts), path, place));
    column->role = encoding.role;
    column->kind = encoding.kind;
    column->offset = encoding.offset;
    column->fill = encoding.fill;
    column->indicator = encoding.indicator != 0;
    column->has_time = encoding.has_time != 0;
    column->kept = encoding.kept;
    return MLP_OK;
}

/* Labels are as the kind of target has them, and either all columns have names or none. */
static mlp_status check_columns(const struct mlp_schema *schema, const char *path)
{
    size_t labels = 0, levels = 0, names = 0;
    for (size_t c = 0; c < schema->column_count; c++) {
        const bool is_label = schema->columns[c].role == MLP_ROLE_LABEL;
        labels += is_label;
        levels += is_label && schema_has_levels(&schema->columns[c]);
        names += schema->columns[c].name != NULL;
    }
    const bool classes = schema->target == MLP_TARGET_CLASSES;
    if ((classes && labels != 1) || levels != (size_t)classes ||
        (schema->target == MLP_TARGET_NONE) != (labels == 0)) {
        return bad(path, "target", "is not what the columns are");
    }
    return names == 0 || names == schema->column_count ? MLP_OK : bad(path, "columns", "have names in part");
}

static mlp_status read_names(const struct json_node *json, const char *path, struct mlp_schema *schema)
{
    const char *target = node_text(node_member(json, "target")),
               *missing = node_text(node_member(json, "missing"));
    if (target == NULL || mlp_target_kind_from_name(target, &schema->target) != MLP_OK) {
        return bad(path, "target", "is not known");
    }
    if (missing == NULL || mlp_missing_from_name(missing, &schema->missing) != MLP_OK) {
        return bad(path, "missing", "is not known");
    }
    TRY(read_texts(node_member(json, "missing_words"), path, "missing_words", &schema->missing_words, NULL));
    return read_text_or_null(node_member(json, "label_word"), path, "label_word", &schema->label_word);
}

static mlp_status read_schema(const struct json_node *json, const struct json_node *columns, const char *path,
                              struct mlp_schema *schema)
{
    TRY(read_names(json, path, schema));
    const struct json_node *column = node_first(columns);
    for (size_t c = 0; c < columns->count; c++, column = node_next(column)) {
        TRY(read_column(column, path, c, &schema->columns[c]));
    }
    TRY(check_columns(schema, path));
    return schema_number(schema);
}

mlp_status schema_from_json(const struct json_node *json, const char *path, mlp_schema **schema)
{
    const struct json_node *columns = node_member(json, "columns");
    *schema = NULL;
    if (columns == NULL || columns->type != NODE_ARRAY || columns->count == 0) {
        return bad(path, "columns", "is not an array of at least one column");
    }
    *schema = schema_make(columns->count);
    REQUIRE_MEMORY(*schema);
    const mlp_status status = read_schema(json, columns, path, *schema);
    if (status != MLP_OK) {
        mlp_schema_destroy(schema);
    }
    return status;
}
