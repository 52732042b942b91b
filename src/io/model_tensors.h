/* A network's arenas as tensors of a file: its parameters, and mirrors of them such as an optimizer's
 * moments. */
#ifndef IO_MODEL_TENSORS_H
#define IO_MODEL_TENSORS_H

#include "io/safetensors.h"
#include "model/network.h"

/* Tensors of an arena, and of a network beyond its parameters at most: standardization (2), output scaling
 * (2) and class weights. */
static inline size_t arena_tensor_count(const mlp_network *network)
{
    return 2 * network->layer_count;
}
enum { MODEL_EXTRA_TENSORS = 5 };

/* Lists the tensors `prefix`layers.N.weight and .bias of an arena laid out as the network's; outputs[*count]
 * is the first, and *count grows. The prefix has at most 24 characters. */
void arena_tensors_list(const mlp_network *network, const char *prefix, const float *arena,
                        struct safetensor_output *outputs, size_t *count);
/* The same for all tensors of a network. */
void model_tensors_list(const mlp_network *network, struct safetensor_output *outputs, size_t *count);

/* Reads such tensors into an arena, whose padding stays as it is. FORMAT, SHAPE, NONFINITE, UNSUPPORTED,
 * IO. */
mlp_status arena_tensors_read(struct safetensors *archive, const mlp_network *network, const char *prefix,
                              float *arena);

#endif
