/* The k-th allocation fails, for every k, alone or with all that follow: a status comes back, nothing leaks,
 * and the next attempt works. */
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { MAX_ALLOCATIONS = 1200 };

/* ---- the C library's allocator, for what allocates by itself: jansson, zlib, stdio --------------------- */

static atomic_size_t calls_left = SIZE_MAX; /* until one fails; SIZE_MAX: none does */
static bool fails_for_good;                 /* and all that follow */

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static bool fails(void)
{
    const size_t left = atomic_load(&calls_left);
    if (left == SIZE_MAX) {
        return false;
    }
    if (left > 0 || !fails_for_good) {
        atomic_store(&calls_left, left == 0 ? SIZE_MAX : left - 1);
    }
    errno = left == 0 ? ENOMEM : errno;
    return left == 0;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size)
{
    return fails() ? NULL : __libc_realloc(pointer, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}
#endif

static mlp_status diagnose(const mlp_network *network, const float *x, const int32_t *classes,
                           const mlp_optimizer_options *step)
{
    const mlp_targets targets = { .classes = classes };
    mlp_diagnose_options options = MLP_DIAGNOSE_OPTIONS_INIT;
    mlp_diagnosis *diagnosis = NULL;
    mlp_nonfinite_location location;
    mlp_spectrum spectrum;
    int passed;
    options.step = step;
    mlp_status status = mlp_diagnose(network, x, &targets, 6, &options, &diagnosis);
    status = status == MLP_OK ? mlp_find_nonfinite(network, x, &targets, 6, &location) : status;
    status = status == MLP_OK ? mlp_weight_spectrum(network, 0, NULL, &spectrum) : status;
    status = status == MLP_OK ? mlp_jacobian_spectrum(network, x, 6, NULL, &spectrum) : status;
    status = status == MLP_OK ? mlp_gradient_check(network, x, &targets, 6, NULL, NULL, &passed) : status;
    mlp_diagnosis_destroy(&diagnosis);
    return status;
}

/* Descriptors that are open; counted without an allocation that could fail. */
static size_t open_descriptors(void)
{
    size_t count = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++) {
        count += fcntl(descriptor, F_GETFD) >= 0;
    }
    return count;
}

static bool with_onnx;

/* Written for others and read again, in a build that can. */
static mlp_status through_onnx(const mlp_network *network, mlp_network **loaded)
{
    static const char *path;
    if (!with_onnx) {
        return MLP_OK;
    }
    path = path != NULL ? path : test_path("faults.onnx");
    const mlp_status status = mlp_model_export_onnx(network, path, NULL);
    if (status == MLP_ERROR_UNSUPPORTED) {
        return MLP_OK;
    }
    return status == MLP_OK ? mlp_model_load(path, loaded) : status;
}

/* A whole life in small: create, train, evaluate, save, load. */
static mlp_status live(const char *path)
{
    const mlp_layer layers[] = {
        { .units = 6, .activation = MLP_ACTIVATION_TANH, .init = MLP_INIT_ORTHOGONAL },
        { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX }
    };
    static const float class_weights[] = { 1.0f, 2.0f, 3.0f };
    static const char *const names[] = { "one", "two", "three" };
    static const float x[] = { 0, 0, 1, 0, 0, 1, 1, 1, 0.5f, 0.25f, 0.1f, 0.9f };
    static const int32_t y[] = { 0, 1, 2, 0, 1, 2 };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_data *data = NULL, *first = NULL, *second = NULL;
    mlp_network *network = NULL, *copy = NULL, *loaded = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_report *report = NULL;
    mlp_metrics metrics;
    arrays.count = 6;
    arrays.inputs = 2;
    arrays.features = x;
    arrays.classes = y;
    options.class_weights = class_weights;
    rule.rule = MLP_OPTIMIZER_ADAM;
    fit.epochs = 2;
    fit.batch = 2;
    fit.patience = 5;
    fit.monitor_interval = 1;
    fit.threads = 1;
    mlp_status status = mlp_data_create(&arrays, &data);
    status = status == MLP_OK ? mlp_data_split(data, 0.4, 1, &first, &second) : status;
    status = status == MLP_OK ? mlp_network_create(2, layers, 2, &options, &network) : status;
    status = status == MLP_OK ? mlp_data_standardize(first, network) : status;
    status = status == MLP_OK ? mlp_network_set_class_names(network, names, 3) : status;
    status = status == MLP_OK ? mlp_network_copy(network, &copy) : status;
    status = status == MLP_OK ? mlp_optimizer_create(network, &rule, &optimizer) : status;
    fit.validation = second;
    status = status == MLP_OK ? mlp_fit(network, optimizer, first, &fit, &report) : status;
    status = status == MLP_OK ? mlp_evaluate(network, data, 4, 1, 0, &metrics, NULL) : status;
    status = status == MLP_OK ? diagnose(network, x, y, &rule) : status;
    status = status == MLP_OK ? mlp_network_initialize_from_data(copy, MLP_DATA_INIT_LSUV, x, 6) : status;
    status = status == MLP_OK ? mlp_network_initialize_layer(copy, 0, 5) : status;
    status = status == MLP_OK ? mlp_model_save(network, path) : status;
    status = status == MLP_OK ? mlp_model_load(path, &loaded) : status;
    mlp_network_destroy(&loaded);
    status = status == MLP_OK ? through_onnx(network, &loaded) : status;
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&loaded);
    mlp_network_destroy(&copy);
    mlp_network_destroy(&network);
    mlp_data_destroy(&second);
    mlp_data_destroy(&first);
    mlp_data_destroy(&data);
    return status;
}

