/* What a table's columns are for and of which kind, by a caller's options and the table's head. */
#ifndef IO_SCHEMA_COLUMNS_H
#define IO_SCHEMA_COLUMNS_H

#include "io/table_rows.h"

/* Sets roles and kinds of all columns, and *target. The levels of a column are `levels[its number]`.
 * Errors: ARGUMENT, FORMAT. */
mlp_status schema_choose_columns(struct table_rows *rows, const mlp_schema_options *options,
                                 struct text_pool *levels, mlp_target_kind *target);

#endif
