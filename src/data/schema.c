/* Schemas: the handle, its inputs' numbers and names, and what can be asked. */
#include "data/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/names.h"
#include "base/status.h"

static const struct name kinds[] = {
    [MLP_COLUMN_NUMERIC] = { "numeric", "numbers" },
    [MLP_COLUMN_BOOLEAN] = { "boolean", "true or false" },
    [MLP_COLUMN_CATEGORICAL] = { "categorical", "texts" },
    [MLP_COLUMN_DATE] = { "date", "ISO 8601" },
};
static const struct name roles[] = {
    [MLP_ROLE_FEATURE] = { "feature", "given to the network" },
    [MLP_ROLE_LABEL] = { "label", "predicted" },
    [MLP_ROLE_IGNORED] = { "ignored", "not read" },
    [MLP_ROLE_WEIGHT] = { "weight", "of the sample" },
    [MLP_ROLE_GROUP] = { "group", "of samples that belong together" },
    [MLP_ROLE_ID] = { "id", "text kept beside the sample" },
};
static const struct name policies[] = {
    [MLP_MISSING_REFUSE] = { "refuse", "an error" },
    [MLP_MISSING_DROP] = { "drop", "the row is left out" },
    [MLP_MISSING_IMPUTE] = { "impute", "the median or the commonest level stands in" },
};
static const struct name targets[] = {
    [MLP_TARGET_NONE] = { "none", "no targets" },
    [MLP_TARGET_CLASSES] = { "classes", "one class of several" },
    [MLP_TARGET_NUMBERS] = { "numbers", "one or several numbers" },
    [MLP_TARGET_FLAGS] = { "flags", "several questions of yes or no" },
};
static const struct name_table kind_names = NAME_ROWS("column kind", kinds);
static const struct name_table role_names = NAME_ROWS("column role", roles);
static const struct name_table policy_names = NAME_ROWS("policy for missing values", policies);
static const struct name_table target_names = NAME_ROWS("kind of target", targets);

NAME_FUNCTIONS(mlp_column_kind, mlp_column_kind, &kind_names);
NAME_FUNCTIONS(mlp_column_role, mlp_column_role, &role_names);
NAME_FUNCTIONS(mlp_missing, mlp_missing, &policy_names);
NAME_FUNCTIONS(mlp_target_kind, mlp_target_kind, &target_names);

/* ---- the handle ---------------------------------------------------------------------------------------- */

struct mlp_schema *schema_make(size_t columns)
{
    struct mlp_schema *schema = memory_allocate(1, sizeof *schema);
    if (schema == NULL) {
        return NULL;
    }
    atomic_init(&schema->references, 1);
    schema->columns = memory_allocate(columns, sizeof *schema->columns);
    schema->column_count = columns;
    if (schema->columns == NULL) {
        memory_free(schema);
        return NULL;
    }
    return schema;
}

void mlp_schema_destroy(mlp_schema **schema)
{
    if (schema == NULL || *schema == NULL) {
        return;
    }
    mlp_schema *s = *schema;
    *schema = NULL;
    if (atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t c = 0; c < s->column_count; c++) {
        memory_free(s->columns[c].name);
        text_pool_free(&s->columns[c].levels);
    }
    memory_free(s->columns);
    text_list_free(&s->missing_words);
    text_list_free(&s->input_names);
    memory_free(s->label_word);
    memory_free(s);
}

mlp_status mlp_schema_copy(const mlp_schema *schema, mlp_schema **copy)
{
    REQUIRE_ARGUMENT(copy);
    *copy = NULL;
    REQUIRE_ARGUMENT(schema);
    *copy = (mlp_schema *)schema; /* nothing but the count of references ever changes */
    atomic_fetch_add_explicit(&(*copy)->references, 1, memory_order_relaxed);
    return MLP_OK;
}

/* ---- inputs -------------------------------------------------------------------------------------------- */

static const char *const date_parts[] = {
    "", " weekday sine", " weekday cosine", " year sine", " year cosine", " time sine", " time cosine"
};
enum { DATE_INPUTS = 5, TIME_INPUTS = 7, NAME_SIZE = 1024 };

/* Inputs of a feature without the indicator. */
static size_t value_inputs(const struct schema_column *column)
{
    if (schema_has_levels(column)) {
        return column->kept + (column->kept < text_list_count(&column->levels.texts));
    }
    if (column->kind == MLP_COLUMN_DATE) {
        return column->has_time ? TIME_INPUTS : DATE_INPUTS;
    }
    return 1;
}

/* What follows the column's name in that of input i: "=red", " weekday sine". */
static void name_of_input(const struct schema_column *column, size_t i, char *out, size_t size)
{
    if (i == value_inputs(column)) {
        snprintf(out, size, " missing");
    } else if (schema_has_levels(column)) {
        snprintf(out, size, "=%s", i < column->kept ? text_list_get(&column->levels.texts, i) : "(other)");
    } else {
        snprintf(out, size, "%s", column->kind == MLP_COLUMN_DATE ? date_parts[i] : "");
    }
}

static mlp_status name_inputs(struct mlp_schema *schema, size_t c)
{
    const struct schema_column *column = &schema->columns[c];
    char name[NAME_SIZE], after[NAME_SIZE / 2], number[32];
    snprintf(number, sizeof number, "column %zu", c + 1);
    for (size_t i = 0; i < column->input_count; i++) {
        name_of_input(column, i, after, sizeof after);
        snprintf(name, sizeof name, "%.500s%s", column->name != NULL ? column->name : number, after);
        TRY(text_list_append(&schema->input_names, name));
    }
    return MLP_OK;
}

