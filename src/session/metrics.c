/* Figures of predictions whose truth is known. */
#include <mlp/metrics.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/status.h"

struct scored {
    float score;
    uint8_t positive;
};

static int by_falling_score(const void *a, const void *b)
{
    const float x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;
    return (x < y) - (x > y);
}

static mlp_status check_scores(const char *function, const float *scores, const uint8_t *truth, size_t count)
{
    FAIL_IF(scores == NULL || truth == NULL, MLP_ERROR_ARGUMENT, "%s: %s is NULL", function,
            scores == NULL ? "the array of scores" : "the array of truths");
    FAIL_IF(count == 0, MLP_ERROR_ARGUMENT, "%s: count is 0, expected at least 1", function);
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(isnan(scores[i]), MLP_ERROR_RANGE, "%s: the score of sample %zu is NaN", function, i);
        FAIL_IF(truth[i] > 1, MLP_ERROR_RANGE, "%s: the truth of sample %zu is %d, expected 0 or 1", function,
                i, (int)truth[i]);
    }
    return MLP_OK;
}

/* The samples in falling order of their scores; the caller frees. */
static mlp_status sort_scores(const char *function, const float *scores, const uint8_t *positive,
                              size_t count, struct scored **sorted)
{
    TRY(check_scores(function, scores, positive, count));
    *sorted = memory_allocate(count, sizeof **sorted);
    REQUIRE_MEMORY(*sorted);
    for (size_t i = 0; i < count; i++) {
        (*sorted)[i] = (struct scored){ scores[i], positive[i] };
    }
    qsort(*sorted, count, sizeof **sorted, by_falling_score);
    return MLP_OK;
}

/* The next point of the curve: the samples of the next distinct score, from *at on, are positive, too. */
static void next_point(const struct scored *sorted, size_t count, size_t *at, mlp_threshold *point)
{
    const float score = sorted[*at].score;
    point->threshold = (double)score;
    size_t i = *at;
    for (; i < count && sorted[i].score == score; i++) {
        point->true_positives += sorted[i].positive;
        point->false_positives += !sorted[i].positive;
    }
    *at = i;
}

mlp_status mlp_roc_curve(const float *scores, const uint8_t *positive, size_t count, mlp_threshold *points,
                         size_t *found)
{
    struct scored *sorted;
    REQUIRE_ARGUMENT(points);
    REQUIRE_ARGUMENT(found);
    TRY(sort_scores("mlp_roc_curve", scores, positive, count, &sorted));
    points[0] = (mlp_threshold){ .threshold = (double)INFINITY };
    *found = 1;
    for (size_t at = 0; at < count; ++*found) {
        points[*found] = points[*found - 1];
        next_point(sorted, count, &at, &points[*found]);
    }
    memory_free(sorted);
    return MLP_OK;
}

mlp_status mlp_roc_auc(const float *scores, const uint8_t *positive, size_t count, double *area)
{
    struct scored *sorted;
    REQUIRE_ARGUMENT(area);
    TRY(sort_scores("mlp_roc_auc", scores, positive, count, &sorted));
    mlp_threshold point = { 0 };
    double sum = 0.0; /* twice the area, in pairs of a positive and a negative sample */
    for (size_t at = 0; at < count;) {
        const mlp_threshold before = point;
        next_point(sorted, count, &at, &point);
        sum += (double)(point.false_positives - before.false_positives) *
               ((double)point.true_positives + (double)before.true_positives);
    }
    memory_free(sorted);
    *area = point.true_positives > 0 && point.false_positives > 0
                ? sum / (2.0 * (double)point.true_positives * (double)point.false_positives)
                : (double)NAN;
    return MLP_OK;
}

mlp_status mlp_average_precision(const float *scores, const uint8_t *positive, size_t count,
                                 double *precision)
{
    struct scored *sorted;
    REQUIRE_ARGUMENT(precision);
    TRY(sort_scores("mlp_average_precision", scores, positive, count, &sorted));
    mlp_threshold point = { 0 };
    double sum = 0.0;
    for (size_t at = 0; at < count;) {
        const size_t before = point.true_positives;
        next_point(sorted, count, &at, &point);
        sum += (double)(point.true_positives - before) * (double)point.true_positives /
               ((double)point.true_positives + (double)point.false_positives);
    }
    memory_free(sorted);
    *precision = point.true_positives > 0 ? sum / (double)point.true_positives : (double)NAN;
    return MLP_OK;
}

/* Bin b holds b/bins < confidence ≤ (b + 1)/bins. */
static size_t bin_of(double confidence, size_t bins)
{
    const double place = ceil(confidence * (double)bins) - 1.0;
    const size_t bin = place > 0.0 ? (size_t)place : 0;
    return bin < bins ? bin : bins - 1;
}

