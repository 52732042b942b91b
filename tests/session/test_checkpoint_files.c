/* Folders of checkpoints: what is kept, what does not belong or is damaged, what cannot be written. */
#include "support/support.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "checkpoint_fixture.h"
#include "data/data.h"
#include "model/network.h"
#include "optim/optimizer.h"

/* ---- the folder ---------------------------------------------------------------------------------------- */

static void the_newest_and_the_best_are_kept(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM };
    struct fixture f;
    mlp_report *report;
    mlp_network *network;
    mlp_metrics metrics;
    mlp_epoch best;
    char path[512];
    (void)unused;
    make(&f, &way);
    f.checkpoint.folder = new_folder();
    f.checkpoint.steps = 4;
    f.checkpoint.keep = 2;
    f.fit.checkpoint = &f.checkpoint;
    assert_ok(run(&f, &report));
    assert_int_equal(test_count_files(f.checkpoint.folder), 3);
    snprintf(path, sizeof path, "%s/checkpoint-%012d.safetensors", f.checkpoint.folder, EPOCHS * 6);
    assert_string_equal(mlp_report_checkpoint(report), path);
    assert_ok(mlp_model_load(path, &network)); /* a checkpoint is a model file */
    assert_memory_equal(network->parameters, f.network->parameters, network->arena_size * sizeof(float));
    mlp_network_destroy(&network);
    snprintf(path, sizeof path, "%s/best.safetensors", f.checkpoint.folder);
    assert_ok(mlp_model_load(path, &network));
    assert_ok(mlp_evaluate(network, f.validation, 0, 1, 0, &metrics, NULL));
    assert_ok(mlp_report_epoch(report, mlp_report_best_epoch(report), &best));
    assert_close(metrics.loss, best.validation.loss, 1e-6);
    mlp_network_destroy(&network);
    mlp_report_destroy(&report);
    drop(&f);
}

static void left_overs_are_cleared_and_strangers_stay(void **unused)
{
    static const char *const names[] = { "checkpoint-000000000004.safetensors.123-0.tmp",
                                         "best.safetensors.99-7.tmp",
                                         "notes.txt",
                                         "checkpoint-x.safetensors",
                                         "checkpoint-4.safetensors",
                                         "best.safetensors.2024-05",
                                         "best.safetensors.tmp" };
    const struct way way = { .rule = MLP_OPTIMIZER_SGD };
    struct fixture f;
    (void)unused;
    make(&f, &way);
    f.checkpoint.folder = new_folder();
    f.fit.checkpoint = &f.checkpoint;
    f.fit.validation = NULL;
    assert_int_equal(mkdir(f.checkpoint.folder, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f.checkpoint.folder, names[i]);
        write_file(path, "x", 1);
    }
    assert_ok(run(&f, NULL));
    assert_int_equal(test_count_files(f.checkpoint.folder), 6);
    drop(&f);
}

static void a_folder_in_use_is_refused(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_SGD };
    struct fixture f;
    (void)unused;
    NEEDS_LINUX;
    make(&f, &way);
    f.checkpoint.folder = new_folder();
    f.fit.checkpoint = &f.checkpoint;
    assert_ok(run(&f, NULL));
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, f.checkpoint.folder, "step 36", "resume", NULL);
    const int lock = open(f.checkpoint.folder, O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0); /* given back by the first fit */
    f.checkpoint.resume = 1;
    assert_refused(run(&f, NULL), MLP_ERROR_IO, f.checkpoint.folder, "another fit", NULL);
    close(lock);
    f.checkpoint.folder = test_path("no/such/folder");
    assert_refused(run(&f, NULL), MLP_ERROR_IO, "no/such/folder", "make the folder", NULL);
    f.checkpoint.folder = NULL;
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, "folder", NULL);
    f.checkpoint.folder = "";
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, "empty", NULL);
    f.checkpoint.folder = new_folder();
    f.checkpoint.seconds = -1.0;
    assert_refused(run(&f, NULL), MLP_ERROR_RANGE, "seconds", "-1", NULL);
    drop(&f);
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

/* A change of one setting, and what the refusal must say. */
struct change {
    const char *words[3];
    void (*apply)(struct fixture *f);
};

static void other_optimizer(struct fixture *f, mlp_optimizer_rule rule, double rate, double decay)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = rule;
    options.learning_rate = rate;
    options.weight_decay = decay;
    mlp_optimizer_destroy(&f->optimizer);
    assert_ok(mlp_optimizer_create(f->network, &options, &f->optimizer));
}

static void wider(struct fixture *f)
{
    mlp_network_destroy(&f->network);
    make_network(f, 21, 3, false);
    other_optimizer(f, MLP_OPTIMIZER_ADAM, 0.0, 0.0);
}

static void other_rule(struct fixture *f)
{
    other_optimizer(f, MLP_OPTIMIZER_AMSGRAD, 0.0, 0.0);
}

