/* Repeated timings and what to say of them. */
#include "statistics.h"

#include <stdlib.h>
#include <time.h>

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear interpolation between the order statistics. */
double quantile(const struct samples *samples, double share)
{
    const double position = share * (double)(samples->count - 1);
    const size_t below = (size_t)position;
    const size_t above = below + 1 < samples->count ? below + 1 : below;
    return samples->seconds[below] +
           (position - (double)below) * (samples->seconds[above] - samples->seconds[below]);
}

struct summary summarize(struct samples *samples)
{
    struct summary summary;
    qsort(samples->seconds, samples->count, sizeof samples->seconds[0], ascending);
    summary.minimum = samples->seconds[0];
    summary.median = quantile(samples, 0.5);
    summary.quartile1 = quantile(samples, 0.25);
    summary.quartile3 = quantile(samples, 0.75);
    summary.spread = (summary.quartile3 - summary.quartile1) / summary.median;
    return summary;
}

double time_calls(void (*work)(void *context), void *context, size_t calls)
{
    const double start = now();
    for (size_t i = 0; i < calls; i++) {
        work(context);
    }
    return (now() - start) / (double)calls;
}

size_t calibrate(void (*work)(void *context), void *context, double seconds)
{
    size_t calls = 1;
    for (;;) {
        const double taken = time_calls(work, context, calls) * (double)calls;
        if (taken >= seconds) {
            return calls;
        }
        calls *= taken > seconds / 8.0 ? 2 : 8;
    }
}

/* Calls of one contestant, between its begin and its end. */
static void repeat(struct contestant *c, double calibration_seconds)
{
    if (c->begin != NULL) {
        c->begin(c->context);
    }
    if (calibration_seconds > 0.0) {
        c->calls = calibrate(c->work, c->context, calibration_seconds);
        c->samples.count = 0;
    } else {
        c->samples.seconds[c->samples.count++] = time_calls(c->work, c->context, c->calls);
    }
    if (c->end != NULL) {
        c->end(c->context);
    }
}

void interleave(struct contestant *contestants, size_t count, double seconds)
{
    interleave_at_least(contestants, count, seconds, MIN_REPEATS);
}

void interleave_at_least(struct contestant *contestants, size_t count, double seconds, size_t repeats)
{
    for (size_t i = 0; i < count; i++) {
        repeat(&contestants[i], seconds / (40.0 * (double)count));
    }
    const double end = now() + seconds;
    for (size_t round = 0; round < MAX_REPEATS && (round < repeats || now() < end); round++) {
        for (size_t i = 0; i < count; i++) {
            repeat(&contestants[i], 0.0);
        }
    }
    for (size_t i = 0; i < count; i++) {
        contestants[i].summary = summarize(&contestants[i].samples);
    }
}
