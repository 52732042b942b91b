/* Evaluation with buffers that are already there. */
#ifndef SESSION_EVALUATE_H
#define SESSION_EVALUATE_H

#include "session/batch.h"

/* Metrics of batch->data; the workspace holds batch->size samples. A loss that is not finite is no error
 * here. */
mlp_status evaluate_data(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                         size_t top_k, mlp_metrics *metrics, uint64_t *confusion);

/* One batch of it: samples from `first` on, added to the tally. */
mlp_status evaluate_batch(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                          size_t first, size_t top_k, struct tally *tally, uint64_t *confusion);
/* What a tally of all batches says. */
mlp_metrics tally_metrics(const struct tally *tally, const mlp_network *network);

/* k in force: 5 for 0. */
size_t evaluate_top_k(size_t top_k);

#endif
