/* The table of activations: names, checks, gains; and the rows that are not entry by entry. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "strategy/activation.h"
#include "theory/mean_field.h"
#include "strategy/activation_rows.h"

#define FOR_EACH_LEVEL(level)                                                                                \
    for (enum cpu_level level = CPU_BASELINE; level <= cpu_level_best();                                     \
         level = (enum cpu_level)((int)level + 1))

static const struct activation_row *row_at(enum cpu_level level, int activation)
{
    return activation_row_at(LEVEL_PICK(activation_table, level), (size_t)activation);
}

static const mlp_activation_callbacks no_callbacks = { 0 };

/* φ(z) = z², counting what it is called for. */
struct calls {
    size_t entries;
    size_t largest;
};

static void square(const float *z, float *a, size_t count, void *context)
{
    struct calls *calls = context;
    calls->entries += count;
    for (size_t i = 0; i < count; i++) {
        a[i] = z[i] * z[i];
    }
}

static void square_slope(const float *z, float *d, size_t count, void *context)
{
    struct calls *calls = context;
    calls->entries += count;
    calls->largest = count > calls->largest ? count : calls->largest;
    for (size_t i = 0; i < count; i++) {
        d[i] = 2.0f * z[i];
    }
}

/* ---- names and rows ------------------------------------------------------------------------------------ */

static void test_names(void **unused)
{
    static const char *const names[] = { "identity", "sigmoid",  "tanh",     "relu",         "leaky-relu",
                                         "elu",      "selu",     "gelu",     "gelu-tanh",    "silu",
                                         "mish",     "softplus", "softsign", "hard-sigmoid", "hard-tanh",
                                         "softmax",  "custom" };
    (void)unused;
    const int published = (int)(sizeof names / sizeof names[0]); /* files hold these: they stay */
    assert_true((int)mlp_activation_count() >= published);
    for (int i = 0; i < (int)mlp_activation_count(); i++) {
        mlp_activation found = (mlp_activation)-1;
        assert_true(i >= published || strcmp(mlp_activation_name((mlp_activation)i), names[i]) == 0);
        assert_true(strlen(mlp_activation_description((mlp_activation)i)) > 0);
        assert_ok(mlp_activation_from_name(mlp_activation_name((mlp_activation)i), &found));
        assert_int_equal(found, i);
    }
    mlp_activation untouched = MLP_ACTIVATION_TANH;
    assert_null(mlp_activation_name((mlp_activation)-1));
    assert_null(mlp_activation_name((mlp_activation)mlp_activation_count()));
    assert_null(mlp_activation_description((mlp_activation)mlp_activation_count()));
    assert_refused(mlp_activation_from_name("swich", &untouched), MLP_ERROR_ARGUMENT, "swich", "silu",
                   "custom", NULL);
    assert_refused(mlp_activation_from_name(NULL, &untouched), MLP_ERROR_ARGUMENT, "activation", "NULL",
                   NULL);
    assert_refused(mlp_activation_from_name("tanh", NULL), MLP_ERROR_ARGUMENT, "activation", "NULL", NULL);
    assert_int_equal(untouched, MLP_ACTIVATION_TANH);
}

static void test_rows_of_all_levels_agree(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)mlp_activation_count(); i++) {
        assert_ptr_equal(activation_row((mlp_activation)i), row_at(cpu_level(), i));
        FOR_EACH_LEVEL(level)
        {
            const struct activation_row *row = row_at(level, i);
            assert_string_equal(row->name.name, row_at(CPU_BASELINE, i)->name.name);
            assert_non_null(row->forward);
            assert_non_null(row->backward);
            assert_true(row->whole_column == (i == MLP_ACTIVATION_SOFTMAX));
            assert_true(row->exact_gain == row_at(CPU_BASELINE, i)->exact_gain);
        }
    }
}

/* ---- checks -------------------------------------------------------------------------------------------- */

static mlp_status check(mlp_activation activation, double given, double *parameter)
{
    return activation_check(activation, given, &no_callbacks, true, parameter);
}

