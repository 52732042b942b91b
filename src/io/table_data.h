/* A data set of a table's rows. */
#ifndef IO_TABLE_DATA_H
#define IO_TABLE_DATA_H

#include "io/table_rows.h"

/* The data set, whose rows are used up, with notice and warnings. With `stream` the features go to a
 * temporary file in `folder`. */
mlp_status table_make_data(struct table_rows *rows, const struct mlp_schema *schema,
                           const struct schema_slot *slots, const mlp_table_options *options,
                           mlp_data **data);

/* Takes a caller's options over, and checks them. */
mlp_status table_options_accept(const mlp_table_options *given, mlp_table_options *accepted);

#endif
