/* Data sets from CSV files. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "io/csv_labels.h"
#include "io/csv_number.h"
#include "io/csv_reader.h"
#include "io/data_format.h"
#include "io/unpacked_file.h"

enum { LABEL_LAST = -1, LABEL_NONE = -2 };

struct loading {
    const char *path;
    mlp_csv_options options;
    locale_t locale; /* "C": a decimal point, whatever the program's locale */
    struct csv_reader reader;
    bool scans_lines; /* numbers are read where they stand: no delimiter is a character of numbers */
    size_t columns;
    size_t label;            /* column of the label, or `columns` when there is none */
    struct text_list header; /* names of the columns, or none */
    bool on_disk;            /* the features go to `file`, and `features` holds one sample */
    struct unpacked_file file;
    struct array features; /* float */
    struct array values;   /* float: regression targets */
    struct csv_labels labels;
    size_t count; /* samples */
};

static size_t input_count(const struct loading *l)
{
    return l->columns - (l->label < l->columns);
}

static bool is_labelled(const struct loading *l)
{
    return l->label < l->columns;
}

/* ---- a sample ------------------------------------------------------------------------------------------ */

static mlp_status bad_field(const struct loading *l, size_t column, const char *what, const char *text)
{
    const char *name = text_list_count(&l->header) > 0 ? text_list_get(&l->header, column) : NULL;
    return fail(MLP_ERROR_FORMAT, "%s: line %zu, column %zu%s%.64s%s: %s%s%.64s%s", l->path, l->reader.line,
                column + 1, name != NULL ? " (" : "", name != NULL ? name : "", name != NULL ? ")" : "", what,
                text != NULL ? " '" : "", text != NULL ? text : "", text != NULL ? "'" : "");
}

static mlp_status read_number(const struct loading *l, size_t column, float *out)
{
    static const char *const reasons[] = {
        [NUMBER_TOO_LARGE] = "number out of the range of float:",
        [NUMBER_INFINITE] = "expected a finite number, got",
        [NUMBER_MISSING] = "missing value",
        [NUMBER_NONE] = "expected a number, got",
    };
    const char *text = csv_field_text(&l->reader, column);
    const enum number_kind kind = number_parse(text, l->locale, out);
    return kind == NUMBER_FINITE ? MLP_OK
                                 : bad_field(l, column, reasons[kind], text[0] != '\0' ? text : NULL);
}

