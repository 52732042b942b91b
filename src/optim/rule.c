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

static struct name_table decays(void)
{
    return NAME_TABLE("decay", decay_names);
}

static struct name_table policies(void)
{
    return NAME_TABLE("nonfinite", nonfinite_names);
}

const struct update_rule *update_rule(mlp_optimizer_rule rule)
{
    return (const struct update_rule *)rules()->rows + rule;
}

mlp_status rule_check(mlp_optimizer_rule rule, mlp_decay decay, mlp_nonfinite policy)
{
    const struct name_table decay_table = decays(), policy_table = policies();
    TRY(name_check(rules(), (int)rule));
    TRY(name_check(&decay_table, (int)decay));
    return name_check(&policy_table, (int)policy);
}

const char *mlp_optimizer_name(mlp_optimizer_rule rule)
{
    return name_of(rules(), (int)rule);
}

const char *mlp_optimizer_description(mlp_optimizer_rule rule)
{
    return description_of(rules(), (int)rule);
}

mlp_status mlp_optimizer_from_name(const char *name, mlp_optimizer_rule *rule)
{
    int value;
    REQUIRE_ARGUMENT(rule);
    TRY(name_find(rules(), name, &value));
    *rule = (mlp_optimizer_rule)value;
    return MLP_OK;
}

size_t mlp_optimizer_count(void)
{
    return rules()->count;
}

const char *mlp_decay_name(mlp_decay decay)
{
    const struct name_table table = decays();
    return name_of(&table, (int)decay);
}

mlp_status mlp_decay_from_name(const char *name, mlp_decay *decay)
{
    const struct name_table table = decays();
    int value;
    REQUIRE_ARGUMENT(decay);
    TRY(name_find(&table, name, &value));
    *decay = (mlp_decay)value;
    return MLP_OK;
}

const char *mlp_nonfinite_name(mlp_nonfinite policy)
{
    const struct name_table table = policies();
    return name_of(&table, (int)policy);
}

mlp_status mlp_nonfinite_from_name(const char *name, mlp_nonfinite *policy)
{
    const struct name_table table = policies();
    int value;
    REQUIRE_ARGUMENT(policy);
    TRY(name_find(&table, name, &value));
    *policy = (mlp_nonfinite)value;
    return MLP_OK;
}
