/** @file
 * What a network makes of a feature: permutation importance and partial dependence. Both look at predictions
 * alone, of data that the network was not trained on where that is to mean anything. */
#ifndef MLP_IMPORTANCE_H
#define MLP_IMPORTANCE_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>
#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of mlp_importance_measure(). Start from ::MLP_IMPORTANCE_OPTIONS_INIT. */
typedef struct mlp_importance_options {
    size_t struct_size; /**< Set by the INIT. */
    size_t repeats;     /**< Permutations of each group, ≥ 1; 0: 5. */
    uint64_t seed;      /**< Of the permutations; default 0. */
    size_t batch;       /**< Samples at a time; 0: 256. */
    int threads;        /**< As mlp_workspace_options::threads. The results do not depend on it. */
} mlp_importance_options;

#define MLP_IMPORTANCE_OPTIONS_INIT                                                                          \
    {                                                                                                        \
        sizeof(mlp_importance_options), 0, 0, 0, 0                                                           \
    }

/** ::MLP_IMPORTANCE_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_importance_options_default(mlp_importance_options *options);

/** What a group of inputs is worth to the network. */
typedef struct mlp_importance {
    double drop;      /**< Score of the data less that with the group permuted: the mean over the repeats. */
    double deviation; /**< Standard deviation of the drops over the repeats (with repeats − 1); 0 of one. */
} mlp_importance;

/** Permutation importance (Breiman 2001, Random Forests, section 10; Fisher, Rudin, Dominici 2019): how much
 * the score drops when the values of some inputs are dealt out to other samples, so that they fit neither the
 * targets nor the other inputs. The score is the accuracy of classes, and R² of values, the mean over the
 * outputs that have one (scikit-learn's scores). A drop near 0 says that the network does without the inputs,
 * not that nothing could be learnt from them: of two that say the same, each may have none.
 * @param network     its inputs are the data's
 * @param data        with targets; samples that come in one order alone (mlp_data_source::sequential) are
 *                    refused
 * @param groups      of each input its group, below `group_count`: those of a group are permuted together, as
 *                    are the levels of a column; or SIZE_MAX: left as it is. NULL: each is a group
 * @param group_count groups, ≥ 1; without `groups` the inputs
 * @param options     NULL for the defaults
 * @param score       receives the score of the data as they are; may be NULL
 * @param importances receives one for each group
 * Time: 1 + group_count · repeats evaluations. Any thread.
 * Errors: ARGUMENT, SHAPE, RANGE, MEMORY; NONFINITE where there is no score (all targets alike) or a
 * prediction is not finite; IO, FORMAT from opened data. */
MLP_API mlp_status mlp_importance_measure(const mlp_network *network, const mlp_data *data,
                                          const size_t *groups, size_t group_count,
                                          const mlp_importance_options *options, double *score,
                                          mlp_importance *importances);

/** Partial dependence (Friedman 2001, section 8.2): the mean prediction over the data, were some inputs the
 * same in all samples.
 * @param network     its inputs are the data's
 * @param data        the samples; targets are not looked at
 * @param inputs      indices of the inputs that are set, each below the data's inputs
 * @param input_count their number, ≥ 1
 * @param grid        point_count × input_count: the values that they are set to, as the data have them
 * @param point_count points, ≥ 1
 * @param batch       samples at a time; 0: 256
 * @param threads     as mlp_workspace_options::threads; the results do not depend on it
 * @param means       receives point_count × outputs mean predictions, summed in double
 * Time: point_count predictions of the data. Any thread.
 * Errors: ARGUMENT, SHAPE, RANGE (an input, a value that is not finite), MEMORY; IO, FORMAT from opened data.
 */
MLP_API mlp_status mlp_partial_dependence(const mlp_network *network, const mlp_data *data,
                                          const size_t *inputs, size_t input_count, const float *grid,
                                          size_t point_count, size_t batch, int threads, double *means);

#ifdef __cplusplus
}
#endif

#endif
