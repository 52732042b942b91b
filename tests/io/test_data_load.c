/* Which format a file is of, and what all formats have in common. */
#include "support/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

#include <mlp/data.h>

#include "base/memory.h"
#include "io/byte_reader.h"

/* Two samples of two bytes, and their labels. */
static const unsigned char images[] = { 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 51, 102, 255 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 1, 0 };
static const char table[] = "0,0.2,1\n0.4,1,0\n";

static void assert_two_samples(mlp_data *data, mlp_data_format format, size_t inputs)
{
    float x[6];
    assert_int_equal(mlp_data_file_format(data), format);
    assert_int_equal(mlp_data_count(data), 2);
    assert_int_equal(mlp_data_inputs(data), inputs);
    assert_ok(mlp_data_read(data, 0, 2, x, NULL, NULL));
    assert_close(x[1], 0.2, 1e-6);
    assert_close(x[inputs], 0.4, 1e-6);
    mlp_data_destroy(&data);
}

static mlp_data *loaded(const char *path, const mlp_data_options *options)
{
    mlp_data *data = NULL;
    assert_ok(mlp_data_load(path, options, &data));
    return data;
}

static void formats_have_names(void **state)
{
    (void)state;
    for (size_t f = 0; f < mlp_data_format_count(); f++) {
        mlp_data_format found;
        assert_ok(mlp_data_format_from_name(mlp_data_format_name((mlp_data_format)f), &found));
        assert_int_equal(found, f);
        assert_non_null(mlp_data_format_description(found));
    }
    mlp_data_format found;
    assert_null(mlp_data_format_name((mlp_data_format)99));
    assert_refused(mlp_data_format_from_name("xls", &found), MLP_ERROR_ARGUMENT, "xls", "csv", "idx", NULL);
}

/* What a file begins with says more than its name, and its name more than nothing. */
static void files_are_recognized(void **state)
{
    (void)state;
    mlp_data *data;
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    for (int stream = 0; stream < 2; stream++) {
        options.stream = stream;
        assert_two_samples(loaded(test_write_file("t10k-images-idx3-ubyte", images, sizeof images), &options),
                           MLP_DATA_FORMAT_IDX, 2);
        assert_two_samples(loaded(test_write_file("images.csv", images, sizeof images), &options),
                           MLP_DATA_FORMAT_IDX, 2);
        options.labels_path = test_write_file("labels", labels, sizeof labels);
        data = loaded(test_path("images.csv"), &options);
        assert_int_equal(mlp_data_class_count(data), 2);
        assert_two_samples(data, MLP_DATA_FORMAT_IDX, 2);
        assert_refused(mlp_data_load(test_write_file("x.csv", table, strlen(table)), &options, &data),
                       MLP_ERROR_ARGUMENT, "labels", "csv", NULL);
        options.labels_path = NULL;
        assert_two_samples(loaded(test_write_file("table", table, strlen(table)), &options),
                           MLP_DATA_FORMAT_CSV, 2);
        assert_refused(mlp_data_load(test_write_file("train-ubyte", table, strlen(table)), &options, &data),
                       MLP_ERROR_FORMAT, "not an IDX file", NULL);
        assert_refused(mlp_data_load(test_write_file("a.idx.gz", "", 0), &options, &data), MLP_ERROR_FORMAT,
                       "IDX header", NULL);
        assert_refused(mlp_data_load(test_write_file("empty", "", 0), &options, &data), MLP_ERROR_FORMAT,
                       "empty", NULL);
    }
    options.format = MLP_DATA_FORMAT_CSV;
    assert_two_samples(loaded(test_path("train-ubyte"), &options), MLP_DATA_FORMAT_CSV, 2);
    options.format = MLP_DATA_FORMAT_IDX;
    assert_refused(mlp_data_load(test_path("table"), &options, &data), MLP_ERROR_FORMAT, "not an IDX file",
                   NULL);
    options.format = (mlp_data_format)99;
    assert_refused(mlp_data_load(test_path("table"), &options, &data), MLP_ERROR_ARGUMENT, "99", NULL);
    assert_two_samples(loaded(test_path("table"), NULL), MLP_DATA_FORMAT_CSV, 2);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    mlp_data *data = (mlp_data *)&table;
    assert_refused(mlp_data_load(NULL, NULL, &data), MLP_ERROR_ARGUMENT, "path", NULL);
    assert_null(data);
    assert_refused(mlp_data_load("x", NULL, NULL), MLP_ERROR_ARGUMENT, "data", NULL);
    assert_int_equal(mlp_data_file_format(NULL), MLP_DATA_FORMAT_AUTOMATIC);
}

