/** @file
 * Initializers: how weights and biases are drawn before training starts.
 *
 * The variance-scaling family draws with σ² = gain² / fan, so that the variance of the draw is exact for
 * every distribution: normal; uniform on ±√3·σ; normal truncated at ±2 standard deviations and rescaled to σ.
 */
#ifndef MLP_INIT_H
#define MLP_INIT_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/export.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The initializers. Values are fixed; files store the names. `a`, `b`, `gain`, `fan` and `distribution` are
 * the fields of ::mlp_init_parameters. */
typedef enum mlp_init {
    /** Weights: He (slope-corrected) for ReLU and leaky ReLU, LeCun for SELU, Xavier for tanh, sigmoid,
     * softsign, identity and softmax, all normal; for the other activations normal with σ² = g²/fan_in, g =
     * 1/√E[φ(z)²]. Biases: zeros. */
    MLP_INIT_AUTOMATIC = 0,
    /** 0: keeps hidden units identical for ever; offered to show it. */
    MLP_INIT_ZEROS = 1,
    /** `a` */
    MLP_INIT_CONSTANT = 2,
    /** N(0, a²); a default 1 */
    MLP_INIT_NORMAL = 3,
    /** U(a, b); both 0: U(−1, 1) */
    MLP_INIT_UNIFORM = 4,
    /** N(0, a²) cut at ±2 and rescaled: standard deviation a exactly; a default 1 */
    MLP_INIT_TRUNCATED_NORMAL = 5,
    /** σ² = 1/fan_in (LeCun 1998) */
    MLP_INIT_LECUN_NORMAL = 6,
    MLP_INIT_LECUN_UNIFORM = 7,
    MLP_INIT_LECUN_TRUNCATED = 8,
    /** σ² = 2/(fan_in + fan_out) (Glorot 2010) */
    MLP_INIT_XAVIER_NORMAL = 9,
    MLP_INIT_XAVIER_UNIFORM = 10,
    MLP_INIT_XAVIER_TRUNCATED = 11,
    /** σ² = 2/((1 + slope²)·fan_in), slope of a leaky ReLU (He 2015) */
    MLP_INIT_HE_NORMAL = 12,
    MLP_INIT_HE_UNIFORM = 13,
    MLP_INIT_HE_TRUNCATED = 14,
    /** σ² = gain²/fan, `fan` and `distribution` as given */
    MLP_INIT_VARIANCE_SCALING = 15,
    /** Haar-distributed orthonormal rows or columns, times gain (Saxe 2013) */
    MLP_INIT_ORTHOGONAL = 16,
    /** gain on the diagonal of the rectangle, 0 elsewhere */
    MLP_INIT_IDENTITY = 17,
    /** mlp_init_parameters::custom */
    MLP_INIT_CUSTOM = 18,
    /** N(0, σ_w²/fan_in) on the critical line of mean-field theory: χ₁ = 1 for the layer's activation and
       biases N(0, a²), which automatic biases then get; a ≥ 0, default 0 (Poole 2016, Schoenholz 2017).
       UNSUPPORTED where there is no such σ_w, as for ReLU with a > 0. Softmax counts as identity. */
    MLP_INIT_CRITICAL = 19,
    /** Exactly b incoming weights of each unit N(0, a²), drawn without replacement, the others 0; a default
       1, b a whole number, default 15, at most the fan-in (Martens 2010). */
    MLP_INIT_SPARSE = 20,
    /** ZerO (Zhao 2021): the identity; in a layer with more units than inputs the corner of a Hadamard matrix
       of order 2^m ≥ units, times 2^(−(m−1)/2); times gain. No randomness. Where the inputs are at most half
       that order, units repeat: see mlp_symmetry(). */
    MLP_INIT_HADAMARD = 21,
    /** Maximal update parametrization (Yang 2022): N(0, gain²/fan_in), but for the output of a network with
       hidden layers N(0, gain²·a/fan_in²), with a base width a ≥ 1, default 64, at which both are the same.
       Default gain: exact. Goes with mlp_mup_factors(). */
    MLP_INIT_MUP = 22
} mlp_init;

