/* The bare products of a training step: what its time is held against. */
#ifndef BENCH_GEMMS_H
#define BENCH_GEMMS_H

#include <stdbool.h>
#include <stddef.h>

#include "statistics.h"
#include "workload.h"

/* How the products use several threads. */
enum gemm_split {
    SPLIT_BLAS = 0, /* one call each, BLAS's own threads */
    SPLIT_ROWS =
        1, /* each cut into as many calls as threads along the rows of its result, one parallel region */
    SPLIT_COLUMNS = 2, /* likewise along the columns */
    SPLIT_COUNT = 3
};

struct gemms {
    const struct workload *workload;
    int threads;
    enum gemm_split split;
    bool forward_only;                  /* a prediction's products: Z = W·A alone */
    float *weights[WORKLOAD_MAX_SIZES]; /* out × in, tight, for each layer */
    float *gradients[WORKLOAD_MAX_SIZES];
    float *a[WORKLOAD_MAX_SIZES]; /* units × batch; a[0] is the input */
    float *d[WORKLOAD_MAX_SIZES];
};

bool gemms_make(const struct workload *workload, int threads, struct gemms *gemms);
void gemms_free(struct gemms *gemms);

/* Z = W·A, dA = Wᵀ·dZ (but for the first layer) and dW = dZ·Aᵀ of every layer; `context` is the struct gemms.
 * gemms_begin() and gemms_end() set and restore BLAS's threads around a run of calls. */
void gemms_run(void *context);
void gemms_begin(void *context);
void gemms_end(void *context);

struct contestant gemms_contestant(struct gemms *gemms);

/* Takes the split that is fastest on this machine; a few runs. */
void gemms_choose_split(struct gemms *gemms);

#endif
