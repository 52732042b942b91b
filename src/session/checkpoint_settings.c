/* What the bits of a fit depend on, as JSON; and the first difference between two such objects. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "session/checkpoint_file.h"

enum { PLACE_SIZE = 96, VALUE_SIZE = 64 };

/* ---- settings -------------------------------------------------------------------------------------------------- */

/* Puts `value` into the array or drops both; takes the reference. */
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
        const mlp_layer *d = &network->layers[l].description;
        layers = append(layers, json_pack("{s:I, s:s, s:f}", "units", (json_int_t)d->units, "activation",
                                          mlp_activation_name(d->activation), "activation_parameter", d->activation_parameter));
    }
    return layers;
}

static json_t *loss_json(const struct loss_settings *loss)
{
    return json_pack("{s:s, s:s, s:f, s:f}", "name", mlp_loss_name(loss->loss), "reduction", mlp_reduction_name(loss->reduction),
                     "label_smoothing", loss->label_smoothing, "huber_delta", loss->huber_delta);
}

static json_t *factors_json(const mlp_optimizer *optimizer)
{
    json_t *factors = json_array();
    for (size_t l = 0; factors != NULL && l < optimizer->layer_count; l++) {
        const mlp_layer_factors *f = &optimizer->factors[l];
        const struct layer_clip clip = optimizer_layer_clip(optimizer, l);
        factors = append(factors, json_pack("{s:f, s:f, s:f, s:s, s:f}", "weight_rate", f->weight_rate, "bias_rate", f->bias_rate,
                                            "decay", f->decay, "clip", mlp_clip_name(clip.rule), "clip_threshold",
                                            clip.threshold));
    }
    return factors;
}

static json_t *optimizer_json(const mlp_optimizer *optimizer)
{
    const mlp_optimizer_options *o = &optimizer->options;
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:b, s:s, s:f, s:s, s:I, s:f, s:f, s:s, s:b, s:s, s:f, s:o}", "rule", mlp_optimizer_name(o->rule),
                     "learning_rate", o->learning_rate, "momentum", o->momentum, "beta1", o->beta1, "beta2", o->beta2, "epsilon",
                     o->epsilon, "weight_decay", o->weight_decay, "decay", mlp_decay_name(o->decay), "decay_biases",
                     o->decay_biases, "clip", mlp_clip_name(o->clip), "clip_threshold", o->clip_threshold, "nonfinite",
                     mlp_nonfinite_name(o->nonfinite), "max_skips", (json_int_t)o->max_skips, "l1", o->l1, "max_norm", o->max_norm,
                     "clip_norm", mlp_clip_norm_name(o->clip_norm), "centralize", o->centralize != 0, "update_clip",
                     mlp_clip_name(o->update_clip), "update_clip_threshold", o->update_clip_threshold, "layers", factors_json(optimizer));
}

/* `total` is what a schedule other than a constant one is stretched over. */
static json_t *schedule_json(const struct pace *pace)
{
    const mlp_schedule_options none = MLP_SCHEDULE_OPTIONS_INIT, *o = pace->options != NULL ? pace->options : &none;
    json_t *milestones = json_array();
    for (size_t i = 0; milestones != NULL && i < o->milestone_count; i++) {
        milestones = append(milestones, json_integer((json_int_t)o->milestones[i]));
    }
    return json_pack("{s:s, s:b, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:I}", "rule", mlp_schedule_name(o->rule), "per_epoch",
                     o->per_epoch != 0, "warmup", (json_int_t)o->warmup, "period", (json_int_t)o->period, "factor", o->factor,
                     "minimum", o->minimum, "power", o->power, "growth", o->growth, "share", o->share, "patience",
                     (json_int_t)o->patience, "milestones", milestones, "total",
                     (json_int_t)(o->rule == MLP_SCHEDULE_CONSTANT ? 0 : pace->total));
}

static json_t *regularization_json(const mlp_regularization *given)
{
    const mlp_regularization none = MLP_REGULARIZATION_INIT, *o = given != NULL ? given : &none;
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:I}", "dropout", mlp_dropout_name(o->dropout), "hidden_dropout", o->hidden_dropout,
                     "input_dropout", o->input_dropout, "input_noise", o->input_noise, "mixup", o->mixup, "seed",
                     (json_int_t)o->seed);
}

json_t *checkpoint_settings(const struct fit *fit)
{
    const mlp_fit_options *o = &fit->options;
    const size_t validation = o->validation != NULL ? o->validation->count : 0;
    return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:b, s:f, s:I, s:o, s:o, s:o, s:s, s:f, s:I, s:I}", "inputs", (json_int_t)fit->network->inputs,
                     "layers", layers_json(fit->network), "loss", loss_json(&fit->network->loss), "samples",
                     (json_int_t)fit->feed.data->count, "validation_samples", (json_int_t)validation, "batch", (json_int_t)o->batch,
                     "seed", (json_int_t)o->seed, "keep_order", o->keep_order != 0, "minimum_improvement", o->minimum_improvement,
                     "monitor_interval", (json_int_t)o->monitor_interval, "optimizer", optimizer_json(fit->optimizer), "schedule",
                     schedule_json(&fit->pace), "regularization", regularization_json(o->regularization), "average",
                     mlp_average_name(fit->average.options.rule), "average_decay", fit->average.options.decay, "average_first_epoch",
                     (json_int_t)(fit->average.options.rule == MLP_AVERAGE_SWA ? fit->average.first_epoch : 0), "shuffle_window",
                     (json_int_t)fit->feed.order.window);
}

/* ---- differences ----------------------------------------------------------------------------------------------- */

/* A scalar as it stands in JSON. */
static void describe(const json_t *value, char *text)
{
    const size_t length = value != NULL ? json_dumpb(value, text, VALUE_SIZE - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : 0;
    text[length < VALUE_SIZE ? length : VALUE_SIZE - 1] = '\0';
}

static mlp_status compare(const char *path, const char *place, const json_t *ours, const json_t *theirs);

static mlp_status compare_objects(const char *path, const char *place, const json_t *ours, const json_t *theirs)
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

static mlp_status compare_arrays(const char *path, const char *place, const json_t *ours, const json_t *theirs)
{
    if (json_array_size(ours) != json_array_size(theirs)) {
        return fail(MLP_ERROR_ARGUMENT, "%s: was made with %zu %s, this fit has %zu", path, json_array_size(theirs), place,
                    json_array_size(ours));
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
    return fail(MLP_ERROR_ARGUMENT, "%s: was made with %s %s, this fit has %s", path, place, their_text, our_text);
}

mlp_status checkpoint_compare(const char *path, const json_t *ours, const json_t *theirs)
{
    return compare(path, "", ours, theirs);
}
