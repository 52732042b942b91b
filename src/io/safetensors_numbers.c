/* The numbers in safetensors: read piece by piece, converted, and put where they belong. */
#include <stdint.h>
#include <string.h>

#include "base/nonfinite.h"
#include "base/number_bits.h"
#include "base/status.h"
#include "io/safetensors.h"

enum { TILE = 16 }; /* a cache line of floats */

/* ---- types --------------------------------------------------------------------------------------------- */

static float from_f32(const unsigned char *bytes)
{
    return float_of_bits((uint32_t)bits_of_bytes(bytes, 4, false));
}

static float from_bf16(const unsigned char *bytes)
{
    return float_of_bits((uint32_t)bits_of_bytes(bytes, 2, false) << 16);
}

static float from_f16(const unsigned char *bytes)
{
    return float_of_half_bits((uint32_t)bits_of_bytes(bytes, 2, false));
}

/* Beyond a float's range it becomes infinite, which is refused as such. */
static float from_f64(const unsigned char *bytes)
{
    return (float)double_of_bits(bits_of_bytes(bytes, 8, false));
}

/* Bytes of the file become floats. They may lie in the last part of `out`, so that it goes upwards. */
#define CONVERTER(name, one, size)                                                                           \
    static void name(const unsigned char *bytes, size_t count, float *out)                                   \
    {                                                                                                        \
        for (size_t i = 0; i < count; i++) {                                                                 \
            out[i] = one(bytes + i * (size));                                                                \
        }                                                                                                    \
    }
CONVERTER(floats_of_f32, from_f32, 4)
CONVERTER(floats_of_f16, from_f16, 2)
CONVERTER(floats_of_bf16, from_bf16, 2)
CONVERTER(floats_of_f64, from_f64, 8)

static const struct tensor_type types[] = {
    { "F32", 4, floats_of_f32 }, { "F16", 2, floats_of_f16 }, { "BF16", 2, floats_of_bf16 },
    { "F64", 8, floats_of_f64 }, { "I64", 8, NULL },          { "I32", 4, NULL },
    { "I16", 2, NULL },          { "I8", 1, NULL },           { "U64", 8, NULL },
    { "U32", 4, NULL },          { "U16", 2, NULL },          { "U8", 1, NULL },
    { "BOOL", 1, NULL },         { "F8_E4M3", 1, NULL },      { "F8_E5M2", 1, NULL },
};

const struct tensor_type *tensor_type_of(const char *name)
{
    size_t i = 0;
    while (i < sizeof types / sizeof types[0] && strcmp(types[i].name, name) != 0) {
        i++;
    }
    return i < sizeof types / sizeof types[0] ? &types[i] : NULL;
}

const char *safetensor_type(const struct safetensor *tensor)
{
    return tensor->type->name;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* Elements first … first + count − 1, at most SAFETENSORS_PIECE of them, as floats in the archive's piece. */
static mlp_status read_piece(struct safetensors *archive, const struct safetensor *tensor, size_t first,
                             size_t count)
{
    const size_t size = tensor->type->size;
    const size_t spare = size < sizeof(float) ? count * (sizeof(float) - size) : 0;
    unsigned char *bytes = (unsigned char *)archive->piece + spare;
    TRY(byte_source_read(archive->source, archive->data + tensor->begin + first * size, bytes, count * size));
    tensor->type->to_floats(bytes, count, archive->piece);
    return MLP_OK;
}

static mlp_status check_finite(const struct safetensors *archive, const struct safetensor *tensor,
                               size_t first, size_t count, size_t columns)
{
    const float *values = archive->piece;
    const size_t i = nonfinite_find(values, count);
    FAIL_IF(i < count, MLP_ERROR_NONFINITE, "%s: tensor '%.64s' has the value %g at row %zu, column %zu",
            archive->path, tensor->name, (double)values[i], (first + i) / columns, (first + i) % columns);
    return MLP_OK;
}

void matrix_transpose(const float *values, size_t rows, size_t columns, size_t line, float *out,
                      size_t stride)
{
    for (size_t j = 0; j < columns; j += TILE) {
        const size_t width = columns - j < TILE ? columns - j : TILE;
        for (size_t i = 0; i < rows; i += TILE) {
            const size_t height = rows - i < TILE ? rows - i : TILE;
            for (size_t r = i; r < i + height; r++) {
                for (size_t c = j; c < j + width; c++) {
                    out[r + c * stride] = values[r * line + c];
                }
            }
        }
    }
}

/* As many whole rows as a piece holds, or a part of one row that is longer. */
mlp_status safetensor_matrix(struct safetensors *archive, const struct safetensor *tensor, float *out,
                             size_t stride)
{
    const size_t columns = tensor->rank > 1 ? tensor->elements / tensor->shape[0] : 1,
                 rows = tensor->elements / (columns > 0 ? columns : 1);
    const size_t piece = tensor->type->size > sizeof(float) ? SAFETENSORS_PIECE / 2 : SAFETENSORS_PIECE,
                 width = columns < piece ? columns : piece, fit = width > 0 ? piece / width : 1,
                 height = fit > TILE ? fit / TILE * TILE : fit;
    FAIL_IF(tensor->type->to_floats == NULL, MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' is of type %s, expected F64, F32, F16 or BF16", archive->path, tensor->name,
            tensor->type->name);
    for (size_t i = 0; i < rows; i += height) {
        const size_t down = rows - i < height ? rows - i : height;
        for (size_t j = 0; j < columns; j += width) {
            const size_t across = columns - j < width ? columns - j : width, first = i * columns + j;
            TRY(read_piece(archive, tensor, first, down * across));
            TRY(check_finite(archive, tensor, first, down * across, columns));
            matrix_transpose(archive->piece, down, across, across, out + i + j * stride, stride);
        }
    }
    return MLP_OK;
}

static mlp_status require_type(const struct safetensors *archive, const struct safetensor *tensor,
                               const char *type)
{
    FAIL_IF(strcmp(tensor->type->name, type) != 0, MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' is of type %s, expected %s", archive->path, tensor->name, tensor->type->name,
            type);
    return MLP_OK;
}

mlp_status safetensor_bytes(struct safetensors *archive, const struct safetensor *tensor, unsigned char *out)
{
    TRY(require_type(archive, tensor, "U8"));
    return byte_source_read(archive->source, archive->data + tensor->begin, out, tensor->elements);
}

mlp_status safetensor_doubles(struct safetensors *archive, const struct safetensor *tensor, double *out)
{
    TRY(require_type(archive, tensor, "F64"));
    TRY(byte_source_read(archive->source, archive->data + tensor->begin, out,
                         tensor->elements * sizeof *out));
    for (size_t i = 0; i < tensor->elements; i++) {
        out[i] = double_of_bits(bits_of_bytes((const unsigned char *)&out[i], sizeof *out, false));
    }
    return MLP_OK;
}
