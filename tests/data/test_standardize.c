/* Standardization learnt on a data set, against sums in long double. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#include <mlp/data.h>
#include <mlp/network.h>

#include "base/memory.h"

static mlp_network *network_of(size_t inputs)
{
    const mlp_layer layer = { .units = 1, .init = MLP_INIT_ZEROS };
    mlp_network *network = NULL;
    assert_ok(mlp_network_create(inputs, &layer, 1, NULL, &network));
    return network;
}

/* Mean and population deviation of feature j of the samples of a data set, read one by one. */
static void naive_moments(const mlp_data *data, size_t j, double *mean, double *deviation)
{
    const size_t count = mlp_data_count(data), inputs = mlp_data_inputs(data);
    float *x = calloc(inputs, sizeof *x);
    long double sum = 0.0L, squares = 0.0L;
    for (size_t i = 0; i < count; i++) {
        assert_ok(mlp_data_read(data, i, 1, x, NULL, NULL));
        sum += (long double)x[j];
    }
    const long double centre = sum / (long double)count;
    for (size_t i = 0; i < count; i++) {
        assert_ok(mlp_data_read(data, i, 1, x, NULL, NULL));
        squares += ((long double)x[j] - centre) * ((long double)x[j] - centre);
    }
    *mean = (double)centre;
    *deviation = (double)sqrtl(squares / (long double)count);
    free(x);
}

static void assert_learnt(const mlp_data *data)
{
    const size_t inputs = mlp_data_inputs(data);
    mlp_network *network = network_of(inputs);
    const float *mean, *scale;
    assert_ok(mlp_data_standardize(data, network));
    mlp_network_standardization(network, &mean, &scale);
    assert_non_null(mean);
    for (size_t j = 0; j < inputs; j++) {
        double expected_mean, expected_scale;
        naive_moments(data, j, &expected_mean, &expected_scale);
        /* relative to the value itself: rounding to float, 2⁻²⁴, and little from the sums in double */
        assert_true(fabs((double)mean[j] - expected_mean) <=
                    1e-7 * (fabs(expected_mean) + 1e-3 * expected_scale));
        assert_true(fabs((double)scale[j] - expected_scale) <= 1e-7 * expected_scale);
    }
    mlp_network_destroy(&network);
}

static void floats_of_all_magnitudes(void **state)
{
    (void)state;
    enum { COUNT = 3000, INPUTS = 37 }; /* several blocks, the last one short */
    float *x = calloc(COUNT * INPUTS, sizeof *x);
    uint64_t seed = 1;
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < INPUTS; j++) {
            /* the mean up to 10⁶ deviations away; magnitudes 1e-9 to 1e27 */
            const double offset = j % 3 == 0 ? 0.0 : j % 3 == 1 ? 30.0 : 1e6;
            x[i * INPUTS + j] =
                (float)((offset + test_uniform(&seed, -1.0, 2.0)) * pow(10.0, (double)j - 9.0));
        }
    }
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    mlp_data *data, *first, *second;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_learnt(data);
    assert_ok(mlp_data_split(data, 0.3, 4, &first, &second)); /* a view with a list of samples */
    assert_learnt(first);
    assert_learnt(second);
    mlp_data_destroy(&first);
    assert_ok(mlp_data_slice(data, 2000, 700, &first));
    assert_learnt(first);
    mlp_data_destroy(&first);
    mlp_data_destroy(&second);
    mlp_data_destroy(&data);
    free(x);
}

/* What never changes has its own value for a mean and 1 for a deviation, to the bit, wherever it stands and
 * however the mean would be rounded. */
static void constants_are_left_alone(void **state)
{
    static const float values[] = { 0.1f, 1.0f / 3.0f, 1e7f + 1.0f, -3.3e-5f, 0.0f };
    enum { CONSTANTS = 5, MOST = 49 };
    float x[CONSTANTS * MOST];
    (void)state;
    for (size_t i = 0; i < CONSTANTS * MOST; i++) {
        x[i] = values[i % CONSTANTS];
    }
    for (size_t count = 1; count <= MOST; count++) {
        mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
        mlp_network *network = network_of(CONSTANTS);
        const float *mean, *scale;
        mlp_data *data;
        arrays.count = count;
        arrays.inputs = CONSTANTS;
        arrays.features = x;
        assert_ok(mlp_data_create(&arrays, &data));
        assert_ok(mlp_data_standardize(data, network));
        mlp_network_standardization(network, &mean, &scale);
        for (size_t j = 0; j < CONSTANTS; j++) {
            assert_true(mean[j] == values[j] && scale[j] == 1.0f);
        }
        mlp_data_destroy(&data);
        mlp_network_destroy(&network);
    }
}

