/* What was understood of a table, in a line, and what a reader would want to know. */
#ifndef IO_TABLE_NOTICE_H
#define IO_TABLE_NOTICE_H

#include "io/table_rows.h"

/* A text that grows, in which texts of the file are escaped. Memory that is short shows at the end. */
struct notice {
    struct array bytes;
    bool failed;
};
__attribute__((format(printf, 2, 3))) void notice_add(struct notice *notice, const char *format, ...);
/* A line of its own. */
__attribute__((format(printf, 2, 3))) void notice_line(struct notice *notice, const char *format, ...);
/* The text, NULL where it is empty, is the caller's. MEMORY. */
mlp_status notice_keep(struct notice *notice, char **text);

/* Adds the warnings, a line each. IO, MEMORY. */
mlp_status table_warn(struct notice *warnings, struct table_rows *rows, const struct mlp_schema *schema,
                      const struct schema_slot *slots);

/* Sets notice and warnings of a storage. IO, MEMORY. */
mlp_status table_describe(struct table_rows *rows, const struct mlp_schema *schema,
                          const struct schema_slot *slots, struct storage *storage);

#endif