static void other_rate(struct fixture *f)
{
    other_optimizer(f, MLP_OPTIMIZER_ADAM, 0.25, 0.0);
}

static void frozen(struct fixture *f)
{
    const mlp_layer_factors factors = { .weight_rate = 0.0, .bias_rate = 1.0, .decay = 1.0 };
    assert_ok(mlp_optimizer_set_factors(f->optimizer, 1, &factors));
}

static void other_batch(struct fixture *f)
{
    f->fit.batch = 17;
}

static void other_window(struct fixture *f)
{
    f->fit.shuffle_window = 40; /* three batches */
}

static void other_seed(struct fixture *f)
{
    f->fit.seed = UINT64_MAX;
}

static void less_data(struct fixture *f)
{
    mlp_data *less;
    assert_ok(mlp_data_slice(f->train, 0, 90, &less));
    mlp_data_destroy(&f->train);
    f->train = less;
}

/* The same number of samples; one feature, one class, one weight is another. */
static void remake_data(struct fixture *f, const float *weights)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data_destroy(&f->validation);
    mlp_data_destroy(&f->train);
    mlp_data_destroy(&f->data);
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = f->x;
    arrays.classes = f->y;
    arrays.weights = weights;
    assert_ok(mlp_data_create(&arrays, &f->data));
    assert_ok(mlp_data_split(f->data, 0.2, 1, &f->train, &f->validation));
    f->fit.validation = f->validation;
}

static size_t sample_of(const mlp_data *part)
{
    return part->samples[part->count / 2];
}

static void other_feature(struct fixture *f)
{
    float *x = &f->x[sample_of(f->train) * INPUTS + 3];
    *x = nextafterf(*x, 2.0f);
    remake_data(f, NULL);
}

static void other_class(struct fixture *f)
{
    int32_t *y = &f->y[sample_of(f->validation)];
    *y = *y == 0;
    remake_data(f, NULL);
}

static void other_weight(struct fixture *f)
{
    static float weights[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        weights[i] = i == sample_of(f->train) ? 2.0f : 1.0f;
    }
    remake_data(f, weights);
}

static void fewer_epochs(struct fixture *f)
{
    f->fit.epochs = 2;
}

static void warm(struct fixture *f)
{
    static mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
    schedule.warmup = 3;
    f->fit.schedule = &schedule;
}

static void standardized(struct fixture *f)
{
    const float mean[INPUTS] = { 0 }, scale[INPUTS] = { 1, 1, 1, 1, 1, 1 };
    assert_ok(mlp_network_set_standardization(f->network, mean, scale));
}

static void other_fits_are_refused(void **unused)
{
    static const struct change changes[] = {
        { { "layers[0].units 20", "21" }, wider },
        { { "optimizer.rule \"adam\"", "\"amsgrad\"" }, other_rule },
        { { "optimizer.learning_rate 0.001", "0.25" }, other_rate },
        { { "optimizer.layers[1].weight_rate 1,", "has 0" }, frozen },
        { { "batch 16", "17" }, other_batch },
        { { "seed \"9\"", "\"18446744073709551615\"" }, other_seed },
        { { "training_data.samples 94", "90" }, less_data },
        { { "training_data.fingerprint", "this fit has" }, other_feature },
        { { "validation_data.fingerprint", "this fit has" }, other_class },
        { { "training_data.fingerprint", "this fit has" }, other_weight },
        { { "shuffle_window 94", "48" }, other_window },
        { { "epoch 4", "has 2" }, fewer_epochs },
        { { "schedule.warmup 0", "3" }, warm },
        { { "standardization.mean", "without" }, standardized },
    };
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM };
    struct fixture f;
    const char *folder = new_folder();
    (void)unused;
    make(&f, &way);
    f.checkpoint.folder = folder;
    f.fit.checkpoint = &f.checkpoint;
    f.stop_after = 25;
    assert_ok(run(&f, NULL));
    drop(&f);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        make(&f, &way);
        f.checkpoint.folder = folder;
        f.checkpoint.resume = 1;
        f.fit.checkpoint = &f.checkpoint;
        changes[i].apply(&f);
        const float before = f.network->parameters[0];
        assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, folder, changes[i].words[0], changes[i].words[1],
                       NULL);
        assert_true(f.network->parameters[0] == before && f.optimizer->updates == 0 && f.calls == 0);
        drop(&f);
    }
}

/* ---- failures ------------------------------------------------------------------------------------------ */

