/* A table's records as rows of cells. */
#ifndef IO_TABLE_ROWS_H
#define IO_TABLE_ROWS_H

#include "io/table.h"
#include "io/table_file.h"

struct table_rows {
    struct table_file file;
    struct cell_column *columns; /* file.columns of them; owned */
    mlp_missing missing;         /* what a missing value leads to */
    size_t id;                   /* the column kept as text, or SIZE_MAX */
    struct table table;
    struct text_list ids;
    bool keeps_lines;
    struct text_list lines; /* the header's, and one for each row, where they are kept */
    struct array line;      /* char: one of them in the making */
    size_t dropped;         /* rows with a missing value */
};

/* The columns of a file whose head was read, all ignored. */
mlp_status table_rows_begin(struct table_rows *rows);
/* Gives the columns that are not ignored their cells, in their order, and begins the table: in a temporary
 * file where the options say `stream`. */
mlp_status table_rows_lay_out(struct table_rows *rows, const mlp_table_options *options);
/* Reads all records. Errors: FORMAT with line and column; as table_next(). */
mlp_status table_rows_read(struct table_rows *rows);
/* Appends to a line of CSV, which ends with a NUL when its last field is there. */
mlp_status table_line_add(struct array *line, const char *field, bool last);
void table_rows_free(struct table_rows *rows);

#endif
