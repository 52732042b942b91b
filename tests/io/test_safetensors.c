/* Reading and writing safetensors archives: every rejection by its own message, what is legal, damage,
 * conversions. */
#include "support/support.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_file.h"
#include "base/memory.h"
#include "io/safetensors.h"

static const unsigned char zeros[64];

/* Opens and closes a file; nothing may stay behind. */
static mlp_status open_and_close(const char *path)
{
    struct safetensors archive;
    const size_t live = memory_live_count();
    const mlp_status status = open_archive(path, &archive);
    close_archive(&archive);
    assert_int_equal(memory_live_count(), live);
    return status;
}

static void headers_are_refused(void **unused)
{
    static const struct {
        const char *header;
        size_t data;
        const char *word;    /* in the message */
        const char *subject; /* likewise: the tensor or key at fault */
    } cases[] = {
        { "", 0, "does not begin with {", "" },
        { "[]", 0, "does not begin with {", "" },
        { " {}", 0, "does not begin with {", "" },
        { "{", 0, "is not JSON", "" },
        { "{}{}", 0, "is not JSON", "" },
        { "{\"\\u0000\":1}", 0, "is not JSON", "" },
        { "{\"\xff\":1}", 0, "is not JSON", "" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
          0, "twice", "a" },
        { "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "twice", "k" },
        { "{\"__metadata__\":[]}", 0, "__metadata__ is not an object", "" },
        { "{\"__metadata__\":{\"k\":1}}", 0, "is not a text", "'k'" },
        { "{\"t\":3}", 0, "not an object", "'t'" },
        { "{\"t\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is not a text", "'t'" },
        { "{\"t\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is not a text", "'t'" },
        { "{\"t\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "unknown dtype 'F31'",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "shape is not an array", "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape is not an array",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape has an entry",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "shape has an entry",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "shape has an entry",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
          "more than 8", "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4,
          "more than memory can hold", "'t'" },
        /* 2⁶² elements fit size_t, their bytes do not: 4·2⁶² would be 0 */
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0, "span",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}", 0,
          "is not JSON", "" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "not two whole numbers", "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "not two whole numbers",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "not two whole numbers",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "not two whole numbers",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4, "not two whole numbers",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "end before they begin",
          "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "beyond the file", "'t'" },
        { "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "span 4 bytes", "'t'" },
        { "{\"t\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "span 4 bytes", "'t'" },
        { "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "does not begin at offset 0",
          "'t'" },
        { "{\"s\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
          "\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[3,4]}}",
          4, "hole", "'t'" },
        { "{\"s\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
          "\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
          3, "overlaps", "'t'" },
        { "{\"t\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 5,
          "3 bytes after the last tensor", "" },
        { "{}", 1, "1 bytes after the last tensor", "" },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path =
            write_archive("hostile", cases[i].header, strlen(cases[i].header), zeros, cases[i].data);
        assert_refused(open_and_close(path), MLP_ERROR_FORMAT, path, cases[i].word, cases[i].subject, NULL);
    }
}

static void lengths_are_refused(void **unused)
{
    static const struct {
        unsigned char bytes[10];
        size_t size;
        const char *word;
    } cases[] = {
        { { 0 }, 0, "shorter than 8 bytes" },
        { { 2, 0, 0, 0, 0, 0, 0 }, 7, "shorter than 8 bytes" },
        { { 3, 0, 0, 0, 0, 0, 0, 0, '{', '}' }, 10, "longer than the file: 3 bytes, 2 are left" },
        { { 0x00, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, '{', '}' }, 10, "longer than the file: 100000000" },
        { { 0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, '{', '}' }, 10, "length is 100000001" },
        { { 2, 0, 0, 0, 0, 0, 0, 0x80, '{', '}' }, 10, "length is 9223372036854775810" },
        { { 255, 255, 255, 255, 255, 255, 255, 255, '{', '}' }, 10, "length is 18446744073709551615" },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = test_write_file("length", cases[i].bytes, cases[i].size);
        assert_refused(open_and_close(path), MLP_ERROR_FORMAT, path, cases[i].word, NULL);
    }
}

/* Nesting far beyond any header's must end in a message, not in an exhausted stack. */
static void deep_nesting_is_refused(void **unused)
{
    enum { DEPTH = 1000000 };
    char *header = malloc(5 + DEPTH);
    (void)unused;
    assert_non_null(header);
    memcpy(header, "{\"t\":", 5);
    memset(header + 5, '[', DEPTH);
    const char *path = write_archive("deep", header, 5 + DEPTH, NULL, 0);
    free(header);
    assert_refused(open_and_close(path), MLP_ERROR_FORMAT, path, "is not JSON", NULL);
}

/* Rank 0, sizes of 0 anywhere, tensors in any order, blanks behind the header, no tensors at all. */
static void unusual_archives_are_read(void **unused)
{
    static const char header[] =
        "{ \"late\" : {\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]},\n"
        "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"none\":{\"dtype\":\"I64\",\"shape\":[3,0],\"data_offsets\":[4,4]},"
        "\"end\":{\"dtype\":\"BOOL\",\"shape\":[0],\"data_offsets\":[12,12],\"more\":1},"
        "\"__metadata__\":{\"k\":\"v\\u00e9\"}}      ";
    static const unsigned char data[] = { 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0, 0x3F }; /* 1, −2, 0.5 */
    struct safetensors archive;
    float values[2];
    (void)unused;
    assert_ok(open_archive(write_archive("unusual", header, strlen(header), data, sizeof data), &archive));
    assert_int_equal(archive.count, 4);
    assert_string_equal(safetensors_metadata(&archive, "k"), "v\xc3\xa9");
    assert_null(safetensors_metadata(&archive, "other"));
    assert_null(safetensors_find(&archive, "__metadata__"));
    assert_null(safetensors_find(&archive, "scala"));
    const struct safetensor *scalar = safetensors_find(&archive, "scalar");
    assert_non_null(scalar);
    assert_int_equal(scalar->rank, 0);
    assert_int_equal(scalar->elements, 1);
    assert_ok(safetensor_matrix(&archive, scalar, values, 1));
    assert_true(values[0] == 1.0f);
    const struct safetensor *late = safetensors_find(&archive, "late");
    assert_non_null(late);
    assert_ok(safetensor_matrix(&archive, late, values, 2));
    assert_true(values[0] == -2.0f && values[1] == 0.5f);
    const struct safetensor *none = safetensors_find(&archive, "none");
    assert_non_null(none);
    assert_int_equal(none->rank, 2);
    assert_int_equal(none->elements, 0);
    assert_string_equal(safetensor_type(none), "I64");
    assert_refused(safetensor_matrix(&archive, none, values, 1), MLP_ERROR_UNSUPPORTED, "'none'", "I64",
                   NULL);
    close_archive(&archive);

    assert_ok(open_and_close(write_archive("empty", "{}", 2, NULL, 0)));
    assert_ok(open_and_close(write_archive("metadata", "{\"__metadata__\":{}} ", 20, NULL, 0)));
}

static void no_file_to_read(void **unused)
{
    (void)unused;
    assert_refused(open_and_close(test_path("absent")), MLP_ERROR_IO, "absent", "No such file", NULL);
    assert_refused(open_and_close("/"), MLP_ERROR_IO, "not a regular file", NULL);
    assert_refused(open_and_close("/dev/zero"), MLP_ERROR_IO, "not a regular file", NULL);
}

/* The value that the bits of a small floating-point type stand for: (−1)^s · 1.f · 2^(e − bias). */
static double value_of(unsigned bits, int exponent_bits, int fraction_bits)
{
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = (int)(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
    const double fraction = (double)(bits & ((1u << fraction_bits) - 1)) / (double)(1u << fraction_bits);
    const double sign = bits >> (exponent_bits + fraction_bits) != 0 ? -1.0 : 1.0;
    if (exponent == (1 << exponent_bits) - 1) {
        return fraction != 0.0 ? (double)NAN : sign * HUGE_VAL;
    }
    return sign * (exponent > 0 ? ldexp(1.0 + fraction, exponent - bias) : ldexp(fraction, 1 - bias));
}

/* Every finite half-precision and every finite bfloat16 number has an exact float; the others are refused,
 * by the place of the first. */
static void all_short_floats_are_converted(void **unused)
{
    enum { COUNT = 65536 };
    static const struct {
        const char *header;
        int exponent_bits;
        int fraction_bits;
        const char *first_infinite;
    } types[] = {
        { "{\"t\":{\"dtype\":\"F16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", 5, 10, "row 31744" },
        { "{\"t\":{\"dtype\":\"BF16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", 8, 7, "row 32640" }
    };
    static unsigned char data[2 * COUNT];
    static float values[COUNT];
    (void)unused;
    for (size_t t = 0; t < 2; t++) {
        for (int finite = 0; finite < 2; finite++) {
            struct safetensors archive;
            for (unsigned i = 0; i < COUNT; i++) {
                const bool left_out =
                    finite && !isfinite(value_of(i, types[t].exponent_bits, types[t].fraction_bits));
                data[2 * i] = left_out ? 0 : (unsigned char)i;
                data[2 * i + 1] = left_out ? 0 : (unsigned char)(i >> 8);
            }
            assert_ok(open_archive(write_archive("short", types[t].header, strlen(types[t].header), data,
                                                 sizeof data),
                                   &archive));
            if (!finite) {
                assert_refused(safetensor_matrix(&archive, &archive.tensors[0], values, COUNT),
                               MLP_ERROR_NONFINITE, "'t'", "inf", types[t].first_infinite, NULL);
            } else {
                assert_ok(safetensor_matrix(&archive, &archive.tensors[0], values, COUNT));
                for (unsigned i = 0; i < COUNT; i++) {
                    const double expected = value_of(i, types[t].exponent_bits, types[t].fraction_bits);
                    if (isfinite(expected) &&
                        !((double)values[i] == expected && !signbit(values[i]) == !signbit(expected))) {
                        fail_msg("%s %04x is %g, expected %g", safetensor_type(&archive.tensors[0]), i,
                                 (double)values[i], expected);
                    }
                }
            }
            close_archive(&archive);
        }
    }
}

/* What is written, byte for byte: row-major from column-major with padding, header of a multiple of 8 bytes.
 */
static void archives_are_written(void **unused)
{
    static const float matrix[] = { 1, 2, 99, 0.5f, -1, 99, -0.0f, 4, 99 }; /* 2×3, leading dimension 3 */
    static const float vector[] = { 1, -2 };
    static const char header[] = "{\"__metadata__\":{\"k\":\"v\"},"
                                 "\"m\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                 "\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]},"
                                 "\"d\":{\"dtype\":\"F64\",\"shape\":[2,1],\"data_offsets\":[32,48]}}";
    static const unsigned char data[] = {
        0, 0, 0x80, 0x3F, 0, 0, 0,    0x3F, 0, 0, 0,    0x80, /* 1, 0.5, −0 */
        0, 0, 0,    0x40, 0, 0, 0x80, 0xBF, 0, 0, 0x80, 0x40, /* 2, −1, 4 */
        0, 0, 0x80, 0x3F, 0, 0, 0,    0xC0,                   /* 1, −2 */
        1, 0, 0,    0,    0, 0, 0xF0, 0x3F,                   /* 1 + 2⁻⁵² */
        0, 0, 0,    0,    0, 0, 0xF0, 0xFF,                   /* −∞ */
    };
    static const double doubles[] = { 1.0 + 0x1p-52, -INFINITY };
    const struct safetensor_output outputs[] = {
        { .name = "m", .rows = 2, .columns = 3, .values = matrix, .leading_dimension = 3 },
        { .name = "v", .rows = 2, .values = vector, .leading_dimension = 2 },
        { .name = "d", .rows = 2, .columns = 1, .doubles = doubles }
    };
    const char *path = test_path("written");
    const size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    size_t size;
    json_t *metadata = json_pack("{s:s}", "k", "v");
    (void)unused;
    struct byte_sink sink = byte_sink_file(path);
    assert_ok(safetensors_write(&sink, metadata, outputs, 3, false));
    json_decref(metadata);
    unsigned char *bytes = test_read_file(path, &size);
    assert_int_equal(size, 8 + padded + sizeof data);
    assert_int_equal(bytes[0], padded);
    assert_memory_equal(bytes + 1, zeros, 7);
    assert_memory_equal(bytes + 8, header, length);
    for (size_t i = length; i < padded; i++) {
        assert_int_equal(bytes[8 + i], ' ');
    }
    assert_memory_equal(bytes + 8 + padded, data, sizeof data);
    free(bytes);
    assert_ok(open_and_close(path));
}

static const char sound[] = "{\"__metadata__\":{\"k\":\"v\"},"
                            "\"m\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                            "\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}}  ";

