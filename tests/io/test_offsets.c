/* Large numbers in arrays: what they differ by is kept by an offset that is subtracted in double. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include <mlp/data.h>
#include <mlp/schema.h>

/* A file of `type`, in which sample i of 3 has the values base + 3·i and 1: an NPY file, or IDX for "idx",
 * by rows or by columns. */
static const char *write_large(const char *type, bool fortran, double base)
{
    unsigned char bytes[256] = { 0 };
    size_t size = 0;
    if (strcmp(type, "idx") == 0) {
        static const unsigned char head[] = { 0, 0, 0x0C, 2, 0, 0, 0, 3, 0, 0, 0, 2 };
        memcpy(bytes, head, size = sizeof head);
    } else {
        char header[119];
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': (3, 2), }", type,
                 fortran ? "True" : "False");
        size = (size_t)snprintf((char *)bytes, sizeof bytes, "\x93NUMPY\1%c\x76%c%-117s\n", 0, 0, header);
    }
    for (size_t k = 0; k < 6; k++) {
        const size_t sample = fortran ? k % 3 : k / 2, column = fortran ? k / 3 : k % 2;
        const double value = column == 0 ? base + 3.0 * (double)sample : 1.0;
        const bool big = type[0] == '>' || type[0] == 'i';
        const size_t width = type[0] == 'i' ? 4 : (size_t)(type[2] - '0');
        uint64_t bits = (uint64_t)(int64_t)value;
        if (type[1] == 'f') {
            memcpy(&bits, &value, sizeof bits);
        }
        for (size_t b = 0; b < width; b++) {
            bytes[size++] = (unsigned char)(bits >> 8 * (big ? width - 1 - b : b));
        }
    }
    return test_write_file("large", bytes, size);
}

static void assert_large(const mlp_data *data, double base, double offset)
{
    float x[6];
    assert_ok(mlp_data_read(data, 0, 3, x, NULL, NULL));
    for (size_t i = 0; i < 3; i++) {
        assert_true((double)x[2 * i] + offset == base + 3.0 * (double)i && x[2 * i + 1] == 1.0f);
    }
}

/* What a float would round: numbers in the 2²⁴s and more that differ by 3. */
static void offsets_are_subtracted_in_double(void **state)
{
    static const struct {
        const char *type;
        double base;
    } files[] = { { "<f8", 1700000000.25 }, { ">f8", 0x1p40 }, { "<i4", 0x1p30 },   { ">u4", 0x1p31 },
                  { "<i8", -0x1p50 },       { ">u8", 0x1p45 }, { "<i4", 16777217 }, { "idx", 0x1p29 } };
    (void)state;
    for (size_t f = 0; f < 4 * sizeof files / sizeof files[0]; f++) {
        const char *type = files[f / 4].type;
        const double base = files[f / 4].base;
        mlp_data_options options = MLP_DATA_OPTIONS_INIT;
        mlp_data *data, *again;
        mlp_schema *schema;
        mlp_schema_column column;
        if (f % 2 == 1 && strcmp(type, "idx") == 0) {
            continue; /* has no order of axes */
        }
        options.learn_offsets = 1;
        options.stream = f / 2 % 2;
        assert_ok(mlp_data_load(write_large(type, f % 2 == 1, base), &options, &data));
        assert_ok(mlp_data_schema(data, &schema));
        assert_int_equal(mlp_schema_inputs(schema), 2);
        assert_ok(mlp_schema_get_column(schema, 0, &column));
        assert_true(column.offset == base + 3.0);
        assert_large(data, base, base + 3.0);
        options.learn_offsets = 0;
        options.schema = schema; /* other values less the same offset */
        assert_ok(mlp_data_load(write_large(type, f % 2 == 1, base + 6.0), &options, &again));
        assert_large(again, base + 6.0, base + 3.0);
        mlp_data_destroy(&again);
        assert_refused(mlp_data_load(test_write_file("made.svm", "1 1:1 2:1\n", 10), &options, &again),
                       MLP_ERROR_UNSUPPORTED, "less offsets", "libsvm", NULL);
        mlp_data_destroy(&data);
        mlp_schema_destroy(&schema);
    }
}

static void small_numbers_have_no_offsets(void **state)
{
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    mlp_data *data;
    mlp_schema *schema;
    (void)state;
    options.learn_offsets = 1;
    assert_ok(mlp_data_load(write_large("<f8", false, 2.0), &options, &data));
    assert_ok(mlp_data_schema(data, &schema));
    assert_null(schema);
    assert_large(data, 2.0, 0.0);
    mlp_data_destroy(&data);
    options.learn_offsets = 0; /* as ever */
    assert_ok(mlp_data_load(write_large("<i4", false, 0x1p24), &options, &data));
    assert_ok(mlp_data_schema(data, &schema));
    assert_null(schema);
    mlp_data_destroy(&data);
    assert_refused(mlp_data_schema(NULL, &schema), MLP_ERROR_ARGUMENT, "data is NULL", NULL);
    assert_refused(mlp_data_schema(NULL, NULL), MLP_ERROR_ARGUMENT, "schema is NULL", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_subtracted_in_double),
        cmocka_unit_test(small_numbers_have_no_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
