/* What the bits of a fit depend on, as JSON; and the first difference from a file's. A new setting of a
 * struct that is here is a row in its list. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mlp/info.h>

#include "base/status.h"
#include "io/model_description.h"
#include "session/checkpoint/content.h"
#include "session/checkpoint/fingerprint.h"
#include "strategy/schedule.h"

enum { PLACE_SIZE = 96, VALUE_SIZE = 64, TEXT_SIZE = 24 };

/* ---- lists --------------------------------------------------------------------------------------------- */

NAME_CODEC(optimizer, mlp_optimizer_rule);
NAME_CODEC(decay, mlp_decay);
NAME_CODEC(clip, mlp_clip);
NAME_CODEC(clip_norm, mlp_clip_norm);
NAME_CODEC(nonfinite, mlp_nonfinite);
NAME_CODEC(schedule, mlp_schedule);
NAME_CODEC(dropout, mlp_dropout);
NAME_CODEC(average, mlp_average);
NAME_CODEC(stop_figure, mlp_stop_figure);

/* A layer's part in the optimizer's options. */
struct layer_settings {
    mlp_layer_factors factors;
    struct layer_clip clip;
};

/* clang-format off */
#define LAYER(name, member) FIELD_AS(name, struct layer_settings, member)
static const struct field layer_members[] = {
    LAYER("weight_rate", factors.weight_rate), LAYER("bias_rate", factors.bias_rate), LAYER("decay",
    factors.decay),
    FIELD_ENUM("clip", struct layer_settings, clip.rule, &clip_codec), LAYER("clip_threshold",
    clip.threshold),
};

#define OPTIMIZER(member) FIELD(mlp_optimizer_options, member)
#define OPTIMIZER_ENUM(member, codec) FIELD_ENUM(#member, mlp_optimizer_options, member, &codec)
static const struct field optimizer_members[] = {
    OPTIMIZER(learning_rate), OPTIMIZER(momentum), OPTIMIZER(beta1), OPTIMIZER(beta2), OPTIMIZER(epsilon),
    OPTIMIZER(weight_decay), OPTIMIZER(decay_biases), OPTIMIZER(clip_threshold), OPTIMIZER(max_skips),
    OPTIMIZER(l1),
    OPTIMIZER(max_norm), OPTIMIZER(centralize), OPTIMIZER(update_clip_threshold),
    OPTIMIZER_ENUM(rule, optimizer_codec), OPTIMIZER_ENUM(decay, decay_codec), OPTIMIZER_ENUM(clip,
    clip_codec),
    OPTIMIZER_ENUM(clip_norm, clip_norm_codec), OPTIMIZER_ENUM(update_clip, clip_codec),
    OPTIMIZER_ENUM(nonfinite, nonfinite_codec),
};

#define SCHEDULE(member) FIELD(mlp_schedule_options, member)
static const struct field schedule_members[] = {
    SCHEDULE(per_epoch), SCHEDULE(warmup), SCHEDULE(period), SCHEDULE(factor), SCHEDULE(minimum),
    SCHEDULE(power),
    SCHEDULE(growth), SCHEDULE(share), SCHEDULE(patience),
    FIELD_ENUM("rule", mlp_schedule_options, rule, &schedule_codec),
};

#define NOISE(member) FIELD(mlp_regularization, member)
static const struct field noise_members[] = {
    NOISE(hidden_dropout), NOISE(input_dropout), NOISE(input_noise), NOISE(mixup),
    FIELD_ENUM("dropout", mlp_regularization, dropout, &dropout_codec),
    FIELD_DIGITS("seed", mlp_regularization, seed),
};

static const struct field average_members[] = {
    FIELD(mlp_average_options, decay), FIELD_ENUM("rule", mlp_average_options, rule, &average_codec),
};

#define FIT(member) FIELD(mlp_fit_options, member)
static const struct field fit_members[] = {
    FIT(batch), FIT(parts), FIT(keep_order), FIT(minimum_improvement), FIT(monitor_interval),
    FIT(validate_every), FIT(patience_from_least), FIELD_ENUM("stop_figure", mlp_fit_options, stop_figure,
    &stop_figure_codec),
    FIELD_DIGITS("seed", mlp_fit_options, seed),
};
/* clang-format on */

/* ---- settings ------------------------------------------------------------------------------------------ */

/* The members of a struct. NULL when memory is short, as from all functions here. */
#define OBJECT(members, object) fields_to_json(&(struct field_list)FIELD_LIST(members), object)

static json_t *with_text(json_t *object, const char *key, const char *text)
{
    return with_member(object, key, json_string(text));
}

static json_t *with_count(json_t *object, const char *key, size_t count)
{
    return with_member(object, key, json_integer((json_int_t)count));
}

static json_t *layers_json(const mlp_network *network)
{
    json_t *layers = json_array();
    for (size_t l = 0; l < network->layer_count; l++) {
        layers = with_item(layers, fields_to_json(&layer_pass_fields, &network->layers[l].description));
    }
    return layers;
}

