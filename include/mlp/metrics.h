/** @file
 * Figures of predictions whose truth is known: curves over a threshold, calibration, precision and recall,
 * residuals. They look at numbers alone, whatever made them.
 *
 * Scores are probabilities or any numbers that are larger where "yes" is more likely. Any thread. The arrays
 * are the caller's and stay as they are. */
#ifndef MLP_METRICS_H
#define MLP_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A threshold and what it separates: samples whose score is at least `threshold` are called positive. */
typedef struct mlp_threshold {
    double threshold;      /**< A score that occurs, or +∞ at the first point, where nothing is positive. */
    size_t true_positives; /**< Positive samples called so. */
    size_t false_positives; /**< Negative samples called positive. */
} mlp_threshold;

/** The points of the receiver operating characteristic, a point for each distinct score in falling order,
 * behind the point (0, 0). True and false positive rates are the counts over those of the last point.
 * @param scores   one for each sample, no NaN
 * @param positive 1 where the truth is "yes", else 0
 * @param count    samples, at least 1
 * @param points   receives up to count + 1 points
 * @param found    receives their number
 * Errors: ARGUMENT, RANGE (a NaN, a truth other than 0 and 1), MEMORY. */
MLP_API mlp_status mlp_roc_curve(const float *scores, const uint8_t *positive, size_t count,
                                 mlp_threshold *points, size_t *found);

/** The area under that curve: the probability that a positive sample has a higher score than a negative one,
 * equal scores counted one half (Hanley & McNeil 1982). NaN where one of both is missing.
 * Parameters and errors as of mlp_roc_curve(). */
MLP_API mlp_status mlp_roc_auc(const float *scores, const uint8_t *positive, size_t count, double *area);

/** Average precision: Σ (R_i − R_{i−1})·P_i over the thresholds in falling order, without interpolation.
 * NaN without positive samples. Parameters and errors as of mlp_roc_curve(). */
MLP_API mlp_status mlp_average_precision(const float *scores, const uint8_t *positive, size_t count,
                                         double *precision);

/** The samples whose confidence lies in a bin. */
typedef struct mlp_calibration_bin {
    size_t count;      /**< Samples. */
    double confidence; /**< Their mean confidence; NaN without samples. */
    double right;      /**< The share of them that was right; NaN without samples. */
} mlp_calibration_bin;

/** Expected calibration error (Naeini, Cooper, Hauskrecht 2015): Σ n_b/n · |right_b − confidence_b| over
 * bins of equal width on 0 … 1, each with its upper end, the first with 0, too.
 * @param confidence probability of the class that was predicted, 0 … 1
 * @param right      1 where that class was right, else 0
 * @param count      samples, at least 1
 * @param bins       number of bins, at least 1
 * @param table      receives one entry for each bin, or NULL
 * @param error      receives the error, 0 … 1
 * Errors: ARGUMENT, RANGE (a confidence outside 0 … 1, a truth other than 0 and 1), MEMORY. */
MLP_API mlp_status mlp_calibration_error(const float *confidence, const uint8_t *right, size_t count,
                                         size_t bins, mlp_calibration_bin *table, double *error);

/** One class against the rest, from a confusion matrix. */
typedef struct mlp_class_metrics {
    uint64_t count;   /**< Samples of the class. */
    double precision; /**< Share of its predictions that are right; NaN where it is never predicted. */
    double recall;    /**< Share of its samples that are found; NaN where there are none. */
    double f1;        /**< 2·right / (samples + predictions); NaN where there are neither. */
} mlp_class_metrics;

/** @param confusion classes × classes counts, entry [actual·classes + predicted], as of mlp_evaluate()
 * @param classes     at least 1
 * @param class_index below `classes`
 * @param metrics     receives the figures
 * Errors: ARGUMENT, RANGE. */
MLP_API mlp_status mlp_class_metrics_of(const uint64_t *confusion, size_t classes, size_t class_index,
                                        mlp_class_metrics *metrics);

/** Residuals: prediction − truth, in double. */
typedef struct mlp_residuals {
    double rmse;         /**< Root of their mean square. */
    double mae;          /**< Mean of their absolute values. */
    double r2;           /**< 1 − Σ residual² / Σ (truth − mean)²; NaN where the truth is constant. */
    double bias;         /**< Their mean. */
    double quantiles[5]; /**< Minimum, quartiles by linear interpolation, maximum. */
} mlp_residuals;

/** @param predictions one for each sample, finite
 * @param truth         one for each sample, finite
 * @param stride        distance of a sample's number from the next's, at least 1, of both arrays
 * @param count         samples, at least 1
 * @param residuals     receives the figures
 * Errors: ARGUMENT, RANGE (a number that is not finite), MEMORY. */
MLP_API mlp_status mlp_residuals_of(const float *predictions, const float *truth, size_t stride, size_t count,
                                    mlp_residuals *residuals);

#ifdef __cplusplus
}
#endif

#endif
