/* CSV: one record after another (RFC 4180), with the place of every field. Blanks (space, tab) around a field
 * are not part of it, unless they stand inside its quotes. */
#ifndef IO_CSV_READER_H
#define IO_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "io/byte_reader.h"

struct csv_reader {
    struct byte_reader *bytes; /* borrowed */
    char delimiter;
    bool blanks;  /* fields stand between runs of blanks; the delimiter is one */
    bool bare_cr; /* a carriage return alone ends a line */
    size_t line;  /* of the record that was read last: its first physical line, from 1 */
    size_t next_line;
    struct array fields; /* uint32_t: 2 · (where its text begins, in the record) + (it is quoted) */
    struct array buffer; /* char: the file from somewhere on; one byte of room behind it */
    size_t start;        /* offset of the record, whose texts are written over it, each with a NUL */
    size_t used;         /* bytes of those texts */
    size_t next;         /* offset of the first byte not yet taken */
};

/* All else is 0. csv_close() in any case. */
static inline void csv_begin(struct csv_reader *reader, struct byte_reader *bytes, char delimiter)
{
    *reader = (struct csv_reader){ .bytes = bytes, .delimiter = delimiter, .next_line = 1 };
}

void csv_close(struct csv_reader *reader);

/* The end of what may be read behind the reader's texts; the bytes there are of no account. */
static inline const char *csv_readable(const struct csv_reader *reader)
{
    return (const char *)reader->buffer.items + reader->buffer.capacity;
}

/* Reads a record. *found is false at the end of the file. Blank lines are records with one empty field that
 * is not quoted. MLP_ERROR_FORMAT (line and column named), MLP_ERROR_IO, MLP_ERROR_MEMORY. */
mlp_status csv_next(struct csv_reader *reader, bool *found);

/* The next line as it stands in the file, without taking it: *line up to the first '\n'; NULL where the file
 * ends before one. The caller may write over a line that it takes. Errors: as csv_next(). */
mlp_status csv_peek_line(struct csv_reader *reader, char **line);

/* The bytes that come next, without taking them: as many as are left, or about 64 KiB. Before anything is
 * read. Errors: as csv_next(). */
mlp_status csv_peek_bytes(struct csv_reader *reader, const char **bytes, size_t *size);

/* Leaves out bytes that were peeked at, `lines` lines. */
void csv_skip(struct csv_reader *reader, size_t bytes, size_t lines);

/* Takes the line up to and with the '\n' at `end`. */
void csv_take_line(struct csv_reader *reader, const char *end);

/* Text and quotes of a field of the record, valid until the next one. */
static inline const char *csv_field_text(const struct csv_reader *reader, size_t field)
{
    const uint32_t *fields = reader->fields.items;
    return (const char *)reader->buffer.items + reader->start + fields[field] / 2;
}

static inline bool csv_field_quoted(const struct csv_reader *reader, size_t field)
{
    return ((const uint32_t *)reader->fields.items)[field] % 2 == 1;
}

#endif
