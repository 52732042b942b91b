/* Writing checkpoints. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_description.h"
#include "io/model_tensors.h"
#include "optim/shards.h"
#include "session/checkpoint/content.h"
#include "session/checkpoint/state.h"

/* Beyond the arenas: the network's extras, the history, the monitor's two, and the clipping's memory. */
enum { EXTRA_TENSORS = MODEL_EXTRA_TENSORS + 4, TABLES = 3 };

struct output {
    struct safetensor_output *tensors;
    size_t count;
    double *tables[TABLES]; /* owned */
    size_t table_count;
};

static mlp_status out_of_memory(const char *path)
{
    return fail(MLP_ERROR_MEMORY, "%s: out of memory for a checkpoint", path);
}

static void release(struct output *output)
{
    for (size_t i = 0; i < output->table_count; i++) {
        memory_free(output->tables[i]);
    }
    memory_free(output->tensors);
}

/* `rows` structs of `size` bytes, a row for each. False when memory is short. */
static bool add_table(struct output *output, const char *name, const struct field_list *list, size_t rows,
                      const void *objects, size_t size)
{
    double *table = memory_allocate(rows * list->count, sizeof *table);
    struct safetensor_output *tensor = &output->tensors[output->count];
    if (table == NULL) {
        return false;
    }
    for (size_t r = 0; r < rows; r++) {
        fields_to_row(list, (const char *)objects + r * size, table + r * list->count);
    }
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->rows = rows;
    tensor->columns = list->count;
    tensor->doubles = table;
    output->tables[output->table_count++] = table;
    output->count++;
    return true;
}

const float *checkpoint_best(const struct fit *fit)
{
    const float *kept = fit->best != NULL ? fit->best : fit->checkpoints.best;
    return isfinite(fit->best_loss) ? kept : NULL;
}

/* The network, the optimizer's state, the best parameters and the mean. */
static void list_arenas(const struct fit *fit, struct shard_source *source, struct output *output)
{
    const float *best = checkpoint_best(fit);
    training_state_list(fit->network, fit->optimizer, source, output->tensors, &output->count);
    if (best != NULL) {
        arena_tensors_list(fit->network, "best.", best, output->tensors, &output->count);
    }
    if (average_is_there(&fit->average)) {
        arena_tensors_list(fit->network, "average.", fit->average.mean, output->tensors, &output->count);
    }
}

static bool list_all(const struct fit *fit, struct shard_source *source, struct output *output)
{
    const struct mlp_report *report = fit->report;
    const struct monitor *monitor = report->monitor;
    const size_t arenas = STATE_ARENAS + 2;
    output->tensors =
        memory_allocate(arena_tensor_count(fit->network) * arenas + EXTRA_TENSORS, sizeof *output->tensors);
    if (output->tensors == NULL) {
        return false;
    }
    list_arenas(fit, source, output);
    return add_table(output, "history", &epoch_fields, fit->epoch, report->history,
                     sizeof *report->history) &&
           (monitor == NULL ||
            (add_table(output, "monitor.records", &record_fields, monitor->count, monitor->records,
                       sizeof *monitor->records) &&
             add_table(output, "monitor.layers", &monitor_layer_fields, monitor->count * monitor->layers,
                       monitor->figures, sizeof *monitor->figures)));
}

/* The network's texts and the fit's; NULL when memory is short. */
static json_t *metadata_of(const struct fit *fit)
{
    struct fit_copy *copy = memory_allocate(1, sizeof *copy);
    json_t *metadata = copy != NULL ? description_write(fit->network) : NULL;
    char version[16];
    snprintf(version, sizeof version, "%d", CHECKPOINT_VERSION);
    bool complete = metadata != NULL &&
                    json_object_set_new(metadata, "checkpoint_version", json_string(version)) == 0 &&
                    metadata_set_json(metadata, "settings", json_incref(fit->checkpoints.settings)) &&
                    metadata_set_json(metadata, "machine", json_incref(fit->checkpoints.machine));
    if (complete) {
        counters_gather(fit, copy);
        complete = metadata_set_json(metadata, "state", fields_to_json(&counter_fields, copy));
    }
    memory_free(copy);
    if (!complete) {
        json_decref(metadata);
        return NULL;
    }
    return metadata;
}

static mlp_status write_file(const struct fit *fit, struct shard_source *source, const char *path)
{
    struct output output = { 0 };
    struct byte_sink sink = byte_sink_file(path);
    json_t *metadata = metadata_of(fit);
    mlp_status status = MLP_OK;
    if (metadata == NULL || !list_all(fit, source, &output)) {
        status = out_of_memory(path);
    } else {
        status = safetensors_write(&sink, metadata, output.tensors, output.count, true);
    }
    json_decref(metadata);
    release(&output);
    return status;
}

mlp_status checkpoint_write(const struct fit *fit, const char *path)
{
    struct shard_source source = { .optimizer = fit->optimizer, .workspace = fit->workspace };
    const bool sharded = shards_are_used(fit->optimizer);
    const mlp_status status = path != NULL ? write_file(fit, sharded ? &source : NULL, path) : MLP_OK;
    const mlp_status sent = sharded ? shard_source_send(&source) : MLP_OK;
    return sent != MLP_OK ? sent : status;
}

mlp_status checkpoint_write_best(const struct fit *fit, const char *path)
{
    mlp_network best = *fit->network;
    const size_t room = arena_tensor_count(&best) + MODEL_EXTRA_TENSORS;
    struct safetensor_output *tensors = memory_allocate(room, sizeof *tensors);
    json_t *metadata = tensors != NULL ? description_write(&best) : NULL;
    size_t count = 0;
    mlp_status status = MLP_OK;
    best.parameters = (float *)(uintptr_t)checkpoint_best(fit);
    if (metadata == NULL) {
        status = out_of_memory(path);
    } else {
        model_tensors_list(&best, tensors, &count);
        struct byte_sink sink = byte_sink_file(path);
        status = safetensors_write(&sink, metadata, tensors, count, true);
    }
    json_decref(metadata);
    memory_free(tensors);
    return status;
}
