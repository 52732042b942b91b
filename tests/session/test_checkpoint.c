/* A fit that goes on from a checkpoint has the bits of one that was never interrupted. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "checkpoint_fixture.h"
#include "model/network.h"
#include "optim/optimizer.h"

static bool same_double(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void assert_same_history(const mlp_report *a, const mlp_report *b)
{
    assert_int_equal(mlp_report_epochs(a), mlp_report_epochs(b));
    assert_int_equal(mlp_report_best_epoch(a), mlp_report_best_epoch(b));
    assert_int_equal(mlp_report_stopped_early(a), mlp_report_stopped_early(b));
    assert_int_equal(mlp_report_restored(a), mlp_report_restored(b));
    for (size_t e = 0; e < mlp_report_epochs(a); e++) {
        mlp_epoch x, y;
        assert_ok(mlp_report_epoch(a, e, &x));
        assert_ok(mlp_report_epoch(b, e, &y));
        assert_true(same_double(x.loss, y.loss) && same_double(x.accuracy, y.accuracy) &&
                    same_double(x.validation.loss, y.validation.loss) &&
                    x.validation.count == y.validation.count &&
                    same_double(x.validation.accuracy, y.validation.accuracy) &&
                    same_double(x.gradient_norm, y.gradient_norm) &&
                    same_double(x.clip_scale, y.clip_scale) && x.clipped == y.clipped &&
                    x.skipped == y.skipped && x.learning_rate == y.learning_rate && x.steps == y.steps);
    }
    assert_int_equal(mlp_report_monitor_count(a), mlp_report_monitor_count(b));
    for (size_t i = 0; i < mlp_report_monitor_count(a); i++) {
        mlp_monitor_record x, y;
        mlp_monitor_layer u[3], v[3];
        assert_ok(mlp_report_monitor(a, i, &x, u));
        assert_ok(mlp_report_monitor(b, i, &y, v));
        assert_true(x.step == y.step && x.epoch == y.epoch && x.loss == y.loss && x.findings == y.findings);
        for (size_t l = 0; l < 3; l++) {
            assert_true(u[l].update_ratio == v[l].update_ratio && u[l].dead == v[l].dead &&
                        u[l].findings == v[l].findings);
        }
    }
}

static void assert_same(const struct fixture *a, const struct fixture *b)
{
    const size_t bytes = a->network->arena_size * sizeof(float);
    assert_memory_equal(a->network->parameters, b->network->parameters, bytes);
    for (size_t s = 0; s < a->optimizer->rule->states; s++) {
        for (size_t l = 0; l < a->network->layer_count; l++) { /* without the padding */
            const struct layer *layer = &a->network->layers[l];
            for (size_t j = 0; j <= layer->inputs; j++) {
                const size_t column = layer->weights + j * layer->stride; /* b follows W */
                assert_memory_equal(a->optimizer->state[s] + column, b->optimizer->state[s] + column,
                                    layer->units * sizeof(float));
            }
        }
    }
    assert_int_equal(a->optimizer->updates, b->optimizer->updates);
    assert_true(a->optimizer->product == b->optimizer->product);
}

/* Trains by `before` for `stop` calls of the progress, goes on by `way` with fresh objects from the folder,
 * and compares with a run by `way` in one go. */
static void compare_ways(const struct way *way, const struct way *before, size_t stop)
{
    struct fixture whole, first, second;
    mlp_report *whole_report, *first_report, *second_report;
    const char *folder = new_folder();
    make(&whole, way);
    assert_ok(run(&whole, &whole_report));
    make(&first, before);
    first.checkpoint.folder = folder;
    first.fit.checkpoint = &first.checkpoint;
    first.stop_after = stop;
    assert_ok(run(&first, &first_report));
    assert_true(mlp_report_stopped(first_report) || mlp_report_stopped_early(first_report));
    assert_non_null(mlp_report_checkpoint(first_report));
    make(&second, way);
    mlp_network_destroy(&second.network);
    make_network(&second, 20, 77, way->everything); /* its own parameters do not matter */
    second.checkpoint.folder = folder;
    second.checkpoint.resume = 1;
    second.fit.checkpoint = &second.checkpoint;
    assert_ok(run(&second, &second_report));
    assert_same(&whole, &second);
    assert_same_history(whole_report, second_report);
    mlp_report_destroy(&whole_report);
    mlp_report_destroy(&first_report);
    mlp_report_destroy(&second_report);
    drop(&whole);
    drop(&first);
    drop(&second);
}

