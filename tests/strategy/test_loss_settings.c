/* Losses: names, pairs with outputs, options, targets, and what happens at the edges of float. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "strategy/loss.h"
#include "strategy/loss_rows.h"

/* ---- names --------------------------------------------------------------------------------------------- */

static void test_names(void **unused)
{
    static const char *const names[] = { "automatic",     "cross-entropy",  "binary-cross-entropy",
                                         "squared-error", "absolute-error", "huber",
                                         "custom" };
    mlp_loss found = MLP_LOSS_HUBER;
    (void)unused;
    assert_int_equal(mlp_loss_count(), sizeof names / sizeof names[0]);
    for (int i = 0; i < (int)mlp_loss_count(); i++) {
        assert_string_equal(mlp_loss_name((mlp_loss)i), names[i]);
        assert_true(strlen(mlp_loss_description((mlp_loss)i)) > 0);
        assert_ok(mlp_loss_from_name(names[i], &found));
        assert_int_equal(found, i);
    }
    assert_null(mlp_loss_name((mlp_loss)-1));
    assert_null(mlp_loss_name((mlp_loss)mlp_loss_count()));
    assert_null(mlp_loss_description((mlp_loss)mlp_loss_count()));
    assert_refused(mlp_loss_from_name("mse", &found), MLP_ERROR_ARGUMENT, "mse", "squared-error", NULL);
    assert_refused(mlp_loss_from_name(NULL, &found), MLP_ERROR_ARGUMENT, "loss", "NULL", NULL);
    assert_refused(mlp_loss_from_name("huber", NULL), MLP_ERROR_ARGUMENT, "loss", "NULL", NULL);
}

static void test_reduction_names(void **unused)
{
    static const char *const names[] = { "mean", "sum", "sample-mean" };
    mlp_reduction found = MLP_REDUCTION_MEAN;
    (void)unused;
    for (int i = 0; i < 3; i++) {
        assert_string_equal(mlp_reduction_name((mlp_reduction)i), names[i]);
        assert_ok(mlp_reduction_from_name(names[i], &found));
        assert_int_equal(found, i);
    }
    assert_null(mlp_reduction_name((mlp_reduction)3));
    assert_refused(mlp_reduction_from_name("average", &found), MLP_ERROR_ARGUMENT, "average", "sample-mean",
                   NULL);
    assert_refused(mlp_reduction_from_name("sum", NULL), MLP_ERROR_ARGUMENT, "NULL", NULL);
}

static void test_class_targets_names(void **unused)
{
    mlp_class_targets found = MLP_CLASS_TARGETS_BINARY;
    (void)unused;
    assert_string_equal(mlp_class_targets_name(MLP_CLASS_TARGETS_BINARY), "binary");
    assert_string_equal(mlp_class_targets_name(MLP_CLASS_TARGETS_BIPOLAR), "bipolar");
    assert_null(mlp_class_targets_name((mlp_class_targets)2));
    assert_ok(mlp_class_targets_from_name("bipolar", &found));
    assert_int_equal(found, MLP_CLASS_TARGETS_BIPOLAR);
    assert_refused(mlp_class_targets_from_name("plus", &found), MLP_ERROR_ARGUMENT, "plus", "bipolar", NULL);
}

/* ---- pairs --------------------------------------------------------------------------------------------- */

static mlp_status never_called(const float *outputs, const mlp_targets *targets, size_t units, size_t count,
                               size_t leading_dimension, float *gradient, double *loss, void *context)
{
    (void)outputs, (void)targets, (void)units, (void)count, (void)leading_dimension, (void)gradient,
        (void)loss;
    (void)context;
    return MLP_ERROR_STATE;
}

static mlp_status resolve(mlp_loss loss, mlp_activation output, size_t units)
{
    struct loss_settings settings = { .loss = loss, .custom = never_called };
    return loss_resolve(&settings, output, units);
}

