/* Every figure of mlp_signal against plain loops over a naive network in double, and the prediction against
 * integrals by the trapezoid rule. */
#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/reference.h"
#include "support/support.h"

enum { COUNT = 40, INPUTS = 7, LAYERS = 4, MOST = 16 };

static const mlp_activation hidden[] = { MLP_ACTIVATION_RELU, MLP_ACTIVATION_TANH, MLP_ACTIVATION_SIGMOID,
                                         MLP_ACTIVATION_SOFTPLUS };

struct fixture {
    float x[COUNT * INPUTS];
    int32_t classes[COUNT];
    mlp_targets targets;
    mlp_network *network;
    mlp_diagnosis *diagnosis;
    struct reference naive;
};

/* Hidden layers of 13, 9 and 11 units, with biases, then a softmax of 5. Weights are large and half the
 * biases far off, so that units are flat for some samples, for all, for none; of a sample of zeros ReLU's
 * first layer makes zeros. */
static void make(struct fixture *f, mlp_activation activation)
{
    static const size_t units[LAYERS] = { 13, 9, 11, 5 };
    const struct reference_loss loss = { .loss = MLP_LOSS_CROSS_ENTROPY };
    mlp_layer layers[LAYERS] = { { 0 } };
    uint64_t state = 17;
    for (size_t l = 0; l < LAYERS; l++) {
        layers[l] = (mlp_layer){ .units = units[l], .activation = activation, .init = MLP_INIT_NORMAL };
        layers[l].init_parameters.a = l == 1 ? 0.4 : 1.1;
    }
    layers[LAYERS - 1].activation = MLP_ACTIVATION_SOFTMAX;
    test_fill(&state, -1.5, 1.5, f->x, COUNT * INPUTS);
    memset(f->x + 3 * INPUTS, 0, INPUTS * sizeof(float));
    for (size_t i = 0; i < COUNT; i++) {
        f->classes[i] = (int32_t)(i % 5);
    }
    f->targets = (mlp_targets){ .classes = f->classes };
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &f->network));
    for (size_t l = 0; l < LAYERS; l++) {
        float bias[MOST];
        for (size_t i = 0; i < units[l]; i++) {
            bias[i] = l == 0 ? -0.01f
                             : (float)(i % 2 == 0 ? test_uniform(&state, -0.5, 0.5)
                                                  : test_uniform(&state, -9.0, 4.0));
        }
        assert_ok(mlp_network_set_bias(f->network, l, bias));
    }
    assert_ok(mlp_diagnose(f->network, f->x, &f->targets, COUNT, NULL, &f->diagnosis));
    reference_make(&f->naive, f->network, COUNT);
    reference_forward(&f->naive, f->x);
    reference_backward(&f->naive, f->x, &loss, &f->targets, NULL);
}

static void drop(struct fixture *f)
{
    reference_free(&f->naive);
    mlp_diagnosis_destroy(&f->diagnosis);
    mlp_network_destroy(&f->network);
}

/* ---- plain loops --------------------------------------------------------------------------------------- */

static double sum_of_squares(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i] * values[i];
    }
    return sum;
}

