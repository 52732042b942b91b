/* Thresholds that follow the norms that were seen, on norms of our own. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/clip.h"

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void auto_is_the_percentile_of_the_window(void **unused)
{
    enum { NORMS = 2600 };
    static double norms[NORMS], window[CLIP_WINDOW];
    static struct clip_memory memory;
    uint64_t state = 77;
    (void)unused;
    for (size_t n = 0; n < NORMS; n++) {
        norms[n] = n % 7 == 3 && n > 0 ? norms[n - 1] : test_uniform(&state, 0.1, 3.0); /* ties too */
        const size_t count = n + 1 < CLIP_WINDOW ? n + 1 : (size_t)CLIP_WINDOW;
        memcpy(window, norms + n + 1 - count, count * sizeof *window);
        qsort(window, count, sizeof *window, ascending);
        const double place = 0.3 * (double)(count - 1), part = place - floor(place);
        const size_t low = (size_t)place, high = low + 1 < count ? low + 1 : low;
        assert_close(clip_auto_threshold(&memory, 30.0, norms[n]),
                     (1.0 - part) * window[low] + part * window[high], 1e-12);
    }
    assert_true(clip_memory_check(&memory));
}

/* ZClip's recursion in plain words. */
static void z_is_its_recursion(void **unused)
{
    enum { NORMS = 300 };
    static struct clip_memory memory;
    double first[25], mean = 0.0, variance = 0.0;
    uint64_t state = 5;
    size_t clipped = 0;
    (void)unused;
    for (size_t n = 0; n < NORMS; n++) {
        const double norm = test_uniform(&state, 0.9, 1.1) * (n % 40 == 39 ? 5.0 : 1.0);
        double expected = INFINITY;
        if (n == 25) {
            for (size_t i = 0; i < 25; i++) {
                mean += first[i] / 25.0;
            }
            for (size_t i = 0; i < 25; i++) {
                variance += (first[i] - mean) * (first[i] - mean) / 25.0;
            }
        }
        if (n >= 25) {
            const double z = (norm - mean) / (sqrt(variance) + 1e-6);
            expected = z > 2.5 ? mean + sqrt(variance) * 2.5 * 2.5 / z : INFINITY;
        }
        const double threshold = clip_z_threshold(&memory, 2.5, norm), kept = fmin(norm, threshold);
        assert_true(isinf(expected) ? isinf(threshold) : fabs(threshold - expected) < 1e-9);
        clipped += !isinf(expected);
        clip_z_learn(&memory, kept);
        if (n < 25) {
            first[n] = kept;
        } else {
            mean = 0.97 * mean + 0.03 * kept;
            variance = 0.97 * variance + 0.03 * (kept - mean) * (kept - mean);
        }
    }
    assert_true(clipped >= 6);
}

/* A network that had no gradient for a while may have one again: a threshold of 0 would hold it where it is.
 */
static void norms_of_zero_are_no_threshold(void **unused)
{
    static struct clip_memory of_auto, of_z;
    (void)unused;
    for (int n = 0; n < 30; n++) {
        assert_true(clip_auto_threshold(&of_auto, 10.0, 0.0) > 0.0 &&
                    clip_z_threshold(&of_z, 2.5, 0.0) > 0.0);
        clip_z_learn(&of_z, 0.0);
    }
    assert_true(clip_auto_threshold(&of_auto, 10.0, 1.0) > 1.0 && clip_z_threshold(&of_z, 2.5, 1.0) > 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_is_the_percentile_of_the_window),
        cmocka_unit_test(z_is_its_recursion),
        cmocka_unit_test(norms_of_zero_are_no_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
