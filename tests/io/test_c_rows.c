/* Raw columns in C files: whatever a text is, the file takes and refuses what mlp_schema_encode() does, and
 * makes the same inputs and outputs of it. */
#include "support/support.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"

enum { COLUMNS = 11, FEATURES = 8, MOST_INPUTS = 64, OUTPUTS = 3 };

/* A C file that was compiled and loaded. */
struct exported {
    int (*predict_texts)(const char *const *texts, float *y);
    int (*predict_row)(const double *row, float *y);
    int (*value)(int column, const char *text, double *value);
};

static int compile(const char *flags, const char *files)
{
    char command[1024];
    const char *compiler = getenv("MLP_TEST_CC");
    snprintf(command, sizeof command,
             "cd '%s' && %s -Wall -Wextra -pedantic -Wconversion -Wshadow -Werror %s %s -lm", test_path("."),
             compiler != NULL ? compiler : "cc", flags, files);
    return system(command);
}

static void *symbol(void *library, const char *name, const char *suffix)
{
    char full[128];
    snprintf(full, sizeof full, "%s_%s", name, suffix);
    void *pointer = dlsym(library, full);
    assert_non_null(pointer);
    return pointer;
}

static struct exported load(void *library, const char *name)
{
    struct exported exported;
    *(void **)&exported.predict_texts = symbol(library, name, "predict_texts");
    *(void **)&exported.predict_row = symbol(library, name, "predict_row");
    *(void **)&exported.value = symbol(library, name, "value");
    return exported;
}

static void export(const mlp_network *network, const char *name)
{
    char file[72];
    snprintf(file, sizeof file, "%s.c", name);
    assert_ok(mlp_model_export_c(network, test_path(file), NULL));
}

/* ---- a table of every kind of column ------------------------------------------------------------------- */

static const char table[] =
    "age,id,colour,member,day,weight,price,moment,large,rare,consent\n"
    "30,a,red,yes,2024-02-29,1,5,2024-07-01T12:30,1700000000,u,T\n"
    ",b,green,no,2023-12-31,2,6,2024-07-02,1700000001,u,f\n"
    "50.5,c,\"a \"\"b\"\" ?\?/\",no,2024-06-15,1,7,2024-07-03T23:59:59.5Z,1700000002,v,\n"
    "60,d,gr\xC3\xB6\xC3\x9F"
    "e,yes,2020-01-01,1,8,2024-07-04,1700000003,w,F\n"
    "70,e,red,yes,2024-05-05,3,9,,1700000004,?,t\n"
    "20,f,unknown,no,2024-05-06,1,4,2024-07-05T06:00,1700000005,v,y\n";

static mlp_schema *learn(const char *text, mlp_missing missing)
{
    static const char *const labels[] = { "price" }, *const words[] = { "unknown", "-99" };
    const bool whole = strstr(text, "price") != NULL;
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_schema *schema;
    options.missing = missing;
    options.dates = 1;
    options.regression = 1;
    if (whole) {
        options.labels = (mlp_texts){ labels, 1 };
        options.id = "id";
        options.weight = "weight";
        options.missing_words = (mlp_texts){ words, 2 };
        options.rare = 2;
    } else {
        options.no_label = 1;
    }
    assert_ok(mlp_schema_learn(test_write_file("table.csv", text, strlen(text)), &options, &schema, NULL));
    return schema;
}

/* The outputs of a network are its inputs. */
static mlp_network *network_of_inputs(const mlp_schema *schema)
{
    const size_t inputs = mlp_schema_inputs(schema);
    const mlp_layer layer = { .units = inputs };
    float identity[MOST_INPUTS * MOST_INPUTS] = { 0.0f };
    mlp_network *network;
    assert_true(inputs <= MOST_INPUTS);
    for (size_t i = 0; i < inputs; i++) {
        identity[i * inputs + i] = 1.0f;
    }
    assert_ok(mlp_network_create(inputs, &layer, 1, NULL, &network));
    assert_ok(mlp_network_set_weights(network, 0, identity));
    assert_ok(mlp_network_set_schema(network, schema));
    return network;
}

