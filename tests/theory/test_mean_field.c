/* Exact activations, their Gaussian averages, fixed points and critical points. */
#include <math.h>
#include <string.h>

#include "strategy/activation.h"
#include "theory/exact_activation.h"
#include "theory/mean_field.h"
#include "support/reference.h"
#include "support/support.h"

static mlp_activation_choice choice_of(mlp_activation activation)
{
    return (mlp_activation_choice){ .activation = activation };
}

static bool is_elementwise(size_t activation)
{
    return activation != MLP_ACTIVATION_SOFTMAX && activation != MLP_ACTIVATION_CUSTOM;
}

/* E[φ], E[φ²] and E[φ′²] by the trapezoidal rule on 400 001 points: its error is h² times what φ bends, 4e-9,
 * and as much at a kink. */
static mlp_activation_moments averages(mlp_activation activation, double parameter, double q)
{
    enum { HALF = 200000 };
    const double step = 12.0 / HALF;
    mlp_activation_moments sum = { 0.0, 0.0, 0.0 };
    for (int i = -HALF; i <= HALF; i++) {
        /* between the kinks, which lie on whole multiples of the step for q = 1 */
        const double z = (i + 0.5) * step, weight = step * exp(-0.5 * z * z) / sqrt(2.0 * M_PI);
        const double value = reference_activation(activation, parameter, sqrt(q) * z);
        const double slope = reference_slope(activation, parameter, sqrt(q) * z);
        sum.mean += weight * value;
        sum.square += weight * value * value;
        sum.slope_square += weight * slope * slope;
    }
    return sum;
}

static void exact_values_agree_with_the_formulas(void **state)
{
    (void)state;
    for (size_t a = 0; a < mlp_activation_count(); a++) {
        if (!is_elementwise(a)) {
            continue;
        }
        const double parameter = activation_row((mlp_activation)a)->default_parameter;
        for (double z = -30.03; z < 30.0; z += 0.0701) { /* on no kink */
            const double value = reference_activation((mlp_activation)a, parameter, z);
            const double slope = reference_slope((mlp_activation)a, parameter, z);
            assert_close(activation_exact_value((mlp_activation)a, parameter, NULL, z), value,
                         1e-13 * (1.0 + fabs(value)));
            /* the reference is a difference quotient, of values up to 30 */
            assert_close(activation_exact_slope((mlp_activation)a, parameter, NULL, z), slope, 2e-9);
        }
    }
}

static void kinks_are_where_slopes_jump(void **state)
{
    (void)state;
    for (size_t a = 0; a < mlp_activation_count(); a++) {
        double kinks[2];
        const size_t count = activation_kinks((mlp_activation)a, kinks);
        /* at p = 0.3 ELU's slope jumps too */
        const double parameter = activation_row((mlp_activation)a)->takes_parameter ? 0.3 : 0.0;
        for (double z = -4.0; is_elementwise(a) && z <= 4.0; z += 0.5) {
            bool listed = false;
            for (size_t k = 0; k < count; k++) {
                listed = listed || kinks[k] == z;
            }
            const double jump = activation_exact_slope((mlp_activation)a, parameter, NULL, z + 1e-9) -
                                activation_exact_slope((mlp_activation)a, parameter, NULL, z - 1e-9);
            assert_int_equal(fabs(jump) > 1e-3, listed);
        }
    }
}

static void averages_agree_with_a_trapezoidal_rule(void **state)
{
    static const double variances[] = { 0.01, 0.3, 1.0, 7.0, 400.0 };
    (void)state;
    for (size_t a = 0; a < mlp_activation_count(); a++) {
        const mlp_activation_choice choice = choice_of((mlp_activation)a);
        for (size_t v = 0; is_elementwise(a) && v < sizeof variances / sizeof variances[0]; v++) {
            if ((a + v) % (size_t)test_step() != 0) {
                continue;
            }
            const double parameter = activation_row((mlp_activation)a)->default_parameter;
            const mlp_activation_moments expected = averages((mlp_activation)a, parameter, variances[v]);
            mlp_activation_moments actual;
            assert_int_equal(mlp_activation_moments_at(&choice, variances[v], &actual), MLP_OK);
            /* a jump of φ′ off the grid costs the reference a step's density: 2.4e-5 */
            assert_close(actual.mean, expected.mean, 1e-7 * (1.0 + fabs(expected.mean)));
            assert_close(actual.square, expected.square, 1e-7 * expected.square);
            assert_close(actual.slope_square, expected.slope_square, 3e-5 * (1.0 + expected.slope_square));
        }
    }
}

