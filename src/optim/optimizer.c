/* The optimizer handle: options, state, shape. */
#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "optim/shards.h"

enum { DEFAULT_MAX_SKIPS = 10 };

/* Of the options in release 0.1.0. */
#define FIRST_SIZE (offsetof(mlp_optimizer_options, custom_clip_context) + sizeof(void *))

/* Puts a rule's default in place of 0, and refuses a value that the rule does not take. */
static mlp_status resolve_field(const char *field, const char *rule, double standard, double *value)
{
    if (isnan(standard)) {
        return *value == 0.0 ? MLP_OK
                             : fail(MLP_ERROR_ARGUMENT, "%s is %g, expected 0: the rule %s has none", field,
                                    *value, rule);
    }
    *value = *value == 0.0 ? standard : *value;
    return MLP_OK;
}

static mlp_status require(bool holds, const char *field, double value, const char *expected)
{
    return holds ? MLP_OK : fail(MLP_ERROR_RANGE, "%s is %g, expected %s", field, value, expected);
}

static mlp_status check_ranges(const mlp_optimizer_options *o)
{
    const char *positive = "a finite number above 0";
    TRY(require(o->learning_rate > 0.0 && isfinite((float)o->learning_rate), "learning_rate",
                o->learning_rate, positive));
    TRY(require(o->momentum >= 0.0 && o->momentum < 1.0, "momentum", o->momentum,
                "0 up to, not including, 1"));
    TRY(require(o->beta1 >= 0.0 && o->beta1 < 1.0, "beta1", o->beta1, "0 up to, not including, 1"));
    TRY(require(o->beta2 >= 0.0 && o->beta2 < 1.0, "beta2", o->beta2, "0 up to, not including, 1"));
    TRY(require(o->epsilon == 0.0 || ((float)o->epsilon > 0.0f && isfinite((float)o->epsilon)), "epsilon",
                o->epsilon, "a finite number above 0 in float's range"));
    TRY(require(o->weight_decay >= 0.0 && isfinite((float)o->weight_decay), "weight_decay", o->weight_decay,
                "a finite number of at least 0"));
    TRY(require(o->l1 >= 0.0 && isfinite((float)o->l1), "l1", o->l1, "a finite number of at least 0"));
    TRY(require(o->max_norm >= 0.0 && isfinite((float)o->max_norm), "max_norm", o->max_norm,
                "a finite number above 0, or 0"));
    return require(o->decay != MLP_DECAY_DECOUPLED || o->learning_rate * o->weight_decay < 1.0,
                   "weight_decay", o->weight_decay, "less than 1/learning_rate when decoupled");
}

mlp_status optimizer_check_decay(const struct mlp_optimizer *optimizer, const mlp_optimizer_options *options)
{
    if (options->decay != MLP_DECAY_DECOUPLED) {
        return MLP_OK;
    }
    for (size_t t = 0; t < 2 * optimizer->layer_count; t++) {
        const double share = options->learning_rate * optimizer_rate_factor(optimizer, t) *
                             options->weight_decay * optimizer->factors[t / 2].decay;
        FAIL_IF(share >= 1.0, MLP_ERROR_RANGE,
                "layer %zu: learning rate times decay is %g with its factors, expected less than 1", t / 2,
                share);
    }
    return MLP_OK;
}

static mlp_status resolve(mlp_optimizer_options *options)
{
    TRY(rule_check(options->rule, options->decay, options->nonfinite));
    const struct update_rule *rule = update_rule(options->rule);
    const struct rule_defaults *d = &rule->defaults;
    const char *name = rule->name.name;
    TRY(resolve_field("learning_rate", name, d->learning_rate, &options->learning_rate));
    TRY(resolve_field("momentum", name, d->momentum, &options->momentum));
    TRY(resolve_field("beta1", name, d->beta1, &options->beta1));
    TRY(resolve_field("beta2", name, d->beta2, &options->beta2));
    TRY(resolve_field("epsilon", name, d->epsilon, &options->epsilon));
    TRY(resolve_field("weight_decay", name, d->weight_decay, &options->weight_decay));
    options->decay = options->decay != MLP_DECAY_AUTOMATIC ? options->decay : d->decay;
    options->max_skips = options->max_skips > 0 ? options->max_skips : DEFAULT_MAX_SKIPS;
    options->decay_biases = options->decay_biases != 0;
    TRY(check_ranges(options));
    TRY(shards_resolve(options));
    TRY(optimizer_check_clipping(options));
    const bool plain = options->clip == MLP_CLIP_NONE && options->update_clip == MLP_CLIP_NONE &&
                       options->centralize == 0 && options->l1 == 0.0 && options->max_norm == 0.0 &&
                       options->decay == MLP_DECAY_L2 && options->nonfinite != MLP_NONFINITE_ZERO;
    return rule->search == NULL || plain
               ? MLP_OK
               : fail(MLP_ERROR_ARGUMENT,
                      "optimizer: %s takes no clipping, centralization, L1, max-norm or decoupled decay, "
                      "and not the policy zero",
                      name);
}

