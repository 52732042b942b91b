/** @file
 * Diagnosis: how a batch's signal and its gradient go through a network, and what is wrong with them.
 *
 * Layers count from 0. Statistics are over units × samples, in double. No function changes the network; each
 * may be called from any thread. */
#ifndef MLP_DIAGNOSE_H
#define MLP_DIAGNOSE_H

#include <stddef.h>

#include <mlp/export.h>
#include <mlp/loss.h>
#include <mlp/network.h>
#include <mlp/optimizer.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What can be wrong. Values are fixed; a set of findings has bit `1u << finding`. */
typedef enum mlp_finding {
    /** Nothing below; never a bit of a set. */
    MLP_FINDING_HEALTHY = 0,
    /** NaN or ∞ among parameters, signal or gradients. */
    MLP_FINDING_NONFINITE = 1,
    /** Units of a hidden layer with the same incoming weights and bias: they stay alike. */
    MLP_FINDING_SYMMETRIC = 2,
    /** At least 9 of 10 units of a layer with an open-ended activation (ReLU and its kin) lie on its flat
       side for every sample, where no gradient passes. More than half of the units may do so by chance where
       all samples look alike; nine tenths do not. */
    MLP_FINDING_DEAD = 3,
    /** At least half of a bounded activation's values lie where its slope is under 2 % of its largest (tanh:
       |a| > 0.99). Unscaled weights do that; scaled ones keep it under 1 %. */
    MLP_FINDING_SATURATED = 4,
    /** ‖dZ‖ here is under 1/100 of the output layer's, or rms Z under 1/100 of the first layer's. A
       well-scaled network of 10 layers and 16 units stays within a factor of 10. */
    MLP_FINDING_VANISHING = 5,
    /** The same, more than 100 times. */
    MLP_FINDING_EXPLODING = 6
} mlp_finding;

/** Name of a finding ("vanishing", …), or NULL for an unknown value. Static text. */
MLP_API const char *mlp_finding_name(mlp_finding finding);
/** One line that describes it, or NULL for an unknown value. Static text. */
MLP_API const char *mlp_finding_description(mlp_finding finding);
/** Finds a finding by its name. */
MLP_API mlp_status mlp_finding_from_name(const char *name, mlp_finding *finding);
/** Number of findings: the valid values are 0 … count − 1. */
MLP_API size_t mlp_finding_count(void);

/** Moments of a set of values. */
typedef struct mlp_moments {
    double mean;
    double variance; /**< About the mean, divided by the count. */
    double mean_square;
} mlp_moments;

/** One layer on one batch. What does not exist for a layer is NaN. */
typedef struct mlp_signal {
    mlp_moments z;               /**< Pre-activations Z. */
    mlp_moments a;               /**< Activations A. */
    mlp_moments da;              /**< dL/dA; NaN for the output layer. */
    mlp_moments dz;              /**< dL/dZ. */
    double weight_norm;          /**< ‖W‖, Frobenius. */
    double weight_gradient_norm; /**< ‖dW‖ */
    double bias_gradient_norm;   /**< ‖db‖ */
    double gradient_ratio;       /**< ‖dW‖/‖W‖ */
    double update_ratio; /**< ‖ΔW‖/‖W‖ of a step with mlp_diagnose_options::step; NaN without. About 10⁻³ is
                              usual. */
    double sample_norm;           /**< Mean of ‖a‖ over samples. */
    double sample_norm_deviation; /**< Its standard deviation. */
    double cosine;    /**< Mean cosine between the A of two samples; 1: the layer no longer tells them apart.
                           NaN for one sample. */
    double zeros;     /**< Share of A that is exactly 0, 0 … 1. */
    double saturated; /**< Share of values where a bounded activation is flat (slope under 2 % of its
                         largest); 0 for an open-ended one. */
    size_t saturated_units; /**< Units that are so for every sample. */
    size_t dead;            /**< Units of an open-ended activation that are flat for every sample (ReLU: never
                                 positive). */
    size_t symmetric;       /**< Units with the same incoming weights and bias as another. */
    double forward_growth;  /**< rms Z / rms Z of the layer below; NaN for layer 0. */
    double backward_growth; /**< ‖dZ‖ / ‖dZ‖ of the layer above; NaN for the output layer. */
    double predicted_forward;  /**< Mean field's forward growth, from the mean squares of these weights and
                                  biases. */
    double predicted_backward; /**< Mean field's backward growth, √χ₁. */
    double q;                  /**< Mean square of Z that mean field predicts, from that of layer 0 on. */
    double chi;                /**< χ₁ between this layer and the one above. */
    double depth;              /**< ξ = 1/|ln χ₁| layers. */
    unsigned findings;         /**< Set of ::mlp_finding; 0: healthy. */
} mlp_signal;

/** A diagnosis. Opaque. */
typedef struct mlp_diagnosis mlp_diagnosis;

/** Options of mlp_diagnose(). Start from ::MLP_DIAGNOSE_OPTIONS_INIT. */
typedef struct mlp_diagnose_options {
    size_t struct_size; /**< Set by the INIT. */
    int threads;        /**< As mlp_workspace_options::threads. Results have the same bits for any value. */
    double symmetry_tolerance; /**< ≥ 0: largest difference of two weights that counts as none, by the layer's
                                    largest magnitude; default 0: equal to the bit. */
    const mlp_optimizer_options
        *step; /**< Not NULL: one step of this optimizer on a copy, for `update_ratio`. */
} mlp_diagnose_options;

#define MLP_DIAGNOSE_OPTIONS_INIT                                                                            \
    {                                                                                                        \
        sizeof(mlp_diagnose_options), 0, 0.0, NULL                                                           \
    }

