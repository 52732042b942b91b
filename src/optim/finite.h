/* Nothing that is not finite gets into a network: an update is known to be finite, or tried before it is
 * made.
 *
 * Bounds on the magnitude of the parameters and of the state are kept from step to step, in double: each step
 * adds what a rule can at most add, given the largest entry of the gradient. Far within float's range that
 * proves the update, at no cost for an entry. Otherwise the update is made on copies first, a block at a
 * time; it is refused where a result is not finite, and the bounds are measured. */
#ifndef OPTIM_FINITE_H
#define OPTIM_FINITE_H

#include "optim/optimizer.h"

/* Sets plan->finite and bounds, and where the update is known to be finite moves the bounds on. After
 * clipping, by one thread. */
void finite_predict(struct update_plan *plan);

/* The state, or this rank's part of it, has been given from outside. */
void finite_state_given(struct mlp_optimizer *optimizer, float *const *state);

/* Makes an update with gradients that are at most `largest` with their decay. */
void finite_bounded(update_pass *pass, const struct update *update, float largest);

/* Makes such an update on copies, for plan->tried: nothing is changed. `pass` is NULL where nothing is to be
 * updated. From any member. */
void finite_try(struct update_plan *plan, update_pass *pass, const struct update *update, float largest);

/* Whether what was tried is finite, also with the rule's `finish`; sets the bounds then. By one thread. */
bool finite_accepts(struct update_plan *plan);

#endif
