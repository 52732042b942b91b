/* Data sets from CSV files. */
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "data/data.h"
#include "io/csv_labels.h"
#include "io/csv_number.h"
#include "io/csv_reader.h"
#include "io/unpacked_file.h"

enum { LABEL_LAST = -1, LABEL_NONE = -2 };

struct loading {
    const char *path;
    const mlp_csv_options *options;
    locale_t locale; /* "C": a decimal point, whatever the program's locale */
    struct csv_reader reader;
    size_t columns;
    size_t label;       /* column of the label, or `columns` when there is none */
    char **header;      /* names of the columns, or NULL */
    bool on_disk;       /* the features go to `file`, and `features` holds one sample */
    const char *folder; /* of `file` */
    struct unpacked_file file;
    float *features;
    size_t feature_capacity; /* floats */
    float *values;           /* regression targets */
    size_t value_capacity;
    struct csv_labels labels;
    size_t count; /* samples */
};

static mlp_status bad_field(const struct loading *l, size_t column, const char *what, const char *text)
{
    const char *name = l->header != NULL ? l->header[column] : NULL;
    return fail(MLP_ERROR_FORMAT, "%s: line %zu, column %zu%s%s%s: %s%s%.64s%s", l->path, l->reader.line,
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

/* Room for `needed` floats. */
static mlp_status reserve(float **array, size_t used, size_t *capacity, size_t needed)
{
    size_t grown = *capacity > 0 ? *capacity : 1024;
    void *floats = *array;
    while (grown < needed) {
        if (!size_multiply(grown, 2, &grown)) {
            return fail(MLP_ERROR_MEMORY, "out of memory for samples");
        }
    }
    if (grown == *capacity) {
        return MLP_OK;
    }
    TRY(memory_resize(&floats, used, grown, sizeof(float)));
    *array = floats;
    *capacity = grown;
    return MLP_OK;
}

static mlp_status take_label(struct loading *l)
{
    const char *text = csv_field_text(&l->reader, l->label);
    if (text[0] == '\0') {
        return bad_field(l, l->label, "missing label", NULL);
    }
    if (l->options->regression != 0) {
        TRY(reserve(&l->values, l->count, &l->value_capacity, l->count + 1));
        return read_number(l, l->label, &l->values[l->count]);
    }
    return csv_labels_add(&l->labels, text, l->reader.line);
}

static mlp_status take_sample(struct loading *l)
{
    const size_t inputs = l->columns - (l->label < l->columns);
    if (l->reader.field_count != l->columns) {
        const size_t first_wrong = l->reader.field_count < l->columns ? l->reader.field_count : l->columns;
        return fail(MLP_ERROR_FORMAT, "%s: line %zu, column %zu: the line has %zu fields, expected %zu",
                    l->path, l->reader.line, first_wrong + 1, l->reader.field_count, l->columns);
    }
    const size_t kept = l->on_disk ? 0 : l->count * inputs;
    TRY(reserve(&l->features, kept, &l->feature_capacity, kept + inputs));
    float *next = l->features + kept;
    for (size_t column = 0; column < l->columns; column++) {
        if (column != l->label) {
            TRY(read_number(l, column, next++));
        }
    }
    if (l->label < l->columns) {
        TRY(take_label(l));
    }
    if (l->on_disk) {
        TRY(unpacked_file_append(&l->file, l->features, inputs * sizeof(float)));
    }
    l->count++;
    return MLP_OK;
}

/* Which column is the label, from its index; the name is looked up once there is a header. */
static mlp_status label_by_index(struct loading *l)
{
    const long index = l->options->label_index;
    l->columns = l->reader.field_count;
    l->label = index == LABEL_NONE ? l->columns : index == LABEL_LAST ? l->columns - 1 : (size_t)index;
    if (index < LABEL_NONE || (index >= 0 && (size_t)index >= l->columns)) {
        return fail(MLP_ERROR_ARGUMENT,
                    "%s: label_index is %ld, expected 0 to %zu, -1 (the last) or -2 (none)", l->path, index,
                    l->columns - 1);
    }
    return MLP_OK;
}

static mlp_status label_by_name(struct loading *l)
{
    for (size_t column = 0; column < l->columns; column++) {
        if (strcmp(l->header[column], l->options->label) == 0) {
            l->label = column;
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_ARGUMENT, "%s: no column is named '%.64s'", l->path, l->options->label);
}

/* The first line is taken for a header when a field that is not a class is neither a number nor missing. */
static bool looks_like_header(const struct loading *l)
{
    float value;
    for (size_t column = 0; column < l->columns; column++) {
        const char *text = csv_field_text(&l->reader, column);
        if ((column != l->label || l->options->regression != 0) &&
            number_parse(text, l->locale, &value) == NUMBER_NONE) {
            return true;
        }
    }
    return false;
}

static mlp_status take_header(struct loading *l)
{
    l->header = memory_allocate(l->columns, sizeof(char *));
    if (l->header == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t column = 0; column < l->columns; column++) {
        l->header[column] = memory_copy_text(csv_field_text(&l->reader, column));
        if (l->header[column] == NULL) {
            return MLP_ERROR_MEMORY;
        }
    }
    return l->options->label != NULL ? label_by_name(l) : MLP_OK;
}

static bool is_blank_line(const struct csv_reader *reader)
{
    return reader->field_count == 1 && !reader->fields[0].quoted && csv_field_text(reader, 0)[0] == '\0';
}

static mlp_status read_first(struct loading *l)
{
    bool found;
    TRY(csv_next(&l->reader, &found));
    if (!found) {
        return fail(MLP_ERROR_FORMAT, "%s: the file is empty", l->path);
    }
    if (is_blank_line(&l->reader)) {
        return fail(MLP_ERROR_FORMAT, "%s: line 1 is blank", l->path);
    }
    TRY(label_by_index(l));
    const bool header = l->options->header > 0 || l->options->label != NULL ||
                        (l->options->header < 0 && looks_like_header(l));
    if (header) {
        TRY(take_header(l));
    }
    if (l->columns == (l->label < l->columns ? 1u : 0u)) {
        return fail(MLP_ERROR_FORMAT, "%s: one column, which is the label: expected features too", l->path);
    }
    return header ? MLP_OK : take_sample(l);
}

/* Blank lines are fine at the end of the file and nowhere else. */
static mlp_status read_samples(struct loading *l)
{
    size_t blank = 0;
    bool found;
    TRY(read_first(l));
    for (;;) {
        TRY(csv_next(&l->reader, &found));
        if (!found) {
            break;
        }
        if (is_blank_line(&l->reader)) {
            blank = blank > 0 ? blank : l->reader.line;
        } else if (blank > 0) {
            return fail(MLP_ERROR_FORMAT, "%s: line %zu is blank", l->path, blank);
        } else {
            TRY(take_sample(l));
        }
    }
    return l->count > 0 ? MLP_OK : fail(MLP_ERROR_FORMAT, "%s: a header and no samples", l->path);
}

static mlp_status hand_over_features(struct loading *l, struct storage *s)
{
    s->count = l->count;
    s->inputs = l->columns - (l->label < l->columns);
    if (l->on_disk) {
        const struct feature_file layout = { .inputs = s->inputs, .kind = FEATURE_FLOATS };
        int descriptor;
        TRY(unpacked_file_take(&l->file, &descriptor));
        s->file = feature_file_make(descriptor, l->path, &layout);
        return s->file != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    s->features = l->features;
    s->owned[0] = l->features;
    l->features = NULL;
    return MLP_OK;
}

static mlp_status hand_over_targets(struct loading *l, struct storage *s)
{
    if (l->values != NULL) {
        s->values = l->values;
        s->owned[1] = l->values;
        s->outputs = 1;
        l->values = NULL;
    } else if (l->label < l->columns) {
        int32_t *classes;
        TRY(csv_labels_resolve(&l->labels, &classes, &s->class_names, &s->class_count));
        s->classes = classes;
        s->owned[1] = classes;
    }
    return MLP_OK;
}

/* Hands what was read over to a storage, which owns it from then on. */
static mlp_status fill_storage(struct loading *l, struct storage *s)
{
    TRY(hand_over_features(l, s));
    TRY(hand_over_targets(l, s));
    if (l->header != NULL) {
        s->feature_names = memory_allocate(s->inputs, sizeof(char *));
        for (size_t column = 0, f = 0; s->feature_names != NULL && column < l->columns; column++) {
            if (column != l->label) {
                s->feature_names[f++] = l->header[column];
                l->header[column] = NULL;
            }
        }
        return s->feature_names != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    return MLP_OK;
}

static void release(struct loading *l)
{
    for (size_t i = 0; l->header != NULL && i < l->columns; i++) {
        memory_free(l->header[i]);
    }
    memory_free(l->header);
    memory_free(l->features);
    memory_free(l->values);
    csv_labels_free(&l->labels);
    csv_close(&l->reader);
    unpacked_file_close(&l->file);
    if (l->locale != (locale_t)0) {
        freelocale(l->locale);
    }
}

static mlp_status load(struct loading *l, mlp_data **data)
{
    const char delimiter = l->options->delimiter != 0 ? l->options->delimiter : ',';
    TRY(number_locale(&l->locale));
    TRY(csv_open(l->path, delimiter, &l->reader));
    TRY(csv_labels_begin(&l->labels));
    if (l->on_disk) {
        TRY(unpacked_file_create(l->path, l->folder, &l->file));
    }
    TRY(read_samples(l));
    struct storage *storage = memory_allocate(1, sizeof *storage);
    if (storage == NULL) {
        return MLP_ERROR_MEMORY;
    }
    const mlp_status status = fill_storage(l, storage);
    if (status != MLP_OK) {
        storage_free(storage);
        return status;
    }
    return data_from_storage(storage, data);
}

static mlp_status check_class_names(const mlp_csv_options *options)
{
    const char *const *names = options->class_names;
    if ((names == NULL) != (options->class_name_count == 0)) {
        return fail(MLP_ERROR_ARGUMENT, "CSV options: class_names is %s, but class_name_count is %zu",
                    names == NULL ? "NULL" : "set", options->class_name_count);
    }
    for (size_t i = 0; i < options->class_name_count; i++) {
        if (names[i] == NULL) {
            return fail(MLP_ERROR_ARGUMENT, "CSV options: class_names[%zu] is NULL", i);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) == 0) {
                return fail(MLP_ERROR_ARGUMENT,
                            "CSV options: class_names[%zu] and class_names[%zu] are both '%.64s'", j, i,
                            names[i]);
            }
        }
    }
    return MLP_OK;
}

static mlp_status check_options(const mlp_csv_options *options)
{
    if (options->delimiter == '"' || options->delimiter == '\n' || options->delimiter == '\r') {
        return fail(MLP_ERROR_ARGUMENT, "CSV options: the delimiter cannot be a quote or a line end");
    }
    if (options->header < -1 || options->header > 1) {
        return fail(MLP_ERROR_ARGUMENT, "CSV options: header is %d, expected -1 (automatic), 0 or 1",
                    options->header);
    }
    if (options->label != NULL && options->header == 0) {
        return fail(MLP_ERROR_ARGUMENT, "CSV options: label '%.64s' needs a header, but header is 0",
                    options->label);
    }
    return check_class_names(options);
}

static mlp_status load_checked(struct loading *loading, const mlp_csv_options *given, mlp_data **data)
{
    mlp_csv_options own;
    const mlp_csv_options *options = loading->options = &own;
    TRY(ACCEPT_OPTIONS(mlp_csv_options, MLP_CSV_OPTIONS_INIT, given, &own));
    TRY(check_options(options));
    loading->labels = (struct csv_labels){ .path = loading->path,
                                           .names = options->class_names,
                                           .name_count = options->class_name_count };
    loading->file.descriptor = -1;
    const mlp_status status = load(loading, data);
    release(loading);
    return status;
}

mlp_status mlp_data_load_csv(const char *path, const mlp_csv_options *options, mlp_data **data)
{
    struct loading loading = { .path = path };
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(path);
    return load_checked(&loading, options, data);
}

mlp_status mlp_data_open_csv(const char *path, const mlp_csv_options *options, const char *folder,
                             mlp_data **data)
{
    struct loading loading = { .path = path, .on_disk = true, .folder = folder };
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(path);
    return load_checked(&loading, options, data);
}
