/* Signal propagation, findings and their words, symmetry. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "support/reference.h"
#include "support/support.h"

enum { COUNT = 64, INPUTS = 20, CLASSES = 5, MOST_LAYERS = 32 };

struct batch {
    float x[COUNT * 64];
    int32_t classes[COUNT];
    mlp_targets targets;
};

/* Standardized features, or on [0, 1]. */
static void make_batch(struct batch *b, uint64_t seed, size_t inputs, bool positive)
{
    uint64_t state = seed + 1;
    test_fill(&state, positive ? 0.0 : -1.7320508, positive ? 1.0 : 1.7320508, b->x, inputs * COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        b->classes[i] = (int32_t)(i % CLASSES);
    }
    b->targets = (mlp_targets){ .classes = b->classes };
}

/* `hidden` layers of `units`, then a softmax. */
static mlp_network *make_network(size_t hidden, size_t units, mlp_activation activation, mlp_init init,
                                 mlp_init_parameters numbers, uint64_t seed)
{
    mlp_layer layers[MOST_LAYERS] = { { 0 } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    for (size_t l = 0; l < hidden; l++) {
        layers[l] =
            (mlp_layer){ .units = units, .activation = activation, .init = init, .init_parameters = numbers };
    }
    layers[hidden] = (mlp_layer){ .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX };
    options.seed = seed;
    assert_ok(mlp_network_create(INPUTS, layers, hidden + 1, &options, &network));
    return network;
}

static mlp_diagnosis *diagnose(const mlp_network *network, const struct batch *b)
{
    mlp_diagnosis *diagnosis;
    assert_ok(mlp_diagnose(network, b->x, &b->targets, COUNT, NULL, &diagnosis));
    return diagnosis;
}

/* The findings, those of `layer`, and every one of the words, or the test fails. */
static void expect(const mlp_network *network, const struct batch *b, unsigned findings, size_t layer,
                   const char *const *words)
{
    mlp_diagnosis *diagnosis = diagnose(network, b);
    mlp_signal signal;
    assert_ok(mlp_diagnosis_layer(diagnosis, layer, &signal));
    if (mlp_diagnosis_findings(diagnosis) != findings || (signal.findings & findings) == 0) {
        fail_msg("findings %x, of layer %zu %x, expected %x: %s", mlp_diagnosis_findings(diagnosis), layer,
                 signal.findings, findings, mlp_diagnosis_text(diagnosis));
    }
    for (; *words != NULL; words++) {
        if (strstr(mlp_diagnosis_text(diagnosis), *words) == NULL) {
            fail_msg("no '%s' in: %s", *words, mlp_diagnosis_text(diagnosis));
        }
    }
    mlp_diagnosis_destroy(&diagnosis);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- figures against a naive network in double --------------------------------------------------------- */

static double mean_square(const double *values, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i] * values[i];
    }
    return sum / (double)count;
}

/* Mean cosine over all pairs, pair by pair. */
static double cosine_by_pairs(const double *a, size_t units, size_t count)
{
    double sum = 0.0;
    for (size_t j = 0; j < count; j++) {
        for (size_t k = 0; k < j; k++) {
            double dot = 0.0;
            for (size_t i = 0; i < units; i++) {
                dot += a[i + j * units] * a[i + k * units];
            }
            sum +=
                dot / (units * sqrt(mean_square(a + j * units, units) * mean_square(a + k * units, units)));
        }
    }
    return sum / (0.5 * (double)count * (double)(count - 1));
}

static void check_layer(const struct reference *r, const mlp_signal *s, size_t l)
{
    const size_t n = r->units[l], inputs = l > 0 ? r->units[l - 1] : r->inputs, all = n * r->count;
    double sum = 0.0;
    for (size_t i = 0; i < all; i++) {
        sum += r->z[l][i];
    }
    const double mean = sum / (double)all, square = mean_square(r->z[l], all);
    assert_close(s->z.mean, mean, 1e-5);
    assert_close(s->z.mean_square, square, 1e-5);
    assert_close(s->z.variance, square - mean * mean, 1e-5);
    assert_close(s->a.mean_square, mean_square(r->a[l], all), 1e-5);
    assert_close(s->dz.mean_square / mean_square(r->dz[l], all), 1.0, 1e-4);
    assert_close(s->weight_norm, sqrt(mean_square(r->w[l], n * inputs) * n * inputs), 1e-5);
    assert_close(s->gradient_ratio,
                 sqrt(mean_square(r->dw[l], n * inputs) / mean_square(r->w[l], n * inputs)), 1e-5);
    assert_close(s->bias_gradient_norm, sqrt(mean_square(r->db[l], n) * n), 1e-5);
    assert_close(s->cosine, cosine_by_pairs(r->a[l], n, r->count), 1e-5);
    if (l > 0) {
        assert_close(s->forward_growth, sqrt(square / mean_square(r->z[l - 1], inputs * r->count)), 1e-5);
    }
    if (l + 1 < r->layers) {
        const double above = mean_square(r->dz[l + 1], r->units[l + 1] * r->count) * r->units[l + 1];
        assert_close(s->backward_growth, sqrt(mean_square(r->dz[l], all) * n / above), 1e-4);
        double da = 0.0;
        for (size_t j = 0; j < r->count; j++) {
            for (size_t i = 0; i < n; i++) {
                double value = 0.0;
                for (size_t k = 0; k < r->units[l + 1]; k++) {
                    value += r->w[l + 1][k + i * r->units[l + 1]] * r->dz[l + 1][k + j * r->units[l + 1]];
                }
                da += value * value;
            }
        }
        assert_close(s->da.mean_square / (da / (double)all), 1.0, 1e-4);
    }
}

