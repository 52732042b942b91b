/* Records of a CSV file. */
#include "io/csv_reader.h"

#include <string.h>

#include "base/memory.h"
#include "base/status.h"

/* A limit on columns bounds the memory that a line of delimiters alone can ask for. */
enum { FIRST_TEXT = 1 << 12, FIRST_FIELDS = 1 << 6, MAX_FIELDS = 1 << 20, END = -1 };

/* The byte after the last one taken, or END; `status` tells the end of the file from a failure. */
static int peek(struct csv_reader *reader, mlp_status *status)
{
    if (reader->bytes.available == 0) {
        *status = byte_reader_fill(&reader->bytes);
        if (*status != MLP_OK || reader->bytes.available == 0) {
            return END;
        }
    }
    return *reader->bytes.next;
}

static void take(struct csv_reader *reader, size_t count)
{
    reader->bytes.next += count;
    reader->bytes.available -= count;
}

/* What is wrong in the field being read; counts columns from 1. */
static mlp_status fail_here(const struct csv_reader *reader, const char *reason)
{
    return fail(MLP_ERROR_FORMAT, "%s, line %zu, column %zu: %s", reader->bytes.path, reader->line,
                reader->field_count, reason);
}

static mlp_status append(struct csv_reader *reader, const void *bytes, size_t count)
{
    size_t needed;
    if (!size_add(reader->text_size, count, &needed)) {
        return fail(MLP_ERROR_MEMORY, "%s: line %zu is too long", reader->bytes.path, reader->line);
    }
    if (needed > reader->text_capacity) {
        void *text = reader->text;
        const size_t doubled = needed < (size_t)-1 / 2 ? needed * 2 : needed;
        const size_t capacity = doubled > FIRST_TEXT ? doubled : FIRST_TEXT;
        TRY(memory_resize(&text, reader->text_size, capacity, 1));
        reader->text = text;
        reader->text_capacity = capacity;
    }
    memcpy(reader->text + reader->text_size, bytes, count);
    reader->text_size = needed;
    return MLP_OK;
}

static mlp_status begin_field(struct csv_reader *reader)
{
    if (reader->field_count == MAX_FIELDS) {
        return fail(MLP_ERROR_FORMAT, "%s, line %zu: more than %d columns", reader->bytes.path, reader->line,
                    (int)MAX_FIELDS);
    }
    if (reader->field_count == reader->field_capacity) {
        void *fields = reader->fields;
        const size_t capacity = reader->field_capacity > 0 ? reader->field_capacity * 2 : FIRST_FIELDS;
        TRY(memory_resize(&fields, reader->field_count, capacity, sizeof *reader->fields));
        reader->fields = fields;
        reader->field_capacity = capacity;
    }
    reader->fields[reader->field_count++] = (struct csv_field){ reader->text_size, reader->line };
    reader->field_quoted = false;
    return MLP_OK;
}

static bool is_blank(const struct csv_reader *reader, int byte)
{
    return (byte == ' ' || byte == '\t') && byte != (unsigned char)reader->delimiter;
}

static mlp_status skip_blanks(struct csv_reader *reader)
{
    mlp_status status = MLP_OK;
    while (is_blank(reader, peek(reader, &status))) {
        take(reader, 1);
    }
    return status;
}

static mlp_status read_plain_field(struct csv_reader *reader)
{
    mlp_status status = MLP_OK;
    while (peek(reader, &status) != END) {
        const unsigned char *bytes = reader->bytes.next;
        const size_t available = reader->bytes.available;
        size_t run = 0;
        while (run < available && !reader->ends_run[bytes[run]]) {
            run++;
        }
        TRY(append(reader, bytes, run));
        take(reader, run);
        if (run < available) {
            break;
        }
    }
    TRY(status);
    if (peek(reader, &status) == '"') {
        return fail_here(reader, "a quote inside an unquoted field");
    }
    const size_t start = reader->fields[reader->field_count - 1].start;
    while (reader->text_size > start && is_blank(reader, (unsigned char)reader->text[reader->text_size - 1])) {
        reader->text_size--;
    }
    return status;
}