static void goes_on(const struct way *way, size_t stop)
{
    compare_ways(way, way, stop);
}

static void every_rule_and_clip_goes_on_with_dropout(void **unused)
{
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    noise.hidden_dropout = 0.3;
    noise.input_dropout = 0.1;
    noise.input_noise = 0.1;
    noise.mixup = 0.3;
    noise.seed = 31;
    (void)unused;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        for (size_t c = 0; c < (r == MLP_OPTIMIZER_LBFGS ? 1 : MLP_CLIP_CUSTOM); c++) {
            for (int threads = 1; threads <= 2; threads++) {
                const struct way way = {
                    .rule = (mlp_optimizer_rule)r, .clip = (mlp_clip)c, .threads = threads, .noise = &noise
                };
                goes_on(&way, 3 * 7 + 4); /* in the fourth epoch of six steps each */
            }
        }
    }
}

/* Batches of 16 and one of 14, in parts of sizes that differ, or of one sample; on one thread, then on three.
 * */
static void batches_in_parts_go_on(void **unused)
{
    static const size_t parts[] = { 2, 5, 14, 15, 16, 100 };
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    (void)unused;
    noise.hidden_dropout = 0.3;
    noise.input_noise = 0.1;
    noise.mixup = 0.3;
    average.rule = MLP_AVERAGE_EMA;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        const bool plain = r == MLP_OPTIMIZER_LBFGS;
        struct way way = { .rule = (mlp_optimizer_rule)r,
                           .clip = plain ? MLP_CLIP_NONE : MLP_CLIP_GLOBAL_NORM,
                           .parts = parts[r % (sizeof parts / sizeof parts[0])],
                           .noise = &noise,
                           .average = &average,
                           .monitor = true,
                           .everything = !plain,
                           .threads = 3 };
        struct way before = way;
        before.threads = 1;
        compare_ways(&way, &before, 3 * 7 + 4);
    }
}

/* In parts the training is the same but for rounding: what it counts is what is counted in one piece. */
static void parts_tell_the_same_history(void **unused)
{
    const struct way whole = { .rule = MLP_OPTIMIZER_SGD, .rate = 0.1, .threads = 1, .monitor = true };
    struct way cut = whole;
    (void)unused;
    for (cut.parts = 2; cut.parts <= 17; cut.parts += 5) {
        struct fixture a, b;
        mlp_report *one, *many;
        make(&a, &whole);
        make(&b, &cut);
        assert_ok(run(&a, &one));
        assert_ok(run(&b, &many));
        for (size_t e = 0; e < EPOCHS; e++) {
            mlp_epoch x, y;
            assert_ok(mlp_report_epoch(one, e, &x));
            assert_ok(mlp_report_epoch(many, e, &y));
            assert_close(y.loss, x.loss, 1e-5);
            assert_close(y.gradient_norm, x.gradient_norm, 1e-4);
            assert_close(y.validation.loss, x.validation.loss, 1e-5);
            assert_true(x.accuracy == y.accuracy && x.validation.accuracy == y.validation.accuracy &&
                        x.validation.count == y.validation.count && x.steps == y.steps);
        }
        assert_int_equal(mlp_report_monitor_count(one), mlp_report_monitor_count(many));
        mlp_report_destroy(&one);
        mlp_report_destroy(&many);
        drop(&a);
        drop(&b);
    }
}

