/* Arrays of numbers in files as features. */
#include "io/number_array.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/memory.h"
#include "base/nonfinite.h"
#include "base/number_bits.h"
#include "base/read_at.h"
#include "base/status.h"
#include "data/schema.h"
#include "io/number_value.h"
#include "io/offset.h"
#include "io/unpacked_file.h"
#include "linalg/blas.h"

enum {
    PIECE = 1 << 12 /* values */,
    TILE_ROWS = 64,
    BLOCK_VALUES = 1 << 18,
    HEAD_ROWS = 2000, /* by which offsets are learnt */
    HEAD_BYTES = 1 << 22
};

/* ---- shape and values ---------------------------------------------------------------------------------- */

mlp_status number_array_add_axis(const char *path, struct number_array *a, size_t extent)
{
    FAIL_IF(extent == 0, MLP_ERROR_FORMAT, "%s: dimension %zu is 0, expected at least 1", path, a->rank);
    if (a->rank++ == 0) {
        a->count = extent;
        a->width = 1;
        return MLP_OK;
    }
    FAIL_IF(!size_multiply(a->width, extent, &a->width) || a->width > BLAS_SIZE_LIMIT, MLP_ERROR_FORMAT,
            "%s: the sizes of a sample multiply to more than %zu", path, BLAS_SIZE_LIMIT);
    return MLP_OK;
}

mlp_status number_array_bytes(const char *path, const struct number_array *a, size_t *bytes)
{
    size_t count;
    FAIL_IF(!size_multiply(a->count, a->width, &count) || !size_multiply(count, sizeof(double), bytes) ||
                *bytes > PTRDIFF_MAX / 2,
            MLP_ERROR_FORMAT, "%s: the sizes multiply to more than memory or a file can hold", path);
    *bytes = count * a->size;
    return MLP_OK;
}

bool number_array_whole(const struct number_array *a, const unsigned char *bytes, int64_t *value)
{
    const uint64_t bits = bits_of_bytes(bytes, a->size, a->big_endian);
    *value = a->kind == VALUE_SIGNED ? value_signed(bits, a->size) : (int64_t)bits;
    return a->kind == VALUE_SIGNED || bits <= (uint64_t)INT64_MAX;
}

/* The value of a sample's place `j`, less its offset. */
static float value_of(const struct number_array *a, size_t j, const unsigned char *bytes)
{
    if (a->offsets == NULL) {
        return value_float(a, bytes);
    }
    return (float)(value_double(a, bytes) - a->offsets[j]);
}

/* ---- offsets ------------------------------------------------------------------------------------------- */

/* Samples by which offsets are learnt. */
static size_t head_rows(const struct number_array *a)
{
    const size_t fit = HEAD_BYTES / a->size / a->width, most = fit < HEAD_ROWS ? fit : (size_t)HEAD_ROWS,
                 rows = most > 0 ? most : 1;
    return a->count < rows ? a->count : rows;
}

/* From `rows` samples, whose values are `row` places apart, those of a sample `step`. */
static void learn_offsets(const struct number_array *a, const unsigned char *values, size_t rows, size_t row,
                          size_t step)
{
    if (!a->learns) {
        return;
    }
    for (size_t j = 0; j < a->width; j++) {
        struct offset_sums sums = { 0 };
        for (size_t r = 0; r < rows; r++) {
            offset_add(&sums, value_double(a, values + (r * row + j * step) * a->size));
        }
        a->offsets[j] = offset_of_sums(&sums);
    }
}

/* `first`: values of the array before these, sample after sample. */
static mlp_status check_finite(const char *path, const struct number_array *a, const float *values,
                               size_t first, size_t count)
{
    const size_t i = nonfinite_find(values, count);
    FAIL_IF(i < count, MLP_ERROR_FORMAT, "%s: value %zu of sample %zu is %g, expected a finite number", path,
            (first + i) % a->width, (first + i) / a->width, (double)values[i]);
    return MLP_OK;
}

/* ---- sample after sample ------------------------------------------------------------------------------- */

static bool is_transposed(const struct number_array *a)
{
    return a->fortran && a->width > 1 && a->count > 1;
}

