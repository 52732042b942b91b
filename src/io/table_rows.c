/* A table's records as rows of cells. */
#include "io/table_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/memory.h"
#include "base/status.h"
#include "io/csv_number.h"

mlp_status table_rows_begin(struct table_rows *rows)
{
    rows->columns = memory_allocate(rows->file.columns, sizeof *rows->columns);
    rows->id = SIZE_MAX;
    REQUIRE_MEMORY(rows->columns);
    for (size_t c = 0; c < rows->file.columns; c++) {
        struct cell_column *column = &rows->columns[c];
        column->number = c;
        column->name = rows->file.header ? text_list_get(&rows->file.names, c) : NULL;
        column->role = MLP_ROLE_IGNORED;
        column->cell = SIZE_MAX;
    }
    return MLP_OK;
}

mlp_status table_rows_lay_out(struct table_rows *rows, const mlp_table_options *options)
{
    size_t width = 0;
    for (size_t c = 0; c < rows->file.columns; c++) {
        struct cell_column *column = &rows->columns[c];
        if (column->role == MLP_ROLE_ID) {
            rows->id = c;
        } else if (column->role != MLP_ROLE_IGNORED) {
            column->cell = width++;
        }
    }
    return table_begin(&rows->table, width, options->stream != 0, rows->file.path, options->folder);
}

void table_rows_free(struct table_rows *rows)
{
    table_file_close(&rows->file);
    table_free(&rows->table);
    text_list_free(&rows->ids);
    text_list_free(&rows->lines);
    array_free(&rows->line);
    memory_free(rows->columns);
}

/* ---- a record ------------------------------------------------------------------------------------------ */

static const char *option_for(const struct cell_column *column)
{
    return column->role == MLP_ROLE_LABEL
               ? "--missing drop leaves such rows out; a class of this name: "
                 "--missing-label"
               : "--missing drop leaves such rows out, --missing impute fills them in";
}

static mlp_status refuse_missing(const struct table_rows *rows, const struct cell_column *column)
{
    const char *text = table_field(&rows->file, column->number);
    const char *what = column->role == MLP_ROLE_LABEL ? "label" : "value";
    return table_fail_at(&rows->file, column->number,
                         fail(MLP_ERROR_FORMAT, "missing %s%s%.64s%s; %s", what, text[0] != '\0' ? " '" : "",
                              text, text[0] != '\0' ? "'" : "", option_for(column)));
}

/* Adds what helps to the message of a value that does not fit its column. */
static mlp_status refuse_cell(const struct table_rows *rows, const struct cell_column *column,
                              mlp_status status)
{
    if (status == MLP_ERROR_FORMAT && column->grows && column->role == MLP_ROLE_FEATURE &&
        column->kind != MLP_COLUMN_CATEGORICAL) {
        char message[512];
        text_escape(mlp_last_error(), message, sizeof message);
        fail(status,
             "%s; the column's other values are %s: --missing refuse,WORD counts it as missing, "
             "--categorical takes all its values as levels, --ignore leaves the column out",
             message, column->kind == MLP_COLUMN_NUMERIC ? "numbers" : mlp_column_kind_name(column->kind));
    }
    return status == MLP_ERROR_FORMAT ? table_fail_at(&rows->file, column->number, status) : status;
}

static mlp_status take_cell(struct table_rows *rows, struct cell_column *column, union cell *row)
{
    enum cell_result result;
    const mlp_status status = cell_parse(&rows->file.cells, column, table_field(&rows->file, column->number),
                                         &row[column->cell], &result);
    if (status != MLP_OK) {
        return refuse_cell(rows, column, status);
    }
    const bool filled = rows->missing == MLP_MISSING_IMPUTE && column->role == MLP_ROLE_FEATURE;
    return result == CELL_TAKEN || filled ? MLP_OK : refuse_missing(rows, column);
}

/* Whether the record is to be left out, whatever else it holds. */
static bool is_dropped(const struct table_rows *rows)
{
    const size_t columns = rows->missing == MLP_MISSING_DROP ? rows->file.columns : 0;
    for (size_t c = 0; c < columns; c++) {
        const struct cell_column *column = &rows->columns[c];
        if (column->cell != SIZE_MAX && cell_misses(&rows->file.cells, column, table_field(&rows->file, c))) {
            return true;
        }
    }
    return false;
}

/* The record's fields, or the columns' names. */
static mlp_status keep_line(struct table_rows *rows, bool names)
{
    char number[32];
    rows->line.count = 0;
    for (size_t c = 0; c < rows->file.columns; c++) {
        snprintf(number, sizeof number, "column %zu", c + 1);
        const char *name = rows->columns[c].name != NULL ? rows->columns[c].name : number;
        TRY(table_line_add(&rows->line, names ? name : table_field(&rows->file, c),
                           c + 1 == rows->file.columns));
    }
    return text_list_append(&rows->lines, rows->line.items);
}

