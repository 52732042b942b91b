/* What update rules do with whole tensors, once all their entries have been through the rule. */
#include <math.h>

#include "optim/shards.h"

/* What `finish` has to do for a tensor: products of a matrix with its Gram matrix, or a pass over it. */
static double finish_work(const struct mlp_optimizer *optimizer, const struct layer *layer, size_t t)
{
    const double area = t % 2 == 1 ? (double)layer->units : (double)layer->units * (double)layer->inputs;
    if (optimizer->rule->gram_matrices == 0) {
        return area;
    }
    return optimizer_takes_apart(optimizer, t) ? area * fmin((double)layer->units, (double)layer->inputs)
                                               : 0.0;
}

void optimizer_finish(const struct team *team, const struct update_plan *plan)
{
    const struct mlp_optimizer *optimizer = plan->optimizer;
    struct deal deal = { team, 0.0, 0.0 };
    for (size_t t = 0; t < 2 * plan->network->layer_count; t++) {
        const struct layer *layer = &plan->network->layers[t / 2];
        const bool is_own = shards_own(optimizer, t % 2 == 1 ? layer->bias : layer->weights);
        deal.total += is_own ? finish_work(optimizer, layer, t) : 0.0;
    }
    for (size_t t = 0; t < 2 * plan->network->layer_count; t++) {
        const struct layer *layer = &plan->network->layers[t / 2];
        const size_t first = t % 2 == 1 ? layer->bias : layer->weights;
        if (!shards_own(optimizer, first) || !deal_next(&deal, finish_work(optimizer, layer, t))) {
            continue;
        }
        const double rate =
            optimizer->options.learning_rate * optimizer->rate_scale * optimizer_rate_factor(optimizer, t);
        struct tensor_update tensor = { .parameters = plan->parameters + first,
                                        .rows = layer->units,
                                        .columns = t % 2 == 1 ? 1 : layer->inputs,
                                        .stride = layer->stride,
                                        .rate = (float)rate,
                                        .exempt = t % 2 == 1 && optimizer->options.decay_biases == 0,
                                        .hidden_matrix = optimizer_takes_apart(optimizer, t) };
        for (size_t s = 0; s < optimizer->rule->states; s++) {
            tensor.state[s] = optimizer->state[s] + (first - optimizer->own.first);
        }
        if (tensor.hidden_matrix) {
            tensor.scratch =
                optimizer->scratch +
                (optimizer_scratch_before(plan->network, optimizer->rule, t / 2) - optimizer->scratch_first);
        }
        if (rate > 0.0) {
            optimizer->rule->finish(&tensor);
        }
    }
}
