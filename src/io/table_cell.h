/* From a field's text to a cell, by the kind of its column. */
#ifndef IO_TABLE_CELL_H
#define IO_TABLE_CELL_H

#include "base/platform.h"
#include "base/text_pool.h"
#include "data/schema.h"

/* How values are written. */
struct cell_style {
    locale_t locale; /* "C" */
    bool comma;      /* fractions follow a comma */
    const struct text_list *missing_words;
    const char *label_word; /* or NULL */
};

/* What a text looks like. Values are bits. */
enum cell_look {
    LOOK_NUMBER = 1,
    LOOK_BOOLEAN = 2,   /* true, false, yes, no, t, f, y, n in any case */
    LOOK_DATE = 4,      /* ISO 8601 */
    LOOK_THOUSANDS = 8, /* a number with separators of thousands */
    LOOK_FLAG = 16      /* 0, 1 or a boolean */
};

/* A column of a file that is being read. */
struct cell_column {
    const char *name; /* or NULL */
    size_t number;    /* in the file, from 0 */
    mlp_column_role role;
    mlp_column_kind kind;
    double offset;
    struct text_pool *levels; /* of texts */
    bool grows;               /* levels that are new are added; otherwise they are unseen */
    size_t cell;              /* in the row; SIZE_MAX: not a cell */
    size_t missing;           /* values, those of rows left out included */
    bool has_time;            /* of dates: one had a time of day */
    bool counts;              /* 0, 1, 2, … over the head */
};

enum cell_result { CELL_TAKEN, CELL_MISSING };

bool cell_is_missing(const struct cell_style *style, const char *text);
/* The same of a value of a column: of a label `label_word` is not. */
bool cell_misses(const struct cell_style *style, const struct cell_column *column, const char *text);
unsigned cell_look(const struct cell_style *style, const char *text);

/* The number, or the days of a date, that a text stands for. False where it is none. */
bool cell_value(const struct cell_style *style, const struct cell_column *column, const char *text,
                double *value);

/* FORMAT for text that is not UTF-8, which files of models cannot keep. */
mlp_status cell_check_text(const char *text);

/* Whether a missing value may be written as a number. */
bool cell_missing_by_number(const struct cell_style *style);

/* Makes the cell of a text. A missing value is a cell, too, and counts; of a label `label_word` is none.
 * FORMAT, with a message that says what was expected and what came, but not where. */
mlp_status cell_parse(const struct cell_style *style, struct cell_column *column, const char *text,
                      union cell *cell, enum cell_result *result);

/* Days since 1970-01-01 (UTC where a zone is given) of YYYY-MM-DD, alone or followed by 'T' or a blank,
 * HH:MM, :SS, a fraction and Z or ±HH:MM. False for other text. */
bool date_parse(const char *text, double *days, bool *has_time);

#endif
