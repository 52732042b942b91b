/* The training loop: history, short batches, early stopping, stops, seeds, failures. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/network.h"

enum { COUNT = 203, INPUTS = 5, OUTPUTS = 3 };

struct fixture {
    float x[COUNT * INPUTS];
    int32_t y[COUNT];
    mlp_data *data, *train, *validation;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_fit_options options;
};

/* Classes by which of the first three features is largest: learnable. */
static void make(struct fixture *f)
{
    const mlp_layer layers[] = { { .units = 16, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    const mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    uint64_t state = 11;
    test_fill(&state, -1.0, 1.0, f->x, COUNT * INPUTS);
    for (int i = 0; i < COUNT; i++) {
        const float *x = f->x + i * INPUTS;
        f->y[i] = x[0] > x[1] ? (x[0] > x[2] ? 0 : 2) : (x[1] > x[2] ? 1 : 2);
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = f->x;
    arrays.classes = f->y;
    rule.rule = MLP_OPTIMIZER_ADAM;
    rule.learning_rate = 0.01;
    f->options = fit;
    f->options.batch = 20;
    assert_ok(mlp_data_create(&arrays, &f->data));
    assert_ok(mlp_data_split(f->data, 0.25, 1, &f->train, &f->validation));
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &f->network));
    assert_ok(mlp_optimizer_create(f->network, &rule, &f->optimizer));
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_network_destroy(&f->network);
    mlp_data_destroy(&f->validation);
    mlp_data_destroy(&f->train);
    mlp_data_destroy(&f->data);
}

static void learns_and_keeps_a_history(void **unused)
{
    struct fixture f;
    mlp_report *report;
    mlp_epoch first, last;
    mlp_metrics metrics;
    (void)unused;
    make(&f);
    f.options.epochs = 30;
    f.options.validation = f.validation;
    assert_ok(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report));
    assert_int_equal(mlp_report_epochs(report), 30);
    assert_ok(mlp_report_epoch(report, 0, &first));
    assert_ok(mlp_report_epoch(report, 29, &last));
    assert_true(last.loss < 0.5 * first.loss && last.accuracy > 0.9 && last.validation.accuracy > 0.85);
    assert_int_equal(first.steps, 8); /* 152 samples: seven of 20 and one of 12 */
    assert_int_equal(mlp_optimizer_updates(f.optimizer), 240);
    assert_true(first.gradient_norm > 0.0 && first.clipped == 0.0 && first.skipped == 0.0);
    assert_close(last.learning_rate, 0.01, 1e-15);
    assert_ok(mlp_evaluate(f.network, f.validation, 7, 1, 0, &metrics, NULL));
    assert_close(metrics.loss, last.validation.loss, 1e-6);
    assert_true(metrics.accuracy == last.validation.accuracy);
    assert_refused(mlp_report_epoch(report, 30, &first), MLP_ERROR_RANGE, "30", NULL);
    mlp_report_destroy(&report);
    drop(&f);
}

/* Between the norms of the steps. */
#define BOUND 0.6

/* What the steps of an epoch reported. */
struct clipping {
    double norms, scales;
    size_t acted, applied;
};

static int add_clipping(const mlp_progress *progress, void *context)
{
    struct clipping *sums = context;
    if (!progress->epoch_ended && !progress->last.skipped) {
        sums->norms += progress->last.clip.norm;
        sums->scales += fmin(1.0, BOUND / progress->last.clip.norm); /* global norm, by its definition */
        sums->acted += progress->last.clip.norm > BOUND;
        sums->applied++;
    }
    return 0;
}

