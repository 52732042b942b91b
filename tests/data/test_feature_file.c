/* Features that stay in a file: whatever is asked of such a data set, it says what one in memory says. */
#include "support/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "data/data.h"

enum { COUNT = 230, INPUTS = 90, BYTES = COUNT * INPUTS, HEADER = 12 };

/* An IDX file of bytes or of floats (bytes / 4), and its labels; the pictures are more than a piece of a
 * read. */
static const char *write_features(bool floats, unsigned char *values)
{
    static unsigned char file[HEADER + 4 * BYTES];
    const unsigned char header[HEADER] = { 0, 0, floats ? 0x0D : 8, 2, 0, 0, 0, COUNT, 0, 0, 0, INPUTS };
    uint64_t state = 3;
    memcpy(file, header, sizeof header);
    for (size_t i = 0; i < BYTES; i++) {
        const float value = (float)(values[i] = (unsigned char)test_uniform(&state, 0.0, 256.0)) / 4.0f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (floats) {
            for (int b = 0; b < 4; b++) {
                file[HEADER + 4 * i + (size_t)b] = (unsigned char)(bits >> (24 - 8 * b));
            }
        }
        if (!floats) {
            file[HEADER + i] = values[i];
        }
    }
    return test_write_file(floats ? "floats.idx" : "bytes.idx", file,
                           HEADER + (floats ? 4 : 1) * (size_t)BYTES);
}

static const char *write_labels(void)
{
    unsigned char file[8 + COUNT] = { 0, 0, 8, 1, 0, 0, 0, COUNT };
    for (size_t i = 0; i < COUNT; i++) {
        file[8 + i] = (unsigned char)(i * i % 7 % 3);
    }
    return test_write_file("labels.idx", file, sizeof file);
}

/* The system's call in this program: what was announced last. */
static off_t announced_from, announced_to;

int posix_fadvise(int descriptor, off_t offset, off_t length, int advice)
{
    (void)descriptor;
    if (advice == POSIX_FADV_WILLNEED) {
        announced_from = announced_to == offset ? announced_from : offset;
        announced_to = offset + length;
    }
    return 0;
}

/* What is announced is the file's bytes of these samples, first to last, and no more; of a subset, from its
 * first sample to its last. */
static void what_is_announced_is_what_is_wanted(void **unused)
{
    static unsigned char values[BYTES];
    mlp_data *data, *slice;
    (void)unused;
    NEEDS_LINUX;
    for (int floats = 0; floats < 2; floats++) {
        const off_t size = floats ? 4 * INPUTS : INPUTS;
        assert_ok(mlp_data_open_idx(write_features(floats, values), NULL, NULL, &data));
        assert_ok(mlp_data_slice(data, 30, 100, &slice));
        data_announce(data, 17, 40);
        assert_true(announced_from == HEADER + 17 * size && announced_to == HEADER + 57 * size);
        data_announce(slice, 10, 1);
        assert_true(announced_from == HEADER + 40 * size && announced_to == HEADER + 41 * size);
        data_announce(slice, 99, 1);
        assert_true(announced_from == HEADER + 129 * size && announced_to == HEADER + 130 * size);
        mlp_data_destroy(&slice);
        mlp_data_destroy(&data);
    }
}

static void values_are_those_of_the_file(void **unused)
{
    static unsigned char values[BYTES];
    static float x[BYTES];
    (void)unused;
    for (int floats = 0; floats < 2; floats++) {
        mlp_data *data;
        const char *path = write_features(floats, values);
        assert_ok(mlp_data_open_idx(path, NULL, NULL, &data));
        assert_ok(mlp_data_read(data, 0, COUNT, x, NULL, NULL));
        for (size_t i = 0; i < BYTES; i++) {
            assert_close(x[i], floats ? values[i] / 4.0 : values[i] / 255.0, 1e-7);
        }
        assert_ok(mlp_data_read(data, 201, 1, x, NULL, NULL));
        assert_close(x[5], floats ? values[201 * INPUTS + 5] / 4.0 : values[201 * INPUTS + 5] / 255.0, 1e-7);
        mlp_data_destroy(&data);
    }
}

/* Every part of both, compared. */
static void assert_same_part(mlp_data *a, mlp_data *b)
{
    static float x[BYTES], y[BYTES];
    int32_t u[COUNT], v[COUNT];
    const size_t count = mlp_data_count(a);
    assert_int_equal(count, mlp_data_count(b));
    assert_ok(mlp_data_read(a, 0, count, x, u, NULL));
    assert_ok(mlp_data_read(b, 0, count, y, v, NULL));
    assert_memory_equal(x, y, count * INPUTS * sizeof *x);
    assert_memory_equal(u, v, count * sizeof *u);
    mlp_data_destroy(&a);
    mlp_data_destroy(&b);
}

static void parts_are_those_of_data_in_memory(void **unused)
{
    static unsigned char values[BYTES];
    mlp_data *sets[2], *parts[2][2];
    const char *labels;
    (void)unused;
    const char *path = write_features(true, values);
    labels = write_labels();
    assert_ok(mlp_data_load_idx(path, labels, &sets[0]));
    assert_ok(mlp_data_open_idx(path, labels, NULL, &sets[1]));
    for (int way = 0; way < 4; way++) {
        for (int s = 0; s < 2; s++) {
            mlp_data **p = parts[s];
            assert_ok(way == 0   ? mlp_data_split(sets[s], 0.3, 5, &p[0], &p[1])
                      : way == 1 ? mlp_data_split_stratified(sets[s], 0.3, 5, &p[0], &p[1])
                      : way == 2 ? mlp_data_fold(sets[s], 4, 2, 1, 5, &p[0], &p[1])
                                 : mlp_data_slice(sets[s], 17, 50, &p[0]));
            if (way == 3) {
                assert_ok(mlp_data_slice(p[0], 3, 40, &p[1]));
            }
        }
        assert_same_part(parts[0][0], parts[1][0]);
        assert_same_part(parts[0][1], parts[1][1]);
    }
    mlp_data_destroy(&sets[0]);
    mlp_data_destroy(&sets[1]);
}

