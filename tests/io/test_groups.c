/* Groups of samples: they stay together, whatever a set is cut into. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema_fixture.h"

/* No group on both sides, all samples on one, about the share asked for; ids and warnings come along. */
static void groups_stay_together(void **state)
{
    static char text[8192] = "id,x,g,w,y\n";
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data, *part[2];
    (void)state;
    for (int i = 0; i < 300; i++) {
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "p%d,%d,g%d,%d,%c\n", i, i, i % 20, 1 + i % 3, 'A' + i % 2);
    }
    options.group = "g";
    options.id = "id";
    options.weight = "w";
    mlp_schema *schema = learn(text, &options, &data);
    assert_int_equal(mlp_data_inputs(data), 1);
    assert_true(mlp_data_has_groups(data));
    assert_ok(mlp_data_split_groups(data, 0.25, 3, &part[0], &part[1]));
    bool side[2][20] = { { false } };
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < mlp_data_count(part[s]); i++) {
            const int number = atoi(mlp_data_id(part[s], i) + 1);
            float x;
            assert_ok(mlp_data_read(part[s], i, 1, &x, NULL, NULL));
            assert_true(x == (float)number);
            side[s][number % 20] = true;
        }
    }
    for (int g = 0; g < 20; g++) {
        assert_true(side[0][g] != side[1][g]);
    }
    assert_int_equal(mlp_data_count(part[0]) + mlp_data_count(part[1]), 300);
    assert_int_equal(mlp_data_count(part[1]), 75);
    mlp_data_destroy(&part[0]);
    mlp_data_destroy(&part[1]);
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

enum { GROUPS = 40, GROUPED = 900, FOLDS = 4 };

/* Samples of groups of 1 to 44, each mostly of one class; the feature is the number of the sample. */
static mlp_data *grouped(mlp_schema **schema, int groups[GROUPED])
{
    static char text[1 << 15];
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data;
    size_t used = (size_t)sprintf(text, "x,g,y\n");
    for (int i = 0, g = 0, left = 1; i < GROUPED; i++, left--) {
        if (left == 0 && g + 1 < GROUPS) {
            g++;
            left = 1 + (7 * g) % 44;
        }
        groups[i] = g;
        used += (size_t)sprintf(text + used, "%d,g%d,%c\n", i, g, 'A' + (i % 5 == 0 ? i % 3 : g % 3));
    }
    options.group = "g";
    *schema = learn(text, &options, &data);
    return data;
}

/* The samples of a set by class; each group's side, which all its samples must have. */
static void count_part(const mlp_data *data, const int *groups, int side, int sides[GROUPS], double counts[3])
{
    for (size_t i = 0; i < mlp_data_count(data); i++) {
        float x;
        int32_t y;
        assert_ok(mlp_data_read(data, i, 1, &x, &y, NULL));
        assert_true(sides[groups[(int)x]] == -1 || sides[groups[(int)x]] == side);
        sides[groups[(int)x]] = side;
        counts[y] += 1.0;
    }
}

