/* The learning-rate range test. */
#include <math.h>
#include <string.h>

#include <mlp/rate_test.h>
#include <mlp/train.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "model/regularize.h"
#include "optim/shards.h"
#include "session/prefetch.h"

#define DEFAULT_LOW 1e-7
#define DEFAULT_HIGH 10.0
#define SMOOTHING 0.95 /* weight of the past */
#define BROKEN_OUT 4.0 /* times the lowest */

enum {
    DEFAULT_STEPS = 200,
    LEAST_STEPS = 20,
    DEFAULT_BATCH = 64,
    SLOPE_SHARE = 40,
    MAX_EPOCHS_WITHOUT_MASS = 10
};

/* ---- options ------------------------------------------------------------------------------------------- */

size_t mlp_rate_test_steps(const mlp_rate_test_options *options)
{
    mlp_rate_test_options accepted;
    const mlp_status status =
        ACCEPT_OPTIONS(mlp_rate_test_options, MLP_RATE_TEST_OPTIONS_INIT, options, &accepted);
    return status == MLP_OK && accepted.steps > 0 ? accepted.steps : (size_t)DEFAULT_STEPS;
}

static mlp_status resolve(const mlp_rate_test_options *given, size_t count, mlp_rate_test_options *o)
{
    TRY(ACCEPT_OPTIONS(mlp_rate_test_options, MLP_RATE_TEST_OPTIONS_INIT, given, o));
    o->low = o->low != 0.0 ? o->low : DEFAULT_LOW;
    o->high = o->high != 0.0 ? o->high : DEFAULT_HIGH;
    o->steps = o->steps > 0 ? o->steps : (size_t)DEFAULT_STEPS;
    o->batch = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    o->batch = o->batch < count ? o->batch : count;
    FAIL_IF(!((float)o->low > 0.0f) || !(o->low < o->high) || !isfinite((float)o->high), MLP_ERROR_RANGE,
            "rate test: low is %g and high is %g, expected 0 < low < high, finite", o->low, o->high);
    FAIL_IF(o->steps < LEAST_STEPS, MLP_ERROR_RANGE, "rate test: steps is %zu, expected at least %d",
            o->steps, LEAST_STEPS);
    return MLP_OK;
}

/* ---- what is put back ---------------------------------------------------------------------------------- */

struct snapshot {
    mlp_optimizer optimizer; /* its scalars */
    float *parameters;
    float *state[RULE_STATES];
};

static void snapshot_free(struct snapshot *snapshot)
{
    memory_free(snapshot->parameters);
    for (size_t s = 0; s < RULE_STATES; s++) {
        memory_free(snapshot->state[s]);
    }
}

static mlp_status snapshot_take(struct snapshot *snapshot, const mlp_network *network,
                                const mlp_optimizer *optimizer)
{
    const size_t size = network->arena_size;
    *snapshot =
        (struct snapshot){ .optimizer = *optimizer, .parameters = memory_allocate(size, sizeof(float)) };
    bool complete = snapshot->parameters != NULL;
    for (size_t s = 0; s < optimizer->rule->states && complete; s++) {
        snapshot->state[s] = memory_allocate(size, sizeof(float));
        complete = snapshot->state[s] != NULL;
    }
    if (!complete) {
        snapshot_free(snapshot);
        return MLP_ERROR_MEMORY;
    }
    memcpy(snapshot->parameters, network->parameters, size * sizeof(float));
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        memcpy(snapshot->state[s], optimizer->state[s], size * sizeof(float));
    }
    return MLP_OK;
}

static void snapshot_put_back(struct snapshot *snapshot, mlp_network *network, mlp_optimizer *optimizer)
{
    const size_t bytes = network->arena_size * sizeof(float);
    memcpy(network_write(network), snapshot->parameters, bytes);
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        memcpy(optimizer->state[s], snapshot->state[s], bytes);
    }
    *optimizer = snapshot->optimizer; /* its arrays are where they were */
    snapshot_free(snapshot);
}

/* ---- the test ------------------------------------------------------------------------------------------ */

struct test {
    mlp_network *network;
    mlp_optimizer *optimizer;
    const mlp_rate_test_options *options;
    mlp_workspace *workspace;
    struct prefetch prefetch;
    size_t taken; /* batches */
};

static mlp_status prepare(struct test *test, const mlp_data *data)
{
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.threads = test->options->threads;
    TRY(mlp_workspace_create(test->network, test->options->batch, &options, &test->workspace));
    TRY(mlp_workspace_set_regularization(test->workspace, test->options->regularization));
    const struct prefetch_options prefetch = { .batch = test->options->batch,
                                               .seed = test->options->seed,
                                               .network = test->network,
                                               .epochs = SIZE_MAX,
                                               .threads = test->workspace->threads };
    return prefetch_make(&test->prefetch, data, &prefetch);
}

