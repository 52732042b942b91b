/* What a table's columns are for and of which kind. */
#include "io/schema_columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "io/offset.h"

/* ---- roles --------------------------------------------------------------------------------------------- */

/* "column 'age' (3)", or "column 3". */
static const char *column_text(const struct cell_column *column, char text[128])
{
    if (column->name != NULL) {
        snprintf(text, 128, "column '%.64s' (%zu)", column->name, column->number + 1);
    } else {
        snprintf(text, 128, "column %zu", column->number + 1);
    }
    return text;
}

static mlp_status give_role(struct table_rows *rows, size_t c, mlp_column_role role)
{
    char text[128];
    struct cell_column *column = &rows->columns[c];
    FAIL_IF(column->role != MLP_ROLE_FEATURE, MLP_ERROR_ARGUMENT, "%s: %s is asked to be both %s and %s",
            rows->file.path, column_text(column, text), mlp_column_role_name(column->role),
            mlp_column_role_name(role));
    column->role = role;
    return MLP_OK;
}

static mlp_status give_roles(struct table_rows *rows, const mlp_texts *names, mlp_column_role role)
{
    for (size_t i = 0; i < names->count; i++) {
        size_t column;
        TRY(table_find_column(&rows->file, names->texts[i], &column));
        TRY(give_role(rows, column, role));
    }
    return MLP_OK;
}

/* A name that is used stands once: a label that is among the features, too, would be read off. */
static mlp_status check_names(const struct table_rows *rows)
{
    for (size_t c = 0; c < rows->file.columns; c++) {
        size_t column;
        if (rows->columns[c].role != MLP_ROLE_IGNORED && rows->columns[c].name != NULL) {
            TRY(table_column_named(&rows->file, rows->columns[c].name, &column));
        }
    }
    return MLP_OK;
}

static mlp_status choose_roles(struct table_rows *rows, const mlp_schema_options *o)
{
    const struct {
        mlp_texts names;
        mlp_column_role role;
    } given[] = {
        { o->labels, MLP_ROLE_LABEL },
        { o->ignored, MLP_ROLE_IGNORED },
        { { &o->id, o->id != NULL }, MLP_ROLE_ID },
        { { &o->weight, o->weight != NULL }, MLP_ROLE_WEIGHT },
        { { &o->group, o->group != NULL }, MLP_ROLE_GROUP },
    };
    for (size_t c = 0; c < rows->file.columns; c++) {
        rows->columns[c].role = MLP_ROLE_FEATURE;
    }
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        TRY(give_roles(rows, &given[i].names, given[i].role));
    }
    if (o->labels.count == 0 && o->no_label == 0) {
        TRY(give_role(rows, rows->file.columns - 1, MLP_ROLE_LABEL));
    }
    return check_names(rows);
}

/* ---- kinds --------------------------------------------------------------------------------------------- */

/* What the values of a column look like in the head. */
struct looks {
    size_t values; /* that are not missing */
    size_t numbers, booleans, dates, flags, thousands;
};

static struct looks look_at(const struct table_file *file, size_t column)
{
    struct looks looks = { 0 };
    for (size_t r = 0; r < table_head_count(file); r++) {
        const char *text = table_head_field(file, r, column);
        if (cell_is_missing(&file->cells, text)) {
            continue;
        }
        const unsigned look = cell_look(&file->cells, text);
        looks.values++;
        looks.numbers += (look & LOOK_NUMBER) != 0;
        looks.booleans += (look & LOOK_BOOLEAN) != 0;
        looks.dates += (look & LOOK_DATE) != 0;
        looks.flags += (look & LOOK_FLAG) != 0;
        looks.thousands += (look & (LOOK_NUMBER | LOOK_THOUSANDS)) == LOOK_THOUSANDS;
    }
    return looks;
}

/* Nine of ten: the others are then refused where they stand. */
static bool mostly(size_t count, const struct looks *looks)
{
    return count > 0 && 10 * count >= 9 * looks->values;
}

static mlp_column_kind kind_of(const struct looks *looks)
{
    if (looks->values == 0 || mostly(looks->numbers + looks->thousands, looks)) {
        return MLP_COLUMN_NUMERIC;
    }
    if (looks->booleans == looks->values) {
        return MLP_COLUMN_BOOLEAN;
    }
    return mostly(looks->dates, looks) ? MLP_COLUMN_DATE : MLP_COLUMN_CATEGORICAL;
}

static mlp_status choose_feature_kind(const struct table_rows *rows, const mlp_schema_options *options,
                                      struct cell_column *column)
{
    char text[128];
    const struct looks looks = look_at(&rows->file, column->number);
    column->kind = kind_of(&looks);
    FAIL_IF(column->kind == MLP_COLUMN_DATE && options->dates == 0, MLP_ERROR_FORMAT,
            "%s: %s holds dates: --dates reads them as such, --ignore leaves the column out, --categorical "
            "takes each for a level",
            rows->file.path, column_text(column, text));
    return MLP_OK;
}

/* Several labels are flags where all of their values are. */
static mlp_target_kind several_targets(const struct table_rows *rows)
{
    for (size_t c = 0; c < rows->file.columns; c++) {
        const struct looks looks = look_at(&rows->file, c);
        if (rows->columns[c].role == MLP_ROLE_LABEL && looks.flags < looks.values) {
            return MLP_TARGET_NUMBERS;
        }
    }
    return MLP_TARGET_FLAGS;
}

