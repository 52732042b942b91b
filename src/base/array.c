/* A growing array. */
#include "base/array.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

mlp_status array_grow(struct array *array, size_t more, size_t size)
{
    enum { FIRST_CAPACITY = 16 };
    size_t needed, grown = FIRST_CAPACITY;
    if (array->capacity - array->count >= more) {
        return MLP_OK;
    }
    FAIL_IF(!size_add(array->count, more, &needed) || array->capacity > SIZE_MAX / 2, MLP_ERROR_MEMORY,
            "out of memory: an array of more than %zu entries", array->count);
    if (array->capacity >= FIRST_CAPACITY) {
        grown = 2 * array->capacity;
    }
    if (grown < needed) {
        grown = needed;
    }
    TRY(memory_resize(&array->items, array->count, grown, size));
    array->capacity = grown;
    return MLP_OK;
}

mlp_status array_append(struct array *array, const void *entries, size_t more, size_t size)
{
    void *room = array_room(array, more, size);
    REQUIRE_MEMORY(room);
    memcpy(room, entries, more * size);
    array->count += more;
    return MLP_OK;
}

void *array_take(struct array *array)
{
    void *items = array->items;
    *array = (struct array){ 0 };
    return items;
}

void array_free(struct array *array)
{
    memory_free(array_take(array));
}
