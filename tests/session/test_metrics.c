/* Figures of predictions against their definitions, in loops over all pairs, and against figures that
 * scikit-learn's documentation prints. */
#include "support/support.h"

#include <math.h>

#include <mlp/metrics.h>

enum { COUNT = 60, STEPS = 9 };

/* Scores of few distinct values, so that many are equal. */
static void draw(uint64_t *state, float *scores, uint8_t *positive, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        scores[i] = (float)floor(test_uniform(state, 0.0, STEPS)) / STEPS;
        positive[i] = test_uniform(state, 0.0, 1.0) < 0.2 + 0.6 * (double)scores[i];
    }
}

static size_t count_above(const float *scores, const uint8_t *positive, size_t count, float least,
                          uint8_t truth)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += scores[i] >= least && positive[i] == truth;
    }
    return found;
}

/* The area is the share of pairs in order, equal ones counted half; a point's counts are its
 * threshold's. */
static void pairs(void **unused)
{
    float scores[COUNT];
    uint8_t positive[COUNT];
    uint64_t state = 5;
    (void)unused;
    for (size_t count = 2; count <= COUNT; count++) {
        double won = 0.0, area, precision, expected = 0.0;
        size_t all = 0, found;
        mlp_threshold points[COUNT + 1];
        draw(&state, scores, positive, count);
        for (size_t i = 0; i < count; i++) {
            all += positive[i];
            for (size_t j = 0; j < count; j++) {
                const double win = scores[i] > scores[j] ? 1.0 : 0.5 * (scores[i] == scores[j]);
                won += positive[i] && !positive[j] ? win : 0.0;
            }
        }
        assert_ok(mlp_roc_auc(scores, positive, count, &area));
        assert_ok(mlp_roc_curve(scores, positive, count, points, &found));
        assert_ok(mlp_average_precision(scores, positive, count, &precision));
        assert_true(isinf(points[0].threshold) && points[0].true_positives + points[0].false_positives == 0);
        for (size_t p = 1; p < found; p++) {
            const float least = (float)points[p].threshold;
            assert_true(points[p].threshold < points[p - 1].threshold);
            assert_int_equal(points[p].true_positives, count_above(scores, positive, count, least, 1));
            assert_int_equal(points[p].false_positives, count_above(scores, positive, count, least, 0));
            const double called = (double)(points[p].true_positives + points[p].false_positives);
            expected += (double)(points[p].true_positives - points[p - 1].true_positives) *
                        (double)points[p].true_positives / called;
        }
        assert_int_equal(points[found - 1].true_positives, all);
        if (all > 0 && all < count) {
            assert_close(area, won / (double)(all * (count - all)), 1e-12);
        } else {
            assert_true(isnan(area));
        }
        if (all > 0) {
            assert_close(precision, expected / (double)all, 1e-12);
        } else {
            assert_true(isnan(precision));
        }
    }
}

/* The examples of roc_auc_score, average_precision_score and r2_score in scikit-learn's reference. */
static void published(void **unused)
{
    static const float scores[] = { 0.1f, 0.4f, 0.35f, 0.8f };
    static const uint8_t positive[] = { 0, 0, 1, 1 };
    static const float truth[] = { 3.0f, -0.5f, 2.0f, 7.0f }, predicted[] = { 2.5f, 0.0f, 2.0f, 8.0f };
    double figure;
    mlp_residuals residuals;
    (void)unused;
    assert_ok(mlp_roc_auc(scores, positive, 4, &figure));
    assert_close(figure, 0.75, 1e-12);
    assert_ok(mlp_average_precision(scores, positive, 4, &figure));
    assert_close(figure, 0.8333333333, 1e-9);
    assert_ok(mlp_residuals_of(predicted, truth, 1, 4, &residuals));
    assert_close(residuals.r2, 0.9486081370, 1e-9);
    assert_close(residuals.mae, 0.5, 1e-12);
    assert_close(residuals.rmse, 0.6123724356, 1e-9);
    assert_close(residuals.bias, 0.25, 1e-12);
    assert_close(residuals.quantiles[0], -0.5, 1e-12);
    assert_close(residuals.quantiles[1], -0.125, 1e-12); /* numpy.percentile([-0.5, 0, 0.5, 1], 25) */
    assert_close(residuals.quantiles[2], 0.25, 1e-12);
    assert_close(residuals.quantiles[4], 1.0, 1e-12);
}