/* The table of mlp/loss.h. */
static bool goes_with(mlp_loss loss, mlp_activation output)
{
    const bool softmax = output == MLP_ACTIVATION_SOFTMAX, identity = output == MLP_ACTIVATION_IDENTITY;
    return loss == MLP_LOSS_CROSS_ENTROPY          ? softmax || identity
           : loss == MLP_LOSS_BINARY_CROSS_ENTROPY ? output == MLP_ACTIVATION_SIGMOID || identity
           : loss == MLP_LOSS_ABSOLUTE_ERROR || loss == MLP_LOSS_HUBER ? !softmax
                                                                       : true;
}

static void test_pairs(void **unused)
{
    (void)unused;
    for (int loss = 0; loss < (int)mlp_loss_count(); loss++) {
        for (int output = 0; output < (int)mlp_activation_count(); output++) {
            if (goes_with((mlp_loss)loss, (mlp_activation)output)) {
                assert_ok(resolve((mlp_loss)loss, (mlp_activation)output, 3));
            } else {
                assert_refused(resolve((mlp_loss)loss, (mlp_activation)output, 3), MLP_ERROR_ARGUMENT,
                               mlp_loss_name((mlp_loss)loss), mlp_activation_name((mlp_activation)output),
                               "needs", "use", NULL);
            }
        }
    }
}

/* A refused pair hears of the loss and of the output to use instead. */
static void test_advice(void **unused)
{
    (void)unused;
    assert_refused(resolve(MLP_LOSS_CROSS_ENTROPY, MLP_ACTIVATION_SIGMOID, 3), MLP_ERROR_ARGUMENT,
                   "softmax output", "binary-cross-entropy", NULL);
    assert_refused(resolve(MLP_LOSS_BINARY_CROSS_ENTROPY, MLP_ACTIVATION_SOFTMAX, 3), MLP_ERROR_ARGUMENT,
                   "sigmoid output", "cross-entropy with softmax", NULL);
    assert_refused(resolve(MLP_LOSS_ABSOLUTE_ERROR, MLP_ACTIVATION_SOFTMAX, 3), MLP_ERROR_ARGUMENT,
                   "identity", "squared-error", NULL);
    assert_refused(resolve(MLP_LOSS_CROSS_ENTROPY, MLP_ACTIVATION_SOFTMAX, 1), MLP_ERROR_ARGUMENT,
                   "2 output units", "sigmoid", "binary-cross-entropy", NULL);
    assert_refused(resolve(MLP_LOSS_AUTOMATIC, MLP_ACTIVATION_SOFTMAX, 1), MLP_ERROR_ARGUMENT, "sigmoid",
                   NULL);
    assert_refused(resolve((mlp_loss)77, MLP_ACTIVATION_TANH, 1), MLP_ERROR_ARGUMENT, "loss", "77", NULL);
}

static void test_automatic(void **unused)
{
    (void)unused;
    for (int output = 0; output < (int)mlp_activation_count(); output++) {
        struct loss_settings settings = { .loss = MLP_LOSS_AUTOMATIC };
        assert_ok(loss_resolve(&settings, (mlp_activation)output, 2));
        assert_int_equal(settings.loss, output == MLP_ACTIVATION_SOFTMAX   ? MLP_LOSS_CROSS_ENTROPY
                                        : output == MLP_ACTIVATION_SIGMOID ? MLP_LOSS_BINARY_CROSS_ENTROPY
                                                                           : MLP_LOSS_SQUARED_ERROR);
    }
}

/* ---- options ------------------------------------------------------------------------------------------- */

static mlp_status resolve_with(struct loss_settings settings)
{
    return loss_resolve(&settings, MLP_ACTIVATION_IDENTITY, 3);
}