static json_t *with_loss(json_t *object, const mlp_network *network)
{
    object = with_member(object, "loss", fields_to_json(&loss_fields, &network->loss));
    return with_text(object, "class_targets", mlp_class_targets_name(network->loss.class_targets));
}

static json_t *optimizer_json(const mlp_optimizer *optimizer)
{
    json_t *layers = json_array();
    for (size_t l = 0; l < optimizer->layer_count; l++) {
        const struct layer_settings layer = { optimizer->factors[l], optimizer_layer_clip(optimizer, l) };
        layers = with_item(layers, OBJECT(layer_members, &layer));
    }
    return with_member(OBJECT(optimizer_members, &optimizer->options), "layers", layers);
}

/* `total` is what the schedule is stretched over, where it is. */
static json_t *schedule_json(const struct schedule_state *state)
{
    const mlp_schedule_options none = MLP_SCHEDULE_OPTIONS_INIT,
                               *o = state->options != NULL ? state->options : &none;
    json_t *milestones = json_array();
    for (size_t i = 0; i < o->milestone_count; i++) {
        milestones = with_item(milestones, json_integer((json_int_t)o->milestones[i]));
    }
    json_t *object =
        with_count(OBJECT(schedule_members, o), "total", schedule_stretches(o) ? state->total : 0);
    return with_member(object, "milestones", milestones);
}

static json_t *regularization_json(const mlp_regularization *given)
{
    const mlp_regularization none = MLP_REGULARIZATION_INIT, *o = given != NULL ? given : &none;
    json_t *layers = json_array();
    for (size_t l = 0; l < o->layer_dropout_count; l++) {
        layers = with_item(layers, json_real(o->layer_dropout[l]));
    }
    return with_member(OBJECT(noise_members, o), "layer_dropout", layers);
}

static json_t *average_json(const struct average *average)
{
    return with_count(OBJECT(average_members, &average->options), "first_epoch",
                      average->options.rule == MLP_AVERAGE_SWA ? average->first_epoch : 0);
}

/* How many samples, and their content; a batch of none: none. */
static mlp_status describe_data(struct batch *batch, json_t **object)
{
    char text[TEXT_SIZE];
    uint64_t fingerprint = 0;
    if (batch->data != NULL) {
        TRY(data_fingerprint(batch, &fingerprint));
    }
    snprintf(text, sizeof text, "%016" PRIx64, fingerprint);
    *object = with_text(with_count(json_object(), "samples", batch->data != NULL ? batch->data->count : 0),
                        "fingerprint", text);
    return MLP_OK;
}

mlp_status checkpoint_settings(struct fit *fit, json_t **settings)
{
    json_t *training, *validation;
    TRY(describe_data(&fit->prefetch->batches[0], &training)); /* nothing has been handed out */
    const mlp_status status = describe_data(&fit->validation, &validation);
    if (status != MLP_OK) {
        json_decref(training);
        return status;
    }
    json_t *all = OBJECT(fit_members, &fit->options);
    all = with_count(all, "validated_last", fit->options.validate_every > 1 ? fit->options.epochs : 0);
    all = with_count(all, "inputs", fit->network->inputs);
    all = with_member(all, "layers", layers_json(fit->network));
    all = with_loss(all, fit->network);
    all = with_member(all, "optimizer", optimizer_json(fit->optimizer));
    all = with_member(all, "schedule", schedule_json(&fit->schedule_state));
    all = with_member(all, "regularization", regularization_json(fit->options.regularization));
    all = with_member(all, "average", average_json(&fit->average));
    all = with_member(all, "training_data", training);
    all = with_member(all, "validation_data", validation);
    *settings = with_count(all, "shuffle_window",
                           fit->prefetch->order.window); /* after the samples, which it may hang on */
    return *settings != NULL ? MLP_OK : fail(MLP_ERROR_MEMORY, "out of memory for checkpoints");
}

json_t *checkpoint_loop_settings(const mlp_network *network, const mlp_optimizer *optimizer)
{
    json_t *rule = optimizer_json(optimizer);
    json_object_del(rule, "learning_rate");
    json_t *all = with_count(json_object(), "inputs", network->inputs);
    all = with_member(all, "layers", layers_json(network));
    all = with_loss(all, network);
    return with_member(all, "optimizer", rule);
}

json_t *checkpoint_machine(void)
{
    mlp_info info;
    char blas[VALUE_SIZE];
    mlp_info_get(&info);
    const size_t name = strcspn(info.blas_config, " "), version = strcspn(info.blas_config + name + 1, " ");
    snprintf(blas, sizeof blas, "%.*s", (int)(name + 1 + version), info.blas_config);
    json_t *machine = with_text(json_object(), "library_version", info.version);
    machine = with_text(machine, "blas", blas);
    machine = with_text(machine, "blas_core", info.blas_core);
    return with_text(machine, "vector_level", info.vector_level);
}

/* ---- differences --------------------------------------------------------------------------------------- */