/* What scikit-learn 1.9.1 computes for the same numbers (float32 scores, 200 samples). */
static void scikit_learn(void **unused)
{
    enum { SAMPLES = 200 };
    float scores[SAMPLES], truth[SAMPLES], predicted[SAMPLES];
    uint8_t positive[SAMPLES];
    double figure;
    mlp_residuals residuals;
    (void)unused;
    for (int i = 0; i < SAMPLES; i++) {
        scores[i] = (float)(i * 37 % 101 / 10) / 10.0f;
        positive[i] = i * 53 % 97 * 3 + i * 37 % 101 > 200;
        truth[i] = (float)(i * 53 % 97) / 8.0f;
        predicted[i] = truth[i] * 0.75f + scores[i];
    }
    assert_ok(mlp_roc_auc(scores, positive, SAMPLES, &figure));
    assert_close(figure, 0.6447803022720449, 1e-12);
    assert_ok(mlp_average_precision(scores, positive, SAMPLES, &figure));
    assert_close(figure, 0.6197016632728055, 1e-12);
    assert_ok(mlp_residuals_of(predicted, truth, 1, SAMPLES, &residuals));
    assert_close(residuals.rmse, 1.374914423144874, 1e-6); /* sums in float32's rounding of the predictions */
    assert_close(residuals.mae, 1.1176562567055226, 1e-6);
    assert_close(residuals.r2, 0.8464101420744095, 1e-6);
}

static void calibration(void **unused)
{
    static const float confidence[] = { 0.0f, 0.25f, 0.5f, 0.75f, 0.75f, 1.0f };
    static const uint8_t right[] = { 0, 1, 1, 0, 1, 1 };
    mlp_calibration_bin bins[4];
    double error;
    (void)unused;
    assert_ok(mlp_calibration_error(confidence, right, 6, 4, bins, &error));
    /* bins with their upper ends: {0, 0.25}, {0.5}, {0.75, 0.75}, {1} */
    assert_int_equal(bins[0].count, 2);
    assert_close(bins[0].confidence, 0.125, 1e-12);
    assert_close(bins[0].right, 0.5, 1e-12);
    assert_int_equal(bins[2].count, 2);
    assert_close(error, (2 * 0.375 + 1 * 0.5 + 2 * 0.25 + 0.0) / 6.0, 1e-12);
    assert_ok(mlp_calibration_error(confidence, right, 1, 3, bins, &error));
    assert_true(bins[1].count == 0 && isnan(bins[1].confidence) && isnan(bins[1].right));
}

static void classes(void **unused)
{
    static const uint64_t confusion[] = { 5, 1, 0, 2, 3, 0, 0, 0, 0 };
    mlp_class_metrics metrics;
    (void)unused;
    assert_ok(mlp_class_metrics_of(confusion, 3, 0, &metrics));
    assert_int_equal(metrics.count, 6);
    assert_close(metrics.precision, 5.0 / 7.0, 1e-12);
    assert_close(metrics.recall, 5.0 / 6.0, 1e-12);
    assert_close(metrics.f1, 10.0 / 13.0, 1e-12);
    assert_ok(mlp_class_metrics_of(confusion, 3, 2, &metrics));
    assert_true(isnan(metrics.precision) && isnan(metrics.recall) && isnan(metrics.f1));
}

static void refusals(void **unused)
{
    const float scores[] = { 0.5f, NAN }, beyond[] = { 1.5f }, constant[] = { 0.1f, 0.1f, 0.1f };
    const uint8_t truth[] = { 1, 0 }, odd[] = { 2 };
    mlp_threshold points[3];
    mlp_class_metrics metrics;
    mlp_residuals residuals;
    double figure;
    size_t found;
    (void)unused;
    assert_refused(mlp_roc_auc(scores, truth, 2, &figure), MLP_ERROR_RANGE, "sample 1", "NaN", NULL);
    assert_refused(mlp_roc_curve(scores, odd, 1, points, &found), MLP_ERROR_RANGE, "sample 0", "2", NULL);
    assert_refused(mlp_average_precision(scores, truth, 0, &figure), MLP_ERROR_ARGUMENT, "count", NULL);
    assert_refused(mlp_roc_auc(NULL, truth, 1, &figure), MLP_ERROR_ARGUMENT, "scores", NULL);
    assert_refused(mlp_calibration_error(beyond, truth, 1, 5, NULL, &figure), MLP_ERROR_RANGE, "1.5", NULL);
    assert_refused(mlp_calibration_error(scores, truth, 1, 0, NULL, &figure), MLP_ERROR_ARGUMENT, "bins",
                   NULL);
    assert_refused(mlp_class_metrics_of((const uint64_t[]){ 1 }, 1, 1, &metrics), MLP_ERROR_RANGE,
                   "class_index", NULL);
    assert_refused(mlp_residuals_of(scores, scores, 1, 2, &residuals), MLP_ERROR_RANGE, "sample 1", NULL);
    assert_ok(mlp_residuals_of(scores, constant, 1, 1, &residuals));
    assert_ok(mlp_residuals_of(constant, constant, 1, 3, &residuals));
    assert_true(isnan(residuals.r2) && residuals.rmse == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),       cmocka_unit_test(published), cmocka_unit_test(scikit_learn),
        cmocka_unit_test(calibration), cmocka_unit_test(classes),   cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
