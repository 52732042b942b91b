/* Schemas: tables that say the same in other words give the same inputs; what does not fit is refused with
 * its place. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/model_file.h>
#include <mlp/schema.h>

#include "io/load_and_open.h"
#include "schema_fixture.h"

static const char people[] = "age,colour,member,born,label\n"
                             "30,red,yes,1700000000,A\n"
                             "40,green,no,1700000001,B\n"
                             "50,red,no,1700000002,A\n"
                             "60,blue,yes,1700000003,C\n";

static void assert_inputs(const mlp_data *data, size_t sample, const double *expected)
{
    float x[32];
    assert_ok(mlp_data_read(data, sample, 1, x, NULL, NULL));
    for (size_t i = 0; i < mlp_data_inputs(data); i++) {
        assert_close(x[i], expected[i], 1e-6);
    }
}

static void columns_become_inputs(void **state)
{
    const double second[] = { 40, 0, 1, 0, 0, -0.5 };
    mlp_data *data;
    (void)state;
    mlp_schema *schema = learn(people, NULL, &data);
    assert_int_equal(mlp_data_inputs(data), 6); /* age; blue, green, red; member; born less its mean */
    assert_string_equal(mlp_schema_input_name(schema, 3), "colour=red");
    assert_string_equal(mlp_data_feature_name(data, 4), "member");
    assert_inputs(data, 1, second);
    assert_int_equal(mlp_data_class_count(data), 3);
    assert_string_equal(mlp_data_class_name(data, 2), "C");
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

/* Sine and cosine of where a moment stands in its week (from Thursday, as 1970 began), year and day. */
static void dates_become_cycles(void **state)
{
    static const struct {
        const char *text;
        double days, moment; /* since 1970, as `date -ud TEXT +%s` has it */
    } rows[] = {
        { "1999-12-31T18:00", 10956.0, 10956.75 },
        { "2024-02-29T00:30", 19782.0, 19782.0 + 0.5 / 24.0 },
        { "2024-08-30T12:00", 19965.0, 19965.5 },
    };
    char text[256] = "when,y\n";
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data;
    float x[8];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s,%c\n", rows[i].text, 'A' + (int)i % 2);
    }
    options.dates = 1;
    mlp_schema *schema = learn(text, &options, &data);
    assert_int_equal(mlp_data_inputs(data), 7);
    for (size_t i = 0; i < 3; i++) {
        const double shares[] = { rows[i].days / 7.0, rows[i].moment / 365.2425,
                                  rows[i].moment - rows[i].days };
        float first;
        assert_ok(mlp_data_read(data, 0, 1, x, NULL, NULL));
        first = x[0];
        assert_ok(mlp_data_read(data, i, 1, x, NULL, NULL));
        assert_close(x[0] - first, rows[i].moment - rows[0].moment, 1e-6);
        for (size_t c = 0; c < 3; c++) {
            assert_close(x[1 + 2 * c], sin(2.0 * M_PI * shares[c]), 1e-3); /* days are rounded to float */
            assert_close(x[2 + 2 * c], cos(2.0 * M_PI * shares[c]), 1e-3);
        }
    }
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

