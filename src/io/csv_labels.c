/* The label column of a CSV file: texts that become class indices. */
#include "io/csv_labels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

static mlp_status reserve(void **array, size_t used, size_t *capacity, size_t needed, size_t size)
{
    size_t grown = *capacity > 0 ? *capacity : 256;
    while (grown < needed) {
        if (!size_multiply(grown, 2, &grown)) {
            return fail(MLP_ERROR_MEMORY, "out of memory for labels");
        }
    }
    if (grown == *capacity) {
        return MLP_OK;
    }
    TRY(memory_resize(array, used, grown, size));
    *capacity = grown;
    return MLP_OK;
}

mlp_status csv_labels_add(struct csv_labels *labels, const char *label, size_t line)
{
    const size_t length = strlen(label) + 1;
    void *text = labels->text, *offsets = labels->offsets, *lines = labels->lines;
    size_t capacity = labels->capacity;
    TRY(reserve(&text, labels->used, &labels->size, labels->used + length, 1));
    labels->text = text;
    TRY(reserve(&offsets, labels->count, &capacity, labels->count + 1, sizeof(size_t)));
    labels->offsets = offsets;
    capacity = labels->lines != NULL ? labels->capacity : 0;
    TRY(reserve(&lines, labels->count, &capacity, labels->count + 1, sizeof(size_t)));
    labels->lines = lines;
    labels->capacity = capacity;
    labels->offsets[labels->count] = labels->used;
    labels->lines[labels->count++] = line;
    memcpy(labels->text + labels->used, label, length);
    labels->used += length;
    return MLP_OK;
}

void csv_labels_free(struct csv_labels *labels)
{
    memory_free(labels->text);
    memory_free(labels->offsets);
    memory_free(labels->lines);
    *labels = (struct csv_labels){ 0 };
}

static bool whole_number(const char *text, long long *value)
{
    char *end;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && strlen(text) <= 18; /* 18 digits cannot overflow */
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_number(const void *a, const void *b)
{
    long long x, y;
    whole_number(*(const char *const *)a, &x);
    whole_number(*(const char *const *)b, &y);
    return x != y ? (x > y) - (x < y) : by_text(a, b);
}

/* Sorts the texts and moves the distinct ones to the front; how many there are. */
static size_t sort_distinct(const char **texts, size_t count, int (*order)(const void *a, const void *b))
{
    size_t distinct = 0;
    qsort(texts, count, sizeof *texts, order);
    for (size_t i = 0; i < count; i++) {
        if (distinct == 0 || strcmp(texts[distinct - 1], texts[i]) != 0) {
            texts[distinct++] = texts[i];
        }
    }
    return distinct;
}

/* Distinct labels in class order; *texts is the caller's. */
static mlp_status distinct_labels(const struct csv_labels *labels, const char ***texts, size_t *count)
{
    bool numbers = true;
    long long value;
    *texts = memory_allocate(labels->count, sizeof **texts);
    if (*texts == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < labels->count; i++) {
        (*texts)[i] = labels->text + labels->offsets[i];
        numbers = numbers && whole_number((*texts)[i], &value);
    }
    *count = sort_distinct(*texts, labels->count, numbers ? by_number : by_text);
    return MLP_OK;
}

static mlp_status copy_names(const char *const *names, size_t count, char ***copy)
{
    *copy = memory_allocate(count, sizeof **copy);
    for (size_t i = 0; *copy != NULL && i < count; i++) {
        (*copy)[i] = memory_copy_text(names[i]);
        if ((*copy)[i] == NULL) {
            for (size_t j = 0; j < i; j++) {
                memory_free((*copy)[j]);
            }
            memory_free(*copy);
            *copy = NULL;
        }
    }
    return *copy != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

/* A class and its name, sorted by name so that labels are found by halving. */
struct named_class {
    const char *name;
    size_t class;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named_class *)a)->name, ((const struct named_class *)b)->name);
}

static mlp_status assign_classes(const struct csv_labels *labels, const char *path, const char *const *names,
                                 size_t count, int32_t *classes)
{
    struct named_class *table = memory_allocate(count, sizeof *table);
    mlp_status status = table != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    for (size_t i = 0; i < count && status == MLP_OK; i++) {
        table[i] = (struct named_class){ names[i], i };
    }
    if (status == MLP_OK) {
        qsort(table, count, sizeof *table, by_name);
    }
    for (size_t i = 0; i < labels->count && status == MLP_OK; i++) {
        const struct named_class key = { labels->text + labels->offsets[i], 0 };
        const struct named_class *found = bsearch(&key, table, count, sizeof *table, by_name);
        if (found == NULL) {
            status = fail(MLP_ERROR_FORMAT, "%s: line %zu: label '%.64s' is none of the %zu known classes", path,
                          labels->lines[i], key.name, count);
        } else {
            classes[i] = (int32_t)found->class;
        }
    }
    memory_free(table);
    return status;
}

mlp_status csv_labels_resolve(const struct csv_labels *labels, const char *path, const char *const *names,
                              size_t name_count, int32_t **classes, char ***class_names, size_t *class_count)
{
    const char **texts = NULL;
    *classes = NULL;
    *class_names = NULL;
    if (names == NULL) {
        TRY(distinct_labels(labels, &texts, &name_count));
        names = texts;
    }
    mlp_status status = copy_names(names, name_count, class_names);
    if (status == MLP_OK) {
        *classes = memory_allocate(labels->count, sizeof **classes);
        status = *classes != NULL ? assign_classes(labels, path, names, name_count, *classes) : MLP_ERROR_MEMORY;
    }
    if (status != MLP_OK && *class_names != NULL) {
        for (size_t i = 0; i < name_count; i++) {
            memory_free((*class_names)[i]);
        }
        memory_free(*class_names);
        memory_free(*classes);
        *class_names = NULL;
        *classes = NULL;
    }
    *class_count = name_count;
    memory_free(texts);
    return status;
}
