/* Initializers: moments of their draws, fans, bounds, orthonormality, refusals. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "strategy/init.h"

static struct init_task task_for(mlp_init init, size_t fan_in, size_t fan_out)
{
    return (struct init_task){ .init = init, .fan_in = fan_in, .fan_out = fan_out, .seed = 17, .layer = 2 };
}

/* Kurtosis of the draw: normal, uniform, normal cut at two deviations. */
static const double kurtosis[] = { 3.0, 1.8, 2.36554 };

/* |mean| < 5σ/√N and |variance/σ² − 1| < 5·√((κ−1)/N), over enough layers' worth of draws for N ≥ 10⁶. */
static void check_moments(struct init_task task, mlp_distribution distribution, double variance)
{
    const size_t size = task.fan_in * task.fan_out, draws = 1000000 / size / (size_t)test_step() + 1;
    const double count = (double)(size * draws), sigma = sqrt(variance);
    const double bound = distribution == MLP_DISTRIBUTION_UNIFORM     ? sqrt(3.0) * sigma
                         : distribution == MLP_DISTRIBUTION_TRUNCATED ? 2.0 / 0.87962566103423978 * sigma
                                                                      : INFINITY;
    float *values = malloc(size * sizeof *values);
    double sum = 0.0, square = 0.0;
    assert_close(init_scale(&task).deviation / sigma, 1.0, 1e-12);
    for (size_t d = 0; d < draws; d++) {
        task.seed = d;
        assert_ok(init_fill(&task, values, task.fan_out, task.fan_in, task.fan_out));
        for (size_t i = 0; i < size; i++) {
            assert_true(fabs(values[i]) <= bound * (1.0 + FLT_EPSILON));
            sum += values[i];
            square += (double)values[i] * values[i];
        }
    }
    assert_true(fabs(sum / count) < 5.0 * sigma / sqrt(count));
    assert_true(fabs(square / count / variance - 1.0) < 5.0 * sqrt((kurtosis[distribution] - 1.0) / count));
    free(values);
}

static void the_variance_scaling_family(void **unused)
{
    static const size_t shapes[][2] = {
        { 300, 40 }, { 40, 300 }, { 500, 1 }, { 1, 500 }
    }; /* fan-in, fan-out */
    (void)unused;
    for (size_t s = 0; s < 4; s++) {
        const double in = (double)shapes[s][0], out = (double)shapes[s][1];
        const double variances[] = { 1.0 / in, 2.0 / (in + out), 2.0 / in };
        for (int row = MLP_INIT_LECUN_NORMAL; row <= MLP_INIT_HE_TRUNCATED; row++) {
            const int family = (row - MLP_INIT_LECUN_NORMAL) / 3,
                      distribution = (row - MLP_INIT_LECUN_NORMAL) % 3;
            check_moments(task_for((mlp_init)row, shapes[s][0], shapes[s][1]), (mlp_distribution)distribution,
                          variances[family]);
        }
    }
}

/* Uniform draws are the middles of 2²⁴ cells of (−√3σ, √3σ): none is an end, and each has its negative.
 * Those near 0 have float's digits to spare for it. */
static void uniform_draws_are_the_middles_of_cells(void **unused)
{
    enum { SIDE = 300 };
    static float values[SIDE * SIDE];
    struct init_task task = task_for(MLP_INIT_VARIANCE_SCALING, SIDE, SIDE);
    size_t looked_at = 0;
    (void)unused;
    task.parameters = (mlp_init_parameters){ .gain = sqrt((double)SIDE),
                                             .fan = MLP_FAN_IN,
                                             .distribution = MLP_DISTRIBUTION_UNIFORM };
    assert_ok(init_fill(&task, values, SIDE, SIDE, SIDE));
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        const double cells = (double)values[i] / (2.0 * sqrt(3.0)) * 0x1p24;
        if (fabs(cells) < 0x1p18) {
            assert_true(fabs(cells - floor(cells) - 0.5) < 0.1);
            looked_at++;
        }
    }
    assert_true(looked_at > SIDE * SIDE / 40);
}

