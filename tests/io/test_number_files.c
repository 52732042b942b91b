/* NPY, NPZ and LIBSVM files: those that numpy and scikit-learn wrote, and every way in which they can be
 * wrong. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/data.h>

#include "base/memory.h"
#include "io/load_and_open.h"

/* First in a test that reads archives. */
#if MLP_HAVE_ZLIB
#define NEEDS_ZLIB (void)0
#else
#define NEEDS_ZLIB skip()
#endif

enum { SAMPLES = 4, FEATURES = 3 };

static const char *recorded(const char *name)
{
    static char paths[4][1024];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", getenv("MLP_TEST_NUMPY"), name);
    return path;
}

/* Loaded and streamed: the same. */
static mlp_status read_data(const char *path, const mlp_data_options *options, mlp_data **data)
{
    mlp_data_options streamed = *options;
    mlp_data *open = NULL;
    char text[1024];
    streamed.stream = 1;
    const mlp_status opened = mlp_data_load(path, &streamed, &open);
    strcpy(text, mlp_last_error());
    if (opened == MLP_ERROR_MEMORY) {
        *data = NULL;
        return opened;
    }
    const mlp_status loaded = mlp_data_load(path, options, data);
    return same_outcome(opened, text, open, loaded, *data);
}

/* Sample i, feature j of the files is step 3 i + j less `less`, times `scale`. */
static void assert_steps(const mlp_data *data, int less, double scale)
{
    float x[SAMPLES * FEATURES];
    assert_int_equal(mlp_data_count(data), SAMPLES);
    assert_int_equal(mlp_data_inputs(data), FEATURES);
    assert_ok(mlp_data_read(data, 0, SAMPLES, x, NULL, NULL));
    for (int i = 0; i < SAMPLES * FEATURES; i++) {
        assert_true((double)x[i] == (i - less) * scale);
    }
}

static void assert_classes(const mlp_data *data, const int32_t expected[SAMPLES])
{
    int32_t classes[SAMPLES];
    assert_ok(mlp_data_read(data, 0, SAMPLES, NULL, classes, NULL));
    assert_memory_equal(classes, expected, sizeof classes);
}

/* Each type, in both orders of bytes and of axes, deflated. */
static void reads_every_type_of_numpy(void **state)
{
    static const char *const types[] = { "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8" };
    (void)state;
    NEEDS_ZLIB;
    for (size_t t = 0; t < 4 * sizeof types / sizeof types[0]; t++) {
        const char *type = types[t / 4];
        char member[8];
        mlp_data_options options = MLP_DATA_OPTIONS_INIT;
        mlp_data *data;
        snprintf(member, sizeof member, "%s%c%c", type, "lb"[t % 2], "cf"[t / 2 % 2]);
        options.features_member = member;
        assert_ok(read_data(recorded("types.npz"), &options, &data));
        assert_steps(data, type[0] == 'u' ? 0 : 5, type[0] == 'f' ? 0.25 : 1.0);
        assert_int_equal(mlp_data_file_format(data), MLP_DATA_FORMAT_NPZ);
        assert_int_equal(mlp_data_class_count(data) + mlp_data_outputs(data), 0);
        mlp_data_destroy(&data);
    }
}

/* Classes, numbers and flags as targets. */
static void reads_targets(void **state)
{
    const int32_t plain[] = { 0, 2, 1, 2 }, signs[] = { 1, 0, 0, 1 };
    const char *const names[] = { "1", "-1" };
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    mlp_csv_options csv = MLP_CSV_OPTIONS_INIT;
    mlp_data *data;
    float values[2 * SAMPLES];
    (void)state;
    NEEDS_ZLIB;
    assert_ok(read_data(recorded("pair.npz"), &options, &data));
    assert_steps(data, 0, 1.0);
    assert_classes(data, plain);
    assert_int_equal(mlp_data_class_count(data), 3);
    assert_string_equal(mlp_data_notice(data), "4 samples; 3 features; 3 classes; features from 'x.npy', "
                                               "targets from 'y.npy'");
    mlp_data_destroy(&data);
    assert_ok(read_data(recorded("only.npz"), &options, &data));
    assert_steps(data, 0, 1.0);
    mlp_data_destroy(&data);
    options.labels_path = recorded("signs.npy");
    assert_ok(read_data(recorded("features.npy"), &options, &data));
    assert_steps(data, 5, 0.25);
    assert_classes(data, signs);
    assert_string_equal(mlp_data_class_name(data, 0), "-1");
    mlp_data_destroy(&data);
    options.csv = &csv;
    csv.class_names = names;
    csv.class_name_count = 2;
    assert_ok(read_data(recorded("features.npy"), &options, &data));
    assert_classes(data, (const int32_t[]){ 0, 1, 1, 0 });
    mlp_data_destroy(&data);
    csv.regression = 1;
    assert_ok(read_data(recorded("features.npy"), &options, &data));
    assert_ok(mlp_data_read(data, 0, SAMPLES, NULL, NULL, values));
    assert_true(values[0] == 1.0f && values[1] == -1.0f && values[3] == 1.0f);
    mlp_data_destroy(&data);
    options.labels_path = recorded("flags.npy");
    assert_ok(read_data(recorded("features.npy"), &options, &data));
    assert_int_equal(mlp_data_outputs(data), 2);
    assert_ok(mlp_data_read(data, 0, SAMPLES, NULL, NULL, values));
    assert_true(values[0] == 1.0f && values[1] == 0.0f && values[4] == 1.0f && values[7] == 1.0f);
    mlp_data_destroy(&data);
}

