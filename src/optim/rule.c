/* Update rules and policies by value and by name. */
#include "optim/rule.h"

#include "base/status.h"
#include "optim/rule_rows.h"

static const struct name decay_names[] = {
    [MLP_DECAY_AUTOMATIC] = { "automatic", "decoupled for adamw, lion, lamb and muon, l2 for the others" },
    [MLP_DECAY_L2] = { "l2", "added to the gradient after clipping" },
    [MLP_DECAY_DECOUPLED] = { "decoupled", "shrinks the parameters by themselves" },
};

static const struct name nonfinite_names[] = {
    [MLP_NONFINITE_ERROR] = { "error", "stop with an error" },
    [MLP_NONFINITE_SKIP] = { "skip", "leave the update out, a limited number of times in a row" },
    [MLP_NONFINITE_ZERO] = { "zero", "take such entries of the gradient for 0" },
};

static const struct name_table *rules(void)
{
    return LEVEL_SELECT(rule_table);
}

STRATEGY_FUNCTIONS(mlp_optimizer_rule, mlp_optimizer, rules());

static const struct name_table decays = NAME_ROWS("decay", decay_names);

NAME_FUNCTIONS(mlp_decay, mlp_decay, &decays);

static const struct name_table policies = NAME_ROWS("nonfinite", nonfinite_names);

NAME_FUNCTIONS(mlp_nonfinite, mlp_nonfinite, &policies);

const struct update_rule *update_rule(mlp_optimizer_rule rule)
{
    return (const struct update_rule *)rules()->rows + rule;
}

mlp_status rule_check(mlp_optimizer_rule rule, mlp_decay decay, mlp_nonfinite policy)
{
    TRY(name_check(rules(), (int)rule));
    TRY(name_check(&decays, (int)decay));
    return name_check(&policies, (int)policy);
}
