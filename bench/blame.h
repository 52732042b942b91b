/* Which part of a step takes longer than it should. */
#ifndef BENCH_BLAME_H
#define BENCH_BLAME_H

#include <stddef.h>

#include <mlp/mlp.h>

#include "workload.h"

enum { BLAME_TEXT = 80 };

/* What exceeds the bare products the most: a product (of all layers of its shape, by the library's tiles
 * against one call each, on one thread) or a phase of the step that is no product: "dW 1000x1000: 1.31 x
 * bare, 34 % of the excess", "update, 60 % of the excess". `excess`: seconds of the step beyond its bare
 * products. */
void blame_find(const struct workload *workload, int threads, struct problem *problem,
                mlp_optimizer *optimizer, double excess, char text[BLAME_TEXT]);

#endif
