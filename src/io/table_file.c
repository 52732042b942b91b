/* A table's file: its records, and its head. */
#include "io/table_file.h"

#include <string.h>

#include "base/status.h"
#include "io/csv_number.h"

enum { HEAD_RECORDS = 2001, HEAD_BYTES = 1 << 22 };

/* ---- records ------------------------------------------------------------------------------------------- */

static bool is_blank_record(const struct csv_reader *csv)
{
    return csv->fields.count == 1 && !csv_field_quoted(csv, 0) && csv_field_text(csv, 0)[0] == '\0';
}

static bool is_comment(const struct csv_reader *csv, size_t columns)
{
    return csv->fields.count != columns && !csv_field_quoted(csv, 0) && csv_field_text(csv, 0)[0] == '#';
}

/* One that is neither blank nor a comment. */
static mlp_status next_record(struct csv_reader *csv, size_t columns, bool *found)
{
    do {
        TRY(csv_next(csv, found));
    } while (*found && (is_blank_record(csv) || is_comment(csv, columns)));
    return MLP_OK;
}

static mlp_status check_fields(const struct table_file *file)
{
    const struct csv_reader *csv = &file->csv;
    const size_t fields = csv->fields.count, expected = file->columns + file->trails;
    char text[4];
    const bool trails = fields == file->columns + 1 && csv_field_text(csv, fields - 1)[0] == '\0';
    FAIL_IF(fields != file->columns && !trails, MLP_ERROR_FORMAT,
            "%s: line %zu, column %zu: the line has %zu fields, expected %zu, with the delimiter %s%s",
            file->path, csv->line, (fields < expected ? fields : expected) + 1, fields, expected,
            table_delimiter_name(file->style.delimiter, text),
            file->style.found ? " that was found (--delimiter says otherwise)" : "");
    return MLP_OK;
}

mlp_status table_next(struct table_file *file, bool *found)
{
    file->in_head = file->head_next < file->lines.count;
    *found = file->in_head;
    if (file->in_head) {
        file->head_next++;
        return MLP_OK;
    }
    if (file->ended) {
        return MLP_OK;
    }
    TRY(next_record(&file->csv, file->columns + file->trails, found));
    return *found ? check_fields(file) : MLP_OK;
}

mlp_status table_fail_at(const struct table_file *file, size_t column, mlp_status status)
{
    const char *name = file->header ? text_list_get(&file->names, column) : NULL;
    return name != NULL
               ? fail_in(status, "%s: line %zu, column %zu (%.64s)", file->path, table_line(file), column + 1,
                         name)
               : fail_in(status, "%s: line %zu, column %zu", file->path, table_line(file), column + 1);
}

/* ---- the head ------------------------------------------------------------------------------------------ */

static mlp_status keep_record(struct table_file *file)
{
    for (size_t column = 0; column < file->columns; column++) {
        TRY(text_list_append(&file->head, csv_field_text(&file->csv, column)));
    }
    return array_append(&file->lines, &file->csv.line, 1, sizeof file->csv.line);
}

/* A last column that is empty in every record is what stands behind a last delimiter. */
static mlp_status drop_trailing(struct table_file *file)
{
    const size_t records = file->lines.count, width = file->columns;
    if (width < 2) {
        return MLP_OK;
    }
    for (size_t r = 0; r < records; r++) {
        if (text_list_get(&file->head, r * width + width - 1)[0] != '\0') {
            return MLP_OK;
        }
    }
    struct text_list kept = { 0 };
    mlp_status status = MLP_OK;
    for (size_t i = 0; i < records * width && status == MLP_OK; i++) {
        if (i % width != width - 1) {
            status = text_list_append(&kept, text_list_get(&file->head, i));
        }
    }
    text_list_free(&file->head);
    file->head = kept;
    file->columns--;
    file->trails = true;
    return status;
}

static mlp_status read_head(struct table_file *file)
{
    bool found = true;
    while (file->lines.count < HEAD_RECORDS && file->head.bytes.count < HEAD_BYTES) {
        TRY(next_record(&file->csv, file->columns > 0 ? file->columns : file->style.fields, &found));
        if (!found) {
            break;
        }
        if (file->columns == 0) {
            file->columns = file->csv.fields.count;
        }
        TRY(check_fields(file));
        TRY(keep_record(file));
    }
    file->ended = !found;
    FAIL_IF(file->lines.count == 0, MLP_ERROR_FORMAT, "%s: the file is empty", file->path);
    return drop_trailing(file);
}

mlp_status table_file_open(const char *path, const mlp_table_options *options,
                           const struct text_list *missing_words, const char *label_word,
                           struct table_file *file)
{
    *file = (struct table_file){ .path = path };
    file->cells = (struct cell_style){ .missing_words = missing_words, .label_word = label_word };
    TRY(number_locale(&file->cells.locale));
    TRY(byte_reader_open(path, options->unpack_limit, &file->bytes));
    file->path = byte_reader_path(file->bytes);
    csv_begin(&file->csv, file->bytes, ',');
    TRY(table_style_find(&file->csv, options, &file->style));
    file->cells.comma = file->style.comma;
    return read_head(file);
}

void table_file_close(struct table_file *file)
{
    csv_close(&file->csv);
    byte_reader_close(file->bytes);
    text_list_free(&file->names);
    text_pool_free(&file->index);
    array_free(&file->places);
    text_list_free(&file->head);
    array_free(&file->lines);
    if (file->cells.locale != (locale_t)0) {
        platform_free_locale(file->cells.locale);
    }
}
