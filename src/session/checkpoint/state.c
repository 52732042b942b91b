/* The network and the optimizer in checkpoints. */
#include "session/checkpoint/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/model_tensors.h"
#include "optim/finite.h"
#include "optim/shards.h"
#include "session/checkpoint/content.h"

void training_state_free(struct training_state *state)
{
    memory_free(state->parameters);
    for (size_t s = 0; s < RULE_STATES; s++) {
        memory_free(state->moments[s]);
    }
    *state = (struct training_state){ 0 };
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static void name_moments(size_t s, char prefix[STATE_PREFIX])
{
    snprintf(prefix, STATE_PREFIX, "optimizer.%u.", (unsigned)s);
}

static mlp_status fetch(void *context, size_t array)
{
    struct shard_source *source = context;
    source->sent = array + 1;
    source->status = shards_collect(source->optimizer, source->workspace, array);
    return source->status;
}

mlp_status shard_source_send(struct shard_source *source)
{
    while (source->status == MLP_OK && source->sent < source->optimizer->rule->states) {
        fetch(source, source->sent);
    }
    return source->status;
}

void training_state_list(const mlp_network *network, const mlp_optimizer *optimizer,
                         struct shard_source *source, struct safetensor_output *outputs, size_t *count)
{
    model_tensors_list(network, outputs, count);
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        char prefix[STATE_PREFIX];
        struct safetensor_output *first = &outputs[*count];
        name_moments(s, prefix);
        arena_tensors_list(network, prefix,
                           source != NULL ? shards_collected(source->workspace) : optimizer->state[s],
                           outputs, count);
        if (source != NULL) {
            first->fetch = fetch;
            first->fetch_context = source;
            first->fetch_number = s;
        }
    }
    struct safetensor_output *memory = &outputs[(*count)++];
    snprintf(memory->name, sizeof memory->name, "optimizer.clip");
    memory->rows = sizeof optimizer->memory / sizeof(double);
    memory->doubles = (const double *)(const void *)&optimizer->memory;
}

/* ---- checks -------------------------------------------------------------------------------------------- */

static mlp_status damaged(const struct safetensors *archive, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: %s", archive->path, what);
}

/* A checkpoint of version 1 has no checksum, and all others have one, which has been verified. */
mlp_status training_state_check_version(const struct safetensors *archive)
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

mlp_status training_state_compare(const struct safetensors *archive, const char *key, const json_t *ours)
{
    struct json_document theirs;
    mlp_status status = safetensors_metadata_json(archive, key, &theirs);
    status = status == MLP_OK ? checkpoint_compare(archive->path, ours, theirs.nodes) : status;
    json_document_free(&theirs);
    return status;
}

static mlp_status check_vector(struct safetensors *archive, const char *name, const float *ours,
                               size_t length)
{
    const struct safetensor *tensor = safetensors_find(archive, name);
    FAIL_IF((tensor != NULL) != (ours != NULL), MLP_ERROR_ARGUMENT,
            "%s: was made %s '%s', the network here has %s", archive->path,
            tensor != NULL ? "with" : "without", name, ours != NULL ? "it" : "none");
    if (ours == NULL) {
        return MLP_OK;
    }
    TRY(safetensor_check_shape(archive, tensor, length, 0));
    float *theirs = memory_allocate(length, sizeof *theirs);
    mlp_status status =
        theirs != NULL ? safetensor_matrix(archive, tensor, theirs, length) : MLP_ERROR_MEMORY;
    if (status == MLP_OK && memcmp(ours, theirs, length * sizeof *ours) != 0) {
        status = fail(MLP_ERROR_ARGUMENT, "%s: was made with another '%s' than the network here has",
                      archive->path, name);
    }
    memory_free(theirs);
    return status;
}

mlp_status training_state_check_network(struct safetensors *archive, const mlp_network *network)
{
    TRY(check_vector(archive, "standardization.mean", network->mean, network->inputs));
    TRY(check_vector(archive, "standardization.scale", network->scale, network->inputs));
    const size_t outputs = output_layer(network)->units;
    TRY(check_vector(archive, "output.shift", network->output_shift, outputs));
    TRY(check_vector(archive, "output.scale", network->output_scale, outputs));
    return check_vector(archive, "loss.class_weights", network->class_weights, outputs);
}

mlp_status training_state_as_damage(mlp_status status)
{
    return status == MLP_ERROR_SHAPE || status == MLP_ERROR_NONFINITE || status == MLP_ERROR_UNSUPPORTED
               ? MLP_ERROR_FORMAT
               : status;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

mlp_status training_state_arena(struct safetensors *archive, const mlp_network *network, const char *prefix,
                                float **arena)
{
    *arena = memory_allocate(network->arena_size, sizeof **arena);
    return *arena != NULL ? arena_tensors_read(archive, network, prefix, *arena) : MLP_ERROR_MEMORY;
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

/* This rank's part of array s of the optimizer's state. */
static mlp_status read_moments(struct safetensors *archive, const mlp_network *network,
                               const mlp_optimizer *optimizer, size_t s, float **moments)
{
    const struct range *own = &optimizer->own;
    char prefix[STATE_PREFIX];
    float *whole;
    name_moments(s, prefix);
    mlp_status status = training_state_arena(archive, network, prefix, &whole);
    if (!shards_are_used(optimizer)) {
        *moments = whole;
        return status;
    }
    if (status == MLP_OK) {
        *moments = memory_allocate(own->end - own->first, sizeof **moments);
        status = *moments != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    }
    if (status == MLP_OK) {
        memcpy(*moments, whole + own->first, (own->end - own->first) * sizeof **moments);
    }
    memory_free(whole);
    return status;
}

mlp_status training_state_read(struct safetensors *archive, const mlp_network *network,
                               const mlp_optimizer *optimizer, struct training_state *state)
{
    TRY(training_state_arena(archive, network, "", &state->parameters));
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        TRY(read_moments(archive, network, optimizer, s, &state->moments[s]));
    }
    return read_clip_memory(archive, &state->memory);
}

void training_state_apply(const struct training_state *state, mlp_network *network, mlp_optimizer *optimizer)
{
    const struct range *own = &optimizer->own;
    memcpy(network_write(network), state->parameters, network->arena_size * sizeof(float));
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        memcpy(optimizer->state[s], state->moments[s], (own->end - own->first) * sizeof(float));
    }
    finite_state_given(optimizer, state->moments);
    optimizer->memory = state->memory;
}
