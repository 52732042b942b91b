/* From a cell to the inputs of a network. */
#include <math.h>

#include "data/schema.h"

/* Days of a year on average, and of a week; 1 January 1970 was a Thursday. */
#define YEAR_DAYS 365.2425
enum { WEEK_DAYS = 7 };

/* Sine and cosine of a share of a cycle. */
static float *put_cycle(double share, float *x)
{
    const double angle = 2.0 * M_PI * share;
    *x++ = (float)sin(angle);
    *x++ = (float)cos(angle);
    return x;
}

/* `days` since the offset, which is a whole day. */
static float *put_date(const struct schema_column *column, double days, float *x)
{
    const double since_1970 = column->offset + days, whole = floor(since_1970);
    *x++ = (float)days;
    x = put_cycle(whole / (double)WEEK_DAYS, x);
    x = put_cycle(since_1970 / YEAR_DAYS, x);
    return column->has_time ? put_cycle(since_1970 - whole, x) : x;
}

/* A level's own input, or the one that rare levels share. */
static float *put_level(const struct schema_column *column, uint32_t level, float *x)
{
    const size_t count = text_list_count(&column->levels.texts);
    const size_t inputs = column->kept + (column->kept < count);
    for (size_t i = 0; i < inputs; i++) {
        x[i] = 0.0f;
    }
    if (level < count) {
        x[level < column->kept ? level : column->kept] = 1.0f;
    }
    return x + inputs;
}

void schema_encode_cell(const struct schema_column *column, union cell cell, float *x)
{
    const bool missing = schema_has_levels(column) ? cell.level == LEVEL_MISSING : isnan(cell.number) != 0;
    if (schema_has_levels(column)) {
        x = put_level(column, missing ? (uint32_t)column->fill : cell.level, x);
    } else {
        const float value = missing ? (float)column->fill : cell.number;
        if (column->kind == MLP_COLUMN_DATE) {
            x = put_date(column, (double)value, x);
        } else {
            *x++ = value;
        }
    }
    if (column->indicator) {
        *x = missing ? 1.0f : 0.0f;
    }
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

union cell schema_cell(const struct mlp_schema *schema, const struct schema_slot *slots, size_t c,
                       const union cell *row)
{
    union cell cell = row[slots[c].cell];
    if (slots[c].map != NULL && schema_has_levels(&schema->columns[c]) && cell.level < LEVEL_UNSEEN) {
        cell.level = slots[c].map[cell.level];
    }
    return cell;
}

void schema_encode_rows(const struct mlp_schema *schema, const struct schema_slot *slots,
                        const union cell *rows, size_t width, size_t count, float *x)
{
    for (size_t r = 0; r < count; r++, rows += width, x += schema->inputs) {
        for (size_t c = 0; c < schema->column_count; c++) {
            const struct schema_column *column = &schema->columns[c];
            if (column->role == MLP_ROLE_FEATURE) {
                schema_encode_cell(column, schema_cell(schema, slots, c, rows), x + column->first_input);
            }
        }
    }
}
