/* The gradient in memory that ranks have in common: that of one rank, and of no other's writing. (That
 * trainings have the bits of one rank: test_ranks.c.) */
#include "support/support.h"

#include <math.h>
#include <pthread.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "base/platform.h"
#include "model/network.h"
#include "model/parts.h"
#include "support/ranks.h"

enum { INPUTS = 40, UNITS = 70, OUTPUTS = 3, COUNT = 50, PARTS = 7, STEPS = 3, THREE = 3 };

/* What one rank has, and what comes of its steps. */
struct job {
    struct ranks *ranks;
    const float *x;
    mlp_targets targets;
    mlp_exchange exchange;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_workspace *workspace;
    mlp_step_report report;
    mlp_status status;
    size_t parts;
    size_t zeroed; /* in all steps */
    bool writes;   /* this rank writes to its gradient between steps */
    float *gradient;
};

static float samples[INPUTS * COUNT];
static int32_t classes[COUNT];

static void make_job(struct job *job, struct ranks *ranks, int rank, const mlp_optimizer_options *options)
{
    const mlp_layer layers[] = { { .units = UNITS, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options network = MLP_NETWORK_OPTIONS_INIT;
    network.reduction = MLP_REDUCTION_SUM;
    *job = (struct job){ .ranks = ranks, .x = samples, .targets = { .classes = classes }, .parts = PARTS };
    assert_ok(mlp_network_create(INPUTS, layers, 2, &network, &job->network));
    memset(network_write(job->network), 0, job->network->layers[0].stride * sizeof(float)); /* of input 0 */
    assert_ok(mlp_optimizer_create(job->network, options, &job->optimizer));
    assert_ok(mlp_workspace_create(job->network, (COUNT - 1) / PARTS + 1, NULL, &job->workspace));
    if (ranks != NULL) {
        job->exchange = ranks_exchange(ranks, rank);
    }
}

static void drop_job(struct job *job)
{
    mlp_workspace_destroy(&job->workspace);
    mlp_optimizer_destroy(&job->optimizer);
    mlp_network_destroy(&job->network);
}

/* dW and db of the first layer. */
static mlp_matrix first_gradient(const struct job *job)
{
    mlp_matrix view;
    assert_ok(mlp_workspace_view(job->workspace, MLP_TENSOR_WEIGHT_GRADIENT, 0, &view));
    return view;
}

static void *work(void *context)
{
    struct job *job = context;
    job->status = job->ranks != NULL ? mlp_workspace_set_exchange(job->workspace, job->parts, &job->exchange)
                                     : mlp_workspace_set_parts(job->workspace, job->parts);
    for (int step = 0; step < STEPS && job->status == MLP_OK; step++) {
        const size_t count = step == 1 ? 1 : COUNT; /* one sample, which goes another way where P is 1 */
        job->status = mlp_train_step(job->network, job->optimizer, job->workspace, job->x, &job->targets,
                                     count, &job->report);
        job->zeroed += job->report.zeroed;
        if (job->writes && step + 1 < STEPS) {
            first_gradient(job).data[0] = 1e20f;
        }
    }
    return NULL;
}

static void train_jobs(struct job *jobs, int size)
{
    run_jobs(jobs, sizeof *jobs, size, work);
    for (int r = 0; r < size; r++) {
        assert_ok(jobs[r].status);
    }
}

static void assert_same(const struct job *a, const struct job *b)
{
    const mlp_matrix x = first_gradient(a), y = first_gradient(b);
    assert_memory_equal(x.data, y.data, x.leading_dimension * x.columns * sizeof(float));
    assert_memory_equal(a->network->parameters, b->network->parameters,
                        a->network->arena_size * sizeof(float));
    assert_true(a->report.loss == b->report.loss && a->report.clip.norm == b->report.clip.norm &&
                a->report.clip.scale == b->report.clip.scale && a->zeroed == b->zeroed);
}

/* Of input 0 all samples have `first`; of one class theirs add up. */
static void fill(float first, int32_t class_count)
{
    uint64_t state = 3;
    test_fill(&state, -1.0, 1.0, samples, INPUTS * COUNT);
    for (int i = 0; i < COUNT; i++) {
        classes[i] = i % class_count;
        samples[i * INPUTS] = first;
    }
}

/* One that takes all parts, and three that share them out. */
static void make_jobs(struct job *alone, struct job jobs[THREE], struct ranks *ranks,
                      const mlp_optimizer_options *options)
{
    ranks_open(ranks, THREE);
    make_job(alone, NULL, 0, options);
    for (int r = 0; r < THREE; r++) {
        make_job(&jobs[r], ranks, r, options);
    }
}

/* What writes to the gradient, here the clipping of units, means of units, entries that are not finite, decay
 * in a search, and a caller, writes to its rank's own. */
static void a_rank_writes_to_its_own_gradient(void **unused)
{
    mlp_optimizer_options options[4] = { MLP_OPTIMIZER_OPTIONS_INIT, MLP_OPTIMIZER_OPTIONS_INIT,
                                         MLP_OPTIMIZER_OPTIONS_INIT, MLP_OPTIMIZER_OPTIONS_INIT };
    (void)unused;
    options[0].clip = MLP_CLIP_ADAPTIVE;
    options[1].centralize = 1;
    options[1].clip = MLP_CLIP_GLOBAL_NORM;
    options[1].clip_threshold = 0.1;
    options[2].nonfinite = MLP_NONFINITE_ZERO;
    options[2].clip = MLP_CLIP_VALUE;
    options[2].clip_threshold = 0.01;
    options[3].rule = MLP_OPTIMIZER_LBFGS;
    options[3].weight_decay = 0.1;
    for (size_t o = 0; o < 4; o++) {
        struct job alone, jobs[THREE];
        struct ranks ranks;
        fill(o == 2 ? 3e38f : 0.5f, o == 2 ? 1 : OUTPUTS);
        make_jobs(&alone, jobs, &ranks, &options[o]);
        jobs[1].writes = true;
        train_jobs(&alone, 1);
        assert_true((alone.zeroed > 0) == (o == 2));
        train_jobs(jobs, THREE);
        for (int r = 0; r < THREE; r++) {
            assert_non_null(jobs[r].workspace->parts->shared.memory);
            assert_same(&alone, &jobs[r]);
        }
        first_gradient(&jobs[0]).data[0] += 1.0f;
        assert_same(&alone, &jobs[1]);
        for (int r = 0; r < THREE; r++) {
            drop_job(&jobs[r]);
        }
        drop_job(&alone);
        ranks_close(&ranks);
    }
}

/* What lay in memory of all is the workspace's own again, or stays where it is for want of memory. */
static void a_rank_goes_on_alone(void **unused)
{
    const mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    struct job alone, jobs[THREE];
    struct ranks ranks;
    (void)unused;
    fill(0.5f, OUTPUTS);
    make_jobs(&alone, jobs, &ranks, &options);
    train_jobs(&alone, 1);
    train_jobs(jobs, THREE);
    work(&alone);
    for (int r = 0; r < THREE; r++) {
        memory_fail_after(0);
        assert_refused(mlp_workspace_set_parts(jobs[r].workspace, 1), MLP_ERROR_MEMORY, NULL);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(mlp_workspace_parts(jobs[r].workspace), PARTS);
        jobs[r].ranks = NULL;
        work(&jobs[r]);
        assert_ok(jobs[r].status);
        assert_same(&alone, &jobs[r]);
        drop_job(&jobs[r]);
    }
    drop_job(&alone);
    ranks_close(&ranks);
}

/* As on another machine. */
static mlp_status receive_another_name(void *context, void *bytes, size_t count, int root)
{
    const mlp_status status = ranks_broadcast(context, bytes, count, root);
    ((char *)bytes)[1] = '-';
    return status;
}

static void ranks_that_have_no_memory_in_common_send_messages(void **unused)
{
    const mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    struct job alone, jobs[THREE];
    struct ranks ranks;
    (void)unused;
    fill(0.5f, OUTPUTS);
    make_jobs(&alone, jobs, &ranks, &options);
    train_jobs(&alone, 1);
    jobs[2].exchange.broadcast = receive_another_name;
    train_jobs(jobs, THREE);
    for (int r = 0; r < THREE; r++) {
        assert_null(jobs[r].workspace->parts->shared.memory);
        assert_same(&alone, &jobs[r]);
        drop_job(&jobs[r]);
    }
    drop_job(&alone);
    ranks_close(&ranks);
}

static void make_room(struct job *job, size_t parts, size_t room)
{
    mlp_workspace_destroy(&job->workspace);
    assert_ok(mlp_workspace_create(job->network, room, NULL, &job->workspace));
    job->parts = parts;
}

/* As many parts go through the passes together as there is room for: in messages, and in memory in common. */
static void bits_do_not_hang_on_the_room(void **unused)
{
    static const size_t cuts[][2] = { { 7, 8 },  { 7, 17 },    { 7, 24 },    { 7, COUNT },
                                      { 2, 25 }, { 2, COUNT }, { 8, 7 },     { 8, 20 },
                                      { 9, 19 }, { COUNT, 1 }, { COUNT, 4 }, { 1, COUNT } };
    const mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    fill(0.5f, OUTPUTS);
    for (size_t c = 0; c < 2 * sizeof cuts / sizeof cuts[0]; c++) {
        const size_t parts = cuts[c / 2][0], room = cuts[c / 2][1];
        struct job alone, jobs[THREE];
        struct ranks ranks;
        make_jobs(&alone, jobs, &ranks, &options);
        make_room(&alone, parts, (COUNT - 1) / parts + 1);
        train_jobs(&alone, 1);
        for (int r = 0; r < THREE; r++) {
            make_room(&jobs[r], parts, room);
        }
        jobs[2].exchange.broadcast = c % 2 == 0 ? receive_another_name : jobs[2].exchange.broadcast;
        train_jobs(jobs, THREE);
        for (int r = 0; r < THREE; r++) {
            assert_true((jobs[r].workspace->parts->shared.memory != NULL) == (c % 2 != 0));
            assert_same(&alone, &jobs[r]);
            drop_job(&jobs[r]);
        }
        drop_job(&alone);
        ranks_close(&ranks);
    }
}

/* Found by its name, of this size, until the name is unlinked. */
static void shared_memory_has_a_name(void **unused)
{
    static const char name[] = "/mlp-test-shared-memory";
    enum { SIZE = 5000 };
    (void)unused;
    platform_unlink_shared(name);
    assert_null(platform_map_shared(name, SIZE, false));
    char *a = platform_map_shared(name, SIZE, true);
    assert_non_null(a);
    assert_null(platform_map_shared(name, SIZE, true));
    assert_null(platform_map_shared(name, SIZE + 1, false));
    char *b = platform_map_shared(name, SIZE, false);
    assert_non_null(b);
    assert_true(a != b && b[SIZE - 1] == 0);
    a[SIZE - 1] = 7;
    assert_int_equal(b[SIZE - 1], 7);
    platform_unlink_shared(name);
    assert_null(platform_map_shared(name, SIZE, false));
    platform_unmap_shared(a, SIZE);
    platform_unmap_shared(b, SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_writes_to_its_own_gradient),
        cmocka_unit_test(a_rank_goes_on_alone),
        cmocka_unit_test(ranks_that_have_no_memory_in_common_send_messages),
        cmocka_unit_test(bits_do_not_hang_on_the_room),
        cmocka_unit_test(shared_memory_has_a_name),
    };
    shared_gradient_least = 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
