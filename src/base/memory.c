/* The one door to the allocator. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "base/status.h"

static atomic_size_t allocations;
static atomic_size_t live;
static atomic_size_t fail_countdown = SIZE_MAX;
static atomic_bool fail_for_good;

bool size_multiply(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

bool size_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

size_t size_round_up(size_t value, size_t multiple)
{
    const size_t rest = value % multiple;
    size_t sum;
    if (rest == 0) {
        return value;
    }
    return size_add(value, multiple - rest, &sum) ? sum : SIZE_MAX;
}

static bool planned_failure(void)
{
    size_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
    if (left == SIZE_MAX) {
        return false;
    }
    if (left > 0 || !atomic_load_explicit(&fail_for_good, memory_order_relaxed)) {
        atomic_store_explicit(&fail_countdown, left == 0 ? SIZE_MAX : left - 1, memory_order_relaxed);
    }
    return left == 0;
}

/* Arrays of a large page or more lie on such pages where the system gives them: a matrix of some megabytes
 * has more pages of 4 KiB than a processor knows the addresses of. */
static void *allocate_aligned(size_t bytes)
{
    const size_t page = platform_large_page();
    if (bytes < page) {
        return platform_allocate(MEMORY_ALIGNMENT, bytes);
    }
    void *pointer = platform_allocate(page, size_round_up(bytes, page)); /* a multiple, as C11 asks for */
    if (pointer != NULL) {
        platform_use_large_pages(pointer, bytes);
    }
    return pointer;
}

/* Undefined in content; *total is its size in bytes. */
static void *allocate(size_t count, size_t size, size_t *total)
{
    size_t bytes;
    void *pointer = NULL;
    if (size_multiply(count, size, &bytes) && bytes < SIZE_MAX / 2 && !planned_failure()) {
        bytes = size_round_up(bytes > 0 ? bytes : 1, MEMORY_ALIGNMENT);
        pointer = allocate_aligned(bytes);
    }
    if (pointer == NULL) {
        fail(MLP_ERROR_MEMORY, "out of memory: %zu × %zu bytes", count, size);
        return NULL;
    }
    *total = bytes;
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return pointer;
}

void *memory_allocate(size_t count, size_t size)
{
    size_t total;
    void *pointer = allocate(count, size, &total);
    if (pointer != NULL) {
        memset(pointer, 0, total);
    }
    return pointer;
}

void *memory_take(struct memory_row *row, size_t count, size_t size)
{
    void *pointer = row->failed ? NULL : memory_allocate(count, size);
    row->failed = pointer == NULL;
    row->bytes += row->failed ? 0 : count * size;
    return pointer;
}

mlp_status memory_resize(void **array, size_t old_count, size_t count, size_t size)
{
    size_t total;
    void *grown = allocate(count, size, &total); /* pages that nobody writes take no memory */
    REQUIRE_MEMORY(grown);
    if (*array != NULL) {
        memcpy(grown, *array, (old_count < count ? old_count : count) * size);
        memory_free(*array);
    }
    *array = grown;
    return MLP_OK;
}

char *memory_copy_text(const char *text)
{
    const size_t length = strlen(text);
    char *copy = memory_allocate(length + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, length + 1);
    }
    return copy;
}

void memory_free(void *pointer)
{
    if (pointer != NULL) {
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
        platform_free(pointer);
    }
}

void memory_fail_after(size_t n)
{
    atomic_store(&fail_for_good, false);
    atomic_store(&fail_countdown, n);
}

void memory_fail_from(size_t n)
{
    atomic_store(&fail_for_good, true);
    atomic_store(&fail_countdown, n);
}

size_t memory_allocation_count(void)
{
    return atomic_load(&allocations);
}

size_t memory_live_count(void)
{
    return atomic_load(&live);
}
