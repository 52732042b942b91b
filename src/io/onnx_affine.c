/* What lies in front of and behind the matrices of an ONNX graph, taken into them: x·k + t. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_graph.h"
#include "io/safetensors.h"

/* ---- affine functions ---------------------------------------------------------------------------------- */

void onnx_affine_free(struct onnx_affine *affine)
{
    memory_free(affine->k);
    memory_free(affine->t);
    *affine = (struct onnx_affine){ 0 };
}

/* Makes a function of one k and one t, or of none, one of `count`. */
static mlp_status widen(struct onnx_affine *affine, size_t count)
{
    struct onnx_affine wide = { count, memory_allocate(count, sizeof(double)),
                                memory_allocate(count, sizeof(double)) };
    if (wide.k == NULL || wide.t == NULL) {
        onnx_affine_free(&wide);
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        wide.k[i] = affine->count > 0 ? affine->k[0] : 1.0;
        wide.t[i] = affine->count > 0 ? affine->t[0] : 0.0;
    }
    onnx_affine_free(affine);
    *affine = wide;
    return MLP_OK;
}

mlp_status onnx_affine_apply(struct onnx_affine *affine, const double *k, const double *t, size_t count)
{
    if (affine->count != count && count != 1 && affine->count > 1) {
        return fail(MLP_ERROR_SHAPE, "it has %zu numbers, expected 1 or %zu", count, affine->count);
    }
    if (affine->count < count) {
        TRY(widen(affine, count));
    }
    for (size_t i = 0; i < affine->count; i++) {
        const size_t from = count > 1 ? i : 0;
        affine->k[i] *= k[from];
        affine->t[i] = affine->t[i] * k[from] + t[from];
    }
    return MLP_OK;
}

/* ---- into a layer -------------------------------------------------------------------------------------- */

static bool all_one(const struct onnx_affine *affine)
{
    size_t i = 0;
    while (i < affine->count && affine->k[i] == 1.0) {
        i++;
    }
    return i == affine->count;
}

static mlp_status scale_vector(double **scale, size_t count, const struct onnx_affine *affine)
{
    if (affine->count != 1 && affine->count != count) {
        return fail(MLP_ERROR_SHAPE, "it has %zu numbers, expected 1 or %zu", affine->count, count);
    }
    if (*scale == NULL && all_one(affine)) {
        return MLP_OK;
    }
    const bool blank = *scale == NULL;
    *scale = blank ? memory_allocate(count, sizeof **scale) : *scale;
    if (*scale == NULL) {
        return MLP_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const double k = affine->k[affine->count > 1 ? i : 0];
        (*scale)[i] = blank ? k : (*scale)[i] * k;
    }
    return MLP_OK;
}

mlp_status onnx_layer_scale(struct onnx_layer *layer, const struct onnx_affine *affine)
{
    TRY(scale_vector(&layer->weights.row_scale, layer->weights.rows, affine));
    for (size_t i = 0; i < layer->bias.rows; i++) {
        const size_t from = affine->count > 1 ? i : 0;
        layer->bias.values[i] = layer->bias.values[i] * affine->k[from] + affine->t[from];
    }
    return MLP_OK;
}

/* Numbers of a matrix that are read at once. */
static size_t piece_of(const struct onnx_parameter *p)
{
    const size_t elements = p->rows * p->columns;
    return elements < ONNX_PIECE ? elements : (size_t)ONNX_PIECE;
}

/* b += W·t of `count` numbers of the tensor from `first` on. */
static void add_products(struct onnx_layer *layer, const struct onnx_affine *affine, const double *values,
                         size_t first, size_t count)
{
    const struct onnx_parameter *w = &layer->weights;
    const size_t line = w->transposed ? w->rows : w->columns;
    for (size_t e = 0; e < count; e++) {
        const size_t outer = (first + e) / line, inner = (first + e) % line;
        const size_t i = w->transposed ? inner : outer, j = w->transposed ? outer : inner;
        layer->bias.values[i] += w->factor * values[e] * affine->t[affine->count > 1 ? j : 0];
    }
}

