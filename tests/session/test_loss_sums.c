/* Losses of batches add up to that of the data set: random networks, losses, reductions, weights, classes and
 * orders against a naive network in double, whatever the batch; and samples that carry no weight. */
#include "support/reference.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

enum { CASES = 300, MOST = 60, INPUTS = 3, MOST_UNITS = 5 };

/* Seeded; a failure prints the seed. */
struct sample_case {
    uint64_t state;
    size_t count, units, batch;
    mlp_layer layers[2];
    mlp_network_options options;
    float x[MOST * INPUTS], values[MOST * MOST_UNITS], weights[MOST], class_weights[MOST_UNITS];
    int32_t classes[MOST];
    mlp_targets targets;
    mlp_data *data;
    mlp_network *network;
};

static size_t draw(struct sample_case *c, size_t choices)
{
    return (size_t)test_uniform(&c->state, 0.0, (double)choices);
}

/* The squared error by the network's reduction, as the header asks a custom loss to have it. */
static mlp_status custom(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                         size_t leading_dimension, float *gradient, double *loss, void *context)
{
    const bool sums = *(const mlp_reduction *)context == MLP_REDUCTION_SUM;
    double sum = 0.0, mass = 0.0;
    for (size_t j = 0; j < count; j++) {
        mass += targets->weights != NULL ? (double)targets->weights[j] : 1.0;
    }
    for (size_t j = 0; j < count; j++) {
        const double weight = targets->weights != NULL ? (double)targets->weights[j] : 1.0;
        for (size_t i = 0; i < units; i++) {
            const double rest = outputs[j * leading_dimension + i] - targets->values[j * units + i];
            sum += weight * rest * rest;
            if (gradient != NULL) {
                gradient[j * leading_dimension + i] = (float)(2.0 * weight * rest / (sums ? 1.0 : mass));
            }
        }
    }
    *loss = sums ? sum : sum / mass;
    return MLP_OK;
}

static const struct {
    mlp_loss loss;
    mlp_activation output;
} pairs[] = {
    { MLP_LOSS_CROSS_ENTROPY, MLP_ACTIVATION_SOFTMAX },
    { MLP_LOSS_CROSS_ENTROPY, MLP_ACTIVATION_IDENTITY },
    { MLP_LOSS_BINARY_CROSS_ENTROPY, MLP_ACTIVATION_SIGMOID },
    { MLP_LOSS_BINARY_CROSS_ENTROPY, MLP_ACTIVATION_IDENTITY },
    { MLP_LOSS_SQUARED_ERROR, MLP_ACTIVATION_SOFTMAX },
    { MLP_LOSS_SQUARED_ERROR, MLP_ACTIVATION_TANH },
    { MLP_LOSS_ABSOLUTE_ERROR, MLP_ACTIVATION_IDENTITY },
    { MLP_LOSS_HUBER, MLP_ACTIVATION_IDENTITY },
    { MLP_LOSS_CUSTOM, MLP_ACTIVATION_IDENTITY },
};

static void draw_network(struct sample_case *c)
{
    const size_t pair = draw(c, sizeof pairs / sizeof pairs[0]), hidden = draw(c, 2);
    const mlp_network_options defaults = MLP_NETWORK_OPTIONS_INIT;
    c->units = pairs[pair].output == MLP_ACTIVATION_SOFTMAX || pairs[pair].loss == MLP_LOSS_CROSS_ENTROPY
                   ? 2 + draw(c, MOST_UNITS - 1)
                   : 1 + draw(c, MOST_UNITS);
    c->options = defaults;
    c->options.seed = c->state;
    c->options.loss = pairs[pair].loss;
    c->options.reduction = (mlp_reduction)draw(c, 3);
    c->options.huber_delta = pairs[pair].loss == MLP_LOSS_HUBER ? 0.3 : 0.0;
    if (pairs[pair].loss == MLP_LOSS_CROSS_ENTROPY) {
        c->options.label_smoothing = draw(c, 2) * 0.2;
        for (size_t i = 0; i < c->units; i++) {
            c->class_weights[i] = i > 0 && draw(c, 2) == 0 ? 0.0f : (float)test_uniform(&c->state, 0.1, 3.0);
        }
        c->options.class_weights = draw(c, 3) > 0 ? c->class_weights : NULL;
    }
    if (pairs[pair].loss == MLP_LOSS_CUSTOM) {
        c->options.custom_loss = custom;
        c->options.custom_loss_context = &c->options.reduction;
    }
    c->layers[0] = (mlp_layer){ .units = 1 + draw(c, 20), .activation = MLP_ACTIVATION_TANH };
    c->layers[hidden] = (mlp_layer){ .units = c->units, .activation = pairs[pair].output };
    assert_ok(mlp_network_create(INPUTS, c->layers, hidden + 1, &c->options, &c->network));
}

