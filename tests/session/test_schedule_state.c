/* Schedules at work: a fit against steps by hand, plateaus, momentum, and what is left afterwards. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "optim/optimizer.h"

enum { COUNT = 60, INPUTS = 4, BATCH = 20, EPOCHS = 6, STEPS = COUNT / BATCH * EPOCHS };

struct world {
    float x[COUNT * INPUTS];
    int32_t y[COUNT];
    mlp_data *data;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_fit_options options;
};

static void make(struct world *w, mlp_optimizer_rule kind)
{
    const mlp_layer layers[] = { { .units = 8, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    const mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    uint64_t state = 8;
    test_fill(&state, -1.0, 1.0, w->x, COUNT * INPUTS);
    for (int i = 0; i < COUNT; i++) {
        w->y[i] = i % 3;
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = w->x;
    arrays.classes = w->y;
    rule.rule = kind;
    rule.learning_rate = 0.1;
    rule.decay = MLP_DECAY_DECOUPLED;
    rule.weight_decay = 0.1;
    w->options = fit;
    w->options.epochs = EPOCHS;
    w->options.batch = BATCH;
    w->options.keep_order = 1;
    w->options.threads = 1;
    assert_ok(mlp_data_create(&arrays, &w->data));
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &w->network));
    assert_ok(mlp_optimizer_create(w->network, &rule, &w->optimizer));
}

static void drop(struct world *w)
{
    mlp_optimizer_destroy(&w->optimizer);
    mlp_network_destroy(&w->network);
    mlp_data_destroy(&w->data);
}

/* The same steps by hand, with the learning rate set before each. */
static void step_by_hand(struct world *w, const mlp_schedule_options *schedule)
{
    mlp_workspace *workspace;
    assert_ok(mlp_workspace_create(w->network, BATCH, NULL, &workspace));
    for (size_t s = 0; s < STEPS; s++) {
        const size_t first = s % (COUNT / BATCH) * BATCH;
        const mlp_targets targets = { .classes = w->y + first };
        const size_t t = schedule->per_epoch ? s / (COUNT / BATCH) : s;
        mlp_schedule_point point;
        assert_ok(mlp_schedule_at(schedule, t, schedule->per_epoch ? EPOCHS : STEPS, &point));
        assert_ok(mlp_optimizer_set_learning_rate(w->optimizer, 0.1 * point.factor));
        assert_ok(mlp_train_step(w->network, w->optimizer, workspace, w->x + first * INPUTS, &targets, BATCH,
                                 NULL));
    }
    mlp_workspace_destroy(&workspace);
}

static void a_fit_follows_its_schedule(void **unused)
{
    static const mlp_schedule rules[] = { MLP_SCHEDULE_STEP, MLP_SCHEDULE_COSINE, MLP_SCHEDULE_TRIANGULAR,
                                          MLP_SCHEDULE_WARMUP_STABLE_DECAY };
    (void)unused;
    for (size_t i = 0; i < 8; i++) {
        struct world fitted, stepped;
        mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
        mlp_optimizer_options left;
        mlp_report *report;
        mlp_epoch last;
        mlp_schedule_point end;
        schedule.rule = rules[i / 2];
        schedule.per_epoch = i % 2;
        schedule.warmup = 2;
        schedule.minimum = rules[i / 2] != MLP_SCHEDULE_STEP ? 0.01 : 0.0;
        make(&fitted, MLP_OPTIMIZER_ADAM);
        make(&stepped, MLP_OPTIMIZER_ADAM);
        fitted.options.schedule = &schedule;
        assert_ok(mlp_fit(fitted.network, fitted.optimizer, fitted.data, &fitted.options, &report));
        step_by_hand(&stepped, &schedule);
        assert_memory_equal(fitted.network->parameters, stepped.network->parameters,
                            fitted.network->arena_size * sizeof(float));
        mlp_optimizer_get_options(fitted.optimizer, &left);
        assert_true(left.learning_rate == 0.1 && fitted.optimizer->rate_scale == 1.0);
        assert_ok(mlp_report_epoch(report, EPOCHS - 1, &last));
        const size_t total = schedule.per_epoch ? EPOCHS : STEPS;
        assert_ok(mlp_schedule_at(&schedule, total - 1, total, &end));
        assert_close(last.learning_rate, 0.1 * end.factor, 1e-12);
        mlp_report_destroy(&report);
        drop(&fitted);
        drop(&stepped);
    }
}

