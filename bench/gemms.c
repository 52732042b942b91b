/* The bare products of a training step. */
#include "gemms.h"

#include MLP_CBLAS_HEADER
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "linalg/blas.h"
#include "statistics.h"

/* Seconds after which a way to split is not tried once more. */
#define LONG_CHOICE 0.5

static int callers_threads;

static float *filled(size_t count, float value)
{
    float *values = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
    for (size_t i = 0; values != NULL && i < count; i++) {
        values[i] = value;
    }
    return values;
}

bool gemms_make(const struct workload *workload, int threads, struct gemms *gemms)
{
    bool complete = true;
    memset(gemms, 0, sizeof *gemms);
    gemms->workload = workload;
    gemms->threads = threads;
    for (size_t l = 0; l < workload->count; l++) {
        const size_t units = workload->sizes[l], out = l + 1 < workload->count ? workload->sizes[l + 1] : 0;
        gemms->a[l] = filled(units * workload->batch, 0.01f);
        gemms->d[l] = filled(units * workload->batch, 0.01f);
        gemms->weights[l] = filled(units * out, 0.01f);
        gemms->gradients[l] = filled(units * out, 0.0f);
        complete = complete && gemms->a[l] != NULL && gemms->d[l] != NULL;
        complete = complete && (out == 0 || (gemms->weights[l] != NULL && gemms->gradients[l] != NULL));
    }
    if (!complete) {
        fputs("mlp-bench: out of memory\n", stderr);
    }
    return complete;
}

void gemms_free(struct gemms *gemms)
{
    if (gemms->workload != NULL) {
        for (size_t l = 0; l < gemms->workload->count; l++) {
            free(gemms->a[l]);
            free(gemms->d[l]);
            free(gemms->weights[l]);
            free(gemms->gradients[l]);
        }
    }
}

/* Slice `slice` of `slices` of C (m×n) = op(A)·op(B), cut along its rows or columns; all column-major. */
static void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, size_t m, size_t n, size_t k, const float *a,
                    const float *b, float *c, enum gemm_split split, size_t slice, size_t slices)
{
    const size_t length = split == SPLIT_ROWS ? m : n;
    const size_t first = length * slice / slices, count = length * (slice + 1) / slices - first;
    const int lda = (int)(ta == CblasNoTrans ? m : k), ldb = (int)(tb == CblasNoTrans ? k : n), ldc = (int)m;
    if (count == 0) {
        return;
    }
    if (split == SPLIT_ROWS) {
        a += first * (size_t)(ta == CblasNoTrans ? 1 : lda);
        c += first;
        m = count;
    } else {
        b += first * (size_t)(tb == CblasNoTrans ? ldb : 1);
        c += first * (size_t)ldc;
        n = count;
    }
    cblas_sgemm(CblasColMajor, ta, tb, (int)m, (int)n, (int)k, 1.0f, a, lda, b, ldb, 0.0f, c, ldc);
}

static void run_slice(const struct gemms *g, size_t slice, size_t slices)
{
    const struct workload *w = g->workload;
    const size_t layers = w->count - 1, batch = w->batch;
    for (size_t l = 0; l < layers; l++) {
        product(CblasNoTrans, CblasNoTrans, w->sizes[l + 1], batch, w->sizes[l], g->weights[l], g->a[l],
                g->a[l + 1], g->split, slice, slices);
    }
    for (size_t l = g->forward_only ? 0 : layers; l-- > 0;) {
        product(CblasNoTrans, CblasTrans, w->sizes[l + 1], w->sizes[l], batch, g->d[l + 1], g->a[l],
                g->gradients[l], g->split, slice, slices);
        if (l > 0) {
            product(CblasTrans, CblasNoTrans, w->sizes[l], batch, w->sizes[l + 1], g->weights[l], g->d[l + 1],
                    g->d[l], g->split, slice, slices);
        }
    }
}

void gemms_run(void *context)
{
    const struct gemms *g = context;
#ifdef _OPENMP
    if (g->threads > 1 && g->split != SPLIT_BLAS) {
#pragma omp parallel num_threads(g->threads)
        run_slice(g, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads());
        return;
    }
#endif
    run_slice(g, 0, 1);
}

void gemms_begin(void *context)
{
    const struct gemms *gemms = context;
    callers_threads = blas_threads();
    blas_set_threads(gemms->split == SPLIT_BLAS ? gemms->threads : 1);
    if (gemms->split == SPLIT_BLAS && gemms->threads > 1) {
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL); /* as in layer_product.c */
        run_slice(gemms, 0, 1);
    }
}

void gemms_end(void *context)
{
    (void)context;
    blas_set_threads(callers_threads);
}

struct contestant gemms_contestant(struct gemms *gemms)
{
    return (struct contestant){ .work = gemms_run, .context = gemms, .begin = gemms_begin, .end = gemms_end };
}

void gemms_choose_split(struct gemms *gemms)
{
    enum gemm_split best = SPLIT_BLAS;
    double best_time = INFINITY;
    for (int split = 0; split < (gemms->threads > 1 ? SPLIT_COUNT : 1); split++) {
        gemms->split = (enum gemm_split)split;
        gemms_begin(gemms);
        const double end = now() + LONG_CHOICE;
        const size_t calls = calibrate(gemms_run, gemms, 0.01);
        for (int repeat = 0; repeat < 5 && (repeat == 0 || now() < end); repeat++) {
            const double time = time_calls(gemms_run, gemms, calls);
            if (time < best_time) {
                best_time = time;
                best = (enum gemm_split)split;
            }
        }
        gemms_end(gemms);
    }
    gemms->split = best;
}
