/* Other tables by a schema: files, and a row of texts. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/csv_number.h"
#include "io/table_data.h"

struct applying {
    const struct mlp_schema *schema;
    mlp_table_options options;
    struct table_rows rows;
    struct schema_slot *slots;
    size_t *places;          /* of each of the schema's columns in the file; SIZE_MAX: it has none */
    struct text_pool groups; /* of this file */
};

/* Whether the column must be there: features, and labels where they are needed. */
static bool is_needed(const struct applying *a, const struct schema_column *column)
{
    return column->role == MLP_ROLE_FEATURE ||
           (column->role == MLP_ROLE_LABEL && a->options.label_needed != 0);
}

/* ---- which column is where ----------------------------------------------------------------------------- */

static mlp_status place_by_name(struct applying *a)
{
    for (size_t c = 0; c < a->schema->column_count; c++) {
        const struct schema_column *column = &a->schema->columns[c];
        const bool used = column->role != MLP_ROLE_IGNORED &&
                          (column->role != MLP_ROLE_LABEL || a->options.label_needed != 0);
        if (!used) {
            continue;
        }
        TRY(table_column_named(&a->rows.file, column->name, &a->places[c]));
        FAIL_IF(a->places[c] == SIZE_MAX && is_needed(a, column), MLP_ERROR_FORMAT,
                "%s: column '%.64s' is missing, which is %s of the model", a->rows.file.path, column->name,
                column->role == MLP_ROLE_LABEL ? "the label" : "a feature");
    }
    return MLP_OK;
}

/* All columns in the first table's order, or those that are not labels, or the features alone. */
static mlp_status place_by_order(struct applying *a)
{
    const struct mlp_schema *s = a->schema;
    size_t counts[3] = { s->column_count, 0, 0 };
    for (size_t c = 0; c < s->column_count; c++) {
        counts[1] += s->columns[c].role != MLP_ROLE_LABEL;
        counts[2] += s->columns[c].role == MLP_ROLE_FEATURE;
    }
    const size_t columns = a->rows.file.columns;
    const bool labels = columns == counts[0], others = labels || columns == counts[1];
    FAIL_IF(!others && columns != counts[2], MLP_ERROR_FORMAT,
            "%s: has %zu columns and no header; expected %zu as in the training data, or %zu, the features "
            "alone",
            a->rows.file.path, columns, counts[0], counts[2]);
    FAIL_IF(!labels && a->options.label_needed != 0 && a->options.label == NULL && counts[1] < counts[0],
            MLP_ERROR_FORMAT, "%s: has %zu columns and no header, and so no label; expected %zu",
            a->rows.file.path, columns, counts[0]);
    for (size_t c = 0, place = 0; c < s->column_count; c++) {
        const mlp_column_role role = s->columns[c].role;
        const bool there = role == MLP_ROLE_LABEL ? labels : others || role == MLP_ROLE_FEATURE;
        const bool used =
            there && role != MLP_ROLE_IGNORED && (role != MLP_ROLE_LABEL || a->options.label_needed != 0);
        a->places[c] = used ? place : SIZE_MAX;
        place += there;
    }
    return MLP_OK;
}

/* Another column than the schema's is the label. */
static mlp_status place_label(struct applying *a)
{
    if (a->options.label == NULL || a->options.label_needed == 0) {
        return MLP_OK;
    }
    FAIL_IF(a->schema->target_count != 1, MLP_ERROR_ARGUMENT,
            "table options: label is '%.64s', but the schema has %zu labels", a->options.label,
            a->schema->target_count);
    for (size_t c = 0; c < a->schema->column_count; c++) {
        if (a->schema->columns[c].role == MLP_ROLE_LABEL) {
            TRY(table_find_column(&a->rows.file, a->options.label, &a->places[c]));
        }
    }
    return MLP_OK;
}

/* The schema's columns have names, as those of a table with a header do. */
static bool has_names(const struct mlp_schema *schema)
{
    return schema->columns[0].name != NULL;
}

