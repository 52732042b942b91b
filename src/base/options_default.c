/* Initializers of options structs as functions, for languages that have no macros of C. */
#include <stddef.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/options.h"
#include "base/status.h"

#define DEFAULT(type, init)                                                                                  \
    mlp_status type##_default(type *options)                                                                 \
    {                                                                                                        \
        static const type defaults = init;                                                                   \
        return options_default(#type, &defaults, sizeof defaults, options);                                  \
    }

/* clang-format off */
DEFAULT(mlp_c_options, MLP_C_OPTIONS_INIT)
DEFAULT(mlp_average_options, MLP_AVERAGE_OPTIONS_INIT)
DEFAULT(mlp_checkpoint_options, MLP_CHECKPOINT_OPTIONS_INIT)
DEFAULT(mlp_data_arrays, MLP_DATA_ARRAYS_INIT)
DEFAULT(mlp_data_source, MLP_DATA_SOURCE_INIT)
DEFAULT(mlp_csv_options, MLP_CSV_OPTIONS_INIT)
DEFAULT(mlp_load_options, MLP_LOAD_OPTIONS_INIT)
DEFAULT(mlp_onnx_options, MLP_ONNX_OPTIONS_INIT)
DEFAULT(mlp_data_options, MLP_DATA_OPTIONS_INIT)
DEFAULT(mlp_diagnose_options, MLP_DIAGNOSE_OPTIONS_INIT)
DEFAULT(mlp_exchange, MLP_EXCHANGE_INIT)
DEFAULT(mlp_gradient_check_options, MLP_GRADIENT_CHECK_OPTIONS_INIT)
DEFAULT(mlp_optimizer_options, MLP_OPTIMIZER_OPTIONS_INIT)
DEFAULT(mlp_rate_test_options, MLP_RATE_TEST_OPTIONS_INIT)
DEFAULT(mlp_regularization, MLP_REGULARIZATION_INIT)
DEFAULT(mlp_schedule_options, MLP_SCHEDULE_OPTIONS_INIT)
DEFAULT(mlp_schema_options, MLP_SCHEMA_OPTIONS_INIT)
DEFAULT(mlp_table_options, MLP_TABLE_OPTIONS_INIT)
DEFAULT(mlp_fit_options, MLP_FIT_OPTIONS_INIT)
DEFAULT(mlp_workspace_options, MLP_WORKSPACE_OPTIONS_INIT)
/* clang-format on */

/* layer_size is the caller's: this library's layers may be larger. */
mlp_status mlp_network_options_default(mlp_network_options *options)
{
    static const mlp_network_options defaults = MLP_NETWORK_OPTIONS_INIT;
    const size_t end = offsetof(mlp_network_options, layer_size) + sizeof(size_t);
    size_t layer_size = 0;
    if (options != NULL && options->struct_size >= end) {
        layer_size = options->layer_size;
    }
    TRY(options_default("mlp_network_options", &defaults, sizeof defaults, options));
    if (options->struct_size >= end) {
        options->layer_size = layer_size;
    }
    return MLP_OK;
}
