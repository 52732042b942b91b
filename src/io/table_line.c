/* Rows of a table as lines of CSV. */
#include <string.h>

#include "base/status.h"
#include "io/table_rows.h"

static bool needs_quotes(const char *field)
{
    const size_t length = strlen(field);
    return strpbrk(field, ",\"\r\n") != NULL ||
           (length > 0 && (strchr(" \t", field[0]) != NULL || strchr(" \t", field[length - 1]) != NULL));
}

static mlp_status add_quoted(struct array *line, const char *field)
{
    TRY(array_append(line, "\"", 1, 1));
    for (; *field != '\0'; field++) {
        TRY(array_append(line, field, 1, 1));
        if (*field == '"') {
            TRY(array_append(line, field, 1, 1));
        }
    }
    return array_append(line, "\"", 1, 1);
}

mlp_status table_line_add(struct array *line, const char *field, bool last)
{
    if (needs_quotes(field)) {
        TRY(add_quoted(line, field));
    } else if (field[0] != '\0') {
        TRY(array_append(line, field, strlen(field), 1));
    }
    return array_append(line, last ? "" : ",", 1, 1);
}
