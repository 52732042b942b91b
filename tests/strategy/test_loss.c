/* Losses at every vector level: value and gradient against naive formulas in double and central differences.
 */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "strategy/loss.h"
#include "strategy/loss_rows.h"

enum { SAMPLES = 5, MOST_UNITS = 130, LEADING = MOST_UNITS + 3 };

#define FOR_EACH_LEVEL(level)                                                                                \
    for (enum cpu_level level = CPU_BASELINE; level <= cpu_level_best();                                     \
         level = (enum cpu_level)((int)level + 1))

static const struct loss_row *row_at(enum cpu_level level, mlp_loss loss)
{
    return &loss_entry_at(LEVEL_PICK(loss_table, level), (size_t)loss)->row;
}

/* A batch and what the losses may take with it. */
struct batch {
    struct loss_settings settings;
    mlp_targets targets;
    size_t units;
    float outputs[LEADING * SAMPLES]; /* Z and A at once: the losses read one of them */
    float gradient[LEADING * SAMPLES];
    int32_t classes[SAMPLES];
    float values[MOST_UNITS * SAMPLES];
    float weights[SAMPLES];
    float class_weights[MOST_UNITS];
};

/* ---- the reference ------------------------------------------------------------------------------------- */

static double exact_target(const struct batch *batch, size_t sample, size_t unit)
{
    if (batch->targets.values != NULL) {
        return (double)batch->values[sample * batch->units + unit];
    }
    const double binary =
        batch->units == 1 ? (double)batch->classes[sample] : (double)((size_t)batch->classes[sample] == unit);
    return batch->settings.class_targets == MLP_CLASS_TARGETS_BIPOLAR ? 2.0 * binary - 1.0 : binary;
}

static double exact_cross_entropy(const struct batch *batch, size_t sample, const double *z)
{
    const double smoothing = batch->settings.label_smoothing, units = (double)batch->units;
    double largest = -INFINITY, sum = 0.0, loss = 0.0;
    for (size_t i = 0; i < batch->units; i++) {
        largest = fmax(largest, z[i]);
    }
    for (size_t i = 0; i < batch->units; i++) {
        sum += exp(z[i] - largest);
    }
    for (size_t i = 0; i < batch->units; i++) {
        const double weight = batch->settings.class_weights != NULL ? (double)batch->class_weights[i] : 1.0;
        const double target = (1.0 - smoothing) * exact_target(batch, sample, i) + smoothing / units;
        loss -= weight * target * (z[i] - largest - log(sum));
    }
    return loss;
}

static double exact_unit(const struct loss_settings *settings, double output, double target)
{
    const double rest = fabs(output - target), p = 1.0 / (1.0 + exp(-output)), delta = settings->huber_delta;
    switch (settings->loss) {
    case MLP_LOSS_BINARY_CROSS_ENTROPY: return -(target * log(p) + (1.0 - target) * log1p(-p));
    case MLP_LOSS_SQUARED_ERROR: return rest * rest;
    case MLP_LOSS_ABSOLUTE_ERROR: return rest;
    case MLP_LOSS_HUBER: return rest <= delta ? rest * rest / 2.0 : delta * (rest - delta / 2.0);
    default: return NAN;
    }
}

/* ℓ_i, without weight or reduction. */
static double exact_sample(const struct batch *batch, size_t sample, const double *outputs)
{
    double loss = 0.0;
    if (batch->settings.loss == MLP_LOSS_CROSS_ENTROPY) {
        return exact_cross_entropy(batch, sample, outputs);
    }
    for (size_t i = 0; i < batch->units; i++) {
        loss += exact_unit(&batch->settings, outputs[i], exact_target(batch, sample, i));
    }
    return loss;
}

static double exact_weight(const struct batch *batch, size_t sample)
{
    return batch->targets.weights != NULL ? (double)batch->weights[sample] : 1.0;
}

/* What the reduction multiplies Σ s_i ℓ_i by. */
static double exact_scale(const struct batch *batch)
{
    const mlp_reduction reduction = batch->settings.reduction;
    const bool by_class = reduction == MLP_REDUCTION_MEAN && batch->settings.class_weights != NULL &&
                          batch->targets.classes != NULL;
    double sum = 0.0;
    for (size_t i = 0; i < SAMPLES; i++) {
        sum += exact_weight(batch, i) * (by_class ? (double)batch->class_weights[batch->classes[i]] : 1.0);
    }
    if (reduction == MLP_REDUCTION_SUM) {
        return 1.0;
    }
    const bool over_units = reduction == MLP_REDUCTION_MEAN && batch->settings.loss != MLP_LOSS_CROSS_ENTROPY;
    return 1.0 / (over_units ? sum * (double)batch->units : sum);
}

