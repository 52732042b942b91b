/* The table of update rules. */
#include "optim/rule_rows.h"

static const struct update_rule *const rows[] = {
    [MLP_OPTIMIZER_SGD] = &LEVEL_NAME(sgd_rule),
    [MLP_OPTIMIZER_MOMENTUM] = &LEVEL_NAME(momentum_rule),
    [MLP_OPTIMIZER_NESTEROV] = &LEVEL_NAME(nesterov_rule),
    [MLP_OPTIMIZER_RMSPROP] = &LEVEL_NAME(rmsprop_rule),
    [MLP_OPTIMIZER_ADAM] = &LEVEL_NAME(adam_rule),
    [MLP_OPTIMIZER_ADAMW] = &LEVEL_NAME(adamw_rule),
    [MLP_OPTIMIZER_ADAGRAD] = &LEVEL_NAME(adagrad_rule),
    [MLP_OPTIMIZER_ADADELTA] = &LEVEL_NAME(adadelta_rule),
    [MLP_OPTIMIZER_ADAMAX] = &LEVEL_NAME(adamax_rule),
    [MLP_OPTIMIZER_AMSGRAD] = &LEVEL_NAME(amsgrad_rule),
    [MLP_OPTIMIZER_NADAM] = &LEVEL_NAME(nadam_rule),
    [MLP_OPTIMIZER_RADAM] = &LEVEL_NAME(radam_rule),
    [MLP_OPTIMIZER_LION] = &LEVEL_NAME(lion_rule),
    [MLP_OPTIMIZER_RPROP] = &LEVEL_NAME(rprop_rule),
    [MLP_OPTIMIZER_LAMB] = &LEVEL_NAME(lamb_rule),
    [MLP_OPTIMIZER_MUON] = &LEVEL_NAME(muon_rule),
    [MLP_OPTIMIZER_LBFGS] = &LEVEL_NAME(lbfgs_rule),
};

const struct name_table LEVEL_NAME(rule_table) = { .subject = "optimizer",
                                                   .rows = rows,
                                                   .stride = sizeof rows[0],
                                                   .count = sizeof rows / sizeof rows[0],
                                                   .indirect = true };
