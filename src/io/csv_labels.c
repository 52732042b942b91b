/* The label column of a CSV file: texts that become class indices. */
#include "io/csv_labels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

enum { FIRST_CAPACITY = 256 }; /* of each array; a power of two */

/* ---- distinct texts ------------------------------------------------------------------------------------ */

/* FNV-1a. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    }
    return hash;
}

/* The slot that holds the text, or the free one where it belongs. */
static size_t find_slot(const struct csv_labels *labels, const char *text)
{
    size_t slot = (size_t)hash_of(text) & (labels->slot_count - 1);
    while (labels->slots[slot] != 0 && strcmp(labels->texts[labels->slots[slot] - 1], text) != 0) {
        slot = (slot + 1) & (labels->slot_count - 1);
    }
    return slot;
}

/* At most half of the slots are taken. */
static mlp_status grow_slots(struct csv_labels *labels)
{
    const size_t count = labels->slot_count > 0 ? 2 * labels->slot_count : 2 * (size_t)FIRST_CAPACITY;
    size_t *slots = memory_allocate(count, sizeof *slots);
    if (slots == NULL) {
        return MLP_ERROR_MEMORY;
    }
    memory_free(labels->slots);
    labels->slots = slots;
    labels->slot_count = count;
    for (size_t i = 0; i < labels->text_count; i++) {
        slots[find_slot(labels, labels->texts[i])] = i + 1;
    }
    return MLP_OK;
}

/* Room for one entry more. */
static mlp_status reserve(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return MLP_OK;
    }
    const size_t grown = *capacity > 0 ? 2 * *capacity : (size_t)FIRST_CAPACITY;
    TRY(memory_resize(array, count, grown, size));
    *capacity = grown;
    return MLP_OK;
}

static mlp_status insert(struct csv_labels *labels, const char *text)
{
    void *texts = labels->texts;
    if (labels->text_count >= (size_t)INT32_MAX) {
        return fail(MLP_ERROR_FORMAT, "%s: more than %d different labels", labels->path, INT32_MAX);
    }
    if (2 * labels->text_count >= labels->slot_count) {
        TRY(grow_slots(labels));
    }
    TRY(reserve(&texts, labels->text_count, &labels->text_capacity, sizeof *labels->texts));
    labels->texts = texts;
    char *copy = memory_copy_text(text);
    if (copy == NULL) {
        return MLP_ERROR_MEMORY;
    }
    labels->slots[find_slot(labels, text)] = labels->text_count + 1;
    labels->texts[labels->text_count++] = copy;
    return MLP_OK;
}

/* ---- samples ------------------------------------------------------------------------------------------- */

mlp_status csv_labels_begin(struct csv_labels *labels)
{
    TRY(grow_slots(labels));
    for (size_t i = 0; i < labels->name_count; i++) {
        TRY(insert(labels, labels->names[i]));
    }
    return MLP_OK;
}

mlp_status csv_labels_add(struct csv_labels *labels, const char *label, size_t line)
{
    void *array = labels->labels;
    TRY(reserve(&array, labels->count, &labels->capacity, sizeof *labels->labels));
    labels->labels = array;
    size_t slot = find_slot(labels, label);
    if (labels->slots[slot] == 0) {
        if (labels->names != NULL) {
            return fail(MLP_ERROR_FORMAT, "%s: line %zu: label '%.64s' is none of the %zu known classes",
                        labels->path, line, label, labels->name_count);
        }
        TRY(insert(labels, label));
        slot = find_slot(labels, label);
    }
    labels->labels[labels->count++] = (int32_t)(labels->slots[slot] - 1);
    return MLP_OK;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts != NULL && i < count; i++) {
        memory_free(texts[i]);
    }
    memory_free(texts);
}

void csv_labels_free(struct csv_labels *labels)
{
    free_texts(labels->texts, labels->text_count);
    memory_free(labels->slots);
    memory_free(labels->labels);
    *labels = (struct csv_labels){ 0 };
}

/* ---- class order --------------------------------------------------------------------------------------- */

static bool whole_number(const char *text, long long *value)
{
    char *end;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && strlen(text) <= 18; /* 18 digits cannot overflow */
}

/* A label and its place among the texts. */
struct entry {
    char *text;
    size_t place;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->text, ((const struct entry *)b)->text);
}

static int by_number(const void *a, const void *b)
{
    long long x, y;
    whole_number(((const struct entry *)a)->text, &x);
    whole_number(((const struct entry *)b)->text, &y);
    return x != y ? (x > y) - (x < y) : by_text(a, b);
}

static bool all_numbers(const struct csv_labels *labels)
{
    long long value;
    size_t i = 0;
    while (i < labels->text_count && whole_number(labels->texts[i], &value)) {
        i++;
    }
    return i == labels->text_count;
}

/* Sorts the texts, and makes the samples' labels follow. */
static mlp_status sort_texts(struct csv_labels *labels)
{
    struct entry *entries = memory_allocate(labels->text_count, sizeof *entries);
    int32_t *moved = memory_allocate(labels->text_count, sizeof *moved);
    const bool complete = entries != NULL && moved != NULL;
    for (size_t i = 0; complete && i < labels->text_count; i++) {
        entries[i] = (struct entry){ labels->texts[i], i };
    }
    if (complete) {
        qsort(entries, labels->text_count, sizeof *entries, all_numbers(labels) ? by_number : by_text);
    }
    for (size_t i = 0; complete && i < labels->text_count; i++) {
        labels->texts[i] = entries[i].text;
        moved[entries[i].place] = (int32_t)i;
    }
    for (size_t i = 0; complete && i < labels->count; i++) {
        labels->labels[i] = moved[labels->labels[i]];
    }
    memory_free(entries);
    memory_free(moved);
    return complete ? MLP_OK : MLP_ERROR_MEMORY;
}

mlp_status csv_labels_resolve(struct csv_labels *labels, int32_t **classes, char ***class_names,
                              size_t *class_count)
{
    *classes = NULL;
    *class_names = NULL;
    if (labels->names == NULL) {
        TRY(sort_texts(labels));
    }
    *classes = labels->labels;
    *class_names = labels->texts;
    *class_count = labels->text_count;
    labels->labels = NULL;
    labels->texts = NULL;
    return MLP_OK;
}