static bool keeps_bytes(const struct number_array *a)
{
    return a->kind == VALUE_UNSIGNED && a->size == 1 && !is_transposed(a) && a->offsets == NULL;
}

/* Where values go as they are read: floats to the end of an array, values as they are kept to a file, or
 * nowhere where they are only looked at. */
struct sink {
    struct array *floats;
    struct unpacked_file *file;
};

static mlp_status put(const struct sink *sink, const void *values, size_t count, size_t size)
{
    if (sink->floats != NULL) {
        TRY(array_append(sink->floats, values, count, size));
    }
    return sink->file != NULL ? unpacked_file_append(sink->file, values, count * size) : MLP_OK;
}

/* Values `done` … `done + count − 1` become floats. */
static void convert(const struct number_array *a, const unsigned char *piece, size_t done, size_t count,
                    float *values)
{
    if (a->offsets == NULL) {
        for (size_t i = 0; i < count; i++) {
            values[i] = value_float(a, piece + i * a->size);
        }
        return;
    }
    for (size_t i = 0, j = done % a->width; i < count; i++, j = j + 1 < a->width ? j + 1 : 0) {
        values[i] = value_of(a, j, piece + i * a->size);
    }
}

/* Where bytes come from: first those that were read ahead. */
struct ahead {
    unsigned char *bytes;
    size_t size, done;
};

static mlp_status next_piece(struct byte_reader *reader, struct ahead *ahead, unsigned char *piece,
                             size_t size, size_t done, size_t total)
{
    const size_t left = ahead->size - ahead->done, taken = size < left ? size : left;
    if (taken > 0) {
        memcpy(piece, ahead->bytes + ahead->done, taken);
        ahead->done += taken;
    }
    return taken < size
               ? byte_reader_piece(reader, piece + taken, size - taken, done + taken, total, "values")
               : MLP_OK;
}

/* Reads all values; with `as_bytes` they stay what they are in the file. */
static mlp_status walk_from(struct byte_reader *reader, struct ahead *ahead, const struct number_array *a,
                            bool as_bytes, const struct sink *sink)
{
    const char *path = byte_reader_path(reader);
    unsigned char piece[PIECE * sizeof(double)];
    float values[PIECE];
    size_t total;
    TRY(number_array_bytes(path, a, &total));
    for (size_t done = 0; done < total;) {
        const size_t left = (total - done) / a->size, count = left < PIECE ? left : (size_t)PIECE;
        TRY(next_piece(reader, ahead, piece, count * a->size, done, total));
        if (as_bytes) {
            TRY(put(sink, piece, count, a->size));
        } else {
            convert(a, piece, done / a->size, count, values);
            TRY(check_finite(path, a, values, done / a->size, count));
            TRY(put(sink, values, count, sizeof(float)));
        }
        done += count * a->size;
    }
    return byte_reader_at_end(reader);
}

static mlp_status walk(struct byte_reader *reader, const struct number_array *a, bool as_bytes,
                       const struct sink *sink)
{
    struct ahead ahead = { 0 };
    if (a->learns && !as_bytes) {
        ahead.size = head_rows(a) * a->width * a->size;
        TRY(byte_reader_array(reader, ahead.size, "values", (void **)&ahead.bytes));
        learn_offsets(a, ahead.bytes, head_rows(a), a->width, 1);
    }
    const mlp_status status = walk_from(reader, &ahead, a, as_bytes, sink);
    memory_free(ahead.bytes);
    return status;
}

/* ---- the first axis fastest ---------------------------------------------------------------------------- */

/* `rows` samples of which each axis but the first is a run of `stride` values. */
static void gather_rows(const struct number_array *a, const unsigned char *runs, size_t stride, size_t rows,
                        float *out)
{
    for (size_t first = 0; first < rows; first += TILE_ROWS) {
        const size_t end = rows - first < TILE_ROWS ? rows : first + TILE_ROWS;
        for (size_t j = 0; j < a->width; j++) {
            for (size_t r = first; r < end; r++) {
                out[r * a->width + j] = value_of(a, j, runs + (j * stride + r) * a->size);
            }
        }
    }
}

