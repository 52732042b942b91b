/* Data sets over a caller's arrays: what is refused, and what reading, splitting and slicing give. */
#include "support/support.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/data.h>

#include "base/memory.h"
#include "data/data.h"

enum { COUNT = 101, INPUTS = 7 };

/* Sample i, feature j is i + j/8: exact in float, and it tells where it comes from. */
static float features[COUNT * INPUTS];
static uint8_t bytes[COUNT * INPUTS];
static int32_t classes[COUNT];
static float values[COUNT * 2];
static float weights[COUNT];

static mlp_data_arrays arrays_of_classes(void)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = features;
    arrays.classes = classes;
    return arrays;
}

static int fill_arrays(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < INPUTS; j++) {
            features[i * INPUTS + j] = (float)i + (float)j / 8.0f;
            bytes[i * INPUTS + j] = (uint8_t)(i * 31 + j * 7);
        }
        classes[i] = i % 5;
        values[2 * i] = (float)-i;
        values[2 * i + 1] = (float)i / 2.0f;
        weights[i] = (float)(i + 1);
    }
    return 0;
}

static mlp_data *create(const mlp_data_arrays *arrays)
{
    mlp_data *data = NULL;
    assert_ok(mlp_data_create(arrays, &data));
    return data;
}

static void reads_back_what_it_was_given(void **state)
{
    (void)state;
    mlp_data_arrays arrays = arrays_of_classes();
    float x[COUNT * INPUTS];
    int32_t read_classes[COUNT];
    mlp_data *data = create(&arrays);
    assert_int_equal(mlp_data_count(data), COUNT);
    assert_int_equal(mlp_data_inputs(data), INPUTS);
    assert_int_equal(mlp_data_class_count(data), 5);
    assert_int_equal(mlp_data_outputs(data), 0);
    assert_null(mlp_data_class_name(data, 0));
    assert_null(mlp_data_feature_name(data, 0));
    assert_ok(mlp_data_read(data, 0, COUNT, x, read_classes, NULL));
    assert_memory_equal(x, features, sizeof features);
    assert_memory_equal(read_classes, classes, sizeof classes);
    assert_ok(mlp_data_read(data, 99, 2, x, NULL, NULL));
    assert_memory_equal(x, features + 99 * INPUTS, 2 * INPUTS * sizeof(float));
    assert_ok(mlp_data_read(data, COUNT, 0, x, NULL, NULL));
    mlp_data_destroy(&data);
    assert_null(data);
    mlp_data_destroy(&data);
    mlp_data_destroy(NULL);
}

static void dense_targets_and_weights_come_with_their_samples(void **state)
{
    (void)state;
    mlp_data_arrays arrays = arrays_of_classes();
    const size_t order[] = { 100, 3, 3, 0 };
    float read_values[8], read_weights[4], x[4 * INPUTS];
    arrays.classes = NULL;
    arrays.values = values;
    arrays.outputs = 2;
    arrays.weights = weights;
    mlp_data *data = create(&arrays);
    assert_int_equal(mlp_data_outputs(data), 2);
    assert_int_equal(mlp_data_class_count(data), 0);
    data_gather_features(data, order, 0, 4, x);
    data_gather_targets(data, order, 0, 4, NULL, read_values, read_weights);
    for (int i = 0; i < 4; i++) {
        assert_true(x[i * INPUTS + 1] == (float)order[i] + 0.125f);
        assert_true(read_values[2 * i] == -(float)order[i] &&
                    read_values[2 * i + 1] == (float)order[i] / 2.0f);
        assert_true(read_weights[i] == (float)order[i] + 1.0f);
    }
    assert_refused(mlp_data_read(data, 0, 1, NULL, classes, NULL), MLP_ERROR_ARGUMENT, "classes", NULL);
    mlp_data_destroy(&data);
    arrays = arrays_of_classes();
    data = create(&arrays);
    data_gather_targets(data, order, 0, 4, NULL, NULL, read_weights);
    assert_true(read_weights[0] == 1.0f && read_weights[3] == 1.0f);
    assert_refused(mlp_data_read(data, 0, 1, NULL, NULL, values), MLP_ERROR_ARGUMENT, "values", NULL);
    assert_refused(mlp_data_read(data, 0, COUNT + 1, NULL, NULL, NULL), MLP_ERROR_RANGE, "102", "101", NULL);
    assert_refused(mlp_data_read(data, SIZE_MAX, 2, NULL, NULL, NULL), MLP_ERROR_RANGE, "101", NULL);
    assert_refused(mlp_data_read(NULL, 0, 1, NULL, NULL, NULL), MLP_ERROR_ARGUMENT, "NULL", NULL);
    mlp_data_destroy(&data);
}

