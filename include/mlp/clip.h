/** @file
 * Gradient clipping: when the gradient is larger than a threshold c, it is made smaller before the update.
 *
 * At or below the threshold every entry stays bit for bit. Norms are accumulated in double, so that entries
 * of 1e20 do not overflow; frozen parameters (a rate factor of 0) count for none. A factor below 1.2e-38 is 0
 * (mlp/pass.h): with a threshold of 1, a gradient of a norm beyond 8.5e37 does not move the parameters. The
 * fields of ::mlp_optimizer_options choose the rule, mlp_optimizer_set_clip() one for a single layer. */
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
    /** Leaves the gradient alone. */
    MLP_CLIP_NONE = 0,
    /** Each entry clamped to [−c, c]. */
    MLP_CLIP_VALUE = 1,
    /** Each W and each b by itself: g ← g·c/‖g‖ if ‖g‖ > c. */
    MLP_CLIP_TENSOR_NORM = 2,
    /** Each layer's W and b together. */
    MLP_CLIP_LAYER_NORM = 3,
    /** All parameters together: the direction is kept (Pascanu 2013). */
    MLP_CLIP_GLOBAL_NORM = 4,
    /** Each W and each b: g ← g/max(1, rms(g)/c); c default 1. */
    MLP_CLIP_BLOCK_RMS = 5,
    /** Each unit's incoming weights, and each b as a whole: g ← g·c·‖w‖/‖g‖ if ‖g‖ > c·‖w‖, with ‖w‖ of at
       least 10⁻³; c default 0.01; the output layer is left alone (AGC, Brock 2021). */
    MLP_CLIP_ADAPTIVE = 6,
    /** Global norm, its threshold the c-th percentile of the last 1024 norms, this one's included; c in (0,
       100), default 10; none while that is 0 (AutoClip, Seetharaman 2020). */
    MLP_CLIP_AUTO = 7,
    /** Global norm, with running mean μ and deviation σ of the clipped norms (weight 0.97 on the past, from
       the first 25 steps, which are not clipped): when z = (‖g‖ − μ)/(σ + 10⁻⁶) > c, the threshold is
       μ + σ·c²/z; none while μ is 0; c default 2.5 (ZClip, Kumar 2025). The 10⁻⁶ is the paper's: where norms
       are of its size or below, hardly any is an outlier. */
    MLP_CLIP_Z = 8,
    /** mlp_optimizer_options::custom_clip. */
    MLP_CLIP_CUSTOM = 9
} mlp_clip;

/** The p of the norms that ::MLP_CLIP_TENSOR_NORM, LAYER_NORM and GLOBAL_NORM clip by; the other rules take 2
 * alone. */
typedef enum mlp_clip_norm {
    MLP_CLIP_NORM_2 = 0,  /**< √Σ g² */
    MLP_CLIP_NORM_1 = 1,  /**< Σ |g| */
    MLP_CLIP_NORM_MAX = 2 /**< max |g| */
} mlp_clip_norm;

/** A caller's own rule: the factors, ≥ 0 and finite, that the tensors of the gradient are multiplied by.
 * @param norms   Euclidean norm of each tensor: W and b of the first layer, then of the next, …; 0 of a
 *                frozen one
 * @param largest max |g| of each
 * @param tensors 2 for each layer
 * @param scale   receives the factors; all 1 on entry
 * @param context mlp_optimizer_options::custom_clip_context
 * Called once for each update, by the thread that called the step, while the others wait: it must not use the
 * network, the workspace or the optimizer. Anything but MLP_OK fails the step with it; nothing is changed
 * then. It must return: no exception and no longjmp() may leave it. */
typedef mlp_status (*mlp_clip_callback)(const double *norms, const double *largest, size_t tensors,
                                        float *scale, void *context);

/** What clipping met and did. */
typedef struct mlp_clip_report {
    double norm;  /**< ‖g‖, Euclidean, of all parameters but frozen ones, before clipping and after
                       centralization; NaN in a step that was left out. */
    double scale; /**< Smallest factor applied to any entry's tensor, or unit; 1 when nothing was scaled. For
                       ::MLP_CLIP_VALUE: c / largest magnitude, when that is below 1. */
    double
        largest; /**< The quantity held against the threshold, at its largest: a norm, for ::MLP_CLIP_VALUE a
                      magnitude, for ::MLP_CLIP_ADAPTIVE ‖g‖/‖w‖. 0 for ::MLP_CLIP_NONE and a custom rule. */
    int acted;   /**< 1 when any entry was changed. */
} mlp_clip_report;

/** Name of a rule, e.g. "global-norm", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_clip_name(mlp_clip clip);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_clip_description(mlp_clip clip);
/** Finds a rule by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_clip_from_name(const char *name, mlp_clip *clip);
/** Number of rules: the valid values are 0 … count − 1. */
MLP_API size_t mlp_clip_count(void);
/** The threshold that a rule takes when it is given 0: of block-rms, adaptive, auto and z. 0 for the others,
 * which must be given one (value and the norms) or take none, and for an unknown value. Any thread. */
MLP_API double mlp_clip_default_threshold(mlp_clip clip);
/** Name of a norm ("2", "1", "max"), or NULL. Static text; any thread. */
MLP_API const char *mlp_clip_norm_name(mlp_clip_norm norm);
/** Finds a norm by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known names. */
MLP_API mlp_status mlp_clip_norm_from_name(const char *name, mlp_clip_norm *norm);

#ifdef __cplusplus
}
#endif

#endif
