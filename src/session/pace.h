/* The pace of a fit: its schedule step by step. */
#ifndef SESSION_PACE_H
#define SESSION_PACE_H

#include <stddef.h>

#include <mlp/schedule.h>

#include "optim/optimizer.h"

struct pace {
    const mlp_schedule_options *options; /* NULL: none */
    size_t total;                        /* steps, or epochs */
    double scale;                        /* plateau's */
    double best;                         /* loss */
    size_t since_best;                   /* epochs */
};

/* For a fit of `epochs` epochs of `steps` steps. */
struct pace pace_begin(const mlp_schedule_options *options, size_t epochs, size_t steps);
/* Gives the optimizer its rate and momentum for a step, counted from the start of the fit. RANGE when a
 * custom schedule's factor is negative or not finite. */
mlp_status pace_set(const struct pace *pace, mlp_optimizer *optimizer, size_t step, size_t epoch);
/* After an epoch, with the loss that a plateau is told by. */
void pace_end_epoch(struct pace *pace, double loss);
/* The optimizer has its own rate and momentum again. */
void pace_end(mlp_optimizer *optimizer);

#endif
