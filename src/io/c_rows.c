/* Raw columns in a C file: from numbers or texts, as schema_encode.c and table_cell.c have it, to inputs. */
#include "data/schema.h"
#include "io/c_source.h"

enum { LISTED_LEVELS = 100 };

static bool is_feature(const mlp_schema *schema, size_t c)
{
    return schema->columns[c].role == MLP_ROLE_FEATURE;
}

bool c_rows_differ(const mlp_schema *schema)
{
    const size_t columns = schema != NULL ? schema->column_count : 0;
    for (size_t c = 0; c < columns; c++) {
        const struct schema_column *column = &schema->columns[c];
        const bool is_input = column->kind == MLP_COLUMN_NUMERIC && column->offset == 0.0;
        if (is_feature(schema, c) && (!is_input || schema->missing == MLP_MISSING_IMPUTE)) {
            return true;
        }
    }
    return false;
}

/* Which kinds the features have, and how many features there are. */
static size_t find_kinds(const mlp_schema *schema, bool kinds[C_KINDS])
{
    size_t features = 0;
    for (size_t c = 0; c < schema->column_count; c++) {
        if (is_feature(schema, c)) {
            kinds[schema->columns[c].kind] = true;
            features++;
        }
    }
    return features;
}

/* ---- the header ---------------------------------------------------------------------------------------- */

static const char *const meanings[C_KINDS] = {
    [MLP_COLUMN_NUMERIC] = "a number",
    [MLP_COLUMN_BOOLEAN] = "0 or 1",
    [MLP_COLUMN_CATEGORICAL] = "the number of a level, -1 for any other",
    [MLP_COLUMN_DATE] = "days since 1970-01-01, UTC, with the time as their fraction",
};

static void put_column(struct c_source *source, const struct schema_column *column, size_t c, size_t number)
{
    const size_t levels = schema_has_levels(column) ? text_list_count(&column->levels.texts) : 0;
    const size_t listed = levels < LISTED_LEVELS ? levels : (size_t)LISTED_LEVELS;
    c_put(source, " *   %zu: ", number);
    if (column->name != NULL) {
        c_put_comment(source, column->name);
    } else {
        c_put(source, "column %zu", c + 1);
    }
    c_put(source, ": %s\n", meanings[column->kind]);
    for (size_t i = 0; i < listed; i++) {
        c_put(source, " *        %zu: ", i);
        c_put_comment(source, text_list_get(&column->levels.texts, i));
        c_put(source, "\n");
    }
    if (listed < levels) {
        c_put(source, " *        ... %zu: the levels of the source\n", levels - 1);
    }
}

void c_put_rows_header(struct c_source *source)
{
    const mlp_schema *schema = source->schema;
    bool kinds[C_KINDS] = { false };
    const size_t features = find_kinds(schema, kinds);
    c_put(source, "/* A row has a value for each column that the network was trained with:\n");
    for (size_t c = 0, number = 0; c < schema->column_count; c++) {
        if (is_feature(schema, c)) {
            put_column(source, &schema->columns[c], c, number++);
        }
    }
    c_put(
        source,
        " * NAN is a missing value%s.\n"
        " * %s_predict_row() takes numbers, %s_predict_texts() texts as the table has them, with a decimal\n"
        " * point; %s_value() makes a number of one text. Besides 0 and -1 they return 1 + the first column "
        "whose\n * value does not fit. */\n",
        schema->missing == MLP_MISSING_IMPUTE ? ", for which the median or the commonest level stands in"
                                              : ", which is refused",
        source->name, source->name, source->name);
    c_put(source, "#define %s_COLUMNS %zu\n\n", source->upper, features);
    c_put(source,
          "int %s_predict_row(const double *row, float *y);\n"
          "int %s_predict_texts(const char *const *texts, float *y);\n"
          "int %s_value(int column, const char *text, double *value);\n\n",
          source->name, source->name, source->name);
}

/* ---- the table of columns ------------------------------------------------------------------------------ */

/* clang-format off */
static const char table_text[] =
    "\n"
    "/* Columns: how many levels, those with inputs of their own (others share the next), where they begin\n"
    " * in `levels`; whether the time of day and whether that a value is missing are inputs; what is\n"
    " * subtracted, and what stands for a missing value. */\n"
    "enum { NUMBER, BOOLEAN, LEVEL, DATE };\n"
    "struct column {\n"
    "    int kind, levels, kept, first, has_time, indicator;\n"
    "    double offset, fill;\n"
    "};\n";
/* clang-format on */

