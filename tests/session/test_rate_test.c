/* The learning-rate range test: a problem whose limit is known, and everything put back. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/network.h"
#include "optim/optimizer.h"

enum { COUNT = 64, INPUTS = 4 };

struct fixture {
    float x[COUNT * INPUTS], y[COUNT];
    mlp_data *data;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_rate_test_options options;
    mlp_rate_point points[400];
    size_t count;
};

/* Linear regression on inputs of ±1, whose mean squares are 1 and products 0: the loss is Σ(w − w*)²·½-like
 * with all curvatures alike, so gradient descent at rate η multiplies each error by 1 − 2η and diverges
 * beyond η = 1. */
static void make(struct fixture *f, mlp_optimizer_rule rule)
{
    const mlp_layer layer = { .units = 1, .init = MLP_INIT_ZEROS };
    mlp_network_options network = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    const mlp_rate_test_options test = MLP_RATE_TEST_OPTIONS_INIT;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    for (int i = 0; i < COUNT; i++) {
        f->y[i] = 0.0f;
        for (int j = 0; j < INPUTS; j++) {
            f->x[i * INPUTS + j] = (i >> j & 1) != 0 ? 1.0f : -1.0f;
            f->y[i] += 0.37f * (float)(j + 1) * f->x[i * INPUTS + j];
        }
    }
    network.loss = MLP_LOSS_SQUARED_ERROR;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = f->x;
    arrays.values = f->y;
    arrays.outputs = 1;
    options.rule = rule;
    assert_ok(mlp_data_create(&arrays, &f->data));
    assert_ok(mlp_network_create(INPUTS, &layer, 1, &network, &f->network));
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
    f->options = test;
    f->options.batch = COUNT;
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_network_destroy(&f->network);
    mlp_data_destroy(&f->data);
}

/* The rate beyond which one step makes the loss larger: by hand. */
static double limit_of(struct fixture *f)
{
    double rate = 1e-3;
    for (double larger = 0.0; larger == 0.0; rate *= 1.01) {
        mlp_network *copy;
        mlp_optimizer *optimizer;
        mlp_metrics before, after;
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
        options.learning_rate = rate;
        fit.epochs = 1;
        fit.batch = COUNT;
        assert_ok(mlp_network_copy(f->network, &copy));
        assert_ok(mlp_optimizer_create(copy, &options, &optimizer));
        assert_ok(mlp_evaluate(copy, f->data, 0, 1, 0, &before, NULL));
        assert_ok(mlp_fit(copy, optimizer, f->data, &fit, NULL));
        assert_ok(mlp_evaluate(copy, f->data, 0, 1, 0, &after, NULL));
        larger = after.loss > before.loss;
        mlp_optimizer_destroy(&optimizer);
        mlp_network_destroy(&copy);
    }
    return rate;
}

static void the_limit_of_a_quadratic_is_found(void **unused)
{
    struct fixture f;
    mlp_rate_suggestion suggestion;
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD);
    const double limit = limit_of(&f);
    f.options.high = 1000.0;
    assert_ok(mlp_rate_test(f.network, f.optimizer, f.data, &f.options, f.points, &f.count, &suggestion));
    assert_true(f.count > 100 && f.count < 200); /* it breaks out */
    assert_close(f.points[0].rate, 1e-7, 1e-15);
    assert_close(f.points[1].rate / f.points[0].rate, pow(1e10, 1.0 / 199.0), 1e-9);
    /* the mean lags by some 20 steps, in which the rate grows tenfold */
    assert_true(f.points[f.count - 1].rate > limit && suggestion.lowest > 0.1 * limit &&
                suggestion.lowest < 30.0 * limit);
    assert_true(suggestion.steepest > limit / 1000.0 && suggestion.steepest < limit);
    double mean = 0.0, weight = 0.0; /* the smoothing's definition */
    for (size_t k = 0; k < f.count; k++) {
        mean = 0.95 * mean + 0.05 * f.points[k].loss;
        weight = 0.95 * weight + 0.05;
        assert_close(f.points[k].smoothed, mean / weight, 1e-9);
    }
    drop(&f);
}