static void reads_libsvm(void **state)
{
    const double numbers[] = { 0.5, 1.5, -2, 0 };
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    mlp_csv_options csv = MLP_CSV_OPTIONS_INIT;
    mlp_data *data;
    float values[SAMPLES];
    (void)state;
    assert_ok(read_data(recorded("zero.svm"), &options, &data));
    assert_steps(data, 5, 1.0);
    assert_classes(data, (const int32_t[]){ 1, 0, 0, 1 });
    mlp_data_destroy(&data);
    csv.regression = 1;
    options.csv = &csv;
    assert_ok(read_data(recorded("one.svm"), &options, &data));
    assert_steps(data, 5, 0.25);
    assert_ok(mlp_data_read(data, 0, SAMPLES, NULL, NULL, values));
    for (int i = 0; i < SAMPLES; i++) {
        assert_true((double)values[i] == numbers[i]);
    }
    mlp_data_destroy(&data);
    options.csv = NULL;
    options.inputs = 5; /* features that no sample names are 0 */
    static const char sparse[] = "+1 qid:7 2:3 # a comment\r\n\n# another\n 1.0\t5:-1\n-1 ";
    const char *path = test_write_file("sparse", sparse, strlen(sparse));
    assert_ok(read_data(path, &options, &data));
    float x[15];
    assert_ok(mlp_data_read(data, 0, 3, x, NULL, NULL));
    for (int i = 0; i < 15; i++) {
        assert_true(x[i] == (i == 1 ? 3.0f : i == 9 ? -1.0f : 0.0f));
    }
    assert_int_equal(mlp_data_class_count(data), 2);
    assert_int_equal(mlp_data_file_format(data), MLP_DATA_FORMAT_LIBSVM);
    mlp_data_destroy(&data);
}

/* By their first line, whatever their name; a table of times is none. */
static void libsvm_is_recognized(void **state)
{
    static const struct {
        const char *text;
        mlp_data_format format;
    } cases[] = {
        { "1 1:0.5 3:2\n", MLP_DATA_FORMAT_LIBSVM }, { "# made\n-1 7:1\n", MLP_DATA_FORMAT_LIBSVM },
        { "0.5 1:1e-3", MLP_DATA_FORMAT_LIBSVM },    { "1 2 3\n", MLP_DATA_FORMAT_CSV },
        { "1 12:30 red\n", MLP_DATA_FORMAT_CSV },    { "1,1:2\n", MLP_DATA_FORMAT_CSV },
        { "2024 1:2 3:4 5\n", MLP_DATA_FORMAT_CSV }, { "\n1 1:2\n", MLP_DATA_FORMAT_CSV },
        { "# 1 1:2", MLP_DATA_FORMAT_CSV },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mlp_data_format format;
        assert_ok(mlp_data_recognize(test_write_file("text", cases[i].text, strlen(cases[i].text)), &format));
        assert_int_equal(format, cases[i].format);
    }
}

/* ---- what is wrong ------------------------------------------------------------------------------------- */

static void refuse_bytes(const char *name, const void *bytes, size_t size, mlp_status status,
                         const char *reason)
{
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    mlp_data *data;
    const size_t live = memory_live_count();
    assert_refused(read_data(test_write_file(name, bytes, size), &options, &data), status, name, reason,
                   NULL);
    assert_null(data);
    assert_int_equal(memory_live_count(), live);
}

/* An NPY file of a header and `size` zeros. */
static void refuse_header(const char *header, size_t size, const char *reason)
{
    unsigned char file[512] = "\x93NUMPY\1";
    const size_t length = strlen(header);
    file[8] = (unsigned char)length;
    memcpy(file + 10, header, length);
    refuse_bytes("made.npy", file, 10 + length + size, MLP_ERROR_FORMAT, reason);
}