static void bytes(void **state)
{
    (void)state;
    enum { COUNT = 500, INPUTS = 5 };
    uint8_t x[COUNT * INPUTS];
    uint64_t seed = 2;
    for (size_t i = 0; i < COUNT * INPUTS; i++) {
        x[i] = (uint8_t)test_uniform(&seed, 0.0, 256.0);
    }
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.bytes = x;
    mlp_data *data;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_learnt(data);
    mlp_data_destroy(&data);
}

static void constant_features_have_scale_1(void **state)
{
    (void)state;
    /* 0.1f is no multiple of any power of two that sums exactly; the third varies by the smallest float only,
     * whose deviation has no reciprocal; the fourth spans the whole range of floats */
    const float x[] = { 0.1f, 5.0f, 0.0f, -3.4e38f, 0.1f, 5.0f, 1e-45f, 3.4e38f, 0.1f, 5.0f, 0.0f, 3.4e38f };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    arrays.count = 3;
    arrays.inputs = 4;
    arrays.features = x;
    mlp_data *data, *one;
    mlp_network *network = network_of(4);
    const float *mean, *scale;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_ok(mlp_data_standardize(data, network));
    mlp_network_standardization(network, &mean, &scale);
    assert_true(mean[0] == 0.1f && mean[1] == 5.0f);
    assert_true(scale[0] == 1.0f && scale[1] == 1.0f && scale[2] == 1.0f);
    /* −a, a, a: mean a/3, deviation a·√(8/9) */
    assert_close(mean[3] / 3.4e38, 1.0 / 3.0, 1e-6);
    assert_close(scale[3] / 3.4e38, sqrt(8.0 / 9.0), 1e-6);
    assert_ok(mlp_data_slice(data, 1, 1, &one));
    assert_ok(mlp_data_standardize(one, network));
    mlp_network_standardization(network, &mean, &scale);
    assert_true(mean[3] == 3.4e38f && scale[3] == 1.0f);
    mlp_data_destroy(&one);
    mlp_data_destroy(&data);
    mlp_network_destroy(&network);
}

static void refuses_other_shapes_and_survives_failures(void **state)
{
    (void)state;
    const float x[] = { 1.0f, 2.0f, 3.0f, 5.0f };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    arrays.count = 2;
    arrays.inputs = 2;
    arrays.features = x;
    mlp_data *data;
    mlp_network *network = network_of(2), *other = network_of(3);
    const float *mean, *scale;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_refused(mlp_data_standardize(data, other), MLP_ERROR_SHAPE, "2 features", "3 inputs", NULL);
    assert_refused(mlp_data_standardize(NULL, network), MLP_ERROR_ARGUMENT, "data", NULL);
    assert_refused(mlp_data_standardize(data, NULL), MLP_ERROR_ARGUMENT, "network", NULL);
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    for (size_t k = 0; status != MLP_OK; k++) {
        assert_true(k < 100);
        memory_fail_after(k);
        status = mlp_data_standardize(data, network);
        memory_fail_after(SIZE_MAX);
        mlp_network_standardization(network, &mean, &scale);
        if (status != MLP_OK) {
            assert_int_equal(status, MLP_ERROR_MEMORY);
            assert_null(mean);
            assert_int_equal(memory_live_count(), live);
        }
    }
    assert_true(mean[0] == 2.0f && mean[1] == 3.5f && scale[0] == 1.0f && scale[1] == 1.5f);
    mlp_data_destroy(&data);
    mlp_network_destroy(&network);
    mlp_network_destroy(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_of_all_magnitudes),
        cmocka_unit_test(constants_are_left_alone),
        cmocka_unit_test(bytes),
        cmocka_unit_test(constant_features_have_scale_1),
        cmocka_unit_test(refuses_other_shapes_and_survives_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
