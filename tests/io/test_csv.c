/* CSV files: records, numbers, labels, and every way in which they can be wrong. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

#include <mlp/data.h>

#include "base/memory.h"
#include "io/load_and_open.h"

static mlp_status load(const char *text, const mlp_csv_options *options, mlp_data **data)
{
    return read_csv(test_write_file("table.csv", text, strlen(text)), options, data);
}

/* Loads what must load; the caller destroys. */
static mlp_data *loaded(const char *text, const mlp_csv_options *options)
{
    mlp_data *data = NULL;
    assert_ok(load(text, options, &data));
    return data;
}

static void assert_sample(const mlp_data *data, size_t sample, const float *x, int class_index)
{
    float read[8];
    int32_t read_class = -1;
    const bool has_classes = mlp_data_class_count(data) > 0;
    assert_ok(mlp_data_read(data, sample, 1, read, has_classes ? &read_class : NULL, NULL));
    assert_memory_equal(read, x, mlp_data_inputs(data) * sizeof(float));
    assert_int_equal(read_class, class_index);
}

/* The same three samples, written in every way that the format allows. */
static void all_spellings_of_a_file_are_one(void **state)
{
    (void)state;
    const float x[3][2] = { { 1.0f, -2.5f }, { 0.25f, 300.0f }, { 0.0f, 7.0f } };
    const char *const spellings[] = {
        "1,-2.5,b\n.25,3e2,a\n0,7,b\n",
        "1,-2.5,b\r\n.25,3e2,a\r\n0,7,b",
        ("\xEF\xBB\xBF"
         "1,-2.5,b\n.25,3e2,a\n0,7,b\n\n\r\n \n"), /* two literals: \xBF1 would be one byte */
        "\"1\",\"-2.5\",\"b\"\n\"0.25\",\"3E+02\",\"a\"\n\"-0e5\",\"7.\",\"b\"\n",
        " 1 ,\t-2.5, b\n +0.25 ,3.00e2 ,\"a\" \n0, 7 ,b \n",
        "x,y,class\n1,-2.5,b\n.25,3e2,a\n0,7,b\n",
        "\"x\"\"\n1\",\"y,z\",\"class\"\n1,-2.5,b\n.25,3e2,a\n0,7,b\n",
    };
    for (size_t s = 0; s < sizeof spellings / sizeof spellings[0]; s++) {
        mlp_data *data = loaded(spellings[s], NULL);
        assert_int_equal(mlp_data_count(data), 3);
        assert_int_equal(mlp_data_inputs(data), 2);
        assert_int_equal(mlp_data_class_count(data), 2);
        assert_string_equal(mlp_data_class_name(data, 0), "a");
        assert_string_equal(mlp_data_class_name(data, 1), "b");
        assert_null(mlp_data_class_name(data, 2));
        for (size_t i = 0; i < 3; i++) {
            float read[2];
            int32_t class_index;
            assert_ok(mlp_data_read(data, i, 1, read, &class_index, NULL));
            assert_true(read[0] == x[i][0] && read[1] == x[i][1]);
            assert_int_equal(class_index, i != 1);
        }
        if (s == 6) {
            assert_string_equal(mlp_data_feature_name(data, 0), "x\"\n1");
            assert_string_equal(mlp_data_feature_name(data, 1), "y,z");
            assert_null(mlp_data_feature_name(data, 2));
        }
        assert_int_equal(mlp_data_feature_name(data, 0) != NULL, s >= 5);
        mlp_data_destroy(&data);
    }
}

