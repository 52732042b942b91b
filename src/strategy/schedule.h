/* Schedules: one row of behaviour for each value of mlp_schedule. */
#ifndef STRATEGY_SCHEDULE_H
#define STRATEGY_SCHEDULE_H

#include <stdbool.h>

#include <mlp/schedule.h>

/* Takes over a caller's options and checks them: MLP_ERROR_ARGUMENT or RANGE where they do not fit together.
 */
mlp_status schedule_accept(const mlp_schedule_options *given, mlp_schedule_options *options);
/* The point of checked options; for plateau with nothing but the warm-up. */
mlp_schedule_point schedule_at(const mlp_schedule_options *options, size_t t, size_t total);
/* Whether the point of a step hangs on T, so that a longer training has another one there. */
bool schedule_stretches(const mlp_schedule_options *options);
/* γ and patience in force. */
double schedule_gamma(const mlp_schedule_options *options);
size_t schedule_patience(const mlp_schedule_options *options);

#endif