/* Other order, other delimiter, other columns beside, an unknown level. */
static void other_files_are_read_by_name(void **state)
{
    static const char *const forms[] = {
        "label;extra;born;member;colour;age\nC;q;1700000003;YES;violet;60\n",
        "born\tage\tmember\tlabel\tcolour\n1700000003\t60\tTrue\tC\tviolet\n",
        ("\xEF\xBB\xBF"
         "label|born|member|colour|age|\r\nC|1700000003|t| violet |6e1|\r\n"),
        "# of no account\nage born member colour label\n60  1700000003 1 violet C\n",
        "sep=;\rage;born;member;colour;label\r60;1700000003;1;violet;C\r",
        "60,violet,1,1700000003,C\n",
    };
    const double expected[] = { 60, 0, 0, 0, 1, 1.5 };
    mlp_data *data;
    (void)state;
    mlp_schema *schema = learn(people, NULL, &data);
    mlp_data_destroy(&data);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int32_t class;
        assert_ok(mlp_schema_load(schema, file_of(forms[i]), NULL, &data));
        assert_int_equal(mlp_data_count(data), 1);
        assert_inputs(data, 0, expected);
        assert_ok(mlp_data_read(data, 0, 1, NULL, &class, NULL));
        assert_int_equal(class, 2);
        assert_non_null(strstr(mlp_data_warnings(data), "1 of 1 values are levels"));
        mlp_data_destroy(&data);
    }
    mlp_table_options features = MLP_TABLE_OPTIONS_INIT;
    features.label_needed = 0; /* by name, too, with no label, and one that is none of the classes */
    for (int label = 0; label <= 1; label++) {
        const char *text = label ? "colour,label,born,age,member\nviolet,?,1700000003,60,1\n"
                                 : "colour,born,age,member\nviolet,1700000003,60,1\n";
        assert_ok(mlp_schema_load(schema, file_of(text), &features, &data));
        assert_inputs(data, 0, expected);
        mlp_data_destroy(&data);
    }
    mlp_schema_destroy(&schema);
}

/* A mean is subtracted before numbers become floats where it is above 256 deviations, which are 1 here. */
static void offsets_begin_at_256_deviations(void **state)
{
    static const double means[] = { 100.0, 200.0, 255.0, 257.0, 300.0, 600.0, -200.0, -300.0 };
    (void)state;
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
        char text[128];
        mlp_data *data;
        snprintf(text, sizeof text, "a,b,y\n%g,1,A\n%g,2,B\n", means[i] - 1.0, means[i] + 1.0);
        mlp_schema *schema = learn(text, NULL, &data);
        assert_inputs(data, 0, (const double[]){ fabs(means[i]) > 256.0 ? -1.0 : means[i] - 1.0, 1.0 });
        mlp_data_destroy(&data);
        mlp_schema_destroy(&schema);
    }
}

/* Rows beyond those that kinds are found by, with plain fields, are read where they stand; quotes keep them
 * from it. Columns of every kind: levels and classes may look like numbers, and a date begins with one. */
static void both_ways_of_reading_rows_agree(void **state)
{
    enum { ROWS = 2600, ROOM = 64 * ROWS, DATES = 1, LINES = 2 };
    char *text = malloc(ROOM);
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_table_options table = MLP_TABLE_OPTIONS_INIT;
    (void)state;
    options.categorical = (mlp_texts){ (const char *const[]){ "level" }, 1 };
    options.ignored = (mlp_texts){ (const char *const[]){ "none" }, 1 };
    options.weight = "weight";
    options.dates = 1;
    options.table = &table;
    for (int form = 0; form < 4; form++) {
        mlp_data *data[2];
        mlp_schema *schemas[2];
        table.keep_lines = (form & LINES) != 0;
        for (int quoted = 0; quoted <= 1; quoted++) {
            const char *quote = quoted ? "\"" : "";
            size_t used = (size_t)sprintf(text, "x,level,flag,day,none,weight,label\n");
            for (int i = 0; i < ROWS; i++) {
                used += (size_t)sprintf(text + used, "%d.5,%s%d%s,%d,", i % 97 - 40, quote, 3 + i % 5, quote,
                                        i % 2);
                used += (size_t)sprintf(text + used, form & DATES ? "20%02d-0%d-1%d" : "%d%d%d", i % 30,
                                        1 + i % 9, i % 10);
                used += (size_t)sprintf(text + used, ",n%d,%d.25,%d\n", i, i % 3, 7 + i % 4);
            }
            schemas[quoted] = learn(text, &options, &data[quoted]);
        }
        assert_same_data(data[0], data[1]);
        for (size_t i = 0; i < ROWS; i += 100) {
            const char *lines[2] = { mlp_data_line(data[0], i), mlp_data_line(data[1], i) };
            assert_true((lines[0] != NULL) == (table.keep_lines != 0));
            assert_true(lines[0] == NULL || strcmp(lines[0], lines[1]) == 0);
        }
        for (int way = 0; way < 2; way++) {
            mlp_data_destroy(&data[way]);
            mlp_schema_destroy(&schemas[way]);
        }
    }
    free(text);
}

