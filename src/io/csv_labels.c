/* The label column of a CSV file: texts that become class indices. */
#include "io/csv_labels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

/* ---- samples ------------------------------------------------------------------------------------------- */

mlp_status csv_labels_begin(struct csv_labels *labels, const char *path, const char *const *names,
                            size_t count)
{
    size_t number;
    *labels = (struct csv_labels){ .path = path, .name_count = count };
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(names[i] == NULL, MLP_ERROR_ARGUMENT, "CSV options: class_names[%zu] is NULL", i);
        TRY(text_pool_add(&labels->pool, names[i], &number));
        FAIL_IF(number < i, MLP_ERROR_ARGUMENT,
                "CSV options: class_names[%zu] and class_names[%zu] are both '%.64s'", number, i, names[i]);
    }
    return MLP_OK;
}

mlp_status csv_labels_add(struct csv_labels *labels, const char *label, size_t line)
{
    size_t number;
    if (labels->name_count == 0) {
        TRY(text_pool_add(&labels->pool, label, &number));
    } else {
        number = text_pool_find(&labels->pool, label);
    }
    FAIL_IF(number == SIZE_MAX, MLP_ERROR_FORMAT,
            "%s: line %zu: label '%.64s' is none of the %zu known classes", labels->path, line, label,
            labels->name_count);
    FAIL_IF(number >= (size_t)INT32_MAX, MLP_ERROR_FORMAT, "%s: more than %d different labels", labels->path,
            INT32_MAX);
    const int32_t class = (int32_t)number;
    return array_append(&labels->classes, &class, 1, sizeof class);
}

void csv_labels_free(struct csv_labels *labels)
{
    text_pool_free(&labels->pool);
    array_free(&labels->classes);
}

/* ---- class order --------------------------------------------------------------------------------------- */

static bool whole_number(const char *text, long long *value)
{
    char *end;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && strlen(text) <= 18; /* 18 digits cannot overflow */
}

/* Numbers of texts, compared by the texts. */
static int by_text(const void *a, const void *b, void *texts)
{
    return strcmp(text_list_get(texts, *(const uint32_t *)a), text_list_get(texts, *(const uint32_t *)b));
}

static int by_number(const void *a, const void *b, void *texts)
{
    long long x, y;
    whole_number(text_list_get(texts, *(const uint32_t *)a), &x);
    whole_number(text_list_get(texts, *(const uint32_t *)b), &y);
    return x != y ? (x > y) - (x < y) : by_text(a, b, texts);
}

static bool all_numbers(const struct text_list *texts)
{
    long long value;
    size_t i = 0;
    while (i < text_list_count(texts) && whole_number(text_list_get(texts, i), &value)) {
        i++;
    }
    return i == text_list_count(texts);
}

/* Sorts the texts, and makes the samples' labels follow. */
static mlp_status sort_texts(struct text_list *texts, int32_t *classes, size_t count)
{
    const size_t text_count = text_list_count(texts);
    uint32_t *order = memory_allocate(text_count, sizeof *order);
    uint32_t *moved = memory_allocate(text_count, sizeof *moved);
    if (order == NULL || moved == NULL) {
        memory_free(order);
        memory_free(moved);
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < text_count; i++) {
        order[i] = (uint32_t)i;
    }
    qsort_r(order, text_count, sizeof *order, all_numbers(texts) ? by_number : by_text, texts);
    uint32_t *offsets = texts->offsets.items;
    for (size_t i = 0; i < text_count; i++) {
        moved[order[i]] = (uint32_t)i;
        order[i] = offsets[order[i]];
    }
    memcpy(offsets, order, text_count * sizeof *offsets);
    for (size_t i = 0; i < count; i++) {
        classes[i] = (int32_t)moved[classes[i]];
    }
    memory_free(order);
    memory_free(moved);
    return MLP_OK;
}

mlp_status csv_labels_resolve(struct csv_labels *labels, int32_t **classes, struct text_list *class_names)
{
    if (labels->name_count == 0) {
        TRY(sort_texts(&labels->pool.texts, labels->classes.items, labels->classes.count));
    }
    *classes = array_take(&labels->classes);
    *class_names = labels->pool.texts;
    labels->pool.texts = (struct text_list){ 0 };
    return MLP_OK;
}
