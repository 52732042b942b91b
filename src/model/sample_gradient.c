/* The parameters' gradient of one sample: sample_gradient.h. */
#include "model/sample_gradient.h"

#include <math.h>
#include <string.h>

#include "base/denormals.h"
#include "linalg/vector.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool sample_gradient_is_all(const struct mlp_workspace *workspace)
{
    return workspace->count == 1 && workspace->parts == NULL;
}

void sample_gradient_imply(struct mlp_workspace *workspace)
{
    workspace->implied = sample_gradient_is_all(workspace);
}

/* Of [dW db] of a layer, which is dZ·[A 1]ᵀ. */
static size_t make_of_layer(const struct mlp_workspace *workspace, size_t l, size_t first, size_t most,
                            float *values)
{
    const struct workspace_layer *w = &workspace->layers[l];
    const float *a = workspace_layer_input(workspace, l), one = 1.0f;
    const size_t inputs = workspace_layer_inputs(workspace, l), row = first % w->ld, column = first / w->ld;
    const bool is_whole = row == 0 && most >= w->ld && column < inputs;
    const size_t rows = smaller(w->ld - row, most);
    const size_t columns = is_whole ? smaller(most / rows, inputs - column) : 1;
    vector_kernels()->outer(w->d + row, rows, column < inputs ? a + column : &one, columns, values);
    return rows * columns;
}

size_t sample_gradient_make(const struct mlp_workspace *workspace, size_t first, size_t end, float *values)
{
    const size_t most = smaller(end - first, SAMPLE_GRADIENT_PIECE);
    size_t l = 0;
    for (size_t size; first >= (size = workspace->layers[l].ld * (workspace_layer_inputs(workspace, l) + 1));
         l++) {
        first -= size; /* layers lie in the arena one after the other: model/network.h */
    }
    return make_of_layer(workspace, l, first, most, values);
}

void sample_gradient_write(struct mlp_workspace *workspace)
{
    if (workspace->implied) {
        FLUSH_DENORMALS;
        workspace->implied = false;
        for (size_t first = 0; first < workspace->arena_size;) {
            first +=
                sample_gradient_make(workspace, first, workspace->arena_size, workspace->gradients + first);
        }
    }
}

bool sample_gradient_is_unchanged(const struct mlp_workspace *workspace)
{
    float values[SAMPLE_GRADIENT_PIECE];
    size_t changed = 0;
    for (size_t first = 0, count; first < workspace->arena_size && changed == 0; first += count) {
        count = sample_gradient_make(workspace, first, workspace->arena_size, values);
        for (size_t i = 0; i < count; i++) {
            changed += workspace->gradients[first + i] != values[i];
        }
    }
    return changed == 0;
}

/* An entry is not finite exactly when the largest one is not. */
static struct magnitude product_of(const struct magnitude *a, const struct magnitude *d)
{
    const float largest = (float)a->largest * (float)d->largest;
    const double squares = a->squares * d->squares, without = largest > 0.0f ? squares : 0.0;
    return (struct magnitude){ isfinite(squares) && !isfinite(largest) ? (double)INFINITY : without,
                               (double)largest };
}

void sample_gradient_measure(struct mlp_workspace *workspace)
{
    for (size_t l = 0; l < workspace->layer_count; l++) {
        const size_t inputs = workspace_layer_inputs(workspace, l), units = workspace->units[l];
        const struct magnitude a =
            vector_kernels()->measure(workspace_layer_input(workspace, l), inputs, 1, inputs);
        const struct magnitude d = vector_kernels()->measure(workspace->layers[l].d, units, 1, units);
        const struct magnitude weights = product_of(&a, &d);
        workspace->squares[2 * l] = weights.squares;
        workspace->largest[2 * l] = weights.largest;
        workspace->squares[2 * l + 1] = d.squares;
        workspace->largest[2 * l + 1] = d.largest;
    }
}

void sample_gradient_keep_input(struct mlp_workspace *workspace)
{
    if (workspace->implied && workspace->x != workspace->input) {
        memcpy(workspace->input, workspace->x, workspace->inputs * sizeof *workspace->input);
        workspace->x = workspace->input;
    }
}
