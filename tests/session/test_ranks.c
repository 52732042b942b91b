/* Several ranks have the bits of one that takes the batches in the same parts. */
#include "support/support.h"

#include <math.h>
#include <pthread.h>

#include <mlp/mlp.h>

#include "checkpoint_fixture.h"
#include "model/exchange.h"
#include "model/network.h"
#include "model/shared_gradient.h"
#include "optim/optimizer.h"
#include "support/ranks.h"

/* What a rank does, and what comes of it. */
struct job {
    struct fixture fixture;
    struct ranks *ranks;
    int number;
    mlp_exchange exchange;
    mlp_report *report;
    mlp_status status;
    char text[512];
};

static void *work(void *context)
{
    struct job *job = context;
    job->status = run(&job->fixture, &job->report);
    snprintf(job->text, sizeof job->text, "%s", job->status != MLP_OK ? mlp_last_error() : "");
    return NULL;
}

/* Ranks whose optimizers share out their state: all that can. */
static bool sharded;

static void make_job(struct job *job, const struct way *way, struct ranks *ranks, int number)
{
    struct way own = *way;
    *job = (struct job){ .ranks = ranks, .number = number };
    if (sharded && way->rule != MLP_OPTIMIZER_LBFGS) {
        own.shard_rank = number;
        own.shard_count = ranks->size;
    }
    make(&job->fixture, &own);
    job->exchange = ranks_exchange(ranks, number);
    job->fixture.fit.exchange = &job->exchange;
}

static void drop_jobs(struct job *jobs, int size)
{
    for (int r = 0; r < size; r++) {
        mlp_report_destroy(&jobs[r].report);
        drop(&jobs[r].fixture);
    }
}

/* b's state may be a shard of a's. */
static void assert_same_model(const struct fixture *a, const struct fixture *b)
{
    const struct range *own = &b->optimizer->own;
    assert_memory_equal(a->network->parameters, b->network->parameters,
                        a->network->arena_size * sizeof(float));
    assert_int_equal(a->optimizer->updates, b->optimizer->updates);
    for (size_t s = 0; s < a->optimizer->rule->states; s++) {
        assert_memory_equal(a->optimizer->state[s] + own->first, b->optimizer->state[s],
                            (own->end - own->first) * sizeof(float));
    }
}

static bool same_double(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void assert_same_report(const mlp_report *a, const mlp_report *b)
{
    assert_int_equal(mlp_report_epochs(a), mlp_report_epochs(b));
    assert_int_equal(mlp_report_best_epoch(a), mlp_report_best_epoch(b));
    assert_int_equal(mlp_report_stopped_early(a), mlp_report_stopped_early(b));
    for (size_t e = 0; e < mlp_report_epochs(a); e++) {
        mlp_epoch x, y;
        assert_ok(mlp_report_epoch(a, e, &x));
        assert_ok(mlp_report_epoch(b, e, &y));
        assert_true(same_double(x.loss, y.loss) && same_double(x.accuracy, y.accuracy) &&
                    same_double(x.validation.loss, y.validation.loss) &&
                    same_double(x.validation.accuracy, y.validation.accuracy) &&
                    same_double(x.validation.top_k_accuracy, y.validation.top_k_accuracy) &&
                    x.validation.count == y.validation.count &&
                    same_double(x.gradient_norm, y.gradient_norm) && x.clipped == y.clipped &&
                    x.skipped == y.skipped && x.steps == y.steps);
    }
}

static void assert_same_monitor(const mlp_report *a, const mlp_report *b)
{
    assert_int_equal(mlp_report_monitor_count(a), mlp_report_monitor_count(b));
    for (size_t i = 0; i < mlp_report_monitor_count(a); i++) {
        mlp_monitor_record x, y;
        mlp_monitor_layer u[3], v[3];
        assert_ok(mlp_report_monitor(a, i, &x, u));
        assert_ok(mlp_report_monitor(b, i, &y, v));
        assert_true(x.loss == y.loss && x.gradient_norm == y.gradient_norm && x.findings == y.findings);
        assert_memory_equal(u, v, sizeof u);
    }
}

/* By `way` alone, and on `size` ranks of so many threads. */
static void compare_with_one(const struct way *way, int size, int threads)
{
    struct way together = *way;
    struct fixture alone;
    struct ranks ranks;
    struct job *jobs = calloc((size_t)size, sizeof *jobs);
    mlp_report *report;
    make(&alone, way);
    alone.fit.epochs = 3;
    assert_ok(run(&alone, &report));
    together.threads = threads;
    ranks_open(&ranks, size);
    for (int r = 0; r < size; r++) {
        make_job(&jobs[r], &together, &ranks, r);
        jobs[r].fixture.fit.epochs = 3;
    }
    run_jobs(jobs, sizeof *jobs, size, work);
    for (int r = 0; r < size; r++) {
        test_assert_status(jobs[r].status, MLP_OK, jobs[r].text, __FILE__, __LINE__);
        assert_same_model(&alone, &jobs[r].fixture);
        assert_same_report(report, jobs[r].report);
    }
    assert_same_monitor(report, jobs[0].report);
    drop_jobs(jobs, size);
    ranks_close(&ranks);
    mlp_report_destroy(&report);
    drop(&alone);
    free(jobs);
}

static const int sizes[] = { 1, 2, 3, 4, 8 };
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void every_rule_has_the_bits_of_one_rank(void **unused)
{
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    (void)unused;
    noise.hidden_dropout = 0.3;
    noise.input_dropout = 0.1;
    noise.input_noise = 0.1;
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        const bool plain = r == MLP_OPTIMIZER_LBFGS;
        noise.mixup = r % 2 == 0 ? 0.3 : 0.0;
        average.rule = r % 3 == 0 ? MLP_AVERAGE_EMA : r % 3 == 1 ? MLP_AVERAGE_SWA : MLP_AVERAGE_NONE;
        for (size_t k = 0; k < SIZES; k++) {
            const struct way way = { .rule = (mlp_optimizer_rule)r,
                                     .clip = plain ? MLP_CLIP_NONE : (mlp_clip)(r % MLP_CLIP_CUSTOM),
                                     .parts = 8,
                                     .noise = &noise,
                                     .average = &average,
                                     .monitor = true,
                                     .everything = !plain && r % 2 == 0,
                                     .patience = r % 4 == 0 ? 2 : 0,
                                     .threads = 1 };
            compare_with_one(&way, sizes[k], 1 + (int)(r + k) % 2);
        }
    }
}

