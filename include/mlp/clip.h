/** @file
 * Gradient clipping: when the gradient is larger than a threshold c, it is made smaller before the update.
 *
 * At or below the threshold every entry stays bit for bit. Norms are Euclidean, accumulated in double, so that
 * entries of 1e20 do not overflow. */
#ifndef MLP_CLIP_H
#define MLP_CLIP_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The clipping rules. Values are fixed; files store the names. */
typedef enum mlp_clip {
    MLP_CLIP_NONE = 0,        /**< Leaves the gradient alone. */
    MLP_CLIP_VALUE = 1,       /**< Each entry clamped to [−c, c]. */
    MLP_CLIP_TENSOR_NORM = 2, /**< Each W and each b by itself: g ← g·c/‖g‖ if ‖g‖ > c. */
    MLP_CLIP_LAYER_NORM = 3,  /**< Each layer's W and b together. */
    MLP_CLIP_GLOBAL_NORM = 4  /**< All parameters together: the direction is kept (Pascanu 2013). */
} mlp_clip;

/** What clipping met and did. */
typedef struct mlp_clip_report {
    double norm;          /**< ‖g‖ of all parameters before clipping. */
    double scale;         /**< Smallest factor applied to any entry's tensor; 1 when nothing was scaled. For
                               ::MLP_CLIP_VALUE: c / largest magnitude, when that is below 1. */
    double largest;       /**< The quantity held against the threshold, at its largest: a norm, or for
                               ::MLP_CLIP_VALUE a magnitude. 0 for ::MLP_CLIP_NONE. */
    int acted;            /**< 1 when any entry was changed. */
} mlp_clip_report;

/** Name of a rule, e.g. "global-norm", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_clip_name(mlp_clip clip);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_clip_description(mlp_clip clip);
/** Finds a rule by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_clip_from_name(const char *name, mlp_clip *clip);
/** Number of rules: the valid values are 0 … count − 1. */
MLP_API size_t mlp_clip_count(void);

#ifdef __cplusplus
}
#endif

#endif