static void label_column_by_name_and_index(void **state)
{
    (void)state;
    const char *text = "kind,width,height\n5,1,2\n3,4,6\n";
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    options.label = "kind";
    mlp_data *data = loaded(text, &options);
    assert_string_equal(mlp_data_feature_name(data, 0), "width");
    assert_string_equal(mlp_data_feature_name(data, 1), "height");
    assert_sample(data, 0, (const float[]){ 1.0f, 2.0f }, 1);
    assert_sample(data, 1, (const float[]){ 4.0f, 6.0f }, 0);
    mlp_data_destroy(&data);
    options.label = NULL;
    options.label_index = 1;
    data = loaded(text, &options);
    assert_string_equal(mlp_data_feature_name(data, 1), "height");
    assert_string_equal(mlp_data_class_name(data, 0), "1");
    assert_sample(data, 1, (const float[]){ 3.0f, 6.0f }, 1);
    mlp_data_destroy(&data);
    options.label_index = -2;
    data = loaded(text, &options);
    assert_int_equal(mlp_data_inputs(data), 3);
    assert_int_equal(mlp_data_class_count(data), 0);
    assert_int_equal(mlp_data_outputs(data), 0);
    assert_sample(data, 1, (const float[]){ 3.0f, 4.0f, 6.0f }, -1);
    mlp_data_destroy(&data);
    data = loaded("1\n2\n", &options); /* one column, all features */
    assert_int_equal(mlp_data_inputs(data), 1);
    mlp_data_destroy(&data);
}

static void regression_and_delimiter(void **state)
{
    (void)state;
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    options.regression = 1;
    options.delimiter = ';';
    mlp_data *data = loaded("a;price\n1;2.5\n3;-4e-1\n", &options);
    float x[2], values[2];
    assert_int_equal(mlp_data_outputs(data), 1);
    assert_int_equal(mlp_data_class_count(data), 0);
    assert_ok(mlp_data_read(data, 0, 2, x, NULL, values));
    assert_true(x[0] == 1.0f && x[1] == 3.0f && values[0] == 2.5f && values[1] == -0.4f);
    mlp_data_destroy(&data);
    options.delimiter = '\t';
    data = loaded("1\t2\n3 \t 4\n", &options);
    assert_ok(mlp_data_read(data, 0, 2, x, NULL, values));
    assert_true(x[1] == 3.0f && values[1] == 4.0f);
    mlp_data_destroy(&data);
    options.delimiter = ' ';
    data = loaded("1 2\n3 4\n", &options);
    assert_int_equal(mlp_data_inputs(data), 1);
    mlp_data_destroy(&data);
}

static void header_as_told(void **state)
{
    (void)state;
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    options.header = 1;
    mlp_data *data = loaded("1,2,3\n4,5,6\n", &options);
    assert_int_equal(mlp_data_count(data), 1);
    assert_string_equal(mlp_data_feature_name(data, 1), "2");
    mlp_data_destroy(&data);
    options.header = 0;
    data = loaded("1,2,x\n4,5,y\n", &options);
    assert_int_equal(mlp_data_count(data), 2);
    mlp_data_destroy(&data);
    data = loaded("1,2,x\n4,5,y\n", NULL); /* numbers and a class: no header */
    assert_int_equal(mlp_data_count(data), 2);
    mlp_data_destroy(&data);
}

static void classes_are_ordered(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *names[5];
    } cases[] = {
        { "1,10\n1,9\n1,-3\n1,9\n1,+2\n", { "-3", "+2", "9", "10", NULL } },
        { "1,10\n1,9\n1,b\n1,B\n", { "10", "9", "B", "b", NULL } },
        { "1,1.5\n1,10\n1,9\n", { "1.5", "10", "9", NULL } },
        { "1,07\n1,7\n1,6\n", { "6", "07", "7", NULL } },
        { "1,\"a b\"\n1,\" a\"\n1,a\n", { " a", "a", "a b", NULL } },
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        mlp_data *data = loaded(cases[c].text, NULL);
        size_t count = 0;
        for (; cases[c].names[count] != NULL; count++) {
            assert_string_equal(mlp_data_class_name(data, count), cases[c].names[count]);
        }
        assert_int_equal(mlp_data_class_count(data), count);
        mlp_data_destroy(&data);
    }
}

