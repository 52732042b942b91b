/* A product of a network's layer, as the library cuts and calls it and as one bare cblas_sgemm. */
#ifndef BENCH_LAYER_PRODUCT_H
#define BENCH_LAYER_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "bench.h"
#include "model/plan.h"
#include "statistics.h"

/* W is out × in and the batch has that many samples: nn is Z = W·A, tn is dA = Wᵀ·dZ, nt is dW = dZ·Aᵀ. */
struct product_shape {
    enum product_kind kind;
    size_t out, in, batch;
    bool tight_input; /* A is the caller's batch, whose leading dimension is not padded */
};

struct layer_product {
    struct product_shape shape;
    int threads;
    struct layer layer;
    struct layer_plan layer_plan;
    struct plan plan;
    size_t input_ld;
    float *weights; /* W or dW */
    float *input;   /* A or dA */
    float *output;  /* Z or dZ */
    float *partial; /* the second part of a Z that is computed in two */
    int callers_threads;
};

/* The plan and the matrices, or prints the reason and returns false; layer_product_free() either way. */
bool layer_product_make(const struct product_shape *shape, int threads, struct layer_product *product);
void layer_product_free(struct layer_product *product);

/* The two ways to compute it on that many threads; the bare call has tight leading dimensions and BLAS's
 * threads. */
struct contestant layer_product_library(struct layer_product *product);
struct contestant layer_product_bare(struct layer_product *product);

#endif
