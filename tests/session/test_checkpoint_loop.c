/* Checkpoints of a loop by hand: killed at any step, it goes on to the same bits; what is damaged or does not
 * belong here is refused, and nothing changes. */
#include "support/support.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/network.h"
#include "optim/optimizer.h"

enum { INPUTS = 5, OUTPUTS = 3, BATCH = 6, STEPS = 30, EVERY = 4 };

/* What the loop keeps with its checkpoint. */
struct own {
    uint64_t random;
    uint64_t step;
};

/* A way to train: rule, clipping, what else. */
struct way {
    mlp_optimizer_rule rule;
    mlp_clip clip;
    double threshold;
    bool everything;
};

struct loop {
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_workspace *workspace;
    struct own own;
};

static void make(struct loop *loop, const struct way *way)
{
    static const float class_weights[OUTPUTS] = { 1, 2, 0.5f }, mean[INPUTS] = { 0.5f },
                       scale[INPUTS] = { 1, 2, 1, 2, 1 };
    static const mlp_layer_factors factors = { 0.5, 2.0, 0.0 };
    const mlp_layer layers[] = { { .units = 9, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 17, .activation = MLP_ACTIVATION_GELU },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options network = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    *loop = (struct loop){ .own = { .random = 7 } };
    network.class_weights = way->everything ? class_weights : NULL;
    options.threads = 1; /* the loop is forked */
    assert_ok(mlp_network_create(INPUTS, layers, 3, &network, &loop->network));
    if (way->everything) {
        assert_ok(mlp_network_set_standardization(loop->network, mean, scale));
        rule.weight_decay = 0.01;
        rule.nonfinite = MLP_NONFINITE_SKIP;
    }
    rule.rule = way->rule;
    rule.clip = way->clip;
    rule.clip_threshold = way->threshold;
    assert_ok(mlp_optimizer_create(loop->network, &rule, &loop->optimizer));
    if (way->everything) {
        assert_ok(mlp_optimizer_set_factors(loop->optimizer, 1, &factors));
    }
    assert_ok(mlp_workspace_create(loop->network, BATCH, &options, &loop->workspace));
}

static void destroy(struct loop *loop)
{
    mlp_workspace_destroy(&loop->workspace);
    mlp_optimizer_destroy(&loop->optimizer);
    mlp_network_destroy(&loop->network);
}

/* Steps up to `last`, the rate falling, every seventh batch not finite where that is skipped. A checkpoint
 * every few steps where `path` is not NULL. */
static void run(struct loop *loop, const struct way *way, size_t last, const char *path)
{
    while (loop->own.step < last) {
        float x[BATCH * INPUTS];
        int32_t y[BATCH];
        const mlp_targets targets = { .classes = y };
        test_fill(&loop->own.random, -2, 2, x, BATCH * INPUTS);
        for (size_t i = 0; i < BATCH; i++) {
            y[i] = (int32_t)test_uniform(&loop->own.random, 0, 2.999);
        }
        if (way->everything && loop->own.step % 7 == 6) {
            x[3] = 3e38f * 10.0f;
        }
        if (way->rule != MLP_OPTIMIZER_RPROP && way->rule != MLP_OPTIMIZER_LBFGS) {
            assert_ok(
                mlp_optimizer_set_learning_rate(loop->optimizer, 0.01 / (1.0 + (double)loop->own.step)));
        }
        assert_ok(mlp_train_step(loop->network, loop->optimizer, loop->workspace, x, &targets, BATCH, NULL));
        loop->own.step++;
        if (path != NULL && loop->own.step % EVERY == 0) {
            assert_ok(
                mlp_checkpoint_save(path, loop->network, loop->optimizer, &loop->own, sizeof loop->own));
        }
    }
}

static void assert_same(const struct loop *a, const struct loop *b)
{
    const struct mlp_optimizer *o = a->optimizer, *p = b->optimizer;
    const size_t bytes = a->network->arena_size * sizeof(float);
    assert_memory_equal(a->network->parameters, b->network->parameters, bytes);
    for (size_t s = 0; s < o->rule->states; s++) {
        assert_memory_equal(o->state[s], p->state[s], bytes);
    }
    assert_memory_equal(&o->memory, &p->memory, sizeof o->memory);
    assert_true(o->updates == p->updates && o->skips == p->skips && o->pairs == p->pairs);
    assert_true(o->options.learning_rate == p->options.learning_rate && o->product == p->product);
    assert_true(a->own.step == b->own.step && a->own.random == b->own.random);
}

/* A child trains and is killed within a step; the parent goes on from what it left. */
static void killed_anywhere_it_goes_on(void **unused)
{
    static const struct way ways[] = {
        { MLP_OPTIMIZER_SGD, MLP_CLIP_NONE, 0.0, false },
        { MLP_OPTIMIZER_ADAMW, MLP_CLIP_AUTO, 50.0, true },
        { MLP_OPTIMIZER_NADAM, MLP_CLIP_Z, 2.0, true },
        { MLP_OPTIMIZER_RADAM, MLP_CLIP_GLOBAL_NORM, 0.1, false },
        { MLP_OPTIMIZER_MUON, MLP_CLIP_ADAPTIVE, 0.0, true },
        { MLP_OPTIMIZER_RPROP, MLP_CLIP_NONE, 0.0, false },
        { MLP_OPTIMIZER_LBFGS, MLP_CLIP_NONE, 0.0, false },
        { MLP_OPTIMIZER_AMSGRAD, MLP_CLIP_VALUE, 0.01, true },
    };
    uint64_t random = 11;
    (void)unused;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        const char *path = test_path("loop.safetensors");
        struct loop whole, parts;
        const size_t killed = (size_t)test_uniform(&random, EVERY, STEPS - 1);
        make(&whole, &ways[w]);
        run(&whole, &ways[w], STEPS, NULL);
        unlink(path);
        make(&parts, &ways[w]);
        const pid_t child = fork();
        if (child == 0) {
            run(&parts, &ways[w], killed, path);
            kill(getpid(), SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_ok(mlp_checkpoint_load(path, parts.network, parts.optimizer, &parts.own, sizeof parts.own));
        assert_int_equal(parts.own.step, killed / EVERY * EVERY);
        run(&parts, &ways[w], STEPS, NULL);
        assert_same(&parts, &whole);
        destroy(&parts);
        destroy(&whole);
    }
}

static const struct way example = { MLP_OPTIMIZER_ADAM, MLP_CLIP_AUTO, 20.0, true };

/* A loop after ten steps, and its checkpoint. */
static void save_example(struct loop *loop, const char *path)
{
    make(loop, &example);
    run(loop, &example, 10, NULL);
    assert_ok(mlp_checkpoint_save(path, loop->network, loop->optimizer, &loop->own, sizeof loop->own));
}

static mlp_status load(struct loop *loop, const char *path)
{
    return mlp_checkpoint_load(path, loop->network, loop->optimizer, &loop->own, sizeof loop->own);
}

/* Every cut, and a bit of every so many bytes: FORMAT, and the loop is as it was. */
static void damage_is_refused(void **unused)
{
    const char *path = test_path("damaged.safetensors");
    struct loop loop, before;
    size_t size;
    (void)unused;
    save_example(&loop, path);
    save_example(&before, test_path("other.safetensors"));
    run(&loop, &example, 13, NULL);
    run(&before, &example, 13, NULL);
    unsigned char *bytes = test_read_file(path, &size);
    for (size_t i = 0; i < size; i += 1 + size / 300) {
        bytes[i] ^= 4;
        test_write_file("damaged.safetensors", bytes, size);
        bytes[i] ^= 4;
        assert_int_equal(load(&loop, path), MLP_ERROR_FORMAT);
        test_write_file("damaged.safetensors", bytes, i);
        assert_int_equal(load(&loop, path), MLP_ERROR_FORMAT);
    }
    assert_same(&loop, &before);
    test_write_file("damaged.safetensors", bytes, size);
    assert_ok(load(&loop, path));
    assert_int_equal(loop.own.step, 10);
    free(bytes);
    destroy(&before);
    destroy(&loop);
}

static void what_does_not_belong_here_is_refused(void **unused)
{
    static const struct {
        struct way way;
        const char *word;
    } others[] = {
        { { MLP_OPTIMIZER_ADAM, MLP_CLIP_AUTO, 30.0, true }, "clip_threshold" },
        { { MLP_OPTIMIZER_NADAM, MLP_CLIP_AUTO, 20.0, true }, "rule" },
        { { MLP_OPTIMIZER_ADAM, MLP_CLIP_AUTO, 20.0, false }, "optimizer" },
    };
    const char *path = test_path("loop.safetensors"), *model = test_path("model.safetensors");
    struct loop loop, other;
    mlp_network *network;
    (void)unused;
    save_example(&loop, path);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        make(&other, &others[i].way);
        assert_refused(load(&other, path), MLP_ERROR_ARGUMENT, path, "was made with", others[i].word, NULL);
        assert_int_equal(other.optimizer->updates, 0);
        destroy(&other);
    }
    assert_refused(mlp_checkpoint_load(path, loop.network, loop.optimizer, &loop.own, 3), MLP_ERROR_ARGUMENT,
                   "16 bytes", "own_size, 3", NULL);
    assert_ok(mlp_model_save(loop.network, model));
    assert_refused(load(&loop, model), MLP_ERROR_FORMAT, "not a checkpoint", NULL);
    assert_refused(load(&loop, "/nowhere"), MLP_ERROR_IO, "/nowhere", NULL);
    assert_ok(mlp_model_load(path, &network)); /* a model it is */
    assert_memory_equal(network->parameters, loop.network->parameters, network->arena_size * sizeof(float));
    mlp_network_destroy(&network);
    assert_refused(mlp_checkpoint_save(path, loop.network, loop.optimizer, NULL, 1), MLP_ERROR_ARGUMENT,
                   "own_size", NULL);
    assert_ok(mlp_checkpoint_save(path, loop.network, loop.optimizer, NULL, 0));
    assert_ok(mlp_checkpoint_load(path, loop.network, loop.optimizer, NULL, 0));
    destroy(&loop);
}

/* A fit's checkpoint is not a loop's, and the other way round. */
static void fits_and_loops_are_told_apart(void **unused)
{
    static const float x[4 * INPUTS] = { 1, 2, 3 };
    static const int32_t y[4] = { 0, 1, 2, 0 };
    const char *folder = test_path("fit");
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    struct loop loop;
    mlp_data *data;
    mlp_report *report;
    (void)unused;
    make(&loop, &example);
    arrays.count = 4;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = y;
    assert_ok(mlp_data_create(&arrays, &data));
    checkpoint.folder = folder;
    fit.checkpoint = &checkpoint;
    fit.epochs = 2;
    assert_ok(mlp_fit(loop.network, loop.optimizer, data, &fit, &report));
    const char *path = mlp_report_checkpoint(report);
    assert_refused(load(&loop, path), MLP_ERROR_FORMAT, "mlp_fit()", NULL);
    assert_ok(mlp_checkpoint_save(path, loop.network, loop.optimizer, NULL, 0));
    checkpoint.resume = 1;
    assert_refused(mlp_fit(loop.network, loop.optimizer, data, &fit, NULL), MLP_ERROR_FORMAT,
                   "mlp_checkpoint_save()", NULL);
    mlp_report_destroy(&report);
    mlp_data_destroy(&data);
    destroy(&loop);
}

/* The k-th allocation fails, for every k: nothing leaks, and a loop that was not loaded is as it was. */
static void memory_may_run_out(void **unused)
{
    const char *path = test_path("memory.safetensors");
    struct loop loop, later;
    mlp_status status = MLP_ERROR_MEMORY;
    size_t k = 0;
    (void)unused;
    save_example(&loop, path);
    save_example(&later, test_path("other.safetensors"));
    run(&loop, &example, 12, NULL);
    run(&later, &example, 12, NULL);
    const size_t live = memory_live_count();
    for (; status != MLP_OK; k++) {
        memory_fail_after(k);
        status = load(&loop, path);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(memory_live_count(), live);
        if (status != MLP_OK) {
            assert_refused(status, MLP_ERROR_MEMORY, "out of memory", NULL);
            assert_same(&loop, &later);
        }
    }
    assert_true(k > 10);
    status = MLP_ERROR_MEMORY;
    for (k = 0; status != MLP_OK; k++) {
        memory_fail_after(k);
        status = mlp_checkpoint_save(path, later.network, later.optimizer, &later.own, sizeof later.own);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(memory_live_count(), live);
    }
    assert_true(k > 5);
    assert_ok(load(&loop, path));
    assert_same(&loop, &later);
    destroy(&later);
    destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_it_goes_on),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(what_does_not_belong_here_is_refused),
        cmocka_unit_test(fits_and_loops_are_told_apart),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
