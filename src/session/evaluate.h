/* Evaluation with buffers that are already there. */
#ifndef SESSION_EVALUATE_H
#define SESSION_EVALUATE_H

#include "session/batch.h"

/* A network on a data set, by one rank or several. */
struct evaluation {
    const mlp_network *network;
    mlp_workspace *workspace;     /* holds batch->size samples */
    struct batch *batch;          /* and its data */
    const mlp_exchange *exchange; /* of size 1: alone */
    struct tally *tallies; /* of several ranks: 2·evaluate_batches(), of each batch this rank's, then all */
    size_t top_k;          /* in force */
    uint64_t *confusion;   /* counts are added, on several ranks this one's; or NULL */
};

/* Metrics of all samples. Several ranks take a share of the batches each, and add up the sums of all in
 * order, as one does: the bits are its. A loss that is not finite is no error here. */
mlp_status evaluate_data(const struct evaluation *evaluation, mlp_metrics *metrics);

/* Batches that the data are taken in. */
size_t evaluate_batches(const struct batch *batch);

/* k in force: 5 for 0. */
size_t evaluate_top_k(size_t top_k);

#endif