/* Every sample is in one fold, every group in one, and sizes (stratified: of each class, too) are alike. */
static void folds_keep_groups_together(void **state)
{
    int groups[GROUPED], sides[GROUPS];
    mlp_schema *schema;
    mlp_data *data = grouped(&schema, groups), *train, *validation;
    (void)state;
    for (int stratified = 0; stratified <= 1; stratified++) {
        double all[3] = { 0.0 };
        memset(sides, -1, sizeof sides);
        for (size_t fold = 0; fold < FOLDS; fold++) {
            double counts[3] = { 0.0 }, rest[3] = { 0.0 };
            int others[GROUPS];
            assert_ok(mlp_data_fold_groups(data, FOLDS, fold, stratified, 7, &train, &validation));
            count_part(validation, groups, (int)fold, sides, counts);
            memset(others, -1, sizeof others);
            count_part(validation, groups, 1, others, (double[3]){ 0.0 });
            count_part(train, groups, 0, others, rest);
            assert_true(fabs((double)mlp_data_count(validation) / GROUPED - 1.0 / FOLDS) < 0.02);
            for (int c = 0; c < 3; c++) {
                all[c] += counts[c];
                assert_true(!stratified || fabs(counts[c] / (counts[c] + rest[c]) - 1.0 / FOLDS) < 0.05);
            }
            mlp_data_destroy(&train);
            mlp_data_destroy(&validation);
        }
        assert_true(all[0] + all[1] + all[2] == GROUPED);
    }
    for (int k = 1; k < 10; k++) {
        double counts[2][3] = { { 0.0 } };
        memset(sides, -1, sizeof sides);
        assert_ok(mlp_data_split_groups_stratified(data, k / 10.0, 3, &train, &validation));
        count_part(train, groups, 0, sides, counts[0]);
        count_part(validation, groups, 1, sides, counts[1]);
        for (int c = 0; c < 3; c++) {
            assert_true(fabs(counts[1][c] / (counts[0][c] + counts[1][c]) - k / 10.0) < 0.07);
        }
        mlp_data_destroy(&train);
        mlp_data_destroy(&validation);
    }
    assert_refused(mlp_data_fold_groups(data, GROUPS + 1, 0, 0, 0, &train, &validation), MLP_ERROR_RANGE,
                   "there are 40 groups, expected at least 41", NULL);
    assert_refused(mlp_data_fold_groups(data, 3, 3, 0, 0, &train, &validation), MLP_ERROR_RANGE, "fold is 3",
                   NULL);
    assert_refused(mlp_data_split_groups_stratified(data, 1.0, 0, &train, &validation), MLP_ERROR_RANGE,
                   "fraction is 1", NULL);
    for (size_t fold = 0; fold < GROUPS; fold++) { /* as many parts as groups: each has one */
        assert_ok(mlp_data_fold_groups(data, GROUPS, fold, 1, 0, &train, &validation));
        mlp_data_destroy(&train);
        mlp_data_destroy(&validation);
    }
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

/* Each sample a group of its own, as many folds as samples: each is left out once. */
static void leaves_one_out(void **state)
{
    enum { SAMPLES = 5 };
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data, *train, *validation;
    int left_out[SAMPLES] = { 0 };
    (void)state;
    options.group = "g";
    mlp_schema *schema = learn("x,g,y\n0,a,u\n1,b,v\n2,c,u\n3,d,v\n4,e,u\n", &options, &data);
    for (size_t fold = 0; fold < SAMPLES; fold++) {
        float x;
        assert_ok(mlp_data_fold_groups(data, SAMPLES, fold, 0, 3, &train, &validation));
        assert_int_equal(mlp_data_count(train), SAMPLES - 1);
        assert_int_equal(mlp_data_count(validation), 1);
        assert_ok(mlp_data_read(validation, 0, 1, &x, NULL, NULL));
        left_out[(int)x]++;
        mlp_data_destroy(&train);
        mlp_data_destroy(&validation);
    }
    for (int i = 0; i < SAMPLES; i++) {
        assert_int_equal(left_out[i], 1);
    }
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

enum { SIZES = 12, IN_ALL = SIZES * (SIZES + 1) / 2 };

/* Σ over parts and classes of n²/(share·N), the groups below `dealt` being in their parts. */
static double disturbance(const double counts[SIZES + 1][3], const int *parts, int dealt, double share)
{
    double sum = 0.0;
    for (int part = 0; part < 2; part++) {
        for (int c = 0; c < 3; c++) {
            double here = 0.0, all = 0.0;
            for (int size = SIZES; size > 0; size--) {
                all += counts[size][c];
                here += size >= dealt && parts[size] == part ? counts[size][c] : 0.0;
            }
            sum += here * here / ((part == 1 ? share : 1.0 - share) * all);
        }
    }
    return sum;
}

/* Groups of 12 samples, 11 and so on: each goes where the sum, computed anew for either part, is less. */
static void each_group_goes_where_it_disturbs_the_least(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        char text[4096] = "x,g,y\n";
        double counts[SIZES + 1][3] = { { 0.0 } };
        int groups[IN_ALL], parts[SIZES + 1] = { 0 }, sides[GROUPS], samples = 0;
        uint64_t random = seed;
        mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
        mlp_data *data, *part[2];
        const double share = test_uniform(&random, 0.1, 0.5);
        for (int size = 1; size <= SIZES; size++) {
            for (int i = 0; i < size; i++, samples++) {
                const int c = samples < 3 ? samples : (int)test_uniform(&random, 0.0, 2.999);
                groups[samples] = size;
                counts[size][c] += 1.0;
                sprintf(text + strlen(text), "%d,g%d,%c\n", samples, size, 'A' + c);
            }
        }
        for (int size = SIZES; size > 0; size--) {
            parts[size] = 1;
            const double second = disturbance(counts, parts, size, share);
            parts[size] = 0;
            parts[size] = second < disturbance(counts, parts, size, share);
        }
        options.group = "g";
        mlp_schema *schema = learn(text, &options, &data);
        assert_ok(mlp_data_split_groups_stratified(data, share, seed, &part[0], &part[1]));
        memset(sides, -1, sizeof sides);
        for (int p = 0; p < 2; p++) {
            count_part(part[p], groups, p, sides, (double[3]){ 0.0 });
            mlp_data_destroy(&part[p]);
        }
        for (int size = 1; size <= SIZES; size++) {
            assert_int_equal(sides[size], parts[size]);
        }
        mlp_data_destroy(&data);
        mlp_schema_destroy(&schema);
    }
}

/* Two groups of one size: the smaller part's share is below any of them, and it has one all the same. */
static void no_part_of_groups_is_empty(void **state)
{
    mlp_schema_options options = MLP_SCHEMA_OPTIONS_INIT;
    mlp_data *data, *train, *validation;
    (void)state;
    options.group = "g";
    mlp_schema *schema = learn("x,g,y\n1,a,p\n2,a,q\n3,b,p\n4,b,q\n", &options, &data);
    for (int k = 1; k < 20; k++) {
        assert_ok(mlp_data_split_groups_stratified(data, k / 20.0, 3, &train, &validation));
        assert_int_equal(mlp_data_count(train), 2);
        assert_int_equal(mlp_data_count(validation), 2);
        mlp_data_destroy(&train);
        mlp_data_destroy(&validation);
    }
    mlp_data_destroy(&data);
    mlp_schema_destroy(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_stay_together),
        cmocka_unit_test(folds_keep_groups_together),
        cmocka_unit_test(leaves_one_out),
        cmocka_unit_test(each_group_goes_where_it_disturbs_the_least),
        cmocka_unit_test(no_part_of_groups_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
