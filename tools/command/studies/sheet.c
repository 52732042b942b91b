/* Sheets: Markdown that reads well in a terminal, too. */
#include "studies/sheet.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { TEXT_SIZE = 4096 };

static void print(struct sheet *sheet, const char *text, bool wrapped)
{
    FILE *const streams[] = { sheet->record == NULL ? stdout : NULL, sheet->page };
    for (size_t i = 0; i < 2; i++) {
        if (streams[i] != NULL && wrapped) {
            print_wrapped(streams[i], text, 0, 0);
        } else if (streams[i] != NULL) {
            fputs(text, streams[i]);
            fputc('\n', streams[i]);
        }
    }
}

static void record(struct sheet *sheet, const char *key, json_t *value)
{
    if (sheet->record != NULL) {
        if (json_object_get(sheet->record, key) == NULL) {
            json_object_set_new(sheet->record, key, json_array());
        }
        json_array_append_new(json_object_get(sheet->record, key), value);
    } else {
        json_decref(value);
    }
}

void sheet_heading(struct sheet *sheet, const char *format, ...)
{
    char text[TEXT_SIZE] = "## ";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + 3, sizeof text - 3, format, arguments);
    va_end(arguments);
    print(sheet, text, false);
    print(sheet, "", false);
}

void sheet_text(struct sheet *sheet, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print(sheet, text, true);
    print(sheet, "", false);
    record(sheet, "texts", json_string(text));
}

/* ---- tables -------------------------------------------------------------------------------------------- */

void sheet_row(struct sheet *sheet, const char *format, ...)
{
    char text[TEXT_SIZE], *next = text;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    json_t *cells = json_array();
    while (next != NULL) {
        char *cell = strsep(&next, "|");
        cell += strspn(cell, " ");
        for (size_t n = strlen(cell); n > 0 && cell[n - 1] == ' '; n--) {
            cell[n - 1] = '\0';
        }
        json_array_append_new(cells, json_string(cell));
    }
    if (sheet->table == NULL) {
        sheet->table = json_array();
    }
    json_array_append_new(sheet->table, cells);
}

/* Characters of UTF-8 text. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0u) != 0x80u;
    }
    return width;
}

static const char *cell_text(const json_t *cells, size_t column)
{
    const char *text = json_string_value(json_array_get(cells, column));
    return text != NULL ? text : "";
}

static size_t column_width(const json_t *table, size_t column)
{
    size_t widest = 1, i;
    json_t *cells;
    json_array_foreach((json_t *)table, i, cells)
    {
        const size_t width = text_width(cell_text(cells, column));
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* The first column is set left, figures right. */
static void print_row(struct sheet *sheet, const json_t *cells)
{
    char line[TEXT_SIZE];
    size_t length = 0, columns = json_array_size(json_array_get(sheet->table, 0));
    for (size_t c = 0; c < columns && length < sizeof line; c++) {
        const char *text = cell_text(cells, c);
        const int padding = (int)(column_width(sheet->table, c) - text_width(text));
        length += (size_t)snprintf(line + length, sizeof line - length, "| %*s%s%*s ", c > 0 ? padding : 0,
                                   "", text, c > 0 ? 0 : padding, "");
    }
    if (length < sizeof line) {
        snprintf(line + length, sizeof line - length, "|");
    }
    print(sheet, line, false);
}

static void print_rule(struct sheet *sheet)
{
    char line[TEXT_SIZE];
    size_t length = 0;
    for (size_t c = 0; c < json_array_size(json_array_get(sheet->table, 0)); c++) {
        const size_t width = column_width(sheet->table, c);
        if (length + width + 4 < sizeof line) {
            line[length++] = '|';
            memset(line + length, '-', width + 2);
            length += width + 2;
            line[length - 1] = c > 0 ? ':' : '-';
        }
    }
    memcpy(line + length, "|", 2);
    print(sheet, line, false);
}

void sheet_table_end(struct sheet *sheet)
{
    json_t *cells;
    size_t i;
    json_array_foreach(sheet->table, i, cells)
    {
        print_row(sheet, cells);
        if (i == 0) {
            print_rule(sheet);
        }
    }
    print(sheet, "", false);
    record(sheet, "tables", sheet->table);
    sheet->table = NULL;
}

/* ---- charts -------------------------------------------------------------------------------------------- */

int sheet_charts(struct sheet *sheet, const struct chart *charts, size_t count)
{
    char path[TEXT_SIZE], line[TEXT_SIZE];
    struct canvas canvas = { .path = NULL };
    sheet->charts++;
    if (!sheet->pictures) {
        return EXIT_DONE;
    }
    if (sheet->page == NULL) {
        return sheet->record == NULL ? plot_draw(&canvas, charts, count) : EXIT_DONE;
    }
    snprintf(path, sizeof path, "%s/%s-%zu.svg", sheet->folder, sheet->study, sheet->charts);
    const char *name = strrchr(path, '/') + 1;
    snprintf(line, sizeof line, "![%s](%s)\n", charts[0].title, name);
    fprintf(sheet->page, "%s\n", line);
    canvas.path = path;
    return plot_draw(&canvas, charts, count);
}
