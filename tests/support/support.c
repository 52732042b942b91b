/* What several tests need. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mlp/status.h>

#include "model/plan.h"

double test_uniform(uint64_t *state, double low, double high)
{
    /* SplitMix64 (Steele 2014) */
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return low + (high - low) * ((double)(z >> 11) * 0x1p-53);
}

void test_fill(uint64_t *state, double low, double high, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)test_uniform(state, low, high);
    }
}

void test_assert_close(double value, double expected, double tolerance, const char *text, const char *file,
                       int line)
{
    const double scale = fabs(expected) > 1.0 ? fabs(expected) : 1.0;
    if (!(fabs(value - expected) <= tolerance * scale)) {
        print_error("%s is %.9g, expected %.9g within %g (relative above 1)\n", text, value, expected,
                    tolerance);
        _fail(file, line);
    }
}

void test_assert_status(int status, int expected, const char *text, const char *file, int line)
{
    if (status != expected) {
        print_error("%s: status %d (%s), expected %d; %s\n", text, status,
                    mlp_status_text((mlp_status)status), expected, mlp_last_error());
        _fail(file, line);
    }
}

void test_assert_refused(int status, int expected, const char *text, const char *file, int line, ...)
{
    test_assert_status(status, expected, text, file, line);
    va_list words;
    va_start(words, line);
    for (const char *word = va_arg(words, const char *); word != NULL; word = va_arg(words, const char *)) {
        if (strstr(mlp_last_error(), word) == NULL) {
            print_error("%s: error text lacks '%s': %s\n", text, word, mlp_last_error());
            va_end(words);
            _fail(file, line);
        }
    }
    va_end(words);
}

int test_step(void)
{
    const char *emulated = getenv("MLP_TEST_EMULATED");
    return emulated == NULL || strcmp(emulated, "whole") == 0 ? 1 : 17;
}

/* MLP_TEST_PLAN=other: the program's plans are those of a class that is not this processor's. */
__attribute__((constructor)) static void choose_the_plan(void)
{
    const char *plan = getenv("MLP_TEST_PLAN");
    if (plan != NULL && strcmp(plan, "other") == 0) {
        plan_class_set(plan_class() == BLAS_SMALL_MATRIX ? BLAS_PACKED : BLAS_SMALL_MATRIX);
    }
}

static char folder[256];

/* Paths live as long as the process: a list that stays reachable. */
struct path {
    struct path *next;
    char text[512];
};
static struct path *paths;

static char *new_path(void)
{
    struct path *path = malloc(sizeof *path);
    if (path == NULL) {
        abort();
    }
    path->next = paths;
    paths = path;
    return path->text;
}

static void remove_folder(void)
{
    char command[320];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) {
        fprintf(stderr, "cannot remove %s\n", folder);
    }
}

void test_put_bits(uint64_t bits, size_t size, unsigned char *out)
{
    for (size_t b = 0; b < size; b++) {
        out[b] = (unsigned char)(bits >> (8 * b));
    }
}

void test_put_number(double value, size_t size, unsigned char *out)
{
    const float single = (float)value;
    uint32_t bits;
    uint64_t wide;
    memcpy(&bits, &single, sizeof bits);
    memcpy(&wide, &value, sizeof wide);
    test_put_bits(size == sizeof single ? bits : wide, size, out);
}

const char *test_path(const char *name)
{
    char *path = new_path();
    if (folder[0] == '\0') {
        const char *temporary = getenv("MLP_TEST_FOLDER");
        snprintf(folder, sizeof folder, "%s/mlp-test-XXXXXX", temporary != NULL ? temporary : "/tmp");
        if (mkdtemp(folder) == NULL || atexit(remove_folder) != 0) {
            abort();
        }
    }
    snprintf(path, sizeof paths->text, "%s/%s", folder, name);
    return path;
}

const char *test_write_file(const char *name, const void *bytes, size_t size)
{
    const char *path = test_path(name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        fail_msg("cannot write %s", path);
    }
    return path;
}

unsigned char *test_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size + 1);
    if (bytes == NULL || fread(bytes, 1, *size, file) != *size) {
        fail_msg("cannot read %s", path);
    }
    fclose(file);
    bytes[*size] = '\0';
    return bytes;
}

const char *test_data_path(const char *name)
{
    char *path = new_path();
    const char *data = getenv("MLP_TEST_DATA");
    snprintf(path, sizeof paths->text, "%s/%s", data != NULL ? data : "examples/data", name);
    return path;
}

void test_product(size_t m, size_t n, size_t k, const float *a, bool transpose_a, const float *b,
                  bool transpose_b, double *c)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < m; i++) {
            double sum = 0.0;
            for (size_t l = 0; l < k; l++) {
                const double left = transpose_a ? a[l + i * k] : a[i + l * m];
                const double right = transpose_b ? b[j + l * n] : b[l + j * k];
                sum += left * right;
            }
            c[i + j * m] = sum;
        }
    }
}

size_t test_count_files(const char *path)
{
    DIR *stream = opendir(path);
    size_t count = 0;
    assert_non_null(stream);
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(stream);
    return count;
}