static void fans_gains_and_slopes(void **unused)
{
    const double fans[] = { 60.0, 60.0, 20.0, 40.0, sqrt(60.0 * 20.0) };
    (void)unused;
    for (int fan = 0; fan <= MLP_FAN_GEOMETRIC; fan++) {
        struct init_task task = task_for(MLP_INIT_VARIANCE_SCALING, 60, 20);
        task.parameters = (mlp_init_parameters){ .gain = 1.7,
                                                 .fan = (mlp_fan)fan,
                                                 .distribution = (mlp_distribution)(fan % 3) };
        check_moments(task, task.parameters.distribution, 1.7 * 1.7 / fans[fan]);
    }
    struct init_task he = task_for(MLP_INIT_HE_NORMAL, 50, 30);
    he.activation = (mlp_activation_choice){ MLP_ACTIVATION_LEAKY_RELU, 0.2, { 0 } };
    check_moments(he, MLP_DISTRIBUTION_NORMAL, 2.0 / (1.04 * 50.0));
}

/* Schoenholz et al. 2017: tanh with biases of variance 0.05 is critical at σ_w² = 1.76095; ReLU at 2 without
 * biases. */
static void critical_variances(void **unused)
{
    struct init_task task = task_for(MLP_INIT_CRITICAL, 90, 40);
    (void)unused;
    task.activation.activation = MLP_ACTIVATION_TANH;
    task.parameters.a = sqrt(0.05);
    const double deviation = init_scale(&task).deviation;
    assert_close(deviation * deviation * 90.0, 1.76095, 1e-5);
    check_moments(task, MLP_DISTRIBUTION_NORMAL, deviation * deviation);
    task.activation.activation = MLP_ACTIVATION_RELU;
    float value;
    assert_refused(init_fill(&task, &value, 1, 1, 1), MLP_ERROR_UNSUPPORTED, "critical", "relu", NULL);
    task.parameters.a = 0.0;
    assert_close(init_scale(&task).gain, sqrt(2.0), 1e-9);
    task.parameters.a = -1.0;
    assert_refused(init_check(MLP_INIT_CRITICAL, &task.parameters, false), MLP_ERROR_RANGE, "critical", "-1",
                   NULL);
}

static void sparse_weights(void **unused)
{
    enum { ROWS = 4000, COLUMNS = 40, LEADING = 4001 };
    static float w[LEADING * COLUMNS];
    struct init_task task = task_for(MLP_INIT_SPARSE, COLUMNS, ROWS);
    size_t used[COLUMNS] = { 0 };
    double squares = 0.0;
    (void)unused;
    task.parameters = (mlp_init_parameters){ .a = 0.5, .b = 6.0 };
    assert_ok(init_check(task.init, &task.parameters, false));
    assert_ok(init_fill(&task, w, ROWS, COLUMNS, LEADING));
    for (size_t i = 0; i < ROWS; i++) {
        size_t count = 0;
        for (size_t j = 0; j < COLUMNS; j++) {
            count += w[i + j * LEADING] != 0.0f;
            used[j] += w[i + j * LEADING] != 0.0f;
            squares += (double)w[i + j * LEADING] * (double)w[i + j * LEADING];
        }
        assert_int_equal(count, 6);
    }
    assert_close(squares / (6.0 * ROWS), 0.25, 0.25 * 5.0 * sqrt(2.0 / (6.0 * ROWS)));
    assert_close(init_scale(&task).deviation, 0.5 * sqrt(6.0 / 40.0), 1e-12);
    for (size_t j = 0; j < COLUMNS; j++) { /* binomial: 600 of 4000, within five deviations */
        assert_close((double)used[j] - 600.0, 0.0, 5.0 * sqrt(4000.0 * 0.15 * 0.85));
    }
    task.parameters.b = 0.0; /* 15, but no more than there are */
    task.fan_in = 9;
    assert_ok(init_fill(&task, w, ROWS, 9, LEADING));
    for (size_t i = 0; i < 9 * ROWS; i++) {
        assert_true(w[i % ROWS + i / ROWS * LEADING] != 0.0f);
    }
    task.parameters.b = 2.5;
    assert_refused(init_check(MLP_INIT_SPARSE, &task.parameters, false), MLP_ERROR_RANGE, "sparse", "2.5",
                   NULL);
}

