/* How the text of a table is written, found by looking at its head. */
#include "io/table_style.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

enum { LINES_LOOKED_AT = 100 };

/* The head of the file. */
struct head {
    const char *text;
    size_t size;
    bool bare_cr;
};

/* ---- the encoding -------------------------------------------------------------------------------------- */

static mlp_status check_encoding(const char *path, const struct head *head)
{
    const bool marked =
        head->size >= 2 && (memcmp(head->text, "\xFF\xFE", 2) == 0 || memcmp(head->text, "\xFE\xFF", 2) == 0);
    FAIL_IF(marked || memchr(head->text, '\0', head->size) != NULL, MLP_ERROR_FORMAT,
            "%s: %s, expected UTF-8: convert it, as by iconv -f UTF-16 -t UTF-8", path,
            marked ? "UTF-16 text" : "NUL bytes: UTF-16, or no text");
    return MLP_OK;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

/* The end of the line that begins at `text`, or NULL where the head ends before; line ends inside quotes are
 * not one. */
static const char *line_end(const struct head *head, const char *text)
{
    const char *end = head->text + head->size;
    bool quoted = false;
    for (; text < end; text++) {
        quoted ^= *text == '"';
        if (!quoted && (*text == '\n' || (head->bare_cr && *text == '\r'))) {
            return text;
        }
    }
    return NULL;
}

/* Fields of a line between `delimiter`s outside of quotes; of runs of blanks where it is ' '. */
static size_t count_fields(const char *text, const char *end, char delimiter)
{
    size_t fields = 1;
    bool quoted = false;
    if (delimiter == ' ') {
        bool inside = false;
        fields = 0;
        for (; text < end; text++) {
            const bool blank = !quoted && (*text == ' ' || *text == '\t' || *text == '\r');
            quoted ^= *text == '"';
            fields += !inside && !blank;
            inside = !blank;
        }
        return fields;
    }
    for (; text < end; text++) {
        quoted ^= *text == '"';
        fields += !quoted && *text == delimiter;
    }
    return fields;
}

/* How the lines of the head agree on a delimiter. */
struct agreement {
    size_t fields; /* of the first line that is no comment */
    size_t lines;
    size_t agreeing; /* lines of so many fields */
};

/* With `marked` those that begin with '#' count, too. */
static struct agreement agreement_of(const struct head *head, char delimiter, bool marked)
{
    struct agreement agreement = { 0 };
    const char *line = head->text, *end = head->text + head->size;
    while (line < end && agreement.lines < LINES_LOOKED_AT) {
        const char *stop = line_end(head, line);
        if (stop == NULL && agreement.lines > 0) {
            break; /* it may go on beyond the head */
        }
        stop = stop != NULL ? stop : end;
        if ((marked || *line != '#') && *line != '\n' && *line != '\r') {
            const size_t fields = count_fields(line, stop, delimiter);
            agreement.fields = agreement.lines == 0 ? fields : agreement.fields;
            agreement.agreeing += fields == agreement.fields;
            agreement.lines++;
        }
        line = stop + 1;
    }
    return agreement;
}

/* Where all lines begin with '#', none is a comment. */
static struct agreement agreement_on(const struct head *head, char delimiter)
{
    const struct agreement agreement = agreement_of(head, delimiter, false);
    return agreement.lines > 0 ? agreement : agreement_of(head, delimiter, true);
}

/* The first on which all lines agree with more than one field; blanks come last, since texts hold them. Else
 * the one on which most agree. */
static char find_delimiter(const struct head *head)
{
    static const char candidates[] = { '\t', '|', ';', ',', ' ' };
    char best = ',';
    size_t most = 0;
    for (size_t i = 0; i < sizeof candidates; i++) {
        const struct agreement agreement = agreement_on(head, candidates[i]);
        const bool several = agreement.fields > 1;
        if (several && agreement.agreeing == agreement.lines) {
            return candidates[i];
        }
        if (several && candidates[i] != ' ' && agreement.agreeing > most) {
            best = candidates[i];
            most = agreement.agreeing;
        }
    }
    return best;
}

/* ---- fractions ----------------------------------------------------------------------------------------- */

/* What a run of digits, points and commas says of the mark before a fraction. A point before three digits may
 * separate thousands, and several points are a date's or an address's. */
static void count_marks(const char *text, size_t length, size_t *commas, size_t *points)
{
    size_t point_count = 0, comma_count = 0, last = 0;
    for (size_t i = 0; i < length; i++) {
        point_count += text[i] == '.';
        comma_count += text[i] == ',';
        last = text[i] == '.' || text[i] == ',' ? i : last;
    }
    if (last == 0 || last + 1 == length) {
        return;
    }
    *commas += text[last] == ',' && comma_count == 1;
    *points += text[last] == '.' && point_count == 1 && (length - last != 4 || last > 3 || comma_count > 0);
}

/* Whether fractions in the head follow commas, and none a point, as far as it can be told. */
static bool has_decimal_commas(const struct head *head, char delimiter)
{
    const char around[] = { '\n', '\r', ' ', '\t', '"', '+', '-', delimiter, '\0' };
    size_t commas = 0, points = 0;
    for (size_t i = 0; i < head->size;) {
        const size_t first = i;
        while (i < head->size &&
               (isdigit((unsigned char)head->text[i]) != 0 || head->text[i] == '.' || head->text[i] == ',')) {
            i++;
        }
        const bool begins = first == 0 || strchr(around, head->text[first - 1]) != NULL;
        const bool ends = i == head->size || strchr(around, head->text[i]) != NULL ||
                          toupper((unsigned char)head->text[i]) == 'E';
        if (begins && ends) {
            count_marks(head->text + first, i - first, &commas, &points);
        }
        i += i == first;
    }
    return commas > 0 && points == 0;
}

/* ---- all together -------------------------------------------------------------------------------------- */

/* "sep=;" in the first line, which spreadsheets understand. */
static mlp_status take_separator_line(struct csv_reader *reader, struct head *head, char *delimiter)
{
    const char *end = memchr(head->text, head->bare_cr ? '\r' : '\n', head->size);
    const size_t mark = head->size >= 3 && memcmp(head->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (end == NULL || head->size < mark + 6 || strncmp(head->text + mark, "sep=", 4) != 0) {
        return MLP_OK;
    }
    const size_t length = (size_t)(end - head->text);
    if (length - mark > 6 || length - mark < 5) {
        return MLP_OK;
    }
    *delimiter = *delimiter == 0 ? head->text[mark + 4] : *delimiter;
    csv_skip(reader, length + 1, 1);
    return csv_peek_bytes(reader, &head->text, &head->size);
}

mlp_status table_style_find(struct csv_reader *reader, const mlp_table_options *options,
                            struct table_style *style)
{
    struct head head;
    char delimiter = options->delimiter;
    TRY(csv_peek_bytes(reader, &head.text, &head.size));
    TRY(check_encoding(byte_reader_path(reader->bytes), &head));
    head.bare_cr = memchr(head.text, '\n', head.size) == NULL && memchr(head.text, '\r', head.size) != NULL;
    TRY(take_separator_line(reader, &head, &delimiter));
    *style = (struct table_style){ .found = delimiter == 0 };
    style->delimiter = delimiter != 0 ? delimiter : find_delimiter(&head);
    style->comma = options->decimal == ',' || (options->decimal == 0 && style->delimiter != ',' &&
                                               has_decimal_commas(&head, style->delimiter));
    style->fields = agreement_on(&head, style->delimiter).fields;
    FAIL_IF(style->comma && style->delimiter == ',', MLP_ERROR_ARGUMENT,
            "%s: a comma cannot be both the delimiter and the decimal mark", byte_reader_path(reader->bytes));
    reader->delimiter = style->delimiter;
    reader->blanks = style->delimiter == ' ';
    reader->bare_cr = head.bare_cr;
    return MLP_OK;
}

const char *table_delimiter_name(char delimiter, char text[4])
{
    if (delimiter == '\t' || delimiter == ' ') {
        return delimiter == ' ' ? "blanks" : "tab";
    }
    snprintf(text, 4, "'%c'", delimiter);
    return text;
}
