/* How a product is cut into tiles.
 *
 * Measured on OpenBLAS 0.3.21, one thread, GF/s, by `mlp-bench tiles --product nn --shape 128x64x784` and the
 * like:
 *
 * Cores with small-matrix kernels (SkylakeX, Cooperlake, SapphireRapids) skip packing when m·n·k ≤ 10⁶, and
 * the TN kernel only up to m·n of about 1150. On a Zen 4 core, whole product → tile:
 *   NN 128×64×784    70…97 → 113 (32×16), 117 (64×16)    NN 256×128×256   104 → 117 (64×16)
 *   TN 256×128×256     100 → 106 (64×16)                 TN 304×128×100    98 → 80 (64×16), 93 (64×128)
 *   NT 128×784×64       94 → 107 (64×128)                NT 304×784×128   105 → 116 (64×96)
 *   NT 2048×2048×512   105 → 107 (64×24)                 NN 2048×512×2048 103 → 97 (256×512), packed
 * Where both operands are packed at every call, cutting the batch costs more than cutting the units. */
#include "linalg/tiling.h"

#include <stdbool.h>

#include "base/assert.h"

/* Largest m·n·k of the kernels that skip packing. */
static const size_t small_product = 1000000;

/* Shortest inner length at which the TN small-matrix kernel beats packing, and the work above which that
 * matters. */
enum { TN_SHORT_INNER = 112, TN_SHORT_WORK = 2000000 };

enum {
    SMALL_ROWS = 64,
    PACKED_ROWS = 256,
    PACKED_ROWS_NARROW = 128,
    PACKED_ROWS_LEAST = 64,
    PACKED_COLUMNS = 512,
    PACKED_COLUMNS_LEAST = 256,
    PACKED_NARROW = 512
};

/* Calls of a product that is too long for one: columns and inner length; the TN kernel's m·n allows fewer
 * columns. */
enum { LONG_COLUMNS = 48, LONG_INNER = 256, TN_LONG_INNER = 512 };

/* Inner length from which a product is computed in two slices. */
enum { INNER_SPLIT = 512 };

/* Entries and rows that a matrix-vector product should at least cover: short runs of columns are slow to
 * read. A sample through 1024-2048-2048-1000 takes 1240 µs in runs of 128 rows, 810 in runs of 512, 750
 * whole. */
