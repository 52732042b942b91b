/* Going on from a checkpoint: everything is read and checked before anything changes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_tensors.h"
#include "session/checkpoint_file.h"

enum { PREFIX_SIZE = 25 };

/* What a checkpoint holds, read but not in force. */
struct content {
    struct fit_state state;
    float *parameters;
    float *moments[RULE_STATES];
    float *best;    /* NULL: none */
    float *average; /* NULL: none */
    struct clip_memory memory;
    mlp_epoch *history;
    mlp_monitor_record *records;
    mlp_monitor_layer *figures;
};

static void release(struct content *content)
{
    memory_free(content->parameters);
    for (size_t s = 0; s < RULE_STATES; s++) {
        memory_free(content->moments[s]);
    }
    memory_free(content->best);
    memory_free(content->average);
    memory_free(content->history);
    memory_free(content->records);
    memory_free(content->figures);
}

static mlp_status damaged(const struct safetensors *archive, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: %s", archive->path, what);
}

/* ---- texts --------------------------------------------------------------------------------------------- */

static mlp_status check_version(const struct safetensors *archive)
{
    const char *version = safetensors_metadata(archive, "checkpoint_version");
    char ours[16];
    snprintf(ours, sizeof ours, "%d", CHECKPOINT_VERSION);
    if (version == NULL) {
        return damaged(archive, "is not a checkpoint: its metadata have no 'checkpoint_version'");
    }
    return strcmp(version, ours) == 0
               ? MLP_OK
               : fail(MLP_ERROR_UNSUPPORTED,
                      "%s: is a checkpoint of format %.16s, this library reads format %s", archive->path,
                      version, ours);
}

static mlp_status parse(const struct safetensors *archive, const char *key, json_t **value)
{
    const char *text = safetensors_metadata(archive, key);
    json_error_t error;
    *value = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (text == NULL) {
        return fail(MLP_ERROR_FORMAT, "%s: its metadata have no '%s'", archive->path, key);
    }
    return *value != NULL ? MLP_OK : safetensors_json_failure(archive, key, &error);
}

static mlp_status check_settings(const struct safetensors *archive, const struct fit *fit)
{
    json_t *settings;
    TRY(parse(archive, "settings", &settings));
    const mlp_status status = checkpoint_compare(archive->path, fit->checkpoints.settings, settings);
    json_decref(settings);
    return status;
}

