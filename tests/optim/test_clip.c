/* Clipping rules against their definitions. */
#include "support/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "linalg/vector.h"
#include "optim/clip.h"

enum { TENSORS = 6, LARGEST = 40 };

/* Gradients of three layers, dW and db in turn. */
struct gradients {
    size_t counts[TENSORS];
    float entries[TENSORS][LARGEST];
};

static void fill_gradients(struct gradients *gradients, double size)
{
    static const size_t counts[TENSORS] = { 40, 5, 30, 6, 12, 2 };
    uint64_t state = 21;
    memcpy(gradients->counts, counts, sizeof counts);
    for (size_t t = 0; t < TENSORS; t++) {
        test_fill(&state, -size * (double)(t + 1), size * (double)(t + 1), gradients->entries[t], LARGEST);
    }
}

/* Root of the sum of squares of tensors first … first + count − 1, scaled by the largest so that nothing
 * overflows. */
static double exact_norm(const struct gradients *gradients, size_t first, size_t count)
{
    double largest = 0.0, sum = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t t = first; t < first + count; t++) {
            for (size_t i = 0; i < gradients->counts[t]; i++) {
                const double entry = fabs((double)gradients->entries[t][i]);
                largest = pass == 0 ? fmax(largest, entry) : largest;
                sum += pass == 1 && largest > 0.0 ? entry / largest * (entry / largest) : 0.0;
            }
        }
    }
    return largest * sqrt(sum);
}

/* Measures, clips and carries it out as the update does: scaled, then clamped. */
static mlp_clip_report clip_gradients(mlp_clip clip, double threshold, struct gradients *gradients)
{
    double squares[TENSORS], largest[TENSORS];
    float scale[TENSORS];
    struct clip_outcome outcome = { .scale = scale };
    for (size_t t = 0; t < TENSORS; t++) {
        const size_t count = gradients->counts[t];
        const struct magnitude magnitude = vector_kernels()->measure(gradients->entries[t], count, 1, count);
        squares[t] = magnitude.squares;
        largest[t] = magnitude.largest;
    }
    const struct clip_input input = {
        .squares = squares, .largest = largest, .tensors = TENSORS, .threshold = threshold
    };
    clip_apply(clip, &input, &outcome);
    for (size_t t = 0; t < TENSORS; t++) {
        for (size_t i = 0; i < gradients->counts[t]; i++) {
            const float scaled = gradients->entries[t][i] * scale[t];
            gradients->entries[t][i] = fmaxf(-outcome.bound, fminf(scaled, outcome.bound));
        }
    }
    return outcome.report;
}

/* ---- names and checks ---------------------------------------------------------------------------------- */

static void test_names(void **unused)
{
    static const char *const names[] = { "none",      "value",    "tensor-norm", "layer-norm", "global-norm",
                                         "block-rms", "adaptive", "auto",        "z",          "custom" };
    mlp_clip found = MLP_CLIP_VALUE;
    (void)unused;
    assert_int_equal(mlp_clip_count(), sizeof names / sizeof names[0]);
    for (int i = 0; i < (int)mlp_clip_count(); i++) {
        assert_string_equal(mlp_clip_name((mlp_clip)i), names[i]);
        assert_true(strlen(mlp_clip_description((mlp_clip)i)) > 0);
        assert_ok(mlp_clip_from_name(names[i], &found));
        assert_int_equal(found, i);
    }
    assert_null(mlp_clip_name((mlp_clip)-1));
    assert_null(mlp_clip_description((mlp_clip)mlp_clip_count()));
    assert_refused(mlp_clip_from_name("norm", &found), MLP_ERROR_ARGUMENT, "norm", "global-norm", NULL);
    assert_refused(mlp_clip_from_name("none", NULL), MLP_ERROR_ARGUMENT, "clip", "NULL", NULL);
}