static void outputs_of(const struct batch *batch, size_t sample, double *outputs)
{
    for (size_t i = 0; i < batch->units; i++) {
        outputs[i] = (double)batch->outputs[sample * LEADING + i];
    }
}

/* ---- comparing ----------------------------------------------------------------------------------------- */

/* Samples first … first + columns − 1 as one block. */
static double evaluate(enum cpu_level level, struct batch *batch, size_t first, size_t columns,
                       bool with_gradient)
{
    assert_ok(loss_check_targets(&batch->settings, &batch->targets, batch->units, SAMPLES));
    const double mass = loss_mass(&batch->settings, &batch->targets, SAMPLES),
                 scale = loss_scale(&batch->settings, batch->units, mass);
    /* clang-format off */
    const struct loss_block block = {
        .settings = &batch->settings, .targets = &batch->targets, .first = first, .columns = columns,
        .units = batch->units, .z = batch->outputs + first * LEADING, .a = batch->outputs + first * LEADING,
        .gradient = with_gradient ? batch->gradient + first * LEADING : NULL, .leading_dimension = LEADING,
        .scale = scale };
    /* clang-format on */
    return scale * row_at(level, batch->settings.loss)->evaluate(&block);
}

/* Central differences: h = 1e-5 leaves h² of the third derivative and 1e-16/h of rounding,
    both below 1e-9. */
static void check_gradient(const struct batch *batch, size_t sample)
{
    const double h = 1e-5, factor = exact_scale(batch) * exact_weight(batch, sample);
    double outputs[MOST_UNITS];
    outputs_of(batch, sample, outputs);
    for (size_t i = 0; i < batch->units; i++) {
        const double middle = outputs[i];
        outputs[i] = middle + h;
        const double above = exact_sample(batch, sample, outputs);
        outputs[i] = middle - h;
        const double below = exact_sample(batch, sample, outputs);
        outputs[i] = middle;
        const double expected = (above - below) / (2.0 * h);
        const double got = (double)batch->gradient[sample * LEADING + i] / (factor > 0.0 ? factor : 1.0);
        if (!(fabs(got - (factor > 0.0 ? expected : 0.0)) <= 1e-6 * fmax(1.0, fabs(expected)))) {
            fail_msg("%s: gradient of sample %zu, unit %zu is %.9g, expected %.9g",
                     mlp_loss_name(batch->settings.loss), sample, i, got, expected);
        }
    }
    assert_true(batch->gradient[sample * LEADING + batch->units] == 77.0f); /* padding */
}

/* Value, gradient, a cut into two blocks, and the value alone. */
static void check_batch(enum cpu_level level, struct batch *batch)
{
    double expected = 0.0, outputs[MOST_UNITS];
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        outputs_of(batch, sample, outputs);
        expected += exact_scale(batch) * exact_weight(batch, sample) * exact_sample(batch, sample, outputs);
    }
    for (size_t i = 0; i < LEADING * SAMPLES; i++) {
        batch->gradient[i] = 77.0f;
    }
    const double got = evaluate(level, batch, 0, 2, true) + evaluate(level, batch, 2, SAMPLES - 2, true);
    if (!(fabs(got - expected) <= 1e-6 * fabs(expected))) { /* e^z in float, sums in double */
        fail_msg("%s of %zu units, reduction %s: %.9g, expected %.9g", mlp_loss_name(batch->settings.loss),
                 batch->units, mlp_reduction_name(batch->settings.reduction), got, expected);
    }
    assert_true(evaluate(level, batch, 0, 2, false) + evaluate(level, batch, 2, SAMPLES - 2, false) == got);
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        check_gradient(batch, sample);
    }
}

/* Dense targets: a distribution for cross-entropy, within [0, 1] for the binary one, any for the others; kept
 * a step of 0.01 away from the outputs, where the absolute error has its kink. */