/* Once, or for good. */
static void (*const ways_to_fail[])(size_t n) = { memory_fail_after, memory_fail_from };

static void every_allocation_fails(void (*begin)(size_t n))
{
    const char *path = test_path("faults.safetensors");
    const size_t live_before = memory_live_count(), open_before = open_descriptors();
    size_t k = 0;
    for (; k < MAX_ALLOCATIONS; k++) {
        begin(k);
        const mlp_status status = live(path);
        memory_fail_after(SIZE_MAX);
        assert_int_equal(memory_live_count(), live_before);
        assert_int_equal(open_descriptors(), open_before);
        if (status == MLP_OK) {
            break;
        }
        assert_int_equal(status, MLP_ERROR_MEMORY);
        assert_true(mlp_last_error()[0] != '\0');
    }
    assert_true(k > 30 && k < MAX_ALLOCATIONS); /* the sequence allocates, and comes to its end */
    assert_ok(live(path));
}

static void every_allocation_may_fail(void **unused)
{
    (void)unused;
    every_allocation_fails(memory_fail_after);
    every_allocation_fails(memory_fail_from);
}

/* The same through the C library's allocator. What fails inside another library may come back as something
 * other than out of memory, but never as a leak of ours or a crash. */
static void every_call_to_malloc_fails(bool for_good)
{
    const char *path = test_path("faults-malloc.safetensors");
    const size_t live_before = memory_live_count();
    size_t k = 0, failures = 0;
    mlp_network *saved;
    assert_ok(live(path)); /* what BLAS, OpenMP and stdio keep is there by now */
    const size_t open_before = open_descriptors();
    with_onnx = !for_good; /* once is enough: it has many calls */
    fails_for_good = for_good;
    for (; k < 20 * MAX_ALLOCATIONS; k++) {
        atomic_store(&calls_left, k);
        const mlp_status status = live(path);
        const size_t left = atomic_load(&calls_left);
        atomic_store(&calls_left, SIZE_MAX);
        assert_int_equal(memory_live_count(), live_before);
        assert_int_equal(open_descriptors(), open_before);
        assert_ok(mlp_model_load(path, &saved)); /* the old file or the new one, never half of one */
        mlp_network_destroy(&saved);
        failures += status != MLP_OK;
        if (for_good ? left > 0 : left != SIZE_MAX) { /* none failed */
            assert_ok(status);
            break;
        }
        assert_true(status == MLP_OK || mlp_last_error()[0] != '\0');
    }
    assert_true(failures > 30 && k < 20 * MAX_ALLOCATIONS);
    assert_ok(live(path));
}

static void every_call_to_malloc_may_fail(void **unused)
{
    (void)unused;
#ifdef SANITIZED
    print_message("the sanitizer owns the allocator: not failed in this build\n");
    skip();
#endif
    every_call_to_malloc_fails(false);
    every_call_to_malloc_fails(true);
}

/* ---- one creator at a time: what it gives back when it fails ------------------------------------------- */