static void bytes_read_as_their_scaled_floats(void **state)
{
    (void)state;
    const double scales[] = { 0.0, 1.0, 1.0 / 16.0 };
    for (size_t s = 0; s < 3; s++) {
        const float scale = (float)(scales[s] > 0.0 ? scales[s] : 1.0 / 255.0);
        float expected[COUNT * INPUTS], x[COUNT * INPUTS];
        for (int i = 0; i < COUNT * INPUTS; i++) {
            expected[i] = (float)bytes[i] * scale;
        }
        mlp_data_arrays arrays = arrays_of_classes();
        arrays.features = NULL;
        arrays.bytes = bytes;
        arrays.byte_scale = scales[s];
        mlp_data *data = create(&arrays);
        assert_ok(mlp_data_read(data, 0, COUNT, x, NULL, NULL));
        assert_memory_equal(x, expected, sizeof expected);
        const size_t order[] = { 50, 7, 93 };
        data_gather_features(data, order, 0, 3, x);
        for (int i = 0; i < 3; i++) {
            assert_memory_equal(x + i * INPUTS, expected + order[i] * INPUTS, INPUTS * sizeof(float));
        }
        mlp_data_destroy(&data);
    }
}

/* Every refusal, by the change that provokes it. */
static void refuse(mlp_data_arrays arrays, mlp_status status, const char *first, const char *second)
{
    const size_t live = memory_live_count();
    mlp_data *data = (mlp_data *)&arrays;
    assert_refused(mlp_data_create(&arrays, &data), status, first, second, NULL);
    assert_null(data);
    assert_int_equal(memory_live_count(), live);
}

#define REFUSE(change, status, first, second)                                                                \
    do {                                                                                                     \
        mlp_data_arrays a = arrays_of_classes();                                                             \
        change;                                                                                              \
        refuse(a, status, first, second);                                                                    \
    } while (0)

static void refuses_arrays_that_contradict(void **state)
{
    (void)state;
    mlp_data *data = NULL;
    mlp_data_arrays good = arrays_of_classes();
    assert_refused(mlp_data_create(NULL, &data), MLP_ERROR_ARGUMENT, "arrays", NULL);
    assert_refused(mlp_data_create(&good, NULL), MLP_ERROR_ARGUMENT, "data", NULL);
    REFUSE(a.struct_size = 4, MLP_ERROR_ARGUMENT, "struct_size", "MLP_DATA_ARRAYS_INIT");
    REFUSE(a.count = 0, MLP_ERROR_RANGE, "count", "at least 1");
    REFUSE(a.inputs = 0, MLP_ERROR_RANGE, "inputs", "at least 1");
    REFUSE(a.features = NULL, MLP_ERROR_ARGUMENT, "features", "bytes");
    REFUSE(a.bytes = bytes, MLP_ERROR_ARGUMENT, "features", "bytes");
    REFUSE((a.values = values, a.outputs = 2), MLP_ERROR_ARGUMENT, "classes", "values");
    REFUSE((a.classes = NULL, a.values = values), MLP_ERROR_ARGUMENT, "outputs", "0");
    REFUSE(a.outputs = 1, MLP_ERROR_ARGUMENT, "outputs", "values");
    REFUSE((a.classes = NULL, a.class_count = 5), MLP_ERROR_ARGUMENT, "class_count", "5");
    REFUSE((a.count = SIZE_MAX / 4, a.inputs = 8), MLP_ERROR_SHAPE, "samples", "8 inputs");
    REFUSE((a.features = NULL, a.bytes = bytes, a.byte_scale = -1.0), MLP_ERROR_RANGE, "byte_scale", "-1");
    REFUSE((a.features = NULL, a.bytes = bytes, a.byte_scale = NAN), MLP_ERROR_RANGE, "byte_scale", "nan");
    REFUSE((a.features = NULL, a.bytes = bytes, a.byte_scale = 1e300), MLP_ERROR_RANGE, "byte_scale",
           "1e+300");
}