/* A loss that never falls again: the rate is cut after each `patience` epochs, but not below the minimum. */
static void a_plateau_cuts_the_rate(void **unused)
{
    struct world w;
    mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
    mlp_report *report;
    mlp_epoch epoch;
    static const double expected[EPOCHS + 2] = { 1.0, 1.0, 1.0, 0.1, 0.1, 0.02, 0.02, 0.02 };
    const mlp_layer_factors frozen = { 0.0, 0.0, 1.0 };
    (void)unused;
    make(&w, MLP_OPTIMIZER_SGD);
    assert_ok(mlp_optimizer_set_factors(w.optimizer, 0, &frozen));
    assert_ok(mlp_optimizer_set_factors(w.optimizer, 1, &frozen));
    schedule.rule = MLP_SCHEDULE_PLATEAU;
    schedule.patience = 2;
    schedule.minimum = 0.02;
    w.options.schedule = &schedule;
    w.options.epochs = EPOCHS + 2;
    assert_ok(mlp_fit(w.network, w.optimizer, w.data, &w.options, &report));
    for (size_t e = 0; e < EPOCHS + 2; e++) {
        assert_ok(mlp_report_epoch(report, e, &epoch));
        assert_close(epoch.learning_rate, 0.1 * expected[e], 1e-12);
    }
    mlp_report_destroy(&report);
    drop(&w);
}

/* The momentum of a schedule is that of an optimizer made with it. */
static void momentum_is_replaced(void **unused)
{
    static const mlp_optimizer_rule rules[] = { MLP_OPTIMIZER_MOMENTUM, MLP_OPTIMIZER_NESTEROV,
                                                MLP_OPTIMIZER_ADAM };
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        struct world w, own;
        mlp_optimizer_options options;
        make(&w, rules[i]);
        make(&own, rules[i]);
        mlp_optimizer_get_options(own.optimizer, &options);
        options.momentum = rules[i] == MLP_OPTIMIZER_ADAM ? 0.0 : 0.7;
        options.beta1 = rules[i] == MLP_OPTIMIZER_ADAM ? 0.7 : 0.0;
        mlp_optimizer_destroy(&own.optimizer);
        assert_ok(mlp_optimizer_create(own.network, &options, &own.optimizer));
        w.optimizer->momentum_now = 0.7;
        mlp_schedule_options constant = MLP_SCHEDULE_OPTIONS_INIT;
        step_by_hand(&w, &constant);
        step_by_hand(&own, &constant);
        assert_memory_equal(w.network->parameters, own.network->parameters,
                            w.network->arena_size * sizeof(float));
        drop(&w);
        drop(&own);
    }
}

static double bad_factor(size_t t, size_t total, void *context)
{
    (void)total;
    (void)context;
    return t < 4 ? 1.0 : -1.0;
}

static void bad_schedules_are_refused(void **unused)
{
    struct world w;
    mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
    mlp_report *report;
    (void)unused;
    make(&w, MLP_OPTIMIZER_SGD);
    schedule.rule = MLP_SCHEDULE_CUSTOM;
    w.options.schedule = &schedule;
    assert_refused(mlp_fit(w.network, w.optimizer, w.data, &w.options, NULL), MLP_ERROR_ARGUMENT, "custom",
                   NULL);
    schedule.custom = bad_factor;
    assert_refused(mlp_fit(w.network, w.optimizer, w.data, &w.options, &report), MLP_ERROR_RANGE,
                   "step 4 is -1", NULL);
    assert_int_equal(mlp_optimizer_updates(w.optimizer), 4);
    assert_true(w.optimizer->rate_scale == 1.0);
    mlp_report_destroy(&report);
    drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_follows_its_schedule),
        cmocka_unit_test(a_plateau_cuts_the_rate),
        cmocka_unit_test(momentum_is_replaced),
        cmocka_unit_test(bad_schedules_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