/* Distributions, which serve every loss. */
static void draw_values(struct sample_case *c)
{
    test_fill(&c->state, 0.01, 1.0, c->values, c->count * c->units);
    for (size_t j = 0; j < c->count && c->units > 1; j++) {
        float sum = 0.0f;
        for (size_t i = 0; i < c->units; i++) {
            sum += c->values[j * c->units + i];
        }
        for (size_t i = 0; i < c->units; i++) {
            c->values[j * c->units + i] /= sum;
        }
    }
}

/* Half of the samples without weight where there are weights; sample 0, of class 0, has one. */
static void draw_data(struct sample_case *c)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    const bool dense = c->options.loss == MLP_LOSS_CUSTOM || draw(c, 3) == 0, weighted = draw(c, 2) != 0;
    c->count = 1 + draw(c, MOST);
    test_fill(&c->state, -2.0, 2.0, c->x, c->count * INPUTS);
    draw_values(c);
    for (size_t j = 0; j < c->count; j++) {
        c->classes[j] = j > 0 ? (int32_t)draw(c, c->units > 1 ? c->units : 2) : 0;
        c->weights[j] = j > 0 && draw(c, 2) == 0 ? 0.0f : (float)test_uniform(&c->state, 0.1, 5.0);
    }
    c->targets =
        (mlp_targets){ dense ? NULL : c->classes, dense ? c->values : NULL, weighted ? c->weights : NULL };
    arrays.count = c->count;
    arrays.inputs = INPUTS;
    arrays.features = c->x;
    arrays.classes = c->targets.classes;
    arrays.values = c->targets.values;
    arrays.outputs = dense ? c->units : 0;
    arrays.weights = c->targets.weights;
    assert_ok(mlp_data_create(&arrays, &c->data));
    c->batch = 1 + draw(c, c->count);
}

static void make(struct sample_case *c, uint64_t seed)
{
    *c = (struct sample_case){ .state = seed * 7919 + 1 };
    draw_network(c);
    draw_data(c);
}

static void drop(struct sample_case *c)
{
    mlp_data_destroy(&c->data);
    mlp_network_destroy(&c->network);
}

/* The loss of the whole data set, in double. */
static double expected_loss(const struct sample_case *c)
{
    const struct reference_loss loss = {
        c->options.loss == MLP_LOSS_CUSTOM ? MLP_LOSS_SQUARED_ERROR : c->options.loss,
        c->options.loss == MLP_LOSS_CUSTOM && c->options.reduction == MLP_REDUCTION_MEAN
            ? MLP_REDUCTION_SAMPLE_MEAN
            : c->options.reduction,
        c->options.label_smoothing, c->options.huber_delta, c->options.class_weights
    };
    struct reference reference;
    reference_make(&reference, c->network, c->count);
    reference_forward(&reference, c->x);
    const double value = reference_evaluate(&reference, &loss, &c->targets);
    reference_free(&reference);
    return value;
}

static void assert_same(double value, double expected, double tolerance, uint64_t seed, size_t batch)
{
    if (!(fabs(value - expected) <= tolerance * fmax(1.0, fabs(expected)))) {
        fail_msg("seed %llu, batch %zu: loss %.12g, expected %.12g", (unsigned long long)seed, batch, value,
                 expected);
    }
}

