/* Muon (Jordan 2024): the momentum of a hidden layer's matrix, made orthogonal, is its step; everything else
 * goes by AdamW. b ← b + (1 − µ)·(g − b); u = g + µ·(b − g); O: five Newton–Schulz steps X ← 3.4445·X
 * − 4.7750·(XXᵀ)X + 2.0315·(XXᵀ)²X from u/‖u‖, which bring its singular values near 1; w ← keep·w −
 * η·0.2·√max(units, inputs)·O, as long as a step of AdamW would be (Liu et al. 2025, section 2.2), so that
 * both take one η. */
#include <math.h>

#include "linalg/gemm.h"
#include "linalg/vector.h"
#include "optim/rule_rows.h"

#define TINY 1e-7 /* added to ‖u‖ */
#define STEP_RMS 0.2
#define LARGEST_ENTRY 1e30f /* of a gradient: 1/‖u‖ is a float, too */

enum { ITERATIONS = 5 };

static const float linear = 3.4445f, cubic = -4.7750f, quintic = 2.0315f;

/* The look-ahead u goes into the second state; w waits for its step. */
static inline float hidden(const struct update_constants *k, float g, float w, float *s)
{
    const float low = g < -LARGEST_ENTRY ? -LARGEST_ENTRY : g,
                bounded = low > LARGEST_ENTRY ? LARGEST_ENTRY : low;
    s[0] += (1.0f - k->momentum) * (bounded - s[0]);
    s[1] = bounded + k->momentum * (s[0] - bounded);
    return w * k->keep;
}

UPDATE_PASS(extern, LEVEL_NAME(muon_hidden_update), hidden, 2)

/* out = α·a + β·b, n × n without gaps. */
static void blend(size_t count, float alpha, const float *restrict a, float beta, const float *restrict b,
                  float *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = alpha * a[i] + beta * b[i];
    }
}

/* One Newton–Schulz step from x to y; both have the tensor's stride. The smaller of XXᵀ and XᵀX is taken. */
static void iterate(const struct tensor_update *t, const float *x, float *y)
{
    const bool wide = t->rows <= t->columns;
    const size_t n = wide ? t->rows : t->columns;
    float *gram = t->scratch, *squared = t->scratch + n * n, *polynomial = t->scratch + 2 * n * n;
    if (wide) {
        gemm_nt(GEMM_WHOLE, n, n, t->columns, x, t->stride, x, t->stride, gram, n);
    } else {
        gemm_tn(GEMM_WHOLE, n, n, t->rows, x, t->stride, x, t->stride, gram, n);
    }
    gemm_nn(GEMM_WHOLE, n, n, n, gram, n, gram, n, squared, n);
    blend(n * n, cubic, gram, quintic, squared, polynomial);
    if (wide) {
        gemm_nn(GEMM_WHOLE, t->rows, t->columns, n, polynomial, n, x, t->stride, y, t->stride);
    } else {
        gemm_nn(GEMM_WHOLE, t->rows, t->columns, n, x, t->stride, polynomial, n, y, t->stride);
    }
    for (size_t j = 0; j < t->columns; j++) {
        for (size_t i = 0; i < t->rows; i++) {
            y[i + j * t->stride] += linear * x[i + j * t->stride];
        }
    }
}

void LEVEL_NAME(muon_finish)(const struct tensor_update *t)
{
    if (!t->hidden_matrix) {
        return;
    }
    const size_t longer = t->rows > t->columns ? t->rows : t->columns;
    const double norm = sqrt(vector_kernels()->measure(t->state[1], t->rows, t->columns, t->stride).squares);
    const float scale = (float)(1.0 / (norm + TINY)),
                rate = (float)((double)t->rate * STEP_RMS * sqrt((double)longer));
    float *x = t->state[1], *y = t->state[2];
    for (size_t i = 0; i < t->stride * t->columns; i++) {
        x[i] *= scale;
    }
    for (int k = 0; k < ITERATIONS; k++) {
        float *const from = x;
        iterate(t, x, y);
        x = y;
        y = from;
    }
    for (size_t j = 0; j < t->columns; j++) {
        for (size_t i = 0; i < t->rows; i++) {
            t->parameters[i + j * t->stride] -= rate * x[i + j * t->stride];
        }
    }
}
