/* What the checkpoints of a fit and of a loop have in common: the network's parameters and the optimizer's
 * state, in and out of a file. */
#ifndef SESSION_CHECKPOINT_STATE_H
#define SESSION_CHECKPOINT_STATE_H

#include "io/safetensors.h"
#include "optim/optimizer.h"

/* Names of tensors: a prefix such as "optimizer.0." and its end. */
enum { STATE_PREFIX = 25 };

/* Arenas that training_state_list() lists, at most. */
enum { STATE_ARENAS = 1 + RULE_STATES };

/* Read but not in force. (8 KB: not for the stack.) All 0: empty. */
struct training_state {
    float *parameters;
    float *moments[RULE_STATES]; /* of a sharded optimizer this rank's part */
    struct clip_memory memory;
};
void training_state_free(struct training_state *state);

/* The state of a sharded optimizer, which all ranks send to rank 0, an array at a time. */
struct shard_source {
    const mlp_optimizer *optimizer;
    const mlp_workspace *workspace;
    size_t sent;       /* arrays */
    mlp_status status; /* of the exchange */
};
/* Sends what is left: rank 0 also after a failure to write, as the others do not know of it. Returns the
 * exchange's failure. */
mlp_status shard_source_send(struct shard_source *source);

/* Lists the network's tensors, the optimizer's moments and what its clipping remembers. Of a sharded
 * optimizer the moments come from `source` as they are written; else it is NULL. */
void training_state_list(const mlp_network *network, const mlp_optimizer *optimizer,
                         struct shard_source *source, struct safetensor_output *outputs, size_t *count);

/* FORMAT unless the file is a whole checkpoint of a version that is known, which may be UNSUPPORTED. */
mlp_status training_state_check_version(const struct safetensors *archive);
/* ARGUMENT unless what the network holds beyond its parameters is the file's, bit for bit. */
mlp_status training_state_check_network(struct safetensors *archive, const mlp_network *network);
/* Compares the JSON of a metadata text with ours: checkpoint_compare(). */
mlp_status training_state_compare(const struct safetensors *archive, const char *key, const json_t *ours);

/* A new arena like the network's, whose values are all finite; the caller's (memory_free) also on failure. */
mlp_status training_state_arena(struct safetensors *archive, const mlp_network *network, const char *prefix,
                                float **arena);
/* Everything is read and checked, nothing is in force. training_state_free() afterwards also on failure. */
mlp_status training_state_read(struct safetensors *archive, const mlp_network *network,
                               const mlp_optimizer *optimizer, struct training_state *state);
void training_state_apply(const struct training_state *state, mlp_network *network, mlp_optimizer *optimizer);

/* The settings agree: a tensor of another shape or type, or a value that is not finite, is damage. */
mlp_status training_state_as_damage(mlp_status status);

#endif