/* Order 4, c = 2^(-1/2): the corner of Sylvester's matrix, written out. */
static void hadamard_weights(void **unused)
{
    static const float corner[] = { 1, 1, 1, 1, 1, -1, 1, -1, 1, 1, -1, -1 };
    struct init_task task = task_for(MLP_INIT_HADAMARD, 3, 4);
    float w[12];
    (void)unused;
    assert_ok(init_fill(&task, w, 4, 3, 4));
    for (size_t i = 0; i < 12; i++) {
        assert_close(w[i], corner[i] * sqrt(0.5), 1e-7);
    }
    task = task_for(MLP_INIT_HADAMARD, 4, 3);
    task.parameters.gain = 2.0;
    assert_ok(init_fill(&task, w, 3, 4, 3));
    for (size_t i = 0; i < 12; i++) {
        assert_close(w[i], i % 3 == i / 3 ? 2.0 : 0.0, 0.0);
    }
}

static void given_deviations_and_bounds(void **unused)
{
    struct init_task task = task_for(MLP_INIT_NORMAL, 100, 100);
    (void)unused;
    check_moments(task, MLP_DISTRIBUTION_NORMAL, 1.0);
    task.parameters.a = 0.05;
    check_moments(task, MLP_DISTRIBUTION_NORMAL, 0.0025);
    task.init = MLP_INIT_TRUNCATED_NORMAL;
    check_moments(task, MLP_DISTRIBUTION_TRUNCATED, 0.0025);
    task.init = MLP_INIT_UNIFORM;
    task.parameters = (mlp_init_parameters){ .a = -0.3, .b = 0.3 };
    check_moments(task, MLP_DISTRIBUTION_UNIFORM, 0.03);
}

static void fixed_patterns(void **unused)
{
    float values[6];
    struct init_task task = task_for(MLP_INIT_IDENTITY, 3, 2);
    (void)unused;
    task.parameters.gain = 2.5;
    assert_ok(init_fill(&task, values, 2, 3, 2));
    assert_memory_equal(values, ((float[]){ 2.5f, 0, 0, 2.5f, 0, 0 }), sizeof values);
    task = task_for(MLP_INIT_CONSTANT, 3, 2);
    task.parameters.a = -0.25;
    assert_ok(init_fill(&task, values, 2, 3, 2));
    for (int i = 0; i < 6; i++) {
        assert_true(values[i] == -0.25f);
    }
    task = task_for(MLP_INIT_ZEROS, 3, 2);
    assert_ok(init_fill(&task, values, 2, 3, 2));
    assert_memory_equal(values, ((float[]){ 0, 0, 0, 0, 0, 0 }), sizeof values);
}

/* max |QᵀQ − I| ≤ 20·n·ε on the short side, times gain². */
static void orthogonal_matrices(void **unused)
{
    static const size_t shapes[][2] = {
        { 64, 64 }, { 100, 30 }, { 30, 100 }, { 1, 50 }, { 50, 1 }
    }; /* rows, columns */
    (void)unused;
    for (size_t s = 0; s < 5; s++) {
        const size_t rows = shapes[s][0], columns = shapes[s][1], ld = rows + 3;
        const size_t narrow = rows < columns ? rows : columns, wide = rows < columns ? columns : rows;
        struct init_task task = task_for(MLP_INIT_ORTHOGONAL, columns, rows);
        float *q = calloc(ld * columns, sizeof *q);
        task.parameters.gain = 1.5;
        assert_ok(init_fill(&task, q, rows, columns, ld));
        for (size_t i = 0; i < narrow; i++) {
            for (size_t j = 0; j < narrow; j++) {
                double dot = 0.0;
                for (size_t k = 0; k < wide; k++) {
                    dot += rows < columns ? (double)q[i + k * ld] * q[j + k * ld]
                                          : (double)q[k + i * ld] * q[k + j * ld];
                }
                assert_close(dot / 2.25, i == j, 20.0 * (double)wide * FLT_EPSILON);
            }
        }
        free(q);
    }
}

