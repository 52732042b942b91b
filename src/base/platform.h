/* What Linux has and POSIX has not, each with what serves in its place. With -Dplatform=portable, and on any
 * other system, the places are taken. */
#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- files --------------------------------------------------------------------------------------------- */

/* A file in `folder` that has no name and goes with its descriptor; -1 with errno where there is none to be
 * had. */
int platform_temporary_file(const char *folder);

/* Has the system read `size` bytes from `offset` ahead; where it cannot, they are read when they are
 * needed. */
void platform_read_ahead(int descriptor, size_t offset, size_t size);

enum platform_lock { PLATFORM_LOCKED, PLATFORM_LOCKED_ELSEWHERE, PLATFORM_LOCKLESS };

/* Locks a file against other descriptors, or where there is no flock() against other processes, until the
 * descriptor is closed. PLATFORM_LOCKED_ELSEWHERE is no answer to `wait`; PLATFORM_LOCKLESS: the file system
 * knows no locks. */
enum platform_lock platform_lock_file(int descriptor, bool wait);

/* ---- processors and threads ---------------------------------------------------------------------------- */

/* Processors that this process may run on. */
int platform_processors(void);

/* Threads of this process, or 0 where that cannot be seen. */
int platform_count_threads(void);

/* The size of a large page, on a multiple of which memory can be allocated in any size; SIZE_MAX where there
 * are none. Whole ones may be used for the memory, which begins on one: a hint. */
size_t platform_large_page(void);
void platform_use_large_pages(void *memory, size_t size);

/* Sleeps while *word is `value`; may return for no reason. platform_wake_all() wakes all who sleep on it. */
void platform_wait(atomic_uint *word, unsigned value);
void platform_wake_all(atomic_uint *word);

/* ---- the order of bytes -------------------------------------------------------------------------------- */

static inline uint32_t read_big_endian_32(const void *bytes)
{
    const unsigned char *b = bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t read_little_endian_64(const void *bytes)
{
    const unsigned char *b = bytes;
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | b[i];
    }
    return value;
}

#endif