static void refuses_numbers_out_of_range(void **state)
{
    (void)state;
    features[40 * INPUTS + 6] = NAN;
    REFUSE((void)a, MLP_ERROR_NONFINITE, "sample 40", "feature 6");
    features[40 * INPUTS + 6] = -INFINITY;
    REFUSE((void)a, MLP_ERROR_NONFINITE, "feature 6", "-inf");
    features[40 * INPUTS + 6] = 40.75f;
    classes[17] = -1;
    REFUSE((void)a, MLP_ERROR_RANGE, "sample 17", "-1");
    classes[17] = 5;
    REFUSE(a.class_count = SIZE_MAX, MLP_ERROR_RANGE, "class_count", "2147483647");
    REFUSE(a.class_count = (size_t)INT32_MAX + 1, MLP_ERROR_RANGE, "class_count", "2147483648");
    REFUSE(a.class_count = 5, MLP_ERROR_RANGE, "sample 17", "5");
    classes[17] = 17 % 5;
    values[9] = INFINITY;
    REFUSE((a.classes = NULL, a.values = values, a.outputs = 2), MLP_ERROR_NONFINITE, "sample 4", "inf");
    values[9] = 2.0f;
    weights[3] = -0.5f;
    REFUSE(a.weights = weights, MLP_ERROR_RANGE, "sample 3", "-0.5");
    weights[3] = NAN;
    REFUSE(a.weights = weights, MLP_ERROR_NONFINITE, "sample 3", "nan");
    weights[3] = 4.0f;
}

/* Marks which samples a part holds; the first feature is the sample's number. */
static void mark(const mlp_data *part, int *seen)
{
    for (size_t i = 0; i < mlp_data_count(part); i++) {
        float x[INPUTS];
        int32_t class_index;
        assert_ok(mlp_data_read(part, i, 1, x, &class_index, NULL));
        assert_int_equal(class_index, (int)x[0] % 5);
        seen[(int)x[0]]++;
    }
}

static void split_parts_are_disjoint_and_cover(void **state)
{
    (void)state;
    const struct {
        double fraction;
        size_t second;
    } cases[] = {
        { 0.2, 20 }, { 0.5, 51 }, { 0.001, 1 }, { 0.9999, 100 }, { 0.25, 25 },
    };
    mlp_data_arrays arrays = arrays_of_classes();
    mlp_data *data = create(&arrays);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        mlp_data *first, *second;
        int seen[COUNT] = { 0 };
        assert_ok(mlp_data_split(data, cases[c].fraction, c, &first, &second));
        assert_int_equal(mlp_data_count(second), cases[c].second);
        assert_int_equal(mlp_data_count(first), COUNT - cases[c].second);
        mark(first, seen);
        mark(second, seen);
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(seen[i], 1);
        }
        mlp_data_destroy(&first);
        mlp_data_destroy(&second);
    }
    mlp_data_destroy(&data);
}

static void split_is_decided_by_the_seed(void **state)
{
    (void)state;
    mlp_data_arrays arrays = arrays_of_classes();
    mlp_data *data = create(&arrays), *parts[3][2];
    float x[3][20 * INPUTS];
    for (int i = 0; i < 3; i++) {
        assert_ok(mlp_data_split(data, 0.2, i < 2 ? 1 : 2, &parts[i][0], &parts[i][1]));
        assert_ok(mlp_data_read(parts[i][1], 0, 20, x[i], NULL, NULL));
    }
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    assert_memory_not_equal(x[0], x[2], sizeof x[0]);
    for (int i = 0; i < 3; i++) {
        mlp_data_destroy(&parts[i][0]);
        mlp_data_destroy(&parts[i][1]);
    }
    mlp_data_destroy(&data);
}

static void parts_of_parts_outlive_their_parents(void **state)
{
    (void)state;
    const size_t live = memory_live_count();
    mlp_data_arrays arrays = arrays_of_classes();
    mlp_data *data = create(&arrays), *run, *first, *second, *slice;
    float x[30 * INPUTS], y[3 * INPUTS];
    int seen[COUNT] = { 0 };
    assert_ok(mlp_data_slice(data, 50, 30, &run));
    mlp_data_destroy(&data);
    assert_ok(mlp_data_read(run, 0, 30, x, NULL, NULL));
    assert_memory_equal(x, features + 50 * INPUTS, sizeof x);
    assert_ok(mlp_data_split(run, 1.0 / 3.0, 9, &first, &second));
    mlp_data_destroy(&run);
    mark(first, seen);
    mark(second, seen);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(seen[i], i >= 50 && i < 80);
    }
    assert_ok(mlp_data_slice(first, 4, 3, &slice));
    assert_ok(mlp_data_read(first, 4, 3, x, NULL, NULL));
    mlp_data_destroy(&first);
    mlp_data_destroy(&second);
    assert_ok(mlp_data_read(slice, 0, 3, y, NULL, NULL));
    assert_memory_equal(x, y, sizeof y);
    mlp_data_destroy(&slice);
    assert_int_equal(memory_live_count(), live);
}

