/* Preloaded into the command: lets a call of the program's own fail, or ends the process before it.
 *
 * MLP_FAULT says which: KIND:N or KIND:N+ (from the N-th on), where KIND is
 *   memory            malloc, calloc, realloc, strdup and the like, called from the command or the library
 *   EIO, ENOSPC, EINTR  what makes, writes, cuts or renames files, streams among it, fails with that error
 *   short             a write takes half of the bytes
 *   kill              the process is killed before the call
 * MLP_FAULT_COUNT names a file that receives how many such calls there were. Programs that the command starts
 * have no faults. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RANGES = 8 };

static struct {
    uintptr_t from, to;
} ranges[RANGES]; /* code of the command and the library */
static size_t range_count;
static bool ours, memory, onwards, shortened, killing;
static int reason;
static unsigned long wanted;
static atomic_ulong calls;

static int note_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    if (info->dlpi_name[0] != '\0' && strstr(info->dlpi_name, "libmlp") == NULL) {
        return 0;
    }
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0 && range_count < RANGES) {
            ranges[range_count].from = info->dlpi_addr + header->p_vaddr;
            ranges[range_count++].to = info->dlpi_addr + header->p_vaddr + header->p_memsz;
        }
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *fault = getenv("MLP_FAULT"), *colon = fault != NULL ? strchr(fault, ':') : NULL;
    dl_iterate_phdr(note_object, NULL);
    ours = colon != NULL && strcmp(program_invocation_short_name, "mlp") == 0;
    if (!ours) {
        return;
    }
    memory = strncmp(fault, "memory", 6) == 0;
    shortened = strncmp(fault, "short", 5) == 0;
    killing = strncmp(fault, "kill", 4) == 0;
    reason = strncmp(fault, "ENOSPC", 6) == 0 ? ENOSPC : strncmp(fault, "EINTR", 5) == 0 ? EINTR : EIO;
    wanted = strtoul(colon + 1, NULL, 10);
    onwards = strchr(colon, '+') != NULL;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("MLP_FAULT_COUNT");
    char text[32];
    if (path != NULL && ours) {
        const int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        const int length = snprintf(text, sizeof text, "%lu\n", atomic_load(&calls));
        syscall(SYS_write, file, text, (size_t)length);
        syscall(SYS_close, file);
    }
}

