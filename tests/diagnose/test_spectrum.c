/* Singular values of weights and Jacobians. */
#include <math.h>

#include <mlp/mlp.h>

#include "support/support.h"

static mlp_network *make(const mlp_layer *layers, size_t count, size_t inputs)
{
    mlp_network *network;
    assert_ok(mlp_network_create(inputs, layers, count, NULL, &network));
    return network;
}

/* (3 0; 4 5): singular values √45 and √5. */
static void a_matrix_with_known_values(void **unused)
{
    const mlp_layer layers[] = { { .units = 2 } };
    const float w[] = { 3.0f, 4.0f, 0.0f, 5.0f };
    mlp_network *network = make(layers, 1, 2);
    mlp_spectrum s;
    float values[2];
    (void)unused;
    assert_ok(mlp_network_set_weights(network, 0, w));
    assert_ok(mlp_weight_spectrum(network, 0, values, &s));
    assert_close(values[0], sqrt(45.0), 1e-6);
    assert_close(values[1], sqrt(5.0), 1e-6);
    assert_int_equal(s.count, 2);
    assert_close(s.condition, 3.0, 1e-6);
    assert_close(s.stable_rank, 50.0 / 45.0, 1e-6);
    assert_close(s.isometry, 20.0 / 25.0, 1e-6); /* squares 45 and 5: mean 25, deviation 20 */
    mlp_network_destroy(&network);
}

/* Outer products, a zero matrix, equal rows: rounding leaves more than 0 of the smallest value. */
static void singular_matrices_have_no_finite_condition(void **unused)
{
    enum { ROWS = 37, COLUMNS = 53, KINDS = 4 };
    const mlp_layer layers[] = { { .units = ROWS } };
    mlp_network *network = make(layers, 1, COLUMNS);
    uint64_t state = 3;
    float w[ROWS * COLUMNS], u[ROWS], v[COLUMNS];
    (void)unused;
    for (int kind = 0; kind < KINDS; kind++) {
        mlp_spectrum s;
        test_fill(&state, -1.0, 1.0, w, ROWS * COLUMNS);
        test_fill(&state, -1.0, 1.0, u, ROWS);
        test_fill(&state, -1.0, 1.0, v, COLUMNS);
        for (size_t k = 0; k < ROWS * COLUMNS; k++) {
            const size_t i = k % ROWS, j = k / ROWS;
            w[k] = kind == 0 ? u[i] * v[j] : kind == 1 ? 0.0f : kind == 2 && i == 5 ? w[4 + j * ROWS] : w[k];
        }
        assert_ok(mlp_network_set_weights(network, 0, w));
        assert_ok(mlp_weight_spectrum(network, 0, NULL, &s));
        assert_int_equal(isinf(s.condition), kind < 3); /* a random matrix is regular */
        assert_int_equal(isfinite(s.stable_rank), kind != 1);
    }
    mlp_network_destroy(&network);
}

static void orthogonal_weights_are_an_isometry(void **unused)
{
    const mlp_layer layers[] = {
        { .units = 30, .init = MLP_INIT_ORTHOGONAL, .init_parameters = { .gain = 1.5 } }
    };
    mlp_network *network = make(layers, 1, 70);
    mlp_spectrum s;
    float values[30];
    (void)unused;
    assert_ok(mlp_weight_spectrum(network, 0, values, &s));
    for (size_t i = 0; i < 30; i++) {
        assert_close(values[i], 1.5, 1e-5);
    }
    assert_close(s.condition, 1.0, 1e-5);
    assert_close(s.stable_rank, 30.0, 1e-3);
    assert_close(s.isometry, 0.0, 1e-5);
    mlp_network_destroy(&network);
}

/* A linear network's Jacobian is the product of its weights; here of orthogonal ones, so all values are gains
 * multiplied. */
static void a_linear_network(void **unused)
{
    const mlp_init_parameters twice = { .gain = 2.0 };
    const mlp_layer layers[] = {
        { .units = 12, .init = MLP_INIT_ORTHOGONAL, .init_parameters = twice },
        { .units = 12, .init = MLP_INIT_ORTHOGONAL, .init_parameters = twice },
        { .units = 5, .init = MLP_INIT_ORTHOGONAL, .activation = MLP_ACTIVATION_SOFTMAX }
    };
    mlp_network *network = make(layers, 3, 12);
    float x[3 * 12], values[3 * 5];
    const float mean[12] = { 0.0f };
    float scale[12];
    uint64_t state = 1;
    mlp_spectrum s;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, 36);
    assert_ok(mlp_jacobian_spectrum(network, x, 3, values, &s));
    for (size_t i = 0; i < 15; i++) {
        assert_close(values[i], 4.0, 1e-5);
    }
    assert_close(s.isometry, 0.0, 1e-5);
    for (size_t i = 0; i < 12; i++) {
        scale[i] = 0.25f;
    }
    assert_ok(
        mlp_network_set_standardization(network, mean, scale)); /* by what it makes of x: nothing changes */
    assert_ok(mlp_jacobian_spectrum(network, x, 3, values, NULL));
    assert_close(values[7], 4.0, 1e-5);
    mlp_network_destroy(&network);
}