static void check_moments(const mlp_moments *moments, const double *values, size_t count)
{
    double mean = 0.0, variance = 0.0;
    const double scale = sqrt(sum_of_squares(values, count) / (double)count);
    for (size_t i = 0; i < count; i++) {
        mean += values[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        variance += (values[i] - mean) * (values[i] - mean) / (double)count;
    }
    assert_close(moments->mean / scale, mean / scale, 2e-5);
    assert_close(moments->variance / (scale * scale), variance / (scale * scale), 2e-5);
    assert_close(moments->mean_square / (scale * scale), 1.0, 2e-5);
}

/* Norms of the samples, and the mean cosine pair by pair; samples of zeros have no direction. */
static void check_samples(const mlp_signal *s, const double *a, size_t units)
{
    double norm[COUNT], mean = 0.0, variance = 0.0, cosines = 0.0, pairs = 0.0;
    for (size_t j = 0; j < COUNT; j++) {
        norm[j] = sqrt(sum_of_squares(a + j * units, units));
        mean += norm[j] / COUNT;
        for (size_t k = 0; k < j; k++) {
            const double norms = norm[j] * norm[k];
            double inner = 0.0;
            for (size_t i = 0; i < units; i++) {
                inner += a[i + j * units] * a[i + k * units];
            }
            cosines += norms > 0.0 ? inner / norms : 0.0;
            pairs += norms > 0.0;
        }
    }
    for (size_t j = 0; j < COUNT; j++) {
        variance += (norm[j] - mean) * (norm[j] - mean) / COUNT;
    }
    assert_close(s->sample_norm / mean, 1.0, 1e-5);
    assert_close(s->sample_norm_deviation / mean, sqrt(variance) / mean, 1e-5);
    assert_close(s->cosine, cosines / pairs, 1e-5);
}

/* Where |φ′(z)| is under 2 % of its largest on a fine grid. */
static void check_flats(const mlp_signal *s, mlp_activation activation, const double *z, const double *a,
                        size_t units)
{
    const bool bounded = activation == MLP_ACTIVATION_TANH || activation == MLP_ACTIVATION_SIGMOID;
    double steepest = 0.0;
    size_t zeros = 0, flats = 0, flat_units = 0;
    for (double at = -8.0; at <= 8.0; at += 1.0 / 64.0) {
        steepest = fmax(steepest, fabs(reference_slope(activation, 0.0, at)));
    }
    for (size_t i = 0; i < units; i++) {
        size_t flat = 0;
        for (size_t j = 0; j < COUNT; j++) {
            zeros += a[i + j * units] == 0.0;
            flat += fabs(reference_slope(activation, 0.0, z[i + j * units])) < 0.02 * steepest;
        }
        flats += flat;
        flat_units += flat == COUNT;
    }
    assert_close(s->zeros, (double)zeros / (double)(units * COUNT), 1e-12);
    assert_close(s->saturated, bounded ? (double)flats / (double)(units * COUNT) : 0.0, 1e-12);
    assert_int_equal(s->saturated_units, bounded ? flat_units : 0);
    assert_int_equal(s->dead, bounded ? 0 : flat_units);
}

/* Wᵀ·dZ of the layer above. */
static void check_da(const mlp_signal *s, const struct reference *r, size_t l)
{
    double da[MOST * COUNT];
    const size_t units = r->units[l], above = r->units[l + 1];
    for (size_t i = 0; i < units; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            da[i + j * units] = 0.0;
            for (size_t k = 0; k < above; k++) {
                da[i + j * units] += r->w[l + 1][k + i * above] * r->dz[l + 1][k + j * above];
            }
        }
    }
    check_moments(&s->da, da, units * COUNT);
}

static void figures_are_those_of_plain_loops(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sizeof hidden / sizeof hidden[0]; k++) {
        struct fixture f;
        size_t flat_units = 0;
        make(&f, hidden[k]);
        const struct reference *r = &f.naive;
        for (size_t l = 0; l < LAYERS; l++) {
            const size_t units = r->units[l], inputs = l > 0 ? r->units[l - 1] : INPUTS, all = units * COUNT;
            mlp_signal s;
            assert_ok(mlp_diagnosis_layer(f.diagnosis, l, &s));
            check_moments(&s.z, r->z[l], all);
            check_moments(&s.a, r->a[l], all);
            check_moments(&s.dz, r->dz[l], all);
            check_samples(&s, r->a[l], units);
            const double w = sqrt(sum_of_squares(r->w[l], units * inputs)),
                         dw = sqrt(sum_of_squares(r->dw[l], units * inputs));
            assert_close(s.weight_norm / w, 1.0, 1e-5);
            assert_close(s.weight_gradient_norm / dw, 1.0, 1e-4);
            assert_close(s.gradient_ratio / (dw / w), 1.0, 1e-4);
            assert_close(s.bias_gradient_norm / sqrt(sum_of_squares(r->db[l], units)), 1.0, 1e-4);
            if (l + 1 < LAYERS) {
                check_da(&s, r, l);
                check_flats(&s, hidden[k], r->z[l], r->a[l], units);
                flat_units += s.dead + s.saturated_units;
            } else {
                assert_true(isnan(s.da.mean) && isnan(s.da.variance) && isnan(s.da.mean_square));
                assert_true(isnan(s.backward_growth) && isnan(s.chi) && isnan(s.depth));
                assert_true(s.saturated == 0.0 && s.saturated_units == 0 && s.dead == 0);
            }
            assert_true(l > 0 || (isnan(s.forward_growth) && isnan(s.predicted_forward)));
            assert_true(isnan(s.update_ratio));
        }
        assert_true(flat_units > 0);
        drop(&f);
    }
}