/* Standardized inputs, and outputs in units of their own. */
static mlp_network *network_in_units(const mlp_schema *schema)
{
    static const float shift[OUTPUTS] = { 1000.0f, -3.0f, 0.5f }, deviation[OUTPUTS] = { 40.0f, 1.0f, 0.01f };
    const mlp_layer layers[] = { { .units = 5, .activation = MLP_ACTIVATION_TANH }, { .units = OUTPUTS } };
    float mean[MOST_INPUTS], scale[MOST_INPUTS];
    uint64_t state = 3;
    mlp_network *network;
    test_fill(&state, -1.0, 1.0, mean, MOST_INPUTS);
    test_fill(&state, 0.5, 2.0, scale, MOST_INPUTS);
    assert_ok(mlp_network_create(mlp_schema_inputs(schema), layers, 2, NULL, &network));
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_network_set_output_scaling(network, shift, deviation));
    assert_ok(mlp_network_set_schema(network, schema));
    return network;
}

/* ---- the same as the library's ------------------------------------------------------------------------- */

/* clang-format off */
static const char *const texts[] = {
    "", "NA", "nan", "NULL", "?", "n/A", "unknown", "Unknown", "-99", "-99.0", "none", "0", "1", "yes",
    "No", "T", "fALSE", "2.5", "-1e3", "1e400", "-1e400", "1e-400", "0e99999999999", ".5", "5.", ".",
    "-", "e5", "1e", "1e+", "+3", "--3", "0x10", "inf", "-Infinity", "123456789012345678901234567890",
    "0.000000000000000000000012345678901", "1700000003.25", "3.4028235e38", "3.5e38", "1,5", " 1", "1 ",
    "1e5x", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024-07-01T12:30",
    "2024-07-01 12:30:15.25Z", "2024-07-01T24:00:60+02", "2024-07-01T12:30-0330",
    "2024-07-01T12:30+05:45", "0000-01-01", "0000-03-01", "9999-12-31", "2024-7-1", "2024-13-01",
    "2024-00-01", "2024-01-00", "2024-01-32", "2024-07-01T", "2024-07-01T12", "2024-07-01T25:00",
    "2024-07-01T12:60", "2024-07-01T12:30:15,5+01:00", "2024-07-01T12:30:61", "2024-07-01T12:30:1",
    "2024-07-01T1230", "2024-07-01T12:30+1", "2024-07-01T12:30ZZ", "20240701", "red", "Red", "green",
    "a \"b\" ?\?/", ("gr\xC3\xB6\xC3\x9F" "e"), "u", "v", "w", "W"
};
/* clang-format on */

static void predict(const mlp_network *network, const float *x, float *y)
{
    mlp_workspace *workspace;
    assert_ok(mlp_workspace_create(network, 1, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, x, 1, y));
    mlp_workspace_destroy(&workspace);
}

/* Numbers at most a rounding apart, sines and cosines of them as far as their angles are. */
static void compare(const mlp_network *network, const struct exported *exported, const char *const *row,
                    const char *const *features, size_t changed)
{
    const mlp_schema *schema = mlp_network_schema(network);
    float x[MOST_INPUTS] = { 0.0f }, expected[MOST_INPUTS], y[MOST_INPUTS];
    const mlp_status status = mlp_schema_encode(schema, row, x);
    const int code = exported->predict_texts(features, y);
    print_message("'%s': %d\n", features[changed], code);
    assert_int_equal(code, status == MLP_OK ? 0 : (int)changed + 1);
    if (status != MLP_OK) {
        return;
    }
    predict(network, x, expected);
    for (size_t i = 0; i < mlp_network_outputs(network); i++) {
        assert_close(y[i], expected[i], 2e-6);
    }
}

