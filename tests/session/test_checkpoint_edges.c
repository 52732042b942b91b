/* Checkpoints at the edges: other formats, folders and files that cannot be read, losses without an end,
 * processes that fork, data that cannot be read on, callers without a callback. */
#include "support/support.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>
#include <mlp/mlp.h>

#include "checkpoint_fixture.h"
#include "model/network.h"
#include "session/checkpoint/folder.h"

static const struct way way = { .rule = MLP_OPTIMIZER_ADAM, .patience = 4 };

/* Begins a fit with checkpoints every four steps and stops it after `steps`; the newest one's path is the
 * caller's. */
static char *make_stopped(struct fixture *f, size_t steps)
{
    mlp_report *report;
    make(f, &way);
    f->checkpoint.folder = new_folder();
    f->checkpoint.steps = 4;
    f->fit.checkpoint = &f->checkpoint;
    f->stop_after = steps;
    assert_ok(run(f, &report));
    char *path = strdup(mlp_report_checkpoint(report));
    mlp_report_destroy(&report);
    f->checkpoint.resume = 1;
    f->stop_after = 0;
    return path;
}

/* Goes on to the end, and must come to the bits of a fit in one go. */
static void assert_ends_whole(struct fixture *f, mlp_report **report)
{
    struct fixture whole;
    make(&whole, &way);
    assert_ok(run(&whole, NULL));
    assert_ok(run(f, report));
    assert_memory_equal(f->network->parameters, whole.network->parameters,
                        whole.network->arena_size * sizeof(float));
    drop(&whole);
}

/* ---- formats ------------------------------------------------------------------------------------------- */

/* As version 1 had it: the same without a checksum. Version 2 without one is damaged. */
static void write_without_checksum(const char *path, const char *version)
{
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    const size_t length = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
    json_t *header = json_loadb((const char *)bytes + 8, length, 0, NULL),
           *metadata = json_object_get(header, "__metadata__");
    json_object_del(metadata, "checksum");
    assert_int_equal(json_object_set_new(metadata, "checkpoint_version", json_string(version)), 0);
    char *text = json_dumps(header, JSON_COMPACT);
    const size_t new_length = strlen(text), data = size - 8 - length;
    unsigned char *file = calloc(8 + new_length + data, 1);
    for (size_t i = 0; i < 8; i++) {
        file[i] = (unsigned char)((uint64_t)new_length >> (8 * i));
    }
    memcpy(file + 8, text, new_length);
    memcpy(file + 8 + new_length, bytes + 8 + length, data);
    write_file(path, file, 8 + new_length + data);
    free(file);
    free(text);
    json_decref(header);
    free(bytes);
}

static void checkpoints_without_a_checksum(void **unused)
{
    struct fixture f;
    char *path = make_stopped(&f, 10);
    (void)unused;
    write_without_checksum(path, "2");
    f.checkpoint.keep = 1;
    remove_others(f.checkpoint.folder, path);
    assert_refused(run(&f, NULL), MLP_ERROR_FORMAT, path, "no checksum", NULL);
    write_without_checksum(path, "1");
    assert_ends_whole(&f, NULL);
    free(path);
    drop(&f);
}

/* ---- files and folders --------------------------------------------------------------------------------- */

/* A folder, a pipe, or an empty file in the place of the newest one gives way to the one before; the
 * report says so to a caller who listens to nothing else. */
static void what_is_no_file_gives_way(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < 3; kind++) {
        struct fixture f;
        char *path = make_stopped(&f, 10);
        mlp_report *report;
        assert_int_equal(unlink(path), 0);
        assert_int_equal(kind == 0 ? mkdir(path, 0777) : kind == 1 ? mkfifo(path, 0666) : 0, 0);
        if (kind == 2) {
            write_file(path, "", 0);
        }
        f.fit.progress = NULL;
        assert_ends_whole(&f, &report);
        const char *warnings = mlp_report_warnings(report);
        assert_non_null(warnings);
        assert_non_null(strstr(warnings, path));
        assert_non_null(strstr(warnings, "before it"));
        mlp_report_destroy(&report);
        free(path);
        drop(&f);
    }
    assert_null(mlp_report_warnings(NULL));
}

/* The C library's, for the whole program: after `entries_left` entries the folder cannot be read. */
static size_t entries_left = SIZE_MAX;

struct dirent *readdir(DIR *stream)
{
    struct dirent *(*next)(DIR * stream);
    *(void **)&next = dlsym(RTLD_NEXT, "readdir64");
    if (entries_left == 0) {
        errno = EIO;
        return NULL;
    }
    entries_left -= entries_left != SIZE_MAX;
    return next(stream);
}

/* One that cannot be listed is not an empty one, from which the training would start anew. */
static void an_unreadable_folder_is_an_error(void **unused)
{
    struct fixture f;
    char *path = make_stopped(&f, 10);
    (void)unused;
    for (size_t left = 0; left < 3; left++) {
        entries_left = left;
        assert_refused(run(&f, NULL), MLP_ERROR_IO, f.checkpoint.folder, "cannot list", NULL);
        entries_left = SIZE_MAX;
    }
    assert_ends_whole(&f, NULL);
    free(path);
    drop(&f);
}

