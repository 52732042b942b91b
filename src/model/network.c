/* The life of a network's handle: creating, copying, destroying; its shape. */
#include <string.h>

#include <mlp/schema.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "linalg/blas.h"
#include "model/network.h"
#include "theory/gain.h"

enum { MAX_LAYERS = 10000 };

static mlp_status check_size(const char *what, size_t size)
{
    FAIL_IF(size == 0 || size > BLAS_SIZE_LIMIT, MLP_ERROR_RANGE, "%s is %zu, expected 1 to %zu", what, size,
            BLAS_SIZE_LIMIT);
    return MLP_OK;
}

mlp_status network_resolve_init(struct layer *resolved)
{
    mlp_layer *layer = &resolved->description;
    mlp_init_parameters *p = &layer->init_parameters;
    const mlp_activation_choice choice = { resolved->activation->whole_column ? MLP_ACTIVATION_IDENTITY
                                                                              : layer->activation,
                                           layer->activation_parameter, layer->custom_activation };
    if (layer->init == MLP_INIT_AUTOMATIC) {
        layer->init = resolved->activation->automatic_init;
        p->gain_rule =
            resolved->activation->exact_gain && p->gain_rule == MLP_GAIN_OWN ? MLP_GAIN_EXACT : p->gain_rule;
    }
    TRY(gain_check(p->gain_rule));
    if (p->gain_rule != MLP_GAIN_OWN && p->gain == 0.0) {
        TRY(gain_of(p->gain_rule, &choice, &p->gain));
    }
    p->gain_rule = MLP_GAIN_OWN;
    if (layer->bias_init == MLP_INIT_AUTOMATIC) {
        const bool drawn = layer->init == MLP_INIT_CRITICAL && p->a > 0.0;
        layer->bias_init = drawn ? MLP_INIT_NORMAL : MLP_INIT_ZEROS;
        layer->bias_parameters.a = drawn ? p->a : layer->bias_parameters.a;
    }
    return MLP_OK;
}

/* Keeps the name of a callback, where it has one. `member` is where it stands in the caller's struct. */
static mlp_status keep_name(const char *name, const char *member, char **kept)
{
    *kept = NULL;
    if (name == NULL) {
        return MLP_OK;
    }
    const mlp_status status = network_check_name(name);
    if (status != MLP_OK) {
        return fail_in(status, "%s", member);
    }
    *kept = memory_copy_text(name);
    REQUIRE_MEMORY(*kept);
    return MLP_OK;
}

/* Checks one layer and resolves its defaults. */
static mlp_status resolve_layer(const mlp_layer *given, bool is_output, struct layer *layer)
{
    mlp_layer *description = &layer->description;
    *description = *given;
    TRY(check_size("units", given->units));
    TRY(activation_check(given->activation, given->activation_parameter, &given->custom_activation, is_output,
                         &description->activation_parameter));
    layer->activation = activation_row(given->activation);
    layer->is_output = is_output;
    TRY(network_resolve_init(layer));
    TRY(init_check(description->init, &description->init_parameters, false));
    TRY(init_check(description->bias_init, &description->bias_parameters, true));
    layer->units = given->units;
    layer->rows = size_round_up(given->units, STRIDE_MULTIPLE);
    layer->stride = stride_of(given->units);
    return MLP_OK;
}

/* Offsets in the arena; false when a size overflows. */
static bool place_layer(struct layer *layer, size_t *arena, size_t *parameters)
{
    size_t weights, real;
    layer->weights = *arena;
    if (!size_multiply(layer->stride, layer->inputs, &weights) || !size_add(*arena, weights, &layer->bias) ||
        !size_add(layer->bias, layer->stride, arena) ||
        !size_multiply(layer->units, layer->inputs + 1, &real) || !size_add(*parameters, real, parameters)) {
        return false;
    }
    return *arena <= SIZE_MAX / 64;
}

/* Callers without options have layers of this size. One that grows gives mlp_network_create() a new version,
 * whose older one passes 0.1.0's size on (docs/abi.md). */
_Static_assert(sizeof(void *) != 8 || sizeof(mlp_layer) == 176, "mlp_layer has grown: see docs/abi.md");

static mlp_status resolve_layers(size_t inputs, const mlp_layer *layers, size_t count, size_t layer_size,
                                 mlp_network *network)
{
    const char *bytes = (const char *)layers;
    for (size_t l = 0; l < count; l++) {
        struct layer *layer = &network->layers[l];
        mlp_layer given = { 0 };
        mlp_status status = options_copy("mlp_network_options", "layer_size", bytes + l * layer_size,
                                         layer_size, sizeof given, &given);
        const size_t source = layer_source(l);
        layer->inputs = source != NETWORK_INPUT ? network->layers[source].units : inputs;
        status = status == MLP_OK ? resolve_layer(&given, l + 1 == count, layer) : status;
        if (status != MLP_OK) {
            return fail_in(status, "layer %zu", l);
        }
        FAIL_IF(!place_layer(layer, &network->arena_size, &network->parameter_count), MLP_ERROR_SHAPE,
                "layer %zu: %zu × %zu weights are more than memory can hold", l, layer->units, layer->inputs);
    }
    return MLP_OK;
}

