/* Writing safetensors: only what can be read again. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/safetensors.h"
#include "io/safetensors_checksum.h"

enum {
    HEADER_MULTIPLE = 8,
    PIECE = 1 << 16,
    TILE = 16
}; /* floats that are written at once; see safetensors.c */

static size_t elements_of(const struct safetensor_output *tensor)
{
    return tensor->rows * (tensor->columns > 0 ? tensor->columns : 1);
}

/* What a tensor is made of. */
static const struct tensor_type *type_of(const struct safetensor_output *tensor)
{
    const char *name = tensor->values != NULL ? "F32" : "U8";
    return tensor_type_of(tensor->doubles != NULL ? "F64" : name);
}

static size_t bytes_of(const struct safetensor_output *tensor)
{
    return elements_of(tensor) * type_of(tensor)->size;
}

static json_t *entry_of(const struct safetensor_output *tensor, size_t begin)
{
    const json_int_t rows = (json_int_t)tensor->rows, columns = (json_int_t)tensor->columns;
    const json_int_t first = (json_int_t)begin, end = (json_int_t)(begin + bytes_of(tensor));
    json_t *shape = tensor->columns > 0 ? json_pack("[I, I]", rows, columns) : json_pack("[I]", rows);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", type_of(tensor)->name, "shape", shape, "data_offsets",
                     first, end);
}

char *safetensors_json_text(const json_t *value, size_t multiple)
{
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(17); /* 17 digits give every double back */
    const size_t length = json_dumpb(value, NULL, 0, flags), padded = size_round_up(length, multiple);
    char *text = length > 0 ? memory_allocate(padded + 1, 1) : NULL;
    if (text != NULL && json_dumpb(value, text, length, flags) != length) {
        memory_free(text);
        return NULL;
    }
    if (text != NULL) {
        memset(text + length, ' ', padded - length);
    }
    return text;
}

/* The metadata, its checksum's place first; the caller's reference. */
static json_t *all_metadata(const json_t *metadata, bool with_checksum)
{
    json_t *all = json_object();
    const bool begun =
        all != NULL &&
        (!with_checksum || json_object_set_new(all, CHECKSUM_KEY, json_string(CHECKSUM_PLACEHOLDER)) == 0);
    if (!begun || json_object_update(all, (json_t *)(uintptr_t)metadata) != 0) {
        json_decref(all);
        return NULL;
    }
    return all;
}

/* The header as text, padded with blanks to a multiple of 8; NULL when memory is short. */
static char *header_text(const json_t *metadata, const struct safetensor_output *tensors, size_t count,
                         bool with_checksum)
{
    json_t *header = json_object();
    size_t begin = 0;
    bool complete = header != NULL &&
                    json_object_set_new(header, "__metadata__", all_metadata(metadata, with_checksum)) == 0;
    for (size_t i = 0; i < count && complete; i++) {
        complete = json_object_set_new(header, tensors[i].name, entry_of(&tensors[i], begin)) == 0;
        begin += bytes_of(&tensors[i]);
    }
    char *text = complete ? safetensors_json_text(header, HEADER_MULTIPLE) : NULL;
    json_decref(header);
    return text;
}

/* Bytes on their way into the file. */
struct writer {
    struct byte_sink *sink;
    bool has_checksum;
    struct checksum checksum;
    float *piece; /* PIECE */
};

static mlp_status put(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->has_checksum) {
        checksum_add(&writer->checksum, bytes, size);
    }
    return byte_sink_write(writer->sink, bytes, size);
}

/* Rows i … i + height − 1, columns j … j + width − 1 into the piece, row after row, as the file's
 * little-endian bytes. */
static mlp_status gather(struct writer *writer, const struct safetensor_output *tensor, size_t i,
                         size_t height, size_t j, size_t width)
{
    const float *values = tensor->values + i + j * tensor->leading_dimension;
    bool finite = true;
    for (size_t c = 0; c < width; c++) {
        for (size_t r = 0; r < height; r++) {
            const float value = values[r + c * tensor->leading_dimension];
            unsigned char *bytes = (unsigned char *)&writer->piece[r * width + c];
            uint32_t bits;
            finite &= isfinite(value) != 0;
            memcpy(&bits, &value, sizeof bits);
            for (int b = 0; b < 4; b++) {
                bytes[b] = (unsigned char)(bits >> (8 * b));
            }
        }
    }
    return finite ? MLP_OK
                  : fail(MLP_ERROR_NONFINITE,
                         "%s: tensor '%s' has a value that is not finite, which no file could be loaded from",
                         writer->sink->name, tensor->name);
}

