/* Rules for gains: the table of the rules, and PyTorch's table of gains. */
#include "theory/gain.h"

#include <math.h>

#include "base/names.h"
#include "base/status.h"
#include "strategy/activation.h"
#include "theory/mean_field.h"

static const struct name rows[] = {
    [MLP_GAIN_OWN] = { "own", "the initializer's own" },
    [MLP_GAIN_EXACT] = { "exact", "1/sqrt(E[phi(z)^2]) of the layer's activation" },
    [MLP_GAIN_PYTORCH] = { "pytorch", "the table of torch.nn.init.calculate_gain" },
};

static const struct name_table names = NAME_ROWS("gain", rows);

STRATEGY_FUNCTIONS(mlp_gain, mlp_gain, &names);

/* torch.nn.init.calculate_gain; NaN where it knows none. */
static double pytorch_gain(const mlp_activation_choice *choice)
{
    const double slope = choice->parameter;
    switch (choice->activation) {
    case MLP_ACTIVATION_IDENTITY:
    case MLP_ACTIVATION_SIGMOID: return 1.0;
    case MLP_ACTIVATION_TANH: return 5.0 / 3.0;
    case MLP_ACTIVATION_RELU: return sqrt(2.0);
    case MLP_ACTIVATION_LEAKY_RELU: return sqrt(2.0 / (1.0 + slope * slope));
    case MLP_ACTIVATION_SELU: return 0.75;
    default: return NAN;
    }
}

mlp_status gain_check(mlp_gain rule)
{
    return name_check(&names, (int)rule);
}

mlp_status gain_of(mlp_gain rule, const mlp_activation_choice *choice, double *gain)
{
    *gain = 0.0;
    if (rule != MLP_GAIN_OWN) {
        *gain = rule == MLP_GAIN_EXACT ? activation_exact_gain(choice) : pytorch_gain(choice);
    }
    return !isnan(*gain) ? MLP_OK
                         : fail(MLP_ERROR_UNSUPPORTED, "gain pytorch: its table has none for %s; exact has",
                                mlp_activation_name(choice->activation));
}

mlp_status mlp_activation_gain(mlp_gain rule, const mlp_activation_choice *choice, double *gain)
{
    REQUIRE_ARGUMENT(choice);
    REQUIRE_ARGUMENT(gain);
    TRY(gain_check(rule));
    FAIL_IF(rule == MLP_GAIN_OWN, MLP_ERROR_ARGUMENT,
            "mlp_activation_gain: rule is own, which an activation has none of; expected exact or "
            "pytorch");
    mlp_activation_choice resolved = *choice;
    TRY(activation_check(choice->activation, choice->parameter, &choice->custom, true, &resolved.parameter));
    if (activation_row(choice->activation)->whole_column) {
        resolved.activation = MLP_ACTIVATION_IDENTITY;
    }
    return gain_of(rule, &resolved, gain);
}
