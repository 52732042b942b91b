/* CSV: one record after another (RFC 4180), with the place of every field. Blanks (space, tab) around a field
 * are not part of it, unless they stand inside its quotes. */
#ifndef IO_CSV_READER_H
#define IO_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/status.h>

#include "io/byte_reader.h"

struct csv_field {
    size_t text; /* offset of its NUL-terminated text in the record's `text` */
    bool quoted;
};

struct csv_reader {
    struct byte_reader *bytes;
    char delimiter;
    size_t line; /* of the record that was read last: its first physical line, from 1 */
    size_t next_line;
    char *text; /* the record's fields, one NUL-terminated text after the other */
    size_t text_size;
    struct csv_field *fields;
    size_t field_count;
    size_t field_size;
    char *buffer; /* bytes not yet taken */
    size_t buffer_used;
    size_t buffer_end;
};

mlp_status csv_open(const char *path, char delimiter, struct csv_reader *reader);
void csv_close(struct csv_reader *reader);

/* Reads a record. *found is false at the end of the file. Blank lines are records with one empty field that
 * is not quoted. MLP_ERROR_FORMAT (line and column named), MLP_ERROR_IO, MLP_ERROR_MEMORY. */
mlp_status csv_next(struct csv_reader *reader, bool *found);

static inline const char *csv_field_text(const struct csv_reader *reader, size_t field)
{
    return reader->text + reader->fields[field].text;
}

#endif