/* A mean and a scale for each feature, and an evaluation, bit for bit. */
static void standardization_and_metrics_are_the_same(void **unused)
{
    static unsigned char values[BYTES];
    const mlp_layer layers[] = { { .units = 8 }, { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *networks[2];
    mlp_metrics metrics[2];
    (void)unused;
    const char *path = write_features(false, values), *labels = write_labels();
    for (int s = 0; s < 2; s++) {
        mlp_data *data;
        assert_ok(s == 0 ? mlp_data_load_idx(path, labels, &data)
                         : mlp_data_open_idx(path, labels, NULL, &data));
        assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &networks[s]));
        assert_ok(mlp_data_standardize(data, networks[s]));
        assert_ok(mlp_evaluate(networks[s], data, 32, 2, 0, &metrics[s], NULL));
        mlp_data_destroy(&data);
    }
    assert_true(metrics[0].loss == metrics[1].loss && metrics[0].accuracy == metrics[1].accuracy);
    mlp_network_destroy(&networks[0]);
    mlp_network_destroy(&networks[1]);
}

/* The file is cut behind the library's back. */
static void a_file_that_becomes_shorter_is_told(void **unused)
{
    static unsigned char values[BYTES];
    static float x[BYTES];
    const mlp_layer layers[] = { { .units = 8 }, { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *network;
    mlp_data *data;
    mlp_metrics metrics;
    (void)unused;
    const char *path = write_features(false, values), *labels = write_labels();
    assert_ok(mlp_data_open_idx(path, labels, NULL, &data));
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
    assert_int_equal(truncate(path, HEADER + 100 * INPUTS + 1), 0);
    assert_ok(mlp_data_read(data, 0, 100, x, NULL, NULL));
    assert_refused(mlp_data_read(data, 100, 1, x, NULL, NULL), MLP_ERROR_FORMAT, "bytes.idx", "shorter",
                   "sample 100", NULL);
    assert_refused(mlp_data_standardize(data, network), MLP_ERROR_FORMAT, "bytes.idx", "shorter", NULL);
    assert_refused(mlp_evaluate(network, data, 64, 2, 0, &metrics, NULL), MLP_ERROR_FORMAT, "bytes.idx",
                   "shorter", NULL);
    mlp_data_destroy(&data);
    mlp_network_destroy(&network);
}

/* Descriptors are few: each is given back, also by a part that outlives its whole. */
/* From some step on the file cannot be read: its descriptor becomes a folder's. */
static int break_descriptor(const mlp_progress *progress, void *context)
{
    mlp_data *data = context;
    if (progress->step == 3) {
        const int folder = open("/", O_RDONLY);
        assert_true(folder >= 0 && dup2(folder, data->storage->file->descriptor) >= 0);
        close(folder);
    }
    return 0;
}

static void a_failing_read_ends_a_fit_with_file_and_offset(void **unused)
{
    static unsigned char values[BYTES];
    const mlp_layer layers[] = { { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_data *data;
    (void)unused;
    assert_ok(mlp_data_open_idx(write_features(false, values), write_labels(), NULL, &data));
    assert_ok(mlp_network_create(INPUTS, layers, 1, NULL, &network));
    assert_ok(mlp_optimizer_create(network, NULL, &optimizer));
    fit.batch = 10;
    fit.epochs = 3;
    fit.progress = break_descriptor;
    fit.progress_context = data;
    assert_refused(mlp_fit(network, optimizer, data, &fit, NULL), MLP_ERROR_IO, "bytes.idx", "at byte",
                   "Is a directory", NULL);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

static void descriptors_are_given_back(void **unused)
{
    static unsigned char values[BYTES];
    mlp_data *data, *part;
    float x[INPUTS];
    (void)unused;
    const char *path = write_features(false, values);
    const int next = open("/dev/null", O_RDONLY);
    close(next);
    assert_ok(mlp_data_open_idx(path, NULL, NULL, &data));
    assert_ok(mlp_data_slice(data, 10, 5, &part));
    mlp_data_destroy(&data);
    assert_ok(mlp_data_read(part, 0, 1, x, NULL, NULL));
    mlp_data_destroy(&part);
    assert_refused(mlp_data_open_idx(path, path, NULL, &data), MLP_ERROR_FORMAT, "labels of rank 2", NULL);
    const int now = open("/dev/null", O_RDONLY);
    close(now);
    assert_int_equal(now, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_announced_is_what_is_wanted),
        cmocka_unit_test(values_are_those_of_the_file),
        cmocka_unit_test(parts_are_those_of_data_in_memory),
        cmocka_unit_test(standardization_and_metrics_are_the_same),
        cmocka_unit_test(a_file_that_becomes_shorter_is_told),
        cmocka_unit_test(a_failing_read_ends_a_fit_with_file_and_offset),
        cmocka_unit_test(descriptors_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
