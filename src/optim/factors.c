/* Factors of single layers: learning rates, decay, and those of the maximal update parametrization. */
#include <math.h>
#include <string.h>

#include "base/status.h"
#include "optim/optimizer.h"

static mlp_status check_factor(const char *field, double value)
{
    return value >= 0.0 && isfinite(value)
               ? MLP_OK
               : fail(MLP_ERROR_RANGE, "%s is %g, expected a finite number of at least 0", field, value);
}

mlp_status optimizer_check_layer(const char *function, const mlp_optimizer *optimizer, size_t layer)
{
    return layer < optimizer->layer_count ? MLP_OK
                                          : fail(MLP_ERROR_RANGE, "%s: layer is %zu, expected less than %zu",
                                                 function, layer, optimizer->layer_count);
}

/* A line search has one length for all layers. */
static mlp_status check_search(const struct mlp_optimizer *optimizer, size_t layer, const char *field,
                               double rate)
{
    return optimizer->rule->search == NULL || rate == 0.0 || rate == 1.0
               ? MLP_OK
               : fail(MLP_ERROR_ARGUMENT,
                      "layer %zu: %s is %g, expected 0 or 1: %s has one step length for all layers", layer,
                      field, rate, optimizer->rule->name.name);
}

mlp_status mlp_optimizer_set_factors(mlp_optimizer *optimizer, size_t layer, const mlp_layer_factors *factors)
{
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(factors);
    TRY(optimizer_check_layer(__func__, optimizer, layer));
    TRY(check_factor("weight_rate", factors->weight_rate));
    TRY(check_factor("bias_rate", factors->bias_rate));
    TRY(check_factor("decay", factors->decay));
    TRY(check_search(optimizer, layer, "weight_rate", factors->weight_rate));
    TRY(check_search(optimizer, layer, "bias_rate", factors->bias_rate));
    const mlp_layer_factors before = optimizer->factors[layer];
    optimizer->factors[layer] = *factors;
    const mlp_status status = optimizer_check_decay(optimizer, &optimizer->options);
    if (status != MLP_OK) {
        optimizer->factors[layer] = before;
    } else if (memcmp(&before, factors, sizeof before) != 0) {
        optimizer->pairs =
            0; /* of another objective, and they would move a layer that has been frozen since */
    }
    return status;
}

mlp_status mlp_optimizer_get_factors(const mlp_optimizer *optimizer, size_t layer, mlp_layer_factors *factors)
{
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(factors);
    TRY(optimizer_check_layer(__func__, optimizer, layer));
    *factors = optimizer->factors[layer];
    return MLP_OK;
}

/* A layer's widths, as shares of those at the base width: a first layer's inputs and an output's units are
 * the data's, of no width. */
struct widths {
    bool hidden_in, hidden_out;
    double in, out;
};

/* ‖ΔW‖₂ is to go as √(units/inputs) (Yang, Simon & Bernstein 2023, condition 1): divided by how it goes by
 * itself. */
static double orthogonal_factor(const struct layer *layer, const struct widths *width)
{
    const double longer = fmax((double)layer->units, (double)layer->inputs);
    const double base = fmax((double)layer->units / width->out, (double)layer->inputs / width->in);
    return sqrt(width->out / width->in) / sqrt(longer / base);
}

static mlp_layer_factors mup_factors(enum step_length step, const struct layer *layer,
                                     const struct widths *width)
{
    mlp_layer_factors factors = MLP_LAYER_FACTORS_INIT;
    const bool hidden = width->hidden_in && width->hidden_out;
    switch (step) {
    case STEP_OF_ENTRIES: factors.weight_rate = 1.0 / width->in; break;
    case STEP_OF_GRADIENT:
        factors.weight_rate = width->hidden_out ? 1.0 : 1.0 / width->in;
        factors.weight_rate = width->hidden_in ? factors.weight_rate : width->out;
        factors.bias_rate = width->out;
        break;
    case STEP_OF_NORM: /* ‖W‖ has an entry's 1/√in of a hidden layer and 1/in of an output in it already */
        factors.weight_rate = hidden ? 1.0 / sqrt(width->in) : 1.0;
        break;
    case STEP_ORTHOGONAL:
        factors.weight_rate = width->hidden_out ? orthogonal_factor(layer, width) : 1.0 / width->in;
        break;
    case STEP_SEARCHED: break;
    }
    return factors;
}

mlp_status mlp_mup_factors(const mlp_network *network, mlp_optimizer_rule rule, double base_width,
                           size_t layer, mlp_layer_factors *factors)
{
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(factors);
    TRY(rule_check(rule, MLP_DECAY_AUTOMATIC, MLP_NONFINITE_ERROR));
    FAIL_IF(!(base_width >= 1.0) || !isfinite(base_width), MLP_ERROR_RANGE,
            "mlp_mup_factors: base_width is %g, expected a finite number of at least 1", base_width);
    FAIL_IF(layer >= network->layer_count, MLP_ERROR_RANGE,
            "mlp_mup_factors: layer is %zu, expected less than %zu", layer, network->layer_count);
    const struct layer *shape = &network->layers[layer];
    struct widths width = { .hidden_in = layer > 0, .hidden_out = layer + 1 < network->layer_count };
    width.in = width.hidden_in ? (double)shape->inputs / base_width : 1.0;
    width.out = width.hidden_out ? (double)shape->units / base_width : 1.0;
    *factors = mup_factors(update_rule(rule)->step, shape, &width);
    return MLP_OK;
}
