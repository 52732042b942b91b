/* An optimizer whose state ranks share out: what is on which, what comes together again, what is refused.
 * (That trainings have the bits of one rank: test_ranks.c.) */
#include "support/support.h"

#include <math.h>
#include <pthread.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "checkpoint_fixture.h"
#include "model/network.h"
#include "optim/optimizer.h"
#include "support/ranks.h"

enum { THREE = 3 };

/* A rank that trains, and gathers its state. */
struct job {
    struct fixture fixture;
    mlp_exchange exchange;
    mlp_status trained, gathered;
    char text[256];
};

static void *train_and_gather(void *context)
{
    struct job *job = context;
    job->trained = run(&job->fixture, NULL);
    snprintf(job->text, sizeof job->text, "%s", job->trained != MLP_OK ? mlp_last_error() : "");
    job->gathered = mlp_optimizer_gather(job->fixture.optimizer, &job->exchange);
    if (job->gathered != MLP_OK) {
        snprintf(job->text, sizeof job->text, "%s", mlp_last_error());
    }
    return NULL;
}

static void make_jobs(struct job *jobs, const struct way *way, struct ranks *ranks)
{
    for (int r = 0; r < ranks->size; r++) {
        struct way own = *way;
        own.shard_rank = r;
        own.shard_count = ranks->size;
        jobs[r] = (struct job){ .exchange = ranks_exchange(ranks, r) };
        make(&jobs[r].fixture, &own);
        jobs[r].fixture.fit.exchange = &jobs[r].exchange;
        jobs[r].fixture.fit.epochs = 2;
    }
}

static void drop_jobs(struct job *jobs, int size)
{
    for (int r = 0; r < size; r++) {
        drop(&jobs[r].fixture);
    }
}

/* One after the other they are all of the arena, none much larger than the others; a tensor is cut only where
 * the rule takes its entries apart. */
static void slices_cover_the_arena(void **unused)
{
    (void)unused;
    for (size_t rule = 0; rule < mlp_optimizer_count(); rule++) {
        const bool whole_tensors = rule == MLP_OPTIMIZER_LAMB || rule == MLP_OPTIMIZER_MUON;
        for (int size = 2; size <= (rule == MLP_OPTIMIZER_LBFGS ? 1 : 9); size++) {
            size_t next = 0;
            for (int r = 0; r < size; r++) {
                const struct way way = { .rule = (mlp_optimizer_rule)rule,
                                         .shard_rank = r,
                                         .shard_count = size };
                struct fixture f;
                make(&f, &way);
                const struct range own = f.optimizer->own;
                const struct layer *last = &f.network->layers[2];
                assert_int_equal(own.first, next);
                assert_true(whole_tensors ||
                            own.end - own.first <= f.network->arena_size / (size_t)size + 16);
                assert_true(!whole_tensors || own.end <= last->weights || own.end == last->bias ||
                            own.end == f.network->arena_size);
                next = own.end;
                assert_true(r + 1 < size || next == f.network->arena_size);
                drop(&f);
            }
        }
    }
}

/* After a fit the gathered state is that of one rank, and goes on as its does. */
static void state_comes_together(void **unused)
{
    static const mlp_optimizer_rule rules[] = { MLP_OPTIMIZER_SGD, MLP_OPTIMIZER_AMSGRAD, MLP_OPTIMIZER_LAMB,
                                                MLP_OPTIMIZER_MUON };
    (void)unused;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct way way = { .rule = rules[i], .parts = 3, .threads = 1, .keep_order = true };
        struct fixture alone;
        struct job jobs[THREE];
        struct ranks ranks;
        make(&alone, &way);
        alone.fit.epochs = 2;
        assert_ok(run(&alone, NULL));
        ranks_open(&ranks, THREE);
        make_jobs(jobs, &way, &ranks);
        run_jobs(jobs, sizeof *jobs, THREE, train_and_gather);
        for (int turn = 0; turn < 2; turn++) {
            for (int r = 0; r < THREE; r++) {
                struct fixture *f = &jobs[r].fixture;
                mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
                test_assert_status(jobs[r].gathered, MLP_OK, jobs[r].text, __FILE__, __LINE__);
                mlp_optimizer_get_options(f->optimizer, &options);
                assert_int_equal(options.shard_count, 1);
                for (size_t s = 0; s < alone.optimizer->rule->states; s++) {
                    assert_memory_equal(f->optimizer->state[s], alone.optimizer->state[s],
                                        alone.network->arena_size * sizeof(float));
                }
                f->fit.exchange = NULL;
                assert_true(turn > 0 || run(f, NULL) == MLP_OK);
            }
            assert_true(turn > 0 || run(&alone, NULL) == MLP_OK);
        }
        drop_jobs(jobs, THREE);
        ranks_close(&ranks);
        drop(&alone);
    }
}