static void put_columns(struct c_source *source, const mlp_schema *schema, size_t features)
{
    static const char *const names[C_KINDS] = { "NUMBER", "BOOLEAN", "LEVEL", "DATE" };
    size_t first = 0;
    c_put(source, "static const struct column columns[%zu] = {\n", features);
    for (size_t c = 0; c < schema->column_count; c++) {
        const struct schema_column *column = &schema->columns[c];
        const bool has_levels = schema_has_levels(column);
        const bool shifted = column->kind == MLP_COLUMN_NUMERIC || column->kind == MLP_COLUMN_DATE;
        const size_t levels = has_levels ? text_list_count(&column->levels.texts) : 0;
        if (!is_feature(schema, c)) {
            continue;
        }
        c_put(source, "    { %s, %zu, %zu, %zu, %d, %d, ", names[column->kind], levels,
              has_levels ? column->kept : 0, first, column->has_time, column->indicator);
        c_put_double(source, shifted ? column->offset : 0.0);
        c_put(source, ", ");
        c_put_double(source, column->fill);
        c_put(source, " },\n");
        first += levels;
    }
    c_put(source, "};\n");
}

static void put_texts(struct c_source *source, const struct text_list *texts)
{
    for (size_t i = 0; i < text_list_count(texts); i++) {
        c_put(source, "    ");
        c_put_string(source, text_list_get(texts, i));
        c_put(source, ",\n");
    }
}

static void put_levels(struct c_source *source, const mlp_schema *schema)
{
    c_put(source, "\n/* Levels, those of one column after those of another. */\n"
                  "static const char *const levels[] = {\n");
    for (size_t c = 0; c < schema->column_count; c++) {
        if (is_feature(schema, c) && schema_has_levels(&schema->columns[c])) {
            put_texts(source, &schema->columns[c].levels.texts);
        }
    }
    c_put(source, "    \"\"\n};\n");
}

/* ---- the functions that are called -------------------------------------------------------------------- */

static void put_public(struct c_source *source, const bool kinds[C_KINDS])
{
    static const char *const calls[C_KINDS] = {
        [MLP_COLUMN_NUMERIC] = "NUMBER: return parse_number(text, value)",
        [MLP_COLUMN_BOOLEAN] = "BOOLEAN: return parse_boolean(text, value)",
        [MLP_COLUMN_CATEGORICAL] = "LEVEL: return parse_level(&columns[column], text, value)",
        [MLP_COLUMN_DATE] = "DATE: return parse_date(text, value)",
    };
    c_put(source,
          "\nint %s_value(int column, const char *text, double *value)\n{\n"
          "    if (text == 0 || column < 0 || column >= %s_COLUMNS) {\n        return -1;\n    }\n"
          "    if (is_missing(text)) {\n        *value = (double)NAN;\n        return 0;\n    }\n"
          "    switch (columns[column].kind) {\n",
          source->name, source->upper);
    for (size_t k = 0; k < C_KINDS; k++) {
        if (kinds[k]) {
            c_put(source, "    case %s ? 0 : column + 1;\n", calls[k]);
        }
    }
    c_put(source, "    }\n    return -1;\n}\n");
    c_put(source,
          "\nint %s_predict_row(const double *row, float *y)\n{\n    float x[%s_INPUTS], *next = x;\n"
          "    int c;\n    for (c = 0; c < %s_COLUMNS; c++) {\n        next = encode(&columns[c], row[c], "
          "next);\n"
          "        if (next == 0) {\n            return c + 1;\n        }\n    }\n"
          "    return %s_predict(x, y);\n}\n",
          source->name, source->upper, source->upper, source->name);
    c_put(source,
          "\nint %s_predict_texts(const char *const *texts, float *y)\n{\n    double row[%s_COLUMNS];\n"
          "    int c;\n    for (c = 0; c < %s_COLUMNS; c++) {\n"
          "        if (%s_value(c, texts[c], &row[c]) != 0) {\n            return c + 1;\n        }\n    }\n"
          "    return %s_predict_row(row, y);\n}\n",
          source->name, source->upper, source->upper, source->name, source->name);
}

void c_put_rows(struct c_source *source)
{
    const mlp_schema *schema = source->schema;
    bool kinds[C_KINDS] = { false };
    const size_t features = find_kinds(schema, kinds);
    c_put(source, "\n/* ---- raw columns ---- */\n");
    c_put_text(source, table_text);
    put_columns(source, schema, features);
    if (kinds[MLP_COLUMN_CATEGORICAL]) {
        put_levels(source, schema);
    }
    c_put(source,
          "\n/* Values that count as missing, besides the usual ones. */\n"
          "enum { MISSING_WORDS = %zu };\nstatic const char *const missing_words[] = {\n",
          text_list_count(&schema->missing_words));
    put_texts(source, &schema->missing_words);
    c_put(source, "    \"\"\n};\n");
    c_put_row_functions(source, kinds, schema->missing == MLP_MISSING_IMPUTE);
    put_public(source, kinds);
}
