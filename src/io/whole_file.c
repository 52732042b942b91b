/* Writing whole files crash-safely. */
#include "io/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/status.h"

enum { MAX_ATTEMPTS = 100, MAX_SUFFIX = 48 };

static const char ending[] = ".tmp";

static mlp_status system_failure(const char *path, const char *what)
{
    return fail(MLP_ERROR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* .PROCESS-SERIAL.tmp */
bool whole_file_is_temporary(const char *rest)
{
    static const char digits[] = "0123456789";
    const size_t process = rest[0] == '.' ? strspn(rest + 1, digits) : 0;
    const char *dash = rest + 1 + process;
    const size_t number = process > 0 && dash[0] == '-' ? strspn(dash + 1, digits) : 0;
    return number > 0 && strcmp(dash + 1 + number, ending) == 0;
}

/* A new file beside `path`, under a name that nobody has; -1 when there is none to be had. */
static int create_beside(const char *path, char *name, size_t size, mode_t mode)
{
    static atomic_uint serial;
    int descriptor = -1;
    for (int attempt = 0; attempt < MAX_ATTEMPTS && descriptor < 0; attempt++) {
        snprintf(name, size, "%s.%ld-%u%s", path, (long)getpid(), atomic_fetch_add(&serial, 1), ending);
        descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (descriptor < 0 && errno != EEXIST) {
            return -1;
        }
    }
    return descriptor;
}

/* What is at `path` now: *mode receives the permissions of a file to be replaced, or 0666 (which the umask
 * narrows) when there is none, and *replaces which of the two. Devices, pipes and folders are not replaced by
 * a file. */
static mlp_status check_target(const char *path, mode_t *mode, bool *replaces)
{
    struct stat facts;
    *replaces = stat(path, &facts) == 0;
    *mode = *replaces ? facts.st_mode & 0777 : 0666;
    if (path[0] == '\0') {
        return fail(MLP_ERROR_ARGUMENT, "cannot write: the path is empty");
    }
    if (*replaces && !S_ISREG(facts.st_mode)) {
        return fail(MLP_ERROR_IO, "%s: is not a regular file", path);
    }
    return MLP_OK;
}

mlp_status whole_file_begin(const char *path, struct whole_file *file)
{
    const size_t size = strlen(path) + MAX_SUFFIX;
    mode_t mode;
    bool replaces;
    *file = (struct whole_file){ .path = path };
    TRY(check_target(path, &mode, &replaces));
    file->temporary = memory_allocate(size, 1);
    if (file->temporary == NULL) {
        return MLP_ERROR_MEMORY;
    }
    /* created with no more permissions than the old file's, then given exactly those: the umask took some
     * away */
    const int descriptor = create_beside(path, file->temporary, size, mode);
    if (descriptor >= 0 && (!replaces || fchmod(descriptor, mode) == 0)) {
        file->stream = fdopen(descriptor, "wb");
    }
    if (file->stream == NULL) {
        const mlp_status status = system_failure(path, "write");
        if (descriptor >= 0) {
            close(descriptor);
            unlink(file->temporary);
        }
        memory_free(file->temporary);
        return status;
    }
    return MLP_OK;
}

mlp_status whole_file_write(struct whole_file *file, const void *bytes, size_t size)
{
    if (size > 0 && fwrite(bytes, 1, size, file->stream) != size) {
        return system_failure(file->path, "write");
    }
    return MLP_OK;
}

mlp_status whole_file_overwrite(struct whole_file *file, size_t offset, const void *bytes, size_t size)
{
    if (fseeko(file->stream, (off_t)offset, SEEK_SET) != 0 || fwrite(bytes, 1, size, file->stream) != size ||
        fseeko(file->stream, 0, SEEK_END) != 0) {
        return system_failure(file->path, "write");
    }
    return MLP_OK;
}

/* A rename must survive a power cut. Nothing is allocated here. Some file systems refuse this; the file
 * itself is safe by now. */
void whole_file_flush_folder(char *name)
{
    char *slash = strrchr(name, '/');
    if (slash != NULL) {
        slash[slash == name ? 1 : 0] = '\0';
    }
    const int descriptor = open(slash != NULL ? name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
}

static mlp_status put_in_place(struct whole_file *file)
{
    const bool flushed = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    const mlp_status status = flushed ? MLP_OK : system_failure(file->path, "write");
    const bool closed = fclose(file->stream) == 0;
    file->stream = NULL;
    TRY(status);
    if (!closed) {
        return system_failure(file->path, "write");
    }
    if (rename(file->temporary, file->path) != 0) {
        return system_failure(file->path, "replace");
    }
    return MLP_OK;
}

mlp_status whole_file_end(struct whole_file *file, mlp_status status)
{
    if (status == MLP_OK) {
        status = put_in_place(file);
    }
    if (file->stream != NULL) {
        fclose(file->stream);
    }
    if (status != MLP_OK) {
        unlink(file->temporary);
    } else {
        whole_file_flush_folder(file->temporary);
    }
    memory_free(file->temporary);
    *file = (struct whole_file){ 0 };
    return status;
}
