/** @file
 * The learning-rate range test (Smith 2015): some hundred steps at a rate that grows from one to the next, to
 * see where the loss falls fastest and where it breaks out. Network and optimizer are as before afterwards.
 * (It says nothing of Rprop, whose rate is only its first step.) */
#ifndef MLP_RATE_TEST_H
#define MLP_RATE_TEST_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>
#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/optimizer.h>
#include <mlp/regularize.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of mlp_rate_test(). Start from ::MLP_RATE_TEST_OPTIONS_INIT. */
typedef struct mlp_rate_test_options {
    size_t struct_size; /**< Set by the INIT. */
    double low;         /**< First rate, > 0; 0: 1e-7. */
    double high;  /**< Last rate, > low, finite; 0: 10. Between them it grows by the same factor each step. */
    size_t steps; /**< ≥ 20; 0: 200. */
    size_t batch; /**< Samples of a step, ≥ 1; 0: 64; at most the data set. Samples left over at the end of an
                       epoch are not used. */
    uint64_t seed;                            /**< Of the shuffles; default 0. */
    int threads;                              /**< As mlp_workspace_options::threads. */
    const mlp_regularization *regularization; /**< As for mlp_fit(), but `mixup` must be 0; borrowed for the
                                                 call; NULL: none. */
} mlp_rate_test_options;

#define MLP_RATE_TEST_OPTIONS_INIT                                                                           \
    {                                                                                                        \
        sizeof(mlp_rate_test_options), 0.0, 0.0, 0, 0, 0, 0, NULL                                            \
    }

/** ::MLP_RATE_TEST_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_rate_test_options_default(mlp_rate_test_options *options);

/** One step of the test. */
typedef struct mlp_rate_point {
    double rate;     /**< Learning rate of the step. */
    double loss;     /**< Of its batch, before its update. */
    double smoothed; /**< Mean of the losses up to here with weights that fall by 0.95 a step, on top of those
                        of the batches' samples. */
} mlp_rate_point;

/** What the test says. */
typedef struct mlp_rate_suggestion {
    double steepest; /**< Rate at which the smoothed loss falls fastest, per factor in the rate: a rate to
                        train with. NaN when it never falls. */
    double lowest;   /**< Rate at which it is lowest: beyond it training breaks out. */
} mlp_rate_suggestion;

/** Runs the test with the optimizer's rule and settings. It ends before the last step when the smoothed loss
 * exceeds four times its lowest value, or when a loss or gradient is not finite, whatever the optimizer's
 * policy. Batches whose weights are all 0 are passed over.
 * @param network,optimizer are used, and are as before when it returns, bit for bit, also after a failure;
 *                   they belong to one thread for the call
 * @param options    NULL for the defaults
 * @param points     receives at most mlp_rate_test_steps(options) points; the caller's
 * @param count      receives their number
 * @param suggestion receives what they say, of meaning after MLP_OK; may be NULL
 * Errors: ARGUMENT, SHAPE, RANGE, MEMORY; NONFINITE when not even the first loss is finite. */
MLP_API mlp_status mlp_rate_test(mlp_network *network, mlp_optimizer *optimizer, const mlp_data *data,
                                 const mlp_rate_test_options *options, mlp_rate_point *points, size_t *count,
                                 mlp_rate_suggestion *suggestion);
/** The number of points to make room for: the options' steps, or the default. */
MLP_API size_t mlp_rate_test_steps(const mlp_rate_test_options *options);

#ifdef __cplusplus
}
#endif

#endif
