/* From a field's text to a cell, by the kind of its column. */
#include "io/table_cell.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"
#include "base/status.h"
#include "io/csv_number.h"

enum { NUMBER_SIZE = 128 };

/* ---- looking ------------------------------------------------------------------------------------------- */

bool cell_is_missing(const struct cell_style *style, const char *text)
{
    static const char *const words[] = { "", "NA", "N/A", "NaN", "null", "?" };
    if (text[0] == '\0') {
        return true;
    }
    for (size_t i = 0; i < text_list_count(style->missing_words); i++) {
        if (strcmp(text, text_list_get(style->missing_words, i)) == 0) {
            return true;
        }
    }
    if (strchr("Nn?", text[0]) == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool cell_misses(const struct cell_style *style, const struct cell_column *column, const char *text)
{
    const bool is_class =
        column->role == MLP_ROLE_LABEL && style->label_word != NULL && strcmp(text, style->label_word) == 0;
    return !is_class && cell_is_missing(style, text);
}

/* A number that is the whole text. */
static bool parse_double(const struct cell_style *style, const char *text, double *value)
{
    char copy[NUMBER_SIZE];
    const size_t length = strlen(text);
    if (style->comma && strchr(text, ',') != NULL) {
        if (length >= sizeof copy || strchr(text, '.') != NULL) {
            return false;
        }
        memcpy(copy, text, length + 1);
        *strchr(copy, ',') = '.';
        text = copy;
    }
    return length > 0 && number_scan_double(text, style->locale, value) == length;
}

bool cell_value(const struct cell_style *style, const struct cell_column *column, const char *text,
                double *value)
{
    bool has_time;
    return column->kind == MLP_COLUMN_DATE ? date_parse(text, value, &has_time)
                                           : parse_double(style, text, value);
}

bool cell_missing_by_number(const struct cell_style *style)
{
    double value;
    for (size_t i = 0; i < text_list_count(style->missing_words); i++) {
        if (parse_double(style, text_list_get(style->missing_words, i), &value)) {
            return true;
        }
    }
    return false;
}

/* 1 or 0, or −1 for other text. */
static int boolean_of(const char *text)
{
    static const char *const words[] = { "false", "true", "no", "yes", "f", "t", "n", "y" };
    for (int i = 0; i < (int)(sizeof words / sizeof words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return i % 2;
        }
    }
    return -1;
}

/* A boolean, or the digit 0 or 1. */
static int flag_of(const char *text)
{
    const bool digit = (text[0] == '0' || text[0] == '1') && text[1] == '\0';
    return digit ? text[0] - '0' : boolean_of(text);
}

/* 1,234 or -12,345,678.9; with points where fractions follow a comma; also 1 234 and 1'234. */
static bool has_thousands(const struct cell_style *style, const char *text)
{
    const char *separators = style->comma ? ". '" : ", '";
    text += *text == '-' || *text == '+';
    const size_t lead = strspn(text, "0123456789");
    const char separator = text[lead];
    if (lead == 0 || lead > 3 || separator == '\0' || strchr(separators, separator) == NULL) {
        return false;
    }
    for (text += lead; *text == separator; text += 4) {
        if (strspn(text + 1, "0123456789") != 3) {
            return false;
        }
    }
    return *text == '\0' || *text == (style->comma ? ',' : '.');
}

unsigned cell_look(const struct cell_style *style, const char *text)
{
    double value;
    bool has_time;
    unsigned look = 0;
    if (parse_double(style, text, &value) || strcasecmp(text + strspn(text, "+-"), "inf") == 0) {
        look |= LOOK_NUMBER;
    }
    look |= boolean_of(text) >= 0 ? LOOK_BOOLEAN : 0;
    look |= flag_of(text) >= 0 ? LOOK_FLAG : 0;
    look |= date_parse(text, &value, &has_time) ? LOOK_DATE : 0;
    look |= has_thousands(style, text) ? LOOK_THOUSANDS : 0;
    return look;
}

/* ---- parsing ------------------------------------------------------------------------------------------- */

static mlp_status parse_number(const struct cell_style *style, struct cell_column *column, const char *text,
                               union cell *cell)
{
    double value;
    FAIL_IF(strcasecmp(text + strspn(text, "+-"), "inf") == 0 ||
                strcasecmp(text + strspn(text, "+-"), "infinity") == 0,
            MLP_ERROR_FORMAT, "expected a finite number, got '%.64s'", text);
    if (!parse_double(style, text, &value)) {
        return fail(MLP_ERROR_FORMAT, "expected a number, got '%.64s'%s", text,
                    has_thousands(style, text) ? ": write numbers without separators of thousands" : "");
    }
    cell->number = number_to_float(value - column->offset);
    FAIL_IF(isinf(cell->number), MLP_ERROR_FORMAT, "number out of the range of float: '%.64s'", text);
    FAIL_IF(column->role == MLP_ROLE_WEIGHT && value < 0.0, MLP_ERROR_FORMAT,
            "expected a weight of at least 0, got '%.64s'", text);
    return MLP_OK;
}

static mlp_status parse_boolean(const struct cell_style *style, struct cell_column *column, const char *text,
                                union cell *cell)
{
    const int flag = flag_of(text);
    (void)style;
    (void)column;
    FAIL_IF(flag < 0, MLP_ERROR_FORMAT, "expected true or false, got '%.64s'", text);
    cell->number = (float)flag;
    return MLP_OK;
}

mlp_status cell_check_text(const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const size_t length = utf8_length(at);
        FAIL_IF(length == 0, MLP_ERROR_FORMAT,
                "'%.64s' is not UTF-8 (Latin-1?): convert the file, as by iconv -f LATIN1 -t UTF-8", text);
        at += length;
    }
    return MLP_OK;
}

static mlp_status parse_level(const struct cell_style *style, struct cell_column *column, const char *text,
                              union cell *cell)
{
    size_t number = text_pool_find(column->levels, text);
    (void)style;
    if (number == SIZE_MAX && column->grows) {
        TRY(cell_check_text(text));
        TRY(text_pool_add(column->levels, text, &number));
        FAIL_IF(number >= (size_t)INT32_MAX, MLP_ERROR_FORMAT, "more than %d different texts", INT32_MAX);
    }
    FAIL_IF(number == SIZE_MAX && column->role == MLP_ROLE_LABEL, MLP_ERROR_FORMAT,
            "label '%.64s' is none of the %zu known classes", text, text_list_count(&column->levels->texts));
    cell->level = number != SIZE_MAX ? (uint32_t)number : LEVEL_UNSEEN;
    return MLP_OK;
}

static mlp_status parse_date(const struct cell_style *style, struct cell_column *column, const char *text,
                             union cell *cell)
{
    double days;
    bool has_time;
    (void)style;
    FAIL_IF(!date_parse(text, &days, &has_time), MLP_ERROR_FORMAT,
            "expected a date, as 2024-12-31 or 2024-12-31T23:59:59, got '%.64s'", text);
    column->has_time |= has_time;
    cell->number = (float)(days - column->offset);
    return MLP_OK;
}

mlp_status cell_parse(const struct cell_style *style, struct cell_column *column, const char *text,
                      union cell *cell, enum cell_result *result)
{
    static mlp_status (*const parsers[])(const struct cell_style *, struct cell_column *, const char *,
                                         union cell *) = {
        [MLP_COLUMN_NUMERIC] = parse_number,
        [MLP_COLUMN_BOOLEAN] = parse_boolean,
        [MLP_COLUMN_CATEGORICAL] = parse_level,
        [MLP_COLUMN_DATE] = parse_date,
    };
    *result = CELL_TAKEN;
    if (cell_misses(style, column, text)) {
        *result = CELL_MISSING;
        column->missing++;
        if (column->kind == MLP_COLUMN_CATEGORICAL) {
            cell->level = LEVEL_MISSING;
        } else {
            cell->number = NAN;
        }
        return MLP_OK;
    }
    return parsers[column->kind](style, column, text, cell);
}
