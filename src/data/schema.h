/* Schemas: what the columns of a table mean. */
#ifndef DATA_SCHEMA_H
#define DATA_SCHEMA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/schema.h>

#include "base/text_pool.h"
#include "data/data.h"

/* A value of a column: of numbers, booleans (0 or 1) and dates (days) as a float less the column's offset,
 * NaN where it is missing; of texts the number of the level. */
union cell {
    float number;
    uint32_t level;
};
#define LEVEL_MISSING UINT32_MAX
#define LEVEL_UNSEEN (UINT32_MAX - 1)

/* A column of the table that the schema was learnt from. */
struct schema_column {
    char *name; /* NULL: no header */
    mlp_column_role role;
    mlp_column_kind kind;
    double offset;           /* of numbers and dates */
    bool indicator;          /* an input says that the value was missing */
    double fill;             /* what stands in for a missing value, less the offset; of levels the number */
    bool has_time;           /* of dates: the time of day is an input */
    struct text_pool levels; /* of categorical features and class labels */
    size_t kept;             /* of categorical features: the first levels, which have inputs of their own; the
                                others share the next */
    size_t first_input, input_count;
};

struct mlp_schema {
    atomic_size_t references;
    struct schema_column *columns;
    size_t column_count;
    size_t inputs;
    mlp_target_kind target;
    size_t target_count;
    mlp_missing missing;
    struct text_list missing_words;
    char *label_word;             /* or NULL */
    struct text_list input_names; /* one for each input */
};

/* A schema of `columns` columns with everything 0. NULL when memory is short. */
struct mlp_schema *schema_make(size_t columns);

/* Counts inputs and targets of columns that are otherwise complete, and names the inputs. RANGE beyond 2³¹.
 */
mlp_status schema_number(struct mlp_schema *schema);

/* What the inputs are less, for memory_free(); NULL where that is 0 of all. */
mlp_status schema_offsets(const struct mlp_schema *schema, double **offsets);

/* Whether cells of the column are levels. */
static inline bool schema_has_levels(const struct schema_column *column)
{
    return column->kind == MLP_COLUMN_CATEGORICAL;
}

/* A table's row as the schema's columns: where their cells stand. */
struct schema_slot {
    size_t cell;         /* SIZE_MAX: the column was not read */
    const uint32_t *map; /* the schema's level of each of the table's; NULL: they are the same */
    bool learnt;         /* from this table */
};

/* A row's cell of column c, its level that of the schema. */
union cell schema_cell(const struct mlp_schema *schema, const struct schema_slot *slots, size_t c,
                       const union cell *row);

/* The inputs of `count` rows of `width` cells. */
void schema_encode_rows(const struct mlp_schema *schema, const struct schema_slot *slots,
                        const union cell *rows, size_t width, size_t count, float *x);

/* The inputs of a column for a cell, zeros and what the cell says; the cell's level is an index of the
 * column's levels. */
void schema_encode_cell(const struct schema_column *column, union cell cell, float *x);

/* Median of values, which are sorted; of an even number of them the mean of the middle ones, or the lower;
 * 0 of none. */
double schema_median(float *values, size_t count, bool one_of_them);

/* Writes over the inputs of values that were missing. No allocation. */
void schema_fill_rows(const struct mlp_schema *schema, size_t count, float *x);

/* Whether input `input` of the column is to be left as it is by a standardization: 0 or 1. */
bool schema_input_is_flag(const struct schema_column *column, size_t input);

#endif
