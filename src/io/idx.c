/* IDX, MNIST's file format: two zero bytes, a type, the number of dimensions, big-endian sizes, then the
 * values. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/data_format.h"
#include "io/unpacked_file.h"
#include "linalg/blas.h"

#define BYTE_SCALE ((float)(1.0 / 255.0))

enum { TYPE_BYTE = 0x08, TYPE_FLOAT = 0x0D, HEADER_SIZE = 4, SIZE_BYTES = 4, PIECE = 1 << 16 };

struct idx {
    int type;
    size_t rank;
    size_t count; /* samples: the first dimension */
    size_t width; /* values of a sample: the product of the others */
    void *values; /* count × width, bytes or floats */
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
    FAIL_IF(header[0] != 0 || header[1] != 0, MLP_ERROR_FORMAT,
            "%s: not an IDX file: it begins with %02x %02x, expected 00 00", path, header[0], header[1]);
    idx->type = header[2];
    idx->rank = header[3];
    FAIL_IF(idx->type != TYPE_BYTE && idx->type != TYPE_FLOAT, MLP_ERROR_FORMAT,
            "%s: IDX values of type %02x (%s), expected 08 (unsigned byte) or 0d (float)", path,
            (unsigned)idx->type, type_name(idx->type));
    FAIL_IF(idx->rank == 0, MLP_ERROR_FORMAT, "%s: IDX data of rank 0, expected at least 1", path);
    idx->width = 1;
    for (size_t d = 0; d < idx->rank; d++) {
        TRY(byte_reader_exact(reader, size, sizeof size, "the IDX sizes"));
        const size_t extent = big_endian(size);
        FAIL_IF(extent == 0, MLP_ERROR_FORMAT, "%s: IDX dimension %zu is 0, expected at least 1", path, d);
        if (d == 0) {
            idx->count = extent;
        } else if (!size_multiply(idx->width, extent, &idx->width) || idx->width > BLAS_SIZE_LIMIT) {
            return fail(MLP_ERROR_FORMAT, "%s: the IDX sizes of a sample multiply to more than %zu", path,
                        BLAS_SIZE_LIMIT);
        }
    }
    return MLP_OK;
}

/* Makes floats the machine's; `first` of the file's values came before these. */
static mlp_status take_floats(const char *path, float *values, size_t first, size_t count, size_t width)
{
    floats_from_big_endian(values, count);
    for (size_t i = 0; i < count; i++) {
        FAIL_IF(!isfinite(values[i]), MLP_ERROR_FORMAT,
                "%s: value %zu of sample %zu is %g, expected a finite number", path, (first + i) % width,
                (first + i) / width, (double)values[i]);
    }
    return MLP_OK;
}

static mlp_status size_of_values(const char *path, const struct idx *idx, size_t *count, size_t *bytes)
{
    FAIL_IF(!size_multiply(idx->count, idx->width, count) ||
                !size_multiply(*count, idx->type == TYPE_FLOAT ? sizeof(float) : 1, bytes) ||
                *bytes > PTRDIFF_MAX / 2,
            MLP_ERROR_FORMAT, "%s: the IDX sizes multiply to more than memory or a file can hold", path);
    return MLP_OK;
}

static mlp_status read_values(struct byte_reader *reader, struct idx *idx)
{
    const char *path = byte_reader_path(reader);
    size_t count, bytes;
    TRY(size_of_values(path, idx, &count, &bytes));
    TRY(byte_reader_array(reader, bytes, "values", &idx->values));
    TRY(byte_reader_at_end(reader));
    return idx->type == TYPE_FLOAT ? take_floats(path, idx->values, 0, count, idx->width) : MLP_OK;
}

/* The whole file from its beginning; idx->values is the caller's, also on failure. */
static mlp_status read_idx(struct byte_reader *reader, struct idx *idx)
{
    *idx = (struct idx){ 0 };
    TRY(read_header(reader, idx));
    return read_values(reader, idx);
}

static mlp_status check_labels(const char *path, const struct idx *idx, size_t count)
{
    FAIL_IF(idx->type != TYPE_BYTE || idx->rank != 1, MLP_ERROR_FORMAT,
            "%s: labels of rank %zu and type %02x, expected rank 1 and type 08", path, idx->rank,
            (unsigned)idx->type);
    FAIL_IF(idx->count != count, MLP_ERROR_FORMAT, "%s: %zu labels, expected one for each of the %zu samples",
            path, idx->count, count);
    return MLP_OK;
}

/* Class indices, of which there must be as many as samples. */
static mlp_status take_labels(const char *path, const struct idx *idx, struct storage *storage)
{
    TRY(check_labels(path, idx, storage->count));
    int32_t *classes = memory_allocate(idx->count, sizeof *classes);
    storage->classes = storage->owned[STORAGE_TARGETS] = classes;
    REQUIRE_MEMORY(classes);
    for (size_t i = 0; i < idx->count; i++) {
        const size_t class = ((const unsigned char *)idx->values)[i];
        classes[i] = (int32_t) class;
        storage->class_count = class + 1 > storage->class_count ? class + 1 : storage->class_count;
    }
    return MLP_OK;
}