/* The same for any q, in t = ln |z|, where both tails and every scale between them are smooth: the
 * trapezoidal rule then is right to rounding for an activation without kinks away from 0. Values below e^−60
 * deviations and beyond 40 deviations count for nothing. */
static mlp_activation_moments averages_by_scale(mlp_activation activation, double parameter, double q)
{
    const double step = 1.0 / 256.0, deviation = sqrt(q), low = log(deviation) - 60.0;
    const int points = (int)((60.0 + log(40.0)) / step);
    mlp_activation_moments sum = { 0.0, 0.0, 0.0 };
    for (int i = 0; i <= points; i++) {
        const double z = exp(low + i * step), u = z / deviation;
        const double weight = step * u * exp(-0.5 * u * u) / sqrt(2.0 * M_PI);
        for (double side = -z; side <= z; side += 2.0 * z) {
            const double value = activation_exact_value(activation, parameter, NULL, side);
            const double slope = activation_exact_slope(activation, parameter, NULL, side);
            sum.mean += weight * value;
            sum.square += weight * value * value;
            sum.slope_square += weight * slope * slope;
        }
    }
    return sum;
}

static void averages_are_right_at_every_scale(void **state)
{
    (void)state;
    for (size_t a = 0; a < mlp_activation_count(); a++) {
        double kinks[2];
        const mlp_activation_choice choice = choice_of((mlp_activation)a);
        const bool smooth = is_elementwise(a) && activation_kinks((mlp_activation)a, kinks) < 2;
        if (smooth) {
            for (double q = 1e-14; q < 2e12; q *= pow(10.0, test_step())) {
                const double parameter = activation_row((mlp_activation)a)->default_parameter;
                const mlp_activation_moments expected = averages_by_scale((mlp_activation)a, parameter, q);
                mlp_activation_moments actual;
                assert_ok(mlp_activation_moments_at(&choice, q, &actual));
                const double root = sqrt(expected.square);
                assert_close(actual.mean / root, expected.mean / root, 2e-12);
                assert_close(actual.square / expected.square, 1.0, 2e-12);
                assert_close(actual.slope_square / expected.slope_square, 1.0, 2e-12);
            }
        }
    }
}

/* hard-tanh has kinks away from 0: E[φ²] = q·(erf(c) − 2c·e^(−c²)/√π) + erfc(c), E[φ′²] = erf(c),
 * c = 1/√(2q). */
static void hard_tanh_has_its_closed_form(void **state)
{
    const mlp_activation_choice choice = choice_of(MLP_ACTIVATION_HARD_TANH);
    (void)state;
    for (double q = 0.01; q < 2e12; q *= 10.0) {
        const double c = 1.0 / sqrt(2.0 * q);
        /* the inner part by its series where its two terms cancel */
        const double inner = c < 0.1 ? 4.0 / (3.0 * sqrt(M_PI)) * c * c * c *
                                           (1.0 - c * c * (3.0 / 5.0 - c * c * (3.0 / 14.0 - c * c / 18.0)))
                                     : erf(c) - 2.0 * c * exp(-c * c) / sqrt(M_PI);
        mlp_activation_moments actual;
        assert_ok(mlp_activation_moments_at(&choice, q, &actual));
        assert_close(actual.square / (q * inner + erfc(c)), 1.0, 2e-12);
        assert_close(actual.slope_square / erf(c), 1.0, 2e-12);
    }
}

