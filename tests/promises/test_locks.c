/* A prediction on one thread takes no lock, leaves OpenBLAS's settings alone where no product could have
 * threads, and makes no system call: counted at the functions themselves, which this program puts before
 * the libraries', and by strace where it may trace. */
#include "support/support.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cblas.h>

#include <mlp/mlp.h>

#include "linalg/blas.h"

static atomic_int locks, settings, calls;
static pthread_t counted; /* this program's thread; OpenBLAS has threads of its own */

static void add_to(atomic_int *counter)
{
    *counter += pthread_equal(pthread_self(), counted) != 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);
    real = real != NULL ? real : (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    add_to(&locks);
    return real(mutex);
}

void openblas_set_num_threads(int threads)
{
    static void (*real)(int);
    real = real != NULL ? real : (void (*)(int))dlsym(RTLD_NEXT, "openblas_set_num_threads");
    add_to(&settings);
    real(threads);
}

int sched_yield(void)
{
    static int (*real)(void);
    real = real != NULL ? real : (int (*)(void))dlsym(RTLD_NEXT, "sched_yield");
    add_to(&calls);
    return real();
}

enum { INPUTS = 784, HIDDEN = 128, OUTPUTS = 10, MOST = 64 };

struct counts {
    int locks, settings, calls;
};

/* Of predictions of `count` samples once the first has been made. */
static struct counts count_predictions(const mlp_layer *layers, size_t inputs, size_t count)
{
    static float x[MOST * INPUTS], outputs[MOST * OUTPUTS];
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_network *network;
    mlp_workspace *workspace;
    options.threads = 1;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    assert_ok(mlp_network_create(inputs, layers, 2, NULL, &network));
    assert_ok(mlp_workspace_create(network, MOST, &options, &workspace));
    assert_ok(mlp_predict(network, workspace, x, count, outputs));
    const struct counts before = { locks, settings, calls };
    for (int i = 0; i < 100; i++) {
        assert_ok(mlp_predict(network, workspace, x, count, outputs));
    }
    const struct counts after = { locks - before.locks, settings - before.settings, calls - before.calls };
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return after;
}

static void predictions_take_no_lock(void **unused)
{
    const mlp_layer wide[] = { { .units = HIDDEN, .activation = MLP_ACTIVATION_RELU }, { .units = OUTPUTS } };
    const mlp_layer tiny[] = { { .units = 16, .activation = MLP_ACTIVATION_TANH }, { .units = 1 } };
    (void)unused;
    for (int threads = 1; threads <= 2; threads++) {
        openblas_set_num_threads(threads);
        const struct counts one = count_predictions(wide, INPUTS, 1), small = count_predictions(tiny, 8, 32),
                            many = count_predictions(wide, INPUTS, MOST);
        assert_int_equal(one.locks + one.settings + one.calls, 0);
        assert_int_equal(small.settings + small.calls, 0);
        assert_int_equal(many.calls, 0);
        if (blas_class() == BLAS_SMALL_MATRIX) { /* elsewhere OpenBLAS locks its table of buffers */
            assert_int_equal(small.locks + many.locks + many.settings, 0);
        }
        if (openblas_get_num_threads() == 1) {
            assert_int_equal(many.settings, 0);
        }
    }
}

/* The counters count. */
static void the_counters_count(void **unused)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const int before = locks, set = settings;
    (void)unused;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    openblas_set_num_threads(1);
    assert_int_equal(locks - before, 1);
    assert_int_equal(settings - set, 1);
}

/* ---- by strace ----------------------------------------------------------------------------------------- */

enum { WARM = 10, MORE = 1000 };

/* `predictions` of one sample, of some and of many, on one thread. */
static int predict(int predictions)
{
    static float x[MOST * INPUTS], outputs[MOST * OUTPUTS];
    static const size_t counts[] = { 1, 7, MOST };
    const mlp_layer layers[] = { { .units = HIDDEN, .activation = MLP_ACTIVATION_GELU },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_network *network;
    mlp_workspace *workspace;
    options.threads = 1;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    if (mlp_network_create(INPUTS, layers, 2, NULL, &network) ||
        mlp_workspace_create(network, MOST, &options, &workspace)) {
        return 1;
    }
    for (int i = 0; i < predictions; i++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            if (mlp_predict(network, workspace, x, counts[c], outputs) != MLP_OK) {
                return 1;
            }
        }
    }
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    return 0;
}

/* System calls of this program's first thread in another process that makes so many predictions; -1 where
 * that cannot be traced. */
static int traced_calls(int predictions)
{
    char self[256], command[1024], line[4096];
    int lines = 0;
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *trace = test_path("trace");
    assert_true(length > 0);
    self[length] = '\0';
    remove(trace);
    /* LeakSanitizer does not work where somebody traces */
    snprintf(command, sizeof command,
             "ASAN_OPTIONS=detect_leaks=0 strace -qq -o '%s' '%s' --predict %d 2>/dev/null", trace, self,
             predictions);
    if (system(command) != 0) {
        return -1;
    }
    FILE *stream = fopen(trace, "r");
    assert_non_null(stream);
    while (fgets(line, sizeof line, stream) != NULL) {
        lines++;
    }
    fclose(stream);
    return lines;
}

static void predictions_make_no_system_call(void **unused)
{
    const int few = traced_calls(WARM);
    (void)unused;
    if (few < 0) {
        print_message("no strace, or it may not trace\n");
        skip();
    }
    assert_true(few > 10);
    assert_true(traced_calls(WARM + MORE) - few < MORE / 10); /* threads that start make one more or less */
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_counters_count),
                                        cmocka_unit_test(predictions_take_no_lock),
                                        cmocka_unit_test(predictions_make_no_system_call) };
    if (count == 3 && strcmp(arguments[1], "--predict") == 0) {
        return predict(atoi(arguments[2]));
    }
    counted = pthread_self();
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) /* which counts locks itself, and cannot have its functions wrapped */
    return 77;
#endif
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
