/* The state of a fit's schedule: the rate and momentum of each step, and what a plateau counts. */
#ifndef SESSION_SCHEDULE_STATE_H
#define SESSION_SCHEDULE_STATE_H

#include <stddef.h>

#include <mlp/schedule.h>

#include "optim/optimizer.h"

struct schedule_state {
    const mlp_schedule_options *options; /* NULL: none */
    size_t total;                        /* steps, or epochs */
    double scale;                        /* plateau's */
    double best;                         /* loss */
    size_t since_best;                   /* epochs */
};

/* For a fit of `epochs` epochs of `steps` steps. */
struct schedule_state schedule_state_begin(const mlp_schedule_options *options, size_t epochs, size_t steps);
/* Gives the optimizer its rate and momentum for a step, counted from the start of the fit. RANGE when a
 * custom schedule's factor is negative or not finite. */
mlp_status schedule_state_apply(const struct schedule_state *state, mlp_optimizer *optimizer, size_t step,
                                size_t epoch);
/* After an epoch, with the loss that a plateau watches. */
void schedule_state_end_epoch(struct schedule_state *state, double loss);
/* The optimizer has its own rate and momentum again. */
void schedule_state_end(mlp_optimizer *optimizer);

#endif
