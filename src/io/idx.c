/* IDX, MNIST's file format: two zero bytes, a type, the number of dimensions, big-endian sizes, then the
 * values. */
#include "base/platform.h"
#include "base/status.h"
#include "io/data_format.h"
#include "io/number_array.h"

enum { HEADER_SIZE = 4, SIZE_BYTES = 4 };

static const struct {
    unsigned char code;
    enum value_kind kind;
    size_t size;
} types[] = { { 0x08, VALUE_UNSIGNED, 1 }, { 0x09, VALUE_SIGNED, 1 }, { 0x0B, VALUE_SIGNED, 2 },
              { 0x0C, VALUE_SIGNED, 4 },   { 0x0D, VALUE_FLOAT, 4 },  { 0x0E, VALUE_FLOAT, 8 } };

static mlp_status set_type(const char *path, unsigned char code, struct number_array *a)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].code == code) {
            a->kind = types[i].kind;
            a->size = types[i].size;
            return MLP_OK;
        }
    }
    return fail(MLP_ERROR_FORMAT,
                "%s: IDX values of type %02x, expected 08 (unsigned byte), 09 (signed byte), 0b (short), 0c "
                "(int), 0d (float) or 0e (double)",
                path, (unsigned)code);
}

static mlp_status read_header(struct byte_reader *reader, struct number_array *a)
{
    unsigned char header[HEADER_SIZE], size[SIZE_BYTES];
    const char *path = byte_reader_path(reader);
    TRY(byte_reader_exact(reader, header, sizeof header, "the IDX header"));
    FAIL_IF(header[0] != 0 || header[1] != 0, MLP_ERROR_FORMAT,
            "%s: not an IDX file: it begins with %02x %02x, expected 00 00", path, header[0], header[1]);
    *a = (struct number_array){ .big_endian = true, .byte_scale = (float)(1.0 / 255.0) };
    TRY(set_type(path, header[2], a));
    FAIL_IF(header[3] == 0, MLP_ERROR_FORMAT, "%s: IDX data of rank 0, expected at least 1", path);
    for (size_t d = 0; d < header[3]; d++) {
        TRY(byte_reader_exact(reader, size, sizeof size, "the IDX sizes"));
        TRY(number_array_add_axis(path, a, read_big_endian_32(size)));
    }
    a->start = HEADER_SIZE + SIZE_BYTES * a->rank;
    return MLP_OK;
}

static mlp_status read_labels(struct byte_reader *reader, const mlp_data_options *options,
                              struct storage *storage)
{
    struct number_array a;
    TRY(read_header(reader, &a));
    FAIL_IF(a.rank != 1, MLP_ERROR_FORMAT, "%s: labels of rank %zu, expected rank 1",
            byte_reader_path(reader), a.rank);
    return number_array_targets(reader, &a, options, storage);
}

mlp_status idx_load(const struct data_file *file, struct storage *storage)
{
    struct number_array a;
    TRY(read_header(file->bytes, &a));
    TRY(number_array_features(file->bytes, &a, file->options, storage));
    return data_file_labels(file, read_labels, storage);
}