/* An update that is not finite on one rank is made by none. */
static void what_is_not_finite_changes_nothing(void **unused)
{
    static const mlp_optimizer_rule rules[] = { MLP_OPTIMIZER_MOMENTUM, MLP_OPTIMIZER_ADAM };
    (void)unused;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct way way = { .rule = rules[i], .parts = 3, .threads = 1, .rate = 1e38 };
        struct fixture alone;
        struct job jobs[THREE];
        struct ranks ranks;
        make(&alone, &way);
        alone.fit.epochs = 2;
        assert_int_equal(run(&alone, NULL), MLP_ERROR_NONFINITE);
        ranks_open(&ranks, THREE);
        make_jobs(jobs, &way, &ranks);
        run_jobs(jobs, sizeof *jobs, THREE, train_and_gather);
        for (int r = 0; r < THREE; r++) {
            const struct fixture *f = &jobs[r].fixture;
            assert_int_equal(jobs[r].trained, MLP_ERROR_NONFINITE);
            assert_ok(jobs[r].gathered);
            assert_int_equal(f->optimizer->updates, alone.optimizer->updates);
            assert_memory_equal(f->network->parameters, alone.network->parameters,
                                alone.network->arena_size * sizeof(float));
            for (size_t s = 0; s < alone.optimizer->rule->states; s++) {
                assert_memory_equal(f->optimizer->state[s], alone.optimizer->state[s],
                                    alone.network->arena_size * sizeof(float));
            }
        }
        drop_jobs(jobs, THREE);
        ranks_close(&ranks);
        drop(&alone);
    }
}

/* Allocations of a fit with checkpoints, which rank 0 resumes, and of the gathering after it are refused in
 * turn: all ranks fail alike. */
static void every_refused_allocation_is_survived(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM, .parts = 3, .threads = 1 };
    const char *folder = new_folder();
    bool came_through = false;
    (void)unused;
    for (size_t n = 0; !came_through; n += 1 + n / 8) {
        struct job jobs[THREE];
        struct ranks ranks;
        ranks_open(&ranks, THREE);
        make_jobs(jobs, &way, &ranks);
        for (int r = 0; r < THREE; r++) {
            struct fixture *f = &jobs[r].fixture;
            f->fit.epochs = 1;
            f->checkpoint.folder = folder;
            f->checkpoint.steps = 3;
            f->checkpoint.resume = 1;
            f->checkpoint.failure = MLP_CHECKPOINT_STOP;
            f->fit.checkpoint = r == 0 ? &f->checkpoint : NULL;
        }
        const size_t before = memory_allocation_count();
        memory_fail_after(n);
        run_jobs(jobs, sizeof *jobs, THREE, train_and_gather);
        memory_fail_after(SIZE_MAX);
        came_through = memory_allocation_count() - before <= n;
        for (int r = 0; r < THREE; r++) {
            assert_true(jobs[r].trained == jobs[0].trained && jobs[r].gathered == jobs[0].gathered);
            assert_true(jobs[r].trained == MLP_OK || jobs[r].trained == MLP_ERROR_MEMORY);
            assert_true(jobs[r].gathered == MLP_OK || jobs[r].gathered == MLP_ERROR_MEMORY);
        }
        drop_jobs(jobs, THREE);
        ranks_close(&ranks);
    }
}

/* Three ranks of which the first writes checkpoints, or goes on from the newest. */
static void train_with_checkpoints(const char *folder, size_t epochs, struct job jobs[THREE],
                                   struct ranks *ranks)
{
    static const struct way way = { .rule = MLP_OPTIMIZER_ADAM, .parts = 3, .threads = 1 };
    ranks_open(ranks, THREE);
    make_jobs(jobs, &way, ranks);
    for (int r = 0; r < THREE; r++) {
        struct fixture *f = &jobs[r].fixture;
        f->fit.epochs = epochs;
        f->checkpoint.folder = folder;
        f->checkpoint.resume = 1;
        f->fit.checkpoint = r == 0 ? &f->checkpoint : NULL;
    }
    run_jobs(jobs, sizeof *jobs, THREE, train_and_gather);
}