static void headers_of_npy_are_not_trusted(void **state)
{
#define DESCRIBED(type, shape) "{'descr': " type ", 'fortran_order': False, 'shape': " shape ", }\n"
    unsigned char large[] = "\x93NUMPY\2\0\x11\x27\0\0";
    (void)state;
    refuse_header(DESCRIBED("'<f4'", "(2, 2)"), 15, "ends after 15 of 16");
    refuse_header(DESCRIBED("'<f4'", "(2, 2)"), 17, "after the last value");
    refuse_header(DESCRIBED("'<f4'", "(0, 2)"), 0, "dimension 0 is 0");
    refuse_header(DESCRIBED("'<f4'", "()"), 4, "one number");
    refuse_header(DESCRIBED("'<f4'", "(2 2)"), 16, "a comma");
    refuse_header(DESCRIBED("'<f4'", "(-2,)"), 16, "a size");
    refuse_header(DESCRIBED("'<f4'", "(99999999999999999999, 2)"), 16, "beyond what memory");
    refuse_header(DESCRIBED("'<f4'", "(4611686018427387904, 2)"), 16,
                  SIZE_MAX > UINT32_MAX ? "multiply" : "memory");
    refuse_header(DESCRIBED("'<f4'", "(1, 65536, 65536)"), 16, "multiply");
    refuse_header(DESCRIBED("'<f4'", "(1073741824, 1024)"), 16,
                  SIZE_MAX > UINT32_MAX ? "ends after 16" : "memory");
    refuse_header(DESCRIBED("'|O'", "(2,)"), 16, "objects, which are never read");
    refuse_header(DESCRIBED("[('a', '<f4')]", "(2,)"), 16, "named fields");
    refuse_header(DESCRIBED("'<c8'", "(2,)"), 16, "'<c8'");
    refuse_header(DESCRIBED("'|f4'", "(2,)"), 8, "'|f4'");
    refuse_header(DESCRIBED("'<U3'", "(2,)"), 16, "'<U3'");
    refuse_header("{'descr': '<f4', 'fortran_order': False}", 0, "is missing");
    refuse_header("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}", 4, "True or False");
    refuse_header("{'shape': (1,), 'shape': (2,)}", 4, "one shape");
    refuse_header("{'colour': 'red'}", 4, "unknown member 'colour'");
    refuse_header("{'descr: 1", 4, "a short text");
    refuse_header("import os", 4, "a brace");
    refuse_header(DESCRIBED("'<f4'", "(2,)") "x", 8, "the end");
    refuse_bytes("a.npy", large, sizeof large - 1, MLP_ERROR_FORMAT, "header of 10001 bytes");
    large[6] = 4;
    refuse_bytes("a.npy", large, sizeof large - 1, MLP_ERROR_FORMAT, "version 4");
    refuse_bytes("a.npy", "\x93NUM", 4, MLP_ERROR_FORMAT, "ends");
}

static void recorded_refusals(void **state)
{
    static const struct {
        const char *features, *labels, *member[2], *reason;
        mlp_status status;
    } cases[] = {
        { "objects.npy", NULL, { NULL, NULL }, "objects, which are never read", MLP_ERROR_FORMAT },
        { "fields.npy", NULL, { NULL, NULL }, "named fields", MLP_ERROR_FORMAT },
        { "types.npz", NULL, { NULL, NULL }, "which arrays are features", MLP_ERROR_ARGUMENT },
        { "types.npz", NULL, { "u9", NULL }, "no array is named 'u9'", MLP_ERROR_ARGUMENT },
        { "types.npz", NULL, { "u1lc", "u9" }, "no array is named 'u9'", MLP_ERROR_ARGUMENT },
        { "pair.npz", "signs.npy", { NULL, NULL }, "not for format npz", MLP_ERROR_ARGUMENT },
        { "features.npy", "zero.svm", { NULL, NULL }, "not an NPY file", MLP_ERROR_FORMAT },
    };
    (void)state;
    NEEDS_ZLIB;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mlp_data_options options = MLP_DATA_OPTIONS_INIT;
        mlp_data *data;
        options.labels_path = cases[i].labels != NULL ? recorded(cases[i].labels) : NULL;
        options.features_member = cases[i].member[0];
        options.labels_member = cases[i].member[1];
        assert_refused(read_data(recorded(cases[i].features), &options, &data), cases[i].status,
                       cases[i].reason, NULL);
    }
}

