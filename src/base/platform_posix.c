/* What Linux shares with other systems of POSIX's. */
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int platform_open_file(const char *path, bool wait)
{
    return open(path, wait ? O_RDONLY | O_CLOEXEC : O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int platform_create_file(const char *path, unsigned permissions)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)permissions);
}

int platform_duplicate(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

ptrdiff_t platform_read_at(int descriptor, void *bytes, size_t size, size_t offset)
{
    return pread(descriptor, bytes, size, (off_t)offset);
}

int platform_flush_file(int descriptor)
{
    return fsync(descriptor);
}

int platform_set_permissions(int descriptor, unsigned permissions)
{
    return fchmod(descriptor, (mode_t)permissions);
}

ptrdiff_t platform_read_link(const char *path, char *target, size_t size)
{
    return readlink(path, target, size);
}

bool platform_may_replace(const struct stat *facts, const char *folder)
{
    struct stat about;
    const uid_t user = geteuid();
    if (user != 0 && stat(folder, &about) == 0 && (about.st_mode & S_ISVTX) != 0 && facts->st_uid != user &&
        about.st_uid != user) {
        errno = EPERM;
        return false;
    }
    return true;
}

int platform_put_in_place(FILE *stream, const char *temporary, const char *target)
{
    const int result = rename(temporary, target), error = errno;
    fclose(stream); /* and its lock with it */
    errno = error;
    return result;
}

void platform_remove_abandoned(const char *path)
{
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor >= 0 && platform_lock_file(descriptor, false) == PLATFORM_LOCKED) {
        unlink(path);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
}

int platform_open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int platform_make_folder(const char *path)
{
    return mkdir(path, 0777);
}

bool platform_may_write(const char *folder)
{
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

void platform_flush_folder(const char *path)
{
    const int descriptor = platform_open_folder(path);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
}

void *platform_allocate(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

void platform_free(void *memory)
{
    free(memory);
}

/* The room is taken at once: what a full file system lacks would be a SIGBUS later. */
static bool has_room(int descriptor, size_t size, bool make)
{
    struct stat facts;
    return make ? posix_fallocate(descriptor, 0, (off_t)size) == 0
                : fstat(descriptor, &facts) == 0 && facts.st_size == (off_t)size;
}

void *platform_map_shared(const char *name, size_t size, bool make)
{
    const int descriptor = shm_open(name, make ? O_RDWR | O_CREAT | O_EXCL : O_RDWR, S_IRUSR | S_IWUSR);
    void *memory = MAP_FAILED;
    if (descriptor < 0) {
        return NULL;
    }
    if (has_room(descriptor, size, make)) {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    close(descriptor);
    return memory != MAP_FAILED ? memory : NULL;
}

void platform_unmap_shared(void *memory, size_t size)
{
    munmap(memory, size);
}

void platform_unlink_shared(const char *name)
{
    shm_unlink(name);
}

bool platform_set_variable(const char *name, const char *value)
{
    return (value != NULL ? setenv(name, value, 1) : unsetenv(name)) == 0;
}

locale_t platform_c_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

void platform_free_locale(locale_t locale)
{
    freelocale(locale);
}

bool platform_start_thread(pthread_t *thread, void *(*work)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(thread, NULL, work, context) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void platform_watch_forks(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    pthread_atfork(before, in_parent, in_child);
}