/* The grid of columns and texts, the other columns being the table's. */
static void compare_texts(const mlp_network *network, const struct exported *exported)
{
    const char *const plain[COLUMNS] = { "30",           NULL, "red", "yes",
                                         "2024-03-01",   NULL, NULL,  "2024-07-02T18:00",
                                         "1700000002.5", "v",  "n" };
    static const size_t places[FEATURES] = { 0, 2, 3, 4, 7, 8, 9, 10 };
    const char *row[COLUMNS], *features[FEATURES];
    for (size_t f = 0; f < FEATURES; f++) {
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
            memcpy(row, plain, sizeof row);
            row[places[f]] = texts[t];
            for (size_t i = 0; i < FEATURES; i++) {
                features[i] = row[places[i]];
            }
            compare(network, exported, row, features, f);
        }
    }
}

static void every_kind_of_column(void **unused)
{
    mlp_schema *imputing = learn(table, MLP_MISSING_IMPUTE), *dropping = learn(table, MLP_MISSING_DROP);
    mlp_network *networks[] = { network_of_inputs(imputing), network_in_units(imputing),
                                network_of_inputs(dropping) };
    static const char *const names[] = { "inputs", "units", "strict" };
    (void)unused;
    mlp_schema_destroy(&imputing);
    mlp_schema_destroy(&dropping);
    for (size_t i = 0; i < 3; i++) {
        export(networks[i], names[i]);
    }
    assert_int_equal(compile("-std=c99 -fPIC -shared -o rows.so", "inputs.c units.c strict.c"), 0);
    void *library = dlopen(test_path("rows.so"), RTLD_NOW);
    assert_non_null(library);
    for (size_t i = 0; i < 3; i++) {
        const struct exported exported = load(library, names[i]);
        compare_texts(networks[i], &exported);
        mlp_network_destroy(&networks[i]);
    }
    dlclose(library);
}

/* ---- numbers, and what a row of them gives --------------------------------------------------------- */

static void random_number(uint64_t *state, char text[64])
{
    const int digits = (int)test_uniform(state, 1.0, 20.0),
              point = (int)test_uniform(state, 0.0, digits + 1.0);
    size_t length = 0;
    for (int i = 0; i < digits; i++) {
        if (i == point) {
            text[length++] = '.';
        }
        text[length++] = (char)('0' + (int)test_uniform(state, 0.0, 10.0));
    }
    text[length] = '\0';
    if (test_uniform(state, 0.0, 1.0) < 0.5) {
        snprintf(text + length, 64 - length, "e%d", (int)test_uniform(state, -30.0, 20.0));
    }
}

/* Within a unit of double's last place for each step: strtod() is the reference. */
static void numbers_and_rows(void **unused)
{
    static const char numbers[] = "a,b,c\n1,yes,2024-01-01\n2,no,2024-01-05\n3,no,2024-01-04\n";
    mlp_schema *schema = learn(numbers, MLP_MISSING_REFUSE);
    mlp_network *network = network_of_inputs(schema);
    uint64_t state = 11;
    double value, row[3] = { 0.25, 1.0, 19725.5 };
    float y[MOST_INPUTS];
    char text[64];
    (void)unused;
    export(network, "numbers");
    assert_int_equal(compile("-std=c99 -fPIC -shared -o numbers.so", "numbers.c"), 0);
    void *library = dlopen(test_path("numbers.so"), RTLD_NOW);
    const struct exported exported = load(library, "numbers");
    for (size_t i = 0; i < 20000; i++) {
        random_number(&state, text);
        assert_int_equal(exported.value(0, text, &value), 0);
        const double expected = strtod(text, NULL);
        assert_true(fabs(value - expected) <= 2e-15 * fabs(expected));
    }
    assert_int_equal(exported.value(0, "0.1", &value), 0);
    assert_true(value == 0.1);
    assert_int_equal(exported.value(3, "1", &value), -1);
    assert_int_equal(exported.value(-1, "1", &value), -1);
    assert_int_equal(exported.value(0, NULL, &value), -1);
    assert_int_equal(exported.value(2, "2024-01-03T12:00", &value), 0);
    assert_true(value == 19725.5);
    assert_int_equal(exported.predict_row(row, y), 0);
    assert_true(y[0] == 0.25f && y[1] == 1.0f);
    static const struct {
        int column;
        double value;
    } wrong[] = { { 0, NAN }, { 0, INFINITY }, { 0, 1e39 }, { 1, 0.5 }, { 1, NAN }, { 2, -INFINITY } };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        double changed[3] = { row[0], row[1], row[2] };
        changed[wrong[i].column] = wrong[i].value;
        assert_int_equal(exported.predict_row(changed, y), wrong[i].column + 1);
    }
    dlclose(library);
    mlp_network_destroy(&network);
    mlp_schema_destroy(&schema);
}