static mlp_status add_all_products(const struct onnx_file *file, struct onnx_layer *layer,
                                   const struct onnx_affine *affine, double *values)
{
    const size_t elements = layer->weights.rows * layer->weights.columns;
    for (size_t first = 0; first < elements; first += ONNX_PIECE) {
        const size_t count = elements - first < ONNX_PIECE ? elements - first : (size_t)ONNX_PIECE;
        TRY(onnx_doubles(file, layer->weights.tensor, first, count, values));
        add_products(layer, affine, values, first, count);
    }
    return MLP_OK;
}

mlp_status onnx_layer_take(const struct onnx_file *file, struct onnx_layer *layer,
                           const struct onnx_affine *affine)
{
    if (affine->count == 0) {
        return MLP_OK;
    }
    TRY(scale_vector(&layer->weights.column_scale, layer->weights.columns, affine));
    double *values = memory_allocate(piece_of(&layer->weights), sizeof *values);
    const mlp_status status =
        values != NULL ? add_all_products(file, layer, affine, values) : MLP_ERROR_MEMORY;
    memory_free(values);
    return status;
}

/* ---- numbers of a network ------------------------------------------------------------------------------ */

/* A piece of whole lines at a time, or of one line that is longer. */
static mlp_status read_matrix(const struct onnx_file *file, const struct onnx_parameter *p, float *piece,
                              float *out, size_t stride)
{
    const size_t lines = p->transposed ? p->columns : p->rows, line = p->transposed ? p->rows : p->columns;
    const size_t width = line < ONNX_PIECE ? line : (size_t)ONNX_PIECE, fit = ONNX_PIECE / width;
    for (size_t i = 0; i < lines; i += fit) {
        const size_t down = lines - i < fit ? lines - i : fit;
        for (size_t j = 0; j < line; j += width) {
            const size_t across = line - j < width ? line - j : width;
            TRY(onnx_floats(file, p->tensor, i * line + j, down * across, piece));
            if (!p->transposed) {
                matrix_transpose(piece, down, across, across, out + i + j * stride, stride);
                continue;
            }
            for (size_t r = 0; r < down; r++) {
                memcpy(out + j + (i + r) * stride, piece + r * across, across * sizeof *out);
            }
        }
    }
    return MLP_OK;
}

static void apply_scales(const struct onnx_parameter *p, float *out, size_t stride)
{
    for (size_t j = 0; j < p->columns; j++) {
        const double factor = p->factor * (p->column_scale != NULL ? p->column_scale[j] : 1.0);
        for (size_t i = 0; i < p->rows; i++) {
            const double row = p->row_scale != NULL ? p->row_scale[i] : 1.0;
            out[i + j * stride] = (float)((double)out[i + j * stride] * factor * row);
        }
    }
}

static bool all_finite(const float *values, size_t rows, size_t columns, size_t stride)
{
    bool finite = true;
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < rows; i++) {
            finite &= isfinite(values[i + j * stride]) != 0;
        }
    }
    return finite;
}

mlp_status onnx_parameter_read(const struct onnx_file *file, const struct onnx_parameter *p, float *out,
                               size_t stride)
{
    if (p->columns == 0) {
        for (size_t i = 0; i < p->rows; i++) {
            out[i] = (float)p->values[i];
        }
    } else {
        float *piece = memory_allocate(piece_of(p), sizeof *piece);
        const mlp_status status = piece != NULL ? read_matrix(file, p, piece, out, stride) : MLP_ERROR_MEMORY;
        memory_free(piece);
        TRY(status);
        if (p->factor != 1.0 || p->row_scale != NULL || p->column_scale != NULL) {
            apply_scales(p, out, stride);
        }
    }
    const bool finite = all_finite(out, p->rows, p->columns > 0 ? p->columns : 1, stride);
    return finite ? MLP_OK
                  : fail(MLP_ERROR_NONFINITE, "%s: tensor '%.64s' has a value that is not finite", file->path,
                         p->tensor != NULL && p->tensor->name != NULL ? p->tensor->name : "bias");
}
