/* The order of texts that are names of classes or levels. */
#include "base/text_order.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

static bool whole_number(const char *text, long long *value)
{
    char *end;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && strlen(text) <= 18; /* 18 digits cannot overflow */
}

struct place {
    const char *text;
    size_t number; /* in the list */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->text, ((const struct place *)b)->text);
}

static int by_number(const void *a, const void *b)
{
    long long x, y;
    whole_number(((const struct place *)a)->text, &x);
    whole_number(((const struct place *)b)->text, &y);
    return x != y ? (x > y) - (x < y) : by_text(a, b);
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

mlp_status text_list_sort(struct text_list *texts, uint32_t **numbers)
{
    const size_t text_count = text_list_count(texts);
    struct place *order = memory_allocate(text_count, sizeof *order);
    uint32_t *moved = memory_allocate(text_count, sizeof *moved);
    *numbers = moved;
    if (order == NULL || moved == NULL) {
        *numbers = NULL;
        memory_free(order);
        memory_free(moved);
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < text_count; i++) {
        order[i] = (struct place){ text_list_get(texts, i), i };
    }
    qsort(order, text_count, sizeof *order, all_numbers(texts) ? by_number : by_text);
    uint32_t *offsets = texts->offsets.items;
    for (size_t i = 0; i < text_count; i++) {
        moved[order[i].number] = (uint32_t)i;
        offsets[i] = (uint32_t)(order[i].text - (const char *)texts->bytes.items);
    }
    memory_free(order);
    return MLP_OK;
}
