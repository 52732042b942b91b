/* Opening ONNX files, and the numbers of their tensors. */
#include "io/onnx_file.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/safetensors.h"

/* ---- messages ------------------------------------------------------------------------------------------ */

/* Bytes of memory for a byte of messages, at most; those of real models take some ten. */
enum { BUDGET_FACTOR = 32, BUDGET_LEAST = 1 << 16 };

static void *allocate(void *context, size_t size)
{
    struct onnx_file *file = context;
    const size_t rounded = size_round_up(size, MEMORY_ALIGNMENT);
    if (rounded > file->budget) {
        file->over_budget = true;
        return NULL;
    }
    file->budget -= rounded;
    return memory_allocate(1, size);
}

static void release(void *context, void *pointer)
{
    (void)context;
    memory_free(pointer);
}

/* protobuf-c gives NULL whatever went wrong: memory, which the error text then says, or the bytes. */
static mlp_status unpack(struct onnx_file *file, const unsigned char *bytes, size_t size)
{
    ProtobufCAllocator allocator = { allocate, release, file };
    file->budget =
        size > SIZE_MAX / BUDGET_FACTOR - BUDGET_LEAST ? SIZE_MAX : size * BUDGET_FACTOR + BUDGET_LEAST;
    fail(MLP_OK, "%s", "");
    file->model = mlp__onnx__model__unpack(&allocator, size, bytes);
    if (file->model == NULL) {
        if (!file->over_budget && mlp_last_error()[0] != '\0') {
            return MLP_ERROR_MEMORY;
        }
        return fail(MLP_ERROR_FORMAT, "%s: no ONNX model: %s", file->path,
                    file->over_budget ? "most of its messages are empty" : "its messages are damaged");
    }
    return file->model->graph != NULL && file->model->n_opset_import > 0
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT, "%s: no ONNX model: it has no graph, or no set of operators",
                      file->path);
}

mlp_status onnx_file_open(const struct byte_source *source, struct onnx_file *file)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    *file = (struct onnx_file){ .source = source, .path = source->name };
    mlp_status status = onnx_wire_read(file, &bytes, &size);
    status = status == MLP_OK ? unpack(file, bytes, size) : status;
    memory_free(bytes);
    TRY(status);
    TRY(onnx_external_open(file));
    const size_t most = (size_t)ONNX_PIECE * sizeof(double);
    const size_t held = file->source->size > file->external.size ? file->source->size : file->external.size;
    file->piece = memory_allocate(1, held < most ? held : most);
    return file->piece != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

void onnx_file_close(struct onnx_file *file)
{
    ProtobufCAllocator allocator = { allocate, release, file };
    if (file->model != NULL) {
        mlp__onnx__model__free_unpacked(file->model, &allocator);
    }
    onnx_external_close(file);
    memory_free(file->piece);
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
    uint64_t bits = 0;
    for (size_t b = 0; b < size; b++) {
        bits |= (uint64_t)bytes[b] << (8 * b);
    }
    return bits;
}

static double from_double(const unsigned char *bytes)
{
    const uint64_t bits = little_endian(bytes, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double from_int32(const unsigned char *bytes)
{
    return (double)(int32_t)(uint32_t)little_endian(bytes, 4);
}

static double from_int64(const unsigned char *bytes)
{
    return (double)(int64_t)little_endian(bytes, 8);
}

static double from_bool(const unsigned char *bytes)
{
    return bytes[0] != 0;
}

/* Types of elements: those of safetensors by their names there, and others. */
static const struct number_type {
    enum onnx_type type;
    size_t size;
    const char *floats;
    double (*number)(const unsigned char *bytes);
} types[] = {
    { ONNX_FLOAT, 4, "F32", NULL },      { ONNX_FLOAT16, 2, "F16", NULL },
    { ONNX_BFLOAT16, 2, "BF16", NULL },  { ONNX_DOUBLE, 8, NULL, from_double },
    { ONNX_INT32, 4, NULL, from_int32 }, { ONNX_INT64, 8, NULL, from_int64 },
    { ONNX_BOOL, 1, NULL, from_bool },
};

static const struct number_type *type_of(const onnx_tensor *tensor)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if ((int)types[i].type == tensor->data_type) {
            return &types[i];
        }
    }
    return NULL;
}

