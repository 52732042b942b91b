/* Nothing that is not finite gets into a network: an update is known to be finite, or tried before it is
 * made.
 *
 * Where parameters and gradient are within ±LARGEST_MODERATE, the state within ±LARGEST_STATE and the options
 * within the limits in finite.c, no rule can leave float's range: each operation of its body is bounded by
 * some 1e35. Whether parameters and state are is found out by the update before, which keeps their largest
 * magnitudes. Otherwise the update is made on copies first, a block at a time, and refused where a result
 * is not finite. */
#ifndef OPTIM_FINITE_H
#define OPTIM_FINITE_H

#include "optim/optimizer.h"

#define LARGEST_MODERATE 1e10f
#define LARGEST_STATE 1e20f

/* Whether the update is known to be finite, as far as the gradient as it is before clipping tells, or with
 * `clipped` as it is after. By one thread. */
bool finite_is_known(const struct update_plan *plan, bool clipped);

/* Makes an update on copies: nothing is changed. */
struct update_extent finite_try(update_pass *pass, const struct update *update);

/* Adds to plan->tried, from any member. */
void finite_note(struct update_plan *plan, bool after, const struct update_extent *extent);

/* Whether what was tried is finite, also with the rule's `finish`; and what it says of the values before. By
 * one thread. */
bool finite_accepts(struct update_plan *plan);

/* After an update: its results, from any member. */
void finite_observe(const struct update_plan *plan, const struct update_extent *extent);

#endif