static mlp_status keep_row(struct table_rows *rows)
{
    if (rows->keeps_lines) {
        TRY(keep_line(rows, false));
    }
    if (rows->id != SIZE_MAX) {
        TRY(text_list_append(&rows->ids, table_field(&rows->file, rows->id)));
    }
    return table_keep(&rows->table);
}

static mlp_status take_record(struct table_rows *rows)
{
    union cell *row = table_room(&rows->table);
    REQUIRE_MEMORY(row);
    if (is_dropped(rows)) {
        rows->dropped++;
        return MLP_OK;
    }
    for (size_t c = 0; c < rows->file.columns; c++) {
        if (rows->columns[c].cell != SIZE_MAX) {
            TRY(take_cell(rows, &rows->columns[c], row));
        }
    }
    return keep_row(rows);
}

/* ---- lines where every field is what it is expected to be ---------------------------------------------- */

/* The end of a field without quotes; NULL where there is one with quotes, blanks or a NUL. */
static char *plain_end(char *text, char delimiter)
{
    while (*text != delimiter && *text != '\n' && *text != '\r') {
        if (*text == '\0' || *text == '"' || *text == ' ' || *text == '\t') {
            return NULL;
        }
        text++;
    }
    return text;
}

static char *scan_number(const struct table_rows *rows, const struct cell_column *column, char *text,
                         union cell *cell)
{
    double value;
    const size_t length =
        number_scan_ahead(text, csv_readable(&rows->file.csv), rows->file.cells.locale, &value);
    cell->number = number_to_float(length > 0 ? value - column->offset : 0.0);
    const bool fits = length > 0 && !isinf(cell->number) && (column->role != MLP_ROLE_WEIGHT || value >= 0.0);
    return fits ? text + length : NULL;
}

/* Reads a field where it stands, and returns its end; NULL for one that is to be looked at more closely. */
static char *scan_field(struct table_rows *rows, struct cell_column *column, char *text, union cell *row)
{
    enum cell_result result = CELL_TAKEN;
    if (column->cell != SIZE_MAX && column->kind == MLP_COLUMN_NUMERIC) {
        return scan_number(rows, column, text, &row[column->cell]);
    }
    char *end = plain_end(text, rows->file.style.delimiter);
    if (end == NULL || column->cell == SIZE_MAX) {
        return end;
    }
    const char after = *end;
    *end = '\0';
    const bool missing = cell_is_missing(&rows->file.cells, text);
    const mlp_status status =
        missing ? MLP_OK : cell_parse(&rows->file.cells, column, text, &row[column->cell], &result);
    *end = after;
    return !missing && status == MLP_OK ? end : NULL;
}

/* Reads a line; returns its '\n', or NULL. */
static char *scan_line(struct table_rows *rows, char *line, union cell *row)
{
    const size_t columns = rows->file.columns;
    for (size_t c = 0; c < columns; c++) {
        line = scan_field(rows, &rows->columns[c], line, row);
        if (line == NULL || (c + 1 < columns && *line++ != rows->file.style.delimiter)) {
            return NULL;
        }
    }
    line += *line == '\r';
    return *line == '\n' ? line : NULL;
}

static mlp_status take_lines(struct table_rows *rows)
{
    for (;;) {
        char *line, *end = NULL;
        union cell *row = table_room(&rows->table);
        REQUIRE_MEMORY(row);
        TRY(csv_peek_line(&rows->file.csv, &line));
        if (line != NULL && *line != '#') {
            end = scan_line(rows, line, row);
        }
        if (end == NULL) {
            return MLP_OK;
        }
        csv_take_line(&rows->file.csv, end);
        TRY(table_keep(&rows->table));
    }
}

/* Whether lines may be read where they stand: no option changes what a plain field is. */
static bool lines_are_plain(const struct table_rows *rows)
{
    const struct table_file *file = &rows->file;
    return rows->id == SIZE_MAX && !rows->keeps_lines && !file->trails && !file->csv.blanks &&
           !file->csv.bare_cr && !file->style.comma && !cell_missing_by_number(&file->cells) &&
           strchr("0123456789+-.eE", file->style.delimiter) == NULL;
}

mlp_status table_rows_read(struct table_rows *rows)
{
    const bool plain = lines_are_plain(rows);
    bool found = true;
    if (rows->keeps_lines) {
        TRY(keep_line(rows, true));
    }
    while (found) {
        if (plain && table_head_count(&rows->file) == 0 && !rows->file.ended) {
            TRY(take_lines(rows));
        }
        TRY(table_next(&rows->file, &found));
        if (found) {
            TRY(take_record(rows));
        }
    }
    FAIL_IF(rows->table.rows == 0 && rows->dropped > 0, MLP_ERROR_FORMAT,
            "%s: every row has a missing value, and was left out", rows->file.path);
    return rows->table.rows > 0 ? MLP_OK
                                : fail(MLP_ERROR_FORMAT, "%s: a header and no samples", rows->file.path);
}
