/* What systems have each in their own way: Linux, POSIX, Windows. With -Dplatform=portable, what Linux alone
 * has is left out, as on any other system. */
#ifndef BASE_PLATFORM_H
#define BASE_PLATFORM_H

#include <limits.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#ifdef _WIN32
typedef _locale_t locale_t;
enum { PLATFORM_FORKS = 0 };
#else
enum { PLATFORM_FORKS = 1 };
#endif

/* ---- files --------------------------------------------------------------------------------------------- */

/* Those that return a descriptor or 0 return -1 with errno where they fail. */

/* A file in `folder` that has no name, or none that stays, and goes with its descriptor. */
int platform_temporary_file(const char *folder);

/* Opens a file for reading; without `wait` a pipe that nobody writes, too, is opened at once. */
int platform_open_file(const char *path, bool wait);

/* Makes a file, for writing; EEXIST where there is one. */
int platform_create_file(const char *path, unsigned permissions);

/* Another descriptor of the same open file. Children of this process do not get it. */
int platform_duplicate(int descriptor);

/* What one read() or write() takes of `size` bytes on every system. */
static inline unsigned platform_piece(size_t size)
{
    return size < INT_MAX ? (unsigned)size : INT_MAX;
}

/* Up to `size` bytes from `offset`; 0 at the end of the file. Any thread. */
ptrdiff_t platform_read_at(int descriptor, void *bytes, size_t size, size_t offset);

/* Has the system read `size` bytes from `offset` ahead; where it cannot, they are read when they are
 * needed. */
void platform_read_ahead(int descriptor, size_t offset, size_t size);

/* Flushes a file to the disk. */
int platform_flush_file(int descriptor);

int platform_set_permissions(int descriptor, unsigned permissions);

/* What the symbolic link `path` has, without a NUL; its length, or -1 where it is none. */
ptrdiff_t platform_read_link(const char *path, char *target, size_t size);

/* Whether this user may put another file in the place of one in `folder`; false with errno. */
bool platform_may_replace(const struct stat *facts, const char *folder);

/* Renames the file to `target`, which may be there, and closes its stream in any case. */
int platform_put_in_place(FILE *stream, const char *temporary, const char *target);

enum platform_lock { PLATFORM_LOCKED, PLATFORM_LOCKED_ELSEWHERE, PLATFORM_LOCKLESS };

/* Locks a file against other descriptors, or where there is no flock() against other processes, until the
 * descriptor is closed. PLATFORM_LOCKED_ELSEWHERE is no answer to `wait`; PLATFORM_LOCKLESS: the file system
 * knows no locks. */
enum platform_lock platform_lock_file(int descriptor, bool wait);

/* Removes a file that no process has locked. */
void platform_remove_abandoned(const char *path);

/* ---- folders ------------------------------------------------------------------------------------------- */

/* A descriptor to lock the folder by. */
int platform_open_folder(const char *path);

int platform_make_folder(const char *path);

/* Whether files can be made in it; false with errno. */
bool platform_may_write(const char *folder);

/* Flushes the names in a folder to the disk, where the file system takes that. */
void platform_flush_folder(const char *path);

/* ---- memory -------------------------------------------------------------------------------------------- */

/* As aligned_alloc(); given back by platform_free() alone. */
void *platform_allocate(size_t alignment, size_t size);
void platform_free(void *memory);

/* The size of a large page, on a multiple of which memory can be allocated in any size; SIZE_MAX where there
 * are none. Whole ones may be used for the memory, which begins on one: a hint. */
size_t platform_large_page(void);
void platform_use_large_pages(void *memory, size_t size);

/* Whether the process has a limit on its address space, and whether that leaves `size` bytes. */
bool platform_limits_addresses(void);
bool platform_has_addresses(size_t size);

/* Maps `size` bytes that processes of this machine have in common by a name that begins with '/': made here,
 * all 0, or found, made by another. NULL where there is no such memory, or not enough. The name is unlinked
 * once all have found it. */
void *platform_map_shared(const char *name, size_t size, bool make);
void platform_unmap_shared(void *memory, size_t size);
void platform_unlink_shared(const char *name);

/* Up to 16 bytes that other processes do not know; where there are none they stay as they are. */
void platform_random_bytes(void *bytes, size_t size);

/* ---- environment --------------------------------------------------------------------------------------- */

/* Sets the variable, or removes it (NULL); false without memory. */
bool platform_set_variable(const char *name, const char *value);

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* The locale "C", in which the point is a point; 0 without memory. */
locale_t platform_c_locale(void);
void platform_free_locale(locale_t locale);

/* strtod() in that locale. */
double platform_read_double(const char *text, locale_t locale);

/* ---- processors and threads ---------------------------------------------------------------------------- */

/* Processors that this process may run on. */
int platform_processors(void);

/* Threads of this process, or 0 where that cannot be seen. */
int platform_count_threads(void);

/* Starts a thread that signals do not interrupt: they are for the program's own. */
bool platform_start_thread(pthread_t *thread, void *(*work)(void *context), void *context);

/* pthread_atfork(), where processes fork. */
void platform_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void));

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