static void evaluation_is_the_same_for_every_batch(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct sample_case c;
        mlp_metrics whole, metrics;
        make(&c, seed);
        assert_ok(mlp_evaluate(c.network, c.data, c.count, 1, 1, &whole, NULL));
        assert_same(whole.loss, expected_loss(&c), 1e-5, seed, c.count);
        for (size_t batch = 1; batch < c.count; batch = batch * 2 + batch % 3) {
            assert_ok(mlp_evaluate(c.network, c.data, batch, 1 + (int)(batch % 2), 1, &metrics, NULL));
            assert_same(metrics.loss, whole.loss, 1e-6, seed, batch);
            assert_true(metrics.accuracy == whole.accuracy || c.targets.classes == NULL);
        }
        drop(&c);
    }
}

static double nothing(size_t t, size_t total, void *context)
{
    (void)t, (void)total, (void)context;
    return 0.0;
}

/* Whatever the order; with the same set for validation. The parameters stay. */
static void training_loss_at_rate_0_is_that_of_an_evaluation(void **unused)
{
    static const mlp_optimizer_rule rules[] = { MLP_OPTIMIZER_SGD, MLP_OPTIMIZER_ADAM, MLP_OPTIMIZER_LBFGS };
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct sample_case c;
        mlp_metrics metrics;
        mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
        mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
        mlp_optimizer *optimizer;
        mlp_report *report;
        mlp_epoch epoch;
        make(&c, seed);
        schedule.rule = MLP_SCHEDULE_CUSTOM;
        schedule.custom = nothing;
        rule.rule = rules[seed % 3];
        fit.schedule = &schedule;
        fit.epochs = 2;
        fit.batch = rules[seed % 3] == MLP_OPTIMIZER_LBFGS ? c.count : c.batch;
        fit.seed = seed;
        fit.validation = c.data;
        assert_ok(mlp_evaluate(c.network, c.data, 0, 1, 0, &metrics, NULL));
        assert_ok(mlp_optimizer_create(c.network, &rule, &optimizer));
        assert_ok(mlp_fit(c.network, optimizer, c.data, &fit, &report));
        assert_ok(mlp_report_epoch(report, 1, &epoch));
        assert_same(epoch.loss, metrics.loss, 1e-6, seed, fit.batch);
        assert_same(epoch.validation.loss, metrics.loss, 1e-6, seed, fit.batch);
        assert_true(epoch.accuracy == metrics.accuracy || c.targets.classes == NULL);
        mlp_report_destroy(&report);
        mlp_optimizer_destroy(&optimizer);
        drop(&c);
    }
}

/* Batches without weight are left out, and every legal sample can be trained on and swept over. */
static void a_fit_goes_on_over_samples_without_weight(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        struct sample_case c;
        mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
        mlp_rate_test_options sweep = MLP_RATE_TEST_OPTIONS_INIT;
        mlp_rate_point points[20];
        mlp_optimizer *optimizer;
        size_t count;
        make(&c, seed);
        rule.learning_rate = 1e-3;
        fit.batch = 1 + seed % 3;
        fit.epochs = 3;
        fit.seed = seed;
        assert_ok(mlp_optimizer_create(c.network, &rule, &optimizer));
        assert_ok(mlp_fit(c.network, optimizer, c.data, &fit, NULL));
        assert_true(mlp_optimizer_updates(optimizer) > 0);
        sweep.steps = 20;
        sweep.batch = 1;
        sweep.low = 1e-9;
        sweep.high = 1e-8;
        assert_ok(mlp_rate_test(c.network, optimizer, c.data, &sweep, points, &count, NULL));
        for (size_t i = 0; i < count; i++) {
            assert_true(isfinite(points[i].loss) && isfinite(points[i].smoothed));
        }
        assert_true(count > 10); /* it may break out: single samples differ */
        mlp_optimizer_destroy(&optimizer);
        drop(&c);
    }
}