/* The others have rank 0's checkpoint in a temporary file: where that cannot be made all ranks end. */
static void a_checkpoint_that_cannot_be_passed_on_ends_all(void **unused)
{
    const char *folder = new_folder(), *before = getenv("TMPDIR");
    char *kept = before != NULL ? strdup(before) : NULL;
    struct job jobs[THREE];
    struct ranks ranks;
    uint64_t steps = 0;
    (void)unused;
    for (size_t epochs = 1; epochs <= 2; epochs++) {
        assert_int_equal(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
        train_with_checkpoints(folder, epochs, jobs, &ranks);
        assert_int_equal(kept != NULL ? setenv("TMPDIR", kept, 1) : unsetenv("TMPDIR"), 0);
        for (int r = 0; r < THREE; r++) {
            assert_int_equal(jobs[r].trained, epochs == 1 ? MLP_OK : MLP_ERROR_IO);
            assert_int_equal(jobs[r].fixture.optimizer->updates == 0, epochs == 2 && r != 0);
        }
        steps = jobs[0].fixture.optimizer->updates;
        drop_jobs(jobs, THREE);
        ranks_close(&ranks);
    }
    train_with_checkpoints(folder, 2, jobs, &ranks);
    for (int r = 0; r < THREE; r++) {
        assert_ok(jobs[r].trained);
        assert_int_equal(jobs[r].fixture.optimizer->updates, 2 * steps);
        assert_memory_equal(&jobs[r].fixture.optimizer->moments, &jobs[0].fixture.optimizer->moments,
                            sizeof(struct moment_bound));
    }
    drop_jobs(jobs, THREE);
    ranks_close(&ranks);
    free(kept);
}

static mlp_status create(const mlp_network *network, mlp_optimizer_rule rule, int rank, int count)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    options.rule = rule;
    options.shard_rank = rank;
    options.shard_count = count;
    const mlp_status status = mlp_optimizer_create(network, &options, &optimizer);
    mlp_optimizer_destroy(&optimizer);
    return status;
}

static void what_is_refused(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM, .threads = 1, .shard_rank = 1, .shard_count = 3 };
    mlp_rate_test_options test = MLP_RATE_TEST_OPTIONS_INIT;
    mlp_rate_point points[100];
    mlp_exchange exchange;
    mlp_workspace *workspace;
    mlp_step_report report;
    struct ranks ranks;
    struct fixture f;
    size_t count;
    double loss;
    (void)unused;
    make(&f, &way);
    assert_refused(create(f.network, MLP_OPTIMIZER_ADAM, 0, 1025), MLP_ERROR_RANGE, "shard_count is 1025",
                   NULL);
    assert_refused(create(f.network, MLP_OPTIMIZER_ADAM, 0, -1), MLP_ERROR_RANGE, "shard_count is -1", NULL);
    assert_refused(create(f.network, MLP_OPTIMIZER_ADAM, 3, 3), MLP_ERROR_RANGE, "shard_rank is 3", "2",
                   NULL);
    assert_refused(create(f.network, MLP_OPTIMIZER_ADAM, 1, 0), MLP_ERROR_RANGE, "shard_rank is 1", NULL);
    assert_refused(create(f.network, MLP_OPTIMIZER_LBFGS, 0, 2), MLP_ERROR_UNSUPPORTED, "lbfgs", NULL);
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, "shard 1 of 3", NULL);
    ranks_open(&ranks, THREE);
    exchange = ranks_exchange(&ranks, 1);
    exchange.rank = 0;
    exchange.size = 1;
    f.fit.exchange = &exchange;
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, "shard 1 of 3", "0 of 1", NULL);
    assert_refused(mlp_optimizer_gather(f.optimizer, &exchange), MLP_ERROR_ARGUMENT, "shard 1 of 3", NULL);
    assert_refused(mlp_optimizer_gather(NULL, &exchange), MLP_ERROR_ARGUMENT, "optimizer", NULL);
    assert_ok(mlp_workspace_create(f.network, COUNT, NULL, &workspace));
    const mlp_targets targets = { f.y, NULL, NULL };
    assert_refused(mlp_train_step(f.network, f.optimizer, workspace, f.x, &targets, COUNT, &report),
                   MLP_ERROR_ARGUMENT, "mlp_train_step", "shard 1 of 3", NULL);
    assert_ok(mlp_forward(f.network, workspace, f.x, COUNT));
    assert_ok(mlp_loss_backward(f.network, workspace, &targets, &loss));
    assert_refused(mlp_optimizer_step(f.optimizer, f.network, workspace, &report), MLP_ERROR_UNSUPPORTED,
                   "mlp_optimizer_step", "mlp_optimizer_gather", NULL);
    assert_refused(mlp_checkpoint_save(test_path("loop"), f.network, f.optimizer, NULL, 0),
                   MLP_ERROR_UNSUPPORTED, "mlp_checkpoint_save", NULL);
    test.steps = 100;
    assert_refused(mlp_rate_test(f.network, f.optimizer, f.train, &test, points, &count, NULL),
                   MLP_ERROR_UNSUPPORTED, "mlp_rate_test", NULL);
    mlp_workspace_destroy(&workspace);
    ranks_close(&ranks);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_cover_the_arena),
        cmocka_unit_test(state_comes_together),
        cmocka_unit_test(what_is_not_finite_changes_nothing),
        cmocka_unit_test(every_refused_allocation_is_survived),
        cmocka_unit_test(a_checkpoint_that_cannot_be_passed_on_ends_all),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
