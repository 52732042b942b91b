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
static struct outer_product piece_of_layer(const struct mlp_workspace *workspace, size_t l, size_t first,
                                           size_t count)
{
    static const float one = 1.0f;
    const size_t ld = workspace->layers[l].ld, row = first % ld, column = first / ld;
    const size_t inputs = workspace_layer_inputs(workspace, l),
                 columns = smaller(count / ld, inputs - column);
    return (struct outer_product){
        .x = workspace->layers[l].d + row,
        .y = column < inputs ? workspace_layer_input(workspace, l) + column : &one,
        .rows = smaller(ld - row, count),
        .columns = row == 0 && columns > 0 ? columns : 1,
    };
}

struct outer_product sample_gradient_piece(const struct mlp_workspace *workspace, size_t first, size_t end)
{
    const size_t count = end - first;
    size_t l = 0;
    for (size_t size; first >= (size = workspace->layers[l].ld * (workspace_layer_inputs(workspace, l) + 1));
         l++) {
        first -= size; /* layers lie in the arena one after the other: model/network.h */
    }
    return piece_of_layer(workspace, l, first, count);
}

/* 0 is added, as to a product's sum that starts there: −0 becomes 0. */
static void write_piece(const struct outer_product *piece, float *to)
{
    for (size_t j = 0; j < piece->columns; j++) {
        for (size_t i = 0; i < piece->rows; i++) {
            to[i + j * piece->rows] = piece->x[i] * piece->y[j] + 0.0f;
        }
    }
}

void sample_gradient_write(struct mlp_workspace *workspace)
{
    if (workspace->implied) {
        FLUSH_DENORMALS;
        workspace->implied = false;
        for (size_t first = 0; first < workspace->arena_size;) {
            const struct outer_product piece = sample_gradient_piece(workspace, first, workspace->arena_size);
            write_piece(&piece, workspace->gradients + first);
            first += piece.rows * piece.columns;
        }
    }
}

static bool is_product(const struct outer_product *piece, const float *values)
{
    size_t others = 0;
    for (size_t j = 0; j < piece->columns; j++) {
        for (size_t i = 0; i < piece->rows; i++) {
            others += values[i + j * piece->rows] != piece->x[i] * piece->y[j];
        }
    }
    return others == 0;
}

bool sample_gradient_is_unchanged(const struct mlp_workspace *workspace)
{
    for (size_t first = 0; first < workspace->arena_size;) {
        const struct outer_product piece = sample_gradient_piece(workspace, first, workspace->arena_size);
        if (!is_product(&piece, workspace->gradients + first)) {
            return false;
        }
        first += piece.rows * piece.columns;
    }
    return true;
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
    if (sample_gradient_is_all(workspace) && workspace->x != workspace->input) {
        memcpy(workspace->input, workspace->x, workspace->inputs * sizeof *workspace->input);
        workspace->x = workspace->input;
    }
}
