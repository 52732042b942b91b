/* Repeated timings and what to say of them. */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stddef.h>

enum { MIN_REPEATS = 15, MAX_REPEATS = 20000 };

struct samples {
    size_t count;
    double seconds[MAX_REPEATS];
};

struct summary {
    double minimum;
    double median;
    double quartile1;
    double quartile3;
    double spread; /* interquartile range ÷ median */
};

/* Seconds of a clock that only goes forward. */
double now(void);

/* Sorts the samples and sums them up; quantile() is for samples so sorted: 0.5 is the median. */
double quantile(const struct samples *samples, double share);
struct summary summarize(struct samples *samples);

/* One of several things timed in turn. */
struct contestant {
    void (*work)(void *context);
    void *context;
    void (*begin)(void *context); /* around a run of calls, outside the time; may be NULL */
    void (*end)(void *context);
    size_t calls;           /* of each repeat: set by interleave() */
    struct samples samples; /* seconds of a call */
    struct summary summary;
};

/* Times the contestants in turn, A B … A B …, for about `seconds`, each at least MIN_REPEATS times, and sums
 * them up. The calls of a repeat, found while everything warms up, take a fortieth of a contestant's time. */
void interleave(struct contestant *contestants, size_t count, double seconds);
void interleave_at_least(struct contestant *contestants, size_t count, double seconds, size_t repeats);

/* Calls per repeat that take at least `seconds`, ≥ 1: runs the work a few times, which also warms it up. */
size_t calibrate(void (*work)(void *context), void *context, double seconds);

/* Seconds of one call, over `calls` calls. */
double time_calls(void (*work)(void *context), void *context, size_t calls);

#endif