static mlp_target_kind choose_target(const struct table_rows *rows, const mlp_schema_options *options)
{
    size_t labels = 0;
    for (size_t c = 0; c < rows->file.columns; c++) {
        labels += rows->columns[c].role == MLP_ROLE_LABEL;
    }
    if (labels == 0) {
        return MLP_TARGET_NONE;
    }
    if (options->regression != 0) {
        return MLP_TARGET_NUMBERS;
    }
    return labels > 1 ? several_targets(rows) : MLP_TARGET_CLASSES;
}

static mlp_column_kind kind_of_target(mlp_target_kind target)
{
    static const mlp_column_kind kinds[] = {
        [MLP_TARGET_NONE] = MLP_COLUMN_NUMERIC,
        [MLP_TARGET_CLASSES] = MLP_COLUMN_CATEGORICAL,
        [MLP_TARGET_NUMBERS] = MLP_COLUMN_NUMERIC,
        [MLP_TARGET_FLAGS] = MLP_COLUMN_BOOLEAN,
    };
    return kinds[target];
}

static mlp_status choose_kinds(struct table_rows *rows, const mlp_schema_options *options,
                               mlp_target_kind target)
{
    for (size_t c = 0; c < rows->file.columns; c++) {
        struct cell_column *column = &rows->columns[c];
        if (column->role == MLP_ROLE_FEATURE && column->kind != MLP_COLUMN_CATEGORICAL) {
            TRY(choose_feature_kind(rows, options, column));
        } else if (column->role == MLP_ROLE_LABEL) {
            column->kind = kind_of_target(target);
        } else if (column->role == MLP_ROLE_GROUP) {
            column->kind = MLP_COLUMN_CATEGORICAL;
        }
    }
    return MLP_OK;
}

static mlp_status ask_for_levels(struct table_rows *rows, const mlp_texts *names)
{
    for (size_t i = 0; i < names->count; i++) {
        size_t column;
        char text[128];
        TRY(table_find_column(&rows->file, names->texts[i], &column));
        FAIL_IF(rows->columns[column].role != MLP_ROLE_FEATURE, MLP_ERROR_ARGUMENT,
                "%s: %s is asked to be categorical, but is no feature", rows->file.path,
                column_text(&rows->columns[column], text));
        rows->columns[column].kind = MLP_COLUMN_CATEGORICAL;
    }
    return MLP_OK;
}

/* ---- offsets ------------------------------------------------------------------------------------------- */

/* By the head of the file; of days a whole one. */
static double offset_of(const struct table_file *file, const struct cell_column *column)
{
    struct offset_sums sums = { 0 };
    for (size_t r = 0; r < table_head_count(file); r++) {
        const char *text = table_head_field(file, r, column->number);
        double value;
        if (!cell_is_missing(&file->cells, text) && cell_value(&file->cells, column, text, &value)) {
            offset_add(&sums, value);
        }
    }
    return column->kind == MLP_COLUMN_DATE ? floor(offset_mean(&sums)) : offset_of_sums(&sums);
}

/* Whether the text of a column counts 0, 1, 2, … over the head, as an index does. */
static bool column_counts(const struct table_file *file, size_t column)
{
    char number[24];
    for (size_t r = 0; r < table_head_count(file); r++) {
        snprintf(number, sizeof number, "%zu", r);
        if (strcmp(table_head_field(file, r, column), number) != 0) {
            return false;
        }
    }
    return table_head_count(file) > 2;
}

static mlp_status no_features(const struct table_rows *rows)
{
    char text[4];
    const size_t columns = rows->file.columns;
    return columns > 1
               ? fail(MLP_ERROR_FORMAT, "%s: none of the %zu columns is a feature", rows->file.path, columns)
               : fail(MLP_ERROR_FORMAT,
                      "%s: one column, which is the label: expected features too; lines have one "
                      "field with the delimiter %s (--delimiter says otherwise)",
                      rows->file.path, table_delimiter_name(rows->file.style.delimiter, text));
}

mlp_status schema_choose_columns(struct table_rows *rows, const mlp_schema_options *options,
                                 struct text_pool *levels, mlp_target_kind *target)
{
    size_t features = 0;
    TRY(choose_roles(rows, options));
    TRY(ask_for_levels(rows, &options->categorical));
    *target = choose_target(rows, options);
    TRY(choose_kinds(rows, options, *target));
    for (size_t c = 0; c < rows->file.columns; c++) {
        struct cell_column *column = &rows->columns[c];
        const bool is_feature = column->role == MLP_ROLE_FEATURE;
        features += is_feature;
        column->levels = &levels[c];
        column->counts = is_feature && column_counts(&rows->file, c);
        column->grows = column->role != MLP_ROLE_LABEL || options->classes.count == 0;
        if (is_feature && (column->kind == MLP_COLUMN_NUMERIC || column->kind == MLP_COLUMN_DATE)) {
            column->offset = offset_of(&rows->file, column);
        }
    }
    return features > 0 ? MLP_OK : no_features(rows);
}
