/* A callback that does not return, but unwinds the stack, as an exception of C++ does and pthread_exit(): no
 * thread of the library's outlives the call, and BLAS's setting and the checkpoint folder's lock are given
 * back. */
#include "support/support.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "linalg/blas.h"

enum { COUNT = 1000, INPUTS = 8 };

static float x[COUNT * INPUTS];
static int32_t y[COUNT];

static size_t count_threads(void)
{
    return test_count_files("/proc/self/task");
}

/* A thread that was joined is listed for a moment yet. */
static bool has_threads(size_t expected)
{
    for (int i = 0; i < 1000 && count_threads() != expected; i++) {
        usleep(1000);
    }
    return count_threads() == expected;
}

static int leave_progress(const mlp_progress *progress, void *context)
{
    (void)context;
    if (progress->step == 2) {
        pthread_exit(NULL);
    }
    return 0;
}

static mlp_status leave_loss(const float *logits, const mlp_targets *targets, size_t outputs, size_t ld,
                             size_t count, float *gradient, double *loss, void *context)
{
    (void)logits, (void)targets, (void)outputs, (void)ld, (void)count, (void)gradient, (void)loss,
        (void)context;
    pthread_exit(NULL);
}

struct things {
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_data *data;
    const char *folder;
    mlp_progress_callback progress;
    mlp_status status;
};

static void make(struct things *t, mlp_loss_callback loss)
{
    const mlp_layer layers[] = { { .units = 64, .activation = MLP_ACTIVATION_RELU }, { .units = 2 } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    options.loss = loss != NULL ? MLP_LOSS_CUSTOM : MLP_LOSS_SQUARED_ERROR;
    options.custom_loss = loss;
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = y;
    assert_ok(mlp_network_create(INPUTS, layers, 2, &options, &t->network));
    assert_ok(mlp_optimizer_create(t->network, NULL, &t->optimizer));
    assert_ok(mlp_data_create(&arrays, &t->data));
}

static void *fit(void *context)
{
    struct things *t = context;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    checkpoint.folder = t->folder;
    options.checkpoint = t->folder != NULL ? &checkpoint : NULL;
    options.threads = 1; /* with two processors, one is left to gather batches ahead */
    options.epochs = 2;
    options.progress = t->progress;
    t->status = mlp_fit(t->network, t->optimizer, t->data, &options, NULL);
    return context;
}

/* Fits on a thread of its own, whose stack the callback unwinds. */
static void leave(struct things *t, bool returns)
{
    pthread_t thread;
    void *result = NULL;
    assert_int_equal(pthread_create(&thread, NULL, fit, t), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_true((result == t) == returns);
}

static void nothing_is_left(void **unused)
{
    (void)unused;
    blas_set_threads(2);
    for (int kind = 0; kind < 3; kind++) {
        struct things t = { .folder = kind == 1 ? test_path("checkpoints") : NULL,
                            .progress = kind < 2 ? leave_progress : NULL };
        const int blas = blas_threads();
        make(&t, kind == 2 ? leave_loss : NULL);
        const size_t threads = count_threads(), memory = memory_live_count();
        leave(&t, false);
        assert_true(has_threads(threads));
        assert_int_equal(memory_live_count(), memory);
        assert_int_equal(blas_threads(), blas);
        t.progress = NULL;
        if (kind < 2) {
            leave(&t, true); /* the folder is free, no thread hangs */
            assert_ok(t.status);
        }
        mlp_data_destroy(&t.data);
        mlp_optimizer_destroy(&t.optimizer);
        mlp_network_destroy(&t.network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_left) };
    for (int i = 0; i < COUNT; i++) {
        y[i] = i % 2;
        for (int j = 0; j < INPUTS; j++) {
            x[i * INPUTS + j] = (float)((i * 7 + j * 13) % 17) / 17.0f;
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
