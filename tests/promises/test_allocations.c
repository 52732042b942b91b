/* No allocation in a training step or a prediction: every malloc of the process is counted, BLAS's and
 * OpenMP's too. */
#include "support/support.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/team.h"
#include "linalg/blas.h"
#include "model/pass.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static atomic_size_t allocations;
static atomic_size_t bytes; /* of those by aligned_alloc(): the library's */

#ifndef SANITIZED
/* The C library's own allocator, under names that do not lead back here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(pointer, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    atomic_fetch_add(&bytes, size);
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size)
{
    atomic_fetch_add(&allocations, 1);
    *pointer = __libc_memalign(alignment, size);
    return *pointer != NULL ? 0 : ENOMEM;
}
#endif

enum { MAX_INPUTS = 1100, BATCH = 64 };

/* The first is worth a team and has a product in two parts; the second packs its operands on every core. */
static const struct shape {
    size_t inputs;
    size_t hidden;
    int steps;
} shapes[] = { { 600, 64, 1000 }, { MAX_INPUTS, 130, 100 } };

static void steps_and_predictions(const struct shape *shape, int threads)
{
    const mlp_layer layers[] = { { .units = shape->hidden, .activation = MLP_ACTIVATION_RELU },
                                 { .units = 10, .activation = MLP_ACTIVATION_SOFTMAX } };
    static float x[BATCH * MAX_INPUTS], outputs[BATCH * 10];
    int32_t y[BATCH];
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    uint64_t state = 2;
    options.threads = threads;
    rule.rule = MLP_OPTIMIZER_ADAM;
    rule.clip = MLP_CLIP_GLOBAL_NORM;
    rule.clip_threshold = 1.0;
    assert_ok(mlp_network_create(shape->inputs, layers, 2, NULL, &network));
    assert_ok(mlp_workspace_create(network, BATCH, &options, &workspace));
    assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
    test_fill(&state, -1.0, 1.0, x, BATCH * shape->inputs);
    for (int i = 0; i < BATCH; i++) {
        y[i] = i % 10;
    }
    const mlp_targets targets = { y, NULL, NULL };
    size_t before = 0;
    for (int step = 0; step < shape->steps + 10; step++) {
        before =
            step == 10 ? atomic_load(&allocations) : before; /* threads and BLAS's buffers are there by now */
        assert_ok(mlp_train_step(network, optimizer, workspace, x, &targets, BATCH - (size_t)step % 3, NULL));
        assert_ok(mlp_predict(network, workspace, x, 1 + (size_t)step % BATCH, outputs));
    }
    struct pass whole = { .network = network, .workspace = workspace };
    pass_begin(&whole, x, BATCH);
    assert_int_equal(pass_threads(&whole),
                     team_has_openmp() ? threads : 1); /* or no team has been at work above */
    assert_int_equal(atomic_load(&allocations) - before, 0);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
}

/* Allocations from the tenth step on, counted between two progress calls. */
struct counted {
    size_t calls, before, after, records;
};

static int count_allocations(const mlp_progress *progress, void *context)
{
    struct counted *counted = context;
    counted->before = ++counted->calls == 10 ? atomic_load(&allocations) : counted->before;
    counted->after = atomic_load(&allocations);
    counted->records += progress->monitor != NULL;
    return 0;
}

/* What a step of a fit can be asked for beside the rule. L-BFGS takes none of what changes the gradient. */
static void ask_for_all(mlp_optimizer_options *rule, mlp_regularization *noise)
{
    if (rule->rule != MLP_OPTIMIZER_LBFGS) {
        rule->clip = MLP_CLIP_AUTO;
        rule->update_clip = MLP_CLIP_BLOCK_RMS;
        rule->centralize = 1;
        rule->l1 = 1e-5;
        rule->max_norm = 3.0;
    }
    noise->hidden_dropout = noise->input_dropout = 0.2;
    noise->input_noise = noise->mixup = 0.1;
}

