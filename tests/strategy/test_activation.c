/* Activations at every vector level, against their formulas in double and central differences. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "strategy/activation.h"
#include "strategy/activation_rows.h"

enum { ROWS = 34, PADDED = 40, COLUMNS = 3, SIZE = PADDED * COLUMNS + 4 };

#define FOR_EACH_LEVEL(level)                                                                                \
    for (enum cpu_level level = CPU_BASELINE; level <= cpu_level_best();                                     \
         level = (enum cpu_level)((int)level + 1))

static const struct activation_row *row_at(enum cpu_level level, int activation)
{
    return activation_row_at(LEVEL_PICK(activation_table, level), (size_t)activation);
}

/* ---- the formulas, in double --------------------------------------------------------------------------- */

static double sigmoid(double z)
{
    return z < 0.0 ? exp(z) / (1.0 + exp(z)) : 1.0 / (1.0 + exp(-z));
}

/* clang-format off */
static double exact_identity(double z, double p) { (void)p; return z; }
static double exact_sigmoid(double z, double p) { (void)p; return sigmoid(z); }
static double exact_tanh(double z, double p) { (void)p; return tanh(z); }
static double exact_relu(double z, double p) { (void)p; return z > 0.0 ? z : 0.0; }
static double exact_leaky(double z, double p) { return z > 0.0 ? z : p * z; }
static double exact_elu(double z, double p) { return z > 0.0 ? z : p * expm1(z); }
static double exact_gelu(double z, double p)
{
    (void)p;
    return z < -40.0 ? 0.0 : z * 0.5 * erfc(-z / sqrt(2.0));
}
static double exact_silu(double z, double p) { (void)p; return z < -800.0 ? 0.0 : z * sigmoid(z); }
static double exact_softplus(double z, double p) { (void)p; return fmax(z, 0.0) + log1p(exp(-fabs(z))); }
static double exact_mish(double z, double p) { return z < -800.0 ? 0.0 : z * tanh(exact_softplus(z, p)); }
static double exact_softsign(double z, double p)
{
    (void)p;
    return isinf(z) ? copysign(1.0, z) : z / (1.0 + fabs(z));
}
static double exact_hard_sigmoid(double z, double p) { (void)p; return fmin(fmax(z / 6.0 + 0.5, 0.0), 1.0); }
static double exact_hard_tanh(double z, double p) { (void)p; return fmin(fmax(z, -1.0), 1.0); }
/* clang-format on */

static double exact_selu(double z, double p)
{
    (void)p;
    return 1.0507009873554804934193 * (z > 0.0 ? z : 1.6732632423543772848170 * expm1(z));
}

/* z/2·(1 + tanh u) = z·sigmoid(2u): the second keeps its digits in the lower tail */
static double exact_gelu_tanh(double z, double p)
{
    (void)p;
    return z < -40.0 ? 0.0 : z * sigmoid(2.0 * 0.79788456080286535588 * (z + 0.044715 * z * z * z));
}

/* What a row is held against. The relative tolerance is a few roundings of 2⁻²⁴, more where an exponent
 * carries the relative error of its argument: 2u of gelu-tanh reaches 100 before the value is under the
 * smallest float. */
static const struct reference {
    double (*value)(double z, double p);
    double parameter;
    double tolerance;
    double kinks[2]; /* where φ′ jumps; equal: one */
    const char *name;
    double absolute; /* added to the tolerance */
} references[MLP_ACTIVATION_SOFTMAX] = {
    [MLP_ACTIVATION_IDENTITY] = { exact_identity, 0.0, 0.0, { 0 }, "identity", 0.0 },
    [MLP_ACTIVATION_SIGMOID] = { exact_sigmoid, 0.0, 5e-7, { 0 }, "sigmoid", 0.0 },
    [MLP_ACTIVATION_TANH] = { exact_tanh, 0.0, 5e-7, { 0 }, "tanh", 0.0 },
    [MLP_ACTIVATION_RELU] = { exact_relu, 0.0, 0.0, { 0 }, "relu", 0.0 },
    [MLP_ACTIVATION_LEAKY_RELU] = { exact_leaky, 0.2, 2e-7, { 0 }, "leaky-relu", 0.0 },
    [MLP_ACTIVATION_ELU] = { exact_elu, 0.7, 5e-7, { 0 }, "elu", 0.0 },
    [MLP_ACTIVATION_SELU] = { exact_selu, 0.0, 5e-7, { 0 }, "selu", 0.0 },
    [MLP_ACTIVATION_GELU] = { exact_gelu, 0.0, 8e-7, { 0 }, "gelu", 0.0 },
    [MLP_ACTIVATION_GELU_TANH] = { exact_gelu_tanh, 0.0, 3e-5, { 0 }, "gelu-tanh", 0.0 },
    [MLP_ACTIVATION_SILU] = { exact_silu, 0.0, 5e-7, { 0 }, "silu", 0.0 },
    [MLP_ACTIVATION_MISH] = { exact_mish, 0.0, 8e-7, { 0 }, "mish", 0.0 },
    [MLP_ACTIVATION_SOFTPLUS] = { exact_softplus, 0.0, 5e-7, { 0 }, "softplus", 0.0 },
    [MLP_ACTIVATION_SOFTSIGN] = { exact_softsign, 0.0, 5e-7, { 0 }, "softsign", 0.0 },
    [MLP_ACTIVATION_HARD_SIGMOID] = { exact_hard_sigmoid, 0.0, 5e-7, { -3, 3 }, "hard-sigmoid", 1e-7 },
    [MLP_ACTIVATION_HARD_TANH] = { exact_hard_tanh, 0.0, 0.0, { -1, 1 }, "hard-tanh", 0.0 },
};