static mlp_status read_state(const struct safetensors *archive, const struct fit *fit,
                             struct fit_state *state)
{
    json_t *json;
    TRY(parse(archive, "state", &json));
    const char *wrong = fields_from_json(&state_fields, json, state);
    json_decref(json);
    if (wrong != NULL) {
        return fail(MLP_ERROR_FORMAT, "%s: its state has no proper '%s'", archive->path, wrong);
    }
    if (state->epoch > fit->options.epochs || (state->epoch == fit->options.epochs && state->step > 0)) {
        return fail(MLP_ERROR_ARGUMENT, "%s: stands in epoch %zu, this fit has %zu", archive->path,
                    state->epoch + (state->step > 0), fit->options.epochs);
    }
    wrong = fit_state_check(state, fit);
    return wrong == NULL ? MLP_OK
                         : fail(MLP_ERROR_FORMAT, "%s: its state has no proper '%s'", archive->path, wrong);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

/* A new arena, holding what `padding` holds where the file has nothing. */
static mlp_status read_arena(const struct safetensors *archive, const struct fit *fit, const char *prefix,
                             float **arena)
{
    *arena = memory_allocate(fit->network->arena_size, sizeof **arena);
    return *arena != NULL ? arena_tensors_read(archive, fit->network, prefix, *arena) : MLP_ERROR_MEMORY;
}

/* Parameters, which are finite. (A moment may have overflowed.) */
static mlp_status read_parameters(const struct safetensors *archive, const struct fit *fit,
                                  const char *prefix, float **arena)
{
    TRY(read_arena(archive, fit, prefix, arena));
    for (size_t i = 0; i < fit->network->arena_size; i++) {
        if (!isfinite((*arena)[i])) {
            return fail(MLP_ERROR_FORMAT, "%s: a value of the tensors '%slayers...' is %g", archive->path,
                        prefix, (double)(*arena)[i]);
        }
    }
    return MLP_OK;
}

static mlp_status read_clip_memory(const struct safetensors *archive, struct clip_memory *memory)
{
    const struct safetensor *tensor;
    TRY(safetensors_require(archive, "optimizer.clip", sizeof *memory / sizeof(double), 0, &tensor));
    TRY(safetensor_doubles(archive, tensor, (double *)(void *)memory));
    return clip_memory_check(memory) && clip_norms_check(memory)
               ? MLP_OK
               : damaged(archive, "tensor 'optimizer.clip' contradicts itself");
}

static mlp_status read_arenas(const struct safetensors *archive, const struct fit *fit,
                              struct content *content)
{
    TRY(read_parameters(archive, fit, "", &content->parameters));
    for (size_t s = 0; s < fit->optimizer->rule->states; s++) {
        char prefix[PREFIX_SIZE];
        snprintf(prefix, sizeof prefix, "optimizer.%zu.", s);
        TRY(read_arena(archive, fit, prefix, &content->moments[s]));
    }
    if (isfinite(content->state.best_loss)) {
        TRY(read_parameters(archive, fit, "best.", &content->best));
    }
    return content->state.averaged > 0 ? read_parameters(archive, fit, "average.", &content->average)
                                       : MLP_OK;
}

/* `rows` structs of `size` bytes from a table; *objects is the caller's (memory_free) also on failure. */
static mlp_status read_table(const struct safetensors *archive, const char *name,
                             const struct field_list *list, size_t rows, void **objects, size_t size)
{
    const struct safetensor *tensor;
    TRY(safetensors_require(archive, name, rows, list->count, &tensor));
    double *table = memory_allocate(tensor->elements, sizeof *table);
    *objects = memory_allocate(rows, size);
    mlp_status status =
        table != NULL && *objects != NULL ? safetensor_doubles(archive, tensor, table) : MLP_ERROR_MEMORY;
    for (size_t r = 0; status == MLP_OK && r < rows; r++) {
        if (!fields_from_row(list, table + r * list->count, (char *)*objects + r * size)) {
            status = fail(MLP_ERROR_FORMAT, "%s: row %zu of tensor '%s' has a count that is none",
                          archive->path, r, name);
        }
    }
    memory_free(table);
    return status;
}

/* Row `row` of a table: `wrong` is its member that cannot be, or NULL. */
static mlp_status check_row(const struct safetensors *archive, const char *name, size_t row,
                            const char *wrong)
{
    return wrong == NULL ? MLP_OK
                         : fail(MLP_ERROR_FORMAT, "%s: row %zu of tensor '%s' has no proper '%s'",
                                archive->path, row, name, wrong);
}

static mlp_status check_tables(const struct safetensors *archive, const struct fit *fit,
                               const struct content *content)
{
    const struct monitor *monitor = fit->report->monitor;
    for (size_t e = 0; e < content->state.epoch; e++) {
        TRY(check_row(archive, "history", e, epoch_check(&content->history[e], fit)));
    }
    for (size_t i = 0; monitor != NULL && i < content->state.monitor_count; i++) {
        TRY(check_row(archive, "monitor.records", i,
                      record_check(&content->records[i], &content->state, fit)));
        for (size_t l = 0; l < monitor->layers; l++) {
            const size_t row = i * monitor->layers + l;
            TRY(check_row(archive, "monitor.layers", row,
                          monitor_layer_check(&content->figures[row], fit->network->layers[l].units)));
        }
    }
    return MLP_OK;
}

static mlp_status read_tables(const struct safetensors *archive, const struct fit *fit,
                              struct content *content)
{
    const struct monitor *monitor = fit->report->monitor;
    const struct fit_state *state = &content->state;
    TRY(read_table(archive, "history", &epoch_fields, state->epoch, (void **)&content->history,
                   sizeof *content->history));
    if (monitor != NULL) {
        TRY(read_table(archive, "monitor.records", &record_fields, state->monitor_count,
                       (void **)&content->records, sizeof *content->records));
        TRY(read_table(archive, "monitor.layers", &monitor_layer_fields,
                       state->monitor_count * monitor->layers, (void **)&content->figures,
                       sizeof *content->figures));
    }
    return check_tables(archive, fit, content);
}

/* What the network holds beyond its parameters is the same, bit for bit. */
static mlp_status check_vector(const struct safetensors *archive, const char *name, const float *ours,
                               size_t length)
{
    const struct safetensor *tensor = safetensors_find(archive, name);
    if ((tensor != NULL) != (ours != NULL)) {
        return fail(MLP_ERROR_ARGUMENT, "%s: was made %s '%s', this fit's network has %s", archive->path,
                    tensor != NULL ? "with" : "without", name, ours != NULL ? "it" : "none");
    }
    if (ours == NULL) {
        return MLP_OK;
    }
    TRY(safetensor_check_shape(archive, tensor, length, 0));
    float *theirs = memory_allocate(length, sizeof *theirs);
    mlp_status status = theirs != NULL ? safetensor_floats(archive, tensor, theirs) : MLP_ERROR_MEMORY;
    if (status == MLP_OK && memcmp(ours, theirs, length * sizeof *ours) != 0) {
        status = fail(MLP_ERROR_ARGUMENT, "%s: was made with another '%s' than this fit's network has",
                      archive->path, name);
    }
    memory_free(theirs);
    return status;
}

/* Another machine may round otherwise: that is no reason not to go on, but must be told. */
static mlp_status look_at_machine(const struct safetensors *archive, const struct fit *fit, char *other,
                                  size_t size)
{
    json_t *machine;
    TRY(parse(archive, "machine", &machine));
    const mlp_status status = checkpoint_compare(archive->path, fit->checkpoints.machine, machine);
    json_decref(machine);
    snprintf(other, size, "%s", status == MLP_ERROR_ARGUMENT ? mlp_last_error() : "");
    return status == MLP_ERROR_ARGUMENT ? MLP_OK : status;
}

static mlp_status read_content(const struct safetensors *archive, const struct fit *fit,
                               struct content *content)
{
    const mlp_network *network = fit->network;
    TRY(check_version(archive));
    TRY(check_settings(archive, fit));
    TRY(read_state(archive, fit, &content->state));
    TRY(check_vector(archive, "standardization.mean", network->mean, network->inputs));
    TRY(check_vector(archive, "standardization.scale", network->scale, network->inputs));
    TRY(check_vector(archive, "loss.class_weights", network->class_weights, output_layer(network)->units));
    TRY(read_arenas(archive, fit, content));
    TRY(read_clip_memory(archive, &content->memory));
    return read_tables(archive, fit, content);
}

/* ---- in force ------------------------------------------------------------------------------------------ */

static void apply(const struct content *content, struct fit *fit)
{
    const size_t bytes = fit->network->arena_size * sizeof(float);
    struct monitor *monitor = fit->report->monitor;
    memcpy(fit->network->parameters, content->parameters, bytes);
    for (size_t s = 0; s < fit->optimizer->rule->states; s++) {
        memcpy(fit->optimizer->state[s], content->moments[s], bytes);
    }
    if (content->best != NULL) {
        memcpy(fit->best != NULL ? fit->best : fit->checkpoints.best, content->best, bytes);
    }
    if (content->average != NULL) {
        memcpy(fit->average.mean, content->average, bytes);
    }
    fit->optimizer->memory = content->memory;
    fit_state_apply(&content->state, fit);
    memcpy(fit->report->history, content->history, content->state.epoch * sizeof *content->history);
    fit->report->epochs = content->state.epoch;
    if (monitor != NULL) {
        memcpy(monitor->records, content->records, monitor->count * sizeof *monitor->records);
        memcpy(monitor->figures, content->figures,
               monitor->count * monitor->layers * sizeof *monitor->figures);
    }
}

mlp_status checkpoint_read(struct fit *fit, const char *path, char *other_machine, size_t size)
{
    struct safetensors archive;
    struct content content = { 0 };
    other_machine[0] = '\0';
    mlp_status status = safetensors_open(path, &archive);
    if (status == MLP_OK) {
        status = read_content(&archive, fit, &content);
    }
    if (status == MLP_OK) {
        status = look_at_machine(&archive, fit, other_machine, size);
    }
    if (status == MLP_OK) {
        apply(&content, fit);
    }
    release(&content);
    safetensors_close(&archive);
    return status == MLP_ERROR_SHAPE ? MLP_ERROR_FORMAT
                                     : status; /* the settings agree: the file contradicts itself */
}