static void test_parameters(void **unused)
{
    double parameter = -1.0;
    (void)unused;
    assert_ok(check(MLP_ACTIVATION_LEAKY_RELU, 0.0, &parameter));
    assert_true(parameter == 0.01);
    assert_ok(check(MLP_ACTIVATION_LEAKY_RELU, 0.2, &parameter));
    assert_true(parameter == 0.2);
    assert_ok(check(MLP_ACTIVATION_ELU, 0.0, &parameter));
    assert_true(parameter == 1.0);
    assert_ok(check(MLP_ACTIVATION_RELU, 0.0, &parameter));
    assert_true(parameter == 0.0);
    assert_refused(check(MLP_ACTIVATION_RELU, 0.1, &parameter), MLP_ERROR_ARGUMENT, "activation_parameter",
                   "0.1", "relu", NULL);
    assert_refused(check(MLP_ACTIVATION_RELU, NAN, &parameter), MLP_ERROR_ARGUMENT, "activation_parameter",
                   NULL);
    static const double outside[] = { -0.1, 1.5, NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 5; i++) {
        assert_refused(check(MLP_ACTIVATION_LEAKY_RELU, outside[i], &parameter), MLP_ERROR_RANGE,
                       "activation_parameter", "0 to 1", "leaky-relu", NULL);
    }
}

static void test_refused_activations(void **unused)
{
    double parameter;
    const mlp_activation_callbacks no_slope = { .value = square };
    (void)unused;
    assert_refused(check((mlp_activation)99, 0.0, &parameter), MLP_ERROR_ARGUMENT, "activation", "99", NULL);
    assert_refused(check((mlp_activation)-1, 0.0, &parameter), MLP_ERROR_ARGUMENT, "activation", "-1", NULL);
    assert_ok(check(MLP_ACTIVATION_SOFTMAX, 0.0, &parameter));
    assert_refused(activation_check(MLP_ACTIVATION_SOFTMAX, 0.0, &no_callbacks, false, &parameter),
                   MLP_ERROR_ARGUMENT, "softmax", "output", "relu", NULL);
    assert_refused(check(MLP_ACTIVATION_CUSTOM, 0.0, &parameter), MLP_ERROR_ARGUMENT,
                   "custom_activation.value", NULL);
    assert_refused(activation_check(MLP_ACTIVATION_CUSTOM, 0.0, &no_slope, false, &parameter),
                   MLP_ERROR_ARGUMENT, "custom_activation.derivative", NULL);
}

/* ---- gains --------------------------------------------------------------------------------------------- */

static double formula(int activation, double z)
{
    const double softplus = fmax(z, 0.0) + log1p(exp(-fabs(z)));
    switch (activation) {
    case MLP_ACTIVATION_ELU: return z > 0.0 ? z : expm1(z);
    case MLP_ACTIVATION_GELU: return z * 0.5 * erfc(-z / sqrt(2.0));
    case MLP_ACTIVATION_GELU_TANH:
        return z / 2.0 * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (z + 0.044715 * z * z * z)));
    case MLP_ACTIVATION_SILU: return z / (1.0 + exp(-z));
    case MLP_ACTIVATION_MISH: return z * tanh(softplus);
    case MLP_ACTIVATION_SOFTPLUS: return softplus;
    case MLP_ACTIVATION_HARD_SIGMOID: return fmin(fmax(z / 6.0 + 0.5, 0.0), 1.0);
    case MLP_ACTIVATION_HARD_TANH: return fmin(fmax(z, -1.0), 1.0);
    default: return NAN;
    }
}

/* 1/√E[φ(z)²] over z ~ N(0, 1), by the trapezoidal rule on ±12: error below 1e-7 with a kink, far less
 * without. */
static double gain_by_quadrature(int activation)
{
    const double step = 1e-3;
    double sum = 0.0;
    for (int i = -12000; i <= 12000; i++) {
        const double z = (double)i * step, value = formula(activation, z);
        sum += value * value * exp(-0.5 * z * z);
    }
    return 1.0 / sqrt(sum * step / sqrt(2.0 * acos(-1.0)));
}

