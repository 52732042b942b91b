/* Stratified splits, folds of a cross-validation, balanced weights. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/data.h>

#include "base/memory.h"
#include "data/data.h"

enum { COUNT = 233, CLASSES = 4 };

static float features[COUNT];
static int32_t classes[COUNT];

/* Classes of 150, 60, 20 and 3 samples, mixed. */
static int fill_arrays(void **state)
{
    static const int sizes[CLASSES] = { 150, 60, 20, 3 };
    int left[CLASSES];
    (void)state;
    memcpy(left, sizes, sizeof left);
    for (int i = 0, c = 0; i < COUNT; i++, c++) {
        while (left[c % CLASSES] == 0) {
            c++;
        }
        features[i] = (float)i;
        classes[i] = c % CLASSES;
        left[c % CLASSES]--;
    }
    return 0;
}

static mlp_data *make(void)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    arrays.count = COUNT;
    arrays.inputs = 1;
    arrays.features = features;
    arrays.classes = classes;
    assert_ok(mlp_data_create(&arrays, &data));
    return data;
}

/* Counts the samples of each class, and marks each; they ascend. */
static void look(const mlp_data *data, size_t counts[CLASSES], int marks[COUNT])
{
    float before = -1.0f;
    memset(counts, 0, CLASSES * sizeof counts[0]);
    for (size_t i = 0; i < mlp_data_count(data); i++) {
        float x;
        int32_t y;
        data_gather_features(data, NULL, i, 1, &x);
        data_gather_targets(data, NULL, i, 1, &y, NULL, NULL);
        assert_int_equal(y, classes[(int)x]);
        assert_true(x > before);
        before = x;
        marks[(int)x]++;
        counts[y]++;
    }
}

static void a_stratified_split_keeps_shares(void **unused)
{
    static const size_t sizes[CLASSES] = { 150, 60, 20, 3 };
    static const double fractions[] = { 0.1, 0.25, 0.5, 0.777 };
    mlp_data *data = make();
    (void)unused;
    for (size_t k = 0; k < 4; k++) {
        for (uint64_t seed = 0; seed < 5; seed++) {
            mlp_data *first, *second;
            size_t a[CLASSES], b[CLASSES];
            int marks[COUNT] = { 0 };
            assert_ok(mlp_data_split_stratified(data, fractions[k], seed, &first, &second));
            assert_int_equal(mlp_data_count(second), lround(fractions[k] * COUNT));
            look(first, a, marks);
            look(second, b, marks);
            for (size_t c = 0; c < CLASSES; c++) {
                assert_int_equal(a[c] + b[c], sizes[c]);
                assert_true(fabs((double)b[c] - fractions[k] * (double)sizes[c]) <= 1.0 + 1e-9);
            }
            for (size_t i = 0; i < COUNT; i++) {
                assert_int_equal(marks[i], 1);
            }
            mlp_data_destroy(&first);
            mlp_data_destroy(&second);
        }
    }
    mlp_data_destroy(&data);
}

static void folds_cover_the_data_once(void **unused)
{
    static const size_t sizes[CLASSES] = { 150, 60, 20, 3 };
    mlp_data *data = make();
    (void)unused;
    for (size_t folds = 2; folds <= COUNT; folds += folds < 12 ? 1 : 221) {
        for (int stratified = 0; stratified <= 1; stratified++) {
            int marks[COUNT] = { 0 };
            for (size_t fold = 0; fold < folds; fold++) {
                mlp_data *train, *validation;
                size_t a[CLASSES], b[CLASSES];
                int unused_marks[COUNT] = { 0 };
                assert_ok(mlp_data_fold(data, folds, fold, stratified, 3, &train, &validation));
                look(train, a, unused_marks);
                look(validation, b, marks);
                assert_true(mlp_data_count(validation) - COUNT / folds <= 1);
                for (size_t c = 0; c < CLASSES; c++) {
                    assert_int_equal(a[c] + b[c], sizes[c]);
                    assert_true(!stratified || fabs((double)b[c] - (double)sizes[c] / (double)folds) < 1.0);
                }
                mlp_data_destroy(&train);
                mlp_data_destroy(&validation);
            }
            for (size_t i = 0; i < COUNT; i++) {
                assert_int_equal(marks[i], 1);
            }
        }
    }
    mlp_data_destroy(&data);
}

/* scikit-learn's compute_class_weight('balanced') on these: 233/(4·150) and so on. */
static void balanced_weights_make_classes_count_alike(void **unused)
{
    const double expected[CLASSES] = { 233.0 / 600, 233.0 / 240, 233.0 / 80, 233.0 / 12 };
    float weights[CLASSES];
    mlp_data *data = make(), *slice;
    (void)unused;
    assert_ok(mlp_data_balanced_weights(data, weights));
    for (size_t c = 0; c < CLASSES; c++) {
        assert_close(weights[c], expected[c], 1e-6);
    }
    assert_ok(mlp_data_slice(data, 200, 33, &slice)); /* the first class alone */
    assert_ok(mlp_data_balanced_weights(slice, weights));
    assert_true(weights[0] == 1.0f && weights[1] == 0.0f && weights[3] == 0.0f);
    mlp_data_destroy(&slice);
    mlp_data_destroy(&data);
}

static void impossible_parts_are_refused(void **unused)
{
    mlp_data *data = make(), *values, *a, *b;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    float weights[CLASSES];
    (void)unused;
    arrays.count = COUNT;
    arrays.inputs = 1;
    arrays.features = arrays.values = features;
    arrays.outputs = 1;
    assert_ok(mlp_data_create(&arrays, &values));
    assert_refused(mlp_data_split_stratified(values, 0.5, 0, &a, &b), MLP_ERROR_ARGUMENT, "stratified",
                   "classes", NULL);
    assert_refused(mlp_data_fold(values, 3, 0, 1, 0, &a, &b), MLP_ERROR_ARGUMENT, "stratified", NULL);
    assert_refused(mlp_data_balanced_weights(values, weights), MLP_ERROR_ARGUMENT, "no classes", NULL);
    assert_refused(mlp_data_split_stratified(data, 1.0, 0, &a, &b), MLP_ERROR_RANGE, "fraction", "1", NULL);
    assert_refused(mlp_data_fold(data, 1, 0, 0, 0, &a, &b), MLP_ERROR_RANGE, "folds is 1", "233", NULL);
    assert_refused(mlp_data_fold(data, 234, 0, 0, 0, &a, &b), MLP_ERROR_RANGE, "folds is 234", NULL);
    assert_refused(mlp_data_fold(data, 3, 3, 0, 0, &a, &b), MLP_ERROR_RANGE, "fold is 3", NULL);
    assert_null(a);
    assert_refused(mlp_data_fold(NULL, 3, 0, 0, 0, &a, &b), MLP_ERROR_ARGUMENT, "data", NULL);
    for (size_t n = 0; n < 8; n++) {
        const size_t live = memory_live_count();
        memory_fail_after(n);
        const mlp_status status = mlp_data_fold(data, 3, 0, 1, 0, &a, &b);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(status, MLP_ERROR_MEMORY);
        assert_int_equal(memory_live_count(), live);
    }
    mlp_data_destroy(&data);
    mlp_data_destroy(&values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stratified_split_keeps_shares),
        cmocka_unit_test(folds_cover_the_data_once),
        cmocka_unit_test(balanced_weights_make_classes_count_alike),
        cmocka_unit_test(impossible_parts_are_refused),
    };
    return cmocka_run_group_tests(tests, fill_arrays, NULL);
}
