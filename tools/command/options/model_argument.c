/* The model that a command works with. */
#include "options/model_argument.h"

#include <stdio.h>
#include <stdlib.h>

#include <mlp/model_file.h>
#include <mlp/schema.h>

#include "message.h"
#include "options/table_argument.h"
#include "reports/warnings.h"

int load_model(const char *path, mlp_network **network)
{
    const mlp_status status = mlp_model_load(path, network);
    const int code = work_code(status);
    if (status == MLP_ERROR_NONFINITE) {
        notice("non-finite: no such model can be used; train it again, with a lower --learning-rate, --clip "
               "global-norm:1 or another --init if the training diverged");
    }
    return code;
}

int open_model(const struct command *command, int operands, char **operand, mlp_network **network)
{
    FAIL_IF(operands == 0, usage_error("%s: the model's file is missing; usage: mlp %s %s", command->name,
                                       command->name, command->synopsis));
    FAIL_IF(operands > 1,
            usage_error("%s: unexpected '%s' after the model '%s'", command->name, operand[1], operand[0]));
    return load_model(operand[0], network);
}

int open_data_of_model(struct data_request *request, struct data_source source, const mlp_network *network,
                       struct data_set *set)
{
    const char **names;
    TRY(network_class_names(network, &names, &source.class_name_count));
    source.class_names = names;
    request->regression = !network_classifies(network);
    source.schema = mlp_network_schema(network);
    source.inputs = mlp_network_inputs(network);
    const int code = data_open(request, &source, set);
    if (code == EXIT_DONE) {
        tell_of_table(source.spec, set->data, true);
    }
    free(names);
    TRY(code);
    return warn_of_range(source.spec, network, set->data);
}

bool network_classifies(const mlp_network *network)
{
    mlp_layer output;
    const mlp_loss loss = mlp_network_loss(network);
    const mlp_target_kind target = mlp_schema_target_kind(mlp_network_schema(network));
    if (target != MLP_TARGET_NONE) {
        return target == MLP_TARGET_CLASSES;
    }
    return mlp_network_class_name_count(network) > 0 || loss == MLP_LOSS_CROSS_ENTROPY ||
           loss == MLP_LOSS_BINARY_CROSS_ENTROPY ||
           (mlp_network_layer(network, mlp_network_layer_count(network) - 1, &output) == MLP_OK &&
            output.activation == MLP_ACTIVATION_SOFTMAX);
}

bool network_predicts_flags(const mlp_network *network)
{
    return mlp_schema_target_kind(mlp_network_schema(network)) == MLP_TARGET_FLAGS;
}

size_t network_classes(const mlp_network *network)
{
    const size_t outputs = mlp_network_outputs(network);
    return outputs == 1 ? 2 : outputs;
}

const char *network_class_text(const mlp_network *network, size_t class_index, char number[24])
{
    const char *name = mlp_network_class_name(network, class_index);
    snprintf(number, 24, "%zu", class_index);
    return name != NULL ? name : number;
}
