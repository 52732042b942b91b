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
    for (size_t size = 16; size <= sizeof full; size += sizeof(size_t)) {
        mlp_sample_options own, *given = malloc(size);
        memcpy((void *)given, &full, size);
        memcpy((void *)given, &size, sizeof size);
        assert_ok(ACCEPT_OPTIONS(mlp_sample_options, MLP_SAMPLE_OPTIONS_INIT, given, &own));
        assert_int_equal(own.struct_size, sizeof own);
        assert_close(own.rate, 1.5, 0.0);
        assert_int_equal(own.steps, size >= 24 ? 9 : 7);
        assert_close(own.added, size >= 32 ? 4.5 : 2.5, 0.0);
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
    const size_t sizes[] = { 0, 1, 7, 8, 9, 15, 17, 31, 33, 4095, 4104, SIZE_MAX - 7, SIZE_MAX };
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
    const size_t sizes[] = { 0, 8, 24, 32, 40, SIZE_MAX }, written[] = { 24, 24, 24, 32, 24, 24 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        mlp_sample_options given = { sizes[i], -1.0, 0, -1.0 };
        options_return(&own, sizeof own, 24, &given);
        assert_int_equal(given.struct_size, written[i]);
        assert_close(given.rate, 1.5, 0.0);
        assert_int_equal(given.steps, 9);
        assert_close(given.added, written[i] == 32 ? 4.5 : -1.0, 0.0);
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