mlp_status onnx_tensor_elements(const struct onnx_file *file, const onnx_tensor *tensor, size_t *elements)
{
    const char *name = tensor->name != NULL ? tensor->name : "";
    const struct number_type *type = type_of(tensor);
    size_t size;
    bool fits = true;
    *elements = 1;
    for (size_t i = 0; i < tensor->n_dims; i++) {
        fits = fits && tensor->dims[i] >= 0 && size_multiply(*elements, (size_t)tensor->dims[i], elements);
    }
    if (type == NULL) {
        return fail(MLP_ERROR_UNSUPPORTED,
                    "%s: tensor '%.64s' is of ONNX's type %d, expected FLOAT, DOUBLE, FLOAT16, BFLOAT16, "
                    "INT32, INT64 or BOOL",
                    file->path, name, (int)tensor->data_type);
    }
    const size_t listed = tensor->n_int64_data > 0 ? tensor->n_int64_data : tensor->n_int32_data;
    fits = fits && size_multiply(*elements, type->size, &size) &&
           (tensor->has_data_size ? tensor->data_size == size : listed == *elements);
    return fits ? MLP_OK
                : fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' has not as many numbers as its shape says",
                       file->path, name);
}

/* Reads elements as they are in the file, into file->piece. */
static mlp_status read_piece(const struct onnx_file *file, const onnx_tensor *tensor, size_t first,
                             size_t count)
{
    const struct byte_source *source = tensor->data_location != 0 ? &file->external : file->source;
    const size_t size = type_of(tensor)->size;
    return byte_source_read(source, (size_t)tensor->data_offset + first * size, file->piece, count * size);
}

/* What a tensor lists by itself: integers, or the bits of 16-bit numbers. */
static double listed_number(const onnx_tensor *tensor, const struct number_type *type, size_t i)
{
    if (tensor->n_int64_data > 0) {
        return (double)tensor->int64_data[i];
    }
    if (type->floats == NULL) {
        return (double)tensor->int32_data[i];
    }
    const unsigned bits = (unsigned)tensor->int32_data[i];
    const unsigned char bytes[4] = { (unsigned char)bits, (unsigned char)(bits >> 8),
                                     (unsigned char)(bits >> 16), (unsigned char)(bits >> 24) };
    float value;
    tensor_type_of(type->floats)->to_floats(bytes, 1, &value);
    return (double)value;
}

mlp_status onnx_doubles(const struct onnx_file *file, const onnx_tensor *tensor, size_t first, size_t count,
                        double *out)
{
    const struct number_type *type = type_of(tensor);
    if (tensor->has_data_size) {
        TRY(read_piece(file, tensor, first, count));
    }
    for (size_t i = 0; i < count; i++) {
        const unsigned char *bytes = file->piece + i * type->size;
        float value;
        if (!tensor->has_data_size) {
            out[i] = listed_number(tensor, type, first + i);
        } else if (type->floats != NULL) {
            tensor_type_of(type->floats)->to_floats(bytes, 1, &value);
            out[i] = (double)value;
        } else {
            out[i] = type->number(bytes);
        }
    }
    return MLP_OK;
}

mlp_status onnx_floats(const struct onnx_file *file, const onnx_tensor *tensor, size_t first, size_t count,
                       float *out)
{
    const struct number_type *type = type_of(tensor);
    if (tensor->has_data_size && type->floats != NULL) {
        TRY(read_piece(file, tensor, first, count));
        tensor_type_of(type->floats)->to_floats(file->piece, count, out);
        return MLP_OK;
    }
    for (size_t i = 0; i < count; i++) {
        double value;
        TRY(onnx_doubles(file, tensor, first + i, 1, &value));
        out[i] = (float)value;
    }
    return MLP_OK;
}