/* Each kind alone: no function is left that nobody calls. A missing value is refused, or not. */
static void one_kind_alone(void **unused)
{
    static const char *const tables[] = { "a\n1700000001\n\n1700000002\n", "a\nyes\nno\nyes\n",
                                          "a\nred\n?\nblue\n", "a\n2024-01-01\n2024-05-01\n",
                                          "a\n2024-01-01T12:00\n2024-05-01\n" };
    static const char *const missing[] = { "NA" };
    enum { FILES = 2 * sizeof tables / sizeof tables[0] };
    float y[MOST_INPUTS];
    char name[64];
    (void)unused;
    for (size_t i = 0; i < FILES; i++) {
        mlp_schema *schema = learn(tables[i / 2], i % 2 == 0 ? MLP_MISSING_DROP : MLP_MISSING_IMPUTE);
        mlp_network *network = network_of_inputs(schema);
        snprintf(name, sizeof name, "alone%zu", i);
        export(network, name);
        mlp_network_destroy(&network);
        mlp_schema_destroy(&schema);
    }
    assert_int_equal(compile("-std=c99 -fPIC -shared -o alone.so", "alone*.c"), 0);
    void *library = dlopen(test_path("alone.so"), RTLD_NOW);
    assert_non_null(library);
    for (size_t i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "alone%zu", i);
        const struct exported exported = load(library, name);
        assert_int_equal(exported.predict_texts(missing, y), i % 2 == 0);
    }
    dlclose(library);
}

/* Columns that are the inputs themselves take no room in the file. */
static void numbers_need_no_rows(void **unused)
{
    mlp_schema *schema = learn("a,b\n1,3\n2,4\n", MLP_MISSING_REFUSE);
    mlp_network *network = network_of_inputs(schema);
    size_t size;
    (void)unused;
    export(network, "plain");
    char *text = (char *)test_read_file(test_path("plain.c"), &size);
    text[size - 1] = '\0';
    assert_null(strstr(text, "plain_predict_row"));
    free(text);
    mlp_network_destroy(&network);
    mlp_schema_destroy(&schema);
}

static void memory_that_fails(void **unused)
{
    mlp_schema *schema = learn(table, MLP_MISSING_IMPUTE);
    mlp_network *network = network_of_inputs(schema);
    mlp_status status = MLP_ERROR_MEMORY;
    (void)unused;
    for (size_t n = 0; status != MLP_OK; n++) {
        const size_t live = memory_live_count();
        memory_fail_after(n);
        status = mlp_model_export_c(network, test_path("failing.c"), NULL);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        assert_int_equal(memory_live_count(), live);
    }
    mlp_network_destroy(&network);
    mlp_schema_destroy(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_column), cmocka_unit_test(numbers_and_rows),
        cmocka_unit_test(one_kind_alone),       cmocka_unit_test(numbers_need_no_rows),
        cmocka_unit_test(memory_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