mlp_status mlp_calibration_error(const float *confidence, const uint8_t *right, size_t count, size_t bins,
                                 mlp_calibration_bin *table, double *error)
{
    REQUIRE_ARGUMENT(error);
    TRY(check_scores("mlp_calibration_error", confidence, right, count));
    FAIL_IF(bins == 0, MLP_ERROR_ARGUMENT, "mlp_calibration_error: bins is 0, expected at least 1");
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(confidence[i] < 0.0f || confidence[i] > 1.0f, MLP_ERROR_RANGE,
                "mlp_calibration_error: the confidence of sample %zu is %g, expected 0 to 1", i,
                (double)confidence[i]);
    }
    mlp_calibration_bin *sums = memory_allocate(bins, sizeof *sums);
    REQUIRE_MEMORY(sums);
    for (size_t i = 0; i < count; i++) {
        mlp_calibration_bin *bin = &sums[bin_of((double)confidence[i], bins)];
        bin->count++;
        bin->confidence += (double)confidence[i];
        bin->right += right[i];
    }
    *error = 0.0;
    for (size_t b = 0; b < bins; b++) {
        *error += fabs(sums[b].right - sums[b].confidence) / (double)count;
        sums[b].confidence /= (double)sums[b].count; /* 0/0 is NaN */
        sums[b].right /= (double)sums[b].count;
        if (table != NULL) {
            table[b] = sums[b];
        }
    }
    memory_free(sums);
    return MLP_OK;
}

mlp_status mlp_class_metrics_of(const uint64_t *confusion, size_t classes, size_t class_index,
                                mlp_class_metrics *metrics)
{
    REQUIRE_ARGUMENT(confusion);
    REQUIRE_ARGUMENT(metrics);
    FAIL_IF(class_index >= classes, MLP_ERROR_RANGE,
            "mlp_class_metrics_of: class_index is %zu, expected less than classes, %zu", class_index,
            classes);
    uint64_t actual = 0, predicted = 0;
    for (size_t i = 0; i < classes; i++) {
        actual += confusion[class_index * classes + i];
        predicted += confusion[i * classes + class_index];
    }
    const double right = (double)confusion[class_index * classes + class_index];
    *metrics = (mlp_class_metrics){ .count = actual,
                                    .precision = right / (double)predicted, /* 0/0 is NaN */
                                    .recall = right / (double)actual,
                                    .f1 = 2.0 * right / ((double)actual + (double)predicted) };
    return MLP_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the residuals. `variation` is Σ (truth − mean)². */
static void summarize(double *values, size_t count, double variation, mlp_residuals *residuals)
{
    double sum = 0.0, squares = 0.0, absolute = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        squares += values[i] * values[i];
        absolute += fabs(values[i]);
    }
    qsort(values, count, sizeof *values, by_value);
    *residuals = (mlp_residuals){ .rmse = sqrt(squares / (double)count),
                                  .mae = absolute / (double)count,
                                  .r2 = variation > 0.0 ? 1.0 - squares / variation : (double)NAN,
                                  .bias = sum / (double)count };
    for (size_t q = 0; q < 5; q++) {
        const double place = (double)q / 4.0 * (double)(count - 1);
        const size_t low = (size_t)place, high = low + 1 < count ? low + 1 : low;
        residuals->quantiles[q] = values[low] + (place - (double)low) * (values[high] - values[low]);
    }
}

mlp_status mlp_residuals_of(const float *predictions, const float *truth, size_t stride, size_t count,
                            mlp_residuals *residuals)
{
    double mean = 0.0, variation = 0.0;
    bool constant = true; /* beside its rounded mean it would seem to vary */
    REQUIRE_ARGUMENT(predictions);
    REQUIRE_ARGUMENT(truth);
    REQUIRE_ARGUMENT(residuals);
    FAIL_IF(count == 0 || stride == 0, MLP_ERROR_ARGUMENT, "mlp_residuals_of: %s is 0, expected at least 1",
            count == 0 ? "count" : "stride");
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(!isfinite(predictions[i * stride]) || !isfinite(truth[i * stride]), MLP_ERROR_RANGE,
                "mlp_residuals_of: sample %zu has %g for %g, expected finite numbers", i,
                (double)predictions[i * stride], (double)truth[i * stride]);
        mean += (double)truth[i * stride] / (double)count;
        constant = constant && truth[i * stride] == truth[0];
    }
    double *values = memory_allocate(count, sizeof *values);
    REQUIRE_MEMORY(values);
    for (size_t i = 0; i < count; i++) {
        const double y = (double)truth[i * stride];
        values[i] = (double)predictions[i * stride] - y;
        variation += (y - mean) * (y - mean);
    }
    summarize(values, count, constant ? 0.0 : variation, residuals);
    memory_free(values);
    return MLP_OK;
}