/* min(units, inputs)² is at most units·inputs: no overflow. */
size_t optimizer_scratch_before(const mlp_network *network, const struct update_rule *rule, size_t layer)
{
    size_t floats = 0;
    for (size_t l = 0; l < layer && l + 1 < network->layer_count; l++) {
        const struct layer *shape = &network->layers[l];
        const size_t n = shape->units < shape->inputs ? shape->units : shape->inputs;
        floats += rule->gram_matrices * n * n;
    }
    return floats;
}

/* Of the shard's layers. */
static float *take_scratch(struct memory_row *row, const mlp_network *network, mlp_optimizer *optimizer)
{
    const struct update_rule *rule = optimizer->rule;
    size_t first = 0, end = 0;
    while (first + 1 < network->layer_count && network->layers[first + 1].weights <= optimizer->own.first) {
        first++;
    }
    while (end < network->layer_count && network->layers[end].weights < optimizer->own.end) {
        end++;
    }
    optimizer->scratch_first = optimizer_scratch_before(network, rule, first);
    optimizer->scratch_whole = optimizer_scratch_before(network, rule, network->layer_count);
    const size_t last = optimizer_scratch_before(network, rule, end > first ? end : first);
    return memory_take(row, last - optimizer->scratch_first, sizeof(float));
}

static bool allocate(const mlp_network *network, mlp_optimizer *optimizer)
{
    struct memory_row row = { 0 };
    if (shards_are_used(optimizer)) {
        optimizer->shard_ends = memory_take(&row, (size_t)optimizer->options.shard_count, sizeof(size_t));
    }
    if (row.failed) {
        return false;
    }
    shards_cut(network, optimizer);
    optimizer->units = memory_take(&row, network->layer_count, sizeof(size_t));
    const size_t tensors = 2 * network->layer_count;
    for (size_t l = 0; l < network->layer_count; l++) {
        optimizer->unit_count += network->layers[l].units + 1;
    }
    optimizer->scale = memory_take(&row, tensors, sizeof(float));
    optimizer->bound = memory_take(&row, tensors, sizeof(float));
    optimizer->clips = memory_take(&row, network->layer_count, sizeof(struct layer_clip));
    optimizer->squares = memory_take(&row, tensors, sizeof(double));
    optimizer->largest = memory_take(&row, tensors, sizeof(double));
    optimizer->sums = memory_take(&row, tensors, sizeof(double));
    optimizer->counts = memory_take(&row, tensors, sizeof(size_t));
    optimizer->ratios = memory_take(&row, optimizer->unit_count, sizeof(double));
    if (optimizer->options.update_clip != MLP_CLIP_NONE) {
        optimizer->before = memory_take(&row, network->arena_size, sizeof(float));
    }
    if (optimizer->rule->gram_matrices > 0) {
        optimizer->scratch = take_scratch(&row, network, optimizer);
    }
    optimizer->factors = memory_take(&row, network->layer_count, sizeof(mlp_layer_factors));
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        optimizer->state[s] = memory_take(&row, optimizer->own.end - optimizer->own.first, sizeof(float));
    }
    return !row.failed;
}