static void truncated_archives_are_refused(void **unused)
{
    const char *path = write_archive("sound", sound, strlen(sound), zeros, 32);
    (void)unused;
    assert_ok(open_and_close(path));
    for (size_t size = 8 + strlen(sound) + 32; size > 0; size--) {
        assert_int_equal(truncate(path, (off_t)size - 1), 0);
        assert_refused(open_and_close(path), MLP_ERROR_FORMAT, path, NULL);
    }
}

static void flipped_bits_never_crash(void **unused)
{
    const char *path = write_archive("sound", sound, strlen(sound), zeros, 32);
    size_t refused = 0;
    (void)unused;
    for (size_t bit = 0; bit < 8 * (8 + strlen(sound)); bit++) {
        flip_bit(path, bit);
        refused += open_and_close(path) != MLP_OK;
        flip_bit(path, bit);
    }
    assert_true(refused > 8 * 8); /* at the very least every bit of the length */
    assert_ok(open_and_close(path));
}

/* Matrices that are read in pieces: of whole rows, and of parts of rows. Row-major becomes column-major. */
static void large_matrices_are_read_in_pieces(void **unused)
{
    static const size_t shapes[][2] = { { 600, 500 },
                                        { 2, SAFETENSORS_PIECE + 100 },
                                        { SAFETENSORS_PIECE + 7, 1 } };
    (void)unused;
    for (size_t i = 0; i < 2 * sizeof shapes / sizeof shapes[0]; i++) {
        const size_t rows = shapes[i / 2][0], columns = shapes[i / 2][1], stride = rows + 3,
                     width = i % 2 ? 8 : 4;
        unsigned char *bytes = malloc(rows * columns * width);
        float *out = malloc(stride * columns * sizeof *out);
        struct safetensors archive;
        char header[128];
        for (size_t e = 0; e < rows * columns; e++) {
            test_put_number((double)e, width, bytes + e * width); /* exact below 2²⁴ */
        }
        const int size = snprintf(header, sizeof header,
                                  "{\"m\":{\"dtype\":\"F%zu\",\"shape\":[%zu,%zu],\"data_offsets\":[0,%zu]}}",
                                  8 * width, rows, columns, rows * columns * width);
        const char *path = write_archive("large", header, (size_t)size, bytes, rows * columns * width);
        assert_ok(open_archive(path, &archive));
        assert_ok(safetensor_matrix(&archive, &archive.tensors[0], out, stride));
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = 0; c < columns; c++) {
                assert_true(out[r + c * stride] == (float)(r * columns + c));
            }
        }
        close_archive(&archive);
        free(bytes);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_refused),      cmocka_unit_test(lengths_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),  cmocka_unit_test(unusual_archives_are_read),
        cmocka_unit_test(no_file_to_read),          cmocka_unit_test(all_short_floats_are_converted),
        cmocka_unit_test(archives_are_written),     cmocka_unit_test(truncated_archives_are_refused),
        cmocka_unit_test(flipped_bits_never_crash), cmocka_unit_test(large_matrices_are_read_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