/* A pipe can be read once: what told the format is not lost. */
static void pipes_are_read(void **state)
{
    (void)state;
    const struct {
        const void *bytes;
        size_t size;
        mlp_data_format format;
    } cases[] = { { images, sizeof images, MLP_DATA_FORMAT_IDX },
                  { table, sizeof table - 1, MLP_DATA_FORMAT_CSV } };
    const char *path = test_path("pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    for (int i = 0; i < 4; i++) {
        mlp_data_options options = MLP_DATA_OPTIONS_INIT;
        options.stream = i / 2;
        const pid_t writer = fork();
        if (writer == 0) {
            const int pipe = open(path, O_WRONLY);
            _exit(write(pipe, cases[i % 2].bytes, cases[i % 2].size) != (ssize_t)cases[i % 2].size);
        }
        mlp_data *data = loaded(path, &options);
        int code = -1;
        assert_int_equal(waitpid(writer, &code, 0), writer);
        assert_int_equal(code, 0);
        assert_two_samples(data, cases[i % 2].format, 2);
    }
}

#if MLP_HAVE_ZLIB
/* Gzips `header` and then zeros (IDX) or lines (CSV). */
static const char *write_gzip(const char *name, const void *header, size_t header_size, const char *piece,
                              size_t piece_size, size_t pieces)
{
    const char *path = test_path(name);
    gzFile file = gzopen(path, "wb9");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, header, (unsigned)header_size), (int)header_size);
    for (size_t i = 0; i < pieces; i++) {
        assert_int_equal(gzwrite(file, piece, (unsigned)piece_size), (int)piece_size);
    }
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

/* Three megabytes of zeros take three kilobytes. */
static void unpacking_has_a_limit(void **state)
{
    (void)state;
    static const unsigned char header[] = { 0, 0, 8, 2, 0, 0, 0, 3, 0, 16, 0, 0 };
    static const char zeros[1 << 10];
    const char *paths[] = { write_gzip("zeros.gz", header, sizeof header, zeros, sizeof zeros, 3 << 10),
                            write_gzip("lines.gz", "a,b\n", 4, "1,0\n", 4, 3 << 18) };
    const size_t sizes[] = { (3 << 20) + sizeof header, (3 << 20) + 4 };
    for (int i = 0; i < 2; i++) {
        mlp_data_options options = MLP_DATA_OPTIONS_INIT;
        for (int stream = 0; stream < 2; stream++) {
            mlp_data *data = loaded(paths[i], &options); /* below 1 GiB by default */
            mlp_data_destroy(&data);
            options.stream = stream;
            options.unpack_limit = sizes[i];
            data = loaded(paths[i], &options);
            mlp_data_destroy(&data);
            options.unpack_limit--;
            const size_t live = memory_live_count();
            assert_refused(mlp_data_load(paths[i], &options, &data), MLP_ERROR_RANGE, paths[i],
                           "unpack_limit", NULL);
            assert_null(data);
            assert_int_equal(memory_live_count(), live);
            options.unpack_limit = 0;
        }
    }
}
#endif

/* A gigabyte, or a hundred times what the file takes packed: without a gigabyte. */
static void the_limit_of_unpacking_follows_the_file(void **state)
{
    (void)state;
    const size_t gigabyte = (size_t)1 << 30, most = gigabyte / 100;
    const size_t packed[] = { 0, 1, most - 1, most };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(byte_reader_limit(0, packed[i]), gigabyte);
    }
    assert_int_equal(byte_reader_limit(0, most + 1), 100 * (most + 1));
    assert_int_equal(byte_reader_limit(0, gigabyte), SIZE_MAX / 100 < gigabyte ? SIZE_MAX : 100 * gigabyte);
    assert_int_equal(byte_reader_limit(0, SIZE_MAX / 100 + 1), SIZE_MAX);
    const size_t limits[] = { 1, gigabyte - 1, gigabyte + 1, SIZE_MAX };
    for (int i = 0; i < 4; i++) {
        assert_int_equal(byte_reader_limit(limits[i], 1), limits[i]);
        assert_int_equal(byte_reader_limit(limits[i], gigabyte), limits[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_of_unpacking_follows_the_file),
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(files_are_recognized),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(pipes_are_read),
#if MLP_HAVE_ZLIB
        cmocka_unit_test(unpacking_has_a_limit),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