/** Rules for the gain of an initializer that takes one. Values are fixed. */
typedef enum mlp_gain {
    /** The initializer's own. */
    MLP_GAIN_OWN = 0,
    /** 1/√E[φ(z)²], z ~ N(0, 1), for the layer's activation: keeps the mean square of Z at 1. */
    MLP_GAIN_EXACT = 1,
    /** The table of torch.nn.init.calculate_gain: identity and sigmoid 1, tanh 5/3, ReLU √2, leaky ReLU
       √(2/(1 + slope²)), SELU 3/4; UNSUPPORTED for others. Softmax counts as identity. */
    MLP_GAIN_PYTORCH = 2
} mlp_gain;

/** Which fan divides the variance. */
typedef enum mlp_fan {
    MLP_FAN_AUTOMATIC = 0, /**< The initializer's own: in for LeCun, He, scaling; average for Xavier. */
    MLP_FAN_IN = 1,        /**< Units of the layer below. */
    MLP_FAN_OUT = 2,       /**< Units of the layer. */
    MLP_FAN_AVERAGE = 3,   /**< (fan_in + fan_out)/2 */
    MLP_FAN_GEOMETRIC = 4  /**< √(fan_in·fan_out) */
} mlp_fan;

/** Distribution of ::MLP_INIT_VARIANCE_SCALING. */
typedef enum mlp_distribution {
    MLP_DISTRIBUTION_NORMAL = 0,
    MLP_DISTRIBUTION_UNIFORM = 1,
    MLP_DISTRIBUTION_TRUNCATED = 2
} mlp_distribution;

/** A caller's own initializer: fills `values`, column-major `rows` × `columns` (weights: out × in; bias: out
 * × 1), without padding. Any value but MLP_OK makes the call that initializes fail with it. Called from one
 * thread. It must return: no exception and no longjmp() may leave it (examples/embed.cpp shows how to pass
 * one on). */
typedef mlp_status (*mlp_init_callback)(float *values, size_t rows, size_t columns, uint64_t seed,
                                        size_t layer, void *context);

/** Numbers an initializer may take. All zero means its defaults. */
typedef struct mlp_init_parameters {
    double a;    /**< See ::mlp_init; finite. */
    double b;    /**< See ::mlp_init; finite. */
    double gain; /**< > 0; 0: by `gain_rule`, the initializer's own (He: √(2/(1+slope²)); others 1). */
    mlp_fan fan; /**< Default: the initializer's own. */
    mlp_distribution distribution; /**< ::MLP_INIT_VARIANCE_SCALING only; default normal. */
    mlp_init_callback custom;      /**< ::MLP_INIT_CUSTOM only. */
    void *context;      /**< Handed to `custom`; borrowed for the life of the network and its copies. */
    mlp_gain gain_rule; /**< In place of a number in `gain`, which the network then keeps; default own. */
} mlp_init_parameters;

/** Name of an initializer, e.g. "he-normal", or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_init_name(mlp_init init);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_init_description(mlp_init init);
/** Finds an initializer by its name. ::MLP_ERROR_ARGUMENT for an unknown one; the message lists the known
 * names. */
MLP_API mlp_status mlp_init_from_name(const char *name, mlp_init *init);
/** Number of initializers: the valid values are 0 … count − 1. */
MLP_API size_t mlp_init_count(void);

/** Name of a gain rule ("own", "exact", "pytorch"), or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_gain_name(mlp_gain gain);
/** One line that describes it, or NULL for an unknown value. Static text; any thread. */
MLP_API const char *mlp_gain_description(mlp_gain gain);
/** Finds a gain rule by its name. */
MLP_API mlp_status mlp_gain_from_name(const char *name, mlp_gain *gain);
/** Number of gain rules: the valid values are 0 … count − 1. */
MLP_API size_t mlp_gain_count(void);

/** Name of a fan mode ("in", "out", "average", "geometric", "automatic"), or NULL. */
MLP_API const char *mlp_fan_name(mlp_fan fan);
/** Finds a fan mode by its name. */
MLP_API mlp_status mlp_fan_from_name(const char *name, mlp_fan *fan);
/** Name of a distribution ("normal", "uniform", "truncated"), or NULL. */
MLP_API const char *mlp_distribution_name(mlp_distribution distribution);
/** Finds a distribution by its name. */
MLP_API mlp_status mlp_distribution_from_name(const char *name, mlp_distribution *distribution);

#ifdef __cplusplus
}
#endif

#endif
