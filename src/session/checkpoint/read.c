/* Going on from a checkpoint: everything is read and checked before anything changes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_tensors.h"
#include "session/checkpoint/content.h"

enum { PREFIX_SIZE = 25 };

/* What a checkpoint holds, read but not in force. (With the copies some 40 KB: not for the stack.) */
struct content {
    struct fit_copy copy;
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

/* A checkpoint of version 1 has no checksum, and all others have one, which has been verified. */
static mlp_status check_version(const struct safetensors *archive)
{
    const char *version = safetensors_metadata(archive, "checkpoint_version");
    char ours[16];
    snprintf(ours, sizeof ours, "%d", CHECKPOINT_VERSION);
    if (version == NULL) {
        return damaged(archive, "is not a checkpoint: its metadata have no 'checkpoint_version'");
    }
    if (strcmp(version, "1") == 0) {
        return MLP_OK;
    }
    if (!archive->has_checksum) {
        return damaged(archive, "is damaged: it has no checksum");
    }
    return strcmp(version, ours) == 0
               ? MLP_OK
               : fail(MLP_ERROR_UNSUPPORTED,
                      "%s: is a checkpoint of format %.16s, this library reads formats 1 to %s",
                      archive->path, version, ours);
}

/* Compares settings or the machine. */
static mlp_status compare(const struct safetensors *archive, const char *key, const json_t *ours)
{
    struct json_document theirs;
    mlp_status status = safetensors_metadata_json(archive, key, &theirs);
    status = status == MLP_OK ? checkpoint_compare(archive->path, ours, theirs.nodes) : status;
    json_document_free(&theirs);
    return status;
}

static mlp_status read_state(const struct safetensors *archive, const struct fit *fit, struct fit_copy *copy)
{
    struct json_document state;
    counters_gather(fit, copy);
    mlp_status status = safetensors_metadata_json(archive, "state", &state);
    if (status == MLP_OK) {
        status = fields_from_json(&counter_fields, state.nodes, archive->path, "state", copy);
    }
    json_document_free(&state);
    TRY(status);
    const size_t epoch = copy->fit.epoch, step = copy->fit.open.steps, epochs = fit->options.epochs;
    FAIL_IF(epoch > epochs || (epoch == epochs && step > 0), MLP_ERROR_ARGUMENT,
            "%s: stands in epoch %zu, this fit has %zu", archive->path, epoch + (step > 0), epochs);
    const char *wrong = counters_check(copy);
    return wrong == NULL ? MLP_OK
                         : fail(MLP_ERROR_FORMAT, "%s: metadata 'state.%s' cannot be true of this fit",
                                archive->path, wrong);
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

/* A new arena, whose values are all finite. */
static mlp_status read_arena(struct safetensors *archive, const struct fit *fit, const char *prefix,
                             float **arena)
{
    *arena = memory_allocate(fit->network->arena_size, sizeof **arena);
    return *arena != NULL ? arena_tensors_read(archive, fit->network, prefix, *arena) : MLP_ERROR_MEMORY;
}

static mlp_status read_clip_memory(struct safetensors *archive, struct clip_memory *memory)
{
    const struct safetensor *tensor;
    TRY(safetensors_require(archive, "optimizer.clip", sizeof *memory / sizeof(double), 0, &tensor));
    TRY(safetensor_doubles(archive, tensor, (double *)(void *)memory));
    return clip_memory_check(memory) && clip_norms_check(memory)
               ? MLP_OK
               : damaged(archive, "tensor 'optimizer.clip' contradicts itself");
}

static mlp_status read_arenas(struct safetensors *archive, const struct fit *fit, struct content *content)
{
    TRY(read_arena(archive, fit, "", &content->parameters));
    for (size_t s = 0; s < fit->optimizer->rule->states; s++) {
        char prefix[PREFIX_SIZE];
        snprintf(prefix, sizeof prefix, "optimizer.%zu.", s);
        TRY(read_arena(archive, fit, prefix, &content->moments[s]));
    }
    if (isfinite(content->copy.fit.best_loss)) {
        TRY(read_arena(archive, fit, "best.", &content->best));
    }
    return content->copy.fit.average.count > 0 ? read_arena(archive, fit, "average.", &content->average)
                                               : MLP_OK;
}

/* `rows` structs of `size` bytes from a table; *objects is the caller's (memory_free) also on failure. */
static mlp_status read_table(struct safetensors *archive, const char *name, const struct field_list *list,
                             size_t rows, void **objects, size_t size)
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
    for (size_t e = 0; e < content->copy.fit.epoch; e++) {
        TRY(check_row(archive, "history", e, epoch_check(&content->history[e], fit)));
    }
    if (monitor != NULL) {
        for (size_t i = 0; i < content->copy.monitor.count; i++) {
            TRY(check_row(archive, "monitor.records", i,
                          record_check(&content->records[i], &content->copy.fit)));
            for (size_t l = 0; l < monitor->layers; l++) {
                const size_t row = i * monitor->layers + l;
                TRY(check_row(archive, "monitor.layers", row,
                              monitor_layer_check(&content->figures[row], fit->network->layers[l].units)));
            }
        }
    }
    return MLP_OK;
}

static mlp_status read_tables(struct safetensors *archive, const struct fit *fit, struct content *content)
{
    const struct monitor *monitor = fit->report->monitor;
    const size_t records = content->copy.monitor.count;
    TRY(read_table(archive, "history", &epoch_fields, content->copy.fit.epoch, (void **)&content->history,
                   sizeof *content->history));
    if (monitor != NULL) {
        TRY(read_table(archive, "monitor.records", &record_fields, records, (void **)&content->records,
                       sizeof *content->records));
        TRY(read_table(archive, "monitor.layers", &monitor_layer_fields, records * monitor->layers,
                       (void **)&content->figures, sizeof *content->figures));
    }
    return check_tables(archive, fit, content);
}

/* What the network holds beyond its parameters is the same, bit for bit. */
static mlp_status check_vector(struct safetensors *archive, const char *name, const float *ours,
                               size_t length)
{
    const struct safetensor *tensor = safetensors_find(archive, name);
    FAIL_IF((tensor != NULL) != (ours != NULL), MLP_ERROR_ARGUMENT,
            "%s: was made %s '%s', this fit's network has %s", archive->path,
            tensor != NULL ? "with" : "without", name, ours != NULL ? "it" : "none");
    if (ours == NULL) {
        return MLP_OK;
    }
    TRY(safetensor_check_shape(archive, tensor, length, 0));
    float *theirs = memory_allocate(length, sizeof *theirs);
    mlp_status status =
        theirs != NULL ? safetensor_matrix(archive, tensor, theirs, length) : MLP_ERROR_MEMORY;
    if (status == MLP_OK && memcmp(ours, theirs, length * sizeof *ours) != 0) {
        status = fail(MLP_ERROR_ARGUMENT, "%s: was made with another '%s' than this fit's network has",
                      archive->path, name);
    }
    memory_free(theirs);
    return status;
}

/* Another machine may round otherwise: that is no reason not to go on, but must be reported. */
static mlp_status look_at_machine(const struct safetensors *archive, const struct fit *fit, char *other,
                                  size_t size)
{
    const mlp_status status = compare(archive, "machine", fit->checkpoints.machine);
    const bool differs = status == MLP_ERROR_ARGUMENT || status == MLP_ERROR_UNSUPPORTED;
    snprintf(other, size, "%s", differs ? mlp_last_error() : "");
    return differs ? MLP_OK : status;
}

/* The settings agree: a tensor of another shape or type, or a value that is not finite, is damage. */
static mlp_status as_damage(mlp_status status)
{
    return status == MLP_ERROR_SHAPE || status == MLP_ERROR_NONFINITE || status == MLP_ERROR_UNSUPPORTED
               ? MLP_ERROR_FORMAT
               : status;
}

static mlp_status read_content(struct safetensors *archive, const struct fit *fit, struct content *content)
{
    const mlp_network *network = fit->network;
    TRY(check_version(archive));
    TRY(compare(archive, "settings", fit->checkpoints.settings));
    TRY(read_state(archive, fit, &content->copy));
    TRY(check_vector(archive, "standardization.mean", network->mean, network->inputs));
    TRY(check_vector(archive, "standardization.scale", network->scale, network->inputs));
    TRY(check_vector(archive, "loss.class_weights", network->class_weights, output_layer(network)->units));
    TRY(as_damage(read_arenas(archive, fit, content)));
    TRY(as_damage(read_clip_memory(archive, &content->memory)));
    return as_damage(read_tables(archive, fit, content));
}

/* ---- in force ------------------------------------------------------------------------------------------ */

static void apply(const struct content *content, struct fit *fit)
{
    const size_t bytes = fit->network->arena_size * sizeof(float);
    struct monitor *monitor = fit->report->monitor;
    memcpy(network_write(fit->network), content->parameters, bytes);
    fit->optimizer->state_bound = INFINITY;
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
    counters_apply(&content->copy, fit);
    memcpy(fit->report->history, content->history, fit->epoch * sizeof *content->history);
    fit->report->epochs = fit->epoch;
    if (monitor != NULL) {
        memcpy(monitor->records, content->records, monitor->count * sizeof *monitor->records);
        memcpy(monitor->figures, content->figures,
               monitor->count * monitor->layers * sizeof *monitor->figures);
    }
}

mlp_status checkpoint_read(struct fit *fit, const char *path, char *other_machine, size_t size)
{
    struct safetensors archive;
    struct byte_source source;
    other_machine[0] = '\0';
    TRY(byte_source_open(path, &source));
    struct content *content = memory_allocate(1, sizeof *content);
    if (content == NULL) {
        byte_source_close(&source);
        return MLP_ERROR_MEMORY;
    }
    mlp_status status = safetensors_open(&source, &archive);
    status = status == MLP_OK ? read_content(&archive, fit, content) : status;
    status = status == MLP_OK ? look_at_machine(&archive, fit, other_machine, size) : status;
    if (status == MLP_OK) {
        apply(content, fit);
    }
    release(content);
    memory_free(content);
    safetensors_close(&archive);
    byte_source_close(&source);
    return status == MLP_ERROR_SHAPE ? MLP_ERROR_FORMAT : status; /* of the network's vectors */
}
