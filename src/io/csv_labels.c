/* The label column of a CSV file: texts that become class indices. */
#include "io/csv_labels.h"

#include "base/memory.h"
#include "base/status.h"
#include "base/text_order.h"

/* ---- samples ------------------------------------------------------------------------------------------- */

mlp_status csv_labels_begin(struct csv_labels *labels, const char *path, const char *const *names,
                            size_t count)
{
    size_t number;
    *labels = (struct csv_labels){ .path = path, .place = "line", .name_count = count };
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
            "%s: %s %zu: label '%.64s' is none of the %zu known classes", labels->path, labels->place, line,
            label, labels->name_count);
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

mlp_status csv_labels_resolve(struct csv_labels *labels, int32_t **classes, struct text_list *class_names)
{
    if (labels->name_count == 0) {
        uint32_t *numbers;
        int32_t *samples = labels->classes.items;
        TRY(text_list_sort(&labels->pool.texts, &numbers));
        for (size_t i = 0; i < labels->classes.count; i++) {
            samples[i] = (int32_t)numbers[samples[i]];
        }
        memory_free(numbers);
    }
    *classes = array_take(&labels->classes);
    *class_names = labels->pool.texts;
    labels->pool.texts = (struct text_list){ 0 };
    return MLP_OK;
}