/* Without clipping the scale is exactly 1; a batch that is left out counts for none of the means. */
static void the_history_tells_of_clipping(void **unused)
{
    (void)unused;
    for (int clipped = 0; clipped <= 1; clipped++) {
        struct fixture f;
        struct clipping sums = { 0 };
        mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_report *report;
        mlp_epoch epoch;
        make(&f);
        mlp_optimizer_destroy(&f.optimizer);
        rule.learning_rate = 0.05;
        rule.clip = clipped ? MLP_CLIP_GLOBAL_NORM : MLP_CLIP_NONE;
        rule.clip_threshold = clipped ? BOUND : 0.0;
        rule.nonfinite = MLP_NONFINITE_SKIP;
        assert_ok(mlp_optimizer_create(f.network, &rule, &f.optimizer));
        f.x[0] = NAN; /* borrowed, and checked before: a sample that spoils its batch */
        f.options.epochs = 1;
        f.options.keep_order = 1;
        f.options.progress = add_clipping;
        f.options.progress_context = &sums;
        assert_ok(mlp_fit(f.network, f.optimizer, f.data, &f.options, &report));
        assert_ok(mlp_report_epoch(report, 0, &epoch));
        const double applied = (double)sums.applied;
        assert_true(epoch.steps == 11 && sums.applied == 10 && epoch.skipped == 1.0 / 11.0);
        assert_true(sums.acted > 0 && sums.acted < sums.applied);
        assert_close(epoch.gradient_norm, sums.norms / applied, 1e-12);
        assert_close(epoch.clip_scale, clipped ? sums.scales / applied : 1.0,
                     clipped ? 1e-7 : 0.0); /* factors are floats */
        assert_close(epoch.clipped, clipped ? (double)sums.acted / 11.0 : 0.0, 1e-12);
        mlp_report_destroy(&report);
        drop(&f);
    }
}

struct watch {
    size_t calls, epochs, stop_after;
    mlp_network *network;
    float *parameters[64]; /* after each epoch */
    double losses[64];
};

static int watch(const mlp_progress *progress, void *context)
{
    struct watch *w = context;
    w->calls++;
    assert_true(progress->step <= progress->steps && progress->epoch <= progress->epochs);
    if (progress->epoch_ended) {
        const size_t bytes = w->network->arena_size * sizeof(float);
        w->losses[w->epochs] = progress->validation.loss;
        w->parameters[w->epochs] = malloc(bytes);
        memcpy(w->parameters[w->epochs++], w->network->parameters, bytes);
    }
    return w->calls == w->stop_after;
}

/* A learning rate that soon overshoots: the best epoch's parameters come back, to the bit. */
static void early_stopping_restores_the_best(void **unused)
{
    struct fixture f;
    struct watch w = { 0 };
    mlp_report *report;
    size_t best = 0;
    (void)unused;
    make(&f);
    w.network = f.network;
    assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 0.3));
    f.options.epochs = 60;
    f.options.validation = f.validation;
    f.options.patience = 4;
    f.options.progress = watch;
    f.options.progress_context = &w;
    assert_ok(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report));
    for (size_t e = 1; e < w.epochs; e++) {
        best = w.losses[e] < w.losses[best] ? e : best;
    }
    assert_true(mlp_report_stopped_early(report) && mlp_report_restored(report) &&
                !mlp_report_stopped(report));
    assert_int_equal(mlp_report_best_epoch(report), best);
    assert_int_equal(mlp_report_epochs(report), best + 1 + 4);
    assert_memory_equal(f.network->parameters, w.parameters[best], f.network->arena_size * sizeof(float));
    for (size_t e = 0; e < w.epochs; e++) {
        free(w.parameters[e]);
    }
    mlp_report_destroy(&report);
    drop(&f);
}

enum { LONG = 40 };

/* Losses and accuracies of a fit that nothing stops. */
static void take_history(double training[LONG], double validation[LONG], double accuracy[LONG])
{
    struct fixture f;
    mlp_report *report;
    make(&f);
    assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 0.1));
    f.options.epochs = LONG;
    f.options.validation = f.validation;
    assert_ok(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report));
    for (size_t e = 0; e < LONG; e++) {
        mlp_epoch epoch;
        assert_ok(mlp_report_epoch(report, e, &epoch));
        training[e] = epoch.loss;
        validation[e] = epoch.validation.loss;
        accuracy[e] = epoch.validation.accuracy;
    }
    mlp_report_destroy(&report);
    drop(&f);
}

/* The epochs that a fit with these options does, and its best one. */
static size_t epochs_with(const mlp_fit_options *options, size_t *best)
{
    struct fixture f;
    mlp_report *report;
    make(&f);
    assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 0.1));
    mlp_fit_options fit = *options;
    fit.batch = f.options.batch;
    fit.epochs = LONG;
    fit.validation = f.validation;
    assert_ok(mlp_fit(f.network, f.optimizer, f.train, &fit, &report));
    const size_t epochs = mlp_report_epochs(report);
    assert_true(mlp_report_stopped_early(report) || epochs == LONG);
    assert_false(fit.stop_figure == MLP_STOP_TRAINING_LOSS && mlp_report_restored(report));
    *best = mlp_report_best_epoch(report);
    mlp_report_destroy(&report);
    drop(&f);
    return epochs;
}

