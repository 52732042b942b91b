/* IDX, MNIST's file format: two zero bytes, a type, the number of dimensions, big-endian sizes, then the values. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "data/data.h"
#include "io/byte_reader.h"
#include "linalg/blas.h"

enum { TYPE_BYTE = 0x08, TYPE_FLOAT = 0x0D, HEADER_SIZE = 4, SIZE_BYTES = 4 };

struct idx {
    int type;
    size_t rank;
    size_t count;  /* samples: the first dimension */
    size_t width;  /* values of a sample: the product of the others */
    void *values;  /* count × width, bytes or floats */
};

static size_t big_endian(const unsigned char bytes[4])
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static const char *type_name(int type)
{
    static const struct {
        int type;
        const char *name;
    } known[] = { { 0x09, "signed byte" }, { 0x0B, "short" }, { 0x0C, "int" }, { 0x0E, "double" } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].type == type) {
            return known[i].name;
        }
    }
    return "unknown";
}

static mlp_status read_header(struct byte_reader *reader, struct idx *idx)
{
    unsigned char header[HEADER_SIZE], size[SIZE_BYTES];
    const char *path = byte_reader_path(reader);
    TRY(byte_reader_exact(reader, header, sizeof header, "the IDX header"));
    if (header[0] != 0 || header[1] != 0) {
        return fail(MLP_ERROR_FORMAT, "%s: not an IDX file: it begins with %02x %02x, expected 00 00", path, header[0],
                    header[1]);
    }
    idx->type = header[2];
    idx->rank = header[3];
    if (idx->type != TYPE_BYTE && idx->type != TYPE_FLOAT) {
        return fail(MLP_ERROR_FORMAT, "%s: IDX values of type %02x (%s), expected 08 (unsigned byte) or 0d (float)",
                    path, (unsigned)idx->type, type_name(idx->type));
    }
    if (idx->rank == 0) {
        return fail(MLP_ERROR_FORMAT, "%s: IDX data of rank 0, expected at least 1", path);
    }
    idx->width = 1;
    for (size_t d = 0; d < idx->rank; d++) {
        TRY(byte_reader_exact(reader, size, sizeof size, "the IDX sizes"));
        const size_t extent = big_endian(size);
        if (extent == 0) {
            return fail(MLP_ERROR_FORMAT, "%s: IDX dimension %zu is 0, expected at least 1", path, d);
        }
        if (d == 0) {
            idx->count = extent;
        } else if (!size_multiply(idx->width, extent, &idx->width) || idx->width > BLAS_SIZE_LIMIT) {
            return fail(MLP_ERROR_FORMAT, "%s: the IDX sizes of a sample multiply to more than %zu", path,
                        BLAS_SIZE_LIMIT);
        }
    }
    return MLP_OK;
}

static void float_from_big_endian(unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)big_endian(bytes + 4 * i);
        memcpy(bytes + 4 * i, &bits, 4);
    }
}

static mlp_status check_floats(const char *path, const float *values, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return fail(MLP_ERROR_FORMAT, "%s: value %zu of sample %zu is %g, expected a finite number", path,
                        i % width, i / width, (double)values[i]);
        }
    }
    return MLP_OK;
}

static mlp_status read_values(struct byte_reader *reader, struct idx *idx)
{
    size_t count, bytes;
    if (!size_multiply(idx->count, idx->width, &count) ||
        !size_multiply(count, idx->type == TYPE_FLOAT ? sizeof(float) : 1, &bytes)) {
        return fail(MLP_ERROR_FORMAT, "%s: the IDX sizes multiply to more than memory can hold",
                    byte_reader_path(reader));
    }
    TRY(byte_reader_array(reader, bytes, "values", &idx->values));
    TRY(byte_reader_at_end(reader));
    if (idx->type == TYPE_FLOAT) {
        float_from_big_endian(idx->values, count);
        return check_floats(byte_reader_path(reader), idx->values, count, idx->width);
    }
    return MLP_OK;
}

/* The whole file; idx->values is the caller's, NULL on failure. */
static mlp_status read_idx(const char *path, struct idx *idx)
{
    struct byte_reader *reader;
    *idx = (struct idx){ 0 };
    TRY(byte_reader_open(path, &reader));
    mlp_status status = read_header(reader, idx);
    if (status == MLP_OK) {
        status = read_values(reader, idx);
    }
    byte_reader_close(reader);
    if (status != MLP_OK) {
        memory_free(idx->values);
        idx->values = NULL;
    }
    return status;
}

/* Class indices of a label file, which must hold `count` of them. */
static mlp_status read_labels(const char *path, size_t count, int32_t **classes, size_t *class_count)
{
    struct idx idx;
    TRY(read_idx(path, &idx));
    mlp_status status = MLP_OK;
    if (idx.type != TYPE_BYTE || idx.rank != 1) {
        status = fail(MLP_ERROR_FORMAT, "%s: labels of rank %zu and type %02x, expected rank 1 and type 08", path,
                      idx.rank, (unsigned)idx.type);
    } else if (idx.count != count) {
        status = fail(MLP_ERROR_FORMAT, "%s: %zu labels, expected one for each of the %zu samples", path, idx.count,
                      count);
    } else {
        *classes = memory_allocate(count, sizeof(int32_t));
        status = *classes != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    *class_count = 0;
    for (size_t i = 0; i < count && status == MLP_OK; i++) {
        const size_t class = ((const unsigned char *)idx.values)[i];
        (*classes)[i] = (int32_t)class;
        *class_count = class + 1 > *class_count ? class + 1 : *class_count;
    }
    memory_free(idx.values);
    return status;
}

mlp_status mlp_data_load_idx(const char *features_path, const char *labels_path, mlp_data **data)
{
    struct idx idx;
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(features_path);
    struct storage *storage = memory_allocate(1, sizeof *storage);
    if (storage == NULL) {
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = read_idx(features_path, &idx);
    if (status == MLP_OK) {
        storage->count = idx.count;
        storage->inputs = idx.width;
        storage->owned[0] = idx.values;
        storage->features = idx.type == TYPE_FLOAT ? idx.values : NULL;
        storage->bytes = idx.type == TYPE_BYTE ? idx.values : NULL;
        storage->byte_scale = (float)(1.0 / 255.0);
    }
    if (status == MLP_OK && labels_path != NULL) {
        int32_t *classes = NULL;
        status = read_labels(labels_path, idx.count, &classes, &storage->class_count);
        storage->classes = classes;
        storage->owned[1] = classes;
    }
    if (status != MLP_OK) {
        storage_free(storage);
        return status;
    }
    return data_from_storage(storage, data);
}
