/* Evaluation with buffers that are already there. */
#ifndef SESSION_EVALUATE_H
#define SESSION_EVALUATE_H

#include "session/batch.h"

/* Metrics of batch->data; the workspace holds batch->size samples. A loss that is not finite is no error
 * here. */
mlp_status evaluate_data(const mlp_network *network, mlp_workspace *workspace, struct batch *batch,
                         size_t top_k, mlp_metrics *metrics, uint64_t *confusion);

/* k in force: 5 for 0. */
size_t evaluate_top_k(size_t top_k);

#endif