/* best.safetensors of epochs after the checkpoint that is gone on from is written anew. */
static void a_stale_best_file_is_replaced(void **unused)
{
    struct fixture f;
    char *path = make_stopped(&f, 2 * 6 + 2), best[512];
    mlp_network *network;
    (void)unused;
    snprintf(best, sizeof best, "%s/best.safetensors", f.checkpoint.folder);
    mlp_network *other;
    const mlp_layer layer = { .units = 1 };
    assert_ok(mlp_network_create(1, &layer, 1, NULL, &other));
    assert_ok(mlp_model_save(other, best));
    mlp_network_destroy(&other);
    f.stop_after = 3;
    assert_ok(run(&f, NULL)); /* no epoch ends */
    assert_ok(mlp_model_load(best, &network));
    assert_int_equal(mlp_network_inputs(network), INPUTS);
    mlp_network_destroy(&network);
    free(path);
    drop(&f);
}

/* ---- settings at their ends ---------------------------------------------------------------------------- */

static void any_monitor_interval_goes_on(void **unused)
{
    static const size_t intervals[] = { 1, 3, (SIZE_MAX >> 12) + 1, SIZE_MAX / 2, SIZE_MAX };
    (void)unused;
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        struct fixture f;
        mlp_report *report;
        make(&f, &way);
        f.fit.monitor_interval = intervals[i];
        f.checkpoint.folder = new_folder();
        f.fit.checkpoint = &f.checkpoint;
        f.stop_after = 10;
        assert_ok(run(&f, NULL));
        f.checkpoint.resume = 1;
        f.stop_after = 0;
        assert_ok(run(&f, &report));
        assert_true(mlp_report_monitor_count(report) >= 1);
        mlp_report_destroy(&report);
        drop(&f);
    }
}

static mlp_status endless_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                               size_t leading_dimension, float *gradient, double *loss, void *context)
{
    (void)outputs, (void)targets, (void)context;
    if (gradient != NULL) {
        for (size_t i = 0; i < units * count; i++) {
            gradient[i % units + i / units * leading_dimension] = 0.0f;
        }
    }
    *loss = gradient != NULL ? 1.0 : -INFINITY;
    return MLP_OK;
}

/* A validation loss of −∞ is no best one; the fit can be gone on with. */
static void a_loss_of_minus_infinity_is_not_the_best(void **unused)
{
    const mlp_layer layer = { .units = OUTPUTS };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    struct fixture f;
    (void)unused;
    make(&f, &way);
    drop_model(&f);
    options.loss = MLP_LOSS_CUSTOM;
    options.custom_loss = endless_loss;
    assert_ok(mlp_network_create(INPUTS, &layer, 1, &options, &f.network));
    assert_ok(mlp_optimizer_create(f.network, NULL, &f.optimizer));
    f.checkpoint.folder = new_folder();
    f.checkpoint.steps = 1;
    f.fit.checkpoint = &f.checkpoint;
    f.fit.patience = 0;
    f.fit.epochs = 2;
    for (int resumed = 0; resumed < 2; resumed++) {
        const mlp_status status = run(&f, NULL);
        assert_true(status == MLP_OK || status == MLP_ERROR_NONFINITE);
        f.checkpoint.resume = 1;
        f.fit.epochs = 3;
    }
    drop(&f);
}

/* ---- processes ----------------------------------------------------------------------------------------- */

/* A child that lives on: neither does it hold the folder when the fit is over, nor does it write there. */
struct forker {
    struct fixture *f;
    int gate[2]; /* the child ends when this closes */
    pid_t child;
};

static int fork_once(const mlp_progress *progress, void *context)
{
    struct forker *forker = context;
    (void)progress;
    if (forker->child == 0 && forker->gate[0] >= 0) {
        forker->child = fork();
        if (forker->child == 0) {
            char byte;
            close(forker->gate[1]);
            while (read(forker->gate[0], &byte, 1) > 0) {
            }
            _exit(0);
        }
    }
    return 0;
}

static void a_forked_child_does_not_hold_the_folder(void **unused)
{
    struct fixture f;
    struct forker forker = { .f = &f };
    int status;
    (void)unused;
    make(&f, &way);
    assert_int_equal(pipe(forker.gate), 0);
    f.checkpoint.folder = new_folder();
    f.checkpoint.resume = 1;
    f.fit.checkpoint = &f.checkpoint;
    f.fit.threads = 1;
    f.fit.epochs = 2;
    f.fit.progress = fork_once;
    f.fit.progress_context = &forker;
    assert_ok(run(&f, NULL));
    assert_true(forker.child > 0);
    assert_int_equal(waitpid(forker.child, &status, WNOHANG), 0); /* lives */
    assert_ok(run(&f, NULL));
    close(forker.gate[1]);
    assert_int_equal(waitpid(forker.child, &status, 0), forker.child);
    close(forker.gate[0]);
    drop(&f);
}

