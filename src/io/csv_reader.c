/* CSV: one record after another (RFC 4180). */
#include "io/csv_reader.h"

#include <string.h>

#include "base/memory.h"
#include "base/status.h"

enum { BUFFER_SIZE = 1 << 16, END_OF_FILE = -1, MAX_RECORD = 1 << 28 };

mlp_status csv_open(const char *path, char delimiter, struct csv_reader *reader)
{
    *reader = (struct csv_reader){ .delimiter = delimiter, .next_line = 1 };
    reader->buffer = memory_allocate(BUFFER_SIZE, 1);
    if (reader->buffer == NULL) {
        return MLP_ERROR_MEMORY;
    }
    const mlp_status status = byte_reader_open(path, &reader->bytes);
    if (status != MLP_OK) {
        csv_close(reader);
    }
    return status;
}

void csv_close(struct csv_reader *reader)
{
    byte_reader_close(reader->bytes);
    memory_free(reader->text);
    memory_free(reader->fields);
    memory_free(reader->buffer);
    *reader = (struct csv_reader){ 0 };
}

/* The next byte without taking it, or END_OF_FILE. */
static mlp_status peek(struct csv_reader *r, int *byte)
{
    if (r->buffer_used == r->buffer_end) {
        r->buffer_used = 0;
        TRY(byte_reader_read(r->bytes, r->buffer, BUFFER_SIZE, &r->buffer_end));
    }
    *byte = r->buffer_end == 0 ? END_OF_FILE : (unsigned char)r->buffer[r->buffer_used];
    return MLP_OK;
}

static mlp_status put(struct csv_reader *r, size_t *used, char byte)
{
    if (*used == r->text_size) {
        const size_t size = r->text_size > 0 ? 2 * r->text_size : 1024;
        if (size > MAX_RECORD) {
            return fail(MLP_ERROR_FORMAT,
                        "%s: line %zu: a record of more than %d bytes: a quote that is not closed?",
                        byte_reader_path(r->bytes), r->line, MAX_RECORD);
        }
        void *text = r->text;
        TRY(memory_resize(&text, *used, size, 1));
        r->text = text;
        r->text_size = size;
    }
    r->text[(*used)++] = byte;
    return MLP_OK;
}

static mlp_status begin_field(struct csv_reader *r, size_t used)
{
    if (r->field_count == r->field_size) {
        const size_t size = r->field_size > 0 ? 2 * r->field_size : 64;
        void *fields = r->fields;
        TRY(memory_resize(&fields, r->field_count, size, sizeof *r->fields));
        r->fields = fields;
        r->field_size = size;
    }
    r->fields[r->field_count++] = (struct csv_field){ used, false };
    return MLP_OK;
}

static mlp_status bad(const struct csv_reader *r, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: line %zu, column %zu: %s", byte_reader_path(r->bytes), r->next_line,
                r->field_count, what);
}

/* The inside of quotes, up to and with the closing one; "" stands for one quote. */
static mlp_status read_quoted(struct csv_reader *r, size_t *used)
{
    int byte;
    r->buffer_used++; /* the opening quote */
    for (;;) {
        TRY(peek(r, &byte));
        if (byte == END_OF_FILE) {
            return bad(r, "the file ends inside quotes");
        }
        r->buffer_used++;
        if (byte == '"') {
            TRY(peek(r, &byte));
            if (byte != '"') {
                return MLP_OK;
            }
            r->buffer_used++;
        } else if (byte == '\0') {
            return bad(r, "a NUL byte");
        } else if (byte == '\n') {
            r->next_line++;
        }
        TRY(put(r, used, (char)byte));
    }
}

static bool is_blank(const struct csv_reader *r, int byte)
{
    return (byte == ' ' || byte == '\t') && byte != (unsigned char)r->delimiter;
}

static mlp_status skip_blanks(struct csv_reader *r)
{
    int byte;
    for (;;) {
        TRY(peek(r, &byte));
        if (!is_blank(r, byte)) {
            return MLP_OK;
        }
        r->buffer_used++;
    }
}

/* A field without quotes; blanks after it are not part of it. */
static mlp_status read_plain(struct csv_reader *r, size_t *used)
{
    const size_t start = *used;
    int byte;
    for (;;) {
        TRY(peek(r, &byte));
        if (byte == END_OF_FILE || byte == '\n' || byte == '\r' || byte == (unsigned char)r->delimiter) {
            break;
        }
        if (byte == '"' || byte == '\0') {
            return bad(r, byte == '"' ? "a quote inside a field that does not begin with one" : "a NUL byte");
        }
        r->buffer_used++;
        TRY(put(r, used, (char)byte));
    }
    while (*used > start && is_blank(r, (unsigned char)r->text[*used - 1])) {
        (*used)--;
    }
    return MLP_OK;
}

/* What follows a field: the delimiter (*more), or the end of the line or file. */
static mlp_status end_field(struct csv_reader *r, bool *more)
{
    int byte;
    *more = false;
    TRY(peek(r, &byte));
    if (byte == END_OF_FILE) {
        return MLP_OK;
    }
    if (byte == (unsigned char)r->delimiter) {
        r->buffer_used++;
        *more = true;
        return MLP_OK;
    }
    if (byte == '\r') {
        r->buffer_used++;
        TRY(peek(r, &byte));
    }
    if (byte != '\n' && byte != END_OF_FILE) {
        return bad(r, r->fields[r->field_count - 1].quoted ? "text after a closing quote"
                                                           : "a carriage return inside a line");
    }
    r->buffer_used += byte == '\n';
    r->next_line++;
    return MLP_OK;
}

/* A byte order mark of UTF-8 may open the file. */
static mlp_status skip_mark(struct csv_reader *r, int *byte)
{
    TRY(peek(r, byte));
    if (r->next_line == 1 && *byte == 0xEF && r->buffer_end - r->buffer_used >= 3 &&
        memcmp(r->buffer + r->buffer_used, "\xEF\xBB\xBF", 3) == 0) {
        r->buffer_used += 3;
        TRY(peek(r, byte));
    }
    return MLP_OK;
}

mlp_status csv_next(struct csv_reader *r, bool *found)
{
    size_t used = 0;
    int byte;
    bool more = true;
    r->line = r->next_line;
    r->field_count = 0;
    TRY(skip_mark(r, &byte));
    *found = byte != END_OF_FILE;
    while (*found && more) {
        TRY(begin_field(r, used));
        TRY(skip_blanks(r));
        TRY(peek(r, &byte));
        if (byte == '"') {
            r->fields[r->field_count - 1].quoted = true;
            TRY(read_quoted(r, &used));
            TRY(skip_blanks(r));
        } else {
            TRY(read_plain(r, &used));
        }
        TRY(put(r, &used, '\0'));
        TRY(end_field(r, &more));
    }
    return MLP_OK;
}