static mlp_network *shared_network;
static const char *shared_path;

static const mlp_layer small_layers[] = {
    { .units = 20, .activation = MLP_ACTIVATION_RELU, .init = MLP_INIT_ORTHOGONAL },
    { .units = 3, .activation = MLP_ACTIVATION_SOFTMAX },
};

static mlp_status create_network(void **made)
{
    static const float class_weights[] = { 1.0f, 2.0f, 0.5f };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network = (mlp_network *)(void *)&options; /* anything but NULL */
    options.class_weights = class_weights;
    const mlp_status status = mlp_network_create(30, small_layers, 2, &options, &network);
    *made = network;
    mlp_network_destroy(&network);
    return status;
}

static mlp_status copy_network(void **made)
{
    mlp_network *network = shared_network;
    const mlp_status status = mlp_network_copy(shared_network, &network);
    *made = network;
    mlp_network_destroy(&network);
    return status;
}

static mlp_status create_workspace(mlp_workspace_purpose purpose, void **made)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_workspace *workspace = (mlp_workspace *)(void *)&options;
    options.purpose = purpose;
    const mlp_status status = mlp_workspace_create(shared_network, 17, &options, &workspace);
    *made = workspace;
    mlp_workspace_destroy(&workspace);
    return status;
}

static mlp_status create_training_workspace(void **made)
{
    return create_workspace(MLP_WORKSPACE_TRAINING, made);
}

static mlp_status create_inference_workspace(void **made)
{
    return create_workspace(MLP_WORKSPACE_INFERENCE, made);
}

static mlp_status create_optimizer(void **made)
{
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_optimizer *optimizer = (mlp_optimizer *)(void *)&options;
    options.rule = MLP_OPTIMIZER_ADAM;
    const mlp_status status = mlp_optimizer_create(shared_network, &options, &optimizer);
    *made = optimizer;
    mlp_optimizer_destroy(&optimizer);
    return status;
}

static mlp_status load_model(void **made)
{
    mlp_network *network = shared_network;
    const mlp_status status = mlp_model_load(shared_path, &network);
    *made = network;
    mlp_network_destroy(&network);
    return status;
}

/* Setters give nothing back; failing, they leave the network as it was. */
static mlp_status set_standardization(void **made)
{
    float mean[30] = { 0 }, scale[30];
    const float *kept, *found;
    for (int i = 0; i < 30; i++) {
        scale[i] = 2.0f;
    }
    mlp_network_standardization(shared_network, &kept, NULL);
    const mlp_status status = mlp_network_set_standardization(shared_network, mean, scale);
    mlp_network_standardization(shared_network, &found, NULL);
    *made = status != MLP_OK && kept == found ? NULL : shared_network;
    return status == MLP_OK ? mlp_network_set_standardization(shared_network, NULL, NULL) : status;
}

static void every_creator_fails_cleanly(void **unused)
{
    static mlp_status (*const creators[])(void **made) = {
        create_network,   copy_network, create_training_workspace, create_inference_workspace,
        create_optimizer, load_model,   set_standardization,
    };
    (void)unused;
    assert_ok(mlp_network_create(30, small_layers, 2, NULL, &shared_network));
    shared_path = test_path("creators.safetensors");
    assert_ok(mlp_model_save(shared_network, shared_path));
    for (size_t c = 0; c < 2 * sizeof creators / sizeof creators[0]; c++) {
        const size_t live_before = memory_live_count();
        size_t k = 0;
        mlp_status status = MLP_ERROR_MEMORY;
        for (; k < MAX_ALLOCATIONS && status != MLP_OK; k++) {
            void *made = NULL;
            ways_to_fail[c % 2](k);
            status = creators[c / 2](&made);
            memory_fail_after(SIZE_MAX);
            assert_int_equal(memory_live_count(), live_before);
            assert_int_equal(made == NULL, status != MLP_OK);
            if (status != MLP_OK) {
                assert_refused(status, MLP_ERROR_MEMORY, "memory", NULL);
            }
        }
        assert_true(k > 1 && k < MAX_ALLOCATIONS);
    }
    mlp_network_destroy(&shared_network);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail),
                                        cmocka_unit_test(every_call_to_malloc_may_fail),
                                        cmocka_unit_test(every_creator_fails_cleanly) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