mlp_status mlp_optimizer_create(const mlp_network *network, const mlp_optimizer_options *options,
                                mlp_optimizer **optimizer)
{
    mlp_optimizer_options chosen;
    REQUIRE_ARGUMENT(optimizer);
    *optimizer = NULL;
    REQUIRE_ARGUMENT(network);
    TRY(ACCEPT_OPTIONS(mlp_optimizer_options, MLP_OPTIMIZER_OPTIONS_INIT, options, &chosen));
    TRY(resolve(&chosen));
    mlp_optimizer *made = memory_allocate(1, sizeof *made);
    REQUIRE_MEMORY(made);
    made->options = chosen;
    made->rule = update_rule(chosen.rule);
    made->rate_scale = 1.0;
    made->product = 1.0;
    made->momentum_now = NAN;
    made->inputs = network->inputs;
    made->layer_count = network->layer_count;
    made->arena_size = network->arena_size;
    if (!allocate(network, made)) {
        mlp_optimizer_destroy(&made);
        return MLP_ERROR_MEMORY;
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        made->units[l] = network->layers[l].units;
        made->counts[2 * l] = network->layers[l].units * network->layers[l].inputs;
        made->counts[2 * l + 1] = network->layers[l].units;
        made->factors[l] = (mlp_layer_factors)MLP_LAYER_FACTORS_INIT;
    }
    *optimizer = made;
    return MLP_OK;
}

void mlp_optimizer_destroy(mlp_optimizer **optimizer)
{
    if (optimizer == NULL || *optimizer == NULL) {
        return;
    }
    memory_free((*optimizer)->units);
    memory_free((*optimizer)->scale);
    memory_free((*optimizer)->bound);
    memory_free((*optimizer)->clips);
    memory_free((*optimizer)->squares);
    memory_free((*optimizer)->largest);
    memory_free((*optimizer)->sums);
    memory_free((*optimizer)->counts);
    memory_free((*optimizer)->ratios);
    memory_free((*optimizer)->before);
    memory_free((*optimizer)->scratch);
    memory_free((*optimizer)->factors);
    memory_free((*optimizer)->shard_ends);
    for (size_t s = 0; s < RULE_STATES; s++) {
        memory_free((*optimizer)->state[s]);
    }
    memory_free(*optimizer);
    *optimizer = NULL;
}

void mlp_optimizer_get_options(const mlp_optimizer *optimizer, mlp_optimizer_options *options)
{
    if (optimizer != NULL && options != NULL) {
        options_return(&optimizer->options, sizeof *options, FIRST_SIZE, options);
    }
}

mlp_status mlp_optimizer_set_learning_rate(mlp_optimizer *optimizer, double learning_rate)
{
    REQUIRE_ARGUMENT(optimizer);
    mlp_optimizer_options options = optimizer->options;
    options.learning_rate = learning_rate;
    TRY(check_ranges(&options));
    TRY(optimizer_check_decay(optimizer, &options));
    optimizer->options = options;
    return MLP_OK;
}

GETTER(uint64_t, mlp_optimizer_updates, mlp_optimizer, optimizer, optimizer->updates, 0)

void mlp_optimizer_reset(mlp_optimizer *optimizer)
{
    if (optimizer == NULL) {
        return;
    }
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        memset(optimizer->state[s], 0, (optimizer->own.end - optimizer->own.first) * sizeof(float));
    }
    optimizer->memory = (struct clip_memory){ 0 };
    optimizer->product = 1.0;
    optimizer->state_bound = 0.0;
    optimizer->moments = (struct moment_bound){ 0 };
    optimizer->pairs = 0;
    optimizer->updates = 0;
    optimizer->skips = 0;
}

mlp_status optimizer_check(const struct mlp_optimizer *optimizer, const struct mlp_network *network)
{
    FAIL_IF(optimizer->inputs != network->inputs || optimizer->layer_count != network->layer_count,
            MLP_ERROR_SHAPE, "optimizer was made for %zu inputs and %zu layers, the network has %zu and %zu",
            optimizer->inputs, optimizer->layer_count, network->inputs, network->layer_count);
    for (size_t l = 0; l < network->layer_count; l++) {
        FAIL_IF(optimizer->units[l] != network->layers[l].units, MLP_ERROR_SHAPE,
                "optimizer was made for %zu units in layer %zu, the network has %zu", optimizer->units[l], l,
                network->layers[l].units);
    }
    return MLP_OK;
}