/* φ(0), φ(0)² and the mean of φ′² to the left and to the right of 0. */
static void the_limit_at_0_is_exact(void **state)
{
    static const struct {
        mlp_activation activation;
        double mean, slope_square;
    } rows[] = {
        { MLP_ACTIVATION_IDENTITY, 0.0, 1.0 },
        { MLP_ACTIVATION_SIGMOID, 0.5, 0.0625 },
        { MLP_ACTIVATION_TANH, 0.0, 1.0 },
        { MLP_ACTIVATION_RELU, 0.0, 0.5 },
        { MLP_ACTIVATION_ELU, 0.0, 1.0 },
        { MLP_ACTIVATION_GELU, 0.0, 0.25 },
        { MLP_ACTIVATION_GELU_TANH, 0.0, 0.25 },
        { MLP_ACTIVATION_SILU, 0.0, 0.25 },
        { MLP_ACTIVATION_SOFTSIGN, 0.0, 1.0 },
        { MLP_ACTIVATION_HARD_TANH, 0.0, 1.0 },
        { MLP_ACTIVATION_HARD_SIGMOID, 0.5, 1.0 / 36.0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const mlp_activation_choice choice = choice_of(rows[i].activation);
        mlp_activation_moments moments;
        mlp_mean_field point;
        assert_ok(mlp_activation_moments_at(&choice, 0.0, &moments));
        assert_close(moments.mean, rows[i].mean, 1e-37);
        assert_close(moments.square, rows[i].mean * rows[i].mean, 1e-37);
        assert_true(moments.slope_square == rows[i].slope_square);
        if (rows[i].mean == 0.0 && rows[i].activation != MLP_ACTIVATION_RELU) {
            assert_ok(mlp_mean_field_point(&choice, 0.5 / rows[i].slope_square, 0.0, &point));
            assert_true(point.q == 0.0 && point.chi == 0.5);
        }
    }
}

/* E[φ²], 1/√E[φ²], E[φ′²] at q = 1. */
static void constants_are_the_published_ones(void **state)
{
    static const struct {
        mlp_activation activation;
        double square, gain, slope_square;
    } rows[] = {
        { MLP_ACTIVATION_SIGMOID, .293379, 1.84623, .044836 },
        { MLP_ACTIVATION_TANH, .394294, 1.59254, .464403 },
        { MLP_ACTIVATION_RELU, .5, 1.41421, .5 },
        { MLP_ACTIVATION_LEAKY_RELU, .50005, 1.41414, .50005 },
        { MLP_ACTIVATION_ELU, .644945, 1.24520, .668102 },
        { MLP_ACTIVATION_SELU, 1.0, 1.0, 1.071575 },
        { MLP_ACTIVATION_GELU, .425221, 1.53353, .455851 },
        { MLP_ACTIVATION_SILU, .355776, 1.67653, .379482 },
        { MLP_ACTIVATION_MISH, .452342, 1.48685, .479084 },
        { MLP_ACTIVATION_SOFTSIGN, .183014, 2.33753, .227671 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mlp_activation_choice choice = choice_of(rows[i].activation);
        mlp_activation_moments moments;
        assert_int_equal(mlp_activation_moments_at(&choice, 1.0, &moments), MLP_OK);
        assert_close(moments.square, rows[i].square, 6e-7);
        assert_close(moments.slope_square, rows[i].slope_square, 6e-7);
        choice.parameter = activation_row(rows[i].activation)->default_parameter;
        assert_close(activation_exact_gain(&choice), rows[i].gain, 6e-6);
    }
}

/* Schoenholz et al. 2017 for tanh; He et al. 2015 for ReLU. */
static void critical_points_are_the_published_ones(void **state)
{
    static const struct {
        mlp_activation activation;
        double bias_variance, weight_variance, q, tolerance;
    } rows[] = {
        { MLP_ACTIVATION_TANH, 0.0, 1.0, 0.0, 1e-6 },
        { MLP_ACTIVATION_TANH, 0.01, 1.42421, 0.2733, 1e-4 },
        { MLP_ACTIVATION_TANH, 0.05, 1.76095, 0.57005, 1e-4 },
        { MLP_ACTIVATION_TANH, 0.15096, 2.1533, 1.0, 1e-4 },
        { MLP_ACTIVATION_RELU, 0.0, 2.0, 1.0, 1e-9 },
        { MLP_ACTIVATION_IDENTITY, 0.0, 1.0, 1.0, 1e-9 },
        { MLP_ACTIVATION_GELU, 0.0, 4.0, 0.0, 1e-6 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const mlp_activation_choice choice = choice_of(rows[i].activation);
        mlp_mean_field point;
        assert_int_equal(mlp_mean_field_critical(&choice, rows[i].bias_variance, &point), MLP_OK);
        assert_close(point.weight_variance, rows[i].weight_variance, rows[i].tolerance);
        assert_close(point.q, rows[i].q, rows[i].tolerance);
        assert_close(point.chi, 1.0, 1e-9);
    }
    const mlp_activation_choice sigmoid = choice_of(MLP_ACTIVATION_SIGMOID);
    mlp_mean_field point;
    assert_int_equal(mlp_mean_field_critical(&sigmoid, 0.0, &point), MLP_OK);
    assert_close(point.weight_variance, 103.0, 1.0); /* N(0, 1) in layers of about 100 units */
}

static void growth_without_bound_has_no_critical_point(void **state)
{
    const mlp_activation_choice relu = choice_of(MLP_ACTIVATION_RELU),
                                softplus = choice_of(MLP_ACTIVATION_SOFTPLUS);
    mlp_mean_field point;
    (void)state;
    assert_int_equal(mlp_mean_field_critical(&relu, 0.1, &point), MLP_ERROR_UNSUPPORTED);
    assert_non_null(strstr(mlp_last_error(), "relu"));
    assert_int_equal(mlp_mean_field_critical(&softplus, 0.0, &point), MLP_ERROR_UNSUPPORTED);
}

/* √χ₁ for weights N(0, 1) in layers of n units, σ_w² = n. */
static void backward_factors_of_standard_normal_weights(void **state)
{
    static const struct {
        mlp_activation activation;
        double width, factor;
    } rows[] = {
        { MLP_ACTIVATION_SIGMOID, 10, .555 },   { MLP_ACTIVATION_SIGMOID, 30, .741 },
        { MLP_ACTIVATION_SIGMOID, 64, .892 },   { MLP_ACTIVATION_SIGMOID, 100, .993 },
        { MLP_ACTIVATION_SIGMOID, 128, 1.054 }, { MLP_ACTIVATION_SIGMOID, 256, 1.246 },
        { MLP_ACTIVATION_TANH, 10, 1.394 },     { MLP_ACTIVATION_TANH, 30, 1.775 },
        { MLP_ACTIVATION_TANH, 64, 2.118 },     { MLP_ACTIVATION_TANH, 128, 2.498 },
        { MLP_ACTIVATION_TANH, 256, 2.955 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const mlp_activation_choice choice = choice_of(rows[i].activation);
        mlp_mean_field point;
        assert_int_equal(mlp_mean_field_point(&choice, rows[i].width, 0.0, &point), MLP_OK);
        assert_close(sqrt(point.chi), rows[i].factor, 6e-4);
        assert_close(point.depth, 1.0 / fabs(log(point.chi)), 1e-9 * point.depth);
        /* it rests there: by the reference's average, not by ours */
        const double next = rows[i].width * averages(rows[i].activation, 0.0, point.q).square;
        assert_close(next, point.q, 1e-6 * point.q);
    }
}

static void signals_that_die_or_explode(void **state)
{
    const mlp_activation_choice tanh_choice = choice_of(MLP_ACTIVATION_TANH),
                                relu = choice_of(MLP_ACTIVATION_RELU);
    mlp_mean_field point;
    (void)state;
    assert_int_equal(mlp_mean_field_point(&tanh_choice, 0.25, 0.0, &point), MLP_OK);
    assert_close(point.q, 0.0, 0.0);
    assert_close(point.chi, 0.25, 1e-9); /* σ_w²·φ′(0)² */
    assert_int_equal(mlp_mean_field_point(&relu, 3.0, 0.0, &point), MLP_OK);
    assert_true(isinf(point.q));
    assert_close(point.chi, 1.5, 1e-9);
    assert_int_equal(mlp_mean_field_point(&relu, 2.0, 0.0, &point), MLP_OK);
    assert_close(point.q, 1.0, 0.0);
    assert_true(isinf(point.depth));
    assert_int_equal(mlp_mean_field_point(&relu, 1.0, 0.5, &point), MLP_OK);
    assert_close(point.q, 1.0, 1e-9);           /* q = q/2 + 1/2 */
    for (double q = 1e-3; q < 1e3; q *= 1.07) { /* q = q/2 + q/2 */
        assert_int_equal(mlp_mean_field_point(&relu, 1.0, 0.5 * q, &point), MLP_OK);
        assert_close(point.q / q, 1.0, 1e-9);
    }
    assert_int_equal(mlp_mean_field_point(&relu, 1.0, 1.0, &point), MLP_OK);
    assert_close(point.q, 2.0, 1e-9);
    assert_int_equal(mlp_mean_field_point(&tanh_choice, 0.0, 0.5, &point), MLP_OK);
    assert_close(point.q, 0.5, 0.0);
    assert_close(point.chi, 0.0, 0.0);
}

static void twice(const float *z, float *a, size_t count, void *context)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        a[i] = 2.0f * z[i];
    }
}

static void two(const float *z, float *d, size_t count, void *context)
{
    (void)z;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        d[i] = 2.0f;
    }
}

/* φ = 2z: E[φ²] = 4, so automatic weights have σ² = 1/(4·fan-in). */
static void a_custom_activation_gets_its_gain(void **state)
{
    const mlp_layer layers[] = {
        { .units = 8, .activation = MLP_ACTIVATION_CUSTOM, .custom_activation = { twice, two, NULL } },
        { .units = 2 }
    };
    mlp_activation_choice choice = { MLP_ACTIVATION_CUSTOM, 0.0, layers[0].custom_activation };
    mlp_network *network;
    mlp_init_summary summary;
    mlp_mean_field point;
    (void)state;
    assert_int_equal(mlp_network_create(100, layers, 2, NULL, &network), MLP_OK);
    assert_int_equal(mlp_network_init_summary(network, 0, &summary), MLP_OK);
    assert_close(summary.gain, 0.5, 1e-7);
    assert_close(summary.deviation, 0.05, 1e-8);
    mlp_network_destroy(&network);
    assert_int_equal(mlp_mean_field_critical(&choice, 0.0, &point), MLP_OK);
    assert_close(point.weight_variance, 0.25, 1e-6);
}

/* ELU with another α: 1/√(½ + α²·E[(e^z − 1)²; z < 0]). */
static void a_parameter_counts_for_the_gain(void **state)
{
    const mlp_layer layers[] = {
        { .units = 8, .activation = MLP_ACTIVATION_ELU, .activation_parameter = 0.5 }, { .units = 2 }
    };
    mlp_network *network;
    mlp_init_summary summary;
    (void)state;
    assert_int_equal(mlp_network_create(100, layers, 2, NULL, &network), MLP_OK);
    assert_int_equal(mlp_network_init_summary(network, 0, &summary), MLP_OK);
    assert_close(summary.gain, 1.0 / sqrt(averages(MLP_ACTIVATION_ELU, 0.5, 1.0).square), 1e-7);
    mlp_network_destroy(&network);
}

static void nonsense_is_refused(void **state)
{
    const mlp_activation_choice softmax = choice_of(MLP_ACTIVATION_SOFTMAX),
                                custom = choice_of(MLP_ACTIVATION_CUSTOM),
                                relu = choice_of(MLP_ACTIVATION_RELU);
    mlp_activation_moments moments;
    mlp_mean_field point;
    (void)state;
    assert_int_equal(mlp_activation_moments_at(NULL, 1.0, &moments), MLP_ERROR_ARGUMENT);
    assert_int_equal(mlp_activation_moments_at(&relu, 1.0, NULL), MLP_ERROR_ARGUMENT);
    assert_int_equal(mlp_activation_moments_at(&softmax, 1.0, &moments), MLP_ERROR_ARGUMENT);
    assert_int_equal(mlp_activation_moments_at(&custom, 1.0, &moments), MLP_ERROR_ARGUMENT);
    assert_int_equal(mlp_activation_moments_at(&relu, -1.0, &moments), MLP_ERROR_RANGE);
    assert_int_equal(mlp_mean_field_point(&relu, NAN, 0.0, &point), MLP_ERROR_RANGE);
    assert_non_null(strstr(mlp_last_error(), "weight_variance is nan"));
    assert_int_equal(mlp_mean_field_point(&relu, 1.0, INFINITY, &point), MLP_ERROR_RANGE);
    assert_int_equal(mlp_mean_field_critical(&relu, -0.5, &point), MLP_ERROR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_values_agree_with_the_formulas),
        cmocka_unit_test(kinks_are_where_slopes_jump),
        cmocka_unit_test(averages_agree_with_a_trapezoidal_rule),
        cmocka_unit_test(averages_are_right_at_every_scale),
        cmocka_unit_test(hard_tanh_has_its_closed_form),
        cmocka_unit_test(the_limit_at_0_is_exact),
        cmocka_unit_test(constants_are_the_published_ones),
        cmocka_unit_test(critical_points_are_the_published_ones),
        cmocka_unit_test(growth_without_bound_has_no_critical_point),
        cmocka_unit_test(backward_factors_of_standard_normal_weights),
        cmocka_unit_test(signals_that_die_or_explode),
        cmocka_unit_test(a_custom_activation_gets_its_gain),
        cmocka_unit_test(a_parameter_counts_for_the_gain),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
