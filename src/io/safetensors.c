/* Reading safetensors: nothing is believed before it is checked. */
#include "io/safetensors.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

enum { LENGTH_BYTES = 8, MAX_HEADER = 100000000 };

static float from_f32(const unsigned char *bytes)
{
    const uint32_t bits =
        (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float from_bf16(const unsigned char *bytes)
{
    const unsigned char wide[4] = { 0, 0, bytes[0], bytes[1] };
    return from_f32(wide);
}

/* IEEE 754 half: 1 sign, 5 exponent, 10 fraction bits. */
static float from_f16(const unsigned char *bytes)
{
    const uint32_t half = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31u, fraction = half & 1023u;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    const uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const struct {
    const char *name;
    size_t size;
    float (*to_float)(const unsigned char *bytes); /* NULL: not one that a network's parameters come in */
} types[] = {
    { "F32", 4, from_f32 }, { "F16", 2, from_f16 }, { "BF16", 2, from_bf16 }, { "F64", 8, NULL },
    { "I64", 8, NULL },     { "I32", 4, NULL },     { "I16", 2, NULL },       { "I8", 1, NULL },
    { "U64", 8, NULL },     { "U32", 4, NULL },     { "U16", 2, NULL },       { "U8", 1, NULL },
    { "BOOL", 1, NULL },    { "F8_E4M3", 1, NULL }, { "F8_E5M2", 1, NULL },
};

const char *safetensor_type(const struct safetensor *tensor)
{
    return types[tensor->dtype].name;
}

static mlp_status bad(const struct safetensors *archive, const char *tensor, const char *what)
{
    return tensor != NULL ? fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s': %s", archive->path, tensor, what)
                          : fail(MLP_ERROR_FORMAT, "%s: %s", archive->path, what);
}

mlp_status safetensors_json_failure(const struct safetensors *archive, const char *what,
                                    const json_error_t *error)
{
    /* where jansson runs out of memory, it mostly leaves the text empty, and then the code as it was */
    const enum json_error_code code =
        error->text[0] != '\0' ? json_error_code(error) : json_error_out_of_memory;
    if (code == json_error_out_of_memory) {
        return fail(MLP_ERROR_MEMORY, "%s: out of memory for %s", archive->path, what);
    }
    return code == json_error_duplicate_key
               ? fail(MLP_ERROR_FORMAT, "%s: %s has a key twice: %s", archive->path, what, error->text)
               : fail(MLP_ERROR_FORMAT, "%s: %s is not JSON: %s", archive->path, what, error->text);
}

static mlp_status parse_header(struct safetensors *archive)
{
    uint64_t length = 0;
    json_error_t error;
    if (archive->file_size < LENGTH_BYTES) {
        return bad(archive, NULL, "not a safetensors file: it is shorter than 8 bytes");
    }
    for (int i = LENGTH_BYTES - 1; i >= 0; i--) {
        length = length << 8 | archive->file[i];
    }
    if (length > MAX_HEADER) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: not a safetensors file: the header's length is %llu, expected at most %d",
                    archive->path, (unsigned long long)length, MAX_HEADER);
    }
    if (length > archive->file_size - LENGTH_BYTES) {
        return fail(MLP_ERROR_FORMAT, "%s: the header is longer than the file: %llu bytes, %zu are left",
                    archive->path, (unsigned long long)length, archive->file_size - LENGTH_BYTES);
    }
    const char *text = (const char *)archive->file + LENGTH_BYTES;
    if (length == 0 || text[0] != '{') {
        return bad(archive, NULL, "not a safetensors file: the header does not begin with {");
    }
    archive->header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    return archive->header != NULL ? MLP_OK : safetensors_json_failure(archive, "the header", &error);
}

/* A whole number of at least 0 out of JSON. */
static bool whole(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *out = (size_t)json_integer_value(value);
    return true;
}

static mlp_status parse_shape(const struct safetensors *archive, const json_t *shape,
                              struct safetensor *tensor)
{
    if (!json_is_array(shape)) {
        return bad(archive, tensor->name, "shape is not an array");
    }
    tensor->rank = json_array_size(shape);
    tensor->elements = 1;
    if (tensor->rank > SAFETENSORS_MAX_RANK) {
        return bad(archive, tensor->name, "shape has more than 8 dimensions");
    }
    for (size_t d = 0; d < tensor->rank; d++) {
        if (!whole(json_array_get(shape, d), &tensor->shape[d])) {
            return bad(archive, tensor->name, "shape has an entry that is not a whole number of at least 0");
        }
        if (!size_multiply(tensor->elements, tensor->shape[d], &tensor->elements)) {
            return bad(archive, tensor->name, "shape multiplies to more than memory can hold");
        }
    }
    return MLP_OK;
}

static mlp_status parse_type(const struct safetensors *archive, const json_t *dtype,
                             struct safetensor *tensor)
{
    const char *name = json_string_value(dtype);
    if (name == NULL) {
        return bad(archive, tensor->name, "dtype is not a text");
    }
    for (tensor->dtype = 0; tensor->dtype < sizeof types / sizeof types[0]; tensor->dtype++) {
        if (strcmp(types[tensor->dtype].name, name) == 0) {
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s': unknown dtype '%.16s'", archive->path, tensor->name,
                name);
}

static mlp_status parse_offsets(const struct safetensors *archive, const json_t *offsets, size_t available,
                                struct safetensor *tensor)
{
    size_t bytes;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !whole(json_array_get(offsets, 0), &tensor->begin) ||
        !whole(json_array_get(offsets, 1), &tensor->end)) {
        return bad(archive, tensor->name, "data_offsets are not two whole numbers of at least 0");
    }
    if (tensor->begin > tensor->end) {
        return bad(archive, tensor->name, "data_offsets end before they begin");
    }
    if (tensor->end > available) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: tensor '%.64s': data_offsets reach beyond the file: to %zu, %zu bytes are "
                    "there",
                    archive->path, tensor->name, tensor->end, available);
    }
    if (!size_multiply(tensor->elements, types[tensor->dtype].size, &bytes) ||
        bytes != tensor->end - tensor->begin) {
        return fail(MLP_ERROR_FORMAT,
                    "%s: tensor '%.64s': data_offsets span %zu bytes, expected the product of shape "
                    "(%zu) times the %zu bytes of %s",
                    archive->path, tensor->name, tensor->end - tensor->begin, tensor->elements,
                    types[tensor->dtype].size, types[tensor->dtype].name);
    }
    return MLP_OK;
}

