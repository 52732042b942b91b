/* Elementary functions in float against the C library's in double, over the whole range of float. */
#include "support/support.h"

#include <float.h>
#include <math.h>

#include "base/vector_math.h"

/* Every 1009th of the 2³² bit patterns: 4 million values, each exponent and both signs among them. */
enum { STRIDE = 1009 };

/* Distance in units in the last place of the exact value; at least the spacing of denormal numbers. */
static double ulps(float value, double exact)
{
    int exponent;
    if (isnan(value) || isnan(exact)) {
        return isnan(value) && isnan(exact) ? 0.0 : INFINITY;
    }
    if (isinf(value) || isinf((float)exact)) {
        return value == (float)exact ? 0.0 : INFINITY;
    }
    frexp(exact, &exponent);
    exponent = exact == 0.0 || exponent < FLT_MIN_EXP ? FLT_MIN_EXP : exponent;
    return fabs((double)value - exact) / ldexp(1.0, exponent - FLT_MANT_DIG);
}

static void sweep(const char *name, float (*function)(float), double (*exact)(double), double low,
                  double high, double bound)
{
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE * (uint64_t)test_step()) {
        const float x = float_of_bits((int32_t)(uint32_t)bits);
        const double distance =
            x >= (float)low && x <= (float)high ? ulps(function(x), exact((double)x)) : 0.0;
        if (!(distance <= bound)) {
            fail_msg("%s(%a) is %a, expected %a: %.2f ulp, bound %.2f", name, (double)x, (double)function(x),
                     exact((double)x), distance, bound);
        }
    }
    if (!isnan(function(NAN)) || !isnan(function(-NAN)) || !isnan(function(float_of_bits(0x7F800001)))) {
        fail_msg("%s(NaN) is not NaN", name);
    }
}

static double exact_sigmoid(double x)
{
    return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x));
}

static double exact_softplus(double x)
{
    return fmax(x, 0.0) + log1p(exp(-fabs(x)));
}

static double exact_normal_cdf(double z)
{
    return 0.5 * erfc(-z * 0.70710678118654752440);
}

static double exact_normal_density(double z)
{
    return exp(-0.5 * z * z) * 0.39894228040143267794;
}

/* The bounds are those that the header states. */
static void test_accuracy(void **unused)
{
    (void)unused;
    const double all = INFINITY;
    sweep("exp", vector_exp, exp, -all, all, 1.0);
    sweep("flushed exp", vector_exp_flushed, exp, -87.0, 0.0, 1.0);
    sweep("expm1", vector_expm1_negative, expm1, -all, 0.0, 1.0);
    sweep("log1p", vector_log1p, log1p, 0.0, 1.0, 1.0);
    sweep("sigmoid", vector_sigmoid, exact_sigmoid, -all, all, 2.5);
    sweep("softplus", vector_softplus, exact_softplus, -all, all, 2.0);
    sweep("tanh", vector_tanh, tanh, -all, all, 2.5);
    sweep("normal cdf", vector_normal_cdf, exact_normal_cdf, -all, all, 6.0);
    sweep("normal density", vector_normal_density, exact_normal_density, -15.0, 15.0, 3.0);
}

/* Where most arguments lie, densely: 2 million steps of 2⁻¹⁶ over ±16. */
static void test_accuracy_in_the_middle(void **unused)
{
    (void)unused;
    for (int i = -1048576; i <= 1048576; i += 3 * test_step()) {
        const float x = (float)i * 0x1p-16f;
        assert_true(ulps(vector_exp(x), exp((double)x)) <= 1.0);
        assert_true(ulps(vector_tanh(x), tanh((double)x)) <= 2.5);
        assert_true(ulps(vector_sigmoid(x), exact_sigmoid((double)x)) <= 2.5);
        assert_true(ulps(vector_normal_cdf(x), exact_normal_cdf((double)x)) <= 6.0);
    }
}

static void test_special_values(void **unused)
{
    (void)unused;
    assert_true(vector_exp(INFINITY) == INFINITY && vector_exp(-INFINITY) == 0.0f &&
                vector_exp(-0.0f) == 1.0f);
    assert_true(vector_exp(88.72283f) == (float)exp((double)88.72283f) && vector_exp(88.7229f) == INFINITY);
    assert_true(vector_exp(-103.9f) == FLT_TRUE_MIN && vector_exp(-104.1f) == 0.0f);
    for (float x = -87.0f; x > -110.0f; x -= 0x1p-10f) { /* at most 2⁻¹²⁶ below */
        assert_true(fabs((double)vector_exp_flushed(x) - exp((double)x)) <= 0x1p-126);
        assert_true(x > -88.0f || vector_exp_flushed(x) == 0.0f);
    }
    assert_true(vector_exp_flushed(-INFINITY) == 0.0f && vector_exp_flushed(-0.0f) == 1.0f);
    assert_true(isnan(vector_exp_flushed(NAN)));
    assert_true(vector_expm1_negative(-INFINITY) == -1.0f && vector_expm1_negative(0.0f) == 0.0f);
    assert_true(vector_log1p(0.0f) == 0.0f);
    assert_true(vector_sigmoid(INFINITY) == 1.0f && vector_sigmoid(-INFINITY) == 0.0f &&
                vector_sigmoid(0.0f) == 0.5f);
    assert_true(vector_softplus(INFINITY) == INFINITY && vector_softplus(-INFINITY) == 0.0f);
    assert_true(vector_tanh(INFINITY) == 1.0f && vector_tanh(-INFINITY) == -1.0f);
    assert_true(vector_tanh(-0.0f) == 0.0f && signbit(vector_tanh(-0.0f)) && !signbit(vector_tanh(0.0f)));
    assert_true(vector_tanh(FLT_TRUE_MIN) == FLT_TRUE_MIN && vector_tanh(-FLT_MIN) == -FLT_MIN);
    assert_true(vector_normal_cdf(INFINITY) == 1.0f && vector_normal_cdf(-INFINITY) == 0.0f);
}

/* tanh is odd; sigmoid(x) + sigmoid(−x) is 1 up to two roundings. */
static void test_symmetries(void **unused)
{
    (void)unused;
    uint64_t state = 3;
    for (int i = 0; i < 10000; i++) {
        const float x = (float)test_uniform(&state, -30.0, 30.0);
        assert_true(vector_tanh(-x) == -vector_tanh(x));
        assert_true(fabsf(vector_sigmoid(x) + vector_sigmoid(-x) - 1.0f) <= 0x1p-22f);
        assert_true(vector_tanh(x) >= -1.0f && vector_tanh(x) <= 1.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_accuracy_in_the_middle),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_symmetries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
