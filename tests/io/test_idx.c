/* IDX files, plain and gzip'd: what they hold, and every way in which they can be wrong. */
#include "support/support.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

#include <mlp/data.h>

#include "base/memory.h"
#include "io/load_and_open.h"

/* Three images of 2 × 2 bytes, and their labels. */
static const unsigned char images[] = { 0, 0, 8, 3,   0,  0,  0,  3,  0,  0, 0, 2, 0, 0,
                                        0, 2, 0, 255, 51, 10, 20, 30, 40, 1, 2, 3, 4, 5 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 2 };
/* Two samples of 1.5, −2 and 0.25, 1024, big-endian. */
static const unsigned char floats[] = { 0, 0, 0x0D, 2, 0, 0, 0,    2,    0, 0, 0,    2,    0x3F, 0xC0,
                                        0, 0, 0xC0, 0, 0, 0, 0x3E, 0x80, 0, 0, 0x44, 0x80, 0,    0 };

static void reads_bytes_and_labels(void **state)
{
    (void)state;
    mlp_data *data;
    float x[12];
    int32_t classes[3];
    assert_ok(read_idx(test_write_file("i", images, sizeof images),
                       test_write_file("l", labels, sizeof labels), &data));
    assert_int_equal(mlp_data_count(data), 3);
    assert_int_equal(mlp_data_inputs(data), 4);
    assert_int_equal(mlp_data_class_count(data), 8);
    assert_ok(mlp_data_read(data, 0, 3, x, classes, NULL));
    for (int i = 0; i < 12; i++) {
        assert_close(x[i], images[sizeof images - 12 + i] / 255.0, 1e-7);
    }
    assert_close(x[1], 1.0, 1e-7);
    assert_close(x[2], 0.2, 1e-7);
    assert_true(classes[0] == 7 && classes[1] == 0 && classes[2] == 2);
    mlp_data_destroy(&data);
}

static void reads_floats_and_any_rank(void **state)
{
    (void)state;
    mlp_data *data;
    float x[4];
    assert_ok(read_idx(test_write_file("f", floats, sizeof floats), NULL, &data));
    assert_int_equal(mlp_data_count(data), 2);
    assert_int_equal(mlp_data_inputs(data), 2);
    assert_int_equal(mlp_data_class_count(data), 0);
    assert_ok(mlp_data_read(data, 0, 2, x, NULL, NULL));
    assert_true(x[0] == 1.5f && x[1] == -2.0f && x[2] == 0.25f && x[3] == 1024.0f);
    mlp_data_destroy(&data);
    assert_ok(read_idx(test_write_file("l", labels, sizeof labels), NULL, &data)); /* rank 1 */
    assert_int_equal(mlp_data_count(data), 3);
    assert_int_equal(mlp_data_inputs(data), 1);
    mlp_data_destroy(&data);
}

/* Labels beyond what an index may be are classes of their own, in order; others are indices. */
static void reads_signed_and_wide_numbers(void **state)
{
    static const struct {
        unsigned char bytes[32];
        size_t size;
        int32_t classes[3];
        const char *names[3];
    } cases[] = {
        { { 0, 0, 9, 1, 0, 0, 0, 3, 0xFF, 1, 0xFF }, 11, { 0, 1, 0 }, { "-1", "1" } },
        { { 0, 0, 0x0B, 1, 0, 0, 0, 3, 0, 2, 0, 255, 0, 0 }, 14, { 2, 255, 0 }, { NULL } },
        { { 0, 0, 0x0C, 1, 0, 0, 0, 3, 0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFE, 0, 0, 0, 7 },
          20,
          { 2, 0, 1 },
          { "-2", "7", "65536" } },
    };
    const float expected[] = { 1.5f, -2.0f };
    const unsigned char doubles[] = { 0, 0, 0x0E, 1, 0,    0, 0, 2, 0x3F, 0xF8, 0, 0,
                                      0, 0, 0,    0, 0xC0, 0, 0, 0, 0,    0,    0, 0 };
    mlp_data *data;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int32_t classes[3];
        assert_ok(read_idx(test_write_file("i", images, sizeof images),
                           test_write_file("wide", cases[i].bytes, cases[i].size), &data));
        assert_ok(mlp_data_read(data, 0, 3, NULL, classes, NULL));
        assert_memory_equal(classes, cases[i].classes, sizeof classes);
        for (size_t c = 0; c < 3 && cases[i].names[c] != NULL; c++) {
            assert_string_equal(mlp_data_class_name(data, c), cases[i].names[c]);
        }
        mlp_data_destroy(&data);
    }
    float x[2];
    assert_ok(read_idx(test_write_file("doubles", doubles, sizeof doubles), NULL, &data));
    assert_ok(mlp_data_read(data, 0, 2, x, NULL, NULL));
    assert_memory_equal(x, expected, sizeof x);
    mlp_data_destroy(&data);
}

