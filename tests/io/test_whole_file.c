/* Files that appear whole or not at all: every call to the system fails in turn, disks run full, processes
 * die. */
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "io/whole_file.h"

/* ---- the system's calls, which this program puts its own functions in front of ------------------------- */

static char calls[256];       /* what was called, in order */
static const char *must_fail; /* the call that fails */

static int enter(const char *call)
{
    if (strlen(calls) + strlen(call) + 2 < sizeof calls) {
        strcat(strcat(calls, call), " ");
    }
    if (must_fail != NULL && strcmp(must_fail, call) == 0) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int fsync(int descriptor)
{
    struct stat facts;
    if (fstat(descriptor, &facts) != 0 ||
        enter(S_ISDIR(facts.st_mode) ? "flush-folder" : "flush-file") != 0) {
        return -1;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to)
{
    return enter("rename") != 0 ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int fchmod(int descriptor, mode_t mode)
{
    return enter("permissions") != 0 ? -1 : (int)syscall(SYS_fchmod, descriptor, mode);
}

/* ---- help ---------------------------------------------------------------------------------------------- */

/* A path in an empty folder of its own. */
static const char *fresh_path(const char *folder)
{
    char name[64];
    assert_int_equal(mkdir(test_path(folder), 0777), 0);
    snprintf(name, sizeof name, "%s/model", folder);
    return test_path(name);
}

/* Entries of the folder that a file lies in. */
static size_t entries_beside(const char *path)
{
    char folder[512];
    size_t count = 0;
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(stream);
    return count;
}

static mlp_network *make_network(uint64_t seed)
{
    const mlp_layer layers[] = { { .units = 48, .activation = MLP_ACTIVATION_RELU }, { .units = 16 } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.seed = seed;
    assert_ok(mlp_network_create(64, layers, 2, &options, &network));
    return network;
}

static mlp_status write_text(const char *path, const char *text)
{
    struct whole_file file;
    const mlp_status status = whole_file_begin(path, &file);
    return status != MLP_OK ? status : whole_file_end(&file, whole_file_write(&file, text, strlen(text)));
}

static void assert_contents(const char *path, const char *text)
{
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    assert_int_equal(size, strlen(text));
    assert_string_equal((char *)bytes, text);
    free(bytes);
}

static mode_t permissions_of(const char *path)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    return facts.st_mode & 07777;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void writing_and_reading(void **unused)
{
    const char *path = fresh_path("plain");
    (void)unused;
    assert_ok(write_text(path, "one"));
    assert_contents(path, "one");
    assert_ok(write_text(path, ""));
    assert_contents(path, "");
    assert_int_equal(entries_beside(path), 1);
    /* a name without a folder is in the current one, and the root's slash is not cut off */
    char *here = getcwd(NULL, 0);
    char *folder = strdup(path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(chdir(folder), 0);
    assert_ok(write_text("model", "two"));
    assert_int_equal(chdir(here), 0);
    assert_contents(path, "two");
    free(here);
    free(folder);
}

/* The bytes reach the disk before the name does, and the name before the call returns. */
static void the_order_is_crash_safe(void **unused)
{
    const char *path = fresh_path("order");
    (void)unused;
    calls[0] = '\0';
    assert_ok(write_text(path, "one"));
    assert_string_equal(calls, "flush-file rename flush-folder ");
}

static void a_failing_call_leaves_the_old_file(void **unused)
{
    static const char *const failing[] = { "permissions", "flush-file" };
    const char *path = fresh_path("failing");
    const size_t live = memory_live_count();
    (void)unused;
    assert_ok(write_text(path, "old"));
    for (size_t i = 0; i < 2; i++) {
        must_fail = failing[i];
        const mlp_status status = write_text(path, "new");
        must_fail = NULL;
        assert_refused(status, MLP_ERROR_IO, path, "Input/output error", NULL);
        assert_contents(path, "old");
        assert_int_equal(entries_beside(path), 1);
        assert_int_equal(memory_live_count(), live);
    }
    must_fail = "flush-folder"; /* the new file is there, whole; some file systems refuse this at all times */
    const mlp_status status = write_text(path, "new");
    must_fail = NULL;
    assert_ok(status);
    assert_contents(path, "new");
}

/* A save that cannot take its place is kept, and named, until one can; a link leads to the file that is
 * replaced. */
static void what_cannot_be_renamed_stays(void **unused)
{
    const char *path = fresh_path("kept");
    char name[600];
    (void)unused;
    NEEDS_LINUX;
    assert_ok(write_text(path, "old"));
    must_fail = "rename";
    const mlp_status status = write_text(path, "new");
    must_fail = NULL;
    assert_refused(status, MLP_ERROR_IO, path, "cannot replace: Input/output error",
                   "what was to be saved is in '", NULL);
    snprintf(name, sizeof name, "%s", strchr(mlp_last_error(), '\'') + 1);
    *strrchr(name, '\'') = '\0';
    assert_contents(path, "old");
    assert_contents(name, "new");
    assert_int_equal(entries_beside(path), 2);
    assert_ok(write_text(path, "newer")); /* the one beside it is held by nobody */
    assert_contents(path, "newer");
    assert_int_equal(entries_beside(path), 1);
}

static void leave_behind(const char *name)
{
    FILE *dead = fopen(name, "w");
    assert_non_null(dead);
    fclose(dead);
}

/* What a killed process left is removed by the next save or trial, and what a living one writes is not. */
static void leftovers_of_the_dead_are_removed(void **unused)
{
    const char *path = fresh_path("leftover");
    char name[600];
    struct whole_file living;
    (void)unused;
    NEEDS_LINUX;
    snprintf(name, sizeof name, "%s.%d-7.tmp", path,
             1); /* whoever has the number now does not hold the file */
    leave_behind(name);
    assert_ok(whole_file_try(path));
    assert_int_equal(entries_beside(path), 0);
    leave_behind(name);
    snprintf(name, sizeof name, "%s.notes.tmp", path);
    leave_behind(name);
    assert_ok(whole_file_begin(path, &living));
    assert_ok(write_text(path, "one"));
    assert_int_equal(entries_beside(path), 3); /* the file, the notes, the living one's */
    assert_ok(whole_file_end(&living, whole_file_write(&living, "two", 3)));
    assert_contents(path, "two");
    assert_int_equal(entries_beside(path), 2);
}

static void links_are_followed(void **unused)
{
    const char *path = fresh_path("target");
    const char *link = test_path("link"), *circle = test_path("circle");
    struct stat facts;
    (void)unused;
    assert_int_equal(symlink("target/model", link), 0); /* relative to the link's folder */
    assert_int_equal(symlink("circle", circle), 0);
    for (int i = 0; i < 2; i++) { /* the target is not there yet, then it is */
        assert_ok(write_text(link, i == 0 ? "one" : "two"));
        assert_int_equal(lstat(link, &facts), 0);
        assert_true(S_ISLNK(facts.st_mode));
        assert_contents(path, i == 0 ? "one" : "two");
    }
    assert_int_equal(entries_beside(path), 1);
    assert_refused(write_text(circle, "x"), MLP_ERROR_IO, circle, "Too many levels", NULL);
}

/* The trial uses the name of a save, which may be too long where the file's own is not. */
static void a_trial_fails_where_a_save_fails(void **unused)
{
    char base[300];
    mlp_network *network = make_network(1);
    (void)unused;
    for (size_t length = 200; length < 256; length++) {
        memset(base, 'n', length);
        base[length] = '\0';
        const char *path = test_path(base);
        const mlp_status tried = mlp_model_try_save(path);
        assert_int_equal(mlp_model_save(network, path), tried);
        assert_true(tried == MLP_OK || tried == MLP_ERROR_IO);
    }
    mlp_network_destroy(&network);
}

static void a_given_up_file_leaves_the_old_one(void **unused)
{
    const char *path = fresh_path("given-up");
    struct whole_file file;
    (void)unused;
    assert_ok(write_text(path, "old"));
    assert_ok(whole_file_begin(path, &file));
    assert_ok(whole_file_write(&file, "new", 3));
    assert_int_equal(whole_file_end(&file, MLP_ERROR_NONFINITE), MLP_ERROR_NONFINITE);
    assert_contents(path, "old");
    assert_int_equal(entries_beside(path), 1);
}

static void permissions_are_kept(void **unused)
{
    const char *path = fresh_path("permissions");
    const mode_t mask = umask(027);
    (void)unused;
    assert_ok(write_text(path, "new"));
    assert_int_equal(permissions_of(path), 0640); /* 0666 without the umask's bits */
    assert_int_equal(chmod(path, 0606), 0);
    assert_ok(write_text(path, "newer"));
    assert_int_equal(permissions_of(path), 0606);
    umask(mask);
}

static void places_that_take_no_file(void **unused)
{
    const char *file = test_write_file("file", "x", 1);
    char inside[600];
    const char *pipe = test_path("pipe");
    mlp_network *network = make_network(1), *loaded;
    const size_t live = memory_live_count();
    (void)unused;
    snprintf(inside, sizeof inside, "%s/model", file);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_refused(mlp_model_save(network, test_path("absent/model")), MLP_ERROR_IO, "absent", "No such file",
                   NULL);
    assert_refused(mlp_model_save(network, inside), MLP_ERROR_IO, inside, "Not a directory", NULL);
    assert_refused(mlp_model_save(network, "/proc/self/model"), MLP_ERROR_IO, "/proc/self/model",
                   "cannot write", NULL);
    assert_refused(mlp_model_save(network, ""), MLP_ERROR_ARGUMENT, "the path is empty", NULL);
    assert_refused(mlp_model_save(network, "/"), MLP_ERROR_IO, "not a regular file", NULL);
    assert_refused(mlp_model_save(network, pipe), MLP_ERROR_IO, pipe, "not a regular file", NULL);
    assert_refused(mlp_model_load(pipe, &loaded), MLP_ERROR_IO, pipe, "not a regular file", NULL);
    assert_int_equal(memory_live_count(), live);
    mlp_network_destroy(&network);
}

/* A limit on the size of files makes write() fail half-way, as a full disk does. */
static void a_full_disk_leaves_the_old_file(void **unused)
{
    const char *path = fresh_path("full");
    mlp_network *network = make_network(1), *other = make_network(2);
    struct rlimit before, limit;
    size_t size, after;
    (void)unused;
    assert_ok(mlp_model_save(network, path));
    unsigned char *bytes = test_read_file(path, &size);
    const size_t live = memory_live_count();
    const size_t limits[] = { 0, 1, 8, 100, 4096, size / 2, size - 1 };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        limit = before;
        limit.rlim_cur = limits[i];
        setrlimit(RLIMIT_FSIZE, &limit);
        const mlp_status status = mlp_model_save(other, path);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_refused(status, MLP_ERROR_IO, path, "File too large", NULL);
        unsigned char *now = test_read_file(path, &after);
        assert_int_equal(after, size);
        assert_memory_equal(now, bytes, size);
        free(now);
        assert_int_equal(entries_beside(path), 1);
        assert_int_equal(memory_live_count(), live);
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_ok(mlp_model_save(other, path));
    free(bytes);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
}

static void save_for_ever(const char *path, mlp_network *const networks[2])
{
    for (size_t i = 0;; i++) {
        if (mlp_model_save(networks[i % 2], path) != MLP_OK) {
            _exit(1);
        }
    }
}

/* A process is killed at 50 random moments while it saves two networks in turn: one of the two is always
 * there. */
static void a_killed_save_leaves_a_model(void **unused)
{
    enum { KILLS = 50, LONGEST_WAIT = 8000 /* microseconds */ };
    const char *path = fresh_path("killed");
    mlp_network *networks[2] = { make_network(1), make_network(2) };
    uint64_t state = 3;
    (void)unused;
    assert_ok(mlp_model_save(networks[0], path));
    for (int i = 0; i < KILLS; i++) {
        mlp_network *loaded;
        mlp_const_matrix saved, found;
        int how;
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            save_for_ever(path, networks);
        }
        usleep((useconds_t)test_uniform(&state, 0, LONGEST_WAIT));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        assert_ok(mlp_model_load(path, &loaded));
        assert_ok(mlp_network_weights(loaded, 1, &found));
        assert_ok(mlp_network_weights(networks[mlp_network_seed(loaded) - 1], 1, &saved));
        assert_memory_equal(found.data, saved.data, found.leading_dimension * found.columns * sizeof(float));
        mlp_network_destroy(&loaded);
    }
    mlp_network_destroy(&networks[0]);
    mlp_network_destroy(&networks[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_and_reading),
        cmocka_unit_test(the_order_is_crash_safe),
        cmocka_unit_test(a_failing_call_leaves_the_old_file),
        cmocka_unit_test(what_cannot_be_renamed_stays),
        cmocka_unit_test(leftovers_of_the_dead_are_removed),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(a_trial_fails_where_a_save_fails),
        cmocka_unit_test(a_given_up_file_leaves_the_old_one),
        cmocka_unit_test(permissions_are_kept),
        cmocka_unit_test(places_that_take_no_file),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(a_killed_save_leaves_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