static void test_label_smoothing(void **unused)
{
    static const double refused[] = { -0.1, 1.0, NAN, INFINITY };
    (void)unused;
    assert_ok(
        resolve_with((struct loss_settings){ .loss = MLP_LOSS_CROSS_ENTROPY, .label_smoothing = 0.99 }));
    for (size_t i = 0; i < 4; i++) {
        assert_refused(resolve_with((struct loss_settings){ .loss = MLP_LOSS_CROSS_ENTROPY,
                                                            .label_smoothing = refused[i] }),
                       MLP_ERROR_RANGE, "label_smoothing", "0", "1", NULL);
    }
    assert_refused(resolve_with((struct loss_settings){ .loss = MLP_LOSS_HUBER, .label_smoothing = 0.1 }),
                   MLP_ERROR_ARGUMENT, "label_smoothing", "cross-entropy", "huber", NULL);
}

static void test_class_weights(void **unused)
{
    static const float good[] = { 0.0f, 2.0f, 0.5f }, zeros[3] = { 0.0f };
    static const float bad[] = { -1.0f, NAN, INFINITY };
    (void)unused;
    assert_ok(resolve_with((struct loss_settings){ .loss = MLP_LOSS_CROSS_ENTROPY, .class_weights = good }));
    assert_refused(resolve_with(
                       (struct loss_settings){ .loss = MLP_LOSS_CROSS_ENTROPY, .class_weights = zeros }),
                   MLP_ERROR_RANGE, "class_weights", "all 0", NULL);
    assert_refused(resolve_with(
                       (struct loss_settings){ .loss = MLP_LOSS_SQUARED_ERROR, .class_weights = good }),
                   MLP_ERROR_ARGUMENT, "class_weights", "cross-entropy", "squared-error", NULL);
    for (size_t i = 0; i < 3; i++) {
        const float weights[] = { 1.0f, 1.0f, bad[i] };
        assert_refused(resolve_with((struct loss_settings){ .loss = MLP_LOSS_CROSS_ENTROPY,
                                                            .class_weights = weights }),
                       MLP_ERROR_RANGE, "class_weights[2]", "at least 0", NULL);
    }
}

static void test_other_options(void **unused)
{
    static const double refused[] = { -1.0, NAN, INFINITY };
    struct loss_settings settings = { .loss = MLP_LOSS_HUBER };
    (void)unused;
    assert_ok(loss_resolve(&settings, MLP_ACTIVATION_TANH, 1));
    assert_true(settings.huber_delta == 1.0);
    settings.huber_delta = 0.25;
    assert_ok(loss_resolve(&settings, MLP_ACTIVATION_TANH, 1));
    assert_true(settings.huber_delta == 0.25);
    for (size_t i = 0; i < 3; i++) {
        assert_refused(resolve_with(
                           (struct loss_settings){ .loss = MLP_LOSS_HUBER, .huber_delta = refused[i] }),
                       MLP_ERROR_RANGE, "huber_delta", "above 0", NULL);
    }
    assert_refused(resolve_with((struct loss_settings){ .loss = MLP_LOSS_SQUARED_ERROR, .huber_delta = 2.0 }),
                   MLP_ERROR_ARGUMENT, "huber_delta", "squared-error", NULL);
    assert_refused(resolve_with((struct loss_settings){ .loss = MLP_LOSS_CUSTOM }), MLP_ERROR_ARGUMENT,
                   "custom_loss", "NULL", NULL);
    assert_refused(resolve_with((struct loss_settings){ .reduction = (mlp_reduction)9 }), MLP_ERROR_ARGUMENT,
                   "reduction", "9", NULL);
    for (mlp_loss loss = MLP_LOSS_CROSS_ENTROPY; loss <= MLP_LOSS_CUSTOM; loss++) {
        const struct loss_settings bipolar = { .loss = loss, .class_targets = MLP_CLASS_TARGETS_BIPOLAR };
        if (loss == MLP_LOSS_SQUARED_ERROR || loss == MLP_LOSS_ABSOLUTE_ERROR || loss == MLP_LOSS_HUBER) {
            assert_ok(resolve_with(bipolar));
        } else {
            assert_refused(resolve_with(bipolar), MLP_ERROR_ARGUMENT, "class_targets", "squared-error",
                           mlp_loss_name(loss), NULL);
        }
    }
    assert_refused(resolve_with((struct loss_settings){ .class_targets = (mlp_class_targets)2 }),
                   MLP_ERROR_ARGUMENT, "class targets", "2", NULL);
    assert_true(loss_row(MLP_LOSS_CUSTOM)->whole_batch && loss_row(MLP_LOSS_CUSTOM)->evaluate == NULL);
}