static mlp_status load_labels(const char *path, size_t unpack_limit, struct storage *storage)
{
    struct byte_reader *reader;
    struct idx idx;
    TRY(byte_reader_open(path, unpack_limit, &reader));
    mlp_status status = read_idx(reader, &idx);
    status = status == MLP_OK ? take_labels(path, &idx, storage) : status;
    memory_free(idx.values);
    byte_reader_close(reader);
    return status;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static mlp_status load_features(struct byte_reader *reader, struct storage *storage)
{
    struct idx idx;
    const mlp_status status = read_idx(reader, &idx);
    storage->count = idx.count;
    storage->inputs = idx.width;
    storage->owned[STORAGE_FEATURES] = idx.values;
    storage->features = idx.type == TYPE_FLOAT ? idx.values : NULL;
    storage->bytes = idx.type == TYPE_BYTE ? idx.values : NULL;
    storage->byte_scale = BYTE_SCALE;
    return status;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* Goes through the values: floats are checked, and all are copied to where they can be read at any place,
 * unless they can be where they lie (copy NULL). */
static mlp_status walk_values(struct byte_reader *reader, const struct idx *idx, size_t bytes,
                              struct unpacked_file *copy)
{
    float piece[PIECE / sizeof(float)];
    for (size_t done = 0; done < bytes; done += sizeof piece) {
        const size_t size = bytes - done < sizeof piece ? bytes - done : sizeof piece;
        TRY(byte_reader_piece(reader, piece, size, done, bytes, "values"));
        if (idx->type == TYPE_FLOAT) {
            TRY(take_floats(byte_reader_path(reader), piece, done / sizeof(float), size / sizeof(float),
                            idx->width));
        }
        if (copy != NULL) {
            TRY(unpacked_file_append(copy, piece, size));
        }
    }
    return byte_reader_at_end(reader);
}

static mlp_status unpack(struct byte_reader *reader, const struct idx *idx, size_t bytes, const char *folder,
                         int *descriptor)
{
    struct unpacked_file copy;
    mlp_status status = unpacked_file_create(byte_reader_path(reader), folder, &copy);
    status = status == MLP_OK ? walk_values(reader, idx, bytes, &copy) : status;
    status = status == MLP_OK ? unpacked_file_take(&copy, descriptor) : status;
    unpacked_file_close(&copy);
    return status;
}

/* Whatever their values, bytes are fine, so their number is all there is to check. */
static mlp_status check_in_place(struct byte_reader *reader, const struct idx *idx, size_t start,
                                 size_t bytes, size_t file_size)
{
    return idx->type == TYPE_BYTE && file_size == start + bytes ? MLP_OK
                                                                : walk_values(reader, idx, bytes, NULL);
}

static mlp_status open_values(struct byte_reader *reader, const struct idx *idx, const char *folder,
                              struct storage *storage)
{
    const char *path = byte_reader_path(reader);
    const size_t start = HEADER_SIZE + SIZE_BYTES * idx->rank;
    size_t count, bytes, file_size;
    TRY(size_of_values(path, idx, &count, &bytes));
    int descriptor = byte_reader_regular_file(reader, &file_size);
    const bool in_place = descriptor >= 0;
    const mlp_status status = in_place ? check_in_place(reader, idx, start, bytes, file_size)
                                       : unpack(reader, idx, bytes, folder, &descriptor);
    if (status != MLP_OK) {
        if (in_place) {
            close(descriptor);
        }
        return status;
    }
    const enum feature_kind floats = in_place ? FEATURE_FLOATS_BIG_ENDIAN : FEATURE_FLOATS;
    const struct feature_file layout = { .start = in_place ? start : 0,
                                         .inputs = idx->width,
                                         .kind = idx->type == TYPE_BYTE ? FEATURE_BYTES : floats,
                                         .scale = BYTE_SCALE };
    storage->count = idx->count;
    storage->inputs = idx->width;
    storage->file = feature_file_make(descriptor, path, &layout);
    return storage->file != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status open_features(struct byte_reader *reader, const char *folder, struct storage *storage)
{
    struct idx idx = { 0 };
    TRY(read_header(reader, &idx));
    return open_values(reader, &idx, folder, storage);
}

mlp_status idx_load(const struct data_file *file, struct storage *storage)
{
    const mlp_data_options *options = file->options;
    TRY(options->stream != 0 ? open_features(file->bytes, options->folder, storage)
                             : load_features(file->bytes, storage));
    return options->labels_path != NULL ? load_labels(options->labels_path, options->unpack_limit, storage)
                                        : MLP_OK;
}
