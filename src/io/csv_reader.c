/* CSV: one record after another (RFC 4180). */
#include "io/csv_reader.h"

#include <string.h>

#include "base/status.h"

enum { BUFFER_SIZE = 1 << 16, END_OF_FILE = -1, MAX_RECORD = 1 << 28 };

void csv_close(struct csv_reader *reader)
{
    array_free(&reader->fields);
    array_free(&reader->buffer);
}

/* Reads on behind the bytes not yet taken; what lies before the record makes room. At the end of the file
 * nothing is added. */
static mlp_status refill(struct csv_reader *r)
{
    size_t got;
    if (r->start > 0) {
        r->buffer.count -= r->start;
        r->next -= r->start;
        memmove(r->buffer.items, (char *)r->buffer.items + r->start, r->buffer.count);
        r->start = 0;
    }
    if (r->buffer.capacity - r->buffer.count < 2) {
        FAIL_IF(r->buffer.capacity >= MAX_RECORD, MLP_ERROR_FORMAT,
                "%s: line %zu: a record of more than %d bytes: a quote that is not closed?",
                byte_reader_path(r->bytes), r->line, MAX_RECORD);
        TRY(array_grow(&r->buffer, r->buffer.capacity > 0 ? r->buffer.capacity : BUFFER_SIZE, 1));
    }
    TRY(byte_reader_read(r->bytes, (char *)r->buffer.items + r->buffer.count,
                         r->buffer.capacity - r->buffer.count - 1, &got));
    r->buffer.count += got;
    return MLP_OK;
}

/* The next byte without taking it, or END_OF_FILE. */
static mlp_status peek(struct csv_reader *r, int *byte)
{
    if (r->next == r->buffer.count) {
        TRY(refill(r));
    }
    *byte = r->next == r->buffer.count ? END_OF_FILE : ((const unsigned char *)r->buffer.items)[r->next];
    return MLP_OK;
}

/* Texts are never longer than the bytes that were taken for them. */
static void put(struct csv_reader *r, char byte)
{
    ((char *)r->buffer.items)[r->start + r->used++] = byte;
}

static mlp_status begin_field(struct csv_reader *r, bool quoted)
{
    const uint32_t field = 2 * (uint32_t)r->used + quoted;
    return array_append(&r->fields, &field, 1, sizeof field);
}

static mlp_status bad_at(const struct csv_reader *r, size_t line, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: line %zu, column %zu: %s", byte_reader_path(r->bytes), line,
                r->fields.count, what);
}

static mlp_status bad(const struct csv_reader *r, const char *what)
{
    return bad_at(r, r->next_line, what);
}

static const char nul_byte[] = "a NUL byte: is the file UTF-16, or no text?";

/* The inside of quotes, up to and with the closing one; "" stands for one quote. */
static mlp_status read_quoted(struct csv_reader *r)
{
    const size_t opened = r->next_line;
    int byte;
    r->next++; /* the opening quote */
    for (;;) {
        TRY(peek(r, &byte));
        if (byte == END_OF_FILE) {
            return bad_at(r, opened, "a quote opens here and is never closed: the file ends inside quotes");
        }
        r->next++;
        if (byte == '"') {
            TRY(peek(r, &byte));
            if (byte != '"') {
                return MLP_OK;
            }
            r->next++;
        } else if (byte == '\0') {
            return bad(r, nul_byte);
        } else if (byte == '\n') {
            r->next_line++;
        }
        put(r, (char)byte);
    }
}

static bool is_blank(const struct csv_reader *r, int byte)
{
    return (byte == ' ' || byte == '\t') && (r->blanks || byte != (unsigned char)r->delimiter);
}

static bool is_delimiter(const struct csv_reader *r, int byte)
{
    return r->blanks ? is_blank(r, byte) : byte == (unsigned char)r->delimiter;
}

static mlp_status skip_blanks(struct csv_reader *r)
{
    int byte;
    for (;;) {
        TRY(peek(r, &byte));
        if (!is_blank(r, byte)) {
            return MLP_OK;
        }
        r->next++;
    }
}