/* By the definition: the steepest fall over `reach` steps each way, up to the lowest point. */
static void assert_suggested(const mlp_rate_point *points, size_t count, size_t reach,
                             const mlp_rate_suggestion *suggestion, size_t *lowest)
{
    size_t steepest = 0;
    double fall = 0.0;
    *lowest = 0;
    for (size_t k = 0; k < count; k++) {
        *lowest = points[k].smoothed < points[*lowest].smoothed ? k : *lowest;
    }
    for (size_t k = reach; k <= *lowest; k++) {
        if (k + reach < count && points[k - reach].smoothed - points[k + reach].smoothed > fall) {
            fall = points[k - reach].smoothed - points[k + reach].smoothed;
            steepest = k;
        }
    }
    assert_true(suggestion->lowest == points[*lowest].rate);
    assert_true(fall > 0.0 ? suggestion->steepest == points[steepest].rate : isnan(suggestion->steepest));
}

/* The lowest point and the steepest fall over a fortieth of the steps each way, before it, of the points
 * alone: what lies behind them is none. With a highest rate at which the loss still falls the lowest is the
 * last. */
static void the_suggestion_is_that_of_the_points(void **unused)
{
    static const double highest[] = { 1e-4, 1e-2, 0.3, 10.0, 1e30 };
    (void)unused;
    for (size_t i = 0; i < 5; i++) {
        struct fixture f;
        mlp_rate_suggestion suggestion;
        size_t lowest;
        make(&f, MLP_OPTIMIZER_SGD);
        f.options.high = highest[i];
        for (size_t k = 0; k < 400; k++) {
            f.points[k].smoothed = -1e9;
        }
        assert_ok(mlp_rate_test(f.network, f.optimizer, f.data, &f.options, f.points, &f.count, &suggestion));
        assert_suggested(f.points, f.count, 5, &suggestion, &lowest); /* 200 steps */
        assert_true(!isnan(suggestion.steepest));
        assert_true(highest[i] > 0.1 || lowest + 1 == f.count);
        drop(&f);
    }
}

static mlp_status draw_loss(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                            size_t ld, float *gradient, double *loss, void *context)
{
    (void)outputs;
    (void)targets;
    if (gradient != NULL) {
        memset(gradient, 0, ((count - 1) * ld + units) * sizeof *gradient);
    }
    *loss = test_uniform(context, 100.0, 200.0);
    return MLP_OK;
}

/* Losses that rise and fall at random: also where the steepest fall is around the lowest point itself, or
 * around one that is a step or two from an end. */
static void the_suggestion_of_random_losses(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fixture f;
        mlp_rate_suggestion suggestion;
        size_t lowest;
        uint64_t state = seed;
        const mlp_layer layer = { .units = 1 };
        mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
        make(&f, MLP_OPTIMIZER_SGD);
        mlp_optimizer_destroy(&f.optimizer);
        mlp_network_destroy(&f.network);
        options.loss = MLP_LOSS_CUSTOM;
        options.custom_loss = draw_loss;
        options.custom_loss_context = &state;
        assert_ok(mlp_network_create(INPUTS, &layer, 1, &options, &f.network));
        assert_ok(mlp_optimizer_create(f.network, NULL, &f.optimizer));
        f.options.steps = 20 + seed;
        assert_ok(mlp_rate_test(f.network, f.optimizer, f.data, &f.options, f.points, &f.count, &suggestion));
        assert_suggested(f.points, f.count, f.options.steps / 40 > 0 ? f.options.steps / 40 : 1, &suggestion,
                         &lowest);
        drop(&f);
    }
}

static void everything_is_put_back(void **unused)
{
    (void)unused;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        struct fixture f, twin;
        mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
        fit.epochs = 2;
        fit.batch = 10;
        make(&f, (mlp_optimizer_rule)r);
        make(&twin, (mlp_optimizer_rule)r);
        assert_ok(mlp_fit(f.network, f.optimizer, f.data, &fit, NULL));
        assert_ok(mlp_fit(twin.network, twin.optimizer, twin.data, &fit, NULL));
        f.options.batch = 7;
        f.options.high = 1e30;
        assert_ok(mlp_rate_test(f.network, f.optimizer, f.data, &f.options, f.points, &f.count, NULL));
        assert_ok(mlp_fit(f.network, f.optimizer, f.data, &fit, NULL));
        assert_ok(mlp_fit(twin.network, twin.optimizer, twin.data, &fit, NULL));
        assert_memory_equal(f.network->parameters, twin.network->parameters,
                            f.network->arena_size * sizeof(float));
        assert_int_equal(f.optimizer->updates, twin.optimizer->updates);
        drop(&f);
        drop(&twin);
    }
}

static mlp_status test_rates(struct fixture *f, const mlp_rate_test_options *options)
{
    return mlp_rate_test(f->network, f->optimizer, f->data, options, f->points, &f->count, NULL);
}