/* In the child the folder is given up: it writes nothing there, and closing it takes nothing from the
 * parent. */
static void a_forked_child_does_not_write(void **unused)
{
    struct checkpoint_folder folder;
    int status;
    (void)unused;
    assert_ok(checkpoint_folder_open(new_folder(), &folder));
    const pid_t child = fork();
    if (child == 0) {
        const bool given_up = folder.is_forked && folder.lock < 0;
        checkpoint_folder_close(&folder);
        _exit(given_up ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(!folder.is_forked && fcntl(folder.lock, F_GETFD) >= 0);
    checkpoint_folder_close(&folder);
}

/* ---- data ---------------------------------------------------------------------------------------------- */

enum { IDX_HEADER = 12 };

static const char *write_idx(void)
{
    static unsigned char bytes[IDX_HEADER + COUNT * INPUTS] = { 0, 0, 8, 2, 0, 0, 0, COUNT, 0, 0, 0, INPUTS };
    uint64_t state = 8;
    for (size_t i = IDX_HEADER; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)test_uniform(&state, 0.0, 256.0);
    }
    return test_write_file("features.idx", bytes, sizeof bytes);
}

static int cut_file(const mlp_progress *progress, void *context)
{
    const char *path = context;
    return progress->epoch == 2 && progress->step == 3 && path[0] != '\0' ? truncate(path, IDX_HEADER) : 0;
}

/* The file of the data becomes shorter in the middle of a fit: an error, and a checkpoint of what was
 * learnt, from which the fit goes on when the file is whole again. */
static void a_read_failure_leaves_a_checkpoint(void **unused)
{
    unsigned char labels[8 + COUNT] = { 0, 0, 8, 1, 0, 0, 0, COUNT };
    struct fixture f, whole;
    mlp_data *data;
    mlp_report *report;
    (void)unused;
    for (size_t i = 0; i < COUNT; i++) {
        labels[8 + i] = (unsigned char)(i % OUTPUTS);
    }
    char *label_path = strdup(test_write_file("labels.idx", labels, sizeof labels)),
         *path = strdup(write_idx());
    make(&whole, &way);
    make(&f, &way);
    assert_ok(mlp_data_open_idx(path, label_path, NULL, &data));
    f.fit.validation = whole.fit.validation = NULL;
    f.fit.patience = whole.fit.patience = 0;
    whole.fit.progress = NULL;
    assert_ok(mlp_fit(whole.network, whole.optimizer, data, &whole.fit, NULL));
    f.checkpoint.folder = new_folder();
    f.fit.checkpoint = &f.checkpoint;
    f.fit.progress = cut_file;
    f.fit.progress_context = path;
    const mlp_status status = mlp_fit(f.network, f.optimizer, data, &f.fit, &report);
    assert_true(status == MLP_ERROR_IO || status == MLP_ERROR_FORMAT);
    assert_non_null(strstr(mlp_last_error(), "features.idx"));
    assert_non_null(mlp_report_checkpoint(report));
    assert_non_null(strstr(mlp_report_checkpoint(report), "checkpoint-0000000000"));
    mlp_report_destroy(&report);
    write_idx();
    f.checkpoint.resume = 1;
    f.fit.progress = NULL;
    assert_ok(mlp_fit(f.network, f.optimizer, data, &f.fit, NULL));
    assert_memory_equal(f.network->parameters, whole.network->parameters,
                        whole.network->arena_size * sizeof(float));
    mlp_data_destroy(&data);
    free(path);
    free(label_path);
    drop(&whole);
    drop(&f);
}

/* ---- order of calls ------------------------------------------------------------------------------------ */

/* An optimizer for another network is refused before anything is looked at, or touched. */
static void another_networks_optimizer_is_refused(void **unused)
{
    struct fixture f, small;
    char *path = make_stopped(&f, 10);
    const mlp_layer layers[] = { { .units = 2 }, { .units = 2 }, { .units = OUTPUTS } };
    (void)unused;
    make(&small, &way);
    drop_model(&small);
    assert_ok(mlp_network_create(INPUTS, layers, 3, NULL, &small.network));
    make_optimizer(&small, &way);
    const float before = f.network->parameters[0];
    assert_refused(mlp_fit(f.network, small.optimizer, f.train, &f.fit, NULL), MLP_ERROR_SHAPE, "optimizer",
                   NULL);
    assert_true(f.network->parameters[0] == before);
    drop(&small);
    free(path);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_without_a_checksum),
        cmocka_unit_test(what_is_no_file_gives_way),
        cmocka_unit_test(an_unreadable_folder_is_an_error),
        cmocka_unit_test(a_stale_best_file_is_replaced),
        cmocka_unit_test(any_monitor_interval_goes_on),
        cmocka_unit_test(a_loss_of_minus_infinity_is_not_the_best),
        cmocka_unit_test(a_forked_child_does_not_hold_the_folder),
        cmocka_unit_test(a_forked_child_does_not_write),
        cmocka_unit_test(a_read_failure_leaves_a_checkpoint),
        cmocka_unit_test(another_networks_optimizer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
