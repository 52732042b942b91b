/* Options of older and newer programs: every size, every byte of an unknown tail. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/status.h>

#include "base/options.h"

typedef struct mlp_sample_options {
    size_t struct_size;
    double rate;
    size_t steps;
    double added; /* by a later release */
} mlp_sample_options;

#define MLP_SAMPLE_OPTIONS_INIT                                                                              \
    {                                                                                                        \
        sizeof(mlp_sample_options), 0.5, 7, 2.5                                                              \
    }

/* Sizes of the first release's struct, and of one with `steps`. */
enum { FIRST = offsetof(mlp_sample_options, steps), BEFORE_ADDED = offsetof(mlp_sample_options, added) };

static void none_are_defaults(void **state)
{
    (void)state;
    mlp_sample_options own = { 0 };
    assert_ok(ACCEPT_OPTIONS(mlp_sample_options, MLP_SAMPLE_OPTIONS_INIT, NULL, &own));
    assert_int_equal(own.struct_size, sizeof own);
    assert_close(own.rate, 0.5, 0.0);
    assert_int_equal(own.steps, 7);
    assert_close(own.added, 2.5, 0.0);
}

/* Each lies in a heap block of its own size, so that valgrind and the address sanitizer see a byte too far.
 */
static void older_ones_work(void **state)
{
    (void)state;
    const mlp_sample_options full = { sizeof full, 1.5, 9, 4.5 };
    const size_t sizes[] = { FIRST, BEFORE_ADDED, sizeof full };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t size = sizes[i];
        mlp_sample_options own, *given = malloc(size);
        memcpy((void *)given, &full, size);
        memcpy((void *)given, &size, sizeof size);
        assert_ok(ACCEPT_OPTIONS(mlp_sample_options, MLP_SAMPLE_OPTIONS_INIT, given, &own));
        assert_int_equal(own.struct_size, sizeof own);
        assert_close(own.rate, 1.5, 0.0);
        assert_int_equal(own.steps, size >= BEFORE_ADDED ? 9 : 7);
        assert_close(own.added, size == sizeof full ? 4.5 : 2.5, 0.0);
        free(given);
    }
}

static void newer_ones_work_where_their_tail_is_zero(void **state)
{
    (void)state;
    for (size_t size = sizeof(mlp_sample_options) + 8; size <= 4096; size += 8) {
        mlp_sample_options own = { 0 }, first = { size, 1.5, 9, 4.5 };
        unsigned char *given = calloc(1, size);
        memcpy(given, &first, sizeof first);
        assert_ok(ACCEPT_OPTIONS(mlp_sample_options, MLP_SAMPLE_OPTIONS_INIT, (void *)given, &own));
        assert_int_equal(own.struct_size, sizeof own);
        assert_close(own.added, 4.5, 0.0);
        own.rate = -1.0;
        for (size_t byte = sizeof first; byte < size; byte += size < 128 ? 1 : 509) {
            given[byte] = 0x80;
            assert_refused(ACCEPT_OPTIONS(mlp_sample_options, MLP_SAMPLE_OPTIONS_INIT, (void *)given, &own),
                           MLP_ERROR_UNSUPPORTED, "mlp_sample_options", "newer", NULL);
            given[byte] = 0;
        }
        assert_close(own.rate, -1.0, 0.0);
        free(given);
    }
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    enum { WORD = sizeof(size_t) };
    const size_t sizes[] = { 0,  1,  WORD - 1, WORD, WORD + 1,        2 * WORD - 1,        2 * WORD + 1,
                             31, 33, 4095,     4104, SIZE_MAX - WORD, SIZE_MAX - WORD + 1, SIZE_MAX };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        mlp_sample_options own = { 0 }, given = { sizes[i], 1.5, 9, 4.5 };
        char text[96];
        snprintf(text, sizeof text, "struct_size is %zu, expected %zu as MLP_SAMPLE_OPTIONS_INIT",
                 given.struct_size, sizeof given);
        assert_refused(ACCEPT_OPTIONS(mlp_sample_options, MLP_SAMPLE_OPTIONS_INIT, &given, &own),
                       MLP_ERROR_ARGUMENT, "mlp_sample_options", text, NULL);
    }
}

/* Never more than the caller has; what the first release had where the size makes no sense. */
static void options_are_returned(void **state)
{
    (void)state;
    const mlp_sample_options own = { sizeof own, 1.5, 9, 4.5 };
    const size_t sizes[] = { 0, sizeof(size_t), BEFORE_ADDED, sizeof own, sizeof own + 8, SIZE_MAX };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t written = sizes[i] == sizeof own ? sizeof own : BEFORE_ADDED;
        mlp_sample_options given = { sizes[i], -1.0, 0, -1.0 };
        options_return(&own, sizeof own, BEFORE_ADDED, &given);
        assert_int_equal(given.struct_size, written);
        assert_close(given.rate, 1.5, 0.0);
        assert_int_equal(given.steps, 9);
        assert_close(given.added, written == sizeof own ? 4.5 : -1.0, 0.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_are_defaults),
        cmocka_unit_test(older_ones_work),
        cmocka_unit_test(newer_ones_work_where_their_tail_is_zero),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(options_are_returned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
