/* How a product is cut into tiles: the one place that decides it, from the shape and the class of the BLAS
 * core. */
#ifndef LINALG_TILING_H
#define LINALG_TILING_H

#include <stdbool.h>
#include <stddef.h>

#include "linalg/blas.h"
#include "linalg/gemm.h"

enum product {
    PRODUCT_NN, /* Z = W·A */
    PRODUCT_TN, /* dA = Wᵀ·dZ */
    PRODUCT_NT  /* dW = dZ·Aᵀ */
};

/* The m×n result of a product, cut into tiles of rows × columns; the last of a row or column may be smaller.
 */
struct grid {
    size_t m;
    size_t n;
    size_t rows;
    size_t columns;
    struct gemm_block block; /* the calls that make up a tile */
    size_t band;             /* columns of tiles that are visited row by row before the next ones */
    bool any_rows;           /* one column, whose bits do not depend on where its rows are cut */
};

struct tile {
    size_t row; /* first row */
    size_t rows;
    size_t column; /* first column */
    size_t columns;
};

/* Every tile has at least this many entries each way, unless the product or its last tile is smaller. */
enum { TILE_MIN_ROWS = 48, TILE_MIN_COLUMNS = 16 };

/* Entries of a tile of an NT product, at most: PACKED_ROWS each way. */
enum { NT_TILE_MOST = 65536 };

/* The grid of an m×n product with inner length k, all ≥ 1. Tile columns of NN and TN products are 16
 * times a power of two, or the whole of n: of two such grids over the same n, the wider tile holds whole
 * narrower ones. Tiles of an NT product are the same for every k; the calls that make them are not. */
struct grid grid_choose(enum product product, size_t m, size_t n, size_t k, enum blas_class class);

/* The same, in the way that serves any number of columns: few of them, or one, go no way of their own. Where
 * our own kernel multiplies, the bits of a column of an NN or TN product do not depend on n then. Not for
 * BLAS_PACKED. */
struct grid grid_choose_alike(enum product product, size_t m, size_t n, size_t k, enum blas_class class);

/* In how many pieces of its inner length an NN product of m rows is computed, to be added up in order: 1, or
 * 2 where W is long and narrow enough that two threads had better keep to a half of its columns each. */
size_t grid_inner_slices(size_t m, size_t k, enum blas_class class);

static inline size_t grid_tile_rows(const struct grid *grid)
{
    return (grid->m + grid->rows - 1) / grid->rows;
}

static inline size_t grid_tile_columns(const struct grid *grid)
{
    return (grid->n + grid->columns - 1) / grid->columns;
}

static inline size_t grid_tiles(const struct grid *grid)
{
    return grid_tile_rows(grid) * grid_tile_columns(grid);
}

/* The tile in row r and column c of the grid. */
struct tile grid_tile(const struct grid *grid, size_t r, size_t c);

/* The i-th tile of the tile columns first … end − 1, in the order in which they are visited: band by band, a
 * band row by row. Then what a band has of the right operand stays in cache for all rows. */
struct tile grid_visit(const struct grid *grid, size_t first, size_t end, size_t i);

/* The tiles from the i-th on, up to `last`, that lie side by side and may be computed as one: it is put into
 * *run. Returns how many there are. */
size_t grid_visit_run(const struct grid *grid, size_t first, size_t end, size_t i, size_t last,
                      struct tile *run);

#endif
