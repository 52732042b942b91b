/* Grids are compared by their members: their padding may hold anything. */
#ifndef SUPPORT_SAME_GRID_H
#define SUPPORT_SAME_GRID_H

#include "linalg/tiling.h"
#include "support/support.h"

static inline void assert_same_grid(const struct grid *a, const struct grid *b)
{
    assert_int_equal(a->m, b->m);
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->columns, b->columns);
    assert_int_equal(a->block.columns, b->block.columns);
    assert_int_equal(a->block.inner, b->block.inner);
    assert_int_equal(a->block.small, b->block.small);
    assert_int_equal(a->band, b->band);
    assert_int_equal(a->any_rows, b->any_rows);
}

#endif