enum { VECTOR_TILE = 262144, VECTOR_ROWS = 512 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Extent of a tile when `length` is cut into pieces of about `target`: all alike, a multiple of 16. */
static size_t even_extent(size_t length, size_t target)
{
    const size_t pieces = (length + target - 1) / target;
    const size_t extent = ((length + pieces - 1) / pieces + 15) / 16 * 16;
    return smaller(extent, length);
}

/* The first of the descending, zero-ended candidates that is at most `limit`; the last where none is. */
static size_t largest_fitting(const size_t *candidates, size_t limit)
{
    while (*candidates > limit && candidates[1] != 0) {
        candidates++;
    }
    return *candidates;
}

/* Whether the smallest tile is under the small-matrix kernels' limit. */
static bool fits_small(size_t k)
{
    return k <= small_product / (SMALL_ROWS * TILE_MIN_COLUMNS);
}

/* A narrow layer, which is one tile high, is cut as well, so that two threads have a tile each. On Haswell's
 * kernels a core of a Zen 5 takes 1 % longer for 128×512×784 in two halves of the batch, 2 % for 128×64×784
 * in two halves of the units. */
static struct grid packed_grid(enum product product, size_t m, size_t n)
{
    const size_t rows = m >= PACKED_NARROW ? PACKED_ROWS : PACKED_ROWS_NARROW;
    if (product == PRODUCT_NT) {
        const size_t columns = n >= PACKED_NARROW ? PACKED_ROWS : PACKED_ROWS_NARROW;
        return (struct grid){ m, n, even_extent(m, rows), even_extent(n, columns), GEMM_WHOLE };
    }
    if (m > rows) {
        return (struct grid){ m, n, even_extent(m, rows), smaller(PACKED_COLUMNS, n), GEMM_WHOLE };
    }
    if (n > PACKED_COLUMNS_LEAST) {
        return (struct grid){ m, n, m, PACKED_COLUMNS_LEAST, GEMM_WHOLE };
    }
    return (struct grid){ m, n, smaller(PACKED_ROWS_LEAST, m), n, GEMM_WHOLE };
}

static struct grid small_grid(enum product product, size_t m, size_t n, size_t k)
{
    static const size_t nt_columns[] = { 128, 96, 64, 48, 24, 16, 0 };
    size_t columns = TILE_MIN_COLUMNS;
    if (product == PRODUCT_NT) {
        columns = largest_fitting(nt_columns, small_product / (SMALL_ROWS * k));
    }
    return (struct grid){ m, n, smaller(SMALL_ROWS, m), smaller(columns, n), GEMM_WHOLE };
}

/* Too long for one call of a small-matrix kernel: pieces of the inner length, each of them small. */
static struct grid long_grid(enum product product, size_t m, size_t n, size_t k)
{
    static const struct gemm_block blocks[] = {
        [PRODUCT_NN] = { LONG_COLUMNS, LONG_INNER },
        [PRODUCT_TN] = { TILE_MIN_COLUMNS, TN_LONG_INNER },
        [PRODUCT_NT] = { LONG_COLUMNS, LONG_INNER },
    };
    struct gemm_block block = blocks[product];
    const size_t columns = product == PRODUCT_NT ? block.columns : (size_t)PACKED_COLUMNS;
    block.inner = even_extent(k, block.inner);
    return (struct grid){ m, n, smaller(SMALL_ROWS, m), smaller(columns, n), block };
}

/* One column: bound by reading the matrix. */
static struct grid vector_grid(size_t m, size_t k)
{
    const size_t rows = (VECTOR_TILE / k + 15) / 16 * 16;
    return (struct grid){ m, 1, smaller(rows < VECTOR_ROWS ? VECTOR_ROWS : rows, m), 1, GEMM_WHOLE };
}

struct grid grid_choose(enum product product, size_t m, size_t n, size_t k, enum blas_class class)
{
    MLP_ASSERT(m > 0 && n > 0 && k > 0);
    if (n == 1 && product != PRODUCT_NT) {
        return vector_grid(m, k);
    }
    if (class != BLAS_SMALL_MATRIX) {
        return packed_grid(product, m, n);
    }
    if (!fits_small(k)) {
        return long_grid(product, m, n, k);
    }
    if (product == PRODUCT_TN && k < TN_SHORT_INNER && m * n >= TN_SHORT_WORK / k) {
        return (struct grid){ m, n, smaller(SMALL_ROWS, m), smaller(PACKED_COLUMNS, n), GEMM_WHOLE };
    }
    return small_grid(product, m, n, k);
}

/* Each thread reads, in forward, the columns of W whose gradient and update are its own too: a line that
 * another core has read must be called back to be written. On two cores of a Zen 5 and with Haswell's kernels
 * the step of a 784-128-64-10 net at batch 64 to 256 is 1.25 to 1.4 times as fast as on one without that, 1.8
 * with it, for 2 % more on one. */
size_t grid_inner_slices(size_t m, size_t k, enum blas_class class)
{
    const bool narrow = class == BLAS_SMALL_MATRIX ? fits_small(k) : m < PACKED_NARROW;
    return narrow && k >= INNER_SPLIT ? 2 : 1;
}

struct tile grid_tile(const struct grid *grid, size_t r, size_t c)
{
    const size_t row = r * grid->rows, column = c * grid->columns;
    return (struct tile){ row, smaller(grid->rows, grid->m - row), column,
                          smaller(grid->columns, grid->n - column) };
}
