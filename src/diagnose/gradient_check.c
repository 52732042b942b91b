/* The gradient check: (L(w + h) − L(w − h))/2h for each entry, in double, against dL/dw of the backward pass.
 */
#include "diagnose/gradient_compare.h"

#include <math.h>

#include <mlp/pass.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/options.h"
#include "base/status.h"
#include "diagnose/exact_pass.h"

/* A central difference in double errs by h²·L‴/6 and ε·L/h, both about 1e-11 at 1e-5; through a caller's
 * floats, whose ε is 6e-8, a larger step balances the two. */
#define STEP 1e-5
#define TOLERANCE 1e-3
#define STEP_OF_FLOATS 1e-2
#define TOLERANCE_OF_FLOATS 2e-2

struct check {
    struct exact_pass pass;
    double step;
    double tolerance;
    size_t entries;
    uint64_t seed;
};

/* One entry: both derivatives. */
struct pair {
    size_t row;
    size_t column;
    double analytic;
    double numeric;
};

static bool uses_callers_floats(const mlp_network *network)
{
    bool found = network->loss.loss == MLP_LOSS_CUSTOM;
    for (size_t l = 0; l < network->layer_count; l++) {
        found = found || network->layers[l].description.activation == MLP_ACTIVATION_CUSTOM;
    }
    return found;
}

/* Entry number k of `wanted` out of `total`: one from each of as many equal stretches. */
static size_t pick(const struct random_stream *stream, size_t k, size_t wanted, size_t total)
{
    const double stretch = (double)total / (double)wanted;
    float u;
    random_uniform(stream, k, 1, &u);
    const size_t index = wanted < total ? (size_t)(((double)k + (double)u) * stretch) : k;
    return index < total ? index : total - 1;
}

/* Both derivatives of one entry; false where a kink lies between. */
static bool measure(struct check *check, const mlp_matrix *gradient, size_t l, bool is_bias, size_t index,
                    struct pair *pair)
{
    const struct moved moved = { l, is_bias, index % gradient->rows, index / gradient->rows };
    const double up = exact_trial(&check->pass, 0, &moved, check->step);
    const double down = exact_trial(&check->pass, 1, &moved, -check->step);
    *pair = (struct pair){ moved.row, moved.column,
                           (double)gradient->data[moved.row + moved.column * gradient->leading_dimension],
                           (up - down) / (2.0 * check->step) };
    return !exact_kink_between(&check->pass, l);
}

static void summarize(const struct pair *pairs, double tolerance, mlp_gradient_error *error)
{
    double analytic = 0.0, numeric = 0.0, difference = 0.0, worst = -1.0;
    for (size_t i = 0; i < error->compared; i++) {
        analytic += pairs[i].analytic * pairs[i].analytic;
        numeric += pairs[i].numeric * pairs[i].numeric;
        difference += (pairs[i].analytic - pairs[i].numeric) * (pairs[i].analytic - pairs[i].numeric);
    }
    error->analytic_norm = sqrt(analytic);
    error->numeric_norm = sqrt(numeric);
    error->relative_error =
        difference > 0.0 ? sqrt(difference) / (error->analytic_norm + error->numeric_norm) : 0.0;
    const double rms = error->compared > 0 ? sqrt(fmax(analytic, numeric) / (double)error->compared) : 0.0;
    error->passed = 1;
    for (size_t i = 0; i < error->compared; i++) {
        const double off = fabs(pairs[i].analytic - pairs[i].numeric);
        const double allowed = tolerance * fmax(fabs(pairs[i].analytic) + fabs(pairs[i].numeric), rms);
        if (off > worst) {
            worst = off;
            error->worst_row = pairs[i].row;
            error->worst_column = pairs[i].column;
            error->analytic = pairs[i].analytic;
            error->numeric = pairs[i].numeric;
        }
        error->passed = error->passed && off <= allowed;
    }
}

