/* Reading safetensors: nothing is believed before it is checked, and nothing is read before it is asked
 * for. */
#include "io/safetensors.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/safetensors_checksum.h"

/* ---- header -------------------------------------------------------------------------------------------- */

static mlp_status bad(const struct safetensors *archive, const char *tensor, const char *what)
{
    return tensor != NULL ? fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s': %s", archive->path, tensor, what)
                          : fail(MLP_ERROR_FORMAT, "%s: %s", archive->path, what);
}

static mlp_status read_header(struct safetensors *archive, size_t *length)
{
    unsigned char bytes[SAFETENSORS_LENGTH_BYTES];
    uint64_t claimed = 0;
    if (archive->source->size < sizeof bytes) {
        return bad(archive, NULL, "not a safetensors file: it is shorter than 8 bytes");
    }
    TRY(byte_source_read(archive->source, 0, bytes, sizeof bytes));
    for (size_t i = sizeof bytes; i-- > 0;) {
        claimed = claimed << 8 | bytes[i];
    }
    FAIL_IF(claimed > SAFETENSORS_MAX_HEADER, MLP_ERROR_FORMAT,
            "%s: not a safetensors file: the header's length is %llu, expected at most %d", archive->path,
            (unsigned long long)claimed, SAFETENSORS_MAX_HEADER);
    FAIL_IF(claimed > archive->source->size - sizeof bytes, MLP_ERROR_FORMAT,
            "%s: the header is longer than the file: %llu bytes, %zu are left", archive->path,
            (unsigned long long)claimed, archive->source->size - sizeof bytes);
    *length = (size_t)claimed;
    archive->data = sizeof bytes + *length;
    archive->header = memory_allocate(*length + 1, 1);
    REQUIRE_MEMORY(archive->header);
    TRY(byte_source_read(archive->source, sizeof bytes, archive->header, *length));
    return archive->header[0] == '{'
               ? MLP_OK
               : bad(archive, NULL, "not a safetensors file: the header does not begin with {");
}

/* Of the whole file, where it has one. */
static mlp_status check_checksum(struct safetensors *archive, size_t length)
{
    struct checksum checksum;
    char text[CHECKSUM_DIGITS + 1];
    if (!checksum_is_there(archive->header, length)) {
        return MLP_OK;
    }
    checksum_begin(&checksum, archive->header, length);
    for (size_t offset = archive->data; offset < archive->source->size;) {
        const size_t left = archive->source->size - offset, room = SAFETENSORS_PIECE * sizeof(float),
                     size = left < room ? left : room;
        TRY(byte_source_read(archive->source, offset, archive->piece, size));
        checksum_add(&checksum, archive->piece, size);
        offset += size;
    }
    checksum_end(&checksum, text);
    archive->has_checksum = memcmp(text, checksum_digits(archive->header), CHECKSUM_DIGITS) == 0;
    return archive->has_checksum
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT, "%s: is damaged: its checksum is %.16s, its bytes give %s",
                      archive->path, checksum_digits(archive->header), text);
}

static mlp_status parse_shape(const struct safetensors *archive, const struct json_node *shape,
                              struct safetensor *tensor)
{
    if (shape == NULL || shape->type != NODE_ARRAY) {
        return bad(archive, tensor->name, "shape is not an array");
    }
    tensor->rank = shape->count;
    tensor->elements = 1;
    if (tensor->rank > SAFETENSORS_MAX_RANK) {
        return bad(archive, tensor->name, "shape has more than 8 dimensions");
    }
    const struct json_node *entry = node_first(shape);
    for (size_t d = 0; d < tensor->rank; d++, entry = node_next(entry)) {
        if (!node_whole(entry, &tensor->shape[d])) {
            return bad(archive, tensor->name, "shape has an entry that is not a whole number of at least 0");
        }
        if (!size_multiply(tensor->elements, tensor->shape[d], &tensor->elements)) {
            return bad(archive, tensor->name, "shape multiplies to more than memory can hold");
        }
    }
    return MLP_OK;
}

static mlp_status parse_type(const struct safetensors *archive, const struct json_node *dtype,
                             struct safetensor *tensor)
{
    const char *name = node_text(dtype);
    if (name == NULL) {
        return bad(archive, tensor->name, "dtype is not a text");
    }
    tensor->type = tensor_type_of(name);
    if (tensor->type != NULL) {
        return MLP_OK;
    }
    return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s': unknown dtype '%.16s'", archive->path, tensor->name,
                name);
}

static mlp_status parse_offsets(const struct safetensors *archive, const struct json_node *offsets,
                                struct safetensor *tensor)
{
    const size_t available = archive->source->size - archive->data;
    size_t bytes;
    if (offsets == NULL || offsets->type != NODE_ARRAY || offsets->count != 2 ||
        !node_whole(node_first(offsets), &tensor->begin) ||
        !node_whole(node_next(node_first(offsets)), &tensor->end)) {
        return bad(archive, tensor->name, "data_offsets are not two whole numbers of at least 0");
    }
    if (tensor->begin > tensor->end) {
        return bad(archive, tensor->name, "data_offsets end before they begin");
    }
    FAIL_IF(tensor->end > available, MLP_ERROR_FORMAT,
            "%s: tensor '%.64s': data_offsets reach beyond the file: to %zu, %zu bytes are "
            "there",
            archive->path, tensor->name, tensor->end, available);
    FAIL_IF(!size_multiply(tensor->elements, tensor->type->size, &bytes) ||
                bytes != tensor->end - tensor->begin,
            MLP_ERROR_FORMAT,
            "%s: tensor '%.64s': data_offsets span %zu bytes, expected the product of shape "
            "(%zu) times the %zu bytes of %s",
            archive->path, tensor->name, tensor->end - tensor->begin, tensor->elements, tensor->type->size,
            tensor->type->name);
    return MLP_OK;
}

