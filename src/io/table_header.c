/* Whether the first line of a table names its columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "io/table_file.h"

/* How a field of the first record compares with the column below it. */
enum evidence { NO_EVIDENCE, FOR_HEADER, AGAINST_HEADER };

/* Nine of ten values that are not missing are numbers; at least one is. */
static bool column_is_numeric(const struct table_file *file, size_t column)
{
    size_t numbers = 0, values = 0;
    for (size_t r = 1; r < table_head_count(file); r++) {
        const char *text = table_head_field(file, r, column);
        if (!cell_is_missing(&file->cells, text)) {
            values++;
            numbers += (cell_look(&file->cells, text) & (LOOK_NUMBER | LOOK_THOUSANDS)) != 0;
        }
    }
    return numbers > 0 && 10 * numbers >= 9 * values;
}

/* Whether the first text stands below itself, or whether others do among themselves. */
static enum evidence repeats(const struct table_file *file, size_t column)
{
    const size_t records = table_head_count(file);
    const char *first = table_head_field(file, 0, column), *second = table_head_field(file, 1, column);
    bool repeated = false;
    for (size_t r = 1; r < records; r++) {
        const char *text = table_head_field(file, r, column);
        if (strcmp(text, first) == 0) {
            return AGAINST_HEADER;
        }
        repeated |= r > 1 && strcmp(text, second) == 0;
    }
    return repeated ? FOR_HEADER : NO_EVIDENCE;
}

static enum evidence evidence_of(const struct table_file *file, size_t column)
{
    const char *first = table_head_field(file, 0, column);
    if (cell_is_missing(&file->cells, first)) {
        return NO_EVIDENCE;
    }
    const unsigned look = cell_look(&file->cells, first);
    if (column_is_numeric(file, column)) {
        return (look & (LOOK_NUMBER | LOOK_THOUSANDS)) == 0 ? FOR_HEADER : AGAINST_HEADER;
    }
    return (look & LOOK_NUMBER) == 0 ? repeats(file, column) : NO_EVIDENCE;
}

/* 0, 1, 2, … in the first record, and not below. */
static bool counts(const struct table_file *file, size_t record)
{
    char number[24];
    for (size_t column = 0; column < file->columns; column++) {
        snprintf(number, sizeof number, "%zu", column);
        if (strcmp(table_head_field(file, record, column), number) != 0) {
            return false;
        }
    }
    return file->columns > 1;
}

static bool all_texts(const struct table_file *file)
{
    for (size_t column = 0; column < file->columns; column++) {
        const char *text = table_head_field(file, 0, column);
        if (cell_is_missing(&file->cells, text) || (cell_look(&file->cells, text) & LOOK_NUMBER) != 0) {
            return false;
        }
    }
    return true;
}

/* Texts over numbers are names; where there are no numbers, texts that do not come again over texts that do.
 */
static bool looks_like_header(const struct table_file *file)
{
    size_t numeric[2] = { 0, 0 }, others[2] = { 0, 0 };
    if (table_head_count(file) < 2) {
        return all_texts(file);
    }
    if (counts(file, 0) && !counts(file, 1)) {
        return true;
    }
    for (size_t column = 0; column < file->columns; column++) {
        const enum evidence evidence = evidence_of(file, column);
        size_t *count = column_is_numeric(file, column) ? numeric : others;
        if (evidence != NO_EVIDENCE) {
            count[evidence == FOR_HEADER]++;
        }
    }
    const size_t *deciding = numeric[0] + numeric[1] > 0 ? numeric : others;
    return deciding[1] > deciding[0];
}

/* ---- columns by name ----------------------------------------------------------------------------------- */

/* Where the first record's fields stand. */
static mlp_status index_names(struct table_file *file)
{
    for (size_t column = 0; column < file->columns; column++) {
        size_t number;
        TRY(text_pool_add(&file->index, table_head_field(file, 0, column), &number));
        if (number == file->places.count) {
            TRY(array_append(&file->places, &column, 1, sizeof column));
        } else {
            ((size_t *)file->places.items)[number] = SIZE_MAX;
        }
    }
    return MLP_OK;
}

/* How many of the names the first record holds. */
static size_t names_in_first(const struct table_file *file, const char *const *known, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += text_pool_find(&file->index, known[i]) != SIZE_MAX;
    }
    return found;
}

mlp_status table_column_named(const struct table_file *file, const char *name, size_t *column)
{
    const size_t number = file->header ? text_pool_find(&file->index, name) : SIZE_MAX;
    *column = SIZE_MAX;
    if (number != SIZE_MAX) {
        *column = ((const size_t *)file->places.items)[number];
        FAIL_IF(*column == SIZE_MAX, MLP_ERROR_ARGUMENT, "%s: several columns are named '%.64s'", file->path,
                name);
    }
    return MLP_OK;
}

/* The names for a message. */
static mlp_status no_column(const struct table_file *file, const char *text)
{
    char names[512];
    size_t used = 0;
    names[0] = '\0';
    for (size_t column = 0; column < text_list_count(&file->names) && used < sizeof names - 80; column++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.64s", column > 0 ? ", " : "",
                                 text_list_get(&file->names, column));
    }
    return file->header
               ? fail(MLP_ERROR_ARGUMENT, "%s: no column is named '%.64s'; there are %s%s", file->path, text,
                      names, used < sizeof names - 80 ? "" : ", ...")
               : fail(MLP_ERROR_ARGUMENT,
                      "%s: no column is named '%.64s': the file has no header; expected a number from 0 "
                      "to %zu",
                      file->path, text, file->columns - 1);
}

mlp_status table_find_column(const struct table_file *file, const char *text, size_t *column)
{
    TRY(table_column_named(file, text, column));
    if (*column != SIZE_MAX) {
        return MLP_OK;
    }
    if (strcmp(text, "last") == 0) {
        *column = file->columns - 1;
        return MLP_OK;
    }
    const size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits < 10 && text[digits] == '\0') {
        *column = (size_t)strtoul(text, NULL, 10);
        FAIL_IF(*column >= file->columns, MLP_ERROR_ARGUMENT, "%s: there is no column %zu, expected 0 to %zu",
                file->path, *column, file->columns - 1);
        return MLP_OK;
    }
    return no_column(file, text);
}

mlp_status table_take_header(struct table_file *file, int option, const char *const *known, size_t count)
{
    TRY(index_names(file));
    file->header = option > 0;
    if (option < 0) {
        file->header = 2 * names_in_first(file, known, count) > count || looks_like_header(file);
    }
    if (!file->header) {
        return MLP_OK;
    }
    for (size_t column = 0; column < file->columns; column++) {
        const mlp_status status = cell_check_text(table_head_field(file, 0, column));
        if (status != MLP_OK) {
            return fail_in(status, "%s: line %zu, column %zu", file->path,
                           ((const size_t *)file->lines.items)[0], column + 1);
        }
        TRY(text_list_append(&file->names, table_head_field(file, 0, column)));
    }
    file->head_next = 1;
    return MLP_OK;
}