static mlp_status load_transposed(struct byte_reader *reader, const struct number_array *a, void **values)
{
    const char *path = byte_reader_path(reader);
    size_t total;
    void *raw;
    TRY(number_array_bytes(path, a, &total));
    TRY(byte_reader_array(reader, total, "values", &raw));
    mlp_status status = byte_reader_at_end(reader);
    if (status == MLP_OK) {
        *values = memory_allocate(a->count * a->width, sizeof(float));
        status = *values != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    if (status == MLP_OK) {
        learn_offsets(a, raw, head_rows(a), 1, a->count);
        gather_rows(a, raw, a->count, a->count, *values);
        status = check_finite(path, a, *values, 0, a->count * a->width);
    }
    memory_free(raw);
    return status;
}

/* Samples first … first + rows − 1 from a file that holds the values alone. */
static mlp_status gather_from_file(const struct number_array *a, const char *path, int descriptor,
                                   size_t first, size_t rows, unsigned char *runs, float *out)
{
    for (size_t j = 0; j < a->width; j++) {
        const size_t got =
            read_at(descriptor, (j * a->count + first) * a->size, runs + j * rows * a->size, rows * a->size);
        FAIL_IF(got < rows * a->size, MLP_ERROR_IO, "%s: the temporary file cannot be read: %s", path,
                errno != 0 ? strerror(errno) : "it has become shorter");
    }
    if (first == 0) {
        learn_offsets(a, runs, rows < head_rows(a) ? rows : head_rows(a), 1, rows);
    }
    gather_rows(a, runs, rows, rows, out);
    return check_finite(path, a, out, first * a->width, rows * a->width);
}

/* Turns the values of a file round into another one, block after block. */
static mlp_status turn(const struct number_array *a, const char *path, int descriptor,
                       struct unpacked_file *file)
{
    const size_t fit = BLOCK_VALUES / a->width, block = fit > 0 ? fit : 1;
    unsigned char *runs = memory_allocate(block * a->width, a->size);
    float *out = memory_allocate(block * a->width, sizeof *out);
    mlp_status status = runs != NULL && out != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    for (size_t first = 0; first < a->count && status == MLP_OK; first += block) {
        const size_t rows = a->count - first < block ? a->count - first : block;
        status = gather_from_file(a, path, descriptor, first, rows, runs, out);
        if (status == MLP_OK) {
            status = unpacked_file_append(file, out, rows * a->width * sizeof *out);
        }
    }
    memory_free(runs);
    memory_free(out);
    return status;
}

static mlp_status stream_transposed(struct byte_reader *reader, const struct number_array *a,
                                    const char *folder, struct unpacked_file *file)
{
    const char *path = byte_reader_path(reader);
    struct unpacked_file raw;
    int descriptor = -1;
    mlp_status status = unpacked_file_create(path, folder, &raw);
    status = status == MLP_OK ? walk(reader, a, true, &(struct sink){ .file = &raw }) : status;
    status = status == MLP_OK ? unpacked_file_take(&raw, &descriptor) : status;
    unpacked_file_close(&raw);
    status = status == MLP_OK ? turn(a, path, descriptor, file) : status;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

/* ---- features ------------------------------------------------------------------------------------------ */

mlp_status number_array_load(struct byte_reader *reader, const struct number_array *a, void **values)
{
    *values = NULL;
    if (is_transposed(a)) {
        return load_transposed(reader, a, values);
    }
    struct array floats = { 0 };
    const mlp_status status = walk(reader, a, false, &(struct sink){ .floats = &floats });
    *values = array_take(&floats);
    return status;
}

static mlp_status load_bytes(struct byte_reader *reader, const struct number_array *a, void **values)
{
    size_t total;
    TRY(number_array_bytes(byte_reader_path(reader), a, &total));
    TRY(byte_reader_array(reader, total, "values", values));
    return byte_reader_at_end(reader);
}

static mlp_status load(struct byte_reader *reader, const struct number_array *a, struct storage *storage)
{
    void **values = &storage->owned[STORAGE_FEATURES];
    if (keeps_bytes(a)) {
        TRY(load_bytes(reader, a, values));
        storage->bytes = *values;
        return MLP_OK;
    }
    TRY(number_array_load(reader, a, values));
    storage->features = *values;
    return MLP_OK;
}

static bool machine_is_big_endian(void)
{
    return bits_of_bytes((const unsigned char *)&(uint32_t){ 1 }, sizeof(uint32_t), true) == 1;
}

/* Whether features can be read where they lie. */
static bool lies_as_needed(const struct number_array *a)
{
    return keeps_bytes(a) || (a->kind == VALUE_FLOAT && a->size == sizeof(float) && !is_transposed(a) &&
                              a->offsets == NULL && (a->big_endian || !machine_is_big_endian()));
}

/* Whatever their values, bytes are fine, so their number is all there is to check. */
static mlp_status check_in_place(struct byte_reader *reader, const struct number_array *a, size_t file_size)
{
    size_t total;
    TRY(number_array_bytes(byte_reader_path(reader), a, &total));
    return keeps_bytes(a) && file_size == a->start + total
               ? MLP_OK
               : walk(reader, a, false, &(struct sink){ NULL, NULL });
}

static mlp_status unpack(struct byte_reader *reader, const struct number_array *a, const char *folder,
                         int *descriptor)
{
    struct unpacked_file file;
    mlp_status status = unpacked_file_create(byte_reader_path(reader), folder, &file);
    if (status == MLP_OK) {
        status = is_transposed(a) ? stream_transposed(reader, a, folder, &file)
                                  : walk(reader, a, keeps_bytes(a), &(struct sink){ .file = &file });
    }
    status = status == MLP_OK ? unpacked_file_take(&file, descriptor) : status;
    unpacked_file_close(&file);
    return status;
}

static mlp_status stream(struct byte_reader *reader, const struct number_array *a, const char *folder,
                         struct storage *storage)
{
    size_t file_size;
    int descriptor = lies_as_needed(a) ? byte_reader_regular_file(reader, &file_size) : -1;
    const bool in_place = descriptor >= 0;
    const mlp_status status =
        in_place ? check_in_place(reader, a, file_size) : unpack(reader, a, folder, &descriptor);
    if (status != MLP_OK) {
        if (in_place) {
            close(descriptor);
        }
        return status;
    }
    const enum feature_kind floats = in_place && a->big_endian ? FEATURE_FLOATS_BIG_ENDIAN : FEATURE_FLOATS;
    const struct feature_file layout = { .start = in_place ? a->start : 0,
                                         .inputs = a->width,
                                         .kind = keeps_bytes(a) ? FEATURE_BYTES : floats,
                                         .scale = a->byte_scale };
    storage->file = feature_file_make(descriptor, byte_reader_path(reader), &layout);
    return storage->file != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

/* Those that a schema has, or room for those to be learnt. */
static mlp_status prepare_offsets(const mlp_data_options *options, struct number_array *a)
{
    const bool wide = a->size > sizeof(float) || (a->size == sizeof(float) && a->kind != VALUE_FLOAT);
    if (options->schema != NULL) {
        return mlp_schema_inputs(options->schema) == a->width ? schema_offsets(options->schema, &a->offsets)
                                                              : MLP_OK;
    }
    a->learns = options->learn_offsets != 0 && wide;
    if (a->learns) {
        a->offsets = memory_allocate(a->width, sizeof *a->offsets);
        REQUIRE_MEMORY(a->offsets);
    }
    return MLP_OK;
}

static bool are_zero(const double *values, size_t count)
{
    size_t i = 0;
    while (i < count && values[i] == 0.0) {
        i++;
    }
    return i == count;
}

mlp_status number_array_features(struct byte_reader *reader, const struct number_array *array,
                                 const mlp_data_options *options, struct storage *storage)
{
    struct number_array a = *array;
    storage->count = a.count;
    storage->inputs = a.width;
    storage->byte_scale = a.byte_scale;
    TRY(prepare_offsets(options, &a));
    storage->owned[STORAGE_OFFSETS] = a.offsets;
    TRY(options->stream != 0 ? stream(reader, &a, options->folder, storage) : load(reader, &a, storage));
    if (a.learns && are_zero(a.offsets, a.width)) {
        memory_free(a.offsets);
        storage->owned[STORAGE_OFFSETS] = NULL;
    }
    return MLP_OK;
}
