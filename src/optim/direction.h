/* How long a direction can be that is made of moments over their root: |m| ≤ ratio·√v + rest for every entry.
 *
 * Adam's m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g² see one g. By Cauchy and Schwarz, with
 * s² = (1 − β₁)²/(1 − β₂), m² ≤ (β₁²/β₂·ratio² + s²)·(β₂v + (1 − β₂)g²), whatever g is, so that
 * ratio² ← β₁²/β₂·ratio² + s². What underflows in v is less than three of the smallest normal floats; its
 * root times the ratio is the rest, of which β₁ stays. */
#ifndef OPTIM_DIRECTION_H
#define OPTIM_DIRECTION_H

#include <stdbool.h>
#include <stddef.h>

struct update_constants;

/* Of all entries. Neither becomes smaller, as a frozen tensor's state stays. */
struct moment_bound {
    double ratio; /* Adamax: |m| ≤ ratio·v */
    double rest;
};

/* What a step of a rule can be at most, by η; `bound` is moved on by the step. `state` bounds |m|. May be
 * infinite. */
typedef double direction_bound(const struct update_constants *k, double state, struct moment_bound *bound);

direction_bound direction_of_gradient; /* g/(√v + ε), v ← β₂v + (1 − β₂)g² */
direction_bound direction_of_sum;      /* the same, v ← v + g² */
direction_bound direction_of_moments;  /* m̂/(√v̂ + ε) */
direction_bound direction_of_nadam;
direction_bound direction_of_radam;
direction_bound direction_of_adamax;
direction_bound direction_of_adadelta; /* √(d + ε)/√(s + ε)·g, d at most `state` */

/* The bound of `count` entries of m over √v, or over v. */
void direction_measure(const float *m, const float *v, size_t count, bool of_root,
                       struct moment_bound *bound);

#endif