/* Parts that ranks do not divide, fewer parts than ranks, more parts than a batch has samples. */
static void any_parts_go_with_any_ranks(void **unused)
{
    static const size_t parts[] = { 1, 2, 3, 5, 7, 13, 16, 19 };
    static const int ranks[] = { 2, 3, 5, 7 };
    (void)unused;
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        for (size_t r = 0; r < sizeof ranks / sizeof ranks[0]; r++) {
            const struct way way = {
                .rule = MLP_OPTIMIZER_MOMENTUM, .clip = MLP_CLIP_GLOBAL_NORM, .parts = parts[p], .threads = 1
            };
            compare_with_one(&way, ranks[r], 1);
        }
    }
}

/* Stopped by the callback of any rank, and gone on from rank 0's checkpoint on another number of ranks. */
static void another_number_of_ranks_goes_on(void **unused)
{
    static const struct {
        int before, after, stopper;
        size_t calls;
    } cases[] = { { 2, 3, 0, 5 }, { 3, 1, 2, 9 }, { 1, 4, 0, 13 }, { 8, 2, 7, 21 }, { 4, 8, 1, 30 } };
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_schedule_options plateau = MLP_SCHEDULE_OPTIONS_INIT;
    const bool shards = sharded; /* then before, or after, or both */
    (void)unused;
    average.rule = MLP_AVERAGE_EMA;
    plateau.rule = MLP_SCHEDULE_PLATEAU;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const struct way way = { .rule = MLP_OPTIMIZER_NADAM,
                                 .clip = MLP_CLIP_AUTO,
                                 .parts = 6,
                                 .average = &average,
                                 .schedule = &plateau,
                                 .patience = c % 2 == 0 ? 5 : 0,
                                 .monitor = true,
                                 .threads = 1 };
        const char *folder = new_folder();
        struct fixture whole;
        mlp_report *report;
        make(&whole, &way);
        assert_ok(run(&whole, &report));
        for (int turn = 0; turn < 2; turn++) {
            const int size = turn == 0 ? cases[c].before : cases[c].after;
            struct ranks ranks;
            struct job *jobs = calloc((size_t)size, sizeof *jobs);
            ranks_open(&ranks, size);
            sharded = shards && c % 3 != (size_t)turn;
            for (int r = 0; r < size; r++) {
                struct fixture *f = &jobs[r].fixture;
                make_job(&jobs[r], &way, &ranks, r);
                f->checkpoint.folder = r == 0 ? folder : "/nowhere/at/all";
                f->checkpoint.resume = turn;
                f->fit.checkpoint = &f->checkpoint;
                f->stop_after = turn == 0 && r == cases[c].stopper ? cases[c].calls : 0;
            }
            run_jobs(jobs, sizeof *jobs, size, work);
            for (int r = 0; r < size; r++) {
                test_assert_status(jobs[r].status, MLP_OK, jobs[r].text, __FILE__, __LINE__);
                assert_int_equal(mlp_report_stopped(jobs[r].report), turn == 0);
                assert_true((mlp_report_checkpoint(jobs[r].report) != NULL) == (r == 0));
                if (turn == 1) {
                    assert_same_model(&whole, &jobs[r].fixture);
                    assert_same_report(report, jobs[r].report);
                }
            }
            drop_jobs(jobs, size);
            ranks_close(&ranks);
            free(jobs);
        }
        mlp_report_destroy(&report);
        drop(&whole);
    }
}

