/* Initializers as functions: no difference from the macros, at every size that a caller may have. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

typedef mlp_status (*default_function)(void *options);

struct defaults {
    const char *type;
    default_function function;
    const void *init;
    size_t size;
};

#define TYPE(type, init)                                                                                     \
    static const type type##_init = init;                                                                    \
    static mlp_status call_##type(void *options)                                                             \
    {                                                                                                        \
        return type##_default(options);                                                                      \
    }
#define ROW(type, init) { #type, call_##type, &type##_init, sizeof(type) },

/* clang-format off */
#define TYPES(EACH) \
    EACH(mlp_average_options, MLP_AVERAGE_OPTIONS_INIT) \
    EACH(mlp_checkpoint_options, MLP_CHECKPOINT_OPTIONS_INIT) \
    EACH(mlp_data_arrays, MLP_DATA_ARRAYS_INIT) \
    EACH(mlp_csv_options, MLP_CSV_OPTIONS_INIT) \
    EACH(mlp_data_options, MLP_DATA_OPTIONS_INIT) \
    EACH(mlp_diagnose_options, MLP_DIAGNOSE_OPTIONS_INIT) \
    EACH(mlp_gradient_check_options, MLP_GRADIENT_CHECK_OPTIONS_INIT) \
    EACH(mlp_importance_options, MLP_IMPORTANCE_OPTIONS_INIT) \
    EACH(mlp_network_options, MLP_NETWORK_OPTIONS_INIT) \
    EACH(mlp_optimizer_options, MLP_OPTIMIZER_OPTIONS_INIT) \
    EACH(mlp_rate_test_options, MLP_RATE_TEST_OPTIONS_INIT) \
    EACH(mlp_regularization, MLP_REGULARIZATION_INIT) \
    EACH(mlp_schedule_options, MLP_SCHEDULE_OPTIONS_INIT) \
    EACH(mlp_data_source, MLP_DATA_SOURCE_INIT) \
    EACH(mlp_load_options, MLP_LOAD_OPTIONS_INIT) \
    EACH(mlp_schema_options, MLP_SCHEMA_OPTIONS_INIT) \
    EACH(mlp_table_options, MLP_TABLE_OPTIONS_INIT) \
    EACH(mlp_onnx_options, MLP_ONNX_OPTIONS_INIT) \
    EACH(mlp_c_options, MLP_C_OPTIONS_INIT) \
    EACH(mlp_exchange, MLP_EXCHANGE_INIT) \
    EACH(mlp_fit_options, MLP_FIT_OPTIONS_INIT) \
    EACH(mlp_workspace_options, MLP_WORKSPACE_OPTIONS_INIT)

TYPES(TYPE)
static const struct defaults types[] = { TYPES(ROW) };
/* clang-format on */
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

/* Members at the head of mlp_network_options that stay the caller's: struct_size, layer_size. */
static size_t kept(const struct defaults *of)
{
    return strcmp(of->type, "mlp_network_options") == 0 ? 2 * sizeof(size_t) : sizeof(size_t);
}

/* Smaller, equal and larger structs, each a heap block of its size with other bytes behind it. */
static void every_size_is_filled_and_nothing_beyond(void **state)
{
    (void)state;
    for (const struct defaults *of = types; of < types + TYPE_COUNT; of++) {
        for (size_t size = 2 * sizeof(size_t); size <= of->size + 64; size += sizeof(size_t)) {
            unsigned char *options = malloc(size + 16), *expected = calloc(1, size + 16);
            memset(options, 0xA5, size + 16);
            memset(expected + size, 0xA5, 16);
            memcpy(options, &size, sizeof size);
            memcpy(expected, of->init, size < of->size ? size : of->size);
            memcpy(expected, options, kept(of));
            assert_ok(of->function(options));
            if (memcmp(options, expected, size + 16) != 0) {
                fail_msg("%s_default at %zu bytes is not the INIT", of->type, size);
            }
            free(expected);
            free(options);
        }
    }
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, sizeof(size_t), 3 * sizeof(size_t) + 1, 4104, (size_t)-8 };
    for (const struct defaults *of = types; of < types + TYPE_COUNT; of++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            size_t options[64] = { sizes[i], 7 };
            assert_int_equal(of->function(options), MLP_ERROR_ARGUMENT);
            assert_non_null(strstr(mlp_last_error(), of->type));
            assert_int_equal(options[1], 7);
        }
        assert_int_equal(of->function(NULL), MLP_ERROR_ARGUMENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_filled_and_nothing_beyond),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