static void figures_are_those_of_a_naive_network(void **unused)
{
    struct batch b;
    struct reference r;
    const struct reference_loss loss = { .loss = MLP_LOSS_CROSS_ENTROPY };
    mlp_network *network =
        make_network(2, 24, MLP_ACTIVATION_TANH, MLP_INIT_AUTOMATIC, (mlp_init_parameters){ 0 }, 3);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    mlp_diagnosis *diagnosis = diagnose(network, &b);
    reference_make(&r, network, COUNT);
    reference_forward(&r, b.x);
    assert_close(mlp_diagnosis_loss(diagnosis), reference_evaluate(&r, &loss, &b.targets), 1e-5);
    reference_backward(&r, b.x, &loss, &b.targets, NULL);
    assert_int_equal(mlp_diagnosis_layers(diagnosis), 3);
    for (size_t l = 0; l < 3; l++) {
        mlp_signal signal;
        assert_ok(mlp_diagnosis_layer(diagnosis, l, &signal));
        check_layer(&r, &signal, l);
    }
    reference_free(&r);
    mlp_diagnosis_destroy(&diagnosis);
    mlp_network_destroy(&network);
}

/* A wide network is what mean field speaks of: the measured factors of one draw of 500 units lie within some
 * percent. */
static void growth_is_what_mean_field_predicts(void **unused)
{
    static const mlp_activation activations[] = { MLP_ACTIVATION_TANH, MLP_ACTIVATION_RELU,
                                                  MLP_ACTIVATION_SIGMOID, MLP_ACTIVATION_GELU };
    struct batch b;
    (void)unused;
    make_batch(&b, 2, INPUTS, false);
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        mlp_network *network =
            make_network(5, 500, activations[i], MLP_INIT_LECUN_NORMAL, (mlp_init_parameters){ 0 }, 9);
        mlp_diagnosis *diagnosis = diagnose(network, &b);
        for (size_t l = 1; l < 4; l++) { /* between layers of equal width */
            mlp_signal s;
            assert_ok(mlp_diagnosis_layer(diagnosis, l, &s));
            assert_close(s.forward_growth / s.predicted_forward, 1.0, 0.1);
            assert_close(s.backward_growth / s.predicted_backward, 1.0, 0.1);
            assert_close(s.depth, 1.0 / fabs(log(s.chi)), 1e-9);
        }
        mlp_diagnosis_destroy(&diagnosis);
        mlp_network_destroy(&network);
    }
}

static void a_step_tells_the_update(void **unused)
{
    struct batch b;
    mlp_optimizer_options optimizer = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    mlp_network *network =
        make_network(1, 12, MLP_ACTIVATION_TANH, MLP_INIT_AUTOMATIC, (mlp_init_parameters){ 0 }, 5);
    mlp_diagnosis *diagnosis;
    mlp_signal s;
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    optimizer.learning_rate = 0.03;
    options.step = &optimizer;
    assert_ok(mlp_diagnose(network, b.x, &b.targets, COUNT, &options, &diagnosis));
    for (size_t l = 0; l < 2; l++) {
        assert_ok(mlp_diagnosis_layer(diagnosis, l, &s));
        assert_close(s.update_ratio / (0.03 * s.gradient_ratio), 1.0, 1e-3); /* SGD: ΔW = −η·dW */
    }
    mlp_diagnosis_destroy(&diagnosis);
    mlp_network_destroy(&network);
}

/* ---- findings ------------------------------------------------------------------------------------------ */

enum { SEEDS = 50 };