/* A folder in the place of best.safetensors: no file can replace it. */
static void a_failure_warns_or_stops(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_SGD };
    struct fixture f;
    mlp_report *report;
    char path[512];
    (void)unused;
    make(&f, &way);
    f.checkpoint.folder = new_folder();
    f.fit.checkpoint = &f.checkpoint;
    assert_int_equal(mkdir(f.checkpoint.folder, 0700), 0);
    snprintf(path, sizeof path, "%s/best.safetensors", f.checkpoint.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ok(run(&f, &report));
    assert_true(f.warnings == 1 && strstr(f.warning, "not written") != NULL &&
                strstr(f.warning, path) != NULL);
    assert_int_equal(mlp_report_epochs(report), EPOCHS);
    mlp_report_destroy(&report);
    f.checkpoint.failure = MLP_CHECKPOINT_STOP;
    f.checkpoint.resume = 1;
    f.fit.epochs = EPOCHS + 4;
    assert_refused(run(&f, &report), MLP_ERROR_IO, path, "not a regular file", NULL);
    assert_int_equal(mlp_report_epochs(report), EPOCHS + 1);
    mlp_report_destroy(&report);
    assert_int_equal(rmdir(path),
                     0); /* tried again with the next checkpoint, also where no epoch is better */
    f.checkpoint.steps = 1;
    f.stop_after = 1;
    assert_ok(run(&f, NULL));
    assert_int_equal(access(path, F_OK), 0);
    drop(&f);
}

/* Puts a folder where the last checkpoint would go. */
static int stand_in_the_way(const mlp_progress *progress, void *context)
{
    struct fixture *f = context;
    char path[512];
    if (f->calls++ == 0) {
        snprintf(path, sizeof path, "%s/checkpoint-%012zu.safetensors", f->checkpoint.folder,
                 progress->epochs * progress->steps);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    return 0;
}

/* What was trained is not lost with the checkpoint: the network is as the fit would have left it. */
static void a_last_checkpoint_that_fails_costs_nothing_else(void **unused)
{
    mlp_average_options ema = MLP_AVERAGE_OPTIONS_INIT;
    ema.rule = MLP_AVERAGE_EMA;
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM, .average = &ema };
    struct fixture whole, f;
    (void)unused;
    make(&whole, &way);
    assert_ok(run(&whole, NULL));
    make(&f, &way);
    f.checkpoint.folder = new_folder();
    f.checkpoint.failure = MLP_CHECKPOINT_STOP;
    f.fit.checkpoint = &f.checkpoint;
    f.fit.progress = stand_in_the_way;
    assert_refused(run(&f, NULL), MLP_ERROR_IO, f.checkpoint.folder, "not a regular file", NULL);
    assert_memory_equal(f.network->parameters, whole.network->parameters,
                        whole.network->arena_size * sizeof(float));
    drop(&whole);
    drop(&f);
}

/* Whichever allocation fails: an error, nothing lost, and the checkpoint before is there to go on from. */
static void short_memory_loses_nothing(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM, .patience = 2, .monitor = true };
    struct fixture f;
    mlp_report *report;
    size_t failures = 0, n = 0;
    (void)unused;
    make(&f, &way);
    f.checkpoint.folder = new_folder();
    f.checkpoint.failure = MLP_CHECKPOINT_STOP;
    f.fit.checkpoint = &f.checkpoint;
    f.fit.epochs = 1;
    assert_ok(run(&f, NULL));
    f.checkpoint.resume = 1;
    f.fit.epochs = 2;
    for (mlp_status status = MLP_ERROR_MEMORY; status != MLP_OK; n++) {
        const size_t live = memory_live_count();
        memory_fail_after(n);
        status = run(&f, &report);
        memory_fail_after(SIZE_MAX);
        mlp_report_destroy(&report);
        assert_true(status == MLP_OK || status == MLP_ERROR_MEMORY);
        assert_int_equal(memory_live_count(), live);
        failures += status != MLP_OK;
    }
    assert_true(failures > 50);
    drop(&f);
}

static void policies_have_names(void **unused)
{
    mlp_checkpoint_failure policy;
    (void)unused;
    for (int i = 0; i < 2; i++) {
        assert_ok(mlp_checkpoint_failure_from_name(mlp_checkpoint_failure_name((mlp_checkpoint_failure)i),
                                                   &policy));
        assert_int_equal(policy, i);
    }
    assert_refused(mlp_checkpoint_failure_from_name("pray", &policy), MLP_ERROR_ARGUMENT, "pray",
                   "continue, stop", NULL);
    assert_null(mlp_checkpoint_failure_name((mlp_checkpoint_failure)2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_and_the_best_are_kept),
        cmocka_unit_test(left_overs_are_cleared_and_strangers_stay),
        cmocka_unit_test(a_folder_in_use_is_refused),
        cmocka_unit_test(other_fits_are_refused),
        cmocka_unit_test(a_failure_warns_or_stops),
        cmocka_unit_test(a_last_checkpoint_that_fails_costs_nothing_else),
        cmocka_unit_test(short_memory_loses_nothing),
        cmocka_unit_test(policies_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