/* ---- targets ------------------------------------------------------------------------------------------- */

static mlp_status scale_of(mlp_loss loss, mlp_reduction reduction, const mlp_targets *targets, size_t units,
                           size_t count, double *scale)
{
    const struct loss_settings settings = { .loss = loss, .reduction = reduction };
    const mlp_status status = loss_check_targets(&settings, targets, units, count);
    *scale = status == MLP_OK ? loss_scale(&settings, units, loss_mass(&settings, targets, count)) : NAN;
    return status;
}

static void test_scale(void **unused)
{
    static const int32_t classes[] = { 2, 0, 1, 2 };
    static const float weights[] = { 1.0f, 0.0f, 2.5f, 0.5f }, of_classes[] = { 10.0f, 0.0f, 3.0f };
    const mlp_targets plain = { .classes = classes }, weighted = { .classes = classes, .weights = weights };
    const struct loss_settings by_class = { .loss = MLP_LOSS_CROSS_ENTROPY, .class_weights = of_classes };
    const mlp_targets weightless = { .classes = classes + 2 }; /* class 1 */
    double scale;
    (void)unused;
    assert_ok(scale_of(MLP_LOSS_CROSS_ENTROPY, MLP_REDUCTION_MEAN, &plain, 3, 4, &scale));
    assert_close(scale, 1.0 / 4.0, 1e-15);
    assert_ok(scale_of(MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_MEAN, &plain, 3, 4, &scale));
    assert_close(scale, 1.0 / 12.0, 1e-15);
    assert_ok(scale_of(MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_SAMPLE_MEAN, &weighted, 3, 4, &scale));
    assert_close(scale, 1.0 / 4.0, 1e-15);
    assert_ok(scale_of(MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_SUM, &weighted, 3, 4, &scale));
    assert_true(scale == 1.0);
    /* the others have weight 0 one way or the other */
    assert_close(loss_mass(&by_class, &weighted, 4), 1.0 * 3.0 + 0.5 * 3.0, 1e-15);
    assert_close(loss_scale(&by_class, 3, 4.5), 1.0 / 4.5, 1e-15);
    assert_true(loss_mass(&by_class, &weightless, 1) == 0.0 && loss_scale(&by_class, 3, 0.0) == 0.0);
    assert_close(loss_reduce(&by_class, &(struct loss_sum){ 9.0, 4.5 }), 2.0, 1e-15);
    assert_true(isnan(loss_reduce(&by_class, &(struct loss_sum){ 0 })));
}