static void libsvm_is_not_trusted(void **state)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        { "1 1:2\n1 1:x\n", "line 2: expected index:value, got '1:x'" },
        { "1 2:1 1:1\n", "ascending" },
        { "1 1:1 1:2\n", "ascending" },
        { "1 1:1e39\n", "range of float" },
        { "1 2147483647:1\n", "below 2147483647" },
        { "1,2 1:1\n", "a label, which is one number" },
        { "1:1 2:2\n", "a label" },
        { "1 1:nan\n", "index:value" },
        { "1 -1:1\n", "index:value" },
        { "1 1 2\n", "index:value" },
        { "# nothing\n\n", "no samples" },
        { "1\n0\n", "no features" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refuse_bytes("made.svm", cases[i].text, strlen(cases[i].text), MLP_ERROR_FORMAT, cases[i].reason);
    }
    refuse_bytes("made.svm", "1 1:1\0\n", 7, MLP_ERROR_FORMAT, "NUL");
    static const char wide[] = "1 2147483646:1\n";
    refuse_bytes("made.svm", wide, strlen(wide), MLP_ERROR_RANGE, "unpack_limit"); /* 8 GiB of zeros */
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    mlp_data *data;
    options.inputs = 2;
    assert_refused(read_data(test_write_file("made.svm", "1 1:1\n0 3:1\n", 12), &options, &data),
                   MLP_ERROR_FORMAT, "line 2: index 3, and there are 2 features, counted from 1", NULL);
}

/* Whatever the bytes, a status comes back and nothing leaks; returns whether they loaded. */
static bool survives(const char *name, const void *bytes, size_t size)
{
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    mlp_data *data = NULL;
    const size_t live = memory_live_count();
    const mlp_status status = read_data(test_write_file(name, bytes, size), &options, &data);
    assert_int_equal(status == MLP_OK, data != NULL);
    mlp_data_destroy(&data);
    assert_int_equal(memory_live_count(), live);
    return status == MLP_OK;
}

/* An archive has a checksum over each member, so that no change of a value goes unnoticed. */
static void damage_is_survived(void **state)
{
    static const char *const names[] = { "features.npy", "pair.npz", "only.npz", "zero.svm" };
    (void)state;
    NEEDS_ZLIB;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t size;
        unsigned char *bytes = test_read_file(recorded(names[n]), &size);
        assert_true(survives(names[n], bytes, size));
        for (size_t length = 0; length < size; length += 11) {
            const bool loaded = survives(names[n], bytes, length);
            assert_true(!loaded || n == 3);
        }
        for (size_t bit = 0; bit < 8 * size; bit += 61) {
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            survives(names[n], bytes, size);
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        free(bytes);
    }
    size_t size;
    unsigned char *bytes = test_read_file(recorded("pair.npz"), &size);
    unsigned char *values = bytes + 10;
    while (memcmp(values, "\0\0\x80\x3F\0\0\0\x40", 8) != 0) { /* 1 and 2 */
        values++;
    }
    values[2] ^= 1;
    refuse_bytes("flipped.npz", bytes, size, MLP_ERROR_FORMAT, "checksum");
    free(bytes);
}

static void every_allocation_may_fail(void **state)
{
    static const char *const names[] = { "features.npy", "pair.npz", "zero.svm" };
    (void)state;
    NEEDS_ZLIB;
    for (size_t n = 0; n < 2 * sizeof names / sizeof names[0]; n++) {
        mlp_data_options options = MLP_DATA_OPTIONS_INIT;
        mlp_status status = MLP_ERROR_MEMORY;
        options.stream = n % 2;
        options.labels_path = n / 2 == 0 ? recorded("signs.npy") : NULL;
        options.learn_offsets = 1;
        for (size_t k = 0; status == MLP_ERROR_MEMORY; k++) {
            mlp_data *data;
            const size_t live = memory_live_count();
            memory_fail_after(k);
            status = mlp_data_load(recorded(names[n / 2]), &options, &data);
            memory_fail_after(SIZE_MAX);
            assert_int_equal(status == MLP_OK, data != NULL);
            mlp_data_destroy(&data);
            assert_int_equal(memory_live_count(), live);
        }
        assert_int_equal(status, MLP_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type_of_numpy), cmocka_unit_test(reads_targets),
        cmocka_unit_test(recorded_refusals),         cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(every_allocation_may_fail), cmocka_unit_test(reads_libsvm),
        cmocka_unit_test(libsvm_is_recognized),      cmocka_unit_test(headers_of_npy_are_not_trusted),
        cmocka_unit_test(libsvm_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