/* Of custom activations. */
static mlp_status keep_activation_names(const char *const *names, mlp_network *network)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        struct layer *layer = &network->layers[l];
        if (layer->description.activation != MLP_ACTIVATION_CUSTOM) {
            continue;
        }
        const mlp_status status = keep_name(names[l], "custom_activation_names", &layer->activation_name);
        if (status != MLP_OK) {
            return fail_in(status, "layer %zu", l);
        }
    }
    return MLP_OK;
}

static mlp_status copy_floats(const float *from, size_t count, float **to)
{
    *to = memory_allocate(count, sizeof(float));
    REQUIRE_MEMORY(*to);
    memcpy(*to, from, count * sizeof(float));
    return MLP_OK;
}

/* Where the loss finds its name. */
static void name_loss(mlp_network *network)
{
    network->loss.custom_name = network->loss_name;
    network->loss.context = network->loss.custom == loss_missing ? network->loss_name : network->loss.context;
}

static mlp_status take_loss(const mlp_network_options *options, mlp_network *network)
{
    struct loss_settings *loss = &network->loss;
    *loss = (struct loss_settings){
        .loss = options->loss,
        .reduction = options->reduction,
        .class_targets = options->class_targets,
        .label_smoothing = options->label_smoothing,
        .huber_delta = options->huber_delta,
        .class_weights = options->class_weights,
        .custom = options->custom_loss,
        .context = options->custom_loss_context,
    };
    TRY(loss_resolve(loss, output_layer(network)->description.activation, output_layer(network)->units));
    if (loss->class_weights != NULL) {
        TRY(copy_floats(options->class_weights, output_layer(network)->units, &network->class_weights));
        loss->class_weights = network->class_weights;
    }
    if (loss->loss == MLP_LOSS_CUSTOM) {
        TRY(keep_name(options->custom_loss_name, "custom_loss_name", &network->loss_name));
    }
    name_loss(network);
    return MLP_OK;
}

/* Everything is checked before the arena, the one large allocation, is made. */
static mlp_status build(size_t inputs, const mlp_layer *layers, size_t count,
                        const mlp_network_options *options, mlp_network *network)
{
    network->inputs = inputs;
    network->layer_count = count;
    network->layers = memory_allocate(count, sizeof(struct layer));
    REQUIRE_MEMORY(network->layers);
    TRY(resolve_layers(inputs, layers, count, options->layer_size, network));
    if (options->custom_activation_names != NULL) {
        TRY(keep_activation_names(options->custom_activation_names, network));
    }
    TRY(take_loss(options, network));
    network->parameters = memory_allocate(network->arena_size, sizeof(float));
    REQUIRE_MEMORY(network->parameters);
    network->seed = options->seed;
    return MLP_OK;
}

mlp_status network_create_blank(size_t inputs, const mlp_layer *layers, size_t count,
                                const mlp_network_options *options, mlp_network **network)
{
    mlp_network_options accepted;
    *network = NULL;
    TRY(ACCEPT_OPTIONS(mlp_network_options, MLP_NETWORK_OPTIONS_INIT, options, &accepted));
    TRY(check_size("inputs", inputs));
    FAIL_IF(count == 0 || count > MAX_LAYERS, MLP_ERROR_RANGE, "number of layers is %zu, expected 1 to %d",
            count, MAX_LAYERS);
    mlp_network *made = memory_allocate(1, sizeof *made);
    REQUIRE_MEMORY(made);
    const mlp_status status = build(inputs, layers, count, &accepted, made);
    if (status != MLP_OK) {
        mlp_network_destroy(&made);
    }
    *network = made;
    return status;
}

mlp_status mlp_network_create(size_t inputs, const mlp_layer *layers, size_t count,
                              const mlp_network_options *options, mlp_network **network)
{
    REQUIRE_ARGUMENT(network);
    *network = NULL;
    REQUIRE_ARGUMENT(layers);
    TRY(network_create_blank(inputs, layers, count, options, network));
    const mlp_status status = network_draw(*network, 0, count, (*network)->seed);
    if (status != MLP_OK) {
        mlp_network_destroy(network);
    }
    return status;
}