/* ---- one entry ----------------------------------------------------------------------------------------- */

static float value_at(const struct activation_row *row, float z, double parameter)
{
    const float bias = 0.0f;
    float a;
    row->forward(&(struct activation_forward){ .z = &z,
                                               .z_ld = 1,
                                               .a = &a,
                                               .a_ld = 1,
                                               .bias = &bias,
                                               .rows = 1,
                                               .columns = 1,
                                               .parameter = (float)parameter });
    return a;
}

static float slope_at(const struct activation_row *row, float z, double parameter)
{
    const float a = value_at(row, z, parameter);
    float d = 1.0f;
    row->backward(&(struct activation_backward){ .z = &z,
                                                 .z_ld = 1,
                                                 .a = &a,
                                                 .a_ld = 1,
                                                 .d = &d,
                                                 .d_ld = 1,
                                                 .rows = 1,
                                                 .columns = 1,
                                                 .parameter = (float)parameter });
    return d;
}

static void check_value(const struct activation_row *row, const struct reference *reference, float z)
{
    const double expected = reference->value((double)z, (double)(float)reference->parameter);
    const double got = (double)value_at(row, z, reference->parameter);
    /* 1e-37: products with a denormal factor have lost digits */
    const double tolerance = reference->tolerance * fabs(expected) + reference->absolute + 1e-37;
    if (got != (double)(float)expected && !(fabs(got - expected) <= tolerance)) {
        fail_msg("%s(%a) is %.9g, expected %.9g", reference->name, (double)z, got, expected);
    }
}

static bool near_kink(const struct reference *reference, double z)
{
    return fabs(z - reference->kinks[0]) < 1e-2 || fabs(z - reference->kinks[1]) < 1e-2;
}

/* Central differences of the double formula, h = 1e-4: error h²·φ‴/6 < 1e-8 for these functions. */
static void check_slope(const struct activation_row *row, const struct reference *reference, float z)
{
    const double h = 1e-4, p = (double)(float)reference->parameter;
    const double expected =
        (reference->value((double)z + h, p) - reference->value((double)z - h, p)) / (2.0 * h);
    const double got = (double)slope_at(row, z, reference->parameter);
    if (!near_kink(reference, (double)z) && !(fabs(got - expected) <= 2e-6)) {
        fail_msg("slope of %s at %.9g is %.9g, expected %.9g", reference->name, (double)z, got, expected);
    }
}

static void test_values(void **unused)
{
    static const float special[] = { 0.0f,   1e-3f,  1e-10f, FLT_MIN, 1e-42f,  FLT_TRUE_MIN, 88.0f,
                                     104.0f, 150.0f, 1e4f,   1e18f,   FLT_MAX, INFINITY };
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (int i = 0; i < MLP_ACTIVATION_SOFTMAX; i++) {
            for (int step = -4000; step <= 4000; step++) {
                check_value(row_at(level, i), &references[i], (float)step * 0.01f + 0.0037f);
            }
            for (size_t k = 0; k < sizeof special / sizeof special[0]; k++) {
                check_value(row_at(level, i), &references[i], special[k]);
                check_value(row_at(level, i), &references[i], -special[k]);
            }
            assert_true(isnan(value_at(row_at(level, i), NAN, references[i].parameter)));
        }
    }
}

static void test_slopes(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (int i = 0; i < MLP_ACTIVATION_SOFTMAX; i++) {
            const struct activation_row *row = row_at(level, i);
            for (int step = -2000; step <= 2000; step++) {
                check_slope(row, &references[i], (float)step * 0.01f + 0.0037f);
            }
            /* limits: constant or linear far out, and finite all the way */
            const double far = i == MLP_ACTIVATION_SELU ? 1.0507009873554804934 : 1.0;
            const bool grows = references[i].value(50.0, 0.5) > 40.0;
            const double low = i == MLP_ACTIVATION_IDENTITY     ? 1.0
                               : i == MLP_ACTIVATION_LEAKY_RELU ? 0.2
                                                                : 0.0;
            static const float large[] = { 1e4f, 1e19f, FLT_MAX, INFINITY };
            for (size_t k = 0; k < 4; k++) {
                assert_close(slope_at(row, large[k], references[i].parameter), grows ? far : 0.0, 1e-6);
                assert_close(slope_at(row, -large[k], references[i].parameter), low, 1e-6);
            }
        }
    }
}