/* A scalar in words. */
static void describe_ours(const json_t *value, char *text)
{
    switch (json_typeof(value)) {
    case JSON_STRING: snprintf(text, VALUE_SIZE, "\"%.48s\"", json_string_value(value)); break;
    case JSON_INTEGER: snprintf(text, VALUE_SIZE, "%lld", (long long)json_integer_value(value)); break;
    case JSON_REAL: snprintf(text, VALUE_SIZE, "%.17g", json_real_value(value)); break;
    default: snprintf(text, VALUE_SIZE, "%s", json_is_true(value) ? "true" : "false");
    }
}

static void describe_theirs(const struct json_node *value, char *text)
{
    switch (value->type) {
    case NODE_TEXT: snprintf(text, VALUE_SIZE, "\"%.48s\"", value->text); break;
    case NODE_INTEGER: snprintf(text, VALUE_SIZE, "%lld", (long long)value->integer); break;
    case NODE_REAL: snprintf(text, VALUE_SIZE, "%.17g", value->real); break;
    default: snprintf(text, VALUE_SIZE, "%s", value->type == NODE_TRUE ? "true" : "false");
    }
}

/* A truth value is either of two types. */
static enum node_type type_of(const json_t *value)
{
    static const enum node_type types[] = {
        [JSON_OBJECT] = NODE_OBJECT,   [JSON_ARRAY] = NODE_ARRAY, [JSON_STRING] = NODE_TEXT,
        [JSON_INTEGER] = NODE_INTEGER, [JSON_REAL] = NODE_REAL,   [JSON_TRUE] = NODE_TRUE,
        [JSON_FALSE] = NODE_TRUE,      [JSON_NULL] = NODE_NULL,
    };
    return types[json_typeof(value)];
}

static bool is_equal(const json_t *ours, const struct json_node *theirs)
{
    switch (json_typeof(ours)) {
    case JSON_STRING: return strcmp(json_string_value(ours), theirs->text) == 0;
    case JSON_INTEGER: return json_integer_value(ours) == theirs->integer;
    case JSON_REAL: return json_real_value(ours) == theirs->real;
    default: return json_is_true(ours) == (theirs->type == NODE_TRUE);
    }
}

static mlp_status compare(const char *path, const char *place, const json_t *ours,
                          const struct json_node *theirs);

static mlp_status compare_objects(const char *path, const char *place, const json_t *ours,
                                  const struct json_node *theirs)
{
    void *entry = json_object_iter((json_t *)(uintptr_t)ours);
    for (; entry != NULL; entry = json_object_iter_next((json_t *)(uintptr_t)ours, entry)) {
        char inner[PLACE_SIZE];
        const char *key = json_object_iter_key(entry);
        snprintf(inner, sizeof inner, "%s%s%s", place, place[0] != '\0' ? "." : "", key);
        TRY(compare(path, inner, json_object_iter_value(entry), node_member(theirs, key)));
    }
    const struct json_node *key = node_first(theirs);
    for (size_t i = 0; i < theirs->count; i++, key = node_next(key + 1)) {
        FAIL_IF(json_object_get(ours, key->text) == NULL, MLP_ERROR_UNSUPPORTED,
                "%s: its settings have '%s%s%.64s', which this library does not know", path, place,
                place[0] != '\0' ? "." : "", key->text);
    }
    return MLP_OK;
}

static mlp_status compare_arrays(const char *path, const char *place, const json_t *ours,
                                 const struct json_node *theirs)
{
    FAIL_IF(json_array_size(ours) != theirs->count, MLP_ERROR_ARGUMENT,
            "%s: was made with %zu %s, this fit has %zu", path, theirs->count, place, json_array_size(ours));
    const struct json_node *entry = node_first(theirs);
    for (size_t i = 0; i < theirs->count; i++, entry = node_next(entry)) {
        char inner[PLACE_SIZE];
        snprintf(inner, sizeof inner, "%s[%zu]", place, i);
        TRY(compare(path, inner, json_array_get(ours, i), entry));
    }
    return MLP_OK;
}

static mlp_status compare(const char *path, const char *place, const json_t *ours,
                          const struct json_node *theirs)
{
    char our_text[VALUE_SIZE], their_text[VALUE_SIZE];
    const enum node_type expected = type_of(ours);
    FAIL_IF(theirs == NULL ||
                (theirs->type == NODE_FALSE ? expected != NODE_TRUE : theirs->type != (uint32_t)expected),
            MLP_ERROR_FORMAT, "%s: its settings have no proper '%s'", path, place);
    if (expected == NODE_OBJECT) {
        return compare_objects(path, place, ours, theirs);
    }
    if (expected == NODE_ARRAY) {
        return compare_arrays(path, place, ours, theirs);
    }
    if (is_equal(ours, theirs)) {
        return MLP_OK;
    }
    describe_ours(ours, our_text);
    describe_theirs(theirs, their_text);
    return fail(MLP_ERROR_ARGUMENT, "%s: was made with %s %s, this fit has %s", path, place, their_text,
                our_text);
}

mlp_status checkpoint_compare(const char *path, const json_t *ours, const struct json_node *theirs)
{
    return compare(path, "", ours, theirs);
}