static void a_model_keeps_it(void **state)
{
    const mlp_layer layer = { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX };
    const char *const texts[] = { "60", "red", "no", "1700000003", NULL };
    const double expected[] = { 60, 0, 0, 1, 0, 1.5 };
    const char *path = test_path("model");
    float x[6];
    mlp_network *network, *copy, *loaded;
    (void)state;
    mlp_schema *schema = learn(people, NULL, NULL);
    assert_ok(mlp_network_create(mlp_schema_inputs(schema), &layer, 1, NULL, &network));
    assert_ok(mlp_network_set_schema(network, schema));
    mlp_schema_destroy(&schema);
    assert_ok(mlp_network_copy(network, &copy));
    mlp_network_destroy(&network);
    assert_ok(mlp_model_save(copy, path));
    assert_ok(mlp_model_load(path, &loaded));
    assert_ok(mlp_schema_encode(mlp_network_schema(loaded), texts, x));
    for (size_t i = 0; i < 6; i++) {
        assert_close(x[i], expected[i], 1e-6);
    }
    mlp_network_destroy(&copy);
    mlp_network_destroy(&loaded);
}

static void missing_values_are_refused_dropped_or_filled(void **state)
{
    static const char text[] = "a,c,y\n1,u,5\nNA,v,6\n3,?,7\n9,v,8\n";
    const double filled[2][5] = { { 3, 1, 0, 1, 0 }, { 3, 0, 0, 1, 1 } };
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_schema *schema;
    mlp_data *data;
    (void)state;
    options.regression = 1;
    const char *path = file_of(text);
    assert_refused(mlp_schema_learn(path, &options, &schema, &data), MLP_ERROR_FORMAT,
                   "line 3, column 1 (a): missing value 'NA'", NULL);
    options.missing = MLP_MISSING_DROP;
    assert_ok(mlp_schema_learn(path, &options, &schema, &data));
    assert_int_equal(mlp_data_count(data), 2);
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
    options.missing = MLP_MISSING_IMPUTE;
    assert_ok(mlp_schema_learn(path, &options, &schema, &data));
    assert_int_equal(mlp_data_count(data), 4);
    assert_inputs(data, 1, filled[0]); /* the median of 1, 3, 9; v is commonest */
    assert_inputs(data, 2, filled[1]);
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

/* Of the first five rows alone: the median of 1, 2, 9, and v, which is commonest there; a later split has
 * them, too. The schema that was learnt before stays, and with it what was read. */
static void fills_are_those_of_a_part(void **state)
{
    static const char text[] = "a,c,b,y\n1,u,yes,0\n2,v,?,1\n,v,no,0\n9,v,no,1\n?,,yes,0\n"
                               "50,u,yes,1\n60,u,yes,0\n70,u,yes,1\n,,NA,0\n";
    const double whole[] = { 29.5, 1, 1, 0, 1, 1, 1 }, part_only[] = { 2, 1, 0, 1, 1, 0, 1 };
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_table_options table = MLP_TABLE_OPTIONS_INIT;
    (void)state;
    options.missing = MLP_MISSING_IMPUTE;
    options.table = &table;
    for (int stream = 0; stream < 2; stream++) {
        mlp_schema *learnt;
        mlp_data *data, *part, *filled, *last;
        table.stream = stream;
        mlp_schema *schema = learn(text, &options, &data);
        assert_inputs(data, 8, whole);
        assert_ok(mlp_data_slice(data, 0, 5, &part));
        assert_ok(mlp_schema_learn_fills(schema, part, &learnt));
        assert_ok(mlp_data_fill(data, learnt, &filled));
        assert_ok(mlp_data_slice(filled, 8, 1, &last));
        assert_inputs(filled, 8, part_only);
        assert_inputs(last, 0, part_only);
        assert_inputs(data, 8, whole);
        float x[7];
        assert_ok(mlp_schema_encode(learnt, (const char *[]){ "", "", "", NULL }, x));
        for (int i = 0; i < 7; i++) {
            assert_close(x[i], part_only[i], 0);
        }
        mlp_schema_destroy(&learnt);
        mlp_schema_destroy(&schema);
        mlp_data_destroy(&data);
        mlp_data_destroy(&part);
        mlp_data_destroy(&filled);
        assert_inputs(last, 0, part_only); /* it has what it needs */
        mlp_data_destroy(&last);
    }
}

/* Texts over texts: a text that comes again below the first line alone makes that a header, also where there
 * are but two lines; half of a schema's names in the first line do not. */
static void headers_are_found_by_what_repeats(void **state)
{
    static const struct {
        const char *text;
        size_t samples;
    } tables[] = {
        { "colour,kind\nred,A\nred,B\n", 2 },
        { "colour,kind\nred,A\nblue,A\n", 2 },
        { "red,A\nblue,B\nred,A\n", 3 },
    };
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data;
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        mlp_schema *schema = learn(tables[i].text, NULL, &data);
        assert_int_equal(mlp_data_count(data), tables[i].samples);
        mlp_data_destroy(&data);
        mlp_schema_destroy(&schema);
    }
    options.regression = 1;
    mlp_schema *schema = learn("red,blue,c,d,y\nred,blue,1,2,3\nblue,red,2,3,4\n", &options, NULL);
    assert_ok(
        mlp_schema_load(schema, file_of("red,blue,4,5,1\nred,red,6,7,2\nblue,blue,8,9,3\n"), NULL, &data));
    assert_int_equal(mlp_data_count(data), 3);
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

/* A first column that counts may be an index; two lines are no evidence. */
static void a_column_that_counts_is_mentioned(void **state)
{
    static const struct {
        const char *text;
        bool counts;
    } tables[] = {
        { ",x,y\n0,5,A\n1,6,B\n2,7,A\n", true },
        { ",x,y\n0,5,A\n1,6,B\n", false },
        { ",x,y\n1,5,A\n2,6,B\n3,7,A\n", false },
        { ",x,y\n0,5,A\n1,6,B\n3,7,A\n", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        mlp_data *data;
        mlp_schema *schema = learn(tables[i].text, NULL, &data);
        const char *warnings = mlp_data_warnings(data);
        assert_int_equal(warnings != NULL && strstr(warnings, "counts 0, 1, 2") != NULL, tables[i].counts);
        mlp_data_destroy(&data);
        mlp_schema_destroy(&schema);
    }
}

/* Each of the columns that are named, though all are of numbers, and no other. */
static void named_columns_are_categorical(void **state)
{
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data;
    (void)state;
    options.categorical = (mlp_texts){ (const char *const[]){ "a", "c" }, 2 };
    mlp_schema *schema = learn("a,b,c,y\n1,5,7,p\n2,6,8,q\n1,7,8,p\n", &options, &data);
    for (size_t c = 0; c < 3; c++) {
        mlp_schema_column column;
        assert_ok(mlp_schema_get_column(schema, c, &column));
        assert_int_equal(column.kind, c == 1 ? MLP_COLUMN_NUMERIC : MLP_COLUMN_CATEGORICAL);
    }
    assert_int_equal(mlp_data_inputs(data), 5); /* two levels each, and b */
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

/* An index, and a column from which nothing is learnt: a line each, the last without an end. */
static void warnings_are_a_line_each(void **state)
{
    mlp_data *data;
    (void)state;
    mlp_schema *schema = learn(",x,y\n0,5,A\n1,5,B\n2,5,A\n", NULL, &data);
    const char *warnings = mlp_data_warnings(data);
    size_t lines = 1;
    for (const char *end = strchr(warnings, '\n'); end != NULL; end = strchr(end + 1, '\n')) {
        assert_true(end > warnings && end[1] != '\n' && end[1] != '\0');
        lines++;
    }
    assert_int_equal(lines, 2);
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

#define TEN_ROWS "a,b,y\n1,2,x\n3,4,z\n1,2,x\n3,4,z\n1,2,x\n3,4,z\n1,2,x\n3,4,z\n1,2,x\n3,4,z\n"

/* Several labels are flags where all of their own values are; those of the features do not matter. */
static void several_labels_are_flags_or_numbers(void **state)
{
    static const struct {
        const char *text;
        bool flags;
    } tables[] = {
        { "f,g,y,z\n5,1,0,1\n6,0,1,1\n7,1,1,0\n", true },
        { "f,g,y,z\n1,1,0,5\n0,0,1,6\n1,1,1,7\n", false },
        { "f,g,y,z\n1,1,2,1\n0,0,1,0\n1,1,1,0\n", false },
        { "f,g,y,z\n1,1,yes,1\n0,0,no,0\n1,1,no,0\n", true },
    };
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    (void)state;
    options.labels = (mlp_texts){ (const char *const[]){ "y", "z" }, 2 };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        mlp_schema *schema = learn(tables[i].text, &options, NULL);
        assert_int_equal(mlp_schema_target_kind(schema),
                         tables[i].flags ? MLP_TARGET_FLAGS : MLP_TARGET_NUMBERS);
        mlp_schema_destroy(&schema);
    }
}

static void what_does_not_fit_is_named(void **state)
{
    static const struct {
        const char *text, *message;
        mlp_status status;
    } cases[] = {
        { "a,b,y\n1,2,x\n1,2\n", "line 3, column 3: the line has 2 fields, expected 3", MLP_ERROR_FORMAT },
        { "a,b,y\n1,2,x\n1,\"2,y\n", "line 3, column 2: a quote opens here", MLP_ERROR_FORMAT },
        { "a,a,y\n1,2,x\n", "several columns are named 'a'", MLP_ERROR_ARGUMENT },
        { "a,b,y\n2020-01-02,2,x\n", "column 'a' (1) holds dates: --dates", MLP_ERROR_FORMAT },
        { "\xFF\xFE"
          "a\0b\0",
          "UTF-16", MLP_ERROR_FORMAT },
        { "a,b,y\n1,caf\xE9,x\n", "is not UTF-8 (Latin-1?)", MLP_ERROR_FORMAT },
        { "a,b,y\n1,\"1,234\",x\n2,5,y\n", "without separators of thousands", MLP_ERROR_FORMAT },
        { TEN_ROWS "3,+inf,z\n", "expected a finite number, got '+inf'", MLP_ERROR_FORMAT },
        { TEN_ROWS "3,-Infinity,z\n", "expected a finite number, got '-Infinity'", MLP_ERROR_FORMAT },
        { "", "the file is empty", MLP_ERROR_FORMAT },
        { "a,b,y\n", "a header and no samples", MLP_ERROR_FORMAT },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mlp_schema *schema;
        assert_refused(mlp_schema_learn(file_of(cases[i].text), NULL, &schema, NULL), cases[i].status,
                       cases[i].message, NULL);
        assert_null(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_become_inputs),
        cmocka_unit_test(dates_become_cycles),
        cmocka_unit_test(offsets_begin_at_256_deviations),
        cmocka_unit_test(other_files_are_read_by_name),
        cmocka_unit_test(both_ways_of_reading_rows_agree),
        cmocka_unit_test(a_model_keeps_it),
        cmocka_unit_test(missing_values_are_refused_dropped_or_filled),
        cmocka_unit_test(fills_are_those_of_a_part),
        cmocka_unit_test(headers_are_found_by_what_repeats),
        cmocka_unit_test(a_column_that_counts_is_mentioned),
        cmocka_unit_test(named_columns_are_categorical),
        cmocka_unit_test(warnings_are_a_line_each),
        cmocka_unit_test(several_labels_are_flags_or_numbers),
        cmocka_unit_test(what_does_not_fit_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
