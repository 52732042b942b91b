/* Files where descriptor 0 is free, as in a program that closed its standard input: 0 is a descriptor like
 * any other. Nothing stays open. Folders that get a new name are flushed to the disk. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "support/support.h"

enum { COUNT = 12, INPUTS = 2, MOST_FLUSHED = 64 };

/* ---- libc's fsync() in between: which folders ---------------------------------------------------------- */

static struct {
    ino_t folders[MOST_FLUSHED];
    size_t count;
} flushed;

int fsync(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode) && flushed.count < MOST_FLUSHED) {
        flushed.folders[flushed.count++] = status.st_ino;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

static bool was_flushed(const char *folder)
{
    struct stat status;
    assert_int_equal(stat(folder, &status), 0);
    for (size_t i = 0; i < flushed.count; i++) {
        if (flushed.folders[i] == status.st_ino) {
            return true;
        }
    }
    return false;
}

/* ---- what opens files ---------------------------------------------------------------------------------- */

static char model[512], features[512], packed[512], table[512], checkpoints[512];

static mlp_network *network(void)
{
    const mlp_layer layers[] = { { .units = 3 }, { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *made;
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &made));
    return made;
}

static void saves(void)
{
    mlp_network *n = network();
    assert_ok(mlp_model_try_save(model));
    assert_ok(mlp_model_save(n, model));
    mlp_network_destroy(&n);
}

static void loads(void)
{
    const mlp_layer layers[] = { { .units = 3 }, { .units = 2 } };
    mlp_network *n;
    assert_ok(mlp_model_load(model, &n));
    mlp_network_destroy(&n);
    assert_ok(mlp_model_load_tensors(model, INPUTS, layers, 2, NULL, &n));
    mlp_network_destroy(&n);
}

static void reads_data(void)
{
    static const char *const paths[] = { features, packed, table };
    for (size_t i = 0; i < 3; i++) {
        for (int stream = 0; stream <= 1; stream++) {
            mlp_data_options options = MLP_DATA_OPTIONS_INIT;
            mlp_data *data;
            options.stream = stream;
            const mlp_status status = mlp_data_load(paths[i], &options, &data);
            assert_true(status == MLP_OK || (i == 1 && status == MLP_ERROR_UNSUPPORTED)); /* without zlib */
            mlp_data_destroy(&data);
        }
    }
}

static void fit(int resume)
{
    mlp_network *n = network();
    mlp_optimizer *optimizer;
    mlp_data *data;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    checkpoint.folder = checkpoints;
    checkpoint.resume = resume;
    options.epochs = resume ? 4 : 2;
    options.checkpoint = &checkpoint;
    assert_ok(mlp_data_load_csv(table, NULL, &data));
    assert_ok(mlp_optimizer_create(n, NULL, &optimizer));
    assert_ok(mlp_fit(n, optimizer, data, &options, NULL));
    mlp_data_destroy(&data);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&n);
}

static void writes_checkpoints(void)
{
    fit(0);
}

static void resumes(void)
{
    fit(1);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *stream = opendir("/proc/self/fd");
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(stream);
    return count;
}

static void name_files(void)
{
    static const unsigned char idx[] = { 0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6 };
    static const unsigned char gzip[] = { 31,  139, 8, 0, 0, 0,    0,    0,    0,    3,  1, 18, 0, 237,
                                          255, 0,   0, 8, 2, 0,    0,    0,    3,    0,  0, 0,  2, 1,
                                          2,   3,   4, 5, 6, 0x3C, 0x40, 0xC7, 0x82, 18, 0, 0,  0 };
    char csv[16 * COUNT], *end = csv;
    for (int i = 0; i < COUNT; i++) {
        end += sprintf(end, "%d,%d,%s\n", i % 5, i % 3, i % 2 ? "a" : "b");
    }
    snprintf(model, sizeof model, "%s", test_path("model.safetensors"));
    snprintf(checkpoints, sizeof checkpoints, "%s///", test_path("checkpoints"));
    snprintf(features, sizeof features, "%s", test_write_file("features.idx", idx, sizeof idx));
    snprintf(packed, sizeof packed, "%s", test_write_file("packed.idx.gz", gzip, sizeof gzip));
    snprintf(table, sizeof table, "%s", test_write_file("table.csv", csv, (size_t)(end - csv)));
}

static void descriptor_0_is_one_like_any_other(void **unused)
{
    static void (*const ways[])(void) = { saves, loads, reads_data, writes_checkpoints, resumes };
    (void)unused;
    name_files();
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const int kept = fcntl(0, F_DUPFD_CLOEXEC, 10);
        close(0);
        const size_t before = open_descriptors();
        ways[i]();
        assert_int_equal(open_descriptors(), before);
        if (kept >= 0) {
            assert_int_equal(dup2(kept, 0), 0);
            close(kept);
        }
    }
}

/* A new folder's name stands in the folder above, a file's in its own, without the slashes at its end. */
static void new_names_are_flushed(void **unused)
{
    char above[512];
    (void)unused;
    snprintf(above, sizeof above, "%s", test_path(""));
    name_files();
    flushed.count = 0;
    saves();
    assert_true(was_flushed(above));
    for (int slashes = 0; slashes <= 3; slashes++) {
        snprintf(checkpoints, sizeof checkpoints, "%s-%d%.*s", test_path("new"), slashes, slashes, "///");
        flushed.count = 0;
        fit(0);
        assert_true(was_flushed(above));
        assert_true(was_flushed(checkpoints));
    }
    assert_int_equal(chdir(above), 0);
    snprintf(checkpoints, sizeof checkpoints, "q/");
    flushed.count = 0;
    fit(0);
    assert_true(was_flushed("."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_0_is_one_like_any_other),
        cmocka_unit_test(new_names_are_flushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
