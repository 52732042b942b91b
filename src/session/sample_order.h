/* The order in which the samples of a data set are gone through, epoch after epoch.
 *
 * All samples in memory are shuffled together. Of a file as much is shuffled together as memory may hold, a
 * window: the samples are cut into runs of neighbours, the runs are shuffled, and of every WINDOW_RUNS of
 * them, which come from all over the file, the samples. Everything depends on the seed, the epoch and the
 * sizes alone. */
#ifndef SESSION_SAMPLE_ORDER_H
#define SESSION_SAMPLE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/data.h"

enum { WINDOW_RUNS = 64 };

struct sample_order {
    const mlp_data *data;
    uint64_t seed;
    bool shuffles;
    size_t window; /* samples; a multiple of the batch, or all */
    size_t run;    /* samples; the last run may be shorter */
    size_t run_count;
    size_t *runs;      /* in this epoch's order; NULL where one window holds all */
    size_t short_at;   /* place of the last run, the short one, among them */
    size_t *positions; /* of the open window; NULL without shuffling */
    size_t epoch;      /* that `runs` and `positions` are of; SIZE_MAX: none */
    size_t opened;     /* window that `positions` are of */
};

/* `window` samples are shuffled together at least (the last window has what is left), 0: all of memory's, 128
 * MiB of a file's. MLP_ERROR_MEMORY; sample_order_free() in any case. */
mlp_status sample_order_make(struct sample_order *order, const mlp_data *data, size_t batch, size_t window,
                             uint64_t seed, bool shuffles);
void sample_order_free(struct sample_order *order);

/* The positions in the data set of an epoch's samples first … first + batch − 1, or fewer at its end; `first`
 * is a multiple of the batch. Valid until the next call. NULL: `first` and those after it. */
const size_t *sample_order_batch(struct sample_order *order, size_t epoch, size_t first);

#endif
