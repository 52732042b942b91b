/* The triad a = b + s·c: what the memory, or the cache that holds the arrays, can move. */
#ifndef BENCH_TRIAD_H
#define BENCH_TRIAD_H

#include <stddef.h>

struct triad {
    int threads;
    size_t count;  /* entries of each array */
    float *arrays; /* 3 × count: a, b, c */
};

/* Bytes of an entry: b and c are read, a is written, and its line is read before that, as the update reads
 * what it writes. */
enum { TRIAD_BYTES = 4 * sizeof(float) };

/* `context` is the struct triad. */
void triad_run(void *context);

#endif