/* Four samples of which every second has a weight, one at a time: two steps are left out, and show so. */
static void a_step_that_is_left_out_is_counted(void **unused)
{
    static const float x[] = { 1.0f, 2.0f, 3.0f, 4.0f }, y[] = { 1.0f, 9.0f, 2.0f, 9.0f };
    static const float weights[] = { 1.0f, 0.0f, 3.0f, 0.0f };
    const mlp_layer layer = { .units = 1, .init = MLP_INIT_ZEROS };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_data *data;
    mlp_report *report;
    mlp_epoch epoch;
    (void)unused;
    arrays.count = 4;
    arrays.inputs = arrays.outputs = 1;
    arrays.features = x;
    arrays.values = y;
    arrays.weights = weights;
    rule.rule = MLP_OPTIMIZER_SGD;
    rule.learning_rate = 1e-30;
    fit.epochs = fit.batch = 1;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
    assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
    assert_ok(mlp_fit(network, optimizer, data, &fit, &report));
    assert_ok(mlp_report_epoch(report, 0, &epoch));
    assert_int_equal(mlp_optimizer_updates(optimizer), 2);
    assert_int_equal(epoch.steps, 4);
    assert_close(epoch.skipped, 0.5, 1e-15);
    assert_close(epoch.loss, (1.0 * 1.0 + 3.0 * 4.0) / 4.0, 1e-6);
    assert_close(epoch.gradient_norm, (sqrt(2.0 * 2.0 + 2.0 * 2.0) + sqrt(12.0 * 12.0 + 4.0 * 4.0)) / 2.0,
                 1e-6); /* dw = −2xy, db = −2y */
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

static void data_without_any_weight_are_refused(void **unused)
{
    static const float x[] = { 1.0f, 2.0f }, weights[] = { 0.0f, 0.0f }, of_classes[] = { 1.0f, 0.0f };
    static const int32_t classes[] = { 1, 1 };
    const mlp_layer layer = { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    (void)unused;
    for (int by_class = 0; by_class < 2; by_class++) {
        mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
        mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
        mlp_rate_point points[200];
        mlp_metrics metrics;
        mlp_network *network;
        mlp_optimizer *optimizer;
        mlp_data *data, *sound;
        size_t count;
        arrays.count = 2;
        arrays.inputs = 1;
        arrays.features = x;
        arrays.classes = (const int32_t[]){ 0, 0 };
        arrays.class_count = 2;
        assert_ok(mlp_data_create(&arrays, &sound));
        arrays.classes = classes;
        arrays.weights = by_class ? NULL : weights;
        options.class_weights = by_class ? of_classes : NULL;
        assert_ok(mlp_data_create(&arrays, &data));
        assert_ok(mlp_network_create(1, &layer, 1, &options, &network));
        assert_ok(mlp_optimizer_create(network, NULL, &optimizer));
        assert_refused(mlp_fit(network, optimizer, data, NULL, NULL), MLP_ERROR_RANGE, "weights", "0", NULL);
        assert_refused(mlp_rate_test(network, optimizer, data, NULL, points, &count, NULL), MLP_ERROR_RANGE,
                       "weights", NULL);
        fit.validation = data;
        assert_refused(mlp_fit(network, optimizer, sound, &fit, NULL), MLP_ERROR_RANGE, "validation",
                       "weights", NULL);
        assert_refused(mlp_evaluate(network, data, 1, 1, 0, &metrics, NULL), MLP_ERROR_NONFINITE, "weights",
                       NULL);
        assert_true(isnan(metrics.loss) && isfinite(metrics.accuracy));
        mlp_optimizer_destroy(&optimizer);
        mlp_network_destroy(&network);
        mlp_data_destroy(&data);
        mlp_data_destroy(&sound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluation_is_the_same_for_every_batch),
        cmocka_unit_test(training_loss_at_rate_0_is_that_of_an_evaluation),
        cmocka_unit_test(a_fit_goes_on_over_samples_without_weight),
        cmocka_unit_test(a_step_that_is_left_out_is_counted),
        cmocka_unit_test(data_without_any_weight_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
