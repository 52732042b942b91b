/* A growing array of entries of one size. Appending n of them costs O(n) time, and memory for at most 2·n. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>

#include <mlp/status.h>

/* All 0: an empty array. */
struct array {
    void *items; /* from memory_allocate(), aligned to 64; NULL while there never was an entry */
    size_t count;
    size_t capacity; /* entries for which there is room */
};

/* Makes room for `more` entries after the first `count`, if there is none. MLP_ERROR_MEMORY, and then nothing
 * has changed. */
mlp_status array_grow(struct array *array, size_t more, size_t size);

/* The place of `more` entries of `size` bytes after the first `count`, undefined in content; the caller
 * writes them and raises `count`. NULL when memory is short. */
static inline void *array_room(struct array *array, size_t more, size_t size)
{
    if (array->capacity - array->count < more && array_grow(array, more, size) != MLP_OK) {
        return NULL;
    }
    return (char *)array->items + array->count * size;
}

/* Appends copies of `more` ≥ 1 entries. MLP_ERROR_MEMORY, and then nothing has changed. */
mlp_status array_append(struct array *array, const void *entries, size_t more, size_t size);

/* Gives the entries to the caller, for memory_free(), and empties the array. */
void *array_take(struct array *array);

void array_free(struct array *array);

#endif
