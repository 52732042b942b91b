/* Whether the first line of a table names its columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "io/table_file.h"

/* How a field of the first record compares with the column below it. */
enum evidence { NO_EVIDENCE, FOR_HEADER, AGAINST_HEADER };

/* What nine of ten values that are not missing look like, at least one: numbers, dates or booleans; 0: like
 * none of them. */
static unsigned look_of_column(const struct table_file *file, size_t column)
{
    static const unsigned looks[] = { LOOK_NUMBER | LOOK_THOUSANDS, LOOK_DATE, LOOK_BOOLEAN };
    enum { LOOKS = sizeof looks / sizeof looks[0] };
    size_t counts[LOOKS] = { 0 }, values = 0;
    for (size_t r = 1; r < table_head_count(file); r++) {
        const char *text = table_head_field(file, r, column);
        const unsigned look = cell_is_missing(&file->cells, text) ? 0 : cell_look(&file->cells, text);
        values += !cell_is_missing(&file->cells, text);
        for (int i = 0; i < LOOKS; i++) {
            counts[i] += (look & looks[i]) != 0;
        }
    }
    for (int i = 0; i < LOOKS; i++) {
        if (counts[i] > 0 && 10 * counts[i] >= 9 * values) {
            return looks[i];
        }
    }
    return 0;
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
    const unsigned look = cell_look(&file->cells, first), below = look_of_column(file, column);
    if (below == LOOK_BOOLEAN && (look & below) != 0) { /* "y" over yes and no is a name */
        return repeats(file, column) == AGAINST_HEADER ? AGAINST_HEADER : NO_EVIDENCE;
    }
    if (below != 0) {
        return (look & below) == 0 ? FOR_HEADER : AGAINST_HEADER;
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

/* Texts over numbers, dates or booleans are names; where there are none of these, texts that do not come
 * again over texts that do. */
static bool looks_like_header(const struct table_file *file)
{
    size_t typed[2] = { 0, 0 }, others[2] = { 0, 0 };
    if (table_head_count(file) < 2) {
        return all_texts(file);
    }
    if (counts(file, 0) && !counts(file, 1)) {
        return true;
    }
    for (size_t column = 0; column < file->columns; column++) {
        const enum evidence evidence = evidence_of(file, column);
        size_t *count = look_of_column(file, column) != 0 ? typed : others;
        if (evidence != NO_EVIDENCE) {
            count[evidence == FOR_HEADER]++;
        }
    }
    const size_t *deciding = typed[0] + typed[1] > 0 ? typed : others;
    return deciding[1] > deciding[0];
}

/* A first record that alone begins with '#', as numpy's savetxt() writes its header, is a comment where a
 * header follows, and otherwise the header. */
static bool is_marked(const struct table_file *file)
{
    if (table_head_count(file) < 2 || table_head_field(file, 0, 0)[0] != '#') {
        return false;
    }
    for (size_t column = 1; column < file->columns; column++) {
        if ((cell_look(&file->cells, table_head_field(file, 0, column)) & LOOK_NUMBER) != 0) {
            return false; /* a row of numbers, of which the first is odd */
        }
    }
    for (size_t r = 1; r < table_head_count(file); r++) {
        if (table_head_field(file, r, 0)[0] == '#') {
            return false;
        }
    }
    return true;
}

/* ---- columns by name ----------------------------------------------------------------------------------- */

/* A field of the first record as a name. */
static const char *first_name(const struct table_file *file, size_t column)
{
    const char *name = table_head_field(file, 0, column);
    const size_t mark = file->marked && column == 0 ? strspn(name, "# \t") : 0;
    return name[mark] != '\0' ? name + mark : name;
}

/* Where the first record's fields stand. */
static mlp_status index_names(struct table_file *file)
{
    for (size_t column = 0; column < file->columns; column++) {
        size_t number;
        TRY(text_pool_add(&file->index, first_name(file, column), &number));
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
    char names[512], delimiter[4];
    size_t used = 0;
    names[0] = '\0';
    FAIL_IF(file->columns == 1, MLP_ERROR_ARGUMENT,
            "%s: no column is named '%.64s': lines have one field with the delimiter %s (--delimiter says "
            "otherwise)",
            file->path, text, table_delimiter_name(file->style.delimiter, delimiter));
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
    file->marked = is_marked(file);
    if (file->marked) {
        file->head_next = 1;
        file->marked = option != 0 && !looks_like_header(file);
        file->head_next = !file->marked;
    }
    TRY(index_names(file));
    file->header = option > 0 || file->marked;
    if (option < 0 && !file->header) {
        file->header = 2 * names_in_first(file, known, count) > count || looks_like_header(file);
    }
    if (!file->header) {
        return MLP_OK;
    }
    for (size_t column = 0; column < file->columns; column++) {
        const mlp_status status = cell_check_text(first_name(file, column));
        if (status != MLP_OK) {
            return fail_in(status, "%s: line %zu, column %zu", file->path,
                           ((const size_t *)file->lines.items)[file->head_next], column + 1);
        }
        TRY(text_list_append(&file->names, first_name(file, column)));
    }
    file->head_next++;
    return MLP_OK;
}
