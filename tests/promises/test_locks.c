/* A prediction on one thread takes no lock, leaves OpenBLAS's settings alone where no product could have
 * threads, and makes no system call: counted at the functions themselves, which this program puts before
 * the libraries'. */
#include "support/support.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cblas.h>

#include <mlp/mlp.h>

#include "linalg/blas.h"

static atomic_int locks, settings, calls;
static pthread_t counted; /* this program's thread; OpenBLAS has threads of its own */

static void count(atomic_int *counter)
{
    *counter += pthread_equal(pthread_self(), counted) != 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);
    real = real != NULL ? real : (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    count(&locks);
    return real(mutex);
}

void openblas_set_num_threads(int threads)
{
    static void (*real)(int);
    real = real != NULL ? real : (void (*)(int))dlsym(RTLD_NEXT, "openblas_set_num_threads");
    count(&settings);
    real(threads);
}

int sched_yield(void)
{
    static int (*real)(void);
    real = real != NULL ? real : (int (*)(void))dlsym(RTLD_NEXT, "sched_yield");
    count(&calls);
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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_counters_count),
                                        cmocka_unit_test(predictions_take_no_lock) };
    counted = pthread_self();
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) /* which counts locks itself, and cannot have its functions wrapped */
    return 77;
#endif
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