/* Room for one sample more: *x for its features, *value for its target. */
static mlp_status make_room(struct loading *l, float **x, float **value)
{
    *x = array_room(&l->features, input_count(l), sizeof(float));
    *value = array_room(&l->values, 1, sizeof(float));
    return *x != NULL && *value != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

/* Keeps the sample for which room was made; `label` is its class, NULL without classes. */
static mlp_status keep_sample(struct loading *l, const float *x, const char *label)
{
    if (label != NULL) {
        TRY(csv_labels_add(&l->labels, label, l->reader.line));
    }
    if (l->on_disk) {
        TRY(unpacked_file_append(&l->file, x, input_count(l) * sizeof(float)));
    } else {
        l->features.count += input_count(l);
    }
    l->values.count += l->options.regression != 0;
    l->count++;
    return MLP_OK;
}

/* From the record that was read. */
static mlp_status take_record(struct loading *l)
{
    const size_t fields = l->reader.fields.count;
    const char *label = NULL;
    float *x, *value;
    FAIL_IF(fields != l->columns, MLP_ERROR_FORMAT,
            "%s: line %zu, column %zu: the line has %zu fields, expected %zu", l->path, l->reader.line,
            (fields < l->columns ? fields : l->columns) + 1, fields, l->columns);
    TRY(make_room(l, &x, &value));
    for (size_t column = 0, f = 0; column < l->columns; column++) {
        if (column != l->label) {
            TRY(read_number(l, column, &x[f++]));
        }
    }
    if (is_labelled(l)) {
        label = csv_field_text(&l->reader, l->label);
        if (label[0] == '\0') {
            return bad_field(l, l->label, "missing label", NULL);
        }
        if (l->options.regression != 0) {
            TRY(read_number(l, l->label, value));
            label = NULL;
        }
    }
    return keep_sample(l, x, label);
}

/* ---- lines of nothing but numbers and a label ---------------------------------------------------------- */

/* Length of the label at `text`; 0 where there is none, or one with quotes, blanks or a NUL. */
static size_t scan_label(const char *text, char delimiter)
{
    size_t length = 0;
    while (text[length] != delimiter && text[length] != '\n' && text[length] != '\r') {
        if (text[length] == '\0' || strchr("\" \t", text[length]) != NULL) {
            return 0;
        }
        length++;
    }
    return length;
}

/* Reads the fields of a line where they stand; returns its '\n', or NULL for a line that holds anything else,
 * wrong or right. *label is the class, which ends with a NUL once the line is taken; NULL without classes. */
static char *scan_line(const struct loading *l, char *line, float *x, float *value, char **label)
{
    char *label_end = line;
    *label = NULL;
    for (size_t column = 0; column < l->columns; column++) {
        const bool is_label = column == l->label, is_class = is_label && l->options.regression == 0;
        float *out = is_label ? value : x;
        const size_t length = is_class ? scan_label(line, l->reader.delimiter)
                                       : number_scan(line, csv_readable(&l->reader), l->locale, out);
        if (length == 0 || (!is_class && isinf(*out))) {
            return NULL;
        }
        if (is_class) {
            *label = line;
            label_end = line + length;
        }
        x += !is_label;
        line += length;
        if (column + 1 < l->columns && *line++ != l->reader.delimiter) {
            return NULL;
        }
    }
    line += *line == '\r';
    if (*line != '\n') {
        return NULL;
    }
    if (*label != NULL) {
        *label_end = '\0';
    }
    return line;
}

/* Takes the next line, if it is one of those. */
static mlp_status take_line(struct loading *l, bool *taken)
{
    char *line, *label, *end = NULL;
    float *x, *value;
    *taken = false;
    TRY(csv_peek_line(&l->reader, &line));
    TRY(make_room(l, &x, &value));
    if (line != NULL) {
        end = scan_line(l, line, x, value, &label);
    }
    if (end == NULL) {
        return MLP_OK;
    }
    *taken = true;
    csv_take_line(&l->reader, end);
    return keep_sample(l, x, label);
}

/* ---- the first line ------------------------------------------------------------------------------------ */

/* Which column is the label, from its index; the name is looked up once there is a header. */
static mlp_status label_by_index(struct loading *l)
{
    const long index = l->options.label_index;
    l->columns = l->reader.fields.count;
    FAIL_IF(index < LABEL_NONE || (index >= 0 && (size_t)index >= l->columns), MLP_ERROR_ARGUMENT,
            "%s: label_index is %ld, expected 0 to %zu, -1 (the last) or -2 (none)", l->path, index,
            l->columns - 1);
    l->label = index >= 0 ? (size_t)index : l->columns - (index == LABEL_LAST);
    return MLP_OK;
}

static mlp_status label_by_name(struct loading *l)
{
    for (size_t column = 0; column < l->columns; column++) {
        if (strcmp(text_list_get(&l->header, column), l->options.label) == 0) {
            l->label = column;
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_ARGUMENT, "%s: no column is named '%.64s'", l->path, l->options.label);
}

/* The first line is taken for a header when a field that is not a class is neither a number nor missing. */
static bool looks_like_header(const struct loading *l)
{
    float value;
    for (size_t column = 0; column < l->columns; column++) {
        const char *text = csv_field_text(&l->reader, column);
        if ((column != l->label || l->options.regression != 0) &&
            number_parse(text, l->locale, &value) == NUMBER_NONE) {
            return true;
        }
    }
    return false;
}

static mlp_status take_header(struct loading *l)
{
    for (size_t column = 0; column < l->columns; column++) {
        TRY(text_list_append(&l->header, csv_field_text(&l->reader, column)));
    }
    return l->options.label != NULL ? label_by_name(l) : MLP_OK;
}

static bool is_blank_line(const struct csv_reader *reader)
{
    return reader->fields.count == 1 && !csv_field_quoted(reader, 0) && csv_field_text(reader, 0)[0] == '\0';
}

static mlp_status read_first(struct loading *l)
{
    bool found;
    TRY(csv_next(&l->reader, &found));
    FAIL_IF(!found, MLP_ERROR_FORMAT, "%s: the file is empty", l->path);
    FAIL_IF(is_blank_line(&l->reader), MLP_ERROR_FORMAT, "%s: line 1 is blank", l->path);
    TRY(label_by_index(l));
    const bool header =
        l->options.header > 0 || l->options.label != NULL || (l->options.header < 0 && looks_like_header(l));
    if (header) {
        TRY(take_header(l));
    }
    FAIL_IF(input_count(l) == 0, MLP_ERROR_FORMAT,
            "%s: one column, which is the label: expected features too", l->path);
    return header ? MLP_OK : take_record(l);
}

/* ---- the file ------------------------------------------------------------------------------------------ */

/* Blank lines are fine at the end of the file and nowhere else. */
static mlp_status read_samples(struct loading *l)
{
    size_t blank = 0;
    bool found = true, taken = false;
    TRY(read_first(l));
    while (found) {
        if (l->scans_lines && blank == 0) {
            TRY(take_line(l, &taken));
        }
        if (taken) {
            continue;
        }
        TRY(csv_next(&l->reader, &found));
        if (!found) {
            break;
        }
        if (is_blank_line(&l->reader)) {
            blank = blank > 0 ? blank : l->reader.line;
        } else if (blank > 0) {
            return fail(MLP_ERROR_FORMAT, "%s: line %zu is blank", l->path, blank);
        } else {
            TRY(take_record(l));
        }
    }
    return l->count > 0 ? MLP_OK : fail(MLP_ERROR_FORMAT, "%s: a header and no samples", l->path);
}

static mlp_status hand_over_features(struct loading *l, struct storage *s)
{
    s->count = l->count;
    s->inputs = input_count(l);
    if (l->on_disk) {
        const struct feature_file layout = { .inputs = s->inputs, .kind = FEATURE_FLOATS };
        int descriptor;
        TRY(unpacked_file_take(&l->file, &descriptor));
        s->file = feature_file_make(descriptor, l->path, &layout);
        return s->file != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    s->features = s->owned[STORAGE_FEATURES] = array_take(&l->features);
    return MLP_OK;
}

/* Hands what was read over to a storage, which owns it from then on. */
static mlp_status fill_storage(struct loading *l, struct storage *s)
{
    TRY(hand_over_features(l, s));
    if (l->options.regression != 0 && is_labelled(l)) {
        s->values = s->owned[STORAGE_TARGETS] = array_take(&l->values);
        s->outputs = 1;
    } else if (is_labelled(l)) {
        int32_t *classes;
        TRY(csv_labels_resolve(&l->labels, &classes, &s->class_names));
        s->classes = s->owned[STORAGE_TARGETS] = classes;
        s->class_count = text_list_count(&s->class_names);
    }
    if (text_list_count(&l->header) > 0 && is_labelled(l)) {
        text_list_remove(&l->header, l->label);
    }
    s->feature_names = l->header;
    l->header = (struct text_list){ 0 };
    return MLP_OK;
}

static void release(struct loading *l)
{
    text_list_free(&l->header);
    array_free(&l->features);
    array_free(&l->values);
    csv_labels_free(&l->labels);
    csv_close(&l->reader);
    unpacked_file_close(&l->file);
    if (l->locale != (locale_t)0) {
        platform_free_locale(l->locale);
    }
}

static mlp_status check_options(const mlp_csv_options *options)
{
    FAIL_IF(options->delimiter == '"' || options->delimiter == '\n' || options->delimiter == '\r',
            MLP_ERROR_ARGUMENT, "CSV options: the delimiter cannot be a quote or a line end");
    FAIL_IF(options->header < -1 || options->header > 1, MLP_ERROR_ARGUMENT,
            "CSV options: header is %d, expected -1 (automatic), 0 or 1", options->header);
    FAIL_IF(options->label != NULL && options->header == 0, MLP_ERROR_ARGUMENT,
            "CSV options: label '%.64s' needs a header, but header is 0", options->label);
    FAIL_IF((options->class_names == NULL) != (options->class_name_count == 0), MLP_ERROR_ARGUMENT,
            "CSV options: class_names is %s, but class_name_count is %zu",
            options->class_names == NULL ? "NULL" : "set", options->class_name_count);
    return MLP_OK;
}

static mlp_status load(struct loading *l, const struct data_file *file, struct storage *storage)
{
    const mlp_csv_options *o = &l->options;
    TRY(csv_labels_begin(&l->labels, file->path, o->class_names, o->class_name_count));
    TRY(number_locale(&l->locale));
    if (l->on_disk) {
        TRY(unpacked_file_create(file->path, file->options->folder, &l->file));
    }
    TRY(read_samples(l));
    return fill_storage(l, storage);
}

mlp_status csv_load(const struct data_file *file, struct storage *storage)
{
    struct loading l = { .path = file->path, .on_disk = file->options->stream != 0, .file.descriptor = -1 };
    TRY(ACCEPT_OPTIONS(mlp_csv_options, MLP_CSV_OPTIONS_INIT, file->options->csv, &l.options));
    TRY(check_options(&l.options));
    const char delimiter = l.options.delimiter != 0 ? l.options.delimiter : ',';
    csv_begin(&l.reader, file->bytes, delimiter);
    l.scans_lines = strchr("0123456789+-.eE", delimiter) == NULL;
    const mlp_status status = load(&l, file, storage);
    release(&l);
    return status;
}
