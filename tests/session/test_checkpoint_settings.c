/* Every setting that the bits of a fit depend on: one that changed is named, and nothing else changes. */
#include "session/checkpoint_fixture.h"

#include "model/network.h"
#include "optim/optimizer.h"

/* What settings.c describes. */
struct settings {
    mlp_fit_options fit;
    mlp_optimizer_options optimizer;
    mlp_schedule_options schedule;
    mlp_regularization noise;
    mlp_average_options average;
    mlp_layer_factors factors; /* of layer 1 */
    mlp_clip clip;             /* of layer 2 */
    double clip_threshold;
    size_t milestones[3];
    double layer_dropout[2];
};

static struct settings usual(void)
{
    struct settings s = { .fit = MLP_FIT_OPTIONS_INIT,
                          .optimizer = MLP_OPTIMIZER_OPTIONS_INIT,
                          .schedule = MLP_SCHEDULE_OPTIONS_INIT,
                          .noise = MLP_REGULARIZATION_INIT,
                          .average = MLP_AVERAGE_OPTIONS_INIT,
                          .factors = { 0.5, 2.0, 1.0 },
                          .clip = MLP_CLIP_ADAPTIVE,
                          .clip_threshold = 0.02,
                          .milestones = { 3, 9, 20 },
                          .layer_dropout = { 0.1, 0.2 } };
    s.fit.epochs = 2;
    s.fit.batch = BATCH;
    s.fit.monitor_interval = 2;
    s.optimizer.rule = MLP_OPTIMIZER_ADAM;
    s.optimizer.learning_rate = 0.002; /* of NAdam, too: the rule is what differs */
    s.optimizer.weight_decay = 0.01;
    s.optimizer.clip = MLP_CLIP_GLOBAL_NORM;
    s.optimizer.clip_threshold = 0.5;
    s.optimizer.update_clip = MLP_CLIP_GLOBAL_NORM;
    s.optimizer.update_clip_threshold = 0.5;
    s.optimizer.max_norm = 3.0;
    s.optimizer.nonfinite = MLP_NONFINITE_SKIP;
    s.schedule.rule = MLP_SCHEDULE_MULTI_STEP;
    s.schedule.milestone_count = 2;
    s.noise.hidden_dropout = 0.1;
    s.average.rule = MLP_AVERAGE_EMA;
    return s;
}

/* A fit of these settings that stops after `steps`. */
static mlp_status train(struct settings *s, const char *folder, int resume, size_t steps)
{
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM };
    struct fixture f;
    make(&f, &way);
    mlp_optimizer_destroy(&f.optimizer);
    assert_ok(mlp_optimizer_create(f.network, &s->optimizer, &f.optimizer));
    assert_ok(mlp_optimizer_set_factors(f.optimizer, 1, &s->factors));
    assert_ok(mlp_optimizer_set_clip(f.optimizer, 2, s->clip, s->clip_threshold));
    f.fit = s->fit;
    s->schedule.milestones = s->milestones;
    s->noise.layer_dropout = s->noise.layer_dropout_count > 0 ? s->layer_dropout : NULL;
    f.fit.schedule = &s->schedule;
    f.fit.regularization = &s->noise;
    f.fit.average = &s->average;
    f.fit.checkpoint = &f.checkpoint;
    f.fit.progress = watch;
    f.fit.progress_context = &f;
    f.checkpoint.folder = folder;
    f.checkpoint.resume = resume;
    f.stop_after = steps;
    const float before = f.network->parameters[0];
    const mlp_status status = run(&f, NULL);
    assert_true(status == MLP_OK ||
                (f.network->parameters[0] == before && f.optimizer->updates == 0 && f.calls == 0));
    drop(&f);
    return status;
}

/* One member changed. */
struct change {
    const char *name;
    size_t offset;
    enum { REAL, INT, COUNT_OF, DIGITS } type;
    double value;
    mlp_schedule schedule; /* of both fits */
};

