/* Bare tensors of safetensors files, such as PyTorch's state_dict: which of them are the layers', in which
 * order. */
#ifndef IO_MODEL_BARE_H
#define IO_MODEL_BARE_H

#include "io/model_format.h"

/* Statistics of a BatchNorm1d, to be folded into a layer's W and b. */
struct bare_norm {
    const char *name; /* of its running mean, in the header */
    size_t layer;
    bool in_front; /* of the layer, rather than between its product and its activation */
    const struct safetensor *scale, *shift, *mean, *variance; /* scale and shift may be NULL */
};

struct bare_tensors {
    struct bare_norm *norms; /* owned */
    size_t norm_count;
};

/* Finds the tensors of file->layer_count layers, whose sizes become the file's description. FORMAT, SHAPE,
 * UNSUPPORTED for a module that is no layer, by its name. */
mlp_status bare_find(const struct safetensors *archive, struct model_file *file, struct bare_tensors *bare);
/* Folds the normalizations into the network, which has the tensors' parameters. SHAPE, NONFINITE, IO, MEMORY.
 * */
mlp_status bare_fold(struct safetensors *archive, const struct bare_tensors *bare, mlp_network *network);
void bare_free(struct bare_tensors *bare);

#endif
