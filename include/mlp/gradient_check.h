/** @file
 * Gradient check: the gradients of the backward pass against central differences of the loss.
 *
 * The differences come from a forward pass of their own, in double and by plain loops; nothing of the float
 * path takes part. A custom activation or loss is the caller's float function there too, and is checked with
 * a larger step. */
#ifndef MLP_GRADIENT_CHECK_H
#define MLP_GRADIENT_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/export.h>
#include <mlp/loss.h>
#include <mlp/network.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options of mlp_gradient_check(). Start from ::MLP_GRADIENT_CHECK_OPTIONS_INIT. */
typedef struct mlp_gradient_check_options {
    size_t struct_size; /**< Set by the INIT. */
    double step; /**< h > 0 of (L(w + h) − L(w − h))/2h; 0: 1e-5, or 1e-2 with a custom activation or loss. */
    double tolerance; /**< > 0; 0: 1e-3, or 2e-2 with a custom activation or loss. An entry passes when its
                         error is at most the tolerance times the larger of |analytic| + |numeric| and the
                         tensor's rms. */
    size_t entries;   /**< Entries of each tensor, drawn by the seed and spread over it; 0: all. Default 0. */
    uint64_t seed;    /**< Default 0. */
} mlp_gradient_check_options;

#define MLP_GRADIENT_CHECK_OPTIONS_INIT                                                                      \
    {                                                                                                        \
        sizeof(mlp_gradient_check_options), 0.0, 0.0, 0, 0                                                   \
    }

/** ::MLP_GRADIENT_CHECK_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_gradient_check_options_default(mlp_gradient_check_options *options);

/** What was found of one tensor. */
typedef struct mlp_gradient_error {
    size_t layer;
    int is_bias;     /**< 0: W; 1: b. */
    int passed;      /**< 1 when every entry compared passes. */
    size_t compared; /**< Entries compared. */
    size_t kinks;    /**< Entries left out because between w − h and w + h a unit crosses a kink of its
                        activation, or an    absolute error changes its sign. */
    double relative_error; /**< ‖analytic − numeric‖/(‖analytic‖ + ‖numeric‖); 0 where both are 0: see
                              `numeric_norm`. */
    double analytic_norm; /**< Of the entries compared. */
    double numeric_norm;  /**< Likewise; 0: there was nothing to be wrong about. */
    size_t worst_row;     /**< The entry with the largest error. */
    size_t worst_column;
    double analytic; /**< Its derivatives. */
    double numeric;
} mlp_gradient_error;

/** Checks the gradients of a batch.
 * @param x       count × inputs
 * @param targets one for each sample
 * @param count   ≥ 1; a handful is enough
 * @param options NULL for the defaults
 * @param errors  receives 2 · layers results: W and b of layer 0, of layer 1, …; may be NULL
 * @param passed  receives 1 when all tensors passed
 * Time: two forward passes in plain loops for each entry, from its layer on. Any thread.
 * Errors: ARGUMENT, RANGE, SHAPE, MEMORY; NONFINITE when the loss or a gradient is not finite. */
MLP_API mlp_status mlp_gradient_check(const mlp_network *network, const float *x, const mlp_targets *targets,
                                      size_t count, const mlp_gradient_check_options *options,
                                      mlp_gradient_error *errors, int *passed);

#ifdef __cplusplus
}
#endif

#endif