void mlp_network_destroy(mlp_network **network)
{
    if (network == NULL || *network == NULL) {
        return;
    }
    mlp_network *n = *network;
    mlp_network_set_class_names(n, NULL, 0);
    mlp_network_set_schema(n, NULL);
    memory_free(n->note);
    mlp_network_set_standardization(n, NULL, NULL);
    mlp_network_set_output_scaling(n, NULL, NULL);
    if (n->layers != NULL) {
        for (size_t l = 0; l < n->layer_count; l++) {
            memory_free(n->layers[l].activation_name);
        }
    }
    memory_free(n->loss_name);
    memory_free(n->class_weights);
    memory_free((float *)n->parameters);
    memory_free(n->layers);
    memory_free(n);
    *network = NULL;
}

static mlp_status copy_layers(const mlp_network *network, mlp_network *copy)
{
    copy->layers = memory_allocate(network->layer_count, sizeof(struct layer));
    REQUIRE_MEMORY(copy->layers);
    for (size_t l = 0; l < network->layer_count; l++) {
        copy->layers[l] = network->layers[l];
        copy->layers[l].activation_name = NULL;
    }
    for (size_t l = 0; l < network->layer_count; l++) {
        struct layer *layer = &copy->layers[l];
        TRY(keep_name(network->layers[l].activation_name, "", &layer->activation_name));
    }
    return MLP_OK;
}

static mlp_status copy_contents(const mlp_network *network, mlp_network *copy)
{
    TRY(copy_layers(network, copy));
    TRY(keep_name(network->loss_name, "", &copy->loss_name));
    name_loss(copy);
    float *parameters;
    TRY(copy_floats(network->parameters, network->arena_size, &parameters));
    copy->parameters = parameters;
    if (network->class_weights != NULL) {
        TRY(copy_floats(network->class_weights, output_layer(network)->units, &copy->class_weights));
        copy->loss.class_weights = copy->class_weights;
    }
    TRY(mlp_network_set_standardization(copy, network->mean, network->scale));
    TRY(mlp_network_set_output_scaling(copy, network->output_shift, network->output_scale));
    TRY(mlp_network_set_schema(copy, network->schema));
    TRY(mlp_network_set_note(copy, network->note));
    return network->class_name_count > 0
               ? mlp_network_set_class_names(copy, (const char *const *)network->class_names,
                                             network->class_name_count)
               : MLP_OK;
}

mlp_status mlp_network_copy(const mlp_network *network, mlp_network **copy)
{
    REQUIRE_ARGUMENT(copy);
    *copy = NULL;
    REQUIRE_ARGUMENT(network);
    mlp_network *made = memory_allocate(1, sizeof *made);
    REQUIRE_MEMORY(made);
    *made = *network;
    made->layers = NULL;
    made->parameters = NULL;
    made->class_weights = made->mean = made->scale = made->inverse = NULL;
    made->output_shift = made->output_scale = NULL;
    made->schema = NULL;
    made->note = NULL;
    made->loss.class_weights = NULL;
    made->loss_name = NULL;
    made->class_names = NULL;
    made->class_name_count = 0;
    const mlp_status status = copy_contents(network, made);
    if (status != MLP_OK) {
        mlp_network_destroy(&made);
    }
    *copy = made;
    return status;
}

/* ---- shape ------------------------------------------------------------------------------------------- */

GETTER(size_t, mlp_network_layer_count, mlp_network, network, network->layer_count, 0)
GETTER(size_t, mlp_network_inputs, mlp_network, network, network->inputs, 0)
GETTER(size_t, mlp_network_outputs, mlp_network, network, output_layer(network)->units, 0)
GETTER(size_t, mlp_network_parameter_count, mlp_network, network, network->parameter_count, 0)
GETTER(mlp_loss, mlp_network_loss, mlp_network, network, network->loss.loss, MLP_LOSS_AUTOMATIC)
GETTER(mlp_class_targets, mlp_network_class_targets, mlp_network, network, network->loss.class_targets,
       MLP_CLASS_TARGETS_BINARY)
GETTER(uint64_t, mlp_network_seed, mlp_network, network, network->seed, 0)

GETTER(const char *, mlp_network_custom_loss_name, mlp_network, network, network->loss_name, NULL)

const char *mlp_network_custom_activation_name(const mlp_network *network, size_t layer)
{
    return network != NULL && layer < network->layer_count ? network->layers[layer].activation_name : NULL;
}

bool network_padding_is_zero(const struct mlp_network *network, const float *arena)
{
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct layer *layer = &network->layers[l];
        for (size_t j = 0; j <= layer->inputs; j++) { /* b follows W */
            const float *column = arena + layer->weights + j * layer->stride;
            for (size_t i = layer->units; i < layer->rows; i++) {
                if (column[i] != 0.0f) {
                    return false;
                }
            }
        }
    }
    return true;
}