/* Whether this call is the one. */
static bool is_due(void)
{
    const unsigned long call = atomic_fetch_add(&calls, 1) + 1;
    return wanted != 0 && (onwards ? call >= wanted : call == wanted);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

static bool memory_fails(void *caller)
{
    const uintptr_t address = (uintptr_t)caller;
    if (!memory) {
        return false;
    }
    for (size_t i = 0; i < range_count; i++) {
        if (address >= ranges[i].from && address < ranges[i].to) {
            return is_due();
        }
    }
    return false;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#define REFUSE_WHEN_DUE                                                                                      \
    if (memory_fails(__builtin_return_address(0))) {                                                         \
        errno = ENOMEM;                                                                                      \
        return NULL;                                                                                         \
    }

void *malloc(size_t size)
{
    REFUSE_WHEN_DUE
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    REFUSE_WHEN_DUE
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    REFUSE_WHEN_DUE
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    REFUSE_WHEN_DUE
    return __libc_memalign(alignment, size);
}

char *strdup(const char *text)
{
    REFUSE_WHEN_DUE
    const size_t size = strlen(text) + 1;
    char *copy = __libc_malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

char *strndup(const char *text, size_t most)
{
    REFUSE_WHEN_DUE
    const size_t length = strnlen(text, most);
    char *copy = __libc_calloc(length + 1, 1);
    return copy != NULL ? memcpy(copy, text, length) : NULL;
}

/* ---- the system's calls, of regular files and folders alone -------------------------------------------- */

static bool is_of_a_file(int descriptor)
{
    struct stat facts;
    return fstat(descriptor, &facts) == 0 && (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode));
}

/* Whether the call fails; a process that is to be killed does not come back. */
static bool call_fails(void)
{
    if (!ours || memory || !is_due()) {
        return false;
    }
    if (killing) {
        syscall(SYS_kill, getpid(), SIGKILL);
    }
    errno = reason;
    return true;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    const bool writes = (flags & O_ACCMODE) != O_RDONLY && strncmp(path, "/dev/", 5) != 0;
    return writes && call_fails() && !shortened ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define DEFINE_OPEN(name)                                                                                    \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        va_list arguments;                                                                                   \
        va_start(arguments, flags);                                                                          \
        const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;                          \
        va_end(arguments);                                                                                   \
        return open_file(path, flags, mode);                                                                 \
    }
DEFINE_OPEN(open)
#ifndef open64 /* musl's name for the same function */
DEFINE_OPEN(open64)
#endif

int mkdir(const char *path, mode_t mode)
{
    return call_fails() && !shortened ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int fchmod(int descriptor, mode_t mode)
{
    return call_fails() && !shortened ? -1 : (int)syscall(SYS_fchmod, descriptor, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    const bool fails = is_of_a_file(descriptor) && call_fails();
    return fails && !shortened ? -1 : syscall(SYS_write, descriptor, bytes, fails ? (size + 1) / 2 : size);
}

int fsync(int descriptor)
{
    return call_fails() && !shortened ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to)
{
    return call_fails() && !shortened ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int truncate_file(int descriptor, off_t size)
{
    return is_of_a_file(descriptor) && call_fails() && !shortened
               ? -1
               : (int)syscall(SYS_ftruncate, descriptor, size);
}

int ftruncate(int descriptor, off_t size)
{
    return truncate_file(descriptor, size);
}

#ifndef ftruncate64
int ftruncate64(int descriptor, off_t size)
{
    return truncate_file(descriptor, size);
}
#endif

/* ---- streams ------------------------------------------------------------------------------------------- */

/* What a stream writes goes through the C library's own write(): here the stream's functions fail instead,
 * where what they add is more than the stream's buffer has room for. */

#define NEXT(name)                                                                                           \
    static __typeof__(&name) next;                                                                           \
    if (next == NULL) {                                                                                      \
        *(void **)&next = dlsym(RTLD_NEXT, #name);                                                           \
    }

/* Whether adding so many bytes to the stream writes, and that fails: the stream then keeps its error.
 * Messages' own have nobody to be reported to. */
static bool stream_fails(FILE *stream, size_t bytes)
{
    const size_t room = __fbufsize(stream) > 0 ? __fbufsize(stream) : BUFSIZ;
    if (stream == stderr || __fpending(stream) + bytes < room || fileno(stream) < 0 ||
        !is_of_a_file(fileno(stream)) || !call_fails()) {
        return false;
    }
    if (!shortened) {
        stream->_flags |= 0x20; /* _IO_ERR_SEEN */
    }
    return true;
}

static bool fails_whole(FILE *stream, size_t bytes)
{
    return stream_fails(stream, bytes) && !shortened;
}

#define DEFINE_FOPEN(name)                                                                                   \
    FILE *name(const char *path, const char *mode)                                                           \
    {                                                                                                        \
        NEXT(name)                                                                                           \
        return mode[0] != 'r' && call_fails() && !shortened ? NULL : next(path, mode);                       \
    }
DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream)
{
    NEXT(fwrite)
    if (!stream_fails(stream, size * count)) {
        return next(bytes, size, count, stream);
    }
    return shortened ? next(bytes, size, count / 2, stream) : 0;
}

int fputs(const char *text, FILE *stream)
{
    NEXT(fputs)
    return fails_whole(stream, strlen(text)) ? EOF : next(text, stream);
}

int fputc(int byte, FILE *stream)
{
    NEXT(fputc)
    return fails_whole(stream, 1) ? EOF : next(byte, stream);
}

#undef putc
int putc(int byte, FILE *stream)
{
    return fputc(byte, stream);
}

int puts(const char *text)
{
    NEXT(puts)
    return fails_whole(stdout, strlen(text) + 1) ? EOF : next(text);
}

static int print(FILE *stream, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    return length >= 0 && fails_whole(stream, (size_t)length) ? -1 : vfprintf(stream, format, arguments);
}

#define DEFINE_PRINT(name, stream, ...)                                                                      \
    int name(__VA_ARGS__, const char *format, ...)                                                           \
    {                                                                                                        \
        va_list arguments;                                                                                   \
        va_start(arguments, format);                                                                         \
        const int length = print(stream, format, arguments);                                                 \
        va_end(arguments);                                                                                   \
        return length;                                                                                       \
    }
DEFINE_PRINT(fprintf, to, FILE *to)
DEFINE_PRINT(__fprintf_chk, to, FILE *to, int flag __attribute__((unused)))
DEFINE_PRINT(__printf_chk, stdout, int flag __attribute__((unused)))

static bool pending_fails(FILE *stream)
{
    return stream != NULL && __fpending(stream) > 0 && fails_whole(stream, SIZE_MAX / 2);
}

int fflush(FILE *stream)
{
    NEXT(fflush)
    return pending_fails(stream) ? EOF : next(stream);
}

int fclose(FILE *stream)
{
    NEXT(fclose)
    const bool fails = pending_fails(stream);
    if (fails) {
        __fpurge(stream);
    }
    const int error = errno, code = next(stream);
    if (fails) {
        errno = error;
    }
    return fails ? EOF : code;
}