/* Haar: a 1×1 is +1 and −1 equally often (within five standard errors of 2000 draws), and a matrix's first
 * entry has mean 0 and mean square 1/n. */
static void orthogonal_draws_are_haar(void **unused)
{
    enum { DRAWS = 2000, N = 4 };
    double signs = 0.0, first = 0.0, square = 0.0;
    (void)unused;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        float one, q[N * N];
        struct init_task task = task_for(MLP_INIT_ORTHOGONAL, 1, 1);
        task.seed = seed;
        assert_ok(init_fill(&task, &one, 1, 1, 1));
        signs += one;
        task.fan_in = task.fan_out = N;
        assert_ok(init_fill(&task, q, N, N, N));
        first += q[0];
        square += (double)q[0] * q[0];
    }
    assert_true(fabs(signs) < 5.0 * sqrt(DRAWS));
    assert_true(fabs(first) < 5.0 * sqrt(DRAWS / (double)N));
    assert_close(square / DRAWS, 1.0 / N, 5.0 * sqrt(2.0 / (N * N * (N + 2.0)) * (N - 1.0) / DRAWS) + 0.02);
}

static mlp_status triangle(float *values, size_t rows, size_t columns, uint64_t seed, size_t layer,
                           void *context)
{
    assert_int_equal(seed, 17);
    assert_int_equal(layer, 2);
    for (size_t i = 0; i < rows * columns; i++) {
        values[i] = (float)i * *(const float *)context;
    }
    return columns == 7 ? MLP_ERROR_UNSUPPORTED : MLP_OK;
}

static void custom_initializers(void **unused)
{
    float step = 0.5f, values[4 * 3] = { 0 };
    struct init_task task = task_for(MLP_INIT_CUSTOM, 3, 2);
    (void)unused;
    task.parameters.custom = triangle;
    task.parameters.context = &step;
    assert_ok(init_fill(&task, values, 2, 3, 4));
    assert_memory_equal(values, ((float[]){ 0, 0.5f, 0, 0, 1, 1.5f, 0, 0, 2, 2.5f, 0, 0 }), sizeof values);
    step = INFINITY;
    assert_refused(init_fill(&task, values, 2, 3, 4), MLP_ERROR_NONFINITE, "layer 2", "custom", NULL);
    float wide[14];
    assert_int_equal(init_fill(&task, wide, 2, 7, 2), MLP_ERROR_UNSUPPORTED);
}

static void refusals(void **unused)
{
    const mlp_init_parameters none = { 0 };
    (void)unused;
    assert_refused(init_check(MLP_INIT_NORMAL, &(mlp_init_parameters){ .a = -1 }, false), MLP_ERROR_RANGE,
                   "normal", "-1", NULL);
    assert_refused(init_check(MLP_INIT_NORMAL, &(mlp_init_parameters){ .a = NAN }, false), MLP_ERROR_RANGE,
                   "a is nan", NULL);
    assert_refused(init_check(MLP_INIT_UNIFORM, &(mlp_init_parameters){ .a = 1, .b = 1 }, false),
                   MLP_ERROR_RANGE, "a < b", NULL);
    assert_refused(init_check(MLP_INIT_HE_NORMAL, &(mlp_init_parameters){ .gain = -2 }, false),
                   MLP_ERROR_RANGE, "gain", NULL);
    assert_refused(init_check(MLP_INIT_ZEROS, &(mlp_init_parameters){ .gain = 2 }, false), MLP_ERROR_ARGUMENT,
                   "zeros", "gain", NULL);
    assert_refused(init_check(MLP_INIT_HE_NORMAL, &none, true), MLP_ERROR_ARGUMENT, "bias", "he-normal",
                   NULL);
    assert_refused(init_check(MLP_INIT_CUSTOM, &none, false), MLP_ERROR_ARGUMENT, "NULL", NULL);
    assert_refused(init_check((mlp_init)99, &none, false), MLP_ERROR_ARGUMENT, "99", NULL);
    struct init_task task = task_for(MLP_INIT_NORMAL, 10, 10);
    float values[100];
    task.parameters.a = 1e39;
    assert_refused(init_fill(&task, values, 10, 10, 10), MLP_ERROR_NONFINITE, "layer 2", NULL);
    for (size_t i = 0; i < mlp_init_count();
         i++) { /* finite or refused, by every row that takes the figure */
        for (int gain = 0; gain <= 1; gain++) {
            const mlp_init_parameters p = { .a = gain ? 0.0 : 1e39,
                                            .b = gain ? 0.0 : 2e39,
                                            .gain = gain * 1e39 };
            bool finite = true;
            task = task_for((mlp_init)i, 10, 10);
            if (init_check((mlp_init)i, &p, false) != MLP_OK) {
                continue;
            }
            task.parameters = p;
            const mlp_status status = init_fill(&task, values, 10, 10, 10);
            for (size_t k = 0; k < 100; k++) {
                finite = finite && isfinite(values[k]);
            }
            assert_true(status == MLP_ERROR_NONFINITE || (status == MLP_OK && finite));
        }
    }
}