/* Sizes that announce more than the file has; on 32 bit more than any has. */
#define TOO_MUCH (SIZE_MAX > UINT32_MAX ? "ends" : "memory")

/* Loads `bytes` as features, changed at one place, and expects a refusal that names the file and the reason.
 */
static void refuse(const unsigned char *bytes, size_t size, size_t at, int value, mlp_status status,
                   const char *reason)
{
    unsigned char changed[64];
    mlp_data *data = (mlp_data *)changed;
    const size_t live = memory_live_count();
    memcpy(changed, bytes, size);
    changed[at] = (unsigned char)value;
    assert_refused(read_idx(test_write_file("changed.idx", changed, size), NULL, &data), status,
                   "changed.idx", reason, NULL);
    assert_null(data);
    assert_int_equal(memory_live_count(), live);
}

static void refuses_each_damage_by_its_name(void **state)
{
    (void)state;
    unsigned char longer[sizeof images + 1];
    mlp_data *data;
    refuse(images, sizeof images, 0, 1, MLP_ERROR_FORMAT, "00 00");
    refuse(images, sizeof images, 1, 9, MLP_ERROR_FORMAT, "09");
    for (int type = 0x0B; type <= 0x0E; type++) {
        refuse(images, sizeof images, 2, type, MLP_ERROR_FORMAT, "ends");
    }
    refuse(images, sizeof images, 2, 0x0A, MLP_ERROR_FORMAT, "0a");
    refuse(images, sizeof images, 2, 0x07, MLP_ERROR_FORMAT, "07");
    refuse(images, sizeof images, 3, 0, MLP_ERROR_FORMAT, "rank");
    refuse(images, sizeof images, 7, 0, MLP_ERROR_FORMAT, "dimension 0");
    refuse(images, sizeof images, 15, 0, MLP_ERROR_FORMAT, "dimension 2");
    refuse(images, sizeof images, 7, 4, MLP_ERROR_FORMAT, "ends");
    refuse(images, sizeof images, 4, 0x70, MLP_ERROR_FORMAT, TOO_MUCH);
    refuse(images, sizeof images, 8, 0xFF, MLP_ERROR_FORMAT, "size");
    refuse(floats, sizeof floats, 12, 0x7F, MLP_ERROR_FORMAT, "sample 0"); /* 7F C0 00 00: not a number */
    refuse(floats, 2, 0, 0, MLP_ERROR_FORMAT, "header");
    refuse(floats, 6, 0, 0, MLP_ERROR_FORMAT, "size");
    memcpy(longer, images, sizeof images);
    longer[sizeof images] = 0;
    refuse(longer, sizeof longer, 0, 0, MLP_ERROR_FORMAT, "after");
    assert_refused(read_idx(test_write_file("empty", "", 0), NULL, &data), MLP_ERROR_FORMAT, "empty", NULL);
    assert_refused(read_idx(test_path("absent"), NULL, &data), MLP_ERROR_IO, "absent", "No such file", NULL);
    assert_refused(read_idx("/tmp", NULL, &data), MLP_ERROR_IO, "/tmp", NULL);
    assert_refused(read_idx(NULL, NULL, &data), MLP_ERROR_ARGUMENT, "path", NULL);
    assert_refused(read_idx("x", NULL, NULL), MLP_ERROR_ARGUMENT, "data", NULL);
}

static void refuse_labels(const unsigned char *bytes, size_t size, const char *reason)
{
    mlp_data *data;
    const size_t live = memory_live_count();
    assert_refused(read_idx(test_write_file("i", images, sizeof images),
                            test_write_file("labels.idx", bytes, size), &data),
                   MLP_ERROR_FORMAT, "labels.idx", reason, NULL);
    assert_null(data);
    assert_int_equal(memory_live_count(), live);
}

static void refuses_labels_that_do_not_match(void **state)
{
    (void)state;
    const unsigned char two[] = { 0, 0, 8, 1, 0, 0, 0, 2, 7, 0 };
    const unsigned char long_ones[] = { 0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 2, 1 };
    refuse_labels(two, sizeof two, "3");
    refuse_labels(images, sizeof images, "rank");
    refuse_labels(floats, sizeof floats, "rank");
    refuse_labels(labels, sizeof labels - 1, "ends");
    refuse_labels(long_ones, sizeof long_ones, "after");
}

/* Whatever the bytes, a status comes back and nothing leaks; returns whether they loaded. */
static bool survives(const void *bytes, size_t size)
{
    mlp_data *data = NULL;
    const size_t live = memory_live_count();
    const mlp_status status = read_idx(test_write_file("hostile", bytes, size), NULL, &data);
    assert_true(status <= MLP_OK && status >= MLP_ERROR_STATE);
    assert_int_equal(status == MLP_OK, data != NULL);
    mlp_data_destroy(&data);
    assert_int_equal(memory_live_count(), live);
    return status == MLP_OK;
}