enum { THREE = 3 };

/* Rank 2 differs from the others: all are refused with its number and the difference. */
static void differences_are_refused(void **unused)
{
    static const struct {
        const char *words[3];
        mlp_status status;
    } cases[] = {
        { { "rank 2", "batch 16", "17" }, MLP_ERROR_ARGUMENT },
        { { "rank 2", "initial_parameters", NULL }, MLP_ERROR_ARGUMENT },
        { { "rank 2", "training_data.fingerprint", NULL }, MLP_ERROR_ARGUMENT },
        { { "rank 2", "learning_rate", "0.5" }, MLP_ERROR_ARGUMENT },
        { { "rank 2", "epochs 6", "7" }, MLP_ERROR_ARGUMENT },
        { { "rank 2", "parts is 5000", "4096" }, MLP_ERROR_RANGE },
    };
    (void)unused;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const struct way way = { .rule = MLP_OPTIMIZER_SGD, .parts = 4, .threads = 1 };
        struct job jobs[THREE];
        struct ranks ranks;
        ranks_open(&ranks, THREE);
        for (int r = 0; r < THREE; r++) {
            make_job(&jobs[r], &way, &ranks, r);
        }
        struct fixture *last = &jobs[2].fixture;
        switch (c) {
        case 0: last->fit.batch = 17; break;
        case 1:
            mlp_network_destroy(&last->network);
            make_network(last, 20, 4, false);
            break;
        case 2: last->x[0] += 0.25f; break;
        case 3: assert_ok(mlp_optimizer_set_learning_rate(last->optimizer, 0.5)); break;
        case 4: last->fit.epochs = 7; break;
        default: last->fit.parts = 5000;
        }
        run_jobs(jobs, sizeof *jobs, THREE, work);
        for (int r = 0; r < THREE; r++) {
            assert_int_equal(jobs[r].status, cases[c].status);
            for (size_t w = 0; w < 3; w++) {
                assert_true(cases[c].words[w] == NULL || strstr(jobs[r].text, cases[c].words[w]) != NULL);
            }
            assert_null(jobs[r].report);
        }
        drop_jobs(jobs, THREE);
        ranks_close(&ranks);
    }
}

struct agreement {
    mlp_exchange exchange;
    mlp_status own, common;
    unsigned flags;
    char text[512];
};

static void *agree(void *context)
{
    struct agreement *a = context;
    if (a->own != MLP_OK) {
        mlp_exchange_fail("no luck");
    }
    a->common = exchange_agree(&a->exchange, a->own, &a->flags);
    snprintf(a->text, sizeof a->text, "%s", a->common != MLP_OK ? mlp_last_error() : "");
    return NULL;
}

/* Any of the ranks fail: all have the first one's failure. Any of them stops: all do. */
static void ranks_agree_on_the_first_failure(void **unused)
{
    (void)unused;
    for (int failing = 0; failing < 8; failing++) {
        struct agreement a[THREE];
        struct ranks ranks;
        const int first = failing & 1 ? 0 : failing & 2 ? 1 : 2;
        char expected[64];
        snprintf(expected, sizeof expected, "rank %d: no luck", first);
        ranks_open(&ranks, THREE);
        for (int r = 0; r < THREE; r++) {
            a[r] = (struct agreement){ .exchange = ranks_exchange(&ranks, r),
                                       .own = failing >> r & 1 ? MLP_ERROR_IO : MLP_OK,
                                       .flags = r == failing ? 1u << r : 0 };
        }
        run_jobs(a, sizeof *a, THREE, agree);
        for (int r = 0; r < THREE; r++) {
            assert_int_equal(a[r].common, failing == 0 ? MLP_OK : MLP_ERROR_IO);
            assert_string_equal(a[r].text, failing == 0 ? "" : expected);
            assert_int_equal(a[r].flags, failing < THREE ? 1u << failing : 0);
        }
        ranks_close(&ranks);
    }
}

