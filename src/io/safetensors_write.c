/* Writing safetensors. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/safetensors.h"

enum { LENGTH_BYTES = 8, HEADER_MULTIPLE = 8, PIECE = 4096 };

static size_t bytes_of(const struct safetensor_output *tensor)
{
    return tensor->rows * (tensor->columns > 0 ? tensor->columns : 1) *
           (tensor->values != NULL ? sizeof(float) : sizeof(double));
}

static json_t *entry_of(const struct safetensor_output *tensor, size_t begin)
{
    const json_int_t rows = (json_int_t)tensor->rows, columns = (json_int_t)tensor->columns;
    const json_int_t first = (json_int_t)begin, end = (json_int_t)(begin + bytes_of(tensor));
    json_t *shape = tensor->columns > 0 ? json_pack("[I, I]", rows, columns) : json_pack("[I]", rows);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->values != NULL ? "F32" : "F64", "shape", shape,
                     "data_offsets", first, end);
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

/* The header as text, padded with blanks to a multiple of 8; NULL when memory is short. */
static char *header_text(const json_t *metadata, const struct safetensor_output *tensors, size_t count)
{
    json_t *header = json_object();
    size_t begin = 0;
    bool complete =
        header != NULL && json_object_set(header, "__metadata__", (json_t *)(uintptr_t)metadata) == 0;
    for (size_t i = 0; i < count && complete; i++) {
        complete = json_object_set_new(header, tensors[i].name, entry_of(&tensors[i], begin)) == 0;
        begin += bytes_of(&tensors[i]);
    }
    char *text = complete ? safetensors_json_text(header, HEADER_MULTIPLE) : NULL;
    json_decref(header);
    return text;
}

/* Bytes on their way into the file, in pieces. */
struct writer {
    struct whole_file *file;
    unsigned char piece[PIECE];
    size_t used;
};

static mlp_status flush(struct writer *writer)
{
    const size_t used = writer->used;
    writer->used = 0;
    return whole_file_write(writer->file, writer->piece, used);
}

/* `size` bytes, little-endian; PIECE is a multiple of it. */
static mlp_status put(struct writer *writer, uint64_t bits, size_t size)
{
    for (size_t b = 0; b < size; b++) {
        writer->piece[writer->used++] = (unsigned char)(bits >> (8 * b));
    }
    return writer->used == PIECE ? flush(writer) : MLP_OK;
}

/* Row after row. */
static mlp_status write_values(struct whole_file *file, const struct safetensor_output *tensor)
{
    struct writer writer = { .file = file };
    const size_t columns = tensor->columns > 0 ? tensor->columns : 1;
    for (size_t i = 0; i < tensor->rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            if (tensor->values != NULL) {
                uint32_t bits;
                memcpy(&bits, &tensor->values[i + j * tensor->leading_dimension], sizeof bits);
                TRY(put(&writer, bits, sizeof bits));
            } else {
                uint64_t bits;
                memcpy(&bits, &tensor->doubles[i * columns + j], sizeof bits);
                TRY(put(&writer, bits, sizeof bits));
            }
        }
    }
    return flush(&writer);
}

static mlp_status write_all(struct whole_file *file, const char *header,
                            const struct safetensor_output *tensors, size_t count)
{
    unsigned char length[LENGTH_BYTES];
    const uint64_t size = strlen(header);
    for (int i = 0; i < LENGTH_BYTES; i++) {
        length[i] = (unsigned char)(size >> (8 * i));
    }
    TRY(whole_file_write(file, length, sizeof length));
    TRY(whole_file_write(file, header, (size_t)size));
    for (size_t i = 0; i < count; i++) {
        TRY(write_values(file, &tensors[i]));
    }
    return MLP_OK;
}

mlp_status safetensors_write(const char *path, const json_t *metadata,
                             const struct safetensor_output *tensors, size_t count)
{
    struct whole_file file;
    char *header = header_text(metadata, tensors, count);
    if (header == NULL) {
        return fail(MLP_ERROR_MEMORY, "%s: out of memory for the header", path);
    }
    mlp_status status = whole_file_begin(path, &file);
    if (status == MLP_OK) {
        status = whole_file_end(&file, write_all(&file, header, tensors, count));
    }
    memory_free(header);
    return status;
}
