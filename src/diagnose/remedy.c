/* Which initializations mean field says would work. */
#include "diagnose/remedy.h"

#include <math.h>
#include <stdio.h>

#include "strategy/init.h"

/* Of norms, over the whole depth. */
#define TOLERABLE 10.0
#define TOLERABLE_FLAT 0.1

struct candidate {
    mlp_activation activation; /* identity: the network's own */
    mlp_init init;             /* automatic: the activation's own */
};

static const struct candidate candidates[] = {
    { MLP_ACTIVATION_IDENTITY, MLP_INIT_AUTOMATIC },
    { MLP_ACTIVATION_IDENTITY, MLP_INIT_CRITICAL },
    { MLP_ACTIVATION_RELU, MLP_INIT_HE_NORMAL },
    { MLP_ACTIVATION_TANH, MLP_INIT_XAVIER_NORMAL },
};

/* Share of N(0, q) where the activation is flat. */
static double flat_share(const struct flatness *flatness, double q)
{
    const double step = 0.02, deviation = sqrt(q);
    double share = 0.0;
    for (double z = -6.0; z <= 6.0; z += step) {
        share += is_flat(flatness, deviation * z) ? exp(-0.5 * z * z) * step * 0.3989422804014327 : 0.0;
    }
    return share;
}

/* The layer as the candidate would have it: hidden layers changed, the output as it is but drawn
 * automatically. */
static struct layer layer_of(const mlp_network *network, size_t l, const struct candidate *candidate)
{
    struct layer layer = network->layers[l];
    const bool hidden = l + 1 < network->layer_count;
    if (hidden && candidate->activation != MLP_ACTIVATION_IDENTITY) {
        layer.activation = activation_row(candidate->activation);
        layer.description.activation = candidate->activation;
        layer.description.activation_parameter = layer.activation->default_parameter;
    }
    layer.description.init = hidden ? candidate->init : MLP_INIT_AUTOMATIC;
    layer.description.init_parameters = (mlp_init_parameters){ 0 };
    network_resolve_init(&layer);
    return layer;
}

static bool in_bounds(double change)
{
    return change <= TOLERABLE && change >= 1.0 / TOLERABLE;
}

static bool holds(const mlp_network *network, const struct candidate *candidate, struct field_step *steps,
                  double input_square)
{
    double back = 1.0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer layer = layer_of(network, l, candidate);
        const struct init_task task = network_init_task(&layer, l);
        const double deviation = init_scale(&task).deviation;
        steps[l].choice = flatness_of(&layer).choice;
        steps[l].weight_variance = deviation * deviation * (double)layer.inputs;
        steps[l].bias_variance = 0.0;
        if (!(deviation > 0.0)) {
            return false;
        }
    }
    field_follow(steps, network->layer_count, steps[0].weight_variance * input_square);
    for (size_t l = 0; l + 1 < network->layer_count; l++) {
        const struct layer layer = layer_of(network, l, candidate);
        const struct flatness flatness = flatness_of(&layer);
        back *= sqrt(steps[l].chi);
        if (flatness.bounded && flat_share(&flatness, steps[l].q) > TOLERABLE_FLAT) {
            return false;
        }
    }
    return in_bounds(back) && in_bounds(sqrt(steps[network->layer_count - 1].q / steps[0].q));
}

static bool same_choice(const struct layer *a, const struct layer *b)
{
    return a->description.activation == b->description.activation &&
           a->description.init == b->description.init;
}

void remedy_find(const mlp_network *network, const struct mlp_diagnosis *diagnosis, char *text, size_t size)
{
    const struct layer first = layer_of(network, 0, &candidates[0]);
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        const struct layer layer = layer_of(network, 0, &candidates[i]);
        const bool said = same_choice(&layer, &network->layers[0]) || (i > 0 && same_choice(&layer, &first));
        if (!said && length < size &&
            holds(network, &candidates[i], diagnosis->steps, diagnosis->input_square)) {
            const int more = snprintf(text + length, size - length, "%s%s with %s", length > 0 ? " or " : "",
                                      mlp_activation_name(layer.description.activation),
                                      mlp_init_name(layer.description.init));
            length += more > 0 ? (size_t)more : 0;
        }
    }
}
