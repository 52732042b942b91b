/* Averaged weights of a fit. */
#ifndef SESSION_AVERAGE_H
#define SESSION_AVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/average.h>

#include "model/network.h"

struct average {
    mlp_average_options options; /* every default resolved */
    size_t first_epoch;          /* from which SWA takes part, from 0 */
    size_t count;                /* of parameters that are in it */
    float *mean;                 /* an arena; NULL: none */
};

/* Checks the options, NULL for none, and takes memory. ARGUMENT, RANGE, MEMORY. */
mlp_status average_begin(struct average *average, const mlp_average_options *options,
                         const mlp_network *network, size_t epochs);
void average_free(struct average *average);

/* After a step, and after the last step of an epoch, counted from 0. */
void average_step(struct average *average, const mlp_network *network, int threads);
void average_epoch(struct average *average, const mlp_network *network, size_t epoch, int threads);

/* Whether there is a mean yet. */
bool average_is_there(const struct average *average);
/* Exchanges the network's parameters and the mean. */
void average_swap(struct average *average, mlp_network *network);

#endif
