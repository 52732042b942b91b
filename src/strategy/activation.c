/* Activations: names, rows, checks. */
#include "strategy/activation.h"

#include <math.h>

#include "base/status.h"
#include "strategy/activation_rows.h"

static const struct name_table *names(void)
{
    return LEVEL_SELECT(activation_table);
}

STRATEGY_FUNCTIONS(mlp_activation, mlp_activation, names());

const struct activation_row *activation_row(mlp_activation activation)
{
    return activation_row_at(names(), (size_t)activation);
}

static mlp_status check_parameter(const struct activation_row *row, double given, double *parameter)
{
    FAIL_IF(!row->takes_parameter && given != 0.0, MLP_ERROR_ARGUMENT,
            "activation_parameter is %g, expected 0: %s has no parameter", given, row->name.name);
    FAIL_IF(row->takes_parameter && !(given >= row->minimum_parameter && given <= row->maximum_parameter),
            MLP_ERROR_RANGE, "activation_parameter is %g, expected %g to %g for %s", given,
            row->minimum_parameter, row->maximum_parameter, row->name.name);
    *parameter = given != 0.0 ? given : row->default_parameter;
    return MLP_OK;
}

mlp_status activation_check(mlp_activation activation, double given, const mlp_activation_callbacks *custom,
                            bool is_output, double *parameter)
{
    TRY(name_check(names(), (int)activation));
    const struct activation_row *row = activation_row(activation);
    FAIL_IF(row->whole_column && !is_output, MLP_ERROR_ARGUMENT,
            "%s is for the output layer alone; use relu or tanh in hidden layers", row->name.name);
    FAIL_IF(activation == MLP_ACTIVATION_CUSTOM && (custom->value == NULL || custom->derivative == NULL),
            MLP_ERROR_ARGUMENT, "custom_activation.%s is NULL, expected a function",
            custom->value == NULL ? "value" : "derivative");
    return check_parameter(row, given, parameter);
}
