/* The rows of the update rules, one set for each vector level. */
#ifndef OPTIM_RULE_ROWS_H
#define OPTIM_RULE_ROWS_H

#include "base/cpu.h"
#include "optim/rule.h"

enum { RULE_COUNT = MLP_OPTIMIZER_ADAMW + 1 };

LEVEL_DECLARE(const struct update_rule, sgd_rule);
LEVEL_DECLARE(const struct update_rule, momentum_rule);
LEVEL_DECLARE(const struct update_rule, nesterov_rule);
LEVEL_DECLARE(const struct update_rule, rmsprop_rule);
LEVEL_DECLARE(const struct update_rule, adam_rule);
LEVEL_DECLARE(const struct update_rule, adamw_rule);

/* Indexed by mlp_optimizer_rule. */
typedef const struct update_rule *const rule_table[RULE_COUNT];
LEVEL_DECLARE(rule_table, update_rules);

#endif