static void given_classes_decide(void **state)
{
    (void)state;
    const char *const names[] = { "zebra", "ant", "mule" };
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    mlp_data *data;
    options.class_names = names;
    options.class_name_count = 3;
    data = loaded("1,ant\n2,zebra\n", &options);
    assert_int_equal(mlp_data_class_count(data), 3);
    assert_string_equal(mlp_data_class_name(data, 2), "mule");
    assert_sample(data, 0, (const float[]){ 1.0f }, 1);
    assert_sample(data, 1, (const float[]){ 2.0f }, 0);
    mlp_data_destroy(&data);
    assert_refused(load("1,ant\n2,ox\n", &options, &data), MLP_ERROR_FORMAT, "table.csv", "line 2", "ox",
                   NULL);
    assert_null(data);
    const char *const twice[] = { "ant", "bee", "ant" };
    options.class_names = twice;
    assert_refused(load("1,ant\n", &options, &data), MLP_ERROR_ARGUMENT, "class_names[0]", "ant", NULL);
    const char *const hole[] = { "ant", NULL, "bee" };
    options.class_names = hole;
    assert_refused(load("1,ant\n", &options, &data), MLP_ERROR_ARGUMENT, "class_names[1]", "NULL", NULL);
    options.class_names = NULL;
    assert_refused(load("1,ant\n", &options, &data), MLP_ERROR_ARGUMENT, "class_name_count", "3", NULL);
}

static void damage_is_named_with_its_place(void **state)
{
    (void)state;
    const struct {
        const char *text, *line, *column, *reason;
    } cases[] = {
        { "a,b,c\n1,2,x\n1,,x\n", "line 3", "column 2 (b)", "missing" },
        { "1,2,x\n,2,x\n", "line 2", "column 1", "missing" },
        { "1,2,x\n1,  ,x\n", "line 2", "column 2", "missing" },
        { "1,2,x\n1,?,x\n", "line 2", "column 2", "missing" },
        { "1,2,x\n1,NaN,x\n", "line 2", "column 2", "missing" },
        { "1,2,x\nNA,1,x\n", "line 2", "column 1", "missing" },
        { "1,2,x\n1,2,\n", "line 2", "column 3", "missing label" },
        { "1,2,x\n1,2,\"\"\n", "line 2", "column 3", "missing label" },
        { "1,2,x\n1,two,x\n", "line 2", "column 2", "'two'" },
        { "1,2,x\n1,2.5.1,x\n", "line 2", "column 2", "'2.5.1'" },
        { "1,2,x\n1,0x10,x\n", "line 2", "column 2", "'0x10'" },
        { "1,2,x\n1,2e,x\n", "line 2", "column 2", "'2e'" },
        { "1,2,x\n1,.,x\n", "line 2", "column 2", "'.'" },
        { "1,2,x\n1,--2,x\n", "line 2", "column 2", "'--2'" },
        { "1,2,x\n1,1 2,x\n", "line 2", "column 2", "'1 2'" },
        { "1,2,x\n1,inf,x\n", "line 2", "column 2", "finite" },
        { "1,2,x\n1,-Infinity,x\n", "line 2", "column 2", "finite" },
        { "1,2,x\n1,+inf,x\n", "line 2", "column 2", "finite" },
        { "1,2,x\n1,3.5e38,x\n", "line 2", "column 2", "range" },
        { "1,2,x\n1,1e999,x\n", "line 2", "column 2", "range" },
        { "1,2,x\n1,x\n", "line 2", "column 3", "2 fields, expected 3" },
        { "1,2,x\n1,2,x,y\n", "line 2", "column 4", "4 fields, expected 3" },
        { "a,b,\"c\n\n\"\n1,2,x\n1,z,x\n", "line 5", "column 2 (b)", "'z'" },
        { "1,2,x\n1,2,x\"y\n", "line 2", "column 3", "quote" },
        { "1,2,x\n1,2,\"x\"y\n", "line 2", "column 3", "quote" },
        { "1,2,x\n1,2,\"xy\n", "", "column 3", "quotes" },
        { "1,2,x\n1,2\r,x\n", "line 2", "column 2", "carriage return" },
        { "1,2,x\n\n1,2,x\n", "line 2", "", "blank" },
        { "1,2,x\n1,2,x\n \n\n1,2,x\n", "line 3", "", "blank" },
        { "\n1,2,x\n", "line 1", "", "blank" },
        { "a,b,c\n", "", "", "no samples" },
        { "", "", "", "empty" },
        { "\xEF\xBB\xBF", "", "", "empty" },
        { "1\n2\n", "", "", "one column" },
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        mlp_data *data = (mlp_data *)&cases;
        const size_t live = memory_live_count();
        assert_refused(load(cases[c].text, NULL, &data), MLP_ERROR_FORMAT, "table.csv", cases[c].line,
                       cases[c].column, cases[c].reason, NULL);
        assert_null(data);
        assert_int_equal(memory_live_count(), live);
    }
    mlp_data *data;
    assert_refused(read_csv(test_write_file("zero.csv", "1,\0,x\n", 6), NULL, &data), MLP_ERROR_FORMAT,
                   "zero.csv", "line 1", "column 2", "NUL", NULL);
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    options.regression = 1;
    assert_refused(load("1,2\n1,x\n", &options, &data), MLP_ERROR_FORMAT, "line 2", "column 2", "'x'", NULL);
}