static void test_refused_targets(void **unused)
{
    static const int32_t classes[] = { 0, 2, 3, -1 };
    static const float values[4 * 3] = { 0.0f };
    static const float bad[] = { -1.0f, NAN, INFINITY };
    double scale;
    (void)unused;
    assert_refused(scale_of(MLP_LOSS_HUBER, MLP_REDUCTION_SUM, &(mlp_targets){ 0 }, 3, 4, &scale),
                   MLP_ERROR_ARGUMENT, "targets", "neither", NULL);
    assert_refused(scale_of(MLP_LOSS_HUBER, MLP_REDUCTION_SUM,
                            &(mlp_targets){ .classes = classes, .values = values }, 3, 2, &scale),
                   MLP_ERROR_ARGUMENT, "targets", "both", NULL);
    assert_refused(scale_of(MLP_LOSS_CROSS_ENTROPY, MLP_REDUCTION_MEAN, &(mlp_targets){ .classes = classes },
                            3, 4, &scale),
                   MLP_ERROR_RANGE, "sample 2", "class is 3", "0 to 2", NULL);
    assert_refused(scale_of(MLP_LOSS_CROSS_ENTROPY, MLP_REDUCTION_MEAN, &(mlp_targets){ .classes = classes },
                            4, 4, &scale),
                   MLP_ERROR_RANGE, "sample 3", "class is -1", NULL);
    assert_refused(scale_of(MLP_LOSS_BINARY_CROSS_ENTROPY, MLP_REDUCTION_MEAN,
                            &(mlp_targets){ .classes = classes }, 1, 2, &scale),
                   MLP_ERROR_RANGE, "sample 1", "class is 2", "0 to 1", NULL);
    for (size_t i = 0; i < 3; i++) {
        const float weights[] = { 1.0f, 0.0f, bad[i], 1.0f };
        assert_refused(scale_of(MLP_LOSS_SQUARED_ERROR, MLP_REDUCTION_SUM,
                                &(mlp_targets){ .values = values, .weights = weights }, 3, 4, &scale),
                       MLP_ERROR_RANGE, "sample 2", "weight", NULL);
    }
}

/* ---- edges of float ------------------------------------------------------------------------------------ */

/* One sample of class `class`, summed. */
static double loss_of(mlp_loss loss, const float *outputs, size_t units, int32_t class, float *gradient)
{
    const struct loss_settings settings = { .loss = loss,
                                            .reduction = MLP_REDUCTION_SUM,
                                            .huber_delta = 1.0 };
    const mlp_targets targets = { .classes = &class };
    return loss_row(loss)->evaluate(&(struct loss_block){ .settings = &settings,
                                                          .targets = &targets,
                                                          .columns = 1,
                                                          .units = units,
                                                          .z = outputs,
                                                          .a = outputs,
                                                          .gradient = gradient,
                                                          .leading_dimension = units,
                                                          .scale = 1.0 });
}

static void test_large_logits(void **unused)
{
    const float logits[] = { 1e4f, -1e4f, 0.0f };
    float gradient[3];
    (void)unused;
    assert_close(loss_of(MLP_LOSS_CROSS_ENTROPY, logits, 3, 1, gradient), 2e4, 1e-12);
    assert_true(gradient[0] == 1.0f && gradient[1] == -1.0f && gradient[2] == 0.0f);
    assert_true(loss_of(MLP_LOSS_CROSS_ENTROPY, logits, 3, 0, gradient) == 0.0);
    assert_close(loss_of(MLP_LOSS_BINARY_CROSS_ENTROPY, logits, 1, 0, gradient), 1e4, 1e-12);
    assert_true(gradient[0] == 1.0f);
    assert_true(loss_of(MLP_LOSS_BINARY_CROSS_ENTROPY, logits, 1, 1, gradient) == 0.0);
    assert_close(loss_of(MLP_LOSS_BINARY_CROSS_ENTROPY, logits + 1, 1, 1, gradient), 1e4, 1e-12);
    assert_true(gradient[0] == -1.0f);
    /* a square that float would not hold */
    const float equal[] = { 1e20f, 1e20f, 1e20f };
    assert_close(loss_of(MLP_LOSS_CROSS_ENTROPY, equal, 3, 1, gradient), log(3.0), 1e-12);
    assert_close(gradient[1], 1.0 / 3.0 - 1.0, 1e-6);
    const float huge[] = { 1e30f };
    assert_close(loss_of(MLP_LOSS_SQUARED_ERROR, huge, 1, 0, gradient) / 1e60, 1.0, 1e-6);
    assert_close(loss_of(MLP_LOSS_HUBER, huge, 1, 0, gradient) / 1e30, 1.0, 1e-6);
    assert_true(gradient[0] == 1.0f);
}

/* A sure and right answer: loss and gradient are small numbers with all their digits, not differences from 1.
 */