static void fill_batch(struct batch *batch, mlp_loss loss, size_t units)
{
    uint64_t state = units * 100 + (uint64_t)loss;
    *batch =
        (struct batch){ .units = units,
                        .settings = { .loss = loss, .huber_delta = loss == MLP_LOSS_HUBER ? 0.7 : 0.0 } };
    test_fill(&state, -4.0, 4.0, batch->outputs, LEADING * SAMPLES);
    test_fill(&state, 0.02, 0.98, batch->values, units * SAMPLES);
    test_fill(&state, 0.0, 3.0, batch->weights, SAMPLES);
    test_fill(&state, 0.1, 2.0, batch->class_weights, MOST_UNITS);
    batch->weights[1] = 0.0f;
    for (size_t sample = 0; sample < SAMPLES; sample++) {
        float *values = batch->values + sample * units, sum = 0.0f;
        batch->classes[sample] = (int32_t)((sample * 7 + units / 2) % (units > 1 ? units : 2));
        for (size_t i = 0; i < units; i++) {
            float *output = &batch->outputs[sample * LEADING + i];
            *output += fabsf(*output - values[i]) < 0.01f ? 0.02f : 0.0f;
            sum += values[i];
        }
        if (loss == MLP_LOSS_CROSS_ENTROPY) {
            for (size_t i = 0; i < units; i++) {
                values[i] /= sum;
            }
        }
    }
}

static void check_all_reductions(enum cpu_level level, struct batch *batch)
{
    for (int reduction = MLP_REDUCTION_MEAN; reduction <= MLP_REDUCTION_SAMPLE_MEAN; reduction++) {
        batch->settings.reduction = (mlp_reduction)reduction;
        for (int choice = 0; choice < 4; choice++) {
            batch->targets = (mlp_targets){ .classes = choice & 1 ? batch->classes : NULL,
                                            .values = choice & 1 ? NULL : batch->values,
                                            .weights = choice & 2 ? batch->weights : NULL };
            check_batch(level, batch);
        }
    }
}

static const size_t unit_counts[] = { 1, 2, 3, 10, 63, 64, 65, MOST_UNITS };

static void test_values_and_gradients(void **unused)
{
    static struct batch batch;
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
            if (loss == MLP_LOSS_CUSTOM) {
                continue;
            }
            for (size_t k = loss == MLP_LOSS_CROSS_ENTROPY ? 1 : 0; k < 8; k++) {
                fill_batch(&batch, (mlp_loss)loss, unit_counts[k]);
                check_all_reductions(level, &batch);
                if (loss >= (int)MLP_LOSS_SQUARED_ERROR) {
                    batch.settings.class_targets = MLP_CLASS_TARGETS_BIPOLAR;
                    check_all_reductions(level, &batch);
                }
            }
        }
    }
}

static void test_label_smoothing_and_class_weights(void **unused)
{
    static struct batch batch;
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (size_t k = 1; k < 8; k++) {
            for (int choice = 1; choice < 4; choice++) {
                fill_batch(&batch, MLP_LOSS_CROSS_ENTROPY, unit_counts[k]);
                batch.settings.label_smoothing = choice & 1 ? 0.1 : 0.0;
                batch.settings.class_weights = choice & 2 ? batch.class_weights : NULL;
                check_all_reductions(level, &batch);
            }
        }
    }
}

/* A class index is a one-hot row; for per-unit losses the same bits, and for one unit the value 0 or 1. */
static void test_one_hot(void **unused)
{
    static struct batch batch;
    (void)unused;
    for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
        if (loss == MLP_LOSS_CUSTOM) {
            continue;
        }
        for (size_t k = loss == MLP_LOSS_CROSS_ENTROPY ? 1 : 0; k < 8; k++) {
            float gradient[LEADING * SAMPLES];
            fill_batch(&batch, (mlp_loss)loss, unit_counts[k]);
            for (size_t i = 0; i < SAMPLES * batch.units; i++) {
                const size_t sample = i / batch.units;
                const bool hot = (size_t)batch.classes[sample] == i % batch.units;
                batch.values[i] = batch.units == 1 ? (float)batch.classes[sample] : (float)hot;
            }
            batch.targets = (mlp_targets){ .classes = batch.classes };
            const double by_class = evaluate(cpu_level(), &batch, 0, SAMPLES, true);
            memcpy(gradient, batch.gradient, sizeof gradient);
            batch.targets = (mlp_targets){ .values = batch.values };
            const double dense = evaluate(cpu_level(), &batch, 0, SAMPLES, true);
            assert_close(by_class, dense, loss == MLP_LOSS_CROSS_ENTROPY ? 1e-14 : 0.0);
            for (size_t i = 0; i < LEADING * SAMPLES; i++) {
                assert_close(gradient[i], batch.gradient[i], loss == MLP_LOSS_CROSS_ENTROPY ? 1e-7 : 0.0);
            }
        }
    }
}