static void test_automatic_initializers(void **unused)
{
    static const mlp_init own_rule[] = {
        [MLP_ACTIVATION_IDENTITY] = MLP_INIT_XAVIER_NORMAL, [MLP_ACTIVATION_SIGMOID] = MLP_INIT_XAVIER_NORMAL,
        [MLP_ACTIVATION_TANH] = MLP_INIT_XAVIER_NORMAL,     [MLP_ACTIVATION_RELU] = MLP_INIT_HE_NORMAL,
        [MLP_ACTIVATION_LEAKY_RELU] = MLP_INIT_HE_NORMAL,   [MLP_ACTIVATION_SELU] = MLP_INIT_LECUN_NORMAL,
        [MLP_ACTIVATION_SOFTSIGN] = MLP_INIT_XAVIER_NORMAL, [MLP_ACTIVATION_SOFTMAX] = MLP_INIT_XAVIER_NORMAL,
    };
    (void)unused;
    for (int i = 0; i < (int)mlp_activation_count(); i++) {
        const struct activation_row *row = activation_row((mlp_activation)i);
        const bool listed =
            i < (int)(sizeof own_rule / sizeof own_rule[0]) && own_rule[i] != MLP_INIT_AUTOMATIC;
        assert_true(!listed || row->automatic_init == own_rule[i]);
        assert_int_equal(row->exact_gain, row->automatic_init == MLP_INIT_VARIANCE_SCALING);
        if (row->exact_gain && i != MLP_ACTIVATION_CUSTOM) {
            const mlp_activation_choice choice = { (mlp_activation)i, row->default_parameter, { 0 } };
            assert_close(activation_exact_gain(&choice), gain_by_quadrature(i), 1e-6);
        }
    }
}

/* ---- softmax ------------------------------------------------------------------------------------------- */

enum { UNITS = 33, COLUMNS = 3, LEADING = 37 };

static void softmax(const struct activation_row *row, float *z, float *a, size_t units)
{
    row->forward(&(struct activation_forward){
        .z = z, .z_ld = LEADING, .a = a, .a_ld = LEADING, .rows = units, .columns = COLUMNS });
}

static void exact_softmax(const float *z, size_t units, double *a)
{
    double largest = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        largest = fmax(largest, (double)z[i]);
    }
    for (size_t i = 0; i < units; i++) {
        sum += exp((double)z[i] - largest);
    }
    for (size_t i = 0; i < units; i++) {
        a[i] = exp((double)z[i] - largest) / sum;
    }
}

/* Sums of 1e4 and more shift away: only differences count. */
static void test_softmax(void **unused)
{
    static const double spreads[] = { 1.0, 30.0, 1e4, 1e30 };
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t units = 1; units <= UNITS; units++) {
            for (size_t k = 0; k < 4; k++) {
                float z[LEADING * COLUMNS], a[LEADING * COLUMNS];
                double expected[UNITS];
                uint64_t state = units * 10 + k;
                test_fill(&state, -spreads[k], spreads[k], z, LEADING * COLUMNS);
                softmax(row_at(level, MLP_ACTIVATION_SOFTMAX), z, a, units);
                for (size_t j = 0; j < COLUMNS; j++) {
                    double sum = 0.0;
                    exact_softmax(z + j * LEADING, units, expected);
                    for (size_t i = 0; i < units; i++) {
                        assert_close(a[i + j * LEADING], expected[i], 5e-7); /* a few roundings of 2⁻²⁴ */
                        sum += (double)a[i + j * LEADING];
                    }
                    assert_close(sum, 1.0, 2e-6);
                }
            }
        }
    }
}

static void test_softmax_not_finite(void **unused)
{
    static const float bad[] = { NAN, INFINITY };
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t at = 0; at < UNITS; at++) {
            for (size_t k = 0; k < 2; k++) {
                float z[LEADING * COLUMNS] = { 0.0f }, a[LEADING * COLUMNS] = { 0.0f };
                z[at] = bad[k];
                softmax(row_at(level, MLP_ACTIVATION_SOFTMAX), z, a, UNITS);
                assert_true(isnan(a[at]));
                assert_close(a[LEADING], 1.0 / UNITS, 1e-7); /* the next sample is well */
            }
        }
        float z[LEADING * COLUMNS] = { -INFINITY, 0.0f, 0.0f }, a[LEADING * COLUMNS];
        softmax(row_at(level, MLP_ACTIVATION_SOFTMAX), z, a, 3);
        assert_true(a[0] == 0.0f && a[1] == 0.5f && a[2] == 0.5f);
    }
}