static void healthy_networks_raise_no_alarm(void **unused)
{
    static const struct {
        mlp_activation activation;
        size_t hidden, units;
    } shapes[] = {
        { MLP_ACTIVATION_RELU, 9, 16 },       { MLP_ACTIVATION_RELU, 2, 128 },
        { MLP_ACTIVATION_TANH, 9, 32 },       { MLP_ACTIVATION_GELU, 4, 64 },
        { MLP_ACTIVATION_LEAKY_RELU, 6, 16 }, { MLP_ACTIVATION_SELU, 9, 32 },
        { MLP_ACTIVATION_SIGMOID, 1, 32 },    { MLP_ACTIVATION_ELU, 5, 24 },
    };
    struct batch b;
    (void)unused;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const size_t i = (size_t)seed % (sizeof shapes / sizeof shapes[0]);
        make_batch(&b, seed, INPUTS, seed % 3 == 0);
        mlp_network *network = make_network(shapes[i].hidden, shapes[i].units, shapes[i].activation,
                                            MLP_INIT_AUTOMATIC, (mlp_init_parameters){ 0 }, seed);
        mlp_diagnosis *diagnosis = diagnose(network, &b);
        if (mlp_diagnosis_findings(diagnosis) != 0) {
            fail_msg("seed %d: %s", (int)seed, mlp_diagnosis_text(diagnosis));
        }
        assert_ptr_equal(strstr(mlp_diagnosis_text(diagnosis), "healthy"), mlp_diagnosis_text(diagnosis));
        mlp_diagnosis_destroy(&diagnosis);
        mlp_network_destroy(&network);
    }
}

static void a_dead_layer(void **unused)
{
    struct batch b;
    float bias[24];
    mlp_network *network =
        make_network(3, 24, MLP_ACTIVATION_RELU, MLP_INIT_AUTOMATIC, (mlp_init_parameters){ 0 }, 1);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    for (size_t i = 0; i < 24; i++) {
        bias[i] = -50.0f;
    }
    assert_ok(mlp_network_set_bias(network, 1, bias));
    mlp_diagnosis *diagnosis = diagnose(network, &b);
    mlp_signal s;
    assert_int_equal(mlp_diagnosis_findings(diagnosis) & 1u << MLP_FINDING_DEAD, 1u << MLP_FINDING_DEAD);
    assert_ok(mlp_diagnosis_layer(diagnosis, 1, &s));
    assert_int_equal(s.dead, 24);
    assert_close(s.zeros, 1.0, 0.0);
    assert_non_null(strstr(mlp_diagnosis_text(diagnosis), "dead: layer"));
    assert_non_null(strstr(mlp_diagnosis_text(diagnosis), "leaky-relu"));
    assert_ok(mlp_diagnosis_layer(diagnosis, 0, &s));
    assert_int_equal(s.findings, 0);
    mlp_diagnosis_destroy(&diagnosis);
    mlp_network_destroy(&network);
}

/* N(0, 1) in a tanh network of 64 units. */
static void saturated_layers(void **unused)
{
    struct batch b;
    mlp_network *network =
        make_network(8, 64, MLP_ACTIVATION_TANH, MLP_INIT_NORMAL, (mlp_init_parameters){ .a = 1.0 }, 1);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    expect(network, &b, 1u << MLP_FINDING_SATURATED, 3,
           WORDS("saturated: layers", "tanh", "use tanh with xavier-normal"));
    mlp_network_destroy(&network);
}

/* Xavier in a deep sigmoid network: √χ₁ = 0.23. ReLU with He works, Xavier for sigmoid does not and is not
 * named. */
static void vanishing_gradients(void **unused)
{
    struct batch b;
    mlp_network *network =
        make_network(8, 64, MLP_ACTIVATION_SIGMOID, MLP_INIT_XAVIER_NORMAL, (mlp_init_parameters){ 0 }, 1);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    expect(network, &b, 1u << MLP_FINDING_VANISHING, 0,
           WORDS("vanishing: layers 0-", "sigmoid with xavier-normal; use", "relu with he-normal"));
    mlp_diagnosis *diagnosis = diagnose(network, &b);
    mlp_signal s;
    assert_ok(mlp_diagnosis_layer(diagnosis, 7, &s));
    assert_int_equal(s.findings, 0);
    assert_null(strstr(mlp_diagnosis_text(diagnosis), "use sigmoid with xavier-normal"));
    mlp_diagnosis_destroy(&diagnosis);
    mlp_network_destroy(&network);
}

static void exploding_signals(void **unused)
{
    struct batch b;
    mlp_network *network =
        make_network(6, 64, MLP_ACTIVATION_RELU, MLP_INIT_NORMAL, (mlp_init_parameters){ .a = 1.0 }, 1);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    expect(network, &b, 1u << MLP_FINDING_EXPLODING, 5,
           WORDS("exploding: layers", "use relu with he-normal"));
    mlp_network_destroy(&network);
}