/* The first batch of each epoch has no mass: its step is left out, its samples are counted. */
static void parts_without_mass_are_left_out(void **unused)
{
    (void)unused;
    for (size_t parts = 1; parts <= 4; parts += 3) {
        const struct way way = {
            .rule = MLP_OPTIMIZER_SGD, .threads = 2, .parts = parts, .keep_order = true
        };
        struct fixture f;
        mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
        mlp_data *data;
        mlp_report *report;
        mlp_epoch epoch;
        make(&f, &way);
        memset(f.weights, 0, BATCH * sizeof *f.weights);
        arrays.count = COUNT;
        arrays.inputs = INPUTS;
        arrays.features = f.x;
        arrays.classes = f.y;
        arrays.weights = f.weights;
        assert_ok(mlp_data_create(&arrays, &data));
        f.fit.epochs = 1;
        assert_ok(mlp_fit(f.network, f.optimizer, data, &f.fit, &report));
        assert_ok(mlp_report_epoch(report, 0, &epoch));
        assert_close(epoch.skipped, 1.0 / 8.0, 1e-12);
        assert_close(epoch.accuracy * COUNT, round(epoch.accuracy * COUNT), 1e-9);
        mlp_report_destroy(&report);
        mlp_data_destroy(&data);
        drop(&f);
    }
}

static void other_parts_are_refused(void **unused)
{
    const struct way five = { .rule = MLP_OPTIMIZER_ADAM, .parts = 5 };
    struct way six = five;
    struct fixture f;
    const char *folder = new_folder();
    (void)unused;
    six.parts = 6;
    make(&f, &five);
    f.checkpoint.folder = folder;
    f.fit.checkpoint = &f.checkpoint;
    f.stop_after = 3;
    assert_ok(run(&f, NULL));
    drop(&f);
    make(&f, &six);
    f.checkpoint.folder = folder;
    f.checkpoint.resume = 1;
    f.fit.checkpoint = &f.checkpoint;
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, "parts 5", "6", NULL);
    f.fit.parts = 4097;
    assert_refused(run(&f, NULL), MLP_ERROR_RANGE, "parts", "4097", "4096", NULL);
    drop(&f);
}

static void any_moment_will_do(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_NADAM, .patience = 3, .monitor = true };
    (void)unused;
    for (size_t stop = 1; stop <= EPOCHS * 7; stop++) {
        goes_on(&way, stop);
    }
}

static void schedules_averages_and_early_stopping_go_on(void **unused)
{
    mlp_schedule_options cosine = MLP_SCHEDULE_OPTIONS_INIT, plateau = MLP_SCHEDULE_OPTIONS_INIT;
    cosine.rule = MLP_SCHEDULE_ONE_CYCLE;
    plateau.rule = MLP_SCHEDULE_PLATEAU;
    mlp_average_options ema = MLP_AVERAGE_OPTIONS_INIT, swa = MLP_AVERAGE_OPTIONS_INIT;
    ema.rule = MLP_AVERAGE_EMA;
    swa.rule = MLP_AVERAGE_SWA;
    swa.start = 0.4;
    plateau.patience = 2;
    plateau.factor = 0.5;
    const struct way ways[] = {
        { .rule = MLP_OPTIMIZER_MOMENTUM, .schedule = &cosine, .no_validation = true },
        { .rule = MLP_OPTIMIZER_SGD, .rate = 3.0, .schedule = &plateau, .monitor = true, .keep_order = true },
        { .rule = MLP_OPTIMIZER_ADAM, .rate = 0.3, .patience = 2 },
        { .rule = MLP_OPTIMIZER_ADAM, .average = &ema, .patience = 3 },
        { .rule = MLP_OPTIMIZER_SGD, .rate = 1.0, .average = &swa },
        { .rule = MLP_OPTIMIZER_ADAM, .rate = 0.3, .patience = 1, .validate_every = 2, .schedule = &plateau },
        { .rule = MLP_OPTIMIZER_ADAM,
          .rate = 0.3,
          .patience = 2,
          .stop_figure = MLP_STOP_TRAINING_LOSS,
          .patience_from_least = 1,
          .minimum_improvement = 0.05 },
        { .rule = MLP_OPTIMIZER_ADAM, .patience = 2, .stop_figure = MLP_STOP_VALIDATION_ACCURACY }
    };
    (void)unused;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        for (size_t stop = 3; stop <= EPOCHS * 7; stop += 5) {
            goes_on(&ways[w], stop);
        }
    }
}

