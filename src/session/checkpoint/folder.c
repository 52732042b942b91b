/* A folder of checkpoints. */
#include "session/checkpoint/folder.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/array.h"
#include "base/memory.h"
#include "base/platform.h"
#include "base/status.h"
#include "io/whole_file.h"

enum { FILE_NAME_SIZE = 64, LOCK_ATTEMPTS = 50 }; /* in a second */

static const char prefix[] = "checkpoint-", ending[] = ".safetensors", best[] = "best.safetensors";

static mlp_status folder_failure(const char *path, const char *what)
{
    return fail(MLP_ERROR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* ---- names --------------------------------------------------------------------------------------------- */

static void write_name(size_t step, char *name)
{
    snprintf(name, FILE_NAME_SIZE, "%s%012zu%s", prefix, step, ending);
}

/* What follows the name of a step's checkpoint; NULL where `name` does not begin with one. */
static const char *parse_name(const char *name, size_t *step)
{
    char exactly[FILE_NAME_SIZE];
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return NULL;
    }
    const char *digits = name + sizeof prefix - 1;
    const size_t length = strspn(digits, "0123456789");
    if (length == 0 || length > 18) {
        return NULL;
    }
    *step = (size_t)strtoull(digits, NULL, 10);
    write_name(*step, exactly);
    return strncmp(name, exactly, strlen(exactly)) == 0 ? name + strlen(exactly) : NULL;
}

/* A file under its temporary name: only a killed fit leaves one. */
static bool is_left_over(const char *name)
{
    size_t step;
    const char *rest =
        strncmp(name, best, sizeof best - 1) == 0 ? name + sizeof best - 1 : parse_name(name, &step);
    return rest != NULL && whole_file_is_temporary(rest);
}

static char *path_of(const struct checkpoint_folder *folder, const char *name)
{
    const size_t size = strlen(folder->path) + strlen(name) + 2;
    char *path = memory_allocate(size, 1);
    if (path != NULL) {
        snprintf(path, size, "%s/%s", folder->path, name);
    }
    return path;
}

char *checkpoint_path(const struct checkpoint_folder *folder, size_t step)
{
    char name[FILE_NAME_SIZE];
    write_name(step, name);
    return path_of(folder, name);
}

char *checkpoint_best_path(const struct checkpoint_folder *folder)
{
    return path_of(folder, best);
}

/* ---- the folder ---------------------------------------------------------------------------------------- */

static mlp_status note_step(struct checkpoint_folder *folder, size_t step)
{
    struct array steps = { folder->steps, folder->count, folder->room };
    TRY(array_append(&steps, &step, 1, sizeof step));
    folder->steps = steps.items;
    folder->count = steps.count;
    folder->room = steps.capacity;
    return MLP_OK;
}

static int by_step(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* One that stays does no harm. */
static void remove_file(const struct checkpoint_folder *folder, const char *name)
{
    char *path = path_of(folder, name);
    if (path != NULL) {
        unlink(path);
        memory_free(path);
    }
}

/* A folder that cannot be read to its end may hold what the training should go on from. */
static mlp_status list(struct checkpoint_folder *folder, DIR *stream)
{
    for (;;) {
        size_t step;
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            break;
        }
        const char *rest = parse_name(entry->d_name, &step);
        if (rest != NULL && rest[0] == '\0') {
            TRY(note_step(folder, step));
        } else if (is_left_over(entry->d_name)) {
            remove_file(folder, entry->d_name);
        }
    }
    if (errno != 0) {
        return folder_failure(folder->path, "list the folder");
    }
    if (folder->count > 0) {
        qsort(folder->steps, folder->count, sizeof *folder->steps, by_step);
    }
    return MLP_OK;
}

/* ---- the lock ------------------------------------------------------------------------------------------ */

/* A child process has a copy of the descriptor, which would hold the lock when the fit, or its process, is
 * gone: the child closes those of all folders that are held at the fork. */
static struct checkpoint_folder *held;
static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;

static void before_fork(void)
{
    pthread_mutex_lock(&held_mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&held_mutex);
}

static void after_fork_in_child(void)
{
    for (struct checkpoint_folder *folder = held; folder != NULL; folder = folder->next) {
        close(folder->lock);
        folder->lock = -1;
        folder->is_forked = true;
    }
    held = NULL;
    pthread_mutex_unlock(&held_mutex);
}

static void watch_forks(void)
{
    platform_watch_forks(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void hold(struct checkpoint_folder *folder)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&held_mutex);
    folder->next = held;
    held = folder;
    pthread_mutex_unlock(&held_mutex);
}

static void release(struct checkpoint_folder *folder)
{
    pthread_mutex_lock(&held_mutex);
    struct checkpoint_folder **place = &held;
    while (*place != NULL && *place != folder) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        *place = folder->next;
        close(folder->lock); /* and the lock with it */
    }
    pthread_mutex_unlock(&held_mutex);
}