static void test_confident_answers(void **unused)
{
    const float logits[] = { 20.0f, 0.0f }, single[] = { 20.0f };
    const double e = exp(-20.0), rest = e / (1.0 + e);
    float gradient[2];
    (void)unused;
    assert_close(loss_of(MLP_LOSS_CROSS_ENTROPY, logits, 2, 0, gradient) / log1p(e), 1.0, 1e-6);
    assert_close((double)gradient[0] / -rest, 1.0, 1e-6);
    assert_close((double)gradient[1] / rest, 1.0, 1e-6);
    assert_close(loss_of(MLP_LOSS_BINARY_CROSS_ENTROPY, single, 1, 1, gradient) / log1p(e), 1.0, 1e-6);
    assert_close((double)gradient[0] / -rest, 1.0, 1e-6);
}

/* Wherever it stands, an output that is not finite makes the loss not finite; a logit of −∞ off target does
 * not. */
static void test_not_finite(void **unused)
{
    enum { UNITS = 70 };
    static const float bad[] = { NAN, INFINITY };
    float outputs[UNITS] = { 0.0f }, gradient[UNITS];
    (void)unused;
    for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
        if (loss == MLP_LOSS_CUSTOM) {
            continue;
        }
        for (size_t at = 0; at < UNITS; at++) {
            for (size_t k = 0; k < 2; k++) {
                outputs[at] = bad[k];
                assert_false(isfinite(loss_of((mlp_loss)loss, outputs, UNITS, 3, gradient)));
                assert_false(isfinite(loss_of((mlp_loss)loss, outputs, UNITS, 3, NULL)));
                outputs[at] = 0.0f;
            }
        }
    }
    outputs[5] = -INFINITY;
    assert_close(loss_of(MLP_LOSS_CROSS_ENTROPY, outputs, UNITS, 3, gradient), log(UNITS - 1.0), 1e-6);
    assert_true(gradient[5] == 0.0f);
    assert_true(loss_of(MLP_LOSS_CROSS_ENTROPY, outputs, UNITS, 5, gradient) == INFINITY);
    assert_true(loss_of(MLP_LOSS_ABSOLUTE_ERROR, (const float[]){ 1.0f }, 1, 1, gradient) == 0.0);
    assert_true(gradient[0] == 0.0f);
}

/* Dense targets: a −∞ where the target is 0 adds nothing; a NaN shows even where the class has no weight. */
static void test_not_finite_dense(void **unused)
{
    const float class_weights[] = { 1.0f, 0.0f, 1.0f };
    const float hot[] = { 1.0f, 0.0f, 0.0f }, weightless[] = { 0.0f, 1.0f, 0.0f };
    const struct loss_settings plain = { .loss = MLP_LOSS_CROSS_ENTROPY };
    const struct loss_settings by_class = { .loss = MLP_LOSS_CROSS_ENTROPY, .class_weights = class_weights };
    const mlp_targets first = { .values = hot }, second = { .values = weightless };
    float logits[] = { 0.0f, 0.0f, -INFINITY };
    struct loss_block block = { .settings = &plain,
                                .targets = &first,
                                .columns = 1,
                                .units = 3,
                                .z = logits,
                                .a = logits,
                                .leading_dimension = 3,
                                .scale = 1.0 };
    (void)unused;
    assert_close(loss_row(MLP_LOSS_CROSS_ENTROPY)->evaluate(&block), log(2.0), 1e-6);
    block.settings = &by_class;
    block.targets = &second;
    assert_true(loss_row(MLP_LOSS_CROSS_ENTROPY)->evaluate(&block) == 0.0);
    logits[0] = NAN;
    assert_true(isnan(loss_row(MLP_LOSS_CROSS_ENTROPY)->evaluate(&block)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_reduction_names),
        cmocka_unit_test(test_class_targets_names),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_automatic),
        cmocka_unit_test(test_label_smoothing),
        cmocka_unit_test(test_class_weights),
        cmocka_unit_test(test_other_options),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_refused_targets),
        cmocka_unit_test(test_large_logits),
        cmocka_unit_test(test_confident_answers),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_not_finite_dense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