/* sklearn/neural_network/_multilayer_perceptron.py, _update_no_improvement_count() and what asks it, for a
 * figure of which less is better. */
static size_t scikit_learns_epochs(const double *figure, size_t n_iter_no_change, double tol)
{
    double best = INFINITY;
    size_t no_improvement = 0, e = 0;
    while (e < LONG) {
        no_improvement = figure[e] > best - tol ? no_improvement + 1 : 0;
        best = figure[e] < best ? figure[e] : best;
        e++;
        if (no_improvement > n_iter_no_change) {
            break;
        }
    }
    return e;
}

/* keras/src/callbacks/early_stopping.py, on_epoch_end(). */
static size_t keras_epochs(const double *figure, size_t patience, double min_delta, size_t *best_epoch)
{
    double best = INFINITY;
    size_t wait = 0, e = 0;
    *best_epoch = 0;
    while (e < LONG) {
        wait++;
        if (figure[e] < best - min_delta) {
            best = figure[e];
            *best_epoch = e;
            wait = 0;
        }
        e++;
        if (wait >= patience) {
            break;
        }
    }
    return e;
}

static void other_programs_rules_of_stopping_are_expressed(void **unused)
{
    static const double margins[] = { 0.0, 1e-3, 0.01, 0.05 };
    double training[LONG], validation[LONG], accuracy[LONG], negative[LONG];
    size_t stopped = 0, differ = 0, best, expected;
    (void)unused;
    take_history(training, validation, accuracy);
    for (size_t e = 0; e < LONG; e++) {
        negative[e] = -accuracy[e];
    }
    const double *const figures[] = { validation, training, negative };
    for (int figure = 0; figure < 3; figure++) {
        for (size_t m = 0; m < 4; m++) {
            for (size_t patience = 1; patience < 12; patience += 2) {
                mlp_fit_options o = MLP_FIT_OPTIONS_INIT;
                o.stop_figure = (mlp_stop_figure)figure;
                o.patience = patience;
                o.minimum_improvement = margins[m];
                const size_t epochs = keras_epochs(figures[figure], patience, margins[m], &expected);
                assert_int_equal(epochs_with(&o, &best), epochs);
                assert_true(figure == MLP_STOP_TRAINING_LOSS || best == expected);
                o.patience_from_least = 1;
                const size_t theirs = scikit_learns_epochs(figures[figure], patience - 1, margins[m]);
                /* where a figure is met by exactly the margin, the two rules differ: > and < */
                if (margins[m] > 0.0) {
                    assert_int_equal(epochs_with(&o, &best), theirs);
                }
                stopped += epochs < LONG;
                differ += theirs != epochs;
            }
        }
    }
    assert_true(stopped > 20 && differ > 5);
}

/* Every third epoch and the last one; patience and the best epoch are of those alone. */
static void validation_may_be_seldom(void **unused)
{
    double training[LONG], validation[LONG], accuracy[LONG];
    struct fixture f;
    mlp_report *report;
    mlp_epoch epoch;
    size_t best = 2;
    (void)unused;
    take_history(training, validation, accuracy);
    for (size_t last = 8; last <= LONG; last += 16) {
        make(&f);
        assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 0.1));
        f.options.epochs = last;
        f.options.validation = f.validation;
        f.options.validate_every = 3;
        assert_ok(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report));
        for (size_t e = 0; e < last; e++) {
            const bool due = (e + 1) % 3 == 0 || e + 1 == last;
            assert_ok(mlp_report_epoch(report, e, &epoch));
            assert_true(epoch.loss == training[e]);
            assert_true(due ? epoch.validation.loss == validation[e] : isnan(epoch.validation.loss));
            assert_int_equal(epoch.validation.count, due ? mlp_data_count(f.validation) : 0);
            best = due && validation[e] < validation[best] ? e : best;
        }
        assert_int_equal(mlp_report_best_epoch(report), best);
        mlp_report_destroy(&report);
        drop(&f);
    }
}

static void the_callback_stops_it(void **unused)
{
    struct fixture f;
    struct watch w = { .stop_after = 13 };
    mlp_report *report;
    (void)unused;
    make(&f);
    w.network = f.network;
    f.options.progress = watch;
    f.options.progress_context = &w;
    assert_ok(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report));
    assert_true(mlp_report_stopped(report));
    assert_int_equal(mlp_report_epochs(report), 2);
    assert_int_equal(mlp_optimizer_updates(f.optimizer), 12); /* 8 steps, the epoch's call, 4 steps */
    free(w.parameters[0]);
    mlp_report_destroy(&report);
    drop(&f);
}

