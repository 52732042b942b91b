/* Writing whole files crash-safely. */
#include "io/whole_file.h"

#include <errno.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/platform.h"
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

/* Locks a file that is being written; what nobody holds is the leftover of a process that died. False where
 * the name no longer leads to the file: another save took it for a leftover before it was locked. Where a
 * file system knows no locks, leftovers stay. */
static bool lock_temporary(const char *name, int descriptor)
{
    struct stat here, there;
    platform_lock_file(descriptor, true);
    return fstat(descriptor, &here) == 0 && stat(name, &there) == 0 && here.st_ino == there.st_ino;
}

/* A new file beside `path`, under a name that nobody has, locked; -1 when there is none to be had. All
 * names of a process are equally long, so that where one can be created, the next can, too. */
static int create_beside(const char *path, char *name, size_t size, mode_t mode)
{
    static atomic_uint serial;
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        snprintf(name, size, "%s.%ld-%08u%s", path, (long)getpid(), atomic_fetch_add(&serial, 1), ending);
        const int descriptor = platform_create_file(name, mode);
        if (descriptor < 0 && errno != EEXIST) {
            return -1;
        }
        if (descriptor >= 0 && lock_temporary(name, descriptor)) {
            return descriptor;
        }
        if (descriptor >= 0) {
            close(descriptor);
        }
    }
    return -1;
}

/* Removes what processes that died in the middle of a save of `path` left beside it. */
static void remove_leftovers(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    const size_t length = strlen(base);
    char folder[PATH_MAX], leftover[2 * PATH_MAX];
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(base - path) : 1,
             slash != NULL ? path : ".");
    DIR *stream = opendir(folder);
    if (stream == NULL) {
        return;
    }
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (strncmp(entry->d_name, base, length) != 0 || !whole_file_is_temporary(entry->d_name + length)) {
            continue;
        }
        snprintf(leftover, sizeof leftover, "%s%s", path, entry->d_name + length);
        platform_remove_abandoned(leftover);
    }
    closedir(stream);
}

/* Writes into `target` (PATH_MAX bytes) the file that `path` leads to through symbolic links, also where it
 * is not there yet. */
static mlp_status follow_links(const char *path, char *target)
{
    enum { MAX_LINKS = 40 };
    char link[PATH_MAX];
    int written = snprintf(target, PATH_MAX, "%s", path);
    for (int links = 0; written < PATH_MAX; links++) {
        const ptrdiff_t length = platform_read_link(target, link, sizeof link - 1);
        if (length < 0) {
            return MLP_OK; /* no link */
        }
        if (links == MAX_LINKS) {
            errno = ELOOP;
            return system_failure(path, "write");
        }
        link[length] = '\0';
        char *slash = link[0] == '/' ? NULL : strrchr(target, '/');
        const size_t kept = slash != NULL ? (size_t)(slash + 1 - target) : 0;
        written = (int)kept + snprintf(target + kept, PATH_MAX - kept, "%s", link);
    }
    errno = ENAMETOOLONG;
    return system_failure(path, "write");
}

/* What is at `path` now: *mode receives the permissions of a file to be replaced, or 0666 (which the umask
 * narrows) when there is none, and *replaces which of the two. Devices, pipes and folders are not replaced
 * by a file; neither is another user's file in a sticky folder, as /tmp is, which its owners alone may
 * replace. */
static mlp_status check_target(const char *path, mode_t *mode, bool *replaces)
{
    struct stat facts;
    char folder[PATH_MAX];
    *replaces = stat(path, &facts) == 0;
    *mode = *replaces ? facts.st_mode & 0777 : 0666;
    FAIL_IF(path[0] == '\0', MLP_ERROR_ARGUMENT, "cannot write: the path is empty");
    if (!*replaces) {
        return MLP_OK;
    }
    FAIL_IF(!S_ISREG(facts.st_mode), MLP_ERROR_IO, "%s: is %s", path,
            S_ISDIR(facts.st_mode) ? "a folder, not a regular file" : "not a regular file");
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash + 1 - path) : 1,
             slash != NULL ? path : ".");
    return platform_may_replace(&facts, folder) ? MLP_OK : system_failure(path, "replace");
}

mlp_status whole_file_begin(const char *path, struct whole_file *file)
{
    mode_t mode;
    bool replaces;
    *file = (struct whole_file){ .path = path };
    file->target = memory_allocate(2 * PATH_MAX + MAX_SUFFIX, 1);
    REQUIRE_MEMORY(file->target);
    file->temporary = file->target + PATH_MAX;
    mlp_status status = follow_links(path, file->target);
    if (status == MLP_OK) {
        status = check_target(file->target, &mode, &replaces);
    }
    if (status == MLP_OK) {
        /* created with no more permissions than the old file's, then given exactly those: the umask took
         * some away */
        const int descriptor = create_beside(file->target, file->temporary, PATH_MAX + MAX_SUFFIX, mode);
        if (descriptor >= 0 && (!replaces || platform_set_permissions(descriptor, mode) == 0)) {
            file->stream = fdopen(descriptor, "wb");
        }
        if (file->stream == NULL) {
            status = system_failure(path, "write");
            if (descriptor >= 0) {
                close(descriptor);
                unlink(file->temporary);
            }
        }
    }
    if (status != MLP_OK) {
        memory_free(file->target);
        *file = (struct whole_file){ 0 };
    }
    return status;
}

mlp_status whole_file_try(const char *path)
{
    struct whole_file file;
    TRY(whole_file_begin(path, &file));
    remove_leftovers(file.target); /* of trials, too, where something else writes the file itself */
    whole_file_end(&file, MLP_ERROR_STATE);
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
    platform_flush_folder(slash != NULL ? name : ".");
}

/* Closes the file. Where the rename fails the file beside it is whole: it stays, and *kept is true. */
static mlp_status put_in_place(struct whole_file *file, bool *kept)
{
    if (fflush(file->stream) != 0 || platform_flush_file(fileno(file->stream)) != 0) {
        const mlp_status status = system_failure(file->path, "write");
        fclose(file->stream);
        return status;
    }
    if (platform_put_in_place(file->stream, file->temporary, file->target) == 0) {
        return MLP_OK;
    }
    *kept = true;
    return fail(MLP_ERROR_IO, "%s: cannot replace: %s; what was to be saved is in '%s'", file->path,
                strerror(errno), file->temporary);
}

mlp_status whole_file_end(struct whole_file *file, mlp_status status)
{
    bool kept = false;
    if (status == MLP_OK) {
        status = put_in_place(file, &kept);
    } else {
        fclose(file->stream);
    }
    if (status == MLP_OK) {
        remove_leftovers(file->target);
        whole_file_flush_folder(file->temporary);
    } else if (!kept) {
        unlink(file->temporary);
    }
    memory_free(file->target);
    *file = (struct whole_file){ 0 };
    return status;
}
