/* Programs that were compiled for an older or a newer library: every options struct, every size of it. */
#include "support/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mlp/mlp.h>

/* ---- one call for each options struct ------------------------------------------------------------------ */

enum { SAMPLES = 30, INPUTS = 2, CLASSES = 3 };

struct world {
    float x[SAMPLES * INPUTS];
    int32_t y[SAMPLES];
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_workspace *workspace;
    mlp_data *data;
    const char *csv;
    mlp_fit_options fit;
};

static mlp_status call_arrays(struct world *world, const void *options)
{
    (void)world;
    mlp_data *data;
    const mlp_status status = mlp_data_create(options, &data);
    mlp_data_destroy(&data);
    return status;
}

static mlp_status call_csv(struct world *world, const void *options)
{
    mlp_data *data;
    const mlp_status status = mlp_data_load_csv(world->csv, options, &data);
    mlp_data_destroy(&data);
    return status;
}

static mlp_status call_open_csv(struct world *world, const void *options)
{
    mlp_data *data;
    const mlp_status status = mlp_data_open_csv(world->csv, options, NULL, &data);
    mlp_data_destroy(&data);
    return status;
}

static mlp_status call_network(struct world *world, const void *options)
{
    (void)world;
    const mlp_layer layers[] = { { .units = 3 }, { .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_network *network;
    const mlp_status status = mlp_network_create(INPUTS, layers, 2, options, &network);
    mlp_network_destroy(&network);
    return status;
}

static mlp_status call_workspace(struct world *world, const void *options)
{
    mlp_workspace *workspace;
    const mlp_status status = mlp_workspace_create(world->network, 4, options, &workspace);
    mlp_workspace_destroy(&workspace);
    return status;
}

static mlp_status call_regularization(struct world *world, const void *options)
{
    return mlp_workspace_set_regularization(world->workspace, options);
}

static mlp_status call_optimizer(struct world *world, const void *options)
{
    mlp_optimizer *optimizer;
    const mlp_status status = mlp_optimizer_create(world->network, options, &optimizer);
    mlp_optimizer_destroy(&optimizer);
    return status;
}

static mlp_status call_schedule(struct world *world, const void *options)
{
    (void)world;
    mlp_schedule_point point;
    return mlp_schedule_at(options, 1, 10, &point);
}

static mlp_status call_fit(struct world *world, const void *options)
{
    return mlp_fit(world->network, world->optimizer, world->data, options, NULL);
}

static mlp_status call_fit_with(struct world *world, const mlp_schedule_options *schedule,
                                const mlp_regularization *regularization, const mlp_average_options *average,
                                const mlp_checkpoint_options *checkpoint)
{
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    fit.epochs = 1;
    fit.schedule = schedule;
    fit.regularization = regularization;
    fit.average = average;
    fit.checkpoint = checkpoint;
    return call_fit(world, &fit);
}

static mlp_status call_fit_schedule(struct world *world, const void *options)
{
    return call_fit_with(world, options, NULL, NULL, NULL);
}

static mlp_status call_fit_regularization(struct world *world, const void *options)
{
    return call_fit_with(world, NULL, options, NULL, NULL);
}

static mlp_status call_fit_average(struct world *world, const void *options)
{
    return call_fit_with(world, NULL, NULL, options, NULL);
}

static mlp_status call_fit_checkpoint(struct world *world, const void *options)
{
    return call_fit_with(world, NULL, NULL, NULL, options);
}

static mlp_status call_rate_test(struct world *world, const void *options)
{
    enum { STEPS = 200 };
    mlp_rate_point points[STEPS];
    size_t count;
    assert_true(mlp_rate_test_steps(options) <= STEPS);
    return mlp_rate_test(world->network, world->optimizer, world->data, options, points, &count, NULL);
}

static mlp_status call_diagnose(struct world *world, const void *options)
{
    const mlp_targets targets = { .classes = world->y };
    mlp_diagnosis *diagnosis;
    const mlp_status status = mlp_diagnose(world->network, world->x, &targets, SAMPLES, options, &diagnosis);
    mlp_diagnosis_destroy(&diagnosis);
    return status;
}

static mlp_status call_gradient_check(struct world *world, const void *options)
{
    const mlp_targets targets = { .classes = world->y };
    int passed;
    return mlp_gradient_check(world->network, world->x, &targets, SAMPLES, options, NULL, &passed);
}

/* ---- all of them --------------------------------------------------------------------------------------- */

static const mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
static const mlp_csv_options csv = MLP_CSV_OPTIONS_INIT;
static const mlp_network_options network = MLP_NETWORK_OPTIONS_INIT;
static const mlp_workspace_options workspace = MLP_WORKSPACE_OPTIONS_INIT;
static const mlp_regularization regularization = MLP_REGULARIZATION_INIT;
static const mlp_optimizer_options optimizer = MLP_OPTIMIZER_OPTIONS_INIT;
static const mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
static const mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
static const mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
static const mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
static const mlp_rate_test_options rate_test = MLP_RATE_TEST_OPTIONS_INIT;
static const mlp_diagnose_options diagnose = MLP_DIAGNOSE_OPTIONS_INIT;
static const mlp_gradient_check_options gradient_check = MLP_GRADIENT_CHECK_OPTIONS_INIT;

/* `first` is the size in release 0.1.0 with pointers of 64 bits: the least that a program can have. */
#define ROW(object, type, first, call)                                                                       \
    {                                                                                                        \
        "mlp_" type, &object, sizeof object, first, call                                                     \
    }
static const struct row {
    const char *type;
    const void *defaults;
    size_t size, first;
    mlp_status (*call)(struct world *world, const void *options);
} rows[] = {
    ROW(arrays, "data_arrays", 88, call_arrays),
    ROW(csv, "csv_options", 56, call_csv),
    ROW(csv, "csv_options", 56, call_open_csv),
    ROW(network, "network_options", 72, call_network),
    ROW(workspace, "workspace_options", 24, call_workspace),
    ROW(regularization, "regularization", 56, call_regularization),
    ROW(regularization, "regularization", 56, call_fit_regularization),
    ROW(optimizer, "optimizer_options", 160, call_optimizer),
    ROW(schedule, "schedule_options", 112, call_schedule),
    ROW(schedule, "schedule_options", 112, call_fit_schedule),
    ROW(fit, "fit_options", 144, call_fit),
    ROW(average, "average_options", 32, call_fit_average),
    ROW(checkpoint, "checkpoint_options", 48, call_fit_checkpoint),
    ROW(rate_test, "rate_test_options", 64, call_rate_test),
    ROW(diagnose, "diagnose_options", 32, call_diagnose),
    ROW(gradient_check, "gradient_check_options", 40, call_gradient_check),
};
enum { ROWS = sizeof rows / sizeof rows[0], LARGEST = 1024 };

static void make_world(struct world *w)
{
    const mlp_layer layers[] = { { .units = 3, .activation = MLP_ACTIVATION_TANH },
                                 { .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX } };
    uint64_t state = 1;
    mlp_data_arrays all = MLP_DATA_ARRAYS_INIT;
    *w = (struct world){ 0 };
    test_fill(&state, -1.0, 1.0, w->x, SAMPLES * INPUTS);
    for (size_t i = 0; i < SAMPLES; i++) {
        w->y[i] = (int32_t)(i % CLASSES);
    }
    all.count = SAMPLES;
    all.inputs = INPUTS;
    all.features = w->x;
    all.classes = w->y;
    w->csv = test_write_file("data.csv", "a,b,c\n1,2,0\n3,4,1\n", 18);
    assert_ok(mlp_network_create(INPUTS, layers, 2, NULL, &w->network));
    assert_ok(mlp_optimizer_create(w->network, NULL, &w->optimizer));
    assert_ok(mlp_workspace_create(w->network, 4, NULL, &w->workspace));
    assert_ok(mlp_data_create(&all, &w->data));
}

static void free_world(struct world *w)
{
    mlp_data_destroy(&w->data);
    mlp_workspace_destroy(&w->workspace);
    mlp_optimizer_destroy(&w->optimizer);
    mlp_network_destroy(&w->network);
}

/* The row's options as they must be to be accepted. */
static void fill_options(const struct row *row, const struct world *w, unsigned char *bytes)
{
    memset(bytes, 0, LARGEST);
    memcpy(bytes, row->defaults, row->size);
    if (row->call == call_arrays) {
        mlp_data_arrays *a = (void *)bytes;
        a->count = SAMPLES;
        a->inputs = INPUTS;
        a->features = w->x;
    } else if (row->call == call_fit_checkpoint) {
        mlp_checkpoint_options *c = (void *)bytes;
        c->folder = test_path("checkpoints");
        c->resume = 1;
    }
}

/* Calls with the first `size` bytes at the end of a page that is followed by one that cannot be read. */
static mlp_status call_sized(const struct row *row, struct world *w, const unsigned char *bytes, size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    unsigned char *given = pages + page - size;
    memcpy(given, bytes, size);
    memcpy(given, &size, sizeof size);
    const mlp_status status = row->call(w, given);
    munmap(pages, 2 * page);
    return status;
}

/* From the first release's size on they work; smaller ones, which no program has, are not read beyond their
 * end. The sizes are recorded for 64 bit. */
static void older_structs_work(void **state)
{
    (void)state;
    if (sizeof(size_t) < 8) {
        skip();
    }
    struct world w;
    _Alignas(8) unsigned char bytes[LARGEST];
    make_world(&w);
    for (size_t r = 0; r < ROWS; r++) {
        const struct row *row = &rows[r];
        assert_true(row->first <= row->size);
        fill_options(row, &w, bytes);
        for (size_t size = 8; size <= row->size; size += 8) {
            const mlp_status status = call_sized(row, &w, bytes, size);
            if (size >= row->first) {
                test_assert_status(status, MLP_OK, row->type, __FILE__, __LINE__);
            }
        }
    }
    free_world(&w);
}

static void newer_structs_work_where_their_tail_is_zero(void **state)
{
    (void)state;
    struct world w;
    _Alignas(8) unsigned char bytes[LARGEST];
    make_world(&w);
    for (size_t r = 0; r < ROWS; r++) {
        const struct row *row = &rows[r];
        fill_options(row, &w, bytes);
        const size_t size = row->size + 24;
        test_assert_status(call_sized(row, &w, bytes, size), MLP_OK, row->type, __FILE__, __LINE__);
        for (size_t byte = row->size; byte < size; byte++) {
            bytes[byte] = 1;
            test_assert_refused(call_sized(row, &w, bytes, size), MLP_ERROR_UNSUPPORTED, row->type, __FILE__,
                                __LINE__, row->type, NULL);
            bytes[byte] = 0;
        }
    }
    free_world(&w);
}

/* An array of layers of a newer program has another stride. */
static void newer_layers_work_where_their_tail_is_zero(void **state)
{
    (void)state;
    struct {
        mlp_layer layer;
        double added;
    } layers[] = { { .layer = { .units = 3 } }, { .layer = { .units = 5 } } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *made;
    options.layer_size = sizeof layers[0];
    assert_ok(mlp_network_create(2, &layers[0].layer, 2, &options, &made));
    assert_int_equal(mlp_network_outputs(made), 5);
    mlp_network_destroy(&made);
    layers[1].added = 0.5;
    assert_refused(mlp_network_create(2, &layers[0].layer, 2, &options, &made), MLP_ERROR_UNSUPPORTED,
                   "layer 1", "layer_size", NULL);
    options.layer_size = 0;
    assert_refused(mlp_network_create(2, &layers[0].layer, 2, &options, &made), MLP_ERROR_ARGUMENT,
                   "layer_size is 0", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_structs_work),
        cmocka_unit_test(newer_structs_work_where_their_tail_is_zero),
        cmocka_unit_test(newer_layers_work_where_their_tail_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