static void bad_options_are_named(void **unused)
{
    struct fixture f;
    mlp_rate_suggestion suggestion = { 1.0, 1.0 };
    (void)unused;
    make(&f, MLP_OPTIMIZER_SGD);
    f.options.low = 2.0;
    f.options.high = 1.0;
    assert_refused(test_rates(&f, &f.options), MLP_ERROR_RANGE, "low is 2", "high is 1", NULL);
    f.options.low = -1.0;
    assert_refused(test_rates(&f, &f.options), MLP_ERROR_RANGE, "-1", NULL);
    f.options.low = 0.0;
    f.options.steps = 5;
    assert_refused(mlp_rate_test(f.network, f.optimizer, f.data, &f.options, f.points, &f.count, &suggestion),
                   MLP_ERROR_RANGE, "steps is 5", "20", NULL);
    assert_true(isnan(suggestion.steepest) && isnan(suggestion.lowest)); /* nothing was learnt */
    assert_refused(mlp_rate_test(f.network, f.optimizer, f.data, NULL, NULL, &f.count, NULL),
                   MLP_ERROR_ARGUMENT, "points", NULL);
    network_write(f.network)[0] = 3e38f;
    assert_refused(test_rates(&f, NULL), MLP_ERROR_NONFINITE, "finite", NULL);
    assert_true(f.network->parameters[0] == 3e38f);
    drop(&f);
}

static void short_memory_loses_nothing(void **unused)
{
    struct fixture f;
    mlp_status status = MLP_ERROR_MEMORY;
    size_t n = 0;
    (void)unused;
    make(&f, MLP_OPTIMIZER_ADAM);
    const float before = f.network->parameters[1];
    for (; status != MLP_OK; n++) {
        const size_t live = memory_live_count();
        memory_fail_after(n);
        status = mlp_rate_test(f.network, f.optimizer, f.data, NULL, f.points, &f.count, NULL);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        assert_int_equal(memory_live_count(), live);
        assert_true(f.network->parameters[1] == before && f.optimizer->updates == 0);
    }
    assert_true(n > 5);
    drop(&f);
}

/* A loss that counts how often each sample, known by its target, is seen. */
static mlp_status count_samples(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                                size_t ld, float *gradient, double *loss, void *context)
{
    size_t *seen = context;
    (void)outputs;
    for (size_t i = 0; i < count; i++) {
        seen[(size_t)targets->values[i]]++;
        if (gradient != NULL) {
            memset(gradient + i * ld, 0, units * sizeof *gradient);
        }
    }
    *loss = 1.0;
    return MLP_OK;
}

/* Batches are shuffled epochs one after the other: after three of them every sample was seen three times. */
static void epochs_follow_one_another(void **unused)
{
    enum { BATCH = 8, ROUNDS = 3 };
    size_t seen[COUNT] = { 0 };
    float x[COUNT] = { 0 }, y[COUNT];
    const mlp_layer layer = { .units = 1 };
    mlp_network_options network_options = MLP_NETWORK_OPTIONS_INIT;
    mlp_rate_test_options options = MLP_RATE_TEST_OPTIONS_INIT;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_rate_point points[COUNT / BATCH * ROUNDS];
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_data *data;
    size_t count;
    (void)unused;
    for (size_t i = 0; i < COUNT; i++) {
        y[i] = (float)i;
    }
    arrays.count = COUNT;
    arrays.inputs = arrays.outputs = 1;
    arrays.features = x;
    arrays.values = y;
    network_options.loss = MLP_LOSS_CUSTOM;
    network_options.custom_loss = count_samples;
    network_options.custom_loss_context = seen;
    options.batch = BATCH;
    options.steps = COUNT / BATCH * ROUNDS;
    assert_ok(mlp_data_create(&arrays, &data));
    assert_ok(mlp_network_create(1, &layer, 1, &network_options, &network));
    assert_ok(mlp_optimizer_create(network, NULL, &optimizer));
    assert_ok(mlp_rate_test(network, optimizer, data, &options, points, &count, NULL));
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(seen[i], ROUNDS);
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_of_a_quadratic_is_found),
        cmocka_unit_test(the_suggestion_is_that_of_the_points),
        cmocka_unit_test(the_suggestion_of_random_losses),
        cmocka_unit_test(everything_is_put_back),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(short_memory_loses_nothing),
        cmocka_unit_test(epochs_follow_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