/* The line is cut at each call in turn: an error on every rank, and the parameters of a step that all made.
 * */
static void a_line_that_is_cut_ends_the_fit(void **unused)
{
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    bool came_through = false;
    (void)unused;
    average.rule = MLP_AVERAGE_EMA;
    for (size_t call = 1; !came_through; call++) {
        const struct way way = { .rule = call % 2 == 0 ? MLP_OPTIMIZER_LBFGS : MLP_OPTIMIZER_ADAM,
                                 .parts = 4,
                                 .average = &average,
                                 .monitor = true,
                                 .threads = 1 };
        struct job jobs[THREE];
        struct ranks ranks;
        ranks_open(&ranks, THREE);
        ranks.fail_after = call;
        for (int r = 0; r < THREE; r++) {
            make_job(&jobs[r], &way, &ranks, r);
            jobs[r].fixture.fit.epochs = 1;
        }
        run_jobs(jobs, sizeof *jobs, THREE, work);
        came_through = jobs[0].status == MLP_OK && call % 2 == 1;
        for (int r = 0; r < THREE; r++) {
            assert_true(jobs[r].status == jobs[0].status);
            assert_true(jobs[r].status == MLP_OK || jobs[r].status == MLP_ERROR_EXCHANGE);
            assert_true(jobs[r].status == MLP_OK || strcmp(jobs[r].text, "the line is cut") == 0);
            assert_memory_equal(jobs[r].fixture.network->parameters, jobs[0].fixture.network->parameters,
                                jobs[0].fixture.network->arena_size * sizeof(float));
        }
        drop_jobs(jobs, THREE);
        ranks_close(&ranks);
    }
}

static void what_is_refused(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_SGD, .threads = 1 };
    struct ranks ranks;
    struct fixture f;
    size_t first, own, all = 0;
    (void)unused;
    ranks_open(&ranks, THREE);
    mlp_exchange exchange = ranks_exchange(&ranks, 1);
    make(&f, &way);
    f.fit.exchange = &exchange;
    exchange.rank = 3;
    assert_refused(run(&f, NULL), MLP_ERROR_RANGE, "rank is 3", "2", NULL);
    exchange.rank = 0;
    exchange.size = 1025;
    assert_refused(run(&f, NULL), MLP_ERROR_RANGE, "1025", "1024", NULL);
    exchange.size = THREE;
    exchange.broadcast = NULL;
    assert_refused(run(&f, NULL), MLP_ERROR_ARGUMENT, "broadcast", NULL);
    exchange = ranks_exchange(&ranks, 0);
    for (size_t count = 0; count <= 20; count++) { /* fewer samples or parts than ranks among them */
        for (size_t parts = 1; parts <= 9; parts++) {
            all = 0;
            for (exchange.rank = 0; exchange.rank < THREE; exchange.rank++) {
                assert_ok(mlp_exchange_share(&exchange, count, parts, &first, &own));
                assert_true(own == 0 || first == all);
                all += own;
            }
            assert_int_equal(all, count);
        }
    }
    exchange.rank = 0;
    assert_refused(mlp_exchange_share(&exchange, 100, 0, &first, &own), MLP_ERROR_RANGE, "parts", NULL);
    assert_refused(mlp_exchange_share(&exchange, 100, 1, NULL, &own), MLP_ERROR_ARGUMENT, "first", NULL);
    drop(&f);
    ranks_close(&ranks);
}

/* The state whole or sharded, the gradient in messages or shared. */
static const struct kind {
    bool sharded;
    size_t least;
} whole = { false, SIZE_MAX }, shards = { true, SIZE_MAX }, shared = { false, 0 }, both = { true, 0 };

static int set(void **state)
{
    const struct kind *kind = *state;
    sharded = kind->sharded;
    shared_gradient_least = kind->least;
    return 0;
}

#define OF(kind, test)                                                                                       \
    {                                                                                                        \
#test " " #kind, test, set, NULL, (void *)(uintptr_t) & (kind)                                       \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF(whole, every_rule_has_the_bits_of_one_rank),
        OF(both, every_rule_has_the_bits_of_one_rank),
        OF(shards, any_parts_go_with_any_ranks),
        OF(shared, any_parts_go_with_any_ranks),
        OF(whole, another_number_of_ranks_goes_on),
        OF(both, another_number_of_ranks_goes_on),
        OF(whole, a_line_that_is_cut_ends_the_fit),
        OF(both, a_line_that_is_cut_ends_the_fit),
        OF(whole, differences_are_refused),
        OF(whole, ranks_agree_on_the_first_failure),
        OF(whole, what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
