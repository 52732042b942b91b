/* Averaged weights against means in double of the parameters that a fit went through. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "optim/pytorch_rules.h"
#include "session/average.h"

enum { COUNT = 60, INPUTS = 5, CLASSES = 3, BATCH = 20, EPOCHS = 8, MOST = 4000 };

struct fixture {
    float x[COUNT * INPUTS];
    int32_t y[COUNT];
    mlp_data *data;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_fit_options options;
    mlp_average_options average;
    double mean[MOST];
    size_t steps, epochs;  /* in the mean */
    double losses[EPOCHS]; /* of validation */
};

static void make(struct fixture *f, mlp_average rule)
{
    const mlp_layer layers[] = { { .units = 12, .activation = MLP_ACTIVATION_TANH },
                                 { .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    const mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    const mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_optimizer_options sgd = MLP_OPTIMIZER_OPTIONS_INIT;
    uint64_t state = 3;
    *f = (struct fixture){ .options = options, .average = average };
    test_fill(&state, -1.0, 1.0, f->x, COUNT * INPUTS);
    for (int i = 0; i < COUNT; i++) {
        f->y[i] = i % CLASSES;
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = f->x;
    arrays.classes = f->y;
    sgd.learning_rate = 0.5;
    assert_ok(mlp_data_create(&arrays, &f->data));
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &f->network));
    assert_ok(mlp_optimizer_create(f->network, &sgd, &f->optimizer));
    assert_true(f->network->arena_size <= MOST);
    f->average.rule = rule;
    f->options.epochs = EPOCHS;
    f->options.batch = BATCH;
    f->options.average = &f->average;
    f->options.progress_context = f;
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_network_destroy(&f->network);
    mlp_data_destroy(&f->data);
}

static void assert_mean(const struct fixture *f)
{
    for (size_t i = 0; i < f->network->arena_size; i++) {
        assert_close(f->network->parameters[i], f->mean[i], 3e-6);
    }
}

/* The definition: weights d^(steps since), with the warm-up's smaller d at first. */
static int follow_ema(const mlp_progress *progress, void *context)
{
    struct fixture *f = context;
    const double n = (double)f->steps, decay = f->steps == 0 ? 0.0 : fmin(0.9, (1.0 + n) / (10.0 + n));
    if (progress->epoch_ended) {
        return 0;
    }
    f->steps++;
    for (size_t i = 0; i < f->network->arena_size; i++) {
        f->mean[i] = decay * f->mean[i] + (1.0 - decay) * (double)f->network->parameters[i];
    }
    return 0;
}

static void ema_is_its_recursion(void **unused)
{
    struct fixture f;
    (void)unused;
    make(&f, MLP_AVERAGE_EMA);
    f.average.decay = 0.9;
    f.options.progress = follow_ema;
    assert_ok(mlp_fit(f.network, f.optimizer, f.data, &f.options, NULL));
    assert_int_equal(f.steps, EPOCHS * COUNT / BATCH);
    assert_mean(&f);
    drop(&f);
}

static int follow_swa(const mlp_progress *progress, void *context)
{
    struct fixture *f = context;
    if (progress->epoch_ended && progress->epoch > EPOCHS / 2) {
        for (size_t i = 0; i < f->network->arena_size; i++) {
            f->mean[i] += (double)f->network->parameters[i] / (EPOCHS - EPOCHS / 2);
        }
        f->epochs++;
    }
    return 0;
}

static void swa_is_the_mean_of_the_last_epochs(void **unused)
{
    struct fixture f;
    (void)unused;
    make(&f, MLP_AVERAGE_SWA);
    f.average.start = 0.5;
    f.options.progress = follow_swa;
    assert_ok(mlp_fit(f.network, f.optimizer, f.data, &f.options, NULL));
    assert_int_equal(f.epochs, EPOCHS / 2);
    assert_mean(&f);
    drop(&f);
}

/* What is validated, and kept as the best, is the mean; training goes on from the parameters themselves. */
static void the_mean_is_what_is_judged(void **unused)
{
    struct fixture f, plain;
    mlp_report *report;
    mlp_epoch last;
    mlp_metrics metrics;
    (void)unused;
    make(&f, MLP_AVERAGE_EMA);
    make(&plain, MLP_AVERAGE_NONE);
    f.options.validation = f.data;
    f.options.patience = EPOCHS;
    assert_ok(mlp_fit(f.network, f.optimizer, f.data, &f.options, &report));
    assert_ok(mlp_report_epoch(report, mlp_report_best_epoch(report), &last));
    assert_ok(mlp_evaluate(f.network, f.data, 0, 1, 0, &metrics, NULL));
    assert_close(metrics.loss, last.validation.loss, 1e-6);
    mlp_report_destroy(&report);
    plain.options.validation = plain.data;
    mlp_report *other;
    mlp_epoch a, b;
    drop(&f);
    make(&f, MLP_AVERAGE_EMA);
    assert_ok(mlp_fit(f.network, f.optimizer, f.data, &f.options, &report));
    assert_ok(mlp_fit(plain.network, plain.optimizer, plain.data, &plain.options, &other));
    for (size_t e = 0; e < EPOCHS; e++) {
        assert_ok(mlp_report_epoch(report, e, &a));
        assert_ok(mlp_report_epoch(other, e, &b));
        assert_true(a.loss == b.loss); /* the same steps */
    }
    mlp_report_destroy(&report);
    mlp_report_destroy(&other);
    drop(&f);
    drop(&plain);
}

static void bad_options_are_named(void **unused)
{
    struct fixture f;
    mlp_average rule;
    (void)unused;
    make(&f, MLP_AVERAGE_EMA);
    f.average.decay = 1.0;
    assert_refused(mlp_fit(f.network, f.optimizer, f.data, &f.options, NULL), MLP_ERROR_RANGE, "decay is 1",
                   NULL);
    f.average.decay = 0.0;
    f.average.start = 0.5;
    assert_refused(mlp_fit(f.network, f.optimizer, f.data, &f.options, NULL), MLP_ERROR_RANGE, "start is 0.5",
                   "swa", NULL);
    f.average.rule = (mlp_average)7;
    assert_refused(mlp_fit(f.network, f.optimizer, f.data, &f.options, NULL), MLP_ERROR_ARGUMENT, "average",
                   "7", NULL);
    for (size_t i = 0; i < mlp_average_count(); i++) {
        assert_ok(mlp_average_from_name(mlp_average_name((mlp_average)i), &rule));
        assert_int_equal(rule, i);
        assert_non_null(mlp_average_description(rule));
    }
    drop(&f);
}

/* The means of PyTorch's AveragedModel, of given parameters. */
static void means_are_pytorchs(void **unused)
{
    const mlp_layer layer = { .units = PYTORCH_PARAMETERS };
    (void)unused;
    for (int k = 0; k < 2; k++) {
        mlp_average_options options = MLP_AVERAGE_OPTIONS_INIT;
        mlp_network *network;
        struct average average;
        options.rule = k == 0 ? MLP_AVERAGE_EMA : MLP_AVERAGE_SWA;
        options.decay = k == 0 ? PYTORCH_EMA_DECAY : 0.0;
        options.start = k == 0 ? 0.0 : 1e-9; /* from the first epoch on */
        assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
        assert_ok(average_begin(&average, &options, network, PYTORCH_STEPS));
        float *w = network_write(network) + network->layers[0].weights;
        for (int t = 0; t < PYTORCH_STEPS; t++) {
            for (int i = 0; i < PYTORCH_PARAMETERS; i++) {
                w[i] = ((float)i - 3.5f) / 4.0f + (float)((7 * i + 5 * t) % 11 - 5) / 8.0f;
            }
            average_step(&average, network, 1);
            average_epoch(&average, network, (size_t)t, 1);
        }
        assert_int_equal(average.count, PYTORCH_STEPS);
        average_swap(&average, network);
        for (int i = 0; i < PYTORCH_PARAMETERS; i++) {
            assert_close(w[i], k == 0 ? pytorch_ema[i] : pytorch_swa[i],
                         1e-6); /* 40 roundings of 2⁻²⁴ at most */
        }
        average_free(&average);
        mlp_network_destroy(&network);
    }
}

/* Parameters from one end of float's range to the other: the mean is within it. */
static void means_of_the_largest_floats_are_finite(void **unused)
{
    const mlp_layer layer = { .units = 1 };
    (void)unused;
    for (int k = 0; k < 2; k++) {
        mlp_average_options options = MLP_AVERAGE_OPTIONS_INIT;
        mlp_network *network;
        struct average average;
        double reference = 0.0;
        options.rule = k == 0 ? MLP_AVERAGE_EMA : MLP_AVERAGE_SWA;
        options.start = k == 0 ? 0.0 : 1e-9;
        assert_ok(mlp_network_create(1, &layer, 1, NULL, &network));
        assert_ok(average_begin(&average, &options, network, 20));
        for (size_t t = 0; t < 20; t++) {
            const float w = t % 2 == 0 ? FLT_MAX : -FLT_MAX;
            const double n = (double)t,
                         share = k == 1 ? 1.0 / (n + 1.0) : 1.0 - fmin(0.999, (1.0 + n) / (10.0 + n));
            network_write(network)[network->layers[0].weights] = w;
            average_step(&average, network, 1);
            average_epoch(&average, network, t, 1);
            reference += (t == 0 ? 1.0 : share) * ((double)w - reference);
            assert_true(isfinite(average.mean[network->layers[0].weights]));
            assert_close((double)average.mean[network->layers[0].weights] / (double)FLT_MAX,
                         reference / (double)FLT_MAX, 1e-6);
        }
        average_free(&average);
        mlp_network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ema_is_its_recursion),  cmocka_unit_test(swa_is_the_mean_of_the_last_epochs),
        cmocka_unit_test(means_are_pytorchs),    cmocka_unit_test(the_mean_is_what_is_judged),
        cmocka_unit_test(bad_options_are_named), cmocka_unit_test(means_of_the_largest_floats_are_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
