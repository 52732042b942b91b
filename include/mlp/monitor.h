/** @file
 * The monitor of a fit: every k steps it records how activations, gradients and updates of each layer fare,
 * and warns of what goes wrong while there is time.
 *
 * It reads what a step leaves behind and changes nothing: a fit with a monitor gives the same bits as one
 * without. mlp_fit_options::monitor_interval switches it on; mlp_progress::monitor and `warning` show a
 * record as it is made, mlp_report_monitor() all of them afterwards. */
#ifndef MLP_MONITOR_H
#define MLP_MONITOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One layer in one recorded step. Activations and gradients are of the step's batch, before the update. */
typedef struct mlp_monitor_layer {
    double activation_rms;       /**< Root mean square of A. */
    double pre_gradient_rms;     /**< Root mean square of dZ. */
    double weight_norm;          /**< ‖W‖, Frobenius, after the update. */
    double weight_gradient_norm; /**< ‖dW‖, before clipping; 0 of a frozen layer. */
    double gradient_ratio;       /**< ‖dW‖/‖W‖; ∞ or NaN where W is 0. */
    double update_ratio;         /**< ‖ΔW‖/‖W‖ of the step; about 10⁻³ is usual. */
    double zeros;                /**< Share of A that is exactly 0, 0 … 1. */
    double saturated;  /**< Share of values of a bounded activation where its slope is under 2 % of its
                            largest; 0 for an open-ended or custom one. */
    size_t dead;       /**< Units with dZ = 0 for every sample of the batch; 0 for the output layer. */
    unsigned findings; /**< Set of ::mlp_finding, bit `1u << finding`: dead, saturated, vanishing, exploding,
                            by the thresholds of mlp/diagnose.h. */
} mlp_monitor_layer;

/** One recorded step. */
typedef struct mlp_monitor_record {
    size_t step;          /**< Number of the step since the start of the fit, from 1. */
    size_t epoch;         /**< From 1. */
    double loss;          /**< Of the batch. */
    double gradient_norm; /**< Of all parameters, before clipping. */
    unsigned findings;    /**< Of all layers together. */
} mlp_monitor_record;

#ifdef __cplusplus
}
#endif

#endif
