/* Singular values of the weights and of the input–output Jacobian. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <mlp/diagnose.h>
#include <mlp/pass.h>

#include "base/memory.h"
#include "base/status.h"
#include "linalg/lapack.h"
#include "model/network.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of `sets` sets of `count` descending values, of matrices whose longer side is `side`. What rounding
 * leaves of a singular value of 0 is at most about largest·side·ε (LAPACK Users' Guide, 4.9). */
static mlp_spectrum summarize(const float *values, size_t count, size_t sets, size_t side)
{
    mlp_spectrum s = { .count = count, .smallest = INFINITY };
    double squares = 0.0, fourths = 0.0, ranks = 0.0;
    bool singular = false;
    for (size_t k = 0; k < sets; k++) {
        const double largest = (double)values[k * count];
        double energy = 0.0;
        for (size_t i = k * count; i < (k + 1) * count; i++) {
            const double square = (double)values[i] * (double)values[i];
            energy += square;
            fourths += square * square;
            s.smallest = fmin(s.smallest, (double)values[i]);
        }
        s.largest = fmax(s.largest, largest);
        singular =
            singular || (double)values[(k + 1) * count - 1] <= largest * (double)side * (double)FLT_EPSILON;
        squares += energy;
        ranks += energy / (largest * largest);
    }
    const double all = (double)count * (double)sets, mean = squares / all;
    s.condition = singular ? INFINITY : s.largest / s.smallest;
    s.stable_rank = ranks / (double)sets;
    s.isometry = sqrt(fmax(fourths / all - mean * mean, 0.0)) / mean;
    return s;
}

static mlp_status check_finite(const char *what, const float *a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(!isfinite(a[i]), MLP_ERROR_NONFINITE, "%s has an entry of %g: no singular values", what,
                (double)a[i]);
    }
    return MLP_OK;
}

/* Destroys a. */
static mlp_status singular_values(const char *what, float *a, size_t rows, size_t columns, float *values)
{
    TRY(check_finite(what, a, rows * columns));
    return lapack_singular_values(a, rows, columns, values);
}

mlp_status mlp_weight_spectrum(const mlp_network *network, size_t layer, float *values,
                               mlp_spectrum *spectrum)
{
    mlp_const_matrix w;
    TRY(mlp_network_weights(network, layer, &w));
    const size_t count = smaller(w.rows, w.columns);
    float *copy =
        memory_allocate(w.rows * w.columns + count, sizeof *copy); /* no overflow: the arena holds more */
    REQUIRE_MEMORY(copy);
    float *found = copy + w.rows * w.columns;
    for (size_t j = 0; j < w.columns; j++) {
        for (size_t i = 0; i < w.rows; i++) {
            copy[i + j * w.rows] = w.data[i + j * w.leading_dimension];
        }
    }
    const mlp_status status = singular_values("W", copy, w.rows, w.columns, found);
    if (status == MLP_OK && values != NULL) {
        memcpy(values, found, count * sizeof *values);
    }
    if (status == MLP_OK && spectrum != NULL) {
        *spectrum = summarize(found, count, 1, larger(w.rows, w.columns));
    }
    memory_free(copy);
    return status;
}

/* ---- the Jacobian -------------------------------------------------------------------------------------- */

struct jacobian {
    mlp_network *network; /* a copy whose output layer is linear */
    mlp_workspace *workspace;
    float *dy;     /* count × outputs */
    float *dx;     /* count × inputs */
    float *rows;   /* count × (outputs × inputs), column-major for each sample */
    float *values; /* count × min */
    size_t inputs, outputs, count;
};

static mlp_status allocate(struct jacobian *j, const mlp_network *network)
{
    size_t entries;
    j->inputs = network->inputs;
    j->outputs = output_layer(network)->units;
    FAIL_IF(!size_multiply(j->inputs, j->outputs, &entries) || !size_multiply(entries, j->count, &entries),
            MLP_ERROR_SHAPE, "the Jacobians of %zu samples are more than memory can hold", j->count);
    j->dy = memory_allocate(j->outputs * j->count, sizeof *j->dy);
    j->dx = memory_allocate(j->inputs * j->count, sizeof *j->dx);
    j->rows = memory_allocate(entries, sizeof *j->rows);
    j->values = memory_allocate(smaller(j->inputs, j->outputs) * j->count, sizeof *j->values);
    if (j->dy == NULL || j->dx == NULL || j->rows == NULL || j->values == NULL) {
        return MLP_ERROR_MEMORY;
    }
    TRY(mlp_network_copy(network, &j->network));
    j->network->layers[j->network->layer_count - 1].activation = activation_row(MLP_ACTIVATION_IDENTITY);
    return mlp_workspace_create(j->network, j->count, NULL, &j->workspace);
}

static void release(struct jacobian *j)
{
    mlp_workspace_destroy(&j->workspace);
    mlp_network_destroy(&j->network);
    memory_free(j->dy);
    memory_free(j->dx);
    memory_free(j->rows);
    memory_free(j->values);
}

/* Row k of every sample's Jacobian: the gradient of z_k. */
static mlp_status compute_row(struct jacobian *j, size_t k)
{
    for (size_t s = 0; s < j->count; s++) {
        for (size_t o = 0; o < j->outputs; o++) {
            j->dy[o + s * j->outputs] = o == k ? 1.0f : 0.0f;
        }
    }
    TRY(mlp_backward(j->network, j->workspace, j->dy));
    TRY(mlp_input_gradient(j->network, j->workspace, j->dx));
    for (size_t s = 0; s < j->count; s++) {
        for (size_t i = 0; i < j->inputs; i++) {
            const float scale = j->network->scale != NULL ? j->network->scale[i] : 1.0f;
            j->rows[k + i * j->outputs + s * j->inputs * j->outputs] = j->dx[i + s * j->inputs] * scale;
        }
    }
    return MLP_OK;
}

static mlp_status compute(struct jacobian *j, const float *x)
{
    TRY(mlp_forward(j->network, j->workspace, x, j->count));
    for (size_t k = 0; k < j->outputs; k++) {
        TRY(compute_row(j, k));
    }
    for (size_t s = 0; s < j->count; s++) {
        TRY(singular_values("the Jacobian", j->rows + s * j->inputs * j->outputs, j->outputs, j->inputs,
                            j->values + s * smaller(j->inputs, j->outputs)));
    }
    return MLP_OK;
}

mlp_status mlp_jacobian_spectrum(const mlp_network *network, const float *x, size_t count, float *values,
                                 mlp_spectrum *spectrum)
{
    struct jacobian j = { .count = count };
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(x);
    FAIL_IF(count == 0, MLP_ERROR_RANGE, "mlp_jacobian_spectrum: count is 0, expected at least 1");
    mlp_status status = allocate(&j, network);
    if (status == MLP_OK) {
        status = compute(&j, x);
    }
    const size_t each = smaller(j.inputs, j.outputs);
    if (status == MLP_OK && values != NULL) {
        memcpy(values, j.values, each * count * sizeof *values);
    }
    if (status == MLP_OK && spectrum != NULL) {
        *spectrum = summarize(j.values, each, count, larger(j.inputs, j.outputs));
    }
    release(&j);
    return status;
}
