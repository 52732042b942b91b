/* How a product is cut into tiles.
 *
 * Cores with small-matrix kernels (SkylakeX, Cooperlake, SapphireRapids) skip packing when m·n·k ≤ 10⁶, and
 * the TN kernel only up to m·n of about 1150. All others pack both operands at every call, so that cutting
 * the batch costs more than cutting the units. Measured on OpenBLAS 0.3.21, one thread of a Zen 5 with its
 * Cooperlake kernels, GF/s, by `mlp-bench gemm --threads 1 --product NN --shape MxNxK` (whole → as cut here)
 * and, where rows × columns are named, by `mlp-bench tiles` of the same:
 *
 *   regime          product          whole   cut    other cuts
 *   small           NN 128×64×784    192     252    Zen 4: 70…97 → 117
 *                   NN 112×500×100   236     247    64×16: 227, 64×64: 251
 *                   NN 208×500×200   253     261    64×16: 248, 64×64: 262
 *                   NT 208×200×500   237     257    64×48: 201, packed
 *                   TN 256×128×256   218     236    packed 256×256: 219
 *   TN, short k     TN 300×128×100   204     196    64×128: 187
 *   one tile high   TN 100×256×100   223     204    for one thread; two 0.89 → 1.22 times as fast with it
 *                   NN 50×128×2000   184     176    likewise
 *   TN, many        TN 200×5000×200  240     220    64×16: 215; 256×512: 231, for half as many threads
 *   long            NN 1024×512×1024 251     256    packed 256×512: 240
 *                   NT 512×512×5000  235     239
 *                   TN 1024×512×1024 243     245    in small calls: 207
 *   large           NN 3008×2000×3000 248    231    in small calls: 225
 *                   NN 2048×512×2048 238     234    in small calls: 240; an Intel loses a quarter by them
 *                   NT 2048×2048×512 237     216    in small calls: 215; there half
 */
#include "linalg/tiling.h"

#include "base/assert.h"

/* Largest m·n·k of the kernels that skip packing. */
static const size_t small_product = 1000000;

/* Shortest inner length at which the TN small-matrix kernel beats packing, and the work above which that
 * matters; columns from which packing beats it anyhow. */
enum { TN_SHORT_INNER = 112, TN_SHORT_WORK = 2000000, TN_MANY_COLUMNS = 1024, TN_COLUMNS = 256 };

/* Columns of NN tiles: more of them are faster, where enough are left for many threads. */
enum { NN_COLUMNS = 32, NN_COLUMNS_FROM = 256, NN_MORE_COLUMNS = 64, NN_MORE_COLUMNS_FROM = 1024 };

/* Entries of W, and of dW, beyond any core's own cache, from which calls pack for batches of this size on:
 * what small calls read over the strides of large matrices comes from far and is not foreseen. */
enum { LARGE_WEIGHTS = 1 << 20, LARGE_GRADIENT = 1 << 21, LARGE_BATCH = 256 };

enum {
    SMALL_ROWS = 64,
    PACKED_ROWS = 256,
    PACKED_ROWS_NARROW = 128,
    PACKED_ROWS_LEAST = 64,
    PACKED_COLUMNS = 512,
    PACKED_COLUMNS_LEAST = 256,
    PACKED_NARROW = 512
};

/* Calls of an NN or NT product that is too long for one: columns and inner length. */
enum { LONG_COLUMNS = 48, LONG_INNER = 256 };

/* Columns below which a layer of one tile's height is not cut. */
enum { SHARED_COLUMNS = 64 };

/* Inner length from which a product is computed in two slices. */
enum { INNER_SPLIT = 512 };

/* Entries of the right operand that a band of tiles has at most, where a column of tiles has no more. */
enum { BAND_ENTRIES = 262144 };

/* Entries and rows that a matrix-vector product should at least cover: short runs of columns are slow to
 * read. A sample through 1024-2048-2048-1000 takes 1240 µs in runs of 128 rows, 810 in runs of 512, 750
 * whole. */
