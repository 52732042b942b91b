/** @file
 * Mean-field theory of wide networks: what the draw of the weights does to a signal, computed before anything
 * is trained.
 *
 * With weights N(0, σ_w²/fan_in) and biases N(0, σ_b²), the mean square q of Z goes from layer to layer as q
 * ← σ_w²·E[φ(√q·z)²] + σ_b², z ~ N(0, 1), and ‖dZ‖² grows going back one layer by χ₁ = σ_w²·E[φ′(√q·z)²]
 * (Poole et al. 2016, Schoenholz et al. 2017). χ₁ < 1: gradients vanish with depth; χ₁ > 1: they explode.
 *
 * The expectations are quadratures in double, right to about 1e-12 relative for q up to 1e12 (the
 * mean: relative to √E[φ²]); a custom activation counts with
 * the accuracy of its own float. All functions may be called from any thread. */
#ifndef MLP_MEAN_FIELD_H
#define MLP_MEAN_FIELD_H

#include <mlp/activation.h>
#include <mlp/export.h>
#include <mlp/init.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An activation with its parameter. */
typedef struct mlp_activation_choice {
    mlp_activation activation;       /**< Any but softmax, which does not work entry by entry. */
    double parameter;                /**< As mlp_layer::activation_parameter; 0: the default. */
    mlp_activation_callbacks custom; /**< For ::MLP_ACTIVATION_CUSTOM. */
} mlp_activation_choice;

/** Averages over z ~ N(0, q). */
typedef struct mlp_activation_moments {
    double mean;   /**< E[φ(z)] */
    double square; /**< E[φ(z)²]; at q = 1, 1/√square is the gain that keeps the mean square of Z at 1. */
    double slope_square; /**< E[φ′(z)²] */
} mlp_activation_moments;

/** Computes the averages for a variance q ≥ 0 of the pre-activation; at q = 0 their limits from above
 * (ReLU: 0, 0 and 1/2).
 * Errors: ARGUMENT (NULL, softmax, a callback missing), RANGE (q negative or not finite; the parameter). */
MLP_API mlp_status mlp_activation_moments_at(const mlp_activation_choice *choice, double q,
                                             mlp_activation_moments *moments);

/** The gain that a rule has for an activation: by quadrature or by table.
 * @param rule ::MLP_GAIN_EXACT or ::MLP_GAIN_PYTORCH
 * Softmax counts as identity. Errors: ARGUMENT, RANGE; UNSUPPORTED where the table has none. */
MLP_API mlp_status mlp_activation_gain(mlp_gain rule, const mlp_activation_choice *choice, double *gain);

/** Where the map of q comes to rest, and what gradients do there. */
typedef struct mlp_mean_field {
    double weight_variance; /**< σ_w²: fan_in times the variance of a weight. */
    double bias_variance;   /**< σ_b² */
    double q; /**< The fixed point q*; 0 where the signal dies out, ∞ where it grows without bound; 1 where
                   every q is one (ReLU at σ_w² = 2). */
    double chi; /**< χ₁ at q*, or its limit where q* is 0 or ∞. */
    double depth; /**< ξ = 1/|ln χ₁|: layers over which ‖dZ‖² changes by e; ∞ on the critical line. */
} mlp_mean_field;

/** The fixed point that a signal of mean square 1 comes to.
 * @param weight_variance σ_w² ≥ 0, finite
 * @param bias_variance   σ_b² ≥ 0, finite
 * Errors: as mlp_activation_moments_at(). */
MLP_API mlp_status mlp_mean_field_point(const mlp_activation_choice *choice, double weight_variance,
                                        double bias_variance, mlp_mean_field *point);

/** The critical point of a given σ_b²: the σ_w² at which χ₁ = 1 (tanh: (σ_b², σ_w²) = (0, 1), (0.05, 1.761);
 * ReLU: (0, 2)). Of several, the one with the smallest q.
 * Errors: as above; UNSUPPORTED where there is none (ReLU with σ_b² > 0, softplus). */
MLP_API mlp_status mlp_mean_field_critical(const mlp_activation_choice *choice, double bias_variance,
                                           mlp_mean_field *point);

#ifdef __cplusplus
}
#endif

#endif
