/* The one door to the allocator, and the checked arithmetic that sizes what goes through it. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

enum { MEMORY_ALIGNMENT = 64 };

/* *out = a·b or a + b; false when it does not fit size_t, and then *out is untouched. */
bool size_multiply(size_t a, size_t b, size_t *out);
bool size_add(size_t a, size_t b, size_t *out);

/* value rounded up to a multiple of `multiple` (> 0); SIZE_MAX where that overflows. */
size_t size_round_up(size_t value, size_t multiple);

/* A number of a file, or SIZE_MAX where size_t does not hold it, as on 32 bit. */
static inline size_t size_from(uint64_t value)
{
    return value < SIZE_MAX ? (size_t)value : SIZE_MAX;
}

/* count × size bytes, aligned to 64, all zero. Owned by the caller, freed with memory_free(). NULL when the
 * product overflows or the system has no more; the error text is then set (MLP_ERROR_MEMORY). count·size of 0
 * gives a valid pointer. */
void *memory_allocate(size_t count, size_t size);

/* Several allocations of one owner, who looks once at the end whether all were made and else frees what
 * there is (the others are NULL). Starts from { 0 }. */
struct memory_row {
    size_t bytes; /* of all */
    bool failed;  /* one was not made; none is tried after it */
};
void *memory_take(struct memory_row *row, size_t count, size_t size);

/* Grows or shrinks an array from memory_allocate() to `count` entries, keeping min(old_count, count) of them;
 * new ones are undefined. *array stays as it was on failure. */
mlp_status memory_resize(void **array, size_t old_count, size_t count, size_t size);

/* A copy of a NUL-terminated text, or NULL as above. */
char *memory_copy_text(const char *text);

/* NULL is fine. */
void memory_free(void *pointer);

/* Makes the n-th allocation from now fail (0: the next one), once; SIZE_MAX: none. memory_fail_from(): and
 * all that follow. For tests. Not for use while other threads allocate. */
void memory_fail_after(size_t n);
void memory_fail_from(size_t n);

/* Allocations made since the process began, and those not yet freed. For tests. */
size_t memory_allocation_count(void);
size_t memory_live_count(void);

#endif