enum { VECTOR_TILE = 262144, VECTOR_ROWS = 512 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct grid cut(size_t m, size_t n, size_t rows, size_t columns, struct gemm_block block)
{
    return (struct grid){ .m = m, .n = n, .rows = rows, .columns = columns, .block = block, .band = 1 };
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

/* Columns of tiles of a layer that is one tile high: at most `most`, and two tiles or more, the first with up
 * to 9/16 of all, so that a second thread has one, too; not below SHARED_COLUMNS, where calls are slow. */
static size_t shared_columns(size_t most, size_t n)
{
    while (most > SHARED_COLUMNS && 16 * most > 9 * n) {
        most /= 2;
    }
    return smaller(most, n);
}

/* A narrow layer, which is one tile high, is cut as well, so that two threads have a tile each. On Haswell's
 * kernels a core of a Zen 5 takes 1 % longer for 128×512×784 in two halves of the batch, 2 % for 128×64×784
 * in two halves of the units. */
static struct grid packed_grid(enum product product, size_t m, size_t n)
{
    const size_t rows = m >= PACKED_NARROW ? PACKED_ROWS : PACKED_ROWS_NARROW;
    if (product == PRODUCT_NT) {
        const size_t columns = n >= PACKED_NARROW ? PACKED_ROWS : PACKED_ROWS_NARROW;
        return cut(m, n, even_extent(m, rows), even_extent(n, columns), GEMM_WHOLE);
    }
    if (m > rows) {
        return cut(m, n, even_extent(m, rows), smaller(PACKED_COLUMNS, n), GEMM_WHOLE);
    }
    if (n > PACKED_COLUMNS_LEAST) {
        return cut(m, n, m, PACKED_COLUMNS_LEAST, GEMM_WHOLE);
    }
    return cut(m, n, smaller(PACKED_ROWS_LEAST, m), n, GEMM_WHOLE);
}

/* Tiles of large calls on cores that have small ones. */
static struct grid large_grid(enum product product, size_t m, size_t n)
{
    const size_t rows = product == PRODUCT_NT ? PACKED_COLUMNS : PACKED_ROWS;
    const size_t columns =
        product != PRODUCT_NT && m <= rows ? shared_columns(PACKED_COLUMNS, n) : smaller(PACKED_COLUMNS, n);
    return cut(m, n, even_extent(m, rows), columns, GEMM_WHOLE);
}

static struct grid small_grid(enum product product, size_t m, size_t n, size_t k)
{
    static const size_t nt_columns[] = { 128, 96, 64, 48, 24, 16, 0 }, nn_columns[] = { 64, 32, 16, 0 };
    const size_t fitting = small_product / (SMALL_ROWS * k);
    size_t columns = TILE_MIN_COLUMNS;
    if (product == PRODUCT_NT) {
        columns = largest_fitting(nt_columns, fitting);
    } else if (product == PRODUCT_NN && n >= NN_COLUMNS_FROM) {
        const size_t most = n >= NN_MORE_COLUMNS_FROM ? NN_MORE_COLUMNS : NN_COLUMNS;
        columns = largest_fitting(nn_columns, smaller(most, fitting));
    }
    return cut(m, n, smaller(SMALL_ROWS, m), smaller(columns, n), (struct gemm_block){ n, k, true });
}

/* Too long for one call of a small-matrix kernel: pieces of the inner length, each of them small. */
static struct grid long_grid(enum product product, size_t m, size_t n, size_t k)
{
    const struct gemm_block block = { LONG_COLUMNS, even_extent(k, LONG_INNER), true };
    size_t columns = product == PRODUCT_NT ? block.columns : (size_t)PACKED_COLUMNS;
    if (product == PRODUCT_NN && m <= SMALL_ROWS) {
        columns = shared_columns(columns, n);
    }
    return cut(m, n, smaller(SMALL_ROWS, m), smaller(columns, n), block);
}

/* Whether the matrix of weights or their gradient is large, and the batch long enough to pay for packing. */
static bool is_large(enum product product, size_t m, size_t n, size_t k)
{
    if (product == PRODUCT_NT) {
        return k >= LARGE_BATCH && m >= (LARGE_GRADIENT + n - 1) / n;
    }
    return n >= LARGE_BATCH && m >= (LARGE_WEIGHTS + k - 1) / k;
}

/* A TN product whose small kernel is slower than packing. */
static bool is_packed_transposed(size_t m, size_t n, size_t k)
{
    return n >= TN_MANY_COLUMNS || (k < TN_SHORT_INNER && m * n >= TN_SHORT_WORK / k);
}

/* One column: bound by reading the matrix. Our own kernel adds each row up in the same order wherever it is
 * cut: a member of a team takes its rows in one piece. */
static struct grid vector_grid(enum product product, size_t m, size_t k)
{
    if (product == PRODUCT_NN) {
        return cut(m, 1, m, 1, GEMM_WHOLE);
    }
    const size_t rows = (VECTOR_TILE / k + 15) / 16 * 16;
    return cut(m, 1, smaller(rows < VECTOR_ROWS ? VECTOR_ROWS : rows, m), 1, GEMM_WHOLE);
}

static struct grid choose(enum product product, size_t m, size_t n, size_t k, enum blas_class class)
{
    if (n == 1 && product != PRODUCT_NT) {
        return vector_grid(product, m, k);
    }
    if (class != BLAS_SMALL_MATRIX) {
        return packed_grid(product, m, n);
    }
    if (is_large(product, m, n, k)) {
        return large_grid(product, m, n);
    }
    if (!fits_small(k)) {
        return product == PRODUCT_TN ? large_grid(product, m, n) : long_grid(product, m, n, k);
    }
    if (product == PRODUCT_TN && is_packed_transposed(m, n, k)) {
        const size_t columns = m <= PACKED_ROWS ? shared_columns(TN_COLUMNS, n) : smaller(TN_COLUMNS, n);
        return cut(m, n, even_extent(m, PACKED_ROWS), columns, GEMM_WHOLE);
    }
    return small_grid(product, m, n, k);
}

struct grid grid_choose(enum product product, size_t m, size_t n, size_t k, enum blas_class class)
{
    MLP_ASSERT(m > 0 && n > 0 && k > 0);
    struct grid grid = choose(product, m, n, k, class);
    const size_t tiles = BAND_ENTRIES / (grid.columns * k);
    grid.band = tiles > 0 ? tiles : 1;
    grid.any_rows = n == 1 && product == PRODUCT_NN;
    return grid;
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

struct tile grid_visit(const struct grid *grid, size_t first, size_t end, size_t i)
{
    const size_t band_tiles = grid->band * grid_tile_rows(grid), column = first + i / band_tiles * grid->band;
    const size_t columns = smaller(grid->band, end - column);
    return grid_tile(grid, i % band_tiles / columns, column + i % band_tiles % columns);
}