/* A fit that was killed a moment ago may not be quite gone. File systems without locks are taken at their
 * word. */
static bool lock(int descriptor)
{
    const struct timespec pause = { .tv_nsec = 1000000000 / LOCK_ATTEMPTS };
    int attempt = 0;
    while (platform_lock_file(descriptor, false) == PLATFORM_LOCKED_ELSEWHERE) {
        if (++attempt > LOCK_ATTEMPTS) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

/* A new folder's name must survive a power cut, too. */
static mlp_status make(const char *path)
{
    if (platform_make_folder(path) != 0) {
        return errno == EEXIST ? MLP_OK : folder_failure(path, "make the folder");
    }
    char *name = memory_copy_text(path);
    REQUIRE_MEMORY(name);
    for (size_t length = strlen(name); length > 1 && name[length - 1] == '/'; length--) {
        name[length - 1] = '\0';
    }
    whole_file_flush_folder(name);
    memory_free(name);
    return MLP_OK;
}

static mlp_status take(struct checkpoint_folder *folder)
{
    const char *path = folder->path;
    FAIL_IF(path[0] == '\0', MLP_ERROR_ARGUMENT, "checkpoint folder: the path is empty");
    TRY(make(path));
    folder->lock = platform_open_folder(path);
    if (folder->lock < 0) {
        return folder_failure(path, "open the folder");
    }
    hold(folder);
    if (!platform_may_write(path)) { /* said now, not at the first checkpoint */
        return folder_failure(path, "write to the folder");
    }
    return lock(folder->lock) ? MLP_OK
                              : fail(MLP_ERROR_IO, "%s: another fit is writing its checkpoints here", path);
}

mlp_status checkpoint_folder_open(const char *path, struct checkpoint_folder *folder)
{
    *folder = (struct checkpoint_folder){ .path = path, .lock = -1 };
    TRY(take(folder));
    DIR *stream = opendir(path);
    if (stream == NULL) {
        return folder_failure(path, "list the folder");
    }
    const mlp_status status = list(folder, stream);
    closedir(stream);
    return status;
}

void checkpoint_folder_close(struct checkpoint_folder *folder)
{
    release(folder);
    memory_free(folder->steps);
    *folder = (struct checkpoint_folder){ .lock = -1 };
}

mlp_status checkpoint_folder_add(struct checkpoint_folder *folder, size_t step, size_t keep)
{
    if (folder->count == 0 || folder->steps[folder->count - 1] != step) {
        TRY(note_step(folder, step));
    }
    while (folder->count > keep) {
        char *path = checkpoint_path(folder, folder->steps[0]);
        REQUIRE_MEMORY(path);
        unlink(path); /* one that stays does no harm */
        memory_free(path);
        folder->count--;
        memmove(folder->steps, folder->steps + 1, folder->count * sizeof *folder->steps);
    }
    return MLP_OK;
}
