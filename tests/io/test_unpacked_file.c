/* Temporary files without a name: what is written comes back, nothing stays behind, and a full disk is told.
 */
#include "support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mlp/data.h>
#include <mlp/schema.h>

#include "io/unpacked_file.h"

static const char *new_folder(const char *name)
{
    const char *folder = test_path(name);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

/* Pieces smaller and larger than the buffer. */
static void what_is_appended_comes_back(void **unused)
{
    enum { SIZE = 3000000 };
    const char *folder = new_folder("pieces");
    unsigned char *bytes = malloc(SIZE), *back = malloc(SIZE + 1);
    struct unpacked_file file;
    uint64_t state = 1;
    size_t done = 0;
    int descriptor;
    (void)unused;
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)(i * 2654435761u >> 24);
    }
    assert_ok(unpacked_file_create("origin.csv", folder, &file));
    assert_int_equal(test_count_files(folder), 0);
    while (done < SIZE) {
        const size_t wanted = 1 + (size_t)test_uniform(&state, 0.0, 400000.0);
        const size_t size = wanted < SIZE - done ? wanted : SIZE - done;
        assert_ok(unpacked_file_append(&file, bytes + done, size));
        done += size;
    }
    assert_ok(unpacked_file_take(&file, &descriptor));
    unpacked_file_close(&file);
    assert_int_equal(pread(descriptor, back, SIZE + 1, 0), SIZE);
    assert_memory_equal(back, bytes, SIZE);
    close(descriptor);
    assert_int_equal(test_count_files(folder), 0);
    free(bytes);
    free(back);
}

static void folders_are_named_when_they_will_not_do(void **unused)
{
    mlp_data *data;
    const char *table = test_write_file("table.csv", "1,2,a\n3,4,b\n", 12);
    (void)unused;
    assert_refused(mlp_data_open_csv(table, NULL, "/no/such/folder", &data), MLP_ERROR_IO, "table.csv",
                   "/no/such/folder", "No such file", NULL);
    assert_null(data);
    assert_int_equal(setenv("TMPDIR", "/no/other/folder", 1), 0);
    assert_refused(mlp_data_open_csv(table, NULL, NULL, &data), MLP_ERROR_IO, "/no/other/folder", NULL);
    assert_int_equal(unsetenv("TMPDIR"), 0);
    assert_ok(mlp_data_open_csv(table, NULL, NULL, &data));
    mlp_data_destroy(&data);
}

/* What is loaded into memory needs no folder; a table that is streamed does. */
static void what_is_not_streamed_asks_for_no_folder(void **unused)
{
    const char *path = test_write_file("loaded.csv", "1,2,a\n3,4,b\n", 12);
    mlp_table_options table = MLP_TABLE_OPTIONS_INIT;
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_schema *schema;
    mlp_data *data;
    (void)unused;
    table.folder = "/no/such/folder";
    options.table = &table;
    assert_ok(mlp_schema_learn(path, &options, &schema, &data));
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
    table.stream = 1;
    assert_refused(mlp_schema_learn(path, &options, &schema, &data), MLP_ERROR_IO, "loaded.csv",
                   "/no/such/folder", NULL);
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_is_told(void **unused)
{
    const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY }, small = { 1 << 16, RLIM_INFINITY };
    const char *folder = new_folder("full");
    char *table = malloc(400000);
    size_t used = 0;
    mlp_data *data;
    (void)unused;
    while (used < 399000) {
        used += (size_t)sprintf(table + used, "%zu,%zu,a\n", used % 7, used % 11);
    }
    const char *path = test_write_file("long.csv", table, used);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const mlp_status status = mlp_data_open_csv(path, NULL, folder, &data);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_refused(status, MLP_ERROR_IO, "long.csv", "cannot write a temporary file in", "full", NULL);
    assert_null(data);
    assert_int_equal(test_count_files(folder), 0);
    assert_ok(mlp_data_open_csv(path, NULL, folder, &data)); /* with room */
    assert_int_equal(test_count_files(folder), 0);
    mlp_data_destroy(&data);
    free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_comes_back),
        cmocka_unit_test(folders_are_named_when_they_will_not_do),
        cmocka_unit_test(what_is_not_streamed_asks_for_no_folder),
        cmocka_unit_test(a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