static mlp_status parse_tensor(const struct safetensors *archive, const json_t *entry, size_t available,
                               struct safetensor *tensor)
{
    if (!json_is_object(entry)) {
        return bad(archive, tensor->name, "its entry is not an object");
    }
    TRY(parse_type(archive, json_object_get(entry, "dtype"), tensor));
    TRY(parse_shape(archive, json_object_get(entry, "shape"), tensor));
    return parse_offsets(archive, json_object_get(entry, "data_offsets"), available, tensor);
}

static mlp_status check_metadata(const struct safetensors *archive, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) {
        return bad(archive, NULL, "__metadata__ is not an object");
    }
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value)) {
            return fail(MLP_ERROR_FORMAT, "%s: __metadata__ '%.64s' is not a text", archive->path, key);
        }
    }
    return MLP_OK;
}

static int by_begin(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    return x->begin != y->begin ? (x->begin > y->begin) - (x->begin < y->begin)
                                : (x->end > y->end) - (x->end < y->end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct safetensor *)a)->name, ((const struct safetensor *)b)->name);
}

/* The tensors must cover the rest of the file without holes, overlaps or a tail. */
static mlp_status check_cover(struct safetensors *archive, size_t available)
{
    size_t next = 0;
    if (archive->count > 0) {
        qsort(archive->tensors, archive->count, sizeof archive->tensors[0], by_begin);
    }
    for (size_t i = 0; i < archive->count; i++) {
        const struct safetensor *tensor = &archive->tensors[i];
        if (tensor->begin != next) {
            return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s': %s: it begins at offset %zu, expected %zu",
                        archive->path, tensor->name,
                        i == 0                 ? "the first tensor does not begin at offset 0"
                        : tensor->begin > next ? "there is a hole before it"
                                               : "it overlaps another tensor",
                        tensor->begin, next);
        }
        next = tensor->end;
    }
    return next == available ? MLP_OK
                             : fail(MLP_ERROR_FORMAT, "%s: there are %zu bytes after the last tensor",
                                    archive->path, available - next);
}

