/* The most a processor can compute: what a product's speed is held against. */
#ifndef BENCH_PEAK_H
#define BENCH_PEAK_H

/* Single-precision GF/s of `threads` threads that do nothing but multiply and add, on registers of the widest
 * kind that the processor has; a multiply-add counts as two. The best of repeated measurements; takes a tenth
 * of a second. */
double peak_gflops(int threads);

#endif
