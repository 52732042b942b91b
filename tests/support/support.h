/* What several tests need: random inputs, tolerant comparison, temporary files, naive products. */
#ifndef SUPPORT_SUPPORT_H
#define SUPPORT_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A small generator of its own, so that tests do not lean on the library's: uniform on [low, high]. */
double test_uniform(uint64_t *state, double low, double high);
void test_fill(uint64_t *state, double low, double high, float *out, size_t count);

/* |value − expected| ≤ tolerance · max(1, |expected|); prints both and fails otherwise. NaN never passes. */
#define assert_close(value, expected, tolerance)                                                             \
    test_assert_close((double)(value), (double)(expected), (double)(tolerance), #value, __FILE__, __LINE__)
void test_assert_close(double value, double expected, double tolerance, const char *text, const char *file,
                       int line);

/* First in a test of what -Dplatform=portable has not: locks between descriptors, read-ahead, limits of
 * address space, a count of the process's threads. */
#ifdef MLP_PORTABLE
#define NEEDS_LINUX skip()
#else
#define NEEDS_LINUX (void)0
#endif

/* First in a test of what programs under an emulator of another processor do not have: they start no others,
 * feel no limit on memory, do not fork beside threads, and train wide networks for an hour. */
#define NEEDS_PROCESSOR                                                                                      \
    do {                                                                                                     \
        if (getenv("MLP_TEST_EMULATED") != NULL) {                                                           \
            print_message("skipped: not under an emulator\n");                                               \
            skip();                                                                                          \
        }                                                                                                    \
    } while (0)

/* The step of loops over thousands of cases: 1, or 17, a prime, under an emulator, where each takes 40 times
 * as long; MLP_TEST_EMULATED=whole tries all of them there, too. */
int test_step(void);

/* MLP_OK, or fails with the library's error text. */
#define assert_ok(call) test_assert_status((call), MLP_OK, #call, __FILE__, __LINE__)
/* The given error, and every one of the words in the error text (a NULL ends them): assert_refused(f(), E,
 * "a", NULL). */
#define assert_refused(call, status, ...)                                                                    \
    test_assert_refused((call), (status), #call, __FILE__, __LINE__, __VA_ARGS__)
void test_assert_status(int status, int expected, const char *text, const char *file, int line);
void test_assert_refused(int status, int expected, const char *text, const char *file, int line, ...);

/* Writes bytes to a new file in a private temporary folder, which is removed at exit; returns its path
 * (static until the process ends). `name` has no slash. */
const char *test_write_file(const char *name, const void *bytes, size_t size);
/* A path in that folder. */
const char *test_path(const char *name);
/* The whole of a file, NUL-terminated; the caller frees. Fails the test when it cannot be read. */
unsigned char *test_read_file(const char *path, size_t *size);
/* The lowest `size` bytes of a number, or a float (4 bytes) or double (8), least first: as files have it. */
void test_put_bits(uint64_t bits, size_t size, unsigned char *out);
void test_put_number(double value, size_t size, unsigned char *out);
/* Files in a folder, hidden ones not counted. */
size_t test_count_files(const char *path);
/* A file of examples/data. */
const char *test_data_path(const char *name);

/* C (m×n) = op(A)·op(B), column-major without padding, in double, one triple loop. */
void test_product(size_t m, size_t n, size_t k, const float *a, bool transpose_a, const float *b,
                  bool transpose_b, double *c);

#endif