static mlp_status take_header(struct applying *a)
{
    const struct mlp_schema *s = a->schema;
    const char **names = memory_allocate(s->column_count, sizeof *names);
    size_t count = 0;
    REQUIRE_MEMORY(names);
    for (size_t c = 0; c < s->column_count; c++) {
        if (s->columns[c].role == MLP_ROLE_FEATURE && s->columns[c].name != NULL) {
            names[count++] = s->columns[c].name;
        }
    }
    const mlp_status status = table_take_header(&a->rows.file, a->options.header, names, count);
    memory_free(names);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static mlp_status bind_columns(struct applying *a)
{
    for (size_t c = 0; c < a->schema->column_count; c++) {
        const struct schema_column *from = &a->schema->columns[c];
        if (a->places[c] == SIZE_MAX) {
            continue;
        }
        struct cell_column *column = &a->rows.columns[a->places[c]];
        column->role = from->role;
        column->kind = from->kind;
        column->offset = from->offset;
        column->grows = from->role == MLP_ROLE_GROUP;
        column->levels = column->grows ? &a->groups : (struct text_pool *)&from->levels;
    }
    TRY(table_rows_lay_out(&a->rows, &a->options));
    for (size_t c = 0; c < a->schema->column_count; c++) {
        a->slots[c].cell = a->places[c] != SIZE_MAX ? a->rows.columns[a->places[c]].cell : SIZE_MAX;
    }
    return MLP_OK;
}

static mlp_status apply(struct applying *a, const char *path, mlp_data **data)
{
    const struct mlp_schema *s = a->schema;
    a->slots = memory_allocate(s->column_count, sizeof *a->slots);
    a->places = memory_allocate(s->column_count, sizeof *a->places);
    if (a->slots == NULL || a->places == NULL) {
        return MLP_ERROR_MEMORY;
    }
    memset(a->places, 0xFF, s->column_count * sizeof *a->places);
    TRY(table_file_open(path, &a->options, &s->missing_words, s->label_word, &a->rows.file));
    TRY(take_header(a));
    TRY(table_rows_begin(&a->rows));
    TRY(a->rows.file.header && has_names(s) ? place_by_name(a) : place_by_order(a));
    TRY(place_label(a));
    TRY(bind_columns(a));
    a->rows.missing = s->missing;
    a->rows.keeps_lines = a->options.keep_lines != 0;
    TRY(table_rows_read(&a->rows));
    return table_make_data(&a->rows, s, a->slots, &a->options, data);
}

mlp_status mlp_schema_load(const mlp_schema *schema, const char *path, const mlp_table_options *options,
                           mlp_data **data)
{
    struct applying a = { .schema = schema };
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(schema);
    REQUIRE_ARGUMENT(path);
    TRY(table_options_accept(options, &a.options));
    const mlp_status status = apply(&a, path, data);
    table_rows_free(&a.rows);
    text_pool_free(&a.groups);
    memory_free(a.slots);
    memory_free(a.places);
    return status;
}

/* ---- a row of texts ------------------------------------------------------------------------------------ */

static mlp_status encode_text(const struct mlp_schema *schema, const struct cell_style *style, size_t c,
                              const char *text, float *x)
{
    const struct schema_column *column = &schema->columns[c];
    struct cell_column as = { .role = column->role,
                              .kind = column->kind,
                              .offset = column->offset,
                              .levels = (struct text_pool *)&column->levels };
    union cell cell = { 0 };
    enum cell_result result = CELL_MISSING;
    const char *name = column->name != NULL ? column->name : "";
    FAIL_IF(text == NULL, MLP_ERROR_ARGUMENT, "schema: the text of column %zu (%.64s) is NULL", c + 1, name);
    const mlp_status status = cell_parse(style, &as, text, &cell, &result);
    if (status != MLP_OK) {
        return fail_in(status, "schema: column %zu (%.64s)", c + 1, name);
    }
    FAIL_IF(result == CELL_MISSING && schema->missing != MLP_MISSING_IMPUTE, MLP_ERROR_FORMAT,
            "schema: column %zu (%.64s): missing value", c + 1, name);
    schema_encode_cell(column, cell, x + column->first_input);
    return MLP_OK;
}

mlp_status mlp_schema_encode(const mlp_schema *schema, const char *const *texts, float *x)
{
    struct cell_style style = { 0 };
    mlp_status status = MLP_OK;
    REQUIRE_ARGUMENT(schema);
    REQUIRE_ARGUMENT(texts);
    REQUIRE_ARGUMENT(x);
    style.missing_words = &schema->missing_words;
    TRY(number_locale(&style.locale));
    for (size_t c = 0; c < schema->column_count && status == MLP_OK; c++) {
        if (schema->columns[c].role == MLP_ROLE_FEATURE) {
            status = encode_text(schema, &style, c, texts[c], x);
        }
    }
    platform_free_locale(style.locale);
    return status;
}