#define REFUSE_OPTIONS(change, first, second)                                                                \
    do {                                                                                                     \
        mlp_csv_options o = MLP_CSV_OPTIONS_INIT;                                                            \
        mlp_data *refused = NULL;                                                                            \
        change;                                                                                              \
        assert_refused(load("a,b\n1,2\n", &o, &refused), MLP_ERROR_ARGUMENT, first, second, NULL);           \
        assert_null(refused);                                                                                \
    } while (0)

static void options_are_checked(void **state)
{
    (void)state;
    mlp_data *data;
    REFUSE_OPTIONS(o.struct_size = 4, "struct_size", "MLP_CSV_OPTIONS_INIT");
    REFUSE_OPTIONS(o.delimiter = '"', "delimiter", "quote");
    REFUSE_OPTIONS(o.delimiter = '\n', "delimiter", "line");
    REFUSE_OPTIONS(o.header = 2, "header", "2");
    REFUSE_OPTIONS(o.header = -2, "header", "-2");
    REFUSE_OPTIONS((o.header = 0, o.label = "b"), "label 'b'", "header");
    REFUSE_OPTIONS(o.label = "c", "table.csv", "'c'");
    REFUSE_OPTIONS(o.label_index = 2, "label_index", "2");
    REFUSE_OPTIONS(o.label_index = -3, "label_index", "-3");
    assert_refused(read_csv(test_path("absent"), NULL, &data), MLP_ERROR_IO, "absent", "No such file", NULL);
    assert_refused(read_csv("/tmp", NULL, &data), MLP_ERROR_IO, "/tmp", NULL);
    assert_refused(read_csv(NULL, NULL, &data), MLP_ERROR_ARGUMENT, "path", NULL);
    assert_refused(read_csv("x", NULL, NULL), MLP_ERROR_ARGUMENT, "data", NULL);
}

static void the_digits_are_all_there(void **state)
{
    (void)state;
    const size_t counts[10] = { 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 }; /* UCI's description */
    size_t found[10] = { 0 };
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    mlp_data *data;
    options.label = "digit";
    assert_ok(read_csv(test_data_path("digits.csv"), &options, &data));
    assert_int_equal(mlp_data_count(data), 1797);
    assert_int_equal(mlp_data_inputs(data), 64);
    assert_int_equal(mlp_data_class_count(data), 10);
    assert_string_equal(mlp_data_feature_name(data, 63), "pixel_7_7");
    for (size_t i = 0; i < 1797; i++) {
        float x[64];
        int32_t class_index;
        assert_ok(mlp_data_read(data, i, 1, x, &class_index, NULL));
        found[class_index]++;
        for (int j = 0; j < 64; j++) {
            assert_true(x[j] >= 0.0f && x[j] <= 16.0f && x[j] == floorf(x[j]));
        }
    }
    assert_memory_equal(found, counts, sizeof counts);
    mlp_data_destroy(&data);
}

/* More samples than any first buffer, with a field that lies across every boundary. */
static void long_files_keep_every_sample(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    char *text = malloc(COUNT * 40);
    assert_non_null(text);
    size_t used = 0;
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)sprintf(text + used, "%d.5,%d,\"%d\"\r\n", i, -i, i % 300);
    }
    mlp_data *data = loaded(text, NULL);
    assert_int_equal(mlp_data_count(data), COUNT);
    assert_int_equal(mlp_data_class_count(data), 300);
    for (int i = 0; i < COUNT; i++) {
        assert_sample(data, (size_t)i, (const float[]){ (float)i + 0.5f, (float)-i }, i % 300);
    }
    mlp_data_destroy(&data);
    free(text);
}