/* dZ_i = Σ_k dA_k·∂a_k/∂z_i, the Jacobian by central differences of the double formula (error h²/6 < 1e-10).
 */
static void test_softmax_backward(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t units = 1; units <= UNITS; units += 4) {
            float z[LEADING * COLUMNS], a[LEADING * COLUMNS], d[LEADING * COLUMNS], given[LEADING * COLUMNS];
            uint64_t state = units;
            test_fill(&state, -2.0, 2.0, z, LEADING * COLUMNS);
            test_fill(&state, -1.0, 1.0, given, LEADING * COLUMNS);
            memcpy(d, given, sizeof d);
            softmax(row_at(level, MLP_ACTIVATION_SOFTMAX), z, a, units);
            row_at(level, MLP_ACTIVATION_SOFTMAX)
                ->backward(&(struct activation_backward){ .z = z,
                                                          .z_ld = LEADING,
                                                          .a = a,
                                                          .a_ld = LEADING,
                                                          .d = d,
                                                          .d_ld = LEADING,
                                                          .rows = units,
                                                          .columns = COLUMNS });
            for (size_t i = 0; i < units; i++) {
                double plus[UNITS], minus[UNITS], expected = 0.0;
                float moved[UNITS];
                memcpy(moved, z, sizeof moved);
                moved[i] = z[i] + 1e-3f;
                exact_softmax(moved, units, plus);
                const double above = (double)moved[i];
                moved[i] = z[i] - 1e-3f;
                exact_softmax(moved, units, minus);
                for (size_t k = 0; k < units; k++) {
                    expected += (double)given[k] * (plus[k] - minus[k]) / (above - (double)moved[i]);
                }
                assert_close(d[i], expected, 1e-6);
            }
        }
    }
}

/* ---- custom -------------------------------------------------------------------------------------------- */

/* More rows than one chunk of the backward buffer holds. */
static void test_custom(void **unused)
{
    enum { TALL = 601, PADDED = 605 };
    static float z[PADDED * 2], a[PADDED * 2], d[PADDED * 2], bias[TALL], raw[PADDED * 2], given[PADDED * 2];
    uint64_t state = 9;
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        struct calls forward_calls = { 0 }, backward_calls = { 0 };
        const mlp_activation_callbacks forward = { square, square_slope, &forward_calls };
        const mlp_activation_callbacks backward = { square, square_slope, &backward_calls };
        test_fill(&state, -1.0, 1.0, raw, PADDED * 2);
        test_fill(&state, -1.0, 1.0, given, PADDED * 2);
        test_fill(&state, -1.0, 1.0, bias, TALL);
        memcpy(z, raw, sizeof z);
        memcpy(d, given, sizeof d);
        row_at(level, MLP_ACTIVATION_CUSTOM)
            ->forward(&(struct activation_forward){ .z = z,
                                                    .z_ld = PADDED,
                                                    .a = a,
                                                    .a_ld = PADDED,
                                                    .bias = bias,
                                                    .rows = TALL,
                                                    .columns = 2,
                                                    .custom = &forward });
        row_at(level, MLP_ACTIVATION_CUSTOM)
            ->backward(&(struct activation_backward){ .z = z,
                                                      .z_ld = PADDED,
                                                      .a = a,
                                                      .a_ld = PADDED,
                                                      .d = d,
                                                      .d_ld = PADDED,
                                                      .rows = TALL,
                                                      .columns = 2,
                                                      .custom = &backward });
        assert_int_equal(forward_calls.entries, TALL * 2);
        assert_int_equal(backward_calls.entries, TALL * 2);
        for (size_t j = 0; j < 2; j++) {
            for (size_t i = 0; i < TALL; i++) {
                const size_t at = i + j * PADDED;
                const float sum = raw[at] + bias[i];
                assert_true(z[at] == sum && a[at] == sum * sum && d[at] == given[at] * (2.0f * sum));
            }
            assert_true(z[TALL + j * PADDED] == raw[TALL + j * PADDED]);
            assert_true(d[TALL + j * PADDED] == given[TALL + j * PADDED]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_rows_of_all_levels_agree),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_refused_activations),
        cmocka_unit_test(test_automatic_initializers),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_softmax_not_finite),
        cmocka_unit_test(test_softmax_backward),
        cmocka_unit_test(test_custom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