static void survives_truncation_and_flipped_bits(void **state)
{
    (void)state;
    const struct {
        const unsigned char *bytes;
        size_t size;
    } files[] = {
        { images, sizeof images },
        { labels, sizeof labels },
        { floats, sizeof floats },
    };
    for (size_t f = 0; f < 3; f++) {
        unsigned char changed[64];
        for (size_t size = 0; size < files[f].size; size++) {
            assert_false(survives(files[f].bytes, size));
        }
        for (size_t bit = 0; bit < files[f].size * 8; bit += (size_t)test_step()) {
            memcpy(changed, files[f].bytes, files[f].size);
            changed[bit / 8] ^= (unsigned char)(1u << bit % 8);
            survives(changed, files[f].size);
        }
    }
}

static void failing_allocations(const char *features_path, const char *labels_path)
{
    const size_t live = memory_live_count();
    mlp_status status = MLP_ERROR_MEMORY;
    for (size_t k = 0; status != MLP_OK; k++) {
        mlp_data *data = NULL;
        assert_true(k < 100);
        memory_fail_after(k);
        status = read_idx(features_path, labels_path, &data);
        memory_fail_after(SIZE_MAX);
        assert_true(status == MLP_OK || (status == MLP_ERROR_MEMORY && data == NULL));
        mlp_data_destroy(&data);
        assert_int_equal(memory_live_count(), live);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    failing_allocations(test_write_file("i", images, sizeof images),
                        test_write_file("l", labels, sizeof labels));
    failing_allocations(test_write_file("f", floats, sizeof floats), NULL);
}

#if MLP_HAVE_ZLIB

/* A gzip file in memory; the caller frees. */
static unsigned char *gzip(const void *bytes, size_t size, size_t *packed)
{
    z_stream stream = { 0 };
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    const uLong bound = deflateBound(&stream, (uLong)size);
    unsigned char *out = malloc(bound);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *packed = stream.total_out;
    deflateEnd(&stream);
    return out;
}

/* 9000 samples of 20 × 20 bytes: more than any buffer, and every third byte is a new one. */
static unsigned char *big_images(size_t *size)
{
    enum { COUNT = 9000, SIDE = 20 };
    const unsigned char header[] = {
        0, 0, 8, 3, 0, 0, COUNT >> 8, COUNT & 255, 0, 0, 0, SIDE, 0, 0, 0, SIDE
    };
    *size = sizeof header + (size_t)COUNT * SIDE * SIDE;
    unsigned char *bytes = malloc(*size);
    uint64_t seed = 3;
    memcpy(bytes, header, sizeof header);
    for (size_t i = sizeof header; i < *size; i++) {
        bytes[i] = i % 3 == 0 ? (unsigned char)test_uniform(&seed, 0.0, 256.0) : 0;
    }
    return bytes;
}

static void gzip_reads_as_the_plain_file(void **state)
{
    (void)state;
    size_t size, packed, second;
    unsigned char *plain = big_images(&size);
    unsigned char *whole = gzip(plain, size, &packed);
    mlp_data *data;
    float x[400];
    assert_ok(read_idx(test_write_file("big.gz", whole, packed), NULL, &data));
    assert_int_equal(mlp_data_count(data), 9000);
    for (size_t i = 0; i < 9000; i += 13) {
        assert_ok(mlp_data_read(data, i, 1, x, NULL, NULL));
        for (size_t j = 0; j < 400; j++) {
            assert_true(x[j] == (float)plain[16 + 400 * i + j] * (float)(1.0 / 255.0));
        }
    }
    mlp_data_destroy(&data);
    /* two members, one after the other, are one file */
    unsigned char *first = gzip(plain, 70000, &packed), *rest = gzip(plain + 70000, size - 70000, &second);
    unsigned char *both = malloc(packed + second);
    memcpy(both, first, packed);
    memcpy(both + packed, rest, second);
    assert_true(survives(both, packed + second));
    assert_false(survives(both, packed));
    failing_allocations(test_write_file("big.gz", both, packed + second), NULL);
    free(first);
    free(rest);
    free(both);
    free(whole);
    free(plain);
}

static void assert_loads_the_images(const char *path)
{
    mlp_data *data;
    float x[12];
    assert_ok(read_idx(path, NULL, &data));
    assert_ok(mlp_data_read(data, 0, 3, x, NULL, NULL));
    for (int i = 0; i < 12; i++) {
        assert_close(x[i], images[16 + i] / 255.0, 1e-7);
    }
    mlp_data_destroy(&data);
}

static void gzip_is_checked_to_its_end(void **state)
{
    (void)state;
    size_t packed;
    mlp_data *data;
    unsigned char *file = gzip(images, sizeof images, &packed);
    unsigned char *changed = malloc(packed + 1);
    enum { TRAILER = 8 };
    for (size_t size = 0; size < packed; size++) {
        assert_false(survives(file, size));
    }
    assert_refused(read_idx(test_write_file("cut.gz", file, packed - 3), NULL, &data), MLP_ERROR_FORMAT,
                   "cut.gz", "truncated", NULL);
    for (size_t bit = 0; bit < packed * 8; bit += (size_t)test_step()) {
        memcpy(changed, file, packed);
        changed[bit / 8] ^= (unsigned char)(1u << bit % 8);
        if (survives(changed,
                     packed)) { /* bits of the header without a meaning here, padding after the data */
            assert_loads_the_images(test_write_file("flipped.gz", changed, packed));
        }
    }
    memcpy(changed, file, packed);
    changed[packed] = 'x';
    assert_refused(read_idx(test_write_file("tail.gz", changed, packed + 1), NULL, &data), MLP_ERROR_FORMAT,
                   "tail.gz", "gzip", NULL);
    changed[packed] = 0;
    assert_false(survives(changed, packed + 1));
    changed[packed - TRAILER] ^= 1;
    assert_refused(read_idx(test_write_file("crc.gz", changed, packed), NULL, &data), MLP_ERROR_FORMAT,
                   "crc.gz", "check", NULL);
    free(changed);
    free(file);
}

static void random_damage_of_a_big_gzip(void **state)
{
    (void)state;
    size_t size, packed;
    unsigned char *plain = big_images(&size), *file = gzip(plain, size, &packed);
    uint64_t seed = 5;
    for (int i = 0; i < 20; i++) {
        const size_t bit = (size_t)test_uniform(&seed, 80.0, (double)packed * 8.0);
        file[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(survives(file, packed));
        file[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(survives(file, (size_t)test_uniform(&seed, 0.0, (double)packed)));
    }
    free(file);
    free(plain);
}

static void a_lying_gzip_header_costs_no_memory(void **state)
{
    (void)state;
    /* 2³¹ samples of 2¹⁰ bytes announced, 4 there: with memory for it all asked at once this would fail with
     * MEMORY */
    const unsigned char lie[] = { 0, 0, 8, 2, 0x80, 0, 0, 0, 0, 0, 4, 0, 1, 2, 3, 4 };
    size_t packed;
    unsigned char *file = gzip(lie, sizeof lie, &packed);
    mlp_data *data;
    assert_refused(read_idx(test_write_file("lie.gz", file, packed), NULL, &data), MLP_ERROR_FORMAT, TOO_MUCH,
                   NULL);
    assert_refused(read_idx(test_write_file("lie", lie, sizeof lie), NULL, &data), MLP_ERROR_FORMAT, TOO_MUCH,
                   NULL);
    free(file);
}

#else

static void gzip_is_refused_without_zlib(void **state)
{
    (void)state;
    const unsigned char file[] = { 0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    mlp_data *data;
    assert_refused(read_idx(test_write_file("small.gz", file, sizeof file), NULL, &data),
                   MLP_ERROR_UNSUPPORTED, "small.gz", "zlib", NULL);
    assert_null(data);
}

#endif

static void *load_often(void *path)
{
    long wrong = 0;
    for (int i = 0; i < 50; i++) {
        mlp_data *data = NULL;
        wrong += mlp_data_load_idx(path, NULL, &data) != MLP_OK || mlp_data_count(data) != 3;
        mlp_data_destroy(&data);
    }
    return (void *)wrong;
}

static void two_threads_load_at_once(void **state)
{
    (void)state;
    pthread_t threads[2];
    char path[256];
    snprintf(path, sizeof path, "%s", test_write_file("i", images, sizeof images));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, load_often, path), 0);
    }
    for (int i = 0; i < 2; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_bytes_and_labels),
        cmocka_unit_test(reads_floats_and_any_rank),
        cmocka_unit_test(reads_signed_and_wide_numbers),
        cmocka_unit_test(refuses_each_damage_by_its_name),
        cmocka_unit_test(refuses_labels_that_do_not_match),
        cmocka_unit_test(survives_truncation_and_flipped_bits),
        cmocka_unit_test(every_allocation_may_fail),
#if MLP_HAVE_ZLIB
        cmocka_unit_test(gzip_reads_as_the_plain_file),
        cmocka_unit_test(gzip_is_checked_to_its_end),
        cmocka_unit_test(random_damage_of_a_big_gzip),
        cmocka_unit_test(a_lying_gzip_header_costs_no_memory),
#else
        cmocka_unit_test(gzip_is_refused_without_zlib),
#endif
        cmocka_unit_test(two_threads_load_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
