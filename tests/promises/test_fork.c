/* A child of fork() predicts and trains as its parent would, whatever the parent had done, and whatever other
 * threads of it were doing at that moment. */
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/processors.h"
#include "base/team.h"

enum { INPUTS = 60, HIDDEN = 256, OUTPUTS = 7, COUNT = 512, FORKS = 40, PATIENCE = 20 };

static float x[COUNT * INPUTS];
static int32_t classes[COUNT];

static mlp_status fork_in_loss(const float *logits, const mlp_targets *targets, size_t outputs, size_t ld,
                               size_t count, float *gradient, double *loss, void *context);

static mlp_network *make_network(void *custom_context)
{
    const mlp_layer layers[] = { { .units = HIDDEN, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS,
                                   .activation = custom_context != NULL ? MLP_ACTIVATION_IDENTITY
                                                                        : MLP_ACTIVATION_SOFTMAX } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    if (custom_context != NULL) {
        options.loss = MLP_LOSS_CUSTOM;
        options.custom_loss = fork_in_loss;
        options.custom_loss_context = custom_context;
    }
    assert_ok(mlp_network_create(INPUTS, layers, 2, &options, &network));
    return network;
}

/* Three steps and a prediction of a network of its own: a digest of the outputs' bits, or 0 where a call
 * failed. */
static uint64_t train_and_predict(int threads)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    const mlp_targets targets = { classes, NULL, NULL };
    mlp_network *network = make_network(NULL);
    mlp_workspace *workspace = NULL;
    mlp_optimizer *optimizer = NULL;
    float *outputs = calloc(COUNT * OUTPUTS, sizeof *outputs);
    uint64_t digest = 1469598103934665603U;
    options.threads = threads;
    mlp_status status = mlp_workspace_create(network, COUNT, &options, &workspace);
    status = status == MLP_OK ? mlp_optimizer_create(network, NULL, &optimizer) : status;
    for (int step = 0; step < 3 && status == MLP_OK; step++) {
        status = mlp_train_step(network, optimizer, workspace, x, &targets, COUNT, NULL);
    }
    status = status == MLP_OK ? mlp_predict(network, workspace, x, COUNT, outputs) : status;
    for (size_t i = 0; i < COUNT * OUTPUTS * sizeof(float); i++) {
        digest = (digest ^ ((const unsigned char *)outputs)[i]) * 1099511628211U;
    }
    free(outputs);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return status == MLP_OK ? digest : 0;
}

/* Forks; the child must come to `expected` with `threads` threads. */
static void child_computes(uint64_t expected, int threads)
{
    int status = -1;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(PATIENCE); /* a child that hangs is ended, and seen */
        _exit(train_and_predict(threads) == expected ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static uint64_t expected_digest(void)
{
    const uint64_t expected = train_and_predict(1);
    assert_true(expected != 0);
    return expected;
}

static void after_a_team(void **unused)
{
    const uint64_t expected = expected_digest();
    (void)unused;
    for (int parents = 1; parents <= 4; parents++) {
        for (int childs = 1; childs <= 4; childs++) {
            assert_true(train_and_predict(parents) == expected);
            child_computes(expected, childs);
        }
    }
    assert_true(train_and_predict(3) == expected);
}

static void note_size(const struct team *team, void *context)
{
    if (team->rank == 0) {
        *(int *)context = team->size;
    }
}

/* A child's teams are teams. */
static void children_have_teams(void **unused)
{
    int status, size = 0;
    (void)unused;
    team_run(3, note_size, &size);
    const pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE);
        team_run(2, note_size, &size);
        _exit(size);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), team_has_openmp() && processors_within_quota() > 1 ? 2 : 1);
}

static atomic_bool stop;

static void *keep_busy(void *threads)
{
    uint64_t failures = 0;
    while (!atomic_load(&stop)) {
        failures += train_and_predict(*(int *)threads) == 0;
    }
    return failures == 0 ? threads : NULL;
}

static void __attribute__((unused)) beside_busy_threads(void **unused)
{
    const uint64_t expected = expected_digest();
    pthread_t busy[3];
    int teams[3] = { 1, 1, 2 };
    (void)unused;
    atomic_store(&stop, false);
    for (int t = 0; t < 3; t++) {
        assert_int_equal(pthread_create(&busy[t], NULL, keep_busy, &teams[t]), 0);
    }
    for (int i = 0; i < FORKS; i++) {
        child_computes(expected, 1 + i % 2);
    }
    atomic_store(&stop, true);
    for (int t = 0; t < 3; t++) {
        void *fine = NULL;
        assert_int_equal(pthread_join(busy[t], &fine), 0);
        assert_non_null(fine);
    }
}

/* A callback in the middle of a pass, which forks and goes on. */
static mlp_status fork_in_loss(const float *logits, const mlp_targets *targets, size_t outputs, size_t ld,
                               size_t count, float *gradient, double *loss, void *context)
{
    (void)logits;
    (void)targets;
    child_computes(*(const uint64_t *)context, 2);
    *loss = 0.0;
    if (gradient != NULL) {
        for (size_t j = 0; j < count; j++) {
            memset(gradient + j * ld, 0, outputs * sizeof(float));
        }
    }
    return MLP_OK;
}

static void within_a_callback(void **unused)
{
    uint64_t expected = expected_digest();
    (void)unused;
    for (int threads = 1; threads <= 2; threads++) {
        mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
        const mlp_targets targets = { classes, NULL, NULL };
        mlp_network *network = make_network(&expected);
        mlp_workspace *workspace;
        double loss;
        options.threads = threads;
        assert_ok(mlp_workspace_create(network, COUNT, &options, &workspace));
        assert_ok(mlp_forward(network, workspace, x, COUNT));
        assert_ok(mlp_loss_evaluate(network, workspace, &targets, &loss));
        mlp_workspace_destroy(&workspace);
        mlp_network_destroy(&network);
    }
}

static int fill(void **unused)
{
    uint64_t state = 4;
    (void)unused;
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    for (int i = 0; i < COUNT; i++) {
        classes[i] = i % OUTPUTS;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(after_a_team), cmocka_unit_test(children_have_teams),
#ifndef __SANITIZE_ADDRESS__ /* whose allocator may be locked by another thread while the process forks */
                                        cmocka_unit_test(beside_busy_threads),
#endif
                                        cmocka_unit_test(within_a_callback) };
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) /* which lets no child of a process with threads start a thread */
    return 77;
#endif
#endif
    if (getenv("MLP_TEST_EMULATED") != NULL) { /* qemu-user ends where a process with threads forks */
        return 77;
    }
    return cmocka_run_group_tests(tests, fill, NULL);
}
