/* What stands in for missing values, learnt from a part of the data. A sample's indicator says that the value
 * was missing, so that the inputs made of it can be written over as the samples are gathered. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/status.h"
#include "data/schema.h"

enum { BLOCK_FLOATS = 16384 };

/* ---- another schema ------------------------------------------------------------------------------------ */

static mlp_status copy_texts(const struct text_list *from, struct text_list *list, struct text_pool *pool)
{
    for (size_t i = 0; i < text_list_count(from); i++) {
        size_t number;
        TRY(list != NULL ? text_list_append(list, text_list_get(from, i))
                         : text_pool_add(pool, text_list_get(from, i), &number));
    }
    return MLP_OK;
}

static mlp_status copy_text(const char *from, char **text)
{
    *text = from != NULL ? memory_copy_text(from) : NULL;
    return from == NULL || *text != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status copy_into(const struct mlp_schema *from, struct mlp_schema *schema)
{
    for (size_t c = 0; c < from->column_count; c++) {
        struct schema_column *column = &schema->columns[c];
        *column = from->columns[c];
        column->name = NULL;
        column->levels = (struct text_pool){ 0 };
        TRY(copy_text(from->columns[c].name, &column->name));
        TRY(copy_texts(&from->columns[c].levels.texts, NULL, &column->levels));
    }
    schema->target = from->target;
    schema->missing = from->missing;
    TRY(copy_texts(&from->missing_words, &schema->missing_words, NULL));
    TRY(copy_text(from->label_word, &schema->label_word));
    return schema_number(schema);
}

/* ---- what is learnt ------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double schema_median(float *values, size_t count, bool one_of_them)
{
    if (count == 0) {
        return 0.0;
    }
    qsort(values, count, sizeof *values, by_value);
    const double low = (double)values[(count - 1) / 2], high = (double)values[count / 2];
    return one_of_them ? low : (low + high) / 2.0;
}

/* Values of a column in a part of the data. */
struct learning {
    struct schema_column *column;
    float *values;  /* those that were there: `count` */
    size_t *levels; /* or samples of each of the first levels */
    size_t count;
};

static mlp_status begin(struct learning *l, struct schema_column *column, size_t samples)
{
    const bool levels = schema_has_levels(column);
    *l = (struct learning){ .column = column };
    l->values = levels ? NULL : memory_allocate(samples, sizeof *l->values);
    l->levels = levels ? memory_allocate(column->kept + 1, sizeof *l->levels) : NULL;
    return l->values != NULL || l->levels != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static void take_sample(struct learning *l, const float *x)
{
    x += l->column->first_input;
    if (x[l->column->input_count - 1] != 0.0f) {
        return; /* it was missing */
    }
    if (l->values != NULL) {
        l->values[l->count++] = x[0];
        return;
    }
    for (size_t i = 0; i < l->column->kept; i++) {
        l->levels[i] += x[i] != 0.0f;
    }
}

static void end(struct learning *l)
{
    size_t best = 0;
    if (l->values != NULL) {
        l->column->fill = schema_median(l->values, l->count, l->column->kind == MLP_COLUMN_BOOLEAN);
        return;
    }
    for (size_t i = 1; i < l->column->kept; i++) {
        best = l->levels[i] > l->levels[best] ? i : best;
    }
    l->column->fill = (double)best;
}

static mlp_status read_part(const mlp_data *part, struct learning *columns, size_t count)
{
    const size_t inputs = part->storage->inputs, fit = BLOCK_FLOATS / inputs, rows = fit > 0 ? fit : 1;
    float *x = memory_allocate(rows * inputs, sizeof *x);
    mlp_status status = x != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    for (size_t first = 0; first < part->count && status == MLP_OK; first += rows) {
        const size_t left = part->count - first, block = left < rows ? left : rows;
        status = data_gather_features(part, NULL, first, block, x);
        const size_t values = status == MLP_OK ? block * count : 0;
        for (size_t i = 0; i < values; i++) {
            take_sample(&columns[i % count], x + i / count * inputs);
        }
    }
    memory_free(x);
    return status;
}

static mlp_status learn_columns(struct mlp_schema *schema, const mlp_data *part, struct learning *columns,
                                size_t *count)
{
    for (size_t c = 0; c < schema->column_count; c++) {
        if (schema->columns[c].indicator) {
            TRY(begin(&columns[(*count)++], &schema->columns[c], part->count));
        }
    }
    if (*count > 0) {
        TRY(read_part(part, columns, *count));
    }
    for (size_t i = 0; i < *count; i++) {
        end(&columns[i]);
    }
    return MLP_OK;
}

static mlp_status learn(struct mlp_schema *schema, const mlp_data *part)
{
    size_t count = 0;
    struct learning *columns = memory_allocate(schema->column_count, sizeof *columns);
    REQUIRE_MEMORY(columns);
    const mlp_status status = learn_columns(schema, part, columns, &count);
    for (size_t i = 0; i < count; i++) {
        memory_free(columns[i].values);
        memory_free(columns[i].levels);
    }
    memory_free(columns);
    return status;
}

static mlp_status check_inputs(const char *function, const mlp_schema *schema, const mlp_data *data)
{
    FAIL_IF(data->storage->inputs != schema->inputs, MLP_ERROR_SHAPE,
            "%s: the data set has %zu features, but the schema has %zu inputs", function,
            data->storage->inputs, schema->inputs);
    return MLP_OK;
}

mlp_status mlp_schema_learn_fills(const mlp_schema *schema, const mlp_data *part, mlp_schema **learnt)
{
    REQUIRE_ARGUMENT(learnt);
    *learnt = NULL;
    REQUIRE_ARGUMENT(schema);
    REQUIRE_ARGUMENT(part);
    TRY(check_inputs(__func__, schema, part));
    struct mlp_schema *made = schema_make(schema->column_count);
    REQUIRE_MEMORY(made);
    mlp_status status = copy_into(schema, made);
    status = status == MLP_OK ? learn(made, part) : status;
    if (status != MLP_OK) {
        mlp_schema_destroy(&made);
    }
    *learnt = made;
    return status;
}

/* ---- data that are filled by it ------------------------------------------------------------------------ */

mlp_status mlp_data_fill(const mlp_data *data, const mlp_schema *schema, mlp_data **filled)
{
    REQUIRE_ARGUMENT(filled);
    *filled = NULL;
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(schema);
    TRY(check_inputs(__func__, schema, data));
    TRY(mlp_data_slice(data, 0, data->count, filled));
    mlp_schema_destroy(&(*filled)->filler);
    return mlp_schema_copy(schema, &(*filled)->filler);
}

void schema_fill_rows(const struct mlp_schema *schema, size_t count, float *x)
{
    const union cell number = { .number = NAN }, level = { .level = LEVEL_MISSING };
    for (size_t c = 0; c < schema->column_count; c++) {
        const struct schema_column *column = &schema->columns[c];
        float *row = x + column->first_input;
        const size_t rows = column->indicator ? count : 0;
        for (size_t i = 0; i < rows; i++, row += schema->inputs) {
            if (row[column->input_count - 1] != 0.0f) {
                schema_encode_cell(column, schema_has_levels(column) ? level : number, row);
            }
        }
    }
}