/* clang-format off */
#define RULE(schedule, type, name, member, value) \
    { name, offsetof(struct settings, member), type, value, MLP_SCHEDULE_##schedule }
#define CHANGE(type, name, member, value) RULE(MULTI_STEP, type, name, member, value)

static const struct change changes[] = {
    CHANGE(COUNT_OF, "batch", fit.batch, 17),
    CHANGE(INT, "keep_order", fit.keep_order, 1),
    CHANGE(REAL, "minimum_improvement", fit.minimum_improvement, 0.5),
    CHANGE(COUNT_OF, "monitor_interval", fit.monitor_interval, 3),
    CHANGE(COUNT_OF, "validate_every", fit.validate_every, 2),
    CHANGE(INT, "stop_figure", fit.stop_figure, MLP_STOP_TRAINING_LOSS),
    CHANGE(INT, "patience_from_least", fit.patience_from_least, 1),
    CHANGE(DIGITS, "seed", fit.seed, 10),
    CHANGE(INT, "optimizer.rule", optimizer.rule, MLP_OPTIMIZER_NADAM),
    CHANGE(REAL, "optimizer.learning_rate", optimizer.learning_rate, 0.5),
    CHANGE(REAL, "optimizer.beta1", optimizer.beta1, 0.5),
    CHANGE(REAL, "optimizer.beta2", optimizer.beta2, 0.5),
    CHANGE(REAL, "optimizer.epsilon", optimizer.epsilon, 0.5),
    CHANGE(REAL, "optimizer.weight_decay", optimizer.weight_decay, 0.5),
    CHANGE(INT, "optimizer.decay", optimizer.decay, MLP_DECAY_DECOUPLED),
    CHANGE(INT, "optimizer.decay_biases", optimizer.decay_biases, 1),
    CHANGE(INT, "optimizer.clip", optimizer.clip, MLP_CLIP_TENSOR_NORM),
    CHANGE(REAL, "optimizer.clip_threshold", optimizer.clip_threshold, 0.25),
    CHANGE(INT, "optimizer.clip_norm", optimizer.clip_norm, MLP_CLIP_NORM_1),
    CHANGE(INT, "optimizer.nonfinite", optimizer.nonfinite, MLP_NONFINITE_ERROR),
    CHANGE(COUNT_OF, "optimizer.max_skips", optimizer.max_skips, 3),
    CHANGE(REAL, "optimizer.l1", optimizer.l1, 0.5),
    CHANGE(REAL, "optimizer.max_norm", optimizer.max_norm, 4.0),
    CHANGE(INT, "optimizer.centralize", optimizer.centralize, 1),
    CHANGE(INT, "optimizer.update_clip", optimizer.update_clip, MLP_CLIP_TENSOR_NORM),
    CHANGE(REAL, "optimizer.update_clip_threshold", optimizer.update_clip_threshold, 0.25),
    CHANGE(REAL, "optimizer.layers[1].weight_rate", factors.weight_rate, 0.25),
    CHANGE(REAL, "optimizer.layers[1].bias_rate", factors.bias_rate, 0.25),
    CHANGE(REAL, "optimizer.layers[1].decay", factors.decay, 0.25),
    CHANGE(INT, "optimizer.layers[2].clip", clip, MLP_CLIP_LAYER_NORM),
    CHANGE(REAL, "optimizer.layers[2].clip_threshold", clip_threshold, 0.25),
    CHANGE(INT, "schedule.per_epoch", schedule.per_epoch, 1),
    CHANGE(COUNT_OF, "schedule.warmup", schedule.warmup, 2),
    CHANGE(REAL, "schedule.factor", schedule.factor, 0.25),
    CHANGE(COUNT_OF, "schedule.milestones[0]", milestones[0], 4),
    CHANGE(COUNT_OF, "schedule.milestones[1]", milestones[1], 10),
    CHANGE(COUNT_OF, "with 2 schedule.milestones, this fit has 3", schedule.milestone_count, 3),
    CHANGE(COUNT_OF, "with 2 schedule.milestones, this fit has 1", schedule.milestone_count, 1),
    RULE(COSINE_RESTARTS, COUNT_OF, "schedule.period", schedule.period, 4),
    RULE(COSINE_RESTARTS, REAL, "schedule.growth", schedule.growth, 3.0),
    RULE(COSINE_RESTARTS, REAL, "schedule.minimum", schedule.minimum, 0.25),
    RULE(CONSTANT, INT, "schedule.rule", schedule.rule, MLP_SCHEDULE_TRIANGULAR),
    RULE(POLYNOMIAL, REAL, "schedule.power", schedule.power, 3.0),
    RULE(ONE_CYCLE, REAL, "schedule.share", schedule.share, 0.25),
    RULE(PLATEAU, COUNT_OF, "schedule.patience", schedule.patience, 3),
    CHANGE(REAL, "regularization.hidden_dropout", noise.hidden_dropout, 0.25),
    CHANGE(COUNT_OF, "with 0 regularization.layer_dropout, this fit has 2", noise.layer_dropout_count, 2),
    CHANGE(REAL, "regularization.input_dropout", noise.input_dropout, 0.25),
    CHANGE(REAL, "regularization.input_noise", noise.input_noise, 0.25),
    CHANGE(REAL, "regularization.mixup", noise.mixup, 0.25),
    CHANGE(INT, "regularization.dropout", noise.dropout, MLP_DROPOUT_ALPHA),
    CHANGE(DIGITS, "regularization.seed", noise.seed, 10),
    CHANGE(INT, "average.rule", average.rule, MLP_AVERAGE_SWA),
    CHANGE(REAL, "average.decay", average.decay, 0.5),
};
/* clang-format on */

static void apply(struct settings *s, const struct change *change)
{
    char *at = (char *)s + change->offset;
    switch (change->type) {
    case REAL: *(double *)at = change->value; break;
    case INT: *(int *)at = (int)change->value; break;
    case COUNT_OF: *(size_t *)at = (size_t)change->value; break;
    case DIGITS: *(uint64_t *)at = (uint64_t)change->value; break;
    }
}

static struct settings with_schedule(mlp_schedule rule)
{
    struct settings s = usual();
    s.schedule.rule = rule;
    s.schedule.milestone_count = rule == MLP_SCHEDULE_MULTI_STEP ? 2 : 0;
    return s;
}

static void every_setting_that_changed_is_named(void **unused)
{
    char folder[512];
    (void)unused;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct settings s = with_schedule(changes[i].schedule);
        if (i == 0 || changes[i].schedule != changes[i - 1].schedule) {
            snprintf(folder, sizeof folder, "%s", new_folder());
            assert_ok(train(&s, folder, 0, 4));
        }
        s = with_schedule(changes[i].schedule);
        apply(&s, &changes[i]);
        assert_refused(train(&s, folder, 1, NEVER), MLP_ERROR_ARGUMENT, folder, changes[i].name, NULL);
        s = with_schedule(changes[i].schedule);
        assert_ok(train(&s, folder, 1, 1));
    }
}

/* A schedule's length where it is stretched over the epochs, and an average's beginning that hangs on
 * them. */
static void epochs_matter_where_settings_hang_on_them(void **unused)
{
    (void)unused;
    for (int average = 0; average <= 1; average++) {
        struct settings s = usual();
        const char *folder = new_folder();
        s.schedule.rule = average ? MLP_SCHEDULE_CONSTANT : MLP_SCHEDULE_COSINE;
        s.schedule.milestone_count = 0;
        s.average.rule = average ? MLP_AVERAGE_SWA : MLP_AVERAGE_NONE;
        s.average.start = average ? 0.5 : 0.0;
        s.fit.epochs = 8;
        assert_ok(train(&s, folder, 0, 4));
        s.fit.epochs = 12;
        assert_refused(train(&s, folder, 1, NEVER), MLP_ERROR_ARGUMENT, folder,
                       average ? "average.first_epoch" : "schedule.total", NULL);
        s.fit.epochs = 8;
        assert_ok(train(&s, folder, 1, NEVER));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_that_changed_is_named),
        cmocka_unit_test(epochs_matter_where_settings_hang_on_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