static void release(struct test *test)
{
    mlp_workspace_destroy(&test->workspace);
    prefetch_free(&test->prefetch);
}

/* The next batch of as many shuffled epochs as it takes, all of full size; those without mass, which have
 * nothing to learn from, are passed over. */
static mlp_status take(struct test *test, struct batch **batch)
{
    const size_t size = test->options->batch, each = test->prefetch.data->count / size;
    for (size_t tried = 0; tried < MAX_EPOCHS_WITHOUT_MASS * each; tried++) {
        const size_t number = test->taken++;
        TRY(prefetch_take(&test->prefetch, number / each, number % each * size, batch));
        if (batch_has_mass(*batch, test->network)) {
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_RANGE, "mlp_rate_test: in %d epochs no batch of %zu samples has a weight above 0",
                MAX_EPOCHS_WITHOUT_MASS, size);
}

/* The mean over the steps with weights that fall: of the sums and of what they are divided by. */
static void smooth(struct loss_sum *mean, const struct loss_sum *loss, const mlp_network *network)
{
    const double mass = network->loss.reduction == MLP_REDUCTION_SUM ? 1.0 : loss->mass;
    mean->sum = SMOOTHING * mean->sum + (1.0 - SMOOTHING) * loss->sum;
    mean->mass = SMOOTHING * mean->mass + (1.0 - SMOOTHING) * mass;
}

static mlp_status run(struct test *test, mlp_rate_point *points, size_t *count)
{
    const mlp_rate_test_options *o = test->options;
    struct loss_sum mean = { 0 };
    double lowest = INFINITY;
    for (size_t k = 0; k < o->steps; k++) {
        mlp_step_report report;
        struct batch *batch;
        test->optimizer->options.learning_rate =
            o->low * pow(o->high / o->low, (double)k / (double)(o->steps - 1));
        TRY(take(test, &batch));
        const mlp_status status = mlp_train_step(test->network, test->optimizer, test->workspace, batch->x,
                                                 &batch->targets, batch->count, &report);
        if (status == MLP_ERROR_NONFINITE && k > 0) {
            return MLP_OK;
        }
        TRY(status);
        smooth(&mean, &test->workspace->loss, test->network);
        points[k] =
            (mlp_rate_point){ test->optimizer->options.learning_rate, report.loss, mean.sum / mean.mass };
        *count = k + 1;
        lowest = fmin(lowest, points[k].smoothed);
        if (k >= LEAST_STEPS / 2 && points[k].smoothed > BROKEN_OUT * lowest) {
            return MLP_OK;
        }
    }
    return MLP_OK;
}

/* Slopes are taken over some steps each way: those of neighbours are noise. */
static mlp_rate_suggestion suggest(const mlp_rate_point *points, size_t count, size_t steps)
{
    const size_t reach = steps / SLOPE_SHARE > 0 ? steps / SLOPE_SHARE : 1;
    size_t lowest = 0, steepest = 0;
    double fall = 0.0;
    for (size_t k = 1; k < count; k++) {
        lowest = points[k].smoothed < points[lowest].smoothed ? k : lowest;
    }
    for (size_t k = reach; k + reach < count && k <= lowest; k++) {
        const double fallen = points[k - reach].smoothed - points[k + reach].smoothed;
        if (fallen > fall) {
            fall = fallen;
            steepest = k;
        }
    }
    return (mlp_rate_suggestion){ .steepest = fall > 0.0 ? points[steepest].rate : NAN,
                                  .lowest = points[lowest].rate };
}

mlp_status mlp_rate_test(mlp_network *network, mlp_optimizer *optimizer, const mlp_data *data,
                         const mlp_rate_test_options *options, mlp_rate_point *points, size_t *count,
                         mlp_rate_suggestion *suggestion)
{
    mlp_rate_test_options resolved;
    struct test test = { .network = network, .optimizer = optimizer, .options = &resolved };
    struct snapshot snapshot;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(data);
    REQUIRE_ARGUMENT(points);
    REQUIRE_ARGUMENT(count);
    *count = 0;
    if (suggestion != NULL) {
        *suggestion = (mlp_rate_suggestion){ .steepest = NAN, .lowest = NAN };
    }
    TRY(batch_check_data("mlp_rate_test", network, data));
    TRY(batch_check_mass("mlp_rate_test", network, data));
    TRY(resolve(options, data->count, &resolved));
    TRY(optimizer_check(optimizer, network));
    TRY(shards_check_whole("mlp_rate_test", optimizer));
    TRY(snapshot_take(&snapshot, network, optimizer));
    optimizer->options.nonfinite = MLP_NONFINITE_ERROR;
    mlp_status status = prepare(&test, data);
    status = status == MLP_OK ? run(&test, points, count) : status;
    release(&test);
    snapshot_put_back(&snapshot, network, optimizer);
    if (suggestion != NULL && *count > 0) {
        *suggestion = suggest(points, *count, resolved.steps);
    }
    return status;
}