/* Whatever an initializer takes: what float cannot hold is refused, and named. */
static void no_initializer_gives_what_is_not_finite(void **unused)
{
    enum { ROWS = 12, COLUMNS = 7 };
    static const double sizes[] = { 1e39, -1e39, 1e300, -1e300, 3.4028235e38, 1e38, 1.0 };
    (void)unused;
    for (size_t i = 0; i < mlp_init_count(); i++) {
        for (size_t s = 0; s < 3 * sizeof sizes / sizeof sizes[0]; s++) {
            const double size = sizes[s / 3];
            struct init_task task = task_for((mlp_init)i, COLUMNS, ROWS);
            mlp_init_parameters *p = &task.parameters;
            float values[ROWS * COLUMNS];
            p->a = s % 3 == 0 ? size : 0.0;
            p->b = s % 3 == 1 ? size : 0.0;
            p->gain = s % 3 == 2 ? size : 0.0;
            if (i == MLP_INIT_CUSTOM || init_check((mlp_init)i, p, false) != MLP_OK) {
                continue;
            }
            const mlp_status status = init_fill(&task, values, ROWS, COLUMNS, ROWS);
            if (status == MLP_OK) {
                for (size_t k = 0; k < ROWS * COLUMNS; k++) {
                    assert_true(isfinite(values[k]));
                }
            }
            if (status != MLP_OK && status != MLP_ERROR_UNSUPPORTED) {
                assert_refused(status, MLP_ERROR_NONFINITE, "layer 2", mlp_init_name((mlp_init)i), NULL);
            }
        }
    }
}

static void names_go_there_and_back(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < mlp_init_count(); i++) {
        mlp_init found;
        assert_ok(mlp_init_from_name(mlp_init_name((mlp_init)i), &found));
        assert_int_equal(found, i);
        assert_non_null(mlp_init_description((mlp_init)i));
    }
    mlp_init found;
    assert_null(mlp_init_name((mlp_init)mlp_init_count()));
    assert_refused(mlp_init_from_name("he", &found), MLP_ERROR_ARGUMENT, "'he'", "he-normal", "orthogonal",
                   NULL);
}

int main(void)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variance_scaling_family),
        cmocka_unit_test(uniform_draws_are_the_middles_of_cells),
        cmocka_unit_test(fans_gains_and_slopes),
        cmocka_unit_test(critical_variances), cmocka_unit_test(sparse_weights),
            cmocka_unit_test(hadamard_weights),
        cmocka_unit_test(given_deviations_and_bounds), cmocka_unit_test(fixed_patterns),
        cmocka_unit_test(orthogonal_matrices),         cmocka_unit_test(orthogonal_draws_are_haar),
        cmocka_unit_test(custom_initializers),         cmocka_unit_test(refusals),
        cmocka_unit_test(no_initializer_gives_what_is_not_finite),
        cmocka_unit_test(names_go_there_and_back),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