/* A fit that has ended goes on with more epochs, and one that went on can be interrupted again. */
static void more_epochs_are_those_of_a_longer_fit(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_RADAM };
    struct fixture whole, parts;
    mlp_report *whole_report, *report;
    const char *folder = new_folder();
    (void)unused;
    make(&whole, &way);
    assert_ok(run(&whole, &whole_report));
    make(&parts, &way);
    parts.checkpoint.folder = folder;
    parts.fit.checkpoint = &parts.checkpoint;
    for (size_t epochs = 1; epochs <= EPOCHS; epochs++) {
        parts.checkpoint.resume = epochs > 1;
        parts.fit.epochs = epochs;
        assert_ok(run(&parts, &report));
        assert_int_equal(mlp_report_epochs(report), epochs);
        if (epochs < EPOCHS) {
            mlp_report_destroy(&report);
        }
    }
    assert_same(&whole, &parts);
    assert_same_history(whole_report, report);
    mlp_report_destroy(&report);
    mlp_report_destroy(&whole_report);
    drop(&whole);
    drop(&parts);
}

/* All that can be given at once. */
static void everything_together_goes_on(void **unused)
{
    mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
    mlp_average_options averages[2] = { MLP_AVERAGE_OPTIONS_INIT, MLP_AVERAGE_OPTIONS_INIT };
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    (void)unused;
    schedule.rule = MLP_SCHEDULE_COSINE_RESTARTS;
    schedule.per_epoch = 1;
    schedule.warmup = 1;
    averages[0].rule = MLP_AVERAGE_EMA;
    averages[1].rule = MLP_AVERAGE_SWA;
    averages[1].start = 0.3;
    noise.hidden_dropout = 0.2;
    noise.dropout = MLP_DROPOUT_ALPHA;
    noise.mixup = 0.4;
    for (size_t k = 0; k < 2; k++) {
        const struct way way = { .rule = k == 0 ? MLP_OPTIMIZER_ADAMW : MLP_OPTIMIZER_MUON,
                                 .clip = k == 0 ? MLP_CLIP_AUTO : MLP_CLIP_Z,
                                 .everything = true,
                                 .patience = 4,
                                 .monitor = true,
                                 .threads = 2,
                                 .schedule = &schedule,
                                 .average = &averages[k],
                                 .noise = &noise };
        for (size_t stop = 2; stop <= 4 * 7; stop += 4) {
            goes_on(&way, stop);
        }
    }
}

/* Patience may be asked for, or given up, while it lasts: the best parameters are in the checkpoint either
 * way. */
static void patience_may_change(void **unused)
{
    (void)unused;
    for (int asks = 0; asks <= 1; asks++) {
        const struct way before = { .rule = MLP_OPTIMIZER_ADAM, .rate = 0.3, .patience = asks ? 0 : 4 };
        const struct way after = { .rule = MLP_OPTIMIZER_ADAM, .rate = 0.3, .patience = asks ? 4 : 0 };
        for (size_t stop = 4; stop <= 4 * 7; stop += 6) {
            compare_ways(&after, &before, stop);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_and_clip_goes_on_with_dropout),
        cmocka_unit_test(batches_in_parts_go_on),
        cmocka_unit_test(parts_tell_the_same_history),
        cmocka_unit_test(parts_without_mass_are_left_out),
        cmocka_unit_test(other_parts_are_refused),
        cmocka_unit_test(any_moment_will_do),
        cmocka_unit_test(schedules_averages_and_early_stopping_go_on),
        cmocka_unit_test(everything_together_goes_on),
        cmocka_unit_test(patience_may_change),
        cmocka_unit_test(more_epochs_are_those_of_a_longer_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
