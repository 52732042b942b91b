/* Data from a callback that fails, or that is not what it should be: the fit ends as documented. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/network.h"
#include "session/data_source_fixture.h"

/* Whatever call fails, the fit ends with the callback's status; after IO a checkpoint keeps what was learnt,
 * from which it goes on. */
static void a_failure_ends_the_fit(void **unused)
{
    static const mlp_status statuses[] = { MLP_ERROR_IO, MLP_ERROR_STATE, MLP_ERROR_UNSUPPORTED };
    const size_t calls = (COUNT + BATCH - 1) / BATCH * EPOCHS;
    mlp_network *whole, *network;
    struct stream stream = plain;
    mlp_data *data = make(&stream, false, true);
    mlp_fit_options fit = settings(false);
    (void)unused;
    assert_ok(fit_on(data, false, &fit, &whole, NULL));
    for (size_t k = 0; k < calls; k += 3) {
        for (size_t s = 0; s < 3; s++) {
            mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
            char name[32];
            snprintf(name, sizeof name, "failed-%zu-%zu", k, s);
            checkpoint.folder = test_path(name);
            checkpoint.resume = 1;
            fit.checkpoint = &checkpoint;
            stream = plain;
            stream.fail_at = k;
            stream.failure = statuses[s];
            assert_refused(fit_on(data, false, &fit, &network, NULL), statuses[s], "data source", NULL);
            mlp_network_destroy(&network);
            stream.fail_at = SIZE_MAX;
            assert_ok(fit_on(data, false, &fit, &network, NULL)); /* from there, or from the start */
            assert_same_parameters(network, whole);
            /* that failed, and one that leads the source to the open step */
            assert_true(statuses[s] != MLP_ERROR_IO || stream.calls <= calls + 2);
            mlp_network_destroy(&network);
        }
    }
    mlp_network_destroy(&whole);
    mlp_data_destroy(&data);
}

static int breach;

static mlp_status read_badly(const mlp_data_block *block, void *context)
{
    const mlp_status status = read_block(block, context);
    if (block->first <= 20 && block->first + block->count > 20) {
        const size_t i = 20 - block->first;
        if (breach == 0) {
            block->x[i * INPUTS + 2] = NAN;
        } else if (breach == 1) {
            block->values[i * OUTPUTS] = INFINITY;
        } else {
            block->weights[i] = -1.0f;
        }
    }
    return status;
}

static mlp_status read_class(const mlp_data_block *block, void *context)
{
    const mlp_status status = read_block(block, context);
    block->classes[block->count - 1] = OUTPUTS;
    return status;
}

static void what_comes_is_checked(void **unused)
{
    static const struct {
        mlp_status status;
        const char *word;
    } breaches[] = { { MLP_ERROR_NONFINITE, "feature 2" },
                     { MLP_ERROR_NONFINITE, "target value 0" },
                     { MLP_ERROR_RANGE, "weight is -1" } };
    const mlp_fit_options fit = settings(true);
    struct stream stream = plain;
    mlp_data_source source = describe(&stream, true, false);
    mlp_network *network;
    mlp_data *data;
    (void)unused;
    source.read = read_badly;
    assert_ok(mlp_data_create_from_source(&source, &data));
    for (breach = 0; breach < 3; breach++) {
        assert_refused(fit_on(data, true, &fit, &network, NULL), breaches[breach].status, "sample 20",
                       breaches[breach].word, NULL);
        mlp_network_destroy(&network);
    }
    mlp_data_destroy(&data);
    source = describe(&stream, false, false);
    source.read = read_class;
    assert_ok(mlp_data_create_from_source(&source, &data));
    assert_refused(fit_on(data, false, &fit, &network, NULL), MLP_ERROR_RANGE, "sample 7", "class is 3",
                   NULL);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

static void arguments(void **unused)
{
    struct stream stream = plain;
    const mlp_data_source good = describe(&stream, false, true);
    mlp_data_source source = good;
    mlp_data *data, *first, *second;
    float weights[OUTPUTS];
    (void)unused;
    assert_refused(mlp_data_create_from_source(NULL, &data), MLP_ERROR_ARGUMENT, "source", NULL);
    assert_refused(mlp_data_create_from_source(&good, NULL), MLP_ERROR_ARGUMENT, "data", NULL);
    source.read = NULL;
    assert_refused(mlp_data_create_from_source(&source, &data), MLP_ERROR_ARGUMENT, "read", NULL);
    source = good;
    source.inputs = 0;
    assert_refused(mlp_data_create_from_source(&source, &data), MLP_ERROR_RANGE, "inputs", NULL);
    source = good;
    source.outputs = 2;
    assert_refused(mlp_data_create_from_source(&source, &data), MLP_ERROR_ARGUMENT, "class_count", "outputs",
                   NULL);
    assert_ok(mlp_data_create_from_source(&good, &data));
    assert_refused(mlp_data_split(data, 0.5, 1, &first, &second), MLP_ERROR_ARGUMENT, "sequential", NULL);
    assert_refused(mlp_data_fold(data, 3, 1, 0, 1, &first, &second), MLP_ERROR_ARGUMENT, "sequential", NULL);
    assert_refused(mlp_data_balanced_weights(data, weights), MLP_ERROR_ARGUMENT, "classes", NULL);
    mlp_data_destroy(&data);
    source = good;
    source.sequential = 0;
    assert_ok(mlp_data_create_from_source(&source, &data));
    assert_refused(mlp_data_split_stratified(data, 0.5, 1, &first, &second), MLP_ERROR_ARGUMENT, "classes",
                   NULL);
    mlp_data_destroy(&data);
    assert_int_equal(stream.calls, 0);
}

static void memory_may_run_out(void **unused)
{
    struct stream stream = plain;
    const mlp_data_source source = describe(&stream, false, true);
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    mlp_data *data;
    (void)unused;
    for (size_t k = 0; status != MLP_OK; k++) {
        memory_fail_after(k);
        status = mlp_data_create_from_source(&source, &data);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || (data == NULL && memory_live_count() == live));
    }
    mlp_data_destroy(&data);
    assert_int_equal(memory_live_count(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_ends_the_fit),
        cmocka_unit_test(what_comes_is_checked),
        cmocka_unit_test(arguments),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