/* W is the identity, x is (1, 0) and (1, 1): an angle of 45°, norms of 1 and √2. */
static void two_samples_have_one_angle(void **unused)
{
    const mlp_layer layer = { .units = 2, .init = MLP_INIT_IDENTITY };
    const float x[] = { 1.0f, 0.0f, 1.0f, 1.0f };
    mlp_network *network;
    mlp_diagnosis *diagnosis;
    mlp_signal s;
    (void)unused;
    assert_ok(mlp_network_create(2, &layer, 1, NULL, &network));
    assert_ok(mlp_diagnose(network, x, &(mlp_targets){ .values = x }, 2, NULL, &diagnosis));
    assert_ok(mlp_diagnosis_layer(diagnosis, 0, &s));
    assert_close(s.cosine, sqrt(0.5), 1e-7);
    assert_close(s.sample_norm, 0.5 * (1.0 + sqrt(2.0)), 1e-7);
    assert_close(s.sample_norm_deviation, 0.5 * (sqrt(2.0) - 1.0), 1e-7);
    mlp_diagnosis_destroy(&diagnosis);
    mlp_network_destroy(&network);
}

/* ---- mean field ---------------------------------------------------------------------------------------- */

/* E[φ(√q·t)²] or E[φ′(√q·t)²] for t from N(0, 1). */
static double expectation(mlp_activation activation, bool slope, double q)
{
    double sum = 0.0;
    const double step = 1e-3;
    for (double t = -10.0 + 0.5 * step; t < 10.0; t += step) { /* no node on ReLU's corner */
        const double z = sqrt(q) * t, value = slope ? reference_slope(activation, 0.0, z)
                                                    : reference_activation(activation, 0.0, z);
        sum += value * value * exp(-0.5 * t * t) * step;
    }
    return sum / sqrt(2.0 * acos(-1.0));
}

/* q′ = ‖W‖²/units·E[φ²] + ‖b‖²/units, χ = ‖W‖²/units·E[φ′²], W and b of the layer above. */
static void the_prediction_follows_weights_and_biases(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sizeof hidden / sizeof hidden[0]; k++) {
        struct fixture f;
        mlp_signal s, below;
        make(&f, hidden[k]);
        const struct reference *r = &f.naive;
        assert_ok(mlp_diagnosis_layer(f.diagnosis, 0, &s));
        double q = s.z.mean_square;
        assert_close(s.q, q, 1e-12);
        for (size_t l = 1; l < LAYERS; l++) {
            const size_t units = r->units[l];
            const double weights = sum_of_squares(r->w[l], units * r->units[l - 1]) / (double)units,
                         bias = sum_of_squares(r->b[l], units) / (double)units,
                         chi = weights * expectation(hidden[k], true, q);
            const double next = weights * expectation(hidden[k], false, q) + bias;
            below = s;
            assert_ok(mlp_diagnosis_layer(f.diagnosis, l, &s));
            assert_close(s.q / next, 1.0, 1e-5);
            assert_close(s.predicted_forward, sqrt(next / q), 1e-5);
            assert_close(s.forward_growth, sqrt(s.z.mean_square / below.z.mean_square), 1e-9);
            assert_close(below.chi / chi, 1.0, 1e-5);
            assert_close(below.predicted_backward, sqrt(chi), 1e-5);
            assert_close(below.depth * fabs(log(below.chi)), 1.0, 1e-9);
            q = next;
        }
        drop(&f);
    }
}