static void refuses_impossible_parts(void **state)
{
    (void)state;
    mlp_data_arrays arrays = arrays_of_classes();
    mlp_data *data = create(&arrays), *one, *first = data, *second = data;
    const double fractions[] = { 0.0, 1.0, -0.5, 2.0, NAN };
    for (size_t i = 0; i < sizeof fractions / sizeof fractions[0]; i++) {
        assert_refused(mlp_data_split(data, fractions[i], 0, &first, &second), MLP_ERROR_RANGE, "fraction",
                       NULL);
        assert_null(first);
        assert_null(second);
    }
    assert_refused(mlp_data_split(NULL, 0.5, 0, &first, &second), MLP_ERROR_ARGUMENT, "data", NULL);
    assert_refused(mlp_data_split(data, 0.5, 0, NULL, &second), MLP_ERROR_ARGUMENT, "first", NULL);
    assert_refused(mlp_data_split(data, 0.5, 0, &first, NULL), MLP_ERROR_ARGUMENT, "second", NULL);
    assert_refused(mlp_data_slice(data, 0, 0, &one), MLP_ERROR_RANGE, "slice", NULL);
    assert_refused(mlp_data_slice(data, 100, 2, &one), MLP_ERROR_RANGE, "100", "101", NULL);
    assert_refused(mlp_data_slice(data, 2, SIZE_MAX, &one), MLP_ERROR_RANGE, "101", NULL);
    assert_null(one);
    assert_ok(mlp_data_slice(data, 100, 1, &one));
    assert_refused(mlp_data_split(one, 0.5, 0, &first, &second), MLP_ERROR_RANGE, "1 sample", NULL);
    mlp_data_destroy(&one);
    mlp_data_destroy(&data);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    mlp_data_arrays arrays = arrays_of_classes();
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    for (size_t k = 0; status != MLP_OK; k++) {
        mlp_data *data, *first = NULL, *second = NULL, *slice = NULL;
        assert_true(k < 100);
        memory_fail_after(k);
        status = mlp_data_create(&arrays, &data);
        if (status == MLP_OK) {
            status = mlp_data_split(data, 0.5, 1, &first, &second);
        }
        if (status == MLP_OK) {
            status = mlp_data_slice(first, 1, 2, &slice);
        }
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        mlp_data_destroy(&data);
        assert_true(status == MLP_OK || slice == NULL);
        mlp_data_destroy(&first);
        mlp_data_destroy(&second);
        mlp_data_destroy(&slice);
        assert_int_equal(memory_live_count(), live);
    }
}

static void *read_and_share(void *context)
{
    const mlp_data *data = context;
    long wrong = 0;
    for (size_t round = 0; round < 300; round++) {
        mlp_data *slice = NULL;
        float x[2 * INPUTS];
        const size_t first = round % (COUNT - 2);
        wrong += mlp_data_slice(data, first, 2, &slice) != MLP_OK;
        wrong += mlp_data_read(slice, 0, 2, x, NULL, NULL) != MLP_OK;
        wrong += memcmp(x, features + first * INPUTS, sizeof x) != 0;
        mlp_data_destroy(&slice);
    }
    return (void *)wrong;
}

static void two_threads_read_at_once(void **state)
{
    (void)state;
    mlp_data_arrays arrays = arrays_of_classes();
    mlp_data *data = create(&arrays);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_share, data), 0);
    }
    for (int i = 0; i < 2; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    mlp_data_destroy(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_was_given),
        cmocka_unit_test(dense_targets_and_weights_come_with_their_samples),
        cmocka_unit_test(bytes_read_as_their_scaled_floats),
        cmocka_unit_test(refuses_arrays_that_contradict),
        cmocka_unit_test(refuses_numbers_out_of_range),
        cmocka_unit_test(split_parts_are_disjoint_and_cover),
        cmocka_unit_test(split_is_decided_by_the_seed),
        cmocka_unit_test(parts_of_parts_outlive_their_parents),
        cmocka_unit_test(refuses_impossible_parts),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(two_threads_read_at_once),
    };
    return cmocka_run_group_tests(tests, fill_arrays, NULL);
}