static void test_levels_agree(void **unused)
{
    static struct batch baseline, batch;
    (void)unused;
    FOR_EACH_LEVEL(level)
    {
        for (int loss = MLP_LOSS_CROSS_ENTROPY; loss < (int)mlp_loss_count(); loss++) {
            if (loss == MLP_LOSS_CUSTOM) {
                continue;
            }
            fill_batch(&baseline, (mlp_loss)loss, 67);
            fill_batch(&batch, (mlp_loss)loss, 67);
            baseline.targets.values = baseline.values;
            batch.targets.values = batch.values;
            assert_true(evaluate(level, &batch, 0, SAMPLES, true) ==
                        evaluate(CPU_BASELINE, &baseline, 0, SAMPLES, true));
            assert_memory_equal(batch.gradient, baseline.gradient, sizeof batch.gradient);
        }
    }
}

/* ---- softmax on the way -------------------------------------------------------------------------------- */

enum { WIDE = 2112, COLUMNS = 2 };

/* Cross-entropy of class j·3 + 1 in column j: A and dL/dZ, in the blocks of units that caches hold and in
 * those that are stored past them. */
static double with_softmax(enum cpu_level level, const float *z, size_t units, bool streams, float *a,
                           float *gradient)
{
    const struct loss_settings settings = { .loss = MLP_LOSS_CROSS_ENTROPY };
    const int32_t classes[COLUMNS] = { 1, 4 };
    const mlp_targets targets = { .classes = classes };
    const struct loss_block block = {
        .settings = &settings,
        .targets = &targets,
        .columns = COLUMNS,
        .units = units,
        .z = z,
        .a = a,
        .scale = 1.0,
        .gradient = gradient,
        .softmax = a,
        .leading_dimension = WIDE,
        .streams = streams,
    };
    return row_at(level, MLP_LOSS_CROSS_ENTROPY)->evaluate(&block);
}

static void check_softmax(const float *z, size_t units, size_t class, const float *a, const float *gradient)
{
    double sum = 0.0;
    for (size_t i = 0; i < units; i++) {
        sum += exp((double)z[i]);
    }
    for (size_t i = 0; i < units; i++) {
        const double exact = exp((double)z[i]) / sum;
        assert_true(fabs((double)a[i] - exact) <= 1e-6 * exact);
        assert_true(fabs((double)gradient[i] - (exact - (i == class ? 1.0 : 0.0))) <= 1e-6 * exact + 1e-7);
    }
}

static void test_softmax(void **unused)
{
    static const size_t sizes[] = { 5, 31, 32, 33, 100, 1024, 1031, 2100 };
    static _Alignas(64) float z[WIDE * COLUMNS], a[2][WIDE * COLUMNS], gradient[2][WIDE * COLUMNS];
    uint64_t state = 5;
    (void)unused;
    test_fill(&state, -6.0, 6.0, z, WIDE * COLUMNS);
    FOR_EACH_LEVEL(level)
    {
        for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
            double losses[2];
            for (int streams = 0; streams < 2; streams++) {
                memset(a[streams], 0, sizeof a[streams]);
                memset(gradient[streams], 0, sizeof gradient[streams]);
                losses[streams] = with_softmax(level, z, sizes[n], streams, a[streams], gradient[streams]);
            }
            check_softmax(z, sizes[n], 1, a[0], gradient[0]);
            check_softmax(z + WIDE, sizes[n], 4, a[0] + WIDE, gradient[0] + WIDE);
            assert_true(losses[0] == losses[1]);
            assert_memory_equal(a[0], a[1], sizeof a[0]);
            assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_gradients),
        cmocka_unit_test(test_label_smoothing_and_class_weights),
        cmocka_unit_test(test_one_hot),
        cmocka_unit_test(test_levels_agree),
        cmocka_unit_test(test_softmax),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