static mlp_status parse_tensors(struct safetensors *archive)
{
    const char *key;
    json_t *value;
    const size_t header_size = (size_t)archive->file[0] | (size_t)archive->file[1] << 8 |
                               (size_t)archive->file[2] << 16 | (size_t)archive->file[3] << 24;
    const size_t available = archive->file_size - LENGTH_BYTES - header_size;
    const unsigned char *data = archive->file + LENGTH_BYTES + header_size;
    archive->tensors = memory_allocate(json_object_size(archive->header), sizeof *archive->tensors);
    if (archive->tensors == NULL) {
        return MLP_ERROR_MEMORY;
    }
    json_object_foreach(archive->header, key, value)
    {
        if (strcmp(key, "__metadata__") == 0) {
            TRY(check_metadata(archive, value));
            continue;
        }
        struct safetensor *tensor = &archive->tensors[archive->count++];
        tensor->name = key;
        TRY(parse_tensor(archive, value, available, tensor));
        tensor->bytes = data + tensor->begin;
    }
    return check_cover(archive, available);
}

mlp_status safetensors_open(const char *path, struct safetensors *archive)
{
    *archive = (struct safetensors){ .path = path };
    TRY(whole_file_read(path, &archive->file, &archive->file_size));
    TRY(parse_header(archive));
    TRY(parse_tensors(archive));
    if (archive->count > 0) {
        qsort(archive->tensors, archive->count, sizeof archive->tensors[0], by_name);
    }
    return MLP_OK;
}

void safetensors_close(struct safetensors *archive)
{
    json_decref(archive->header);
    memory_free(archive->tensors);
    memory_free(archive->file);
    *archive = (struct safetensors){ 0 };
}

const struct safetensor *safetensors_find(const struct safetensors *archive, const char *name)
{
    const struct safetensor wanted = { .name = name };
    return archive->count > 0
               ? bsearch(&wanted, archive->tensors, archive->count, sizeof archive->tensors[0], by_name)
               : NULL;
}

const char *safetensors_metadata(const struct safetensors *archive, const char *key)
{
    return json_string_value(json_object_get(json_object_get(archive->header, "__metadata__"), key));
}

mlp_status safetensor_check_shape(const struct safetensors *archive, const struct safetensor *tensor,
                                  size_t rows, size_t columns)
{
    char came[24 * SAFETENSORS_MAX_RANK] = "", expected[48];
    size_t used = 0;
    const bool fits = columns > 0
                          ? tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns
                          : tensor->rank == 1 && tensor->shape[0] == rows;
    if (fits) {
        return MLP_OK;
    }
    for (size_t d = 0; d < tensor->rank; d++) {
        used +=
            (size_t)snprintf(came + used, sizeof came - used, "%s%zu", d > 0 ? ", " : "", tensor->shape[d]);
    }
    snprintf(expected, sizeof expected, columns > 0 ? "%zu, %zu" : "%zu", rows, columns);
    return fail(MLP_ERROR_SHAPE, "%s: tensor '%.64s' is of shape [%s], expected [%s]", archive->path,
                tensor->name, came, expected);
}

mlp_status safetensors_require(const struct safetensors *archive, const char *name, size_t rows,
                               size_t columns, const struct safetensor **tensor)
{
    *tensor = safetensors_find(archive, name);
    return *tensor != NULL ? safetensor_check_shape(archive, *tensor, rows, columns)
                           : fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s' is missing", archive->path, name);
}

mlp_status safetensor_floats(const struct safetensors *archive, const struct safetensor *tensor, float *out)
{
    float (*to_float)(const unsigned char *bytes) = types[tensor->dtype].to_float;
    if (to_float == NULL) {
        return fail(MLP_ERROR_UNSUPPORTED, "%s: tensor '%.64s' is of type %s, expected F32, F16 or BF16",
                    archive->path, tensor->name, types[tensor->dtype].name);
    }
    for (size_t i = 0; i < tensor->elements; i++) {
        out[i] = to_float(tensor->bytes + i * types[tensor->dtype].size);
    }
    return MLP_OK;
}

mlp_status safetensor_doubles(const struct safetensors *archive, const struct safetensor *tensor, double *out)
{
    if (strcmp(types[tensor->dtype].name, "F64") != 0) {
        return fail(MLP_ERROR_UNSUPPORTED, "%s: tensor '%.64s' is of type %s, expected F64", archive->path,
                    tensor->name, types[tensor->dtype].name);
    }
    for (size_t i = 0; i < tensor->elements; i++) {
        uint64_t bits = 0;
        for (int b = 0; b < 8; b++) {
            bits |= (uint64_t)tensor->bytes[8 * i + (size_t)b] << (8 * b);
        }
        memcpy(&out[i], &bits, sizeof bits);
    }
    return MLP_OK;
}
