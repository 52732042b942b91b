/* Records of a CSV file (RFC 4180), one at a time, with the line of every field.
 *
 * Beyond the RFC: LF alone ends a line, too; a UTF-8 byte order mark is skipped; blanks (space, tab) around a field are
 * not part of it, unless they stand inside quotes; blank lines may follow the last record. */
#ifndef IO_CSV_READER_H
#define IO_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/status.h>

#include "io/byte_reader.h"

struct csv_field {
    size_t start; /* offset into the record's text */
    size_t line;  /* physical line on which it begins, from 1 */
};

struct csv_reader {
    struct byte_reader bytes;
    bool ends_run[256];       /* the bytes that an unquoted field's run of plain text stops at */
    char delimiter;
    size_t line;              /* physical line of the next byte, from 1 */
    char *text;               /* the record's fields, each NUL-terminated */
    size_t text_size, text_capacity;
    struct csv_field *fields; /* field_count of them in the current record */
    size_t field_count, field_capacity;
    bool field_quoted;        /* the last field of the record was in quotes */
};

/* `path` is borrowed. On failure there is nothing to close. Errors: those of byte_reader_open(). */
mlp_status csv_reader_open(struct csv_reader *reader, const char *path, char delimiter);

void csv_reader_close(struct csv_reader *reader);

/* Reads the next record; *found is false after the last one. The record before is gone. */
mlp_status csv_reader_next(struct csv_reader *reader, bool *found);

/* Text of field `column` of the current record, from 0. Valid until the next record is read. */
static inline const char *csv_text(const struct csv_reader *reader, size_t column)
{
    return reader->text + reader->fields[column].start;
}

#endif