static void watched_fit(mlp_optimizer_rule which, bool all, int threads)
{
    const mlp_layer layers[] = { { .units = 64, .activation = MLP_ACTIVATION_TANH },
                                 { .units = 10, .activation = MLP_ACTIVATION_SOFTMAX } };
    static float x[BATCH * 4 * 600];
    int32_t y[BATCH * 4];
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    struct counted counted = { 0 };
    mlp_data *data;
    mlp_network *network;
    mlp_optimizer *optimizer;
    uint64_t state = 2;
    test_fill(&state, -1.0, 1.0, x, BATCH * 4 * 600);
    for (int i = 0; i < BATCH * 4; i++) {
        y[i] = i % 10;
    }
    arrays.count = BATCH * 4;
    arrays.inputs = 600;
    arrays.features = x;
    arrays.classes = y;
    rule.rule = which;
    average.rule = MLP_AVERAGE_EMA;
    options.threads = threads;
    options.monitor_interval = 1;
    options.progress = count_allocations;
    options.progress_context = &counted;
    if (all) {
        ask_for_all(&rule, &noise);
        options.regularization = &noise;
        options.average = &average;
    }
    assert_ok(mlp_data_create(&arrays, &data));
    assert_ok(mlp_network_create(600, layers, 2, NULL, &network));
    assert_ok(mlp_optimizer_create(network, &rule, &optimizer));
    assert_ok(mlp_fit(network, optimizer, data, &options, NULL));
    assert_int_equal(counted.records, 40);
    assert_int_equal(counted.after - counted.before, 0);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

static void nothing_is_allocated(void **unused)
{
    (void)unused;
#ifdef SANITIZED
    print_message("the sanitizer owns the allocator: not counted in this build\n");
    skip();
#endif
    if (strncmp(blas_config(), "OpenBLAS", 8) != 0) {
        print_message("%s allocates in its products: counted with OpenBLAS only\n", blas_config());
        skip();
    }
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        steps_and_predictions(&shapes[s], 1);
        steps_and_predictions(&shapes[s], 2);
    }
    for (size_t r = 0; r < mlp_optimizer_count(); r++) {
        watched_fit((mlp_optimizer_rule)r, false, 2);
        watched_fit((mlp_optimizer_rule)r, true, 1);
        watched_fit((mlp_optimizer_rule)r, true, 2);
    }
}

/* The counter itself works. */
static void the_counter_counts(void **unused)
{
    (void)unused;
#ifdef SANITIZED
    skip();
#endif
    const size_t before = atomic_load(&allocations);
    void *volatile pointer = malloc(10);
    free(pointer);
    assert_int_equal(atomic_load(&allocations) - before, 1);
    pointer = aligned_alloc(64, 64); /* through a volatile object, or a compiler may leave the pair out */
    free(pointer);
    assert_int_equal(posix_memalign((void **)&pointer, 64, 64), 0);
    free(pointer);
    assert_int_equal(atomic_load(&allocations) - before, 3);
}

/* Each allocation is rounded up to a cache line, which is not counted. */
static void assert_counted(const mlp_workspace *workspace, size_t taken)
{
    const size_t counted = mlp_workspace_bytes(workspace);
    assert_in_range(taken, counted, counted + 16 * 64);
}

/* mlp_workspace_bytes() is what was taken, also for dropout. */
static void a_workspace_counts_its_bytes(void **unused)
{
    const mlp_layer layers[] = { { .units = 1000, .activation = MLP_ACTIVATION_RELU }, { .units = 1 } };
    mlp_network *network;
    (void)unused;
#ifdef SANITIZED
    skip();
#endif
    assert_ok(mlp_network_create(10, layers, 2, NULL, &network));
    for (int kind = 0; kind < 6; kind++) {
        mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
        mlp_regularization noise = MLP_REGULARIZATION_INIT;
        mlp_workspace *workspace;
        const size_t before = atomic_load(&bytes);
        options.purpose = kind < 5 ? MLP_WORKSPACE_TRAINING : MLP_WORKSPACE_INFERENCE;
        assert_ok(mlp_workspace_create(network, 1 + 13 * (size_t)kind, &options, &workspace));
        assert_counted(workspace, atomic_load(&bytes) - before);
        const size_t bare = mlp_workspace_bytes(workspace);
        noise.hidden_dropout = kind % 2 == 0 ? 0.5 : 0.0;
        noise.input_dropout = kind == 3 ? 0.5 : 0.0;
        noise.input_noise = kind == 1 ? 0.1 : 0.0;
        if (kind < 5) {
            assert_ok(mlp_workspace_set_regularization(workspace, &noise));
            assert_counted(workspace, atomic_load(&bytes) - before);
            assert_ok(mlp_workspace_set_regularization(workspace, NULL));
            assert_int_equal(mlp_workspace_bytes(workspace), bare);
        }
        mlp_workspace_destroy(&workspace);
    }
    mlp_network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_counter_counts),
                                        cmocka_unit_test(nothing_is_allocated),
                                        cmocka_unit_test(a_workspace_counts_its_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