mlp_status schema_number(struct mlp_schema *schema)
{
    schema->inputs = schema->target_count = 0;
    for (size_t c = 0; c < schema->column_count; c++) {
        struct schema_column *column = &schema->columns[c];
        const bool is_feature = column->role == MLP_ROLE_FEATURE;
        column->first_input = schema->inputs;
        column->input_count = is_feature ? value_inputs(column) + column->indicator : 0;
        schema->inputs += column->input_count;
        schema->target_count += column->role == MLP_ROLE_LABEL;
        TRY(name_inputs(schema, c));
    }
    FAIL_IF(schema->inputs > (size_t)INT32_MAX, MLP_ERROR_RANGE,
            "the columns make %zu inputs, expected at most %d", schema->inputs, INT32_MAX);
    return MLP_OK;
}

bool schema_input_is_flag(const struct schema_column *column, size_t input)
{
    return input == value_inputs(column) || column->kind == MLP_COLUMN_BOOLEAN || schema_has_levels(column);
}

/* ---- offsets ------------------------------------------------------------------------------------------- */

mlp_status schema_offsets(const struct mlp_schema *schema, double **offsets)
{
    bool found = false;
    *offsets = memory_allocate(schema->inputs, sizeof **offsets);
    REQUIRE_MEMORY(*offsets);
    for (size_t c = 0; c < schema->column_count; c++) {
        const struct schema_column *column = &schema->columns[c];
        if (column->input_count > 0 && column->offset != 0.0) {
            (*offsets)[column->first_input] = column->offset;
            found = true;
        }
    }
    if (!found) {
        memory_free(*offsets);
        *offsets = NULL;
    }
    return MLP_OK;
}

mlp_status mlp_data_schema(const mlp_data *data, mlp_schema **schema)
{
    REQUIRE_ARGUMENT(schema);
    *schema = NULL;
    REQUIRE_ARGUMENT(data);
    const double *offsets = data->storage->owned[STORAGE_OFFSETS];
    if (offsets == NULL) {
        return MLP_OK;
    }
    mlp_schema *made = schema_make(data->storage->inputs);
    REQUIRE_MEMORY(made);
    for (size_t i = 0; i < made->column_count; i++) {
        made->columns[i].role = MLP_ROLE_FEATURE;
        made->columns[i].kind = MLP_COLUMN_NUMERIC;
        made->columns[i].offset = offsets[i];
    }
    const mlp_status status = schema_number(made);
    if (status != MLP_OK) {
        mlp_schema_destroy(&made);
    }
    *schema = made;
    return status;
}

/* ---- what can be asked --------------------------------------------------------------------------------- */

GETTER(size_t, mlp_schema_inputs, mlp_schema, schema, schema->inputs, 0)
GETTER(size_t, mlp_schema_column_count, mlp_schema, schema, schema->column_count, 0)
GETTER(mlp_target_kind, mlp_schema_target_kind, mlp_schema, schema, schema->target, MLP_TARGET_NONE)
GETTER(size_t, mlp_schema_target_count, mlp_schema, schema, schema->target_count, 0)

const char *mlp_schema_input_name(const mlp_schema *schema, size_t input)
{
    return schema != NULL && input < schema->inputs ? text_list_get(&schema->input_names, input) : NULL;
}

mlp_status mlp_schema_get_column(const mlp_schema *schema, size_t column, mlp_schema_column *description)
{
    REQUIRE_ARGUMENT(schema);
    REQUIRE_ARGUMENT(description);
    FAIL_IF(column >= schema->column_count, MLP_ERROR_RANGE, "schema: column is %zu, expected less than %zu",
            column, schema->column_count);
    const struct schema_column *c = &schema->columns[column];
    *description = (mlp_schema_column){
        .name = c->name,
        .role = c->role,
        .kind = c->kind,
        .first_input = c->first_input,
        .input_count = c->input_count,
        .level_count = text_list_count(&c->levels.texts),
        .offset = c->offset,
    };
    return MLP_OK;
}

const char *mlp_schema_level(const mlp_schema *schema, size_t column, size_t level)
{
    if (schema == NULL || column >= schema->column_count) {
        return NULL;
    }
    const struct text_list *levels = &schema->columns[column].levels.texts;
    return level < text_list_count(levels) ? text_list_get(levels, level) : NULL;
}

/* The n-th column that is a label, or NULL. */
static const struct schema_column *label_at(const mlp_schema *schema, size_t n)
{
    const size_t count = schema != NULL ? schema->column_count : 0;
    for (size_t c = 0; c < count; c++) {
        const bool is_label = schema->columns[c].role == MLP_ROLE_LABEL;
        if (is_label && n == 0) {
            return &schema->columns[c];
        }
        n -= is_label;
    }
    return NULL;
}

const char *mlp_schema_target_name(const mlp_schema *schema, size_t target)
{
    const struct schema_column *label = label_at(schema, target);
    return label != NULL ? label->name : NULL;
}

/* The levels of a label that is a class, or NULL. */
static const struct text_list *classes_of(const mlp_schema *schema)
{
    const struct schema_column *label = label_at(schema, 0);
    return label != NULL && schema->target == MLP_TARGET_CLASSES ? &label->levels.texts : NULL;
}

size_t mlp_schema_class_count(const mlp_schema *schema)
{
    const struct text_list *classes = classes_of(schema);
    return classes != NULL ? text_list_count(classes) : 0;
}

const char *mlp_schema_class_name(const mlp_schema *schema, size_t class_index)
{
    return class_index < mlp_schema_class_count(schema) ? text_list_get(classes_of(schema), class_index)
                                                        : NULL;
}
