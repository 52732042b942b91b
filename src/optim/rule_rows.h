/* The rows of the update rules, one set for each vector level. */
#ifndef OPTIM_RULE_ROWS_H
#define OPTIM_RULE_ROWS_H

#include "base/cpu.h"
#include "optim/rule.h"

LEVEL_DECLARE(const struct update_rule, sgd_rule);
LEVEL_DECLARE(const struct update_rule, momentum_rule);
LEVEL_DECLARE(const struct update_rule, nesterov_rule);
LEVEL_DECLARE(const struct update_rule, rmsprop_rule);
LEVEL_DECLARE(const struct update_rule, adam_rule);
LEVEL_DECLARE(const struct update_rule, adamw_rule);
LEVEL_DECLARE(const struct update_rule, adagrad_rule);
LEVEL_DECLARE(const struct update_rule, adadelta_rule);
LEVEL_DECLARE(const struct update_rule, adamax_rule);
LEVEL_DECLARE(const struct update_rule, amsgrad_rule);
LEVEL_DECLARE(const struct update_rule, nadam_rule);
LEVEL_DECLARE(const struct update_rule, radam_rule);
LEVEL_DECLARE(const struct update_rule, lion_rule);
LEVEL_DECLARE(const struct update_rule, rprop_rule);
LEVEL_DECLARE(const struct update_rule, lamb_rule);
LEVEL_DECLARE(const struct update_rule, muon_rule);
LEVEL_DECLARE(const struct update_rule, lbfgs_rule);

/* Its rows are pointers to struct update_rule, indexed by mlp_optimizer_rule. */
LEVEL_DECLARE(const struct name_table, rule_table);

static inline const struct update_rule *update_rule_at(const struct name_table *table, size_t i)
{
    return ((const struct update_rule *const *)table->rows)[i];
}

/* Parameters of a block, and of a cache line. */
enum { UPDATE_BLOCK = 512, UPDATE_LINE = 16 };

/* Calls block(u, first, end) for runs of parameters, and asks for the next run's lines of the parameters
 * ahead of their use, to be written: other threads have read them in the forward pass, and to get such a line
 * back takes long. */
static inline void for_each_block(const struct update *u,
                                  void (*block)(const struct update *u, size_t first, size_t end))
{
    for (size_t first = 0; first < u->count; first += UPDATE_BLOCK) {
        const size_t end = first + UPDATE_BLOCK < u->count ? first + UPDATE_BLOCK : u->count;
        for (size_t i = end; i < end + UPDATE_BLOCK && i < u->count; i += UPDATE_LINE) {
            __builtin_prefetch(u->parameters + i, 1);
        }
        block(u, first, end);
    }
}

#endif