/* ---- symmetry ------------------------------------------------------------------------------------------ */

/* Units 1 and 3 alike, and 2, 4 and 5; in the output layer that is no symmetry: targets tell its units
 * apart. */
static void symmetric_units_are_counted_in_hidden_layers(void **unused)
{
    static const size_t like[] = { 0, 1, 2, 1, 2, 2 };
    const mlp_layer layers[] = { { .units = 6, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 6, .activation = MLP_ACTIVATION_SOFTMAX } };
    float x[6] = { 0.3f, -0.2f, 0.5f, 0.1f, -0.4f, 0.7f }, row[36], weights[36];
    const int32_t classes[] = { 2 };
    const mlp_targets targets = { .classes = classes };
    uint64_t state = 5;
    (void)unused;
    for (size_t l = 0; l < 2; l++) {
        mlp_network *network;
        mlp_diagnosis *diagnosis;
        mlp_signal s;
        assert_ok(mlp_network_create(6, layers, 2, NULL, &network));
        test_fill(&state, -1.0, 1.0, row, 36);
        for (size_t i = 0; i < 36; i++) {
            weights[i] = row[like[i % 6] + i / 6 * 6];
        }
        assert_ok(mlp_network_set_weights(network, l, weights));
        assert_ok(mlp_diagnose(network, x, &targets, 1, NULL, &diagnosis));
        for (size_t k = 0; k < 2; k++) {
            assert_ok(mlp_diagnosis_layer(diagnosis, k, &s));
            assert_int_equal(s.symmetric, k == 0 && l == 0 ? 5 : 0);
            assert_true(isnan(s.cosine)); /* one sample */
        }
        assert_int_equal(mlp_diagnosis_findings(diagnosis) & 1u << MLP_FINDING_SYMMETRIC,
                         l == 0 ? 1u << MLP_FINDING_SYMMETRIC : 0);
        mlp_diagnosis_destroy(&diagnosis);
        mlp_network_destroy(&network);
    }
}

/* Two linear layers, I and g·I: signal and gradient change by g, and a hundredfold change is named. */
static void growth_is_named_from_a_hundred_times_on(void **unused)
{
    static const struct {
        float factor;
        unsigned findings;
    } rows[] = { { 0.015f, 0 },
                 { 0.0075f, 1u << MLP_FINDING_VANISHING },
                 { 75.0f, 0 },
                 { 150.0f, 1u << MLP_FINDING_EXPLODING } };
    static const mlp_layer layers[] = { { .units = INPUTS }, { .units = INPUTS } };
    static float x[COUNT * INPUTS], y[COUNT * INPUTS];
    uint64_t state = 2;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    test_fill(&state, -1.0, 1.0, y, COUNT * INPUTS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mlp_network *network;
        mlp_diagnosis *diagnosis;
        assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &network));
        for (size_t l = 0; l < 2; l++) {
            float weights[INPUTS * INPUTS] = { 0.0f };
            for (size_t u = 0; u < INPUTS; u++) {
                weights[u * INPUTS + u] = l == 0 ? 1.0f : rows[i].factor;
            }
            assert_ok(mlp_network_set_weights(network, l, weights));
        }
        assert_ok(mlp_diagnose(network, x, &(mlp_targets){ .values = y }, COUNT, NULL, &diagnosis));
        assert_int_equal(mlp_diagnosis_findings(diagnosis), rows[i].findings);
        mlp_diagnosis_destroy(&diagnosis);
        mlp_network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_plain_loops),
        cmocka_unit_test(two_samples_have_one_angle),
        cmocka_unit_test(the_prediction_follows_weights_and_biases),
        cmocka_unit_test(symmetric_units_are_counted_in_hidden_layers),
        cmocka_unit_test(growth_is_named_from_a_hundred_times_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