/** ::MLP_DIAGNOSE_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_diagnose_options_default(mlp_diagnose_options *options);

/** Sends a batch forward and backward and reports what it finds.
 * @param x         count × inputs
 * @param targets   one for each sample
 * @param count     ≥ 1; a few dozen samples give steadier figures than one
 * @param options   NULL for the defaults
 * @param diagnosis receives the diagnosis, which the caller owns; NULL on failure
 * Values that are not finite are a finding, no failure. Errors: ARGUMENT, RANGE, SHAPE, MEMORY. */
MLP_API mlp_status mlp_diagnose(const mlp_network *network, const float *x, const mlp_targets *targets,
                                size_t count, const mlp_diagnose_options *options, mlp_diagnosis **diagnosis);

/** Frees the diagnosis and sets the pointer to NULL. NULL and a pointer to NULL are fine. */
MLP_API void mlp_diagnosis_destroy(mlp_diagnosis **diagnosis);
/** Number of layers. */
MLP_API size_t mlp_diagnosis_layers(const mlp_diagnosis *diagnosis);
/** The figures of a layer. ::MLP_ERROR_RANGE when there is no such layer. */
MLP_API mlp_status mlp_diagnosis_layer(const mlp_diagnosis *diagnosis, size_t layer, mlp_signal *signal);
/** The findings of all layers together; 0: healthy. */
MLP_API unsigned mlp_diagnosis_findings(const mlp_diagnosis *diagnosis);
/** The batch's loss. */
MLP_API double mlp_diagnosis_loss(const mlp_diagnosis *diagnosis);
/** The verdict in words: for each finding a line that names the layers, the figures and, where mean field
 * says that it works for this activation, depth and these widths, a remedy; "healthy" and the growth per
 * layer otherwise. Valid until the diagnosis is destroyed. */
MLP_API const char *mlp_diagnosis_text(const mlp_diagnosis *diagnosis);

/** Where a value that is not finite was found, in the order in which it is looked for. */
typedef enum mlp_place {
    MLP_PLACE_NONE = 0,         /**< Everything is finite. */
    MLP_PLACE_WEIGHTS = 1,      /**< W of `layer`: row `unit`, column `sample`. */
    MLP_PLACE_BIAS = 2,         /**< b of `layer`: `unit`. */
    MLP_PLACE_INPUT = 3,        /**< x: feature `unit` of `sample`. */
    MLP_PLACE_FORWARD = 4,      /**< Z or A of `layer`. */
    MLP_PLACE_LOSS = 5,         /**< The loss, with finite outputs. */
    MLP_PLACE_BACKWARD = 6,     /**< dZ of `layer`. */
    MLP_PLACE_GRADIENT = 7,     /**< dW of `layer`: row `unit`, column `sample`; sums that overflow. */
    MLP_PLACE_BIAS_GRADIENT = 8 /**< db of `layer`: `unit`; sums that overflow. */
} mlp_place;

/** The first value that is not finite. */
typedef struct mlp_nonfinite_location {
    mlp_place place;
    size_t layer;
    size_t unit;
    size_t sample; /**< Of the lowest layer's lowest sample; for a matrix of parameters the column. */
    double value;  /**< NaN or ±∞; the loss for ::MLP_PLACE_LOSS. */
} mlp_nonfinite_location;

/** Looks for the first value that is not finite: parameters, inputs, forward from the first layer, backward
 * from the last.
 * @param targets NULL: parameters and forward alone
 * Errors: as mlp_diagnose(). */
MLP_API mlp_status mlp_find_nonfinite(const mlp_network *network, const float *x, const mlp_targets *targets,
                                      size_t count, mlp_nonfinite_location *location);

/** Sorts the units of a layer into groups of equal incoming weights and bias.
 * @param tolerance as mlp_diagnose_options::symmetry_tolerance
 * @param group     receives for each unit the smallest unit that is its equal (its own number: it has none
 *                  below it)
 * @param groups    receives the number of different units; may be NULL
 * Errors: ARGUMENT, RANGE. */
MLP_API mlp_status mlp_symmetry(const mlp_network *network, size_t layer, double tolerance, size_t *group,
                                size_t *groups);

/** Singular values in short. */
typedef struct mlp_spectrum {
    size_t count; /**< min(rows, columns) */
    double largest;
    double smallest;
    double condition;   /**< largest/smallest; ∞ for a singular matrix: the smallest is at most
                             largest·max(rows, columns)·2⁻²³, which is what rounding may leave of 0. */
    double stable_rank; /**< Σσ²/σ_max²; NaN for a matrix of zeros. */
    double isometry; /**< Standard deviation of σ² by its mean; 0: all equal, dynamical isometry (Saxe 2013,
                        Pennington 2017). */
} mlp_spectrum;

/** Singular values of W of a layer, by LAPACK.
 * @param values   receives min(units, inputs) values, descending; may be NULL
 * @param spectrum receives the summary; may be NULL
 * Errors: ARGUMENT, RANGE, MEMORY; NONFINITE when W is not finite. */
MLP_API mlp_status mlp_weight_spectrum(const mlp_network *network, size_t layer, float *values,
                                       mlp_spectrum *spectrum);

/** Singular values of the input–output Jacobian ∂z/∂x of the output layer's Z at each sample.
 * @param x        count × inputs
 * @param values   receives count × min(inputs, outputs) values, descending for each sample; may be NULL
 * @param spectrum receives the summary over all samples' values (stable rank: mean over samples); may be NULL
 * With a standardization of the inputs, x is what it makes of the features. Time: outputs backward passes.
 * Errors: ARGUMENT, RANGE, MEMORY; NONFINITE. */
MLP_API mlp_status mlp_jacobian_spectrum(const mlp_network *network, const float *x, size_t count,
                                         float *values, mlp_spectrum *spectrum);

#ifdef __cplusplus
}
#endif

#endif