/* From after the opening quote to after the closing one. */
static mlp_status read_quoted_field(struct csv_reader *reader)
{
    mlp_status status = MLP_OK;
    const size_t first_line = reader->line;
    for (;;) {
        const int byte = peek(reader, &status);
        TRY(status);
        if (byte == END) {
            reader->line = first_line;
            return fail_here(reader, "the quote that opens here is never closed");
        }
        if (byte == '\0') {
            return fail_here(reader, "a zero byte: this is not a text file");
        }
        take(reader, 1);
        if (byte == '"') {
            if (peek(reader, &status) != '"') {
                return status;
            }
            take(reader, 1);
        }
        reader->line += byte == '\n';
        const char letter = (char)byte;
        TRY(append(reader, &letter, 1));
    }
}

static mlp_status read_field(struct csv_reader *reader)
{
    mlp_status status = MLP_OK;
    TRY(begin_field(reader));
    TRY(skip_blanks(reader));
    if (peek(reader, &status) == '"') {
        take(reader, 1);
        TRY(read_quoted_field(reader));
        TRY(skip_blanks(reader));
        reader->field_quoted = true;
    } else {
        TRY(status);
        TRY(read_plain_field(reader));
    }
    return append(reader, "", 1);
}

/* What follows a field: a delimiter (then *more), or the end of the line or of the file. */
static mlp_status read_separator(struct csv_reader *reader, bool *more)
{
    mlp_status status = MLP_OK;
    int byte = peek(reader, &status);
    *more = false;
    if (byte == END) {
        return status;
    }
    if (byte == (unsigned char)reader->delimiter) {
        take(reader, 1);
        *more = true;
        return MLP_OK;
    }
    if (byte == '\r') {
        take(reader, 1);
        byte = peek(reader, &status);
        TRY(status);
        if (byte != '\n') {
            return fail_here(reader, "a carriage return without a line feed after it");
        }
    }
    if (byte == '\n') {
        take(reader, 1);
        reader->line++;
        return MLP_OK;
    }
    return fail_here(reader, byte == '\0' ? "a zero byte: this is not a text file"
                                          : "text after the quote that closes the field");
}

static mlp_status read_record(struct csv_reader *reader, bool *found)
{
    mlp_status status = MLP_OK;
    bool more = true;
    reader->text_size = 0;
    reader->field_count = 0;
    *found = peek(reader, &status) != END;
    TRY(status);
    while (*found && more) {
        TRY(read_field(reader));
        TRY(read_separator(reader, &more));
    }
    return MLP_OK;
}

static bool record_is_blank(const struct csv_reader *reader)
{
    return reader->field_count == 1 && !reader->field_quoted && reader->text[0] == '\0';
}

mlp_status csv_reader_next(struct csv_reader *reader, bool *found)
{
    size_t blank_line = 0;
    for (;;) {
        const size_t line = reader->line;
        TRY(read_record(reader, found));
        if (!*found) {
            return MLP_OK;
        }
        if (!record_is_blank(reader)) {
            break;
        }
        blank_line = blank_line > 0 ? blank_line : line;
    }
    return blank_line == 0 ? MLP_OK
                           : fail(MLP_ERROR_FORMAT, "%s, line %zu: the line is blank, expected a record",
                                  reader->bytes.path, blank_line);
}

mlp_status csv_reader_open(struct csv_reader *reader, const char *path, char delimiter)
{
    *reader = (struct csv_reader){ .delimiter = delimiter, .line = 1 };
    TRY(byte_reader_open(&reader->bytes, path));
    static const char stops[] = { '\0', '\n', '\r', '"' };
    for (size_t i = 0; i < sizeof stops; i++) {
        reader->ends_run[(unsigned char)stops[i]] = true;
    }
    reader->ends_run[(unsigned char)delimiter] = true;
    if (reader->bytes.available >= 3 && memcmp(reader->bytes.next, "\xEF\xBB\xBF", 3) == 0) {
        take(reader, 3);
    }
    return MLP_OK;
}

void csv_reader_close(struct csv_reader *reader)
{
    byte_reader_close(&reader->bytes);
    memory_free(reader->text);
    memory_free(reader->fields);
    reader->text = NULL;
    reader->fields = NULL;
}
