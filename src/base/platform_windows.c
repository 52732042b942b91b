/* Windows's calls in the place of POSIX's. Compiled by MinGW. */
#define _CRT_RAND_S
#include "base/platform.h"

#include <direct.h>
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <limits.h>
#include <share.h>
#include <stdlib.h>
#include <unistd.h>
#include <windows.h>

/* Files are bytes, and none goes to a child process. */
enum { PLAIN = _O_BINARY | _O_NOINHERIT };

int platform_temporary_file(const char *folder)
{
    char path[PATH_MAX];
    if (GetTempFileNameA(folder, "mlp", 0, path) == 0) { /* makes it */
        errno = EACCES;
        return -1;
    }
    return _open(path, _O_RDWR | _O_TEMPORARY | PLAIN);
}

/* A file that is open cannot be removed by others: what a lock is for elsewhere. */
enum platform_lock platform_lock_file(int descriptor, bool wait)
{
    (void)descriptor, (void)wait;
    return PLATFORM_LOCKLESS;
}

int platform_open_file(const char *path, bool wait)
{
    (void)wait;
    return _open(path, _O_RDONLY | PLAIN);
}

int platform_create_file(const char *path, unsigned permissions)
{
    (void)permissions;
    return _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | PLAIN, _S_IREAD | _S_IWRITE);
}

int platform_duplicate(int descriptor)
{
    return _dup(descriptor);
}

ptrdiff_t platform_read_at(int descriptor, void *bytes, size_t size, size_t offset)
{
    OVERLAPPED place = { .Offset = (DWORD)offset, .OffsetHigh = (DWORD)((uint64_t)offset >> 32) };
    DWORD done = 0;
    if (!ReadFile((HANDLE)_get_osfhandle(descriptor), bytes, platform_piece(size), &done, &place) &&
        GetLastError() != ERROR_HANDLE_EOF) {
        errno = EIO;
        return -1;
    }
    return (ptrdiff_t)done;
}

int platform_flush_file(int descriptor)
{
    return _commit(descriptor);
}

int platform_set_permissions(int descriptor, unsigned permissions)
{
    (void)descriptor, (void)permissions;
    return 0;
}

ptrdiff_t platform_read_link(const char *path, char *target, size_t size)
{
    (void)path, (void)target, (void)size;
    return -1;
}

bool platform_may_replace(const struct stat *facts, const char *folder)
{
    (void)facts, (void)folder;
    return true;
}

/* A file that is open keeps its name. */
int platform_put_in_place(FILE *stream, const char *temporary, const char *target)
{
    if (fclose(stream) != 0) {
        return -1;
    }
    if (!MoveFileExA(temporary, target, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        errno = EACCES;
        return -1;
    }
    return 0;
}

void platform_remove_abandoned(const char *path)
{
    remove(path);
}

/* A file in it that nobody else can open meanwhile, and that goes with its descriptor. */
int platform_open_folder(const char *path)
{
    char lock[PATH_MAX];
    const int length = snprintf(lock, sizeof lock, "%s/.lock", path);
    return length < (int)sizeof lock
               ? _sopen(lock, _O_RDWR | _O_CREAT | _O_TEMPORARY | PLAIN, _SH_DENYRW, _S_IREAD | _S_IWRITE)
               : -1;
}

int platform_make_folder(const char *path)
{
    return _mkdir(path);
}

bool platform_may_write(const char *folder)
{
    return _access(folder, W_OK) == 0;
}

void platform_flush_folder(const char *path)
{
    (void)path;
}

void *platform_allocate(size_t alignment, size_t size)
{
    return _aligned_malloc(size, alignment);
}

void platform_free(void *memory)
{
    _aligned_free(memory);
}

void *platform_map_shared(const char *name, size_t size, bool make)
{
    (void)name, (void)size, (void)make;
    return NULL;
}

void platform_unmap_shared(void *memory, size_t size)
{
    (void)memory, (void)size;
}

void platform_unlink_shared(const char *name)
{
    (void)name;
}

void platform_random_bytes(void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned value;
        if (rand_s(&value) == 0) {
            ((unsigned char *)bytes)[i] = (unsigned char)value;
        }
    }
}

bool platform_set_variable(const char *name, const char *value)
{
    return _putenv_s(name, value != NULL ? value : "") == 0; /* "" removes it */
}

locale_t platform_c_locale(void)
{
    return _create_locale(LC_ALL, "C");
}

void platform_free_locale(locale_t locale)
{
    _free_locale(locale);
}

double platform_read_double(const char *text, locale_t locale)
{
    return _strtod_l(text, NULL, locale);
}

int platform_processors(void)
{
    return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

bool platform_start_thread(pthread_t *thread, void *(*work)(void *context), void *context)
{
    return pthread_create(thread, NULL, work, context) == 0;
}

void platform_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    (void)before, (void)in_parent, (void)in_child;
}