/* The last two are above 0 and finite in double alone. */
static void test_thresholds(void **unused)
{
    static const double refused[] = { 0.0, -1.0, NAN, INFINITY, -INFINITY, 1e39, 1e-60 };
    (void)unused;
    for (int clip = MLP_CLIP_VALUE; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
        assert_ok(clip_check((mlp_clip)clip, 1.0));
        assert_ok(clip_check((mlp_clip)clip, 1e-30));
        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
            assert_refused(clip_check((mlp_clip)clip, refused[i]), MLP_ERROR_RANGE, "clip_threshold",
                           "above 0", mlp_clip_name((mlp_clip)clip), NULL);
        }
    }
    assert_ok(clip_check(MLP_CLIP_NONE, 0.0));
    assert_refused(clip_check(MLP_CLIP_NONE, 1.0), MLP_ERROR_ARGUMENT, "clip_threshold", "expected 0", "none",
                   NULL);
    assert_refused(clip_check((mlp_clip)10, 1.0), MLP_ERROR_ARGUMENT, "clip", "10", NULL);
}

/* ---- rules --------------------------------------------------------------------------------------------- */

/* Tensors that a rule takes together. */
static size_t group_of(mlp_clip clip)
{
    return clip == MLP_CLIP_TENSOR_NORM ? 1 : clip == MLP_CLIP_LAYER_NORM ? 2 : TENSORS;
}

/* Each group above the threshold ends at it with its direction; the others stay bit for bit. */
static void check_norm_rule(mlp_clip clip, double threshold)
{
    struct gradients before, after;
    double largest = 0.0, scale = 1.0;
    fill_gradients(&before, 1.0);
    fill_gradients(&after, 1.0);
    const mlp_clip_report report = clip_gradients(clip, threshold, &after);
    for (size_t first = 0; first < TENSORS; first += group_of(clip)) {
        const double norm = exact_norm(&before, first, group_of(clip));
        largest = fmax(largest, norm);
        if (norm <= threshold) {
            assert_memory_equal(before.entries[first], after.entries[first],
                                group_of(clip) * sizeof before.entries[0]);
            continue;
        }
        scale = fmin(scale, threshold / norm);
        assert_close(exact_norm(&after, first, group_of(clip)) / threshold, 1.0, 1e-6);
        for (size_t t = first; t < first + group_of(clip); t++) {
            for (size_t i = 0; i < before.counts[t]; i++) {
                assert_close(after.entries[t][i], (double)before.entries[t][i] * threshold / norm, 2e-7);
            }
        }
    }
    assert_close(report.norm, exact_norm(&before, 0, TENSORS), 1e-12);
    assert_close(report.largest, largest, 1e-12);
    assert_close(report.scale, scale, 1e-7);
    assert_int_equal(report.acted, largest > threshold);
}

static void test_norm_rules(void **unused)
{
    (void)unused;
    for (int clip = MLP_CLIP_TENSOR_NORM; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
        static const double thresholds[] = { 1e-3, 1.0, 4.0, 8.0, 12.0, 20.0, 1e3 };
        for (size_t i = 0; i < 7; i++) {
            check_norm_rule((mlp_clip)clip, thresholds[i]);
        }
    }
}

static void test_value_rule(void **unused)
{
    static const double thresholds[] = { 1e-3, 1.5, 1e3 };
    (void)unused;
    for (size_t k = 0; k < 3; k++) {
        struct gradients before, after;
        double largest = 0.0;
        fill_gradients(&before, 1.0);
        fill_gradients(&after, 1.0);
        const mlp_clip_report report = clip_gradients(MLP_CLIP_VALUE, thresholds[k], &after);
        for (size_t t = 0; t < TENSORS; t++) {
            for (size_t i = 0; i < before.counts[t]; i++) {
                const float bound = (float)thresholds[k], entry = before.entries[t][i];
                assert_true(after.entries[t][i] == (entry > bound ? bound : entry < -bound ? -bound : entry));
                largest = fmax(largest, fabs((double)entry));
            }
        }
        assert_true(report.largest == largest);
        assert_int_equal(report.acted, largest > thresholds[k]);
        assert_close(report.scale, fmin(1.0, thresholds[k] / largest), 1e-7);
        assert_close(report.norm, exact_norm(&before, 0, TENSORS), 1e-12);
    }
}

