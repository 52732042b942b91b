/* What the bits of a fit depend on, as JSON; and the first difference between two such objects. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mlp/info.h>

#include "base/status.h"
#include "session/checkpoint_file.h"
#include "session/fingerprint.h"
#include "strategy/schedule.h"

enum { PLACE_SIZE = 96, VALUE_SIZE = 64, TEXT_SIZE = 24 };

/* ---- numbers ------------------------------------------------------------------------------------------- */

static const struct field layer_members[] = { FIELD(mlp_layer, units),
                                              FIELD(mlp_layer, activation_parameter) };

#define LOSS(member) FIELD(struct loss_settings, member)
static const struct field loss_members[] = { LOSS(label_smoothing), LOSS(huber_delta) };

static const struct field factor_members[] = {
    FIELD(mlp_layer_factors, weight_rate),
    FIELD(mlp_layer_factors, bias_rate),
    FIELD(mlp_layer_factors, decay),
};

#define OPTIMIZER(member) FIELD(mlp_optimizer_options, member)
/* clang-format off */
static const struct field optimizer_members[] = {
    OPTIMIZER(learning_rate), OPTIMIZER(momentum), OPTIMIZER(beta1), OPTIMIZER(beta2), OPTIMIZER(epsilon),
    OPTIMIZER(weight_decay), OPTIMIZER(decay_biases), OPTIMIZER(clip_threshold), OPTIMIZER(max_skips),
        OPTIMIZER(l1),
    OPTIMIZER(max_norm), OPTIMIZER(centralize), OPTIMIZER(update_clip_threshold),
};
/* clang-format on */

#define SCHEDULE(member) FIELD(mlp_schedule_options, member)
static const struct field schedule_members[] = {
    SCHEDULE(per_epoch), SCHEDULE(warmup), SCHEDULE(period), SCHEDULE(factor),   SCHEDULE(minimum),
    SCHEDULE(power),     SCHEDULE(growth), SCHEDULE(share),  SCHEDULE(patience),
};

#define NOISE(member) FIELD(mlp_regularization, member)
static const struct field noise_members[] = {
    NOISE(hidden_dropout),
    NOISE(input_dropout),
    NOISE(input_noise),
    NOISE(mixup),
};

static const struct field average_members[] = { FIELD(mlp_average_options, decay) };

#define FIT(member) FIELD(mlp_fit_options, member)
static const struct field fit_members[] = { FIT(batch), FIT(keep_order), FIT(minimum_improvement),
                                            FIT(monitor_interval) };

/* ---- settings ------------------------------------------------------------------------------------------ */

/* The numbers of a struct. NULL when memory is short, as from all functions here. */
#define NUMBERS(members, object) fields_to_json(&(struct field_list)FIELD_LIST(members), object)

/* Puts `value` into the object under the key, or drops both; takes the references. */
static json_t *with(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) { /* takes `value` also when it fails */
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *with_text(json_t *object, const char *key, const char *text)
{
    return with(object, key, json_string(text));
}

static json_t *with_count(json_t *object, const char *key, size_t count)
{
    return with(object, key, json_integer((json_int_t)count));
}

/* All 64 bits, which JSON's numbers have not. */
static json_t *with_seed(json_t *object, const char *key, uint64_t seed)
{
    char text[TEXT_SIZE];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    return with_text(object, key, text);
}

/* The same for an array. */
static json_t *append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *layers_json(const mlp_network *network)
{
    json_t *layers = json_array();
    for (size_t l = 0; layers != NULL && l < network->layer_count; l++) {
        const mlp_layer *layer = &network->layers[l].description;
        json_t *numbers = NUMBERS(layer_members, layer);
        layers = append(layers, with_text(numbers, "activation", mlp_activation_name(layer->activation)));
    }
    return layers;
}

static json_t *loss_json(const struct loss_settings *loss)
{
    json_t *object = NUMBERS(loss_members, loss);
    object = with_text(object, "name", mlp_loss_name(loss->loss));
    return with_text(object, "reduction", mlp_reduction_name(loss->reduction));
}

static json_t *factors_json(const mlp_optimizer *optimizer)
{
    json_t *layers = json_array();
    for (size_t l = 0; layers != NULL && l < optimizer->layer_count; l++) {
        const struct layer_clip clip = optimizer_layer_clip(optimizer, l);
        json_t *object = NUMBERS(factor_members, &optimizer->factors[l]);
        object = with_text(object, "clip", mlp_clip_name(clip.rule));
        layers = append(layers, with(object, "clip_threshold", json_real(clip.threshold)));
    }
    return layers;
}

static json_t *optimizer_json(const mlp_optimizer *optimizer)
{
    const mlp_optimizer_options *o = &optimizer->options;
    const struct {
        const char *key, *name;
    } names[] = {
        { "rule", mlp_optimizer_name(o->rule) },
        { "decay", mlp_decay_name(o->decay) },
        { "clip", mlp_clip_name(o->clip) },
        { "clip_norm", mlp_clip_norm_name(o->clip_norm) },
        { "update_clip", mlp_clip_name(o->update_clip) },
        { "nonfinite", mlp_nonfinite_name(o->nonfinite) },
    };
    json_t *object = NUMBERS(optimizer_members, o);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        object = with_text(object, names[i].key, names[i].name);
    }
    return with(object, "layers", factors_json(optimizer));
}

