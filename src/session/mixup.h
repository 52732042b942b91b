/* Mixup (Zhang et al. 2018): a batch whose samples are mixed with one another. */
#ifndef SESSION_MIXUP_H
#define SESSION_MIXUP_H

#include <stdint.h>

#include "session/batch.h"

/* Memory for the targets of a batch of samples with classes, as values. MLP_ERROR_MEMORY. */
mlp_status mixup_prepare(struct batch *batch, const mlp_network *network);

/* Mixes each gathered sample with the one that is as far from the other end of the batch: λ·x + (1 − λ)·x′,
 * targets and weights likewise; λ ~ Beta(α, α) by seed and step, at least ½. Classes stay in batch->classes,
 * for accuracy. */
void mixup_apply(struct batch *batch, const mlp_network *network, double alpha, uint64_t seed, size_t step,
                 int threads);

#endif
