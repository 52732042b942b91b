/* clang-format off */
/** @file
 * Losses L(ŷ, y), and the targets they compare with.
 *
 * Which loss goes with which output activation (others are refused with a message that names the right one):
 *
 * | loss                 | output activation       | computed from                        | targets                  |
 * |----------------------|-------------------------|--------------------------------------|--------------------------|
 * | cross-entropy        | softmax, identity       | logits Z, by log-sum-exp             | distributions, ≥ 0       |
 * | binary cross-entropy | sigmoid, identity       | logits Z, per unit                   | values in [0, 1]         |
 * | squared error        | any                     | A (with softmax: the Brier score)    | values                   |
 * | absolute error       | any but softmax         | A                                    | values                   |
 * | Huber                | any but softmax         | A                                    | values                   |
 * | custom               | any                     | A, by the caller                     | as the caller likes      |
 *
 * Every loss also takes class indices: they stand for one-hot values, and with a single output unit (which
 * cross-entropy does not accept) classes 0 and 1 for the values 0 and 1. With ::MLP_CLASS_TARGETS_BIPOLAR,
 * for tanh and its kin, they stand for −1 in place of 0. */
/* clang-format on */
#ifndef MLP_LOSS_H
#define MLP_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The losses. Values are fixed; files store the names. */
typedef enum mlp_loss {
    MLP_LOSS_AUTOMATIC = 0, /**< From the output: softmax → cross-entropy, sigmoid → binary, else squared. */
    MLP_LOSS_CROSS_ENTROPY = 1,        /**< −Σ_c w_c t_c ln p_c, p = softmax(Z) */
    MLP_LOSS_BINARY_CROSS_ENTROPY = 2, /**< −[y ln p + (1−y) ln(1−p)] per unit, p = sigmoid(Z) */
    MLP_LOSS_SQUARED_ERROR = 3,        /**< (ŷ − y)² per unit */
    MLP_LOSS_ABSOLUTE_ERROR = 4,       /**< |ŷ − y| per unit; derivative 0 at 0 */
    MLP_LOSS_HUBER = 5,                /**< |r| ≤ δ ? r²/2 : δ(|r| − δ/2) per unit (Huber 1964) */
    MLP_LOSS_CUSTOM = 6                /**< The caller's function */
} mlp_loss;

/** How the losses of a batch become one number; the gradient is that of the reduced loss. */
typedef enum mlp_reduction {
    /** Weighted mean: Σ_i s_i ℓ_i / Σ_i s_i, where per-unit losses are also averaged over the units, and
     * classes' weights count into s_i when targets are class indices. */
    MLP_REDUCTION_MEAN = 0,
    MLP_REDUCTION_SUM = 1,        /**< Σ_i s_i ℓ_i, summed over units too. */
    MLP_REDUCTION_SAMPLE_MEAN = 2 /**< Σ_i s_i ℓ_i / Σ_i s_i, per-unit losses summed over units. */
} mlp_reduction;

/** The values of output units that class indices stand for in the loss. Values are fixed; files store the
 * names. */
typedef enum mlp_class_targets {
    /** 1 of the sample's class, 0 of others; a single unit: 0 and 1. */
    MLP_CLASS_TARGETS_BINARY = 0,
    /** 1 of the sample's class, −1 of others; a single unit: −1 and 1, and the class that is predicted is 1
     * above 0 (else above 1/2). What an output in (−1, 1) can come near on both sides: tanh, hard-tanh,
     * softsign. Goes with squared error, absolute error and Huber. By squared error (1 + ŷ)/2 estimates the
     * probability of the class. */
    MLP_CLASS_TARGETS_BIPOLAR = 1
} mlp_class_targets;

/** What a batch should have come out as. Set `classes` or `values`, not both; `weights` may be NULL. All
 * borrowed for the call. */
typedef struct mlp_targets {
    const int32_t
        *classes; /**< count class indices in 0 … outputs − 1 (one sigmoid unit: 0 or 1), or NULL. */
    const float *values;  /**< count × outputs, sample after sample, or NULL. */
    const float *weights; /**< count weights ≥ 0, finite, not all 0 (in the data of mlp_fit() and
                             mlp_evaluate() those of a batch may be); NULL: all 1. */
} mlp_targets;

/** A caller's own loss. Called once per batch, by one thread, outside any parallel work. It reduces the
 * losses of the batch as the network's options say, over samples alone: to Σ s_i ℓ_i / Σ s_i, or with
 * ::MLP_REDUCTION_SUM to Σ s_i ℓ_i; mlp_fit(), mlp_evaluate() and mlp_rate_test() add up batches by that, and
 * do not ask it where all s_i are 0.
 * @param outputs   Â, `leading_dimension` ≥ `units` floats from sample to sample, `count` samples
 * @param targets   as given to the library, unchecked
 * @param gradient  receives dL/dŷ in the same layout as `outputs`, or NULL when only the value is wanted
 * @param loss      receives the loss of the batch
 * It must return: no exception and no longjmp() may leave it. Any value but MLP_OK makes the calling function
 * fail with it. */
typedef mlp_status (*mlp_loss_callback)(const float *outputs, const mlp_targets *targets, size_t units,
                                        size_t count, size_t leading_dimension, float *gradient, double *loss,
                                        void *context);

/** Name of a loss, e.g. "cross-entropy", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_loss_name(mlp_loss loss);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_loss_description(mlp_loss loss);
/** Finds a loss by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_loss_from_name(const char *name, mlp_loss *loss);
/** Number of losses: the valid values are 0 … count − 1. */
MLP_API size_t mlp_loss_count(void);
/** Name of a reduction ("mean", "sum", "sample-mean"), or NULL. */
MLP_API const char *mlp_reduction_name(mlp_reduction reduction);
/** Finds a reduction by its name. */
MLP_API mlp_status mlp_reduction_from_name(const char *name, mlp_reduction *reduction);
/** Name of what classes stand for ("binary", "bipolar"), or NULL. Static text; any thread. */
MLP_API const char *mlp_class_targets_name(mlp_class_targets targets);
/** Finds it by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_class_targets_from_name(const char *name, mlp_class_targets *targets);

#ifdef __cplusplus
}
#endif

#endif
