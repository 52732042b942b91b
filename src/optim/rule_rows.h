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

/* Parameters of a block, and of a cache line. */
enum { UPDATE_BLOCK = 512, UPDATE_LINE = 16 };

/* Calls block(u, first, end) for runs of parameters, and asks for the next run's lines of the parameters ahead of their
 * use, to be written: other threads have read them in the forward pass, and to get such a line back takes long. */
static inline void for_each_block(const struct update *u, void (*block)(const struct update *u, size_t first, size_t end))
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
