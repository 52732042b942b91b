/* How the text of a table is written: what stands between fields, ends lines and fractions. */
#ifndef IO_TABLE_STYLE_H
#define IO_TABLE_STYLE_H

#include <stdbool.h>

#include <mlp/schema.h>

#include "io/csv_reader.h"

struct table_style {
    char delimiter; /* ' ': runs of blanks */
    bool found;     /* by looking, not given */
    bool comma;     /* fractions follow a comma */
    size_t fields;  /* of the first line that does not begin with '#' */
};

/* Looks at the head of a file, of which nothing was read, and sets the reader's delimiter and line ends.
 * A line "sep=;" is taken. FORMAT for text that is not UTF-8 as far as the head shows. */
mlp_status table_style_find(struct csv_reader *reader, const mlp_table_options *options,
                            struct table_style *style);

/* Name of a delimiter for messages: "','", "tab", "blanks". */
const char *table_delimiter_name(char delimiter, char text[4]);

#endif