/* One input, one output: |∂z/∂x| against a difference of outputs. */
static void a_slope_against_a_difference(void **unused)
{
    const mlp_layer layers[] = { { .units = 9,
                                   .activation = MLP_ACTIVATION_TANH,
                                   .init = MLP_INIT_NORMAL,
                                   .bias_init = MLP_INIT_NORMAL },
                                 { .units = 1, .init = MLP_INIT_NORMAL } };
    mlp_network *network = make(layers, 2, 1);
    mlp_workspace *workspace;
    const float x = 0.3f, around[] = { 0.3f - 1e-2f, 0.3f + 1e-2f };
    float y[2], value;
    (void)unused;
    assert_ok(mlp_workspace_create(network, 2, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, around, 2, y));
    assert_ok(mlp_jacobian_spectrum(network, &x, 1, &value, NULL));
    assert_close(value, fabs((double)(y[1] - y[0])) / 2e-2, 1e-3);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* Of a 2 × 2 matrix (a b; c d), the larger first: σ² = (F ± √(F² − 4·det²))/2, F the sum of all squares. */
static void singular_values_of_two(double a, double b, double c, double d, double *values)
{
    const double squares = a * a + b * b + c * c + d * d, determinant = a * d - b * c;
    const double root = sqrt(squares * squares - 4.0 * determinant * determinant);
    values[0] = sqrt(0.5 * (squares + root));
    values[1] = fabs(determinant) / values[0];
}

/* W₂·diag(1 − tanh²)·W₁ for each of three samples, by hand; figures over all of them. */
static void jacobians_of_several_samples(void **unused)
{
    enum { SAMPLES = 3 };
    const mlp_layer layers[] = { { .units = 2, .activation = MLP_ACTIVATION_TANH }, { .units = 2 } };
    const float w1[] = { 0.9f, -0.4f, 0.3f, 1.2f }, w2[] = { 1.5f, 0.2f, -0.7f, 0.8f };
    const float mean[] = { 0.1f, -0.2f }, scale[] = { 2.0f, 0.5f };
    const float x[] = { 0.3f, -0.6f, 1.0f, 0.8f, -0.2f, 0.1f };
    mlp_network *network = make(layers, 2, 2);
    float values[2 * SAMPLES];
    double expected[2 * SAMPLES], squares = 0.0, fourths = 0.0, ranks = 0.0, smallest = INFINITY,
                                  largest = 0.0;
    mlp_spectrum s;
    (void)unused;
    assert_ok(mlp_network_set_weights(network, 0, w1));
    assert_ok(mlp_network_set_weights(network, 1, w2));
    assert_ok(mlp_network_set_standardization(network, mean, scale));
    assert_ok(mlp_jacobian_spectrum(network, x, SAMPLES, values, &s));
    for (size_t k = 0; k < SAMPLES; k++) {
        const double u = (x[2 * k] - mean[0]) / scale[0], v = (x[2 * k + 1] - mean[1]) / scale[1];
        double j[4], *sigma = expected + 2 * k; /* column-major */
        for (size_t i = 0; i < 4; i++) {
            const size_t row = i % 2, column = i / 2;
            j[i] = 0.0;
            for (size_t h = 0; h < 2; h++) {
                const double slope = 1.0 - pow(tanh(w1[h] * u + w1[h + 2] * v), 2.0);
                j[i] += w2[row + 2 * h] * slope * w1[h + 2 * column];
            }
        }
        singular_values_of_two(j[0], j[2], j[1], j[3], sigma);
        for (size_t i = 0; i < 2; i++) {
            assert_close(values[2 * k + i], sigma[i], 1e-5);
            squares += pow(sigma[i], 2.0) / (2 * SAMPLES);
            fourths += pow(sigma[i], 4.0) / (2 * SAMPLES);
        }
        ranks += (1.0 + pow(sigma[1] / sigma[0], 2.0)) / SAMPLES;
        smallest = fmin(smallest, sigma[1]);
        largest = fmax(largest, sigma[0]);
    }
    assert_int_equal(s.count, 2);
    assert_close(s.smallest, smallest, 1e-5);
    assert_close(s.largest, largest, 1e-5);
    assert_close(s.condition, largest / smallest, 1e-4);
    assert_close(s.stable_rank, ranks, 1e-5);
    assert_close(s.isometry, sqrt(fourths - squares * squares) / squares, 1e-4);
    mlp_network_destroy(&network);
}

static void what_is_not_finite_is_refused(void **unused)
{
    const mlp_layer layers[] = { { .units = 3 } };
    mlp_network *network = make(layers, 1, 3);
    mlp_const_matrix w;
    mlp_spectrum s;
    const float x[3] = { 0.0f };
    (void)unused;
    assert_refused(mlp_weight_spectrum(network, 1, NULL, &s), MLP_ERROR_RANGE, "layer is 1", NULL);
    assert_refused(mlp_jacobian_spectrum(network, x, 0, NULL, &s), MLP_ERROR_RANGE, "count", NULL);
    assert_refused(mlp_jacobian_spectrum(network, NULL, 1, NULL, &s), MLP_ERROR_ARGUMENT, "x", NULL);
    assert_ok(mlp_network_weights(network, 0, &w));
    ((float *)w.data)[1] = NAN;
    assert_refused(mlp_weight_spectrum(network, 0, NULL, &s), MLP_ERROR_NONFINITE, "nan", NULL);
    assert_refused(mlp_jacobian_spectrum(network, x, 1, NULL, &s), MLP_ERROR_NONFINITE, "nan", NULL);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_matrix_with_known_values),
        cmocka_unit_test(singular_matrices_have_no_finite_condition),
        cmocka_unit_test(orthogonal_weights_are_an_isometry),
        cmocka_unit_test(a_linear_network),
        cmocka_unit_test(a_slope_against_a_difference),
        cmocka_unit_test(jacobians_of_several_samples),
        cmocka_unit_test(what_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