/* Where φ has a kink the documented one-sided value counts. */
static void test_slopes_at_kinks(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        assert_true(slope_at(row_at(level, MLP_ACTIVATION_RELU), 0.0f, 0.0) == 0.0f);
        assert_true(slope_at(row_at(level, MLP_ACTIVATION_LEAKY_RELU), 0.0f, 0.25) == 0.25f);
        assert_true(slope_at(row_at(level, MLP_ACTIVATION_HARD_TANH), 1.0f, 0.0) == 0.0f);
        assert_true(slope_at(row_at(level, MLP_ACTIVATION_HARD_TANH), -1.0f, 0.0) == 0.0f);
        assert_true(slope_at(row_at(level, MLP_ACTIVATION_HARD_SIGMOID), 3.0f, 0.0) == 0.0f);
        assert_true(slope_at(row_at(level, MLP_ACTIVATION_ELU), 0.0f, 1.0) == 1.0f);
    }
}

/* ---- tiles --------------------------------------------------------------------------------------------- */

struct arrays {
    float z[SIZE], a[SIZE], d[SIZE], bias[SIZE];
};

static void fill_arrays(struct arrays *x)
{
    uint64_t state = 11;
    test_fill(&state, -6.0, 6.0, x->z, SIZE);
    test_fill(&state, -1.0, 1.0, x->a, SIZE);
    test_fill(&state, -2.0, 2.0, x->d, SIZE);
    test_fill(&state, -1.0, 1.0, x->bias, SIZE);
}

/* Forward and backward over a tile that begins `offset` floats into the arrays; a of leading dimension PADDED
 * − 3. */
static void run_tile(const struct activation_row *row, struct arrays *x, size_t offset, size_t rows,
                     size_t columns)
{
    const struct activation_forward forward = { .z = x->z + offset,
                                                .z_ld = PADDED,
                                                .a = x->a + offset,
                                                .a_ld = PADDED - 3,
                                                .bias = x->bias + offset,
                                                .rows = rows,
                                                .columns = columns,
                                                .parameter = 0.3f };
    const struct activation_backward backward = { .z = x->z + offset,
                                                  .z_ld = PADDED,
                                                  .a = x->a + offset,
                                                  .a_ld = PADDED - 3,
                                                  .d = x->d + offset,
                                                  .d_ld = PADDED,
                                                  .rows = rows,
                                                  .columns = columns,
                                                  .parameter = 0.3f };
    row->forward(&forward);
    row->backward(&backward);
}

/* The same, entry by entry and at the baseline. */
static void run_entries(int activation, struct arrays *x, size_t offset, size_t rows, size_t columns)
{
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = offset; i < offset + rows; i++) {
            float *z = &x->z[i + j * PADDED], *a = &x->a[i + j * (PADDED - 3)];
            *z += x->bias[i];
            *a = value_at(row_at(CPU_BASELINE, activation), *z, 0.3);
            x->d[i + j * PADDED] *= slope_at(row_at(CPU_BASELINE, activation), *z, 0.3);
        }
    }
}

/* Tails 0 … 34 from unaligned starts: the same bits at every level however the range is cut, Z holds W·A + b,
 * and what lies outside the tile stays. */
static void test_tiles(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (int i = 0; i < MLP_ACTIVATION_SOFTMAX; i++) {
            for (size_t rows = 0; rows <= ROWS; rows++) {
                struct arrays got, expected;
                fill_arrays(&got);
                fill_arrays(&expected);
                run_tile(row_at(level, i), &got, rows % 4, rows, COLUMNS);
                run_entries(i, &expected, rows % 4, rows, COLUMNS);
                assert_memory_equal(&got, &expected, sizeof got);
            }
        }
    }
}

static void test_values_in_place(void **unused)
{
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (int i = 0; i <= MLP_ACTIVATION_SOFTMAX; i++) {
            struct arrays apart, together;
            fill_arrays(&apart);
            fill_arrays(&together);
            struct activation_forward tile = { .z = apart.z,
                                               .z_ld = ROWS,
                                               .a = apart.a,
                                               .a_ld = ROWS,
                                               .bias = apart.bias,
                                               .rows = ROWS,
                                               .columns = COLUMNS,
                                               .parameter = 0.3f };
            row_at(level, i)->forward(&tile);
            tile.z = together.z;
            tile.a = together.z;
            row_at(level, i)->forward(&tile);
            assert_memory_equal(together.z, apart.a, ROWS * COLUMNS * sizeof(float));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),          cmocka_unit_test(test_slopes),
        cmocka_unit_test(test_slopes_at_kinks), cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_values_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
