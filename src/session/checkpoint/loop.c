/* Checkpoints of a loop by hand: network, optimizer, and bytes of the caller's own. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_description.h"
#include "io/model_tensors.h"
#include "optim/shards.h"
#include "session/checkpoint/content.h"
#include "session/checkpoint/state.h"

static const char own_name[] = "loop.own";

/* Beyond the arenas: the network's extras, the clipping's memory and the caller's bytes. */
enum { EXTRA_TENSORS = MODEL_EXTRA_TENSORS + 2 };

/* ---- saving -------------------------------------------------------------------------------------------- */

/* The network's texts and the loop's; NULL when memory is short. */
static json_t *metadata_of(const mlp_network *network, const mlp_optimizer *optimizer)
{
    struct fit_copy *copy = memory_allocate(1, sizeof *copy);
    json_t *metadata = copy != NULL ? description_write(network) : NULL;
    char version[16];
    snprintf(version, sizeof version, "%d", CHECKPOINT_VERSION);
    bool complete = metadata != NULL &&
                    json_object_set_new(metadata, "checkpoint_version", json_string(version)) == 0 &&
                    metadata_set_json(metadata, "settings", checkpoint_loop_settings(network, optimizer));
    if (complete) {
        optimizer_counters_gather(optimizer, copy);
        complete = metadata_set_json(metadata, LOOP_KEY, fields_to_json(&optimizer_counter_fields, copy));
    }
    memory_free(copy);
    if (!complete) {
        json_decref(metadata);
        return NULL;
    }
    return metadata;
}

static void list_own(const void *own, size_t size, struct safetensor_output *outputs, size_t *count)
{
    struct safetensor_output *output = &outputs[*count];
    if (size > 0) {
        snprintf(output->name, sizeof output->name, "%s", own_name);
        output->rows = size;
        output->bytes = own;
        (*count)++;
    }
}

mlp_status mlp_checkpoint_save(const char *path, const mlp_network *network, const mlp_optimizer *optimizer,
                               const void *own, size_t own_size)
{
    REQUIRE_ARGUMENT(path);
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(optimizer);
    FAIL_IF(own == NULL && own_size > 0, MLP_ERROR_ARGUMENT,
            "mlp_checkpoint_save: own is NULL, but own_size is %zu", own_size);
    TRY(optimizer_check(optimizer, network));
    TRY(shards_check_whole("mlp_checkpoint_save", optimizer));
    const size_t room = arena_tensor_count(network) * STATE_ARENAS + EXTRA_TENSORS;
    struct safetensor_output *outputs = memory_allocate(room, sizeof *outputs);
    json_t *metadata = outputs != NULL ? metadata_of(network, optimizer) : NULL;
    mlp_status status = MLP_OK;
    if (metadata != NULL) {
        struct byte_sink sink = byte_sink_file(path);
        size_t count = 0;
        training_state_list(network, optimizer, NULL, outputs, &count);
        list_own(own, own_size, outputs, &count);
        status = safetensors_write(&sink, metadata, outputs, count, true);
    } else {
        status = fail(MLP_ERROR_MEMORY, "%s: out of memory for a checkpoint", path);
    }
    json_decref(metadata);
    memory_free(outputs);
    return status;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

/* Read but not in force. */
struct content {
    struct fit_copy copy;
    struct training_state state;
    unsigned char *own;
};

static mlp_status check_settings(const struct safetensors *archive, const mlp_network *network,
                                 const mlp_optimizer *optimizer)
{
    json_t *ours = checkpoint_loop_settings(network, optimizer);
    const mlp_status status = ours != NULL ? training_state_compare(archive, "settings", ours)
                                           : fail(MLP_ERROR_MEMORY, "out of memory for a checkpoint");
    json_decref(ours);
    return status;
}

static mlp_status read_counters(const struct safetensors *archive, const mlp_optimizer *optimizer,
                                struct fit_copy *copy)
{
    struct json_document document;
    optimizer_counters_gather(optimizer, copy);
    mlp_status status = safetensors_metadata_json(archive, LOOP_KEY, &document);
    if (status == MLP_OK) {
        status = fields_from_json(&optimizer_counter_fields, document.nodes, archive->path, LOOP_KEY, copy);
    }
    json_document_free(&document);
    TRY(status);
    const char *wrong = optimizer_counters_check(copy);
    return wrong == NULL ? MLP_OK
                         : fail(MLP_ERROR_FORMAT, "%s: metadata '%s.%s' cannot be true of this optimizer",
                                archive->path, LOOP_KEY, wrong);
}

static mlp_status read_own(struct safetensors *archive, size_t size, unsigned char **own)
{
    const struct safetensor *tensor = safetensors_find(archive, own_name);
    const size_t theirs = tensor != NULL ? tensor->elements : 0;
    FAIL_IF(theirs != size, MLP_ERROR_ARGUMENT,
            "%s: holds %zu bytes of the caller's own, expected own_size, %zu", archive->path, theirs, size);
    *own = memory_allocate(size, 1);
    REQUIRE_MEMORY(*own);
    return size > 0 ? training_state_as_damage(safetensor_bytes(archive, tensor, *own)) : MLP_OK;
}

static mlp_status read_content(struct safetensors *archive, const mlp_network *network,
                               const mlp_optimizer *optimizer, size_t own_size, struct content *content)
{
    TRY(training_state_check_version(archive));
    FAIL_IF(safetensors_metadata(archive, LOOP_KEY) == NULL, MLP_ERROR_FORMAT,
            "%s: is a checkpoint of mlp_fit(), not of mlp_checkpoint_save()", archive->path);
    TRY(check_settings(archive, network, optimizer));
    TRY(read_counters(archive, optimizer, &content->copy));
    TRY(training_state_check_network(archive, network));
    TRY(training_state_as_damage(training_state_read(archive, network, optimizer, &content->state)));
    return read_own(archive, own_size, &content->own);
}

mlp_status mlp_checkpoint_load(const char *path, mlp_network *network, mlp_optimizer *optimizer, void *own,
                               size_t own_size)
{
    struct byte_source source;
    struct safetensors archive;
    REQUIRE_ARGUMENT(path);
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(optimizer);
    FAIL_IF(own == NULL && own_size > 0, MLP_ERROR_ARGUMENT,
            "mlp_checkpoint_load: own is NULL, but own_size is %zu", own_size);
    TRY(optimizer_check(optimizer, network));
    struct content *content = memory_allocate(1, sizeof *content); /* 30 KB: not for the stack */
    REQUIRE_MEMORY(content);
    mlp_status status = byte_source_open(path, &source);
    if (status == MLP_OK) {
        status = safetensors_open(&source, &archive);
        status = status == MLP_OK ? read_content(&archive, network, optimizer, own_size, content) : status;
        safetensors_close(&archive);
        byte_source_close(&source);
    }
    if (status == MLP_OK) {
        training_state_apply(&content->state, network, optimizer);
        optimizer_counters_apply(&content->copy, optimizer);
    }
    if (status == MLP_OK && own_size > 0) {
        memcpy(own, content->own, own_size);
    }
    training_state_free(&content->state);
    memory_free(content->own);
    memory_free(content);
    return status == MLP_ERROR_SHAPE ? MLP_ERROR_FORMAT : status; /* of the network's vectors */
}