/* A field without quotes; blanks after it are not part of it. */
static mlp_status read_plain(struct csv_reader *r)
{
    const size_t start = r->used;
    int byte;
    for (;;) {
        TRY(peek(r, &byte));
        if (byte == END_OF_FILE || byte == '\n' || byte == '\r' || is_delimiter(r, byte)) {
            break;
        }
        if (byte == '"' || byte == '\0') {
            return bad(r, byte == '"' ? "a quote inside a field that does not begin with one" : nul_byte);
        }
        r->next++;
        put(r, (char)byte);
    }
    const unsigned char *record = (const unsigned char *)r->buffer.items + r->start;
    while (r->used > start && is_blank(r, record[r->used - 1])) {
        r->used--;
    }
    return MLP_OK;
}

/* What follows a field: the delimiter (*more), or the end of the line or file. */
static mlp_status end_field(struct csv_reader *r, bool *more)
{
    int byte;
    *more = false;
    TRY(peek(r, &byte));
    if (r->blanks) {
        TRY(skip_blanks(r));
        TRY(peek(r, &byte));
        *more = byte != END_OF_FILE && byte != '\n' && byte != '\r';
    }
    if (byte == END_OF_FILE || *more) {
        return MLP_OK;
    }
    if (is_delimiter(r, byte)) {
        r->next++;
        *more = true;
        return MLP_OK;
    }
    bool ended = byte == '\n';
    if (byte == '\r') {
        r->next++;
        TRY(peek(r, &byte));
        ended = byte == '\n' || r->bare_cr;
    }
    if (!ended && byte != END_OF_FILE) {
        return bad(r, csv_field_quoted(r, r->fields.count - 1) ? "text after a closing quote"
                                                               : "a carriage return inside a line");
    }
    r->next += byte == '\n';
    r->next_line++;
    return MLP_OK;
}

/* A byte order mark of UTF-8 may open the file. */
static mlp_status skip_mark(struct csv_reader *r, int *byte)
{
    TRY(peek(r, byte));
    if (r->next_line == 1 && *byte == 0xEF && r->buffer.count - r->next >= 3 &&
        memcmp((const char *)r->buffer.items + r->next, "\xEF\xBB\xBF", 3) == 0) {
        r->next += 3;
        TRY(peek(r, byte));
    }
    return MLP_OK;
}

mlp_status csv_next(struct csv_reader *r, bool *found)
{
    int byte;
    r->line = r->next_line;
    r->start = r->next;
    r->used = 0;
    r->fields.count = 0;
    TRY(skip_mark(r, &byte));
    bool more = byte != END_OF_FILE;
    *found = more;
    while (more) {
        TRY(skip_blanks(r));
        TRY(peek(r, &byte));
        TRY(begin_field(r, byte == '"'));
        if (byte == '"') {
            TRY(read_quoted(r));
            TRY(skip_blanks(r));
        } else {
            TRY(read_plain(r));
        }
        TRY(end_field(r, &more)); /* makes room for the NUL, or the file has ended and there is a byte behind
                                     it */
        put(r, '\0');
    }
    return MLP_OK;
}

mlp_status csv_peek_line(struct csv_reader *r, char **line)
{
    size_t left;
    r->start = r->next;
    r->line = r->next_line;
    do {
        left = r->buffer.count - r->next;
        *line = left > 0 ? (char *)r->buffer.items + r->next : NULL; /* there may be no buffer yet */
        if (left > 0 && memchr(*line, '\n', left) != NULL) {
            return MLP_OK;
        }
        TRY(refill(r));
    } while (r->buffer.count - r->next > left);
    *line = NULL;
    return MLP_OK;
}

mlp_status csv_peek_bytes(struct csv_reader *r, const char **bytes, size_t *size)
{
    r->start = r->next;
    if (r->next == r->buffer.count) {
        TRY(refill(r));
    }
    *bytes = (const char *)r->buffer.items + r->next;
    *size = r->buffer.count - r->next;
    return MLP_OK;
}

void csv_skip(struct csv_reader *r, size_t bytes, size_t lines)
{
    r->next += bytes;
    r->next_line += lines;
}

void csv_take_line(struct csv_reader *r, const char *end)
{
    r->line = r->next_line++;
    r->next = (size_t)(end - (const char *)r->buffer.items) + 1;
}
