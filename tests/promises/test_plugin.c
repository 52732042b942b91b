/* The shared library as a plugin: loaded late, with OpenBLAS there before it, and closed while its threads
 * sleep. usage: test_plugin LIBMLP.SO.
 * Each case is a process of its own, as a library is loaded only once. */
#include "support/support.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cblas.h>

#include <mlp/mlp.h>

extern void gotoblas_dynamic_quit(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));

static const char *library;

/* OpenBLAS as on a processor that it does not know. */
static void choose_oldest_core(void)
{
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
    unsetenv("MLP_BLAS_CORE");
}

/* Loads the library and returns what it says of the cores. */
static mlp_info load(const char **reason)
{
    mlp_info info;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        _exit(99);
    }
    void (*get)(mlp_info *) = (void (*)(mlp_info *))dlsym(handle, "mlp_info_get");
    const char *(*why)(void) = (const char *(*)(void))dlsym(handle, "mlp_blas_core_reason");
    get(&info);
    *reason = why() != NULL ? why() : "";
    return info;
}

static int takes_the_best(void)
{
    const char *reason;
    choose_oldest_core();
    const mlp_info info = load(&reason);
    return info.blas_core_suggested == NULL && info.hint == NULL &&
           strcasecmp(info.blas_core, "Prescott") != 0 && strstr(reason, "Prescott") != NULL &&
           getenv("OPENBLAS_CORETYPE") == NULL;
}

static int respects_openblas_coretype(void)
{
    const char *reason;
    choose_oldest_core();
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    const mlp_info info = load(&reason);
    return strcasecmp(info.blas_core, "Prescott") == 0 && strstr(reason, "OPENBLAS_CORETYPE") != NULL &&
           strcmp(info.hint, reason) == 0 && strcmp(getenv("OPENBLAS_CORETYPE"), "Prescott") == 0;
}

static int keeps(void)
{
    const char *reason;
    choose_oldest_core();
    setenv("MLP_BLAS_CORE", "keep", 1);
    const mlp_info info = load(&reason);
    return strcasecmp(info.blas_core, "Prescott") == 0 && strstr(reason, "keep") != NULL;
}

static int takes_a_core_by_name(void)
{
    const char *reason;
    choose_oldest_core();
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    setenv("MLP_BLAS_CORE", "haswell", 1);
    return strcasecmp(load(&reason).blas_core, "Haswell") == 0;
}

static int refuses_an_unknown_name(void)
{
    const char *reason;
    choose_oldest_core();
    setenv("MLP_BLAS_CORE", "Pentium", 1);
    const mlp_info info = load(&reason);
    return strcasecmp(info.blas_core, "Prescott") == 0 && strstr(reason, "Pentium") != NULL;
}

static void *sleep_long(void *unused)
{
    pause();
    return unused;
}

static int leaves_a_process_with_threads_alone(void)
{
    pthread_t others[4];
    const char *reason;
    choose_oldest_core();
    openblas_set_num_threads(1);
    for (int t = 0; t < 4; t++) {
        pthread_create(&others[t], NULL, sleep_long, NULL);
    }
    const mlp_info info = load(&reason);
    return strcasecmp(info.blas_core, "Prescott") == 0 && strstr(reason, "other threads") != NULL &&
           strstr(reason, "mlp_blas_select_core") != NULL;
}

#define FUNCTION(name) __typeof__(&name) p_##name = (__typeof__(&name))dlsym(handle, #name)

/* Two threads of a team are asleep, or spin, in the code that is to be taken away. */
static int is_closed_and_opened(void)
{
    enum { INPUTS = 20, COUNT = 2048, OUTPUTS = 4, ROUNDS = 20 };
    static float x[COUNT * INPUTS], outputs[COUNT * OUTPUTS];
    const mlp_layer layers[] = { { .units = 256, .activation = MLP_ACTIVATION_RELU }, { .units = OUTPUTS } };
    for (int round = 0; round < ROUNDS; round++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
        mlp_network *network;
        mlp_workspace *workspace;
        options.threads = 2;
        FUNCTION(mlp_network_create);
        FUNCTION(mlp_network_destroy);
        FUNCTION(mlp_workspace_create);
        FUNCTION(mlp_workspace_destroy);
        FUNCTION(mlp_predict);
        if (p_mlp_network_create(INPUTS, layers, 2, NULL, &network) ||
            p_mlp_workspace_create(network, COUNT, &options, &workspace) ||
            p_mlp_predict(network, workspace, x, COUNT, outputs)) {
            return 0;
        }
        p_mlp_workspace_destroy(&workspace);
        p_mlp_network_destroy(&network);
        dlclose(handle);
        usleep(5000);
    }
    return 1;
}

static void in_a_process(int (*holds)(void))
{
    int status = -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        alarm(30);
        _exit(holds() ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool has_avx2(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

static void the_core_is_chosen_at_load(void **unused)
{
    (void)unused;
    if (gotoblas_dynamic_init == NULL || !has_avx2()) {
        skip();
    }
    in_a_process(takes_the_best);
    in_a_process(respects_openblas_coretype);
    in_a_process(keeps);
    in_a_process(takes_a_core_by_name);
    in_a_process(refuses_an_unknown_name);
    in_a_process(leaves_a_process_with_threads_alone);
}

static void the_library_may_be_closed(void **unused)
{
    (void)unused;
    in_a_process(is_closed_and_opened);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_core_is_chosen_at_load),
                                        cmocka_unit_test(the_library_may_be_closed) };
    if (argc != 2) {
        return 2;
    }
    library = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
