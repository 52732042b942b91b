/* A limit on the address space ends in MLP_ERROR_MEMORY when the workspace is made, and never in a search
 * for memory without end; a thread that cannot start makes the team smaller. Each case is a process of its
 * own. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mlp/mlp.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { SIDE = 300, COUNT = 128, MIB = 1 << 20 };

/* Bytes of address space that this process has taken. */
static size_t address_space(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_to(size_t more)
{
    const struct rlimit limit = { address_space() + more, RLIM_INFINITY };
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

static mlp_network *make_network(void)
{
    const mlp_layer layers[] = { { .units = SIDE, .activation = MLP_ACTIVATION_TANH }, { .units = SIDE } };
    mlp_network *network;
    assert_ok(mlp_network_create(SIDE, layers, 2, NULL, &network));
    return network;
}

/* Makes a workspace and trains with it, below a limit: 0 when all went well, the status of what did not. */
static int train_within(size_t more, int threads)
{
    static float x[COUNT * SIDE], y[COUNT * SIDE];
    mlp_network *network = make_network();
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    const mlp_targets targets = { NULL, y, NULL };
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    options.threads = threads;
    limit_to(more);
    mlp_status status = mlp_workspace_create(network, COUNT, &options, &workspace);
    if (status == MLP_OK && mlp_optimizer_create(network, NULL, &optimizer) == MLP_OK) {
        for (int step = 0; step < 3 && status == MLP_OK; step++) {
            status = mlp_train_step(network, optimizer, workspace, x, &targets, COUNT, NULL);
        }
    }
    return -(int)status;
}

static const char *program;

/* Runs this program anew with a case's name and numbers, OpenBLAS without threads of its own: these take
 * their buffers when the process starts, or for ever. */
static int run(const char *name, size_t more, int threads)
{
    char room[32], team[32];
    int status = -1;
    fflush(NULL);
    snprintf(room, sizeof room, "%zu", more);
    snprintf(team, sizeof team, "%d", threads);
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        execl(program, program, name, room, team, (char *)NULL);
        _exit(99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status)); /* no hang, no abort */
    return WEXITSTATUS(status);
}

/* With whatever room there is, training works or the workspace is refused. */
static void every_limit_has_an_end(void **unused)
{
    int worked = 0, refused = 0;
    (void)unused;
    NEEDS_PROCESSOR;
#ifdef SANITIZED
    skip();
#endif
    for (int threads = 1; threads <= 4; threads++) {
        for (size_t room = 0; room <= 1024; room += room < 64 ? 16 : 64) {
            const int status = run("train", room * MIB, threads);
            assert_true(status == 0 || status == -MLP_ERROR_MEMORY);
            worked += status == 0;
            refused += status != 0;
        }
    }
    assert_true(worked > 0 && refused > 0);
}

static int orthogonalize_within(size_t more, int unused)
{
    mlp_network *network;
    const mlp_layer layers[] = { { .units = SIDE, .init = MLP_INIT_ORTHOGONAL } };
    (void)unused;
    limit_to(more);
    return -(int)mlp_network_create(SIDE, layers, 1, NULL, &network);
}

static void lapack_is_refused(void **unused)
{
    (void)unused;
    NEEDS_LINUX;
    NEEDS_PROCESSOR;
#ifdef SANITIZED
    skip();
#endif
    assert_int_equal(run("orthogonalize", 32 * MIB, 1), -MLP_ERROR_MEMORY);
    assert_int_equal(run("orthogonalize", (size_t)1024 * MIB, 1), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_limit_has_an_end),
                                        cmocka_unit_test(lapack_is_refused) };
    program = argv[0];
    if (argc == 4) {
        const size_t more = strtoull(argv[2], NULL, 10);
        return strcmp(argv[1], "train") == 0 ? train_within(more, atoi(argv[3]))
                                             : orthogonalize_within(more, 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