/* `total` is what the schedule is stretched over, where it is. */
static json_t *schedule_json(const struct pace *pace)
{
    const mlp_schedule_options none = MLP_SCHEDULE_OPTIONS_INIT,
                               *o = pace->options != NULL ? pace->options : &none;
    json_t *milestones = json_array();
    for (size_t i = 0; milestones != NULL && i < o->milestone_count; i++) {
        milestones = append(milestones, json_integer((json_int_t)o->milestones[i]));
    }
    json_t *object = NUMBERS(schedule_members, o);
    object = with_text(object, "rule", mlp_schedule_name(o->rule));
    object = with_count(object, "total", schedule_stretches(o) ? pace->total : 0);
    return with(object, "milestones", milestones);
}

static json_t *regularization_json(const mlp_regularization *given)
{
    const mlp_regularization none = MLP_REGULARIZATION_INIT, *o = given != NULL ? given : &none;
    json_t *object = NUMBERS(noise_members, o);
    object = with_text(object, "dropout", mlp_dropout_name(o->dropout));
    return with_seed(object, "seed", o->seed);
}

static json_t *average_json(const struct average *average)
{
    json_t *object = NUMBERS(average_members, &average->options);
    object = with_text(object, "rule", mlp_average_name(average->options.rule));
    return with_count(object, "first_epoch",
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
    TRY(describe_data(&fit->feed.batches[0], &training)); /* nothing has been handed out */
    const mlp_status status = describe_data(&fit->validation, &validation);
    if (status != MLP_OK) {
        json_decref(training);
        return status;
    }
    json_t *all = NUMBERS(fit_members, &fit->options);
    all = with_seed(all, "seed", fit->options.seed);
    all = with_count(all, "inputs", fit->network->inputs);
    all = with(all, "layers", layers_json(fit->network));
    all = with(all, "loss", loss_json(&fit->network->loss));
    all = with(all, "optimizer", optimizer_json(fit->optimizer));
    all = with(all, "schedule", schedule_json(&fit->pace));
    all = with(all, "regularization", regularization_json(fit->options.regularization));
    all = with(all, "average", average_json(&fit->average));
    all = with(all, "training_data", training);
    all = with(all, "validation_data", validation);
    *settings = with_count(all, "shuffle_window",
                           fit->feed.order.window); /* after the samples, which it may hang on */
    return *settings != NULL ? MLP_OK : fail(MLP_ERROR_MEMORY, "out of memory for checkpoints");
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

/* A scalar as it stands in JSON. */
static void describe(const json_t *value, char *text)
{
    const size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(17);
    const size_t length = value != NULL ? json_dumpb(value, text, VALUE_SIZE - 1, flags) : 0;
    text[length < VALUE_SIZE ? length : VALUE_SIZE - 1] = '\0';
}

static mlp_status compare(const char *path, const char *place, const json_t *ours, const json_t *theirs);

static mlp_status compare_objects(const char *path, const char *place, const json_t *ours,
                                  const json_t *theirs)
{
    void *entry = json_object_iter((json_t *)(uintptr_t)ours);
    for (; entry != NULL; entry = json_object_iter_next((json_t *)(uintptr_t)ours, entry)) {
        char inner[PLACE_SIZE];
        const char *key = json_object_iter_key(entry);
        snprintf(inner, sizeof inner, "%s%s%s", place, place[0] != '\0' ? "." : "", key);
        TRY(compare(path, inner, json_object_iter_value(entry), json_object_get(theirs, key)));
    }
    return MLP_OK;
}

static mlp_status compare_arrays(const char *path, const char *place, const json_t *ours,
                                 const json_t *theirs)
{
    if (json_array_size(ours) != json_array_size(theirs)) {
        return fail(MLP_ERROR_ARGUMENT, "%s: was made with %zu %s, this fit has %zu", path,
                    json_array_size(theirs), place, json_array_size(ours));
    }
    for (size_t i = 0; i < json_array_size(ours); i++) {
        char inner[PLACE_SIZE];
        snprintf(inner, sizeof inner, "%s[%zu]", place, i);
        TRY(compare(path, inner, json_array_get(ours, i), json_array_get(theirs, i)));
    }
    return MLP_OK;
}

static mlp_status compare(const char *path, const char *place, const json_t *ours, const json_t *theirs)
{
    char our_text[VALUE_SIZE], their_text[VALUE_SIZE];
    if (theirs == NULL || json_typeof(ours) != json_typeof(theirs)) {
        if (json_is_boolean(ours) && json_is_boolean(theirs)) {
            return fail(MLP_ERROR_ARGUMENT, "%s: was made with %s %s, this fit has %s", path, place,
                        json_is_true(theirs) ? "true" : "false", json_is_true(ours) ? "true" : "false");
        }
        return fail(MLP_ERROR_FORMAT, "%s: its settings have no proper '%s'", path, place);
    }
    if (json_is_object(ours)) {
        return compare_objects(path, place, ours, theirs);
    }
    if (json_is_array(ours)) {
        return compare_arrays(path, place, ours, theirs);
    }
    if (json_equal(ours, theirs)) {
        return MLP_OK;
    }
    describe(ours, our_text);
    describe(theirs, their_text);
    return fail(MLP_ERROR_ARGUMENT, "%s: was made with %s %s, this fit has %s", path, place, their_text,
                our_text);
}

mlp_status checkpoint_compare(const char *path, const json_t *ours, const json_t *theirs)
{
    return compare(path, "", ours, theirs);
}
