/* Linux's own calls, and what serves where there are none. */
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__) && !defined(MLP_PORTABLE)
#define LINUX 1
#include <dirent.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#else
#define LINUX 0
#endif

#ifndef _WIN32
/* A file that loses its name at once. */
static int create_and_unlink(const char *folder)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/mlp-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int descriptor = mkstemp(path);
    if (descriptor >= 0) {
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        unlink(path);
    }
    return descriptor;
}
#endif

#if LINUX
/* ---- Linux --------------------------------------------------------------------------------------------- */

int platform_temporary_file(const char *folder)
{
    const int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor < 0 &&
        (errno == EOPNOTSUPP || errno == EISDIR)) { /* the file system knows no such files */
        return create_and_unlink(folder);
    }
    return descriptor;
}

void platform_read_ahead(int descriptor, size_t offset, size_t size)
{
    posix_fadvise(descriptor, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

enum platform_lock platform_lock_file(int descriptor, bool wait)
{
    if (flock(descriptor, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0) {
        return PLATFORM_LOCKED;
    }
    return errno == EWOULDBLOCK ? PLATFORM_LOCKED_ELSEWHERE : PLATFORM_LOCKLESS;
}

size_t platform_large_page(void)
{
    return (size_t)2 << 20;
}

void platform_use_large_pages(void *memory, size_t size)
{
    const size_t page = platform_large_page();
    const int error = errno;
    madvise(memory, size / page * page, MADV_HUGEPAGE);
    errno = error;
}

bool platform_limits_addresses(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool platform_has_addresses(size_t size)
{
    void *room = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && munmap(room, size) == 0;
}

/* The kernel gives every process some. */
void platform_random_bytes(void *bytes, size_t size)
{
    const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT: an address by contract */
    if (random != NULL) {
        memcpy(bytes, random, size);
    }
}

double platform_read_double(const char *text, locale_t locale)
{
    return strtod_l(text, NULL, locale);
}

int platform_processors(void)
{
    cpu_set_t mask;
    return sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask)
                                                         : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

int platform_count_threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    if (folder == NULL) {
        return 0;
    }
    for (const struct dirent *item = readdir(folder); item != NULL; item = readdir(folder)) {
        count += item->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

void platform_wait(atomic_uint *word, unsigned value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void platform_wake_all(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
#else
/* ---- any system but Linux ------------------------------------------------------------------------------ */

void platform_read_ahead(int descriptor, size_t offset, size_t size)
{
    (void)descriptor, (void)offset, (void)size;
}

size_t platform_large_page(void)
{
    return SIZE_MAX;
}

void platform_use_large_pages(void *memory, size_t size)
{
    (void)memory, (void)size;
}

bool platform_limits_addresses(void)
{
    return false;
}

bool platform_has_addresses(size_t size)
{
    (void)size;
    return true;
}

int platform_count_threads(void)
{
    return 0;
}

/* Who waits looks again after a while. */
void platform_wait(atomic_uint *word, unsigned value)
{
    const struct timespec nap = { .tv_nsec = 50000 };
    if (atomic_load(word) == value) {
        nanosleep(&nap, NULL);
    }
}

void platform_wake_all(atomic_uint *word)
{
    (void)word;
}

#ifndef _WIN32
/* ---- POSIX alone --------------------------------------------------------------------------------------- */

int platform_temporary_file(const char *folder)
{
    return create_and_unlink(folder);
}

/* POSIX's locks belong to the process. One for writing needs a descriptor for writing: a folder, or a file
 * that was opened for reading, is as in a file system without locks. */
enum platform_lock platform_lock_file(int descriptor, bool wait)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(descriptor, wait ? F_SETLKW : F_SETLK, &lock) == 0) {
        return PLATFORM_LOCKED;
    }
    return errno == EACCES || errno == EAGAIN ? PLATFORM_LOCKED_ELSEWHERE : PLATFORM_LOCKLESS;
}

void platform_random_bytes(void *bytes, size_t size)
{
    unsigned char random[64];
    const int file = platform_open_file("/dev/urandom", false);
    if (file >= 0 && size <= sizeof random && read(file, random, size) == (ssize_t)size) {
        memcpy(bytes, random, size);
    }
    if (file >= 0) {
        close(file);
    }
}

double platform_read_double(const char *text, locale_t locale)
{
    const locale_t before = uselocale(locale);
    const double value = strtod(text, NULL);
    uselocale(before);
    return value;
}

int platform_processors(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}
#endif
#endif