static void test_none(void **unused)
{
    struct gradients before, after;
    (void)unused;
    fill_gradients(&before, 1e6);
    fill_gradients(&after, 1e6);
    const mlp_clip_report report = clip_gradients(MLP_CLIP_NONE, 0.0, &after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_close(report.norm, exact_norm(&before, 0, TENSORS), 1e-12);
    assert_true(report.scale == 1.0 && report.largest == 0.0 && !report.acted);
}

/* A gradient of norm exactly 5: at the threshold nothing changes, the next double below does what it can. */
static void test_at_the_threshold(void **unused)
{
    (void)unused;
    for (int clip = MLP_CLIP_VALUE; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
        const double squares[] = { 25.0, 0.0 }, largest[] = { 5.0, 0.0 };
        float scale[2];
        struct clip_outcome outcome = { .scale = scale };
        struct clip_input input = { .squares = squares, .largest = largest, .tensors = 2, .threshold = 5.0 };
        clip_apply((mlp_clip)clip, &input, &outcome);
        assert_true(scale[0] == 1.0f && scale[1] == 1.0f && outcome.bound >= 5.0f);
        assert_true(!outcome.report.acted && outcome.report.scale == 1.0 && outcome.report.largest == 5.0);
        input.threshold = nextafter(5.0, 0.0);
        clip_apply((mlp_clip)clip, &input, &outcome);
        assert_int_equal(outcome.report.acted, scale[0] < 1.0f || outcome.bound < 5.0f);
        input.threshold = 2.5;
        clip_apply((mlp_clip)clip, &input, &outcome);
        assert_true(outcome.report.acted && outcome.report.scale == 0.5);
    }
}

/* Squares of 1e20 and of FLT_MAX have no float; those of 1e-30 would be 0. */
static void test_extreme_entries(void **unused)
{
    static const double sizes[] = { 1e20, 3e37, 1e-30, 1e-42 };
    (void)unused;
    for (size_t k = 0; k < 4; k++) {
        for (int clip = MLP_CLIP_TENSOR_NORM; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
            struct gradients before, after;
            fill_gradients(&before, sizes[k]);
            fill_gradients(&after, sizes[k]);
            const double norm = exact_norm(&before, 0, TENSORS);
            const mlp_clip_report report = clip_gradients((mlp_clip)clip, 1.0, &after);
            assert_close(report.norm / norm, 1.0, 1e-12);
            if (sizes[k] < 1.0) {
                assert_memory_equal(&before, &after, sizeof before);
            } else {
                assert_true(report.acted);
                assert_close(exact_norm(&after, 0, group_of((mlp_clip)clip)), 1.0, 1e-6);
            }
        }
    }
}

static void test_zero_gradient(void **unused)
{
    (void)unused;
    for (int clip = MLP_CLIP_VALUE; clip <= MLP_CLIP_GLOBAL_NORM; clip++) {
        struct gradients before, after;
        fill_gradients(&before, 0.0);
        fill_gradients(&after, 0.0);
        const mlp_clip_report report = clip_gradients((mlp_clip)clip, FLT_MIN, &after);
        assert_true(!report.acted && report.norm == 0.0 && report.scale == 1.0 && report.largest == 0.0);
        assert_memory_equal(&before, &after, sizeof before);
    }
}

int main(void)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_norm_rules),      cmocka_unit_test(test_value_rule),
        cmocka_unit_test(test_none),            cmocka_unit_test(test_at_the_threshold),
        cmocka_unit_test(test_extreme_entries), cmocka_unit_test(test_zero_gradient),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
