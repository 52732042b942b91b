/* Arrays of numbers in files as targets: classes or values. */
#include <stdio.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "io/csv_labels.h"
#include "io/number_array.h"

/* Below this a label is taken for the index of its class, as it is below the number of samples. */
enum { INDEX_LIMIT = 256, NUMBER_SIZE = 24 };

/* What labels are in a file that holds but numbers. */
struct numbers {
    const char *path;
    const struct number_array *array;
    const unsigned char *bytes;
    const mlp_csv_options *options; /* names of classes, or NULL */
};

/* Checked before. */
static int64_t label_at(const struct numbers *n, size_t sample)
{
    int64_t label = 0;
    number_array_whole(n->array, n->bytes + sample * n->array->size, &label);
    return label;
}

/* The largest label; *small: all are indices of classes. RANGE where one is beyond what can be told. */
static mlp_status look_over(const struct numbers *n, int64_t *largest, bool *small)
{
    const int64_t limit = n->array->count > INDEX_LIMIT ? (int64_t)n->array->count : INDEX_LIMIT;
    *largest = 0;
    *small = true;
    for (size_t i = 0; i < n->array->count; i++) {
        int64_t label;
        FAIL_IF(!number_array_whole(n->array, n->bytes + i * n->array->size, &label), MLP_ERROR_FORMAT,
                "%s: the label of sample %zu is above %lld", n->path, i, (long long)INT64_MAX);
        *largest = label > *largest ? label : *largest;
        *small = *small && label >= 0 && label < limit;
    }
    return MLP_OK;
}

static mlp_status add_labels(const struct numbers *n, struct csv_labels *labels)
{
    char text[NUMBER_SIZE];
    for (size_t i = 0; i < n->array->count; i++) {
        snprintf(text, sizeof text, "%lld", (long long)label_at(n, i));
        TRY(csv_labels_add(labels, text, i));
    }
    return MLP_OK;
}

/* By the names of classes, or each different number for itself. */
static mlp_status name_classes(const struct numbers *n, struct storage *storage)
{
    struct csv_labels labels;
    int32_t *classes = NULL;
    mlp_status status =
        csv_labels_begin(&labels, n->path, n->options->class_names, n->options->class_name_count);
    labels.place = "sample";
    status = status == MLP_OK ? add_labels(n, &labels) : status;
    status = status == MLP_OK ? csv_labels_resolve(&labels, &classes, &storage->class_names) : status;
    csv_labels_free(&labels);
    storage->classes = storage->owned[STORAGE_TARGETS] = classes;
    storage->class_count = text_list_count(&storage->class_names);
    return status;
}

static mlp_status index_classes(const struct numbers *n, int64_t largest, struct storage *storage)
{
    int32_t *classes = memory_allocate(n->array->count, sizeof *classes);
    storage->classes = storage->owned[STORAGE_TARGETS] = classes;
    REQUIRE_MEMORY(classes);
    for (size_t i = 0; i < n->array->count; i++) {
        classes[i] = (int32_t)label_at(n, i);
    }
    storage->class_count = (size_t)largest + 1;
    return MLP_OK;
}

/* Names of classes that are no numbers are in the order of the labels. */
static mlp_status make_classes(const struct numbers *n, struct storage *storage)
{
    int64_t largest;
    bool small;
    mlp_status status = MLP_ERROR_FORMAT;
    TRY(look_over(n, &largest, &small));
    if (!small || n->options->class_name_count > 0) {
        status = name_classes(n, storage);
    }
    return status == MLP_ERROR_FORMAT && small ? index_classes(n, largest, storage) : status;
}

static mlp_status load_classes(struct byte_reader *reader, const struct number_array *a,
                               const mlp_csv_options *options, struct storage *storage)
{
    size_t total;
    void *bytes;
    TRY(number_array_bytes(byte_reader_path(reader), a, &total));
    TRY(byte_reader_array(reader, total, "values", &bytes));
    const struct numbers numbers = { byte_reader_path(reader), a, bytes, options };
    mlp_status status = byte_reader_at_end(reader);
    status = status == MLP_OK ? make_classes(&numbers, storage) : status;
    memory_free(bytes);
    return status;
}

mlp_status number_array_targets(struct byte_reader *reader, const struct number_array *a,
                                const mlp_data_options *options, struct storage *storage)
{
    const char *path = byte_reader_path(reader);
    mlp_csv_options csv;
    TRY(ACCEPT_OPTIONS(mlp_csv_options, MLP_CSV_OPTIONS_INIT, options->csv, &csv));
    FAIL_IF(a->count != storage->count, MLP_ERROR_FORMAT,
            "%s: %zu labels, expected one for each of the %zu samples", path, a->count, storage->count);
    if (a->kind != VALUE_FLOAT && a->width == 1 && csv.regression == 0) {
        return load_classes(reader, a, &csv, storage);
    }
    TRY(number_array_load(reader, a, &storage->owned[STORAGE_TARGETS]));
    storage->values = storage->owned[STORAGE_TARGETS];
    storage->outputs = a->width;
    return MLP_OK;
}
