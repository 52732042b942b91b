/* Going on from a checkpoint: everything is read and checked before anything changes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "session/checkpoint/content.h"
#include "session/checkpoint/state.h"

/* What a checkpoint holds, read but not in force. (With the copies some 40 KB: not for the stack.) */
struct content {
    struct fit_copy copy;
    struct training_state state;
    float *best;    /* NULL: none */
    float *average; /* NULL: none */
    mlp_epoch *history;
    mlp_monitor_record *records;
    mlp_monitor_layer *figures;
};

static void release(struct content *content)
{
    training_state_free(&content->state);
    memory_free(content->best);
    memory_free(content->average);
    memory_free(content->history);
    memory_free(content->records);
    memory_free(content->figures);
}

/* ---- texts --------------------------------------------------------------------------------------------- */

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

static mlp_status read_arenas(struct safetensors *archive, const struct fit *fit, struct content *content)
{
    TRY(training_state_read(archive, fit->network, fit->optimizer, &content->state));
    if (isfinite(content->copy.fit.best_loss)) {
        TRY(training_state_arena(archive, fit->network, "best.", &content->best));
    }
    return content->copy.fit.average.count > 0
               ? training_state_arena(archive, fit->network, "average.", &content->average)
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

/* Another machine may round otherwise: that is no reason not to go on, but must be reported. */
static mlp_status look_at_machine(const struct safetensors *archive, const struct fit *fit, char *other,
                                  size_t size)
{
    const mlp_status status = training_state_compare(archive, "machine", fit->checkpoints.machine);
    const bool differs = status == MLP_ERROR_ARGUMENT || status == MLP_ERROR_UNSUPPORTED;
    snprintf(other, size, "%s", differs ? mlp_last_error() : "");
    return differs ? MLP_OK : status;
}

static mlp_status read_content(struct safetensors *archive, const struct fit *fit, struct content *content)
{
    TRY(training_state_check_version(archive));
    FAIL_IF(safetensors_metadata(archive, LOOP_KEY) != NULL, MLP_ERROR_FORMAT,
            "%s: is a checkpoint of mlp_checkpoint_save(), not of mlp_fit()", archive->path);
    TRY(training_state_compare(archive, "settings", fit->checkpoints.settings));
    TRY(read_state(archive, fit, &content->copy));
    TRY(training_state_check_network(archive, fit->network));
    TRY(training_state_as_damage(read_arenas(archive, fit, content)));
    return training_state_as_damage(read_tables(archive, fit, content));
}

/* ---- in force ------------------------------------------------------------------------------------------ */

static void apply(const struct content *content, struct fit *fit)
{
    const size_t bytes = fit->network->arena_size * sizeof(float);
    struct monitor *monitor = fit->report->monitor;
    training_state_apply(&content->state, fit->network, fit->optimizer);
    if (content->best != NULL) {
        memcpy(fit->best != NULL ? fit->best : fit->checkpoints.best, content->best, bytes);
    }
    if (content->average != NULL) {
        memcpy(fit->average.mean, content->average, bytes);
    }
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
    struct byte_source source;
    other_machine[0] = '\0';
    TRY(byte_source_open(path, &source));
    const mlp_status status = checkpoint_read_source(fit, &source, other_machine, size);
    byte_source_close(&source);
    return status;
}

mlp_status checkpoint_read_source(struct fit *fit, const struct byte_source *source, char *other_machine,
                                  size_t size)
{
    struct safetensors archive;
    other_machine[0] = '\0';
    struct content *content = memory_allocate(1, sizeof *content);
    REQUIRE_MEMORY(content);
    mlp_status status = safetensors_open(source, &archive);
    status = status == MLP_OK ? read_content(&archive, fit, content) : status;
    status = status == MLP_OK ? look_at_machine(&archive, fit, other_machine, size) : status;
    if (status == MLP_OK) {
        apply(content, fit);
    }
    release(content);
    memory_free(content);
    safetensors_close(&archive);
    return status == MLP_ERROR_SHAPE ? MLP_ERROR_FORMAT : status; /* of the network's vectors */
}