static void the_seed_decides(void **unused)
{
    float *result[3];
    (void)unused;
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        make(&f);
        f.options.epochs = 3;
        f.options.seed = i == 2;
        f.options.threads = 1 + i;
        assert_ok(mlp_fit(f.network, f.optimizer, f.train, &f.options, NULL));
        result[i] = malloc(f.network->arena_size * sizeof(float));
        memcpy(result[i], f.network->parameters, f.network->arena_size * sizeof(float));
        if (i == 1) {
            assert_memory_equal(result[0], result[1], f.network->arena_size * sizeof(float));
        } else if (i == 2) {
            assert_true(memcmp(result[0], result[2], f.network->arena_size * sizeof(float)) != 0);
        }
        drop(&f);
    }
    for (int i = 0; i < 3; i++) {
        free(result[i]);
    }
}

/* A failed step leaves the network as the step before left it, and the report tells of the epochs so far. */
static void a_failed_step_keeps_what_was_learnt(void **unused)
{
    struct fixture f;
    mlp_report *report;
    (void)unused;
    make(&f);
    assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 3e38));
    f.options.epochs = 5;
    assert_refused(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report), MLP_ERROR_NONFINITE,
                   "nothing was updated", NULL);
    assert_non_null(report);
    assert_int_equal(mlp_report_epochs(report), 1);
    mlp_report_destroy(&report);
    drop(&f);
}

static void bad_options_are_named(void **unused)
{
    struct fixture f;
    const mlp_layer wide[] = { { .units = 2, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *other;
    mlp_optimizer *optimizer;
    mlp_report *report;
    (void)unused;
    make(&f);
    f.options.patience = 3;
    assert_refused(mlp_fit(f.network, f.optimizer, f.train, &f.options, &report), MLP_ERROR_ARGUMENT,
                   "patience", NULL);
    assert_null(report);
    f.options.patience = 0;
    f.options.minimum_improvement = -1.0;
    assert_refused(mlp_fit(f.network, f.optimizer, f.train, &f.options, NULL), MLP_ERROR_RANGE,
                   "minimum_improvement", NULL);
    f.options.minimum_improvement = 0.0;
    f.options.stop_figure = (mlp_stop_figure)3;
    assert_refused(mlp_fit(f.network, f.optimizer, f.train, &f.options, NULL), MLP_ERROR_ARGUMENT,
                   "stop figure", NULL);
    f.options.stop_figure = MLP_STOP_VALIDATION_ACCURACY;
    assert_refused(mlp_fit(f.network, f.optimizer, f.train, &f.options, NULL), MLP_ERROR_ARGUMENT,
                   "validation-accuracy", "no validation set", NULL);
    f.options.stop_figure = MLP_STOP_VALIDATION_LOSS;
    assert_ok(mlp_network_create(INPUTS, wide, 1, NULL, &other));
    assert_refused(mlp_fit(other, f.optimizer, f.train, &f.options, NULL), MLP_ERROR_SHAPE,
                   "optimizer was made for", NULL);
    assert_ok(mlp_optimizer_create(other, NULL, &optimizer));
    assert_refused(mlp_fit(other, optimizer, f.train, &f.options, NULL), MLP_ERROR_SHAPE, "3 classes", NULL);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&other);
    assert_ok(mlp_network_create(INPUTS + 1, wide, 1, NULL, &other));
    assert_ok(mlp_optimizer_create(other, NULL, &optimizer));
    assert_refused(mlp_fit(other, optimizer, f.train, &f.options, NULL), MLP_ERROR_SHAPE, "inputs", NULL);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&other);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_and_keeps_a_history),
        cmocka_unit_test(the_history_tells_of_clipping),
        cmocka_unit_test(early_stopping_restores_the_best),
        cmocka_unit_test(other_programs_rules_of_stopping_are_expressed),
        cmocka_unit_test(validation_may_be_seldom),
        cmocka_unit_test(the_callback_stops_it),
        cmocka_unit_test(the_seed_decides),
        cmocka_unit_test(a_failed_step_keeps_what_was_learnt),
        cmocka_unit_test(bad_options_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