static void survives(const void *bytes, size_t size)
{
    mlp_data *data = NULL;
    const size_t live = memory_live_count();
    const mlp_status status = read_csv(test_write_file("hostile", bytes, size), NULL, &data);
    assert_true(status <= MLP_OK && status >= MLP_ERROR_STATE);
    assert_int_equal(status == MLP_OK, data != NULL);
    mlp_data_destroy(&data);
    assert_int_equal(memory_live_count(), live);
}

static const char sample_file[] =
    "\xEF\xBB\xBF\"wi\"\"dth\",height,kind\r\n1.5, -2e1,\"a\nb\"\r\n3,4,c\r\n\r\n";

static void survives_truncation_and_flipped_bits(void **state)
{
    (void)state;
    const size_t size = sizeof sample_file - 1;
    char changed[sizeof sample_file];
    for (size_t cut = 0; cut <= size; cut++) {
        survives(sample_file, cut);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        memcpy(changed, sample_file, sizeof changed);
        changed[bit / 8] = (char)(changed[bit / 8] ^ (1 << bit % 8));
        survives(changed, size);
    }
}

static void failing_allocations(const char *path, const mlp_csv_options *options)
{
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    for (size_t k = 0; status != MLP_OK; k++) {
        mlp_data *data = NULL;
        assert_true(k < 500);
        memory_fail_after(k);
        status = read_csv(path, options, &data);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || (status == MLP_ERROR_MEMORY && data == NULL));
        mlp_data_destroy(&data);
        assert_int_equal(memory_live_count(), live);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *const names[] = { "c", "a\nb" };
    const char *path = test_write_file("s.csv", sample_file, sizeof sample_file - 1);
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    failing_allocations(path, NULL);
    options.class_names = names;
    options.class_name_count = 2;
    failing_allocations(path, &options);
    options = (mlp_csv_options)MLP_CSV_OPTIONS_INIT;
    options.regression = 1;
    options.label = "height";
    failing_allocations(test_write_file("r.csv", "height,b\n1,2\n3,4\n", 17), &options);
}

#if MLP_HAVE_ZLIB
static void gzip_reads_and_is_checked(void **state)
{
    (void)state;
    const char *path = test_path("table.csv.gz");
    size_t size;
    mlp_data *data;
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 30000; i++) {
        gzprintf(file, "%d,%d,%s\n", i, 2 * i, i % 2 == 0 ? "even" : "odd");
    }
    assert_int_equal(gzclose(file), Z_OK);
    assert_ok(read_csv(path, NULL, &data));
    assert_int_equal(mlp_data_count(data), 30000);
    assert_sample(data, 29999, (const float[]){ 29999.0f, 59998.0f }, 1);
    mlp_data_destroy(&data);
    failing_allocations(path, NULL);
    unsigned char *bytes = test_read_file(path, &size);
    uint64_t seed = 8;
    for (size_t k = 0; k < 20; k++) {
        const size_t cut = k < 8 ? 2 + k : size - 20 + k; /* within the heading, and within the trailer */
        assert_refused(read_csv(test_write_file("cut.gz", bytes, cut), NULL, &data), MLP_ERROR_FORMAT,
                       "cut.gz", "truncated", NULL);
    }
    for (int i = 0; i < 30; i++) {
        const size_t bit = (size_t)test_uniform(&seed, 80.0, (double)size * 8.0);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        survives(bytes, size);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        survives(bytes, (size_t)test_uniform(&seed, 0.0, (double)size));
    }
    free(bytes);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_spellings_of_a_file_are_one),
        cmocka_unit_test(label_column_by_name_and_index),
        cmocka_unit_test(regression_and_delimiter),
        cmocka_unit_test(header_as_told),
        cmocka_unit_test(classes_are_ordered),
        cmocka_unit_test(given_classes_decide),
        cmocka_unit_test(damage_is_named_with_its_place),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(the_digits_are_all_there),
        cmocka_unit_test(long_files_keep_every_sample),
        cmocka_unit_test(survives_truncation_and_flipped_bits),
        cmocka_unit_test(every_allocation_may_fail),
#if MLP_HAVE_ZLIB
        cmocka_unit_test(gzip_reads_and_is_checked),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