static void symmetric_units(void **unused)
{
    struct batch b;
    float weights[24 * INPUTS];
    size_t group[24], groups;
    mlp_const_matrix w;
    mlp_network *network =
        make_network(2, 24, MLP_ACTIVATION_TANH, MLP_INIT_AUTOMATIC, (mlp_init_parameters){ 0 }, 1);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    assert_ok(mlp_network_weights(network, 0, &w));
    for (size_t j = 0; j < INPUTS; j++) {
        for (size_t i = 0; i < 24; i++) {
            weights[i + j * 24] = w.data[(i == 17 ? 4 : i) + j * w.leading_dimension];
        }
    }
    weights[9] = weights[8] = 0.5f; /* one entry alike is no symmetry */
    assert_ok(mlp_network_set_weights(network, 0, weights));
    assert_ok(mlp_symmetry(network, 0, 0.0, group, &groups));
    assert_int_equal(groups, 23);
    for (size_t i = 0; i < 24; i++) {
        assert_int_equal(group[i], i == 17 ? 4 : i);
    }
    expect(network, &b, 1u << MLP_FINDING_SYMMETRIC, 0, WORDS("symmetric: layer 0", "2 units"));
    weights[17] += 1e-5f;
    assert_ok(mlp_network_set_weights(network, 0, weights));
    assert_ok(mlp_symmetry(network, 0, 0.0, group, &groups));
    assert_int_equal(groups, 24);
    assert_ok(mlp_symmetry(network, 0, 1e-3, group, &groups));
    assert_int_equal(group[17], 4);
    assert_refused(mlp_symmetry(network, 0, -1.0, group, &groups), MLP_ERROR_RANGE, "tolerance", NULL);
    assert_refused(mlp_symmetry(network, 7, 0.0, group, &groups), MLP_ERROR_RANGE, "layer is 7", NULL);
    mlp_network_destroy(&network);
    network = make_network(2, 24, MLP_ACTIVATION_TANH, MLP_INIT_ZEROS, (mlp_init_parameters){ 0 }, 1);
    expect(network, &b, 1u << MLP_FINDING_SYMMETRIC, 1, WORDS("symmetric: layers 0-1", "24 units"));
    mlp_network_destroy(&network);
}

static void nonsense_is_refused(void **unused)
{
    struct batch b;
    mlp_diagnosis *diagnosis;
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    mlp_nonfinite_location found;
    mlp_signal s;
    mlp_finding finding;
    mlp_network *network =
        make_network(1, 8, MLP_ACTIVATION_RELU, MLP_INIT_AUTOMATIC, (mlp_init_parameters){ 0 }, 1);
    (void)unused;
    make_batch(&b, 1, INPUTS, false);
    assert_refused(mlp_diagnose(NULL, b.x, &b.targets, COUNT, NULL, &diagnosis), MLP_ERROR_ARGUMENT,
                   "network", NULL);
    assert_null(diagnosis);
    assert_refused(mlp_diagnose(network, b.x, NULL, COUNT, NULL, &diagnosis), MLP_ERROR_ARGUMENT, "targets",
                   NULL);
    assert_refused(mlp_diagnose(network, b.x, &b.targets, 0, NULL, &diagnosis), MLP_ERROR_RANGE, "batch",
                   NULL);
    b.classes[3] = 99;
    assert_refused(mlp_diagnose(network, b.x, &b.targets, COUNT, NULL, &diagnosis), MLP_ERROR_RANGE, "3",
                   NULL);
    assert_null(diagnosis);
    b.classes[3] = 0;
    options.struct_size = 4;
    assert_refused(mlp_diagnose(network, b.x, &b.targets, COUNT, &options, &diagnosis), MLP_ERROR_ARGUMENT,
                   "struct_size", NULL);
    assert_refused(mlp_find_nonfinite(network, NULL, NULL, COUNT, &found), MLP_ERROR_ARGUMENT, "x", NULL);
    assert_ok(mlp_diagnose(network, b.x, &b.targets, COUNT, NULL, &diagnosis));
    assert_refused(mlp_diagnosis_layer(diagnosis, 2, &s), MLP_ERROR_RANGE, "layer is 2", NULL);
    mlp_diagnosis_destroy(&diagnosis);
    mlp_diagnosis_destroy(&diagnosis);
    for (size_t i = 0; i < mlp_finding_count(); i++) {
        assert_ok(mlp_finding_from_name(mlp_finding_name((mlp_finding)i), &finding));
        assert_int_equal(finding, i);
        assert_non_null(mlp_finding_description(finding));
    }
    assert_refused(mlp_finding_from_name("ill", &finding), MLP_ERROR_ARGUMENT, "healthy", NULL);
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_a_naive_network),
        cmocka_unit_test(growth_is_what_mean_field_predicts),
        cmocka_unit_test(a_step_tells_the_update),
        cmocka_unit_test(healthy_networks_raise_no_alarm),
        cmocka_unit_test(a_dead_layer),
        cmocka_unit_test(saturated_layers),
        cmocka_unit_test(vanishing_gradients),
        cmocka_unit_test(exploding_signals),
        cmocka_unit_test(symmetric_units),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