static mlp_status compare_tensor(struct check *check, mlp_workspace *workspace, size_t l, bool is_bias,
                                 mlp_gradient_error *error)
{
    mlp_matrix gradient;
    TRY(mlp_workspace_view(workspace, is_bias ? MLP_TENSOR_BIAS_GRADIENT : MLP_TENSOR_WEIGHT_GRADIENT, l,
                           &gradient));
    const size_t total = gradient.rows * gradient.columns;
    const size_t wanted = check->entries > 0 && check->entries < total ? check->entries : total;
    const struct random_stream stream =
        random_stream(check->seed, is_bias ? RANDOM_BIAS : RANDOM_WEIGHTS, l, 0);
    struct pair *pairs = memory_allocate(wanted, sizeof *pairs);
    REQUIRE_MEMORY(pairs);
    *error = (mlp_gradient_error){ .layer = l, .is_bias = is_bias };
    for (size_t k = 0; k < wanted; k++) {
        if (measure(check, &gradient, l, is_bias, pick(&stream, k, wanted, total), &pairs[error->compared])) {
            error->compared++;
        } else {
            error->kinks++;
        }
    }
    summarize(pairs, check->tolerance, error);
    memory_free(pairs);
    if (check->pass.status != MLP_OK) {
        return check->pass.status;
    }
    return isfinite(error->analytic_norm) && isfinite(error->numeric_norm)
               ? MLP_OK
               : fail(MLP_ERROR_NONFINITE, "gradient check: layer %zu: a derivative of %s is not finite", l,
                      is_bias ? "b" : "W");
}

mlp_status gradient_compare(const mlp_network *network, mlp_workspace *workspace, const float *x,
                            const mlp_targets *targets, size_t count,
                            const mlp_gradient_check_options *options, mlp_gradient_error *errors,
                            int *passed)
{
    const bool floats = uses_callers_floats(network);
    const double step = floats ? STEP_OF_FLOATS : STEP;
    const double tolerance = floats ? TOLERANCE_OF_FLOATS : TOLERANCE;
    struct check check = { .step = options->step > 0.0 ? options->step : step,
                           .tolerance = options->tolerance > 0.0 ? options->tolerance : tolerance,
                           .entries = options->entries,
                           .seed = options->seed };
    mlp_status status = MLP_OK;
    TRY(exact_pass_make(&check.pass, network, x, targets, count));
    *passed = 1;
    for (size_t t = 0; t < 2 * network->layer_count && status == MLP_OK; t++) {
        mlp_gradient_error error = { 0 };
        status = compare_tensor(&check, workspace, t / 2, t % 2 == 1, &error);
        *passed = *passed && error.passed;
        if (errors != NULL) {
            errors[t] = error;
        }
    }
    exact_pass_free(&check.pass);
    *passed = *passed && status == MLP_OK;
    return status;
}

static mlp_status check_options(const mlp_gradient_check_options *options)
{
    FAIL_IF(!(options->step >= 0.0) || !isfinite(options->step) || !(options->tolerance >= 0.0) ||
                !isfinite(options->tolerance),
            MLP_ERROR_RANGE,
            "gradient check: step is %g and tolerance %g, expected finite numbers above 0 (0: the "
            "default)",
            options->step, options->tolerance);
    return MLP_OK;
}

static mlp_status pass_and_compare(const mlp_network *network, mlp_workspace *workspace, const float *x,
                                   const mlp_targets *targets, size_t count,
                                   const mlp_gradient_check_options *options, mlp_gradient_error *errors,
                                   int *passed)
{
    TRY(mlp_forward(network, workspace, x, count));
    TRY(mlp_loss_backward(network, workspace, targets, NULL));
    return gradient_compare(network, workspace, x, targets, count, options, errors, passed);
}

mlp_status mlp_gradient_check(const mlp_network *network, const float *x, const mlp_targets *targets,
                              size_t count, const mlp_gradient_check_options *options,
                              mlp_gradient_error *errors, int *passed)
{
    mlp_gradient_check_options accepted;
    mlp_workspace *workspace;
    REQUIRE_ARGUMENT(passed);
    *passed = 0;
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(x);
    REQUIRE_ARGUMENT(targets);
    TRY(ACCEPT_OPTIONS(mlp_gradient_check_options, MLP_GRADIENT_CHECK_OPTIONS_INIT, options, &accepted));
    TRY(check_options(&accepted));
    TRY(mlp_workspace_create(network, count, NULL, &workspace));
    const mlp_status status =
        pass_and_compare(network, workspace, x, targets, count, &accepted, errors, passed);
    mlp_workspace_destroy(&workspace);
    return status;
}