static mlp_status parse_tensor(const struct safetensors *archive, const struct json_node *entry,
                               struct safetensor *tensor)
{
    if (entry->type != NODE_OBJECT) {
        return bad(archive, tensor->name, "its entry is not an object");
    }
    TRY(parse_type(archive, node_member(entry, "dtype"), tensor));
    TRY(parse_shape(archive, node_member(entry, "shape"), tensor));
    return parse_offsets(archive, node_member(entry, "data_offsets"), tensor);
}

static mlp_status take_metadata(struct safetensors *archive, const struct json_node *metadata)
{
    if (metadata->type != NODE_OBJECT) {
        return bad(archive, NULL, "__metadata__ is not an object");
    }
    const struct json_node *key = node_first(metadata);
    for (size_t i = 0; i < metadata->count; i++, key = node_next(key + 1)) {
        FAIL_IF(key[1].type != NODE_TEXT, MLP_ERROR_FORMAT, "%s: __metadata__ '%.64s' is not a text",
                archive->path, key->text);
    }
    archive->metadata = metadata;
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
static mlp_status check_cover(struct safetensors *archive)
{
    const size_t available = archive->source->size - archive->data;
    size_t next = 0;
    if (archive->count > 0) {
        qsort(archive->tensors, archive->count, sizeof archive->tensors[0], by_begin);
    }
    for (size_t i = 0; i < archive->count; i++) {
        const struct safetensor *tensor = &archive->tensors[i];
        if (tensor->begin != next) {
            const char *gap =
                tensor->begin > next ? "there is a hole before it" : "it overlaps another tensor";
            return fail(MLP_ERROR_FORMAT, "%s: tensor '%.64s': %s: it begins at offset %zu, expected %zu",
                        archive->path, tensor->name,
                        i == 0 ? "the first tensor does not begin at offset 0" : gap, tensor->begin, next);
        }
        next = tensor->end;
    }
    return next == available ? MLP_OK
                             : fail(MLP_ERROR_FORMAT, "%s: there are %zu bytes after the last tensor",
                                    archive->path, available - next);
}

static mlp_status parse_header(struct safetensors *archive, size_t length)
{
    TRY(json_read(archive->path, "the header", archive->header, length, &archive->document));
    const struct json_node *root = archive->document.nodes, *key = node_first(root);
    archive->tensors = memory_allocate(root->count, sizeof *archive->tensors);
    REQUIRE_MEMORY(archive->tensors);
    for (size_t i = 0; i < root->count; i++, key = node_next(key + 1)) {
        if (strcmp(key->text, "__metadata__") == 0) {
            TRY(take_metadata(archive, key + 1));
            continue;
        }
        struct safetensor *tensor = &archive->tensors[archive->count++];
        tensor->name = key->text;
        TRY(parse_tensor(archive, key + 1, tensor));
    }
    return check_cover(archive);
}

mlp_status safetensors_open(const struct byte_source *source, struct safetensors *archive)
{
    size_t length = 0;
    *archive = (struct safetensors){ .source = source, .path = source->name };
    TRY(read_header(archive, &length));
    archive->piece = memory_allocate(SAFETENSORS_PIECE, sizeof *archive->piece);
    REQUIRE_MEMORY(archive->piece);
    TRY(check_checksum(archive, length));
    TRY(parse_header(archive, length));
    if (archive->count > 0) {
        qsort(archive->tensors, archive->count, sizeof archive->tensors[0], by_name);
    }
    return MLP_OK;
}

void safetensors_close(struct safetensors *archive)
{
    json_document_free(&archive->document);
    memory_free(archive->tensors);
    memory_free(archive->piece);
    memory_free(archive->header);
    *archive = (struct safetensors){ 0 };
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

const struct safetensor *safetensors_find(const struct safetensors *archive, const char *name)
{
    const struct safetensor wanted = { .name = name };
    return archive->count > 0
               ? bsearch(&wanted, archive->tensors, archive->count, sizeof archive->tensors[0], by_name)
               : NULL;
}

const char *safetensors_metadata(const struct safetensors *archive, const char *key)
{
    return node_text(node_member(archive->metadata, key));
}

mlp_status safetensors_metadata_json(const struct safetensors *archive, const char *key,
                                     struct json_document *document)
{
    char *text = (char *)(uintptr_t)safetensors_metadata(archive, key); /* in the header, which is ours */
    char what[96];
    *document = (struct json_document){ 0 };
    FAIL_IF(text == NULL, MLP_ERROR_FORMAT, "%s: metadata '%s' is missing", archive->path, key);
    snprintf(what, sizeof what, "metadata '%s'", key);
    return json_read(archive->path, what, text, strlen(text), document);
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