static mlp_status write_floats(struct writer *writer, const struct safetensor_output *tensor)
{
    const size_t columns = tensor->columns > 0 ? tensor->columns : 1,
                 width = columns < PIECE / TILE ? columns : (size_t)PIECE / TILE,
                 height = width == columns ? PIECE / width / TILE * TILE : 1;
    for (size_t i = 0; i < tensor->rows; i += height) {
        const size_t down = tensor->rows - i < height ? tensor->rows - i : height;
        for (size_t j = 0; j < columns; j += width) {
            const size_t across = columns - j < width ? columns - j : width;
            TRY(gather(writer, tensor, i, down, j, across));
            TRY(put(writer, writer->piece, down * across * sizeof(float)));
        }
    }
    return MLP_OK;
}

mlp_status safetensor_floats_write(struct byte_sink *sink, const struct safetensor_output *tensor)
{
    struct writer writer = { .sink = sink, .piece = memory_allocate(PIECE, sizeof *writer.piece) };
    REQUIRE_MEMORY(writer.piece);
    const mlp_status status = write_floats(&writer, tensor);
    memory_free(writer.piece);
    return status;
}

static mlp_status write_doubles(struct writer *writer, const struct safetensor_output *tensor)
{
    const size_t count = elements_of(tensor);
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[sizeof(double)];
        uint64_t bits;
        memcpy(&bits, &tensor->doubles[i], sizeof bits);
        for (size_t b = 0; b < sizeof bytes; b++) {
            bytes[b] = (unsigned char)(bits >> (8 * b));
        }
        TRY(put(writer, bytes, sizeof bytes));
    }
    return MLP_OK;
}

static mlp_status write_tensor(struct writer *writer, const struct safetensor_output *tensor)
{
    if (tensor->fetch != NULL) {
        TRY(tensor->fetch(tensor->fetch_context, tensor->fetch_number));
    }
    if (tensor->values != NULL) {
        return write_floats(writer, tensor);
    }
    return tensor->doubles != NULL ? write_doubles(writer, tensor)
                                   : put(writer, tensor->bytes, elements_of(tensor));
}

static mlp_status write_all(struct writer *writer, char *header, const struct safetensor_output *tensors,
                            size_t count)
{
    const size_t size = strlen(header);
    unsigned char length[SAFETENSORS_LENGTH_BYTES];
    char digits[CHECKSUM_DIGITS + 1];
    for (size_t i = 0; i < sizeof length; i++) {
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    }
    TRY(byte_sink_write(writer->sink, length, sizeof length));
    TRY(byte_sink_write(writer->sink, header, size));
    if (writer->has_checksum) {
        checksum_begin(&writer->checksum, header, size);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(write_tensor(writer, &tensors[i]));
    }
    if (!writer->has_checksum) {
        return MLP_OK;
    }
    checksum_end(&writer->checksum, digits);
    return byte_sink_overwrite(writer->sink, sizeof length + (size_t)(checksum_digits(header) - header),
                               digits, CHECKSUM_DIGITS);
}

static mlp_status write_archive(struct writer *writer, char *header, const struct safetensor_output *tensors,
                                size_t count)
{
    const size_t size = strlen(header);
    size_t total = SAFETENSORS_LENGTH_BYTES + size;
    FAIL_IF(size > SAFETENSORS_MAX_HEADER, MLP_ERROR_UNSUPPORTED,
            "%s: the names of classes and layers take a header of %zu bytes, the format allows %d",
            writer->sink->name, size, SAFETENSORS_MAX_HEADER);
    for (size_t i = 0; i < count; i++) {
        total += bytes_of(&tensors[i]);
    }
    TRY(byte_sink_begin(writer->sink, total));
    return byte_sink_end(writer->sink, write_all(writer, header, tensors, count));
}

mlp_status safetensors_write(struct byte_sink *sink, const json_t *metadata,
                             const struct safetensor_output *tensors, size_t count, bool with_checksum)
{
    struct writer writer = { .sink = sink,
                             .has_checksum = with_checksum,
                             .piece = memory_allocate(PIECE, sizeof(float)) };
    char *header = writer.piece != NULL ? header_text(metadata, tensors, count, with_checksum) : NULL;
    const mlp_status status = header != NULL
                                  ? write_archive(&writer, header, tensors, count)
                                  : fail(MLP_ERROR_MEMORY, "%s: out of memory for the header", sink->name);
    memory_free(header);
    memory_free(writer.piece);
    return status;
}
