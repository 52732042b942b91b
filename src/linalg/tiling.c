/* How a product is cut into tiles.
 *
 * Cores with small-matrix kernels (SkylakeX, Cooperlake, SapphireRapids) skip packing when m·n·k ≤ 10⁶; our
 * own kernel takes their place, to the same bits (linalg/small_product.h), and is as fast for any number of
 * columns. On all others it takes the place of BLAS from AVX2 on (BLAS_BYPASSED), in tiles cut alike; below,
 * BLAS packs both operands at every call, so that cutting the batch costs more than cutting the units.
 * Measured on OpenBLAS 0.3.21, one thread of a Zen 5 with its Cooperlake kernels, GF/s, by
 * `mlp-bench gemm --threads 1 --product nn --shape MxNxK`: whole, as cut here, and as tiles of BLAS's calls:
 *
 *   regime          product          whole   cut    by BLAS's calls
 *   small           NN 128×64×784    215     270    64×16: 259
 *                   NN 300×128×784   221     264    64×16: 229
 *                   NN 100×500×100   224     243    64×32: 219
 *                   NT 512×784×256   255     266    64×48: 263
 *   small, copied   TN 256×128×256   222     263    64×16: 240
 *                   TN 100×500×100   222     264    packed 112×256: 216
 *                   TN 200×5000×200  245     269    packed 208×256: 226
 *   narrow          TN 256×16×256    113     239    copied: 186
 *                   TN 256×8×1000    61      217    packed 256×8: 60; copied: 99
 *                   TN 1000×10×1000  68      187    packed 256×10: 64; copied: 115
 *   short           TN 2000×8×30     69      90     as narrow: 55
 *                   TN 256×10×10     48      113    as narrow: 41
 *   long            NT 512×512×5000  235     253    64×48×256: 236
 *   high            NN 20000×528×256 240     244    packed 256×512: 217; tiles of 64 rows: 238
 *                   NN 2048×512×2048 238     245    packed 256×512: 233; tiles of 64 rows: 213
 *                   NN 3000×2000×3000 245    236    packed 256×512: 229
 *                   TN 2048×512×1000 245     246    packed 256×512: 236; tiles of 64 rows: 227
 *                   NT 3000×3000×500 252     251    packed 512×512: 231; tiles of 256 rows: 237
 *                   NT 2048×1024×512 252     222    packed 512×512: 236; A's columns 4 KiB apart
 *
 * The same with Haswell's kernels, AVX2:
 *
 *   small           NN 128×64×784    119     131
 *                   NT 128×784×64    121     131
 *                   TN 256×128×256   120     128
 *   high            NT 2048×2048×512 125     117    tiles of 64 rows: 102; B's rows 8 KiB apart
 *                   NN 2048×512×2048 125     125
 */
#include "linalg/tiling.h"

#include "base/assert.h"

/* Largest m·n·k of the kernels that skip packing. */
static const size_t small_product = 1000000;

/* Longest inner length of a small call, of a tile of 64 × 16. */
enum { SMALL_INNER_MOST = 976 };

/* Columns of NN and TN tiles, of which a run goes through one call: 528 samples are shares of 272 and 256.
 * The whole batch where every thread would read a matrix of weights that is beyond its own cache. */
enum { COLUMNS = 16, MORE_FROM = 256 };
enum { LARGE_WEIGHTS = 1 << 18 };

/* Weights from which tiles are higher: what they read of the right operand stays in the second cache. */
enum { HIGH_WEIGHTS = 1 << 20, HIGH_ROWS = 256 };

/* Columns of NT tiles. */
enum { NT_COLUMNS = 128 };

/* Columns from which a copy of Aᵀ pays in a TN product, and where it is too long for one call of BLAS's
 * small-matrix kernels; entries of A up to which one of B pays for any number of columns, and the inner
 * length below which it does: those kernels sum up along it, a vector at a time. */
enum { TN_COPIED_FROM = 32, TN_LONG_COPIED_FROM = 16, TN_FEW_WEIGHTS = 512, TN_SHORT_INNER = 32 };

enum {
    SMALL_ROWS = 64,
    PACKED_ROWS = 256,
    PACKED_ROWS_NARROW = 128,
    PACKED_ROWS_LEAST = 64,
    PACKED_COLUMNS = 512,
    PACKED_COLUMNS_LEAST = 256,
    PACKED_NARROW = 512
};

/* Inner length of the calls of a product that is too long for one. */
enum { LONG_INNER = 256 };

/* The same where BLAS is bypassed: 24 rows of A stay in a first cache of 32 KiB. One thread of a Zen 5, AVX2,
 * GF/s with 256, 192 and 128: NN 256×128×256 130, 137, 132; NT 256×256×256 127, 134, 133. */
enum { BYPASSED_INNER = 192 };

/* Inner length from which a product is computed in two slices. */
enum { INNER_SPLIT = 512 };

/* Entries of the right operand that a call reads at most in a band of tiles, where a column of tiles has no
 * more. */
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

/* Columns of NN and TN tiles of a layer with m × k weights. */
static size_t small_columns(size_t m, size_t n, size_t k)
{
    return n < MORE_FROM && m >= (LARGE_WEIGHTS + k - 1) / k ? n : smaller(COLUMNS, n);
}

/* Few columns of a TN product: BLAS takes them as they are. */
static bool is_narrow(size_t m, size_t n, size_t k)
{
    return k <= SMALL_INNER_MOST ? n < TN_COPIED_FROM && k >= TN_SHORT_INNER && m * k > TN_FEW_WEIGHTS
                                 : n < TN_LONG_COPIED_FROM;
}

/* Calls of its small-matrix kernel, as long as it takes them. */
static struct grid narrow_grid(size_t m, size_t n, size_t k)
{
    const size_t rows = smaller(SMALL_ROWS, m), columns = smaller(COLUMNS, n);
    const size_t inner = even_extent(k, small_product / (SMALL_ROWS * columns) / 16 * 16);
    return cut(m, n, rows, columns, (struct gemm_block){ columns, inner, false, 1 });
}

/* Calls of a tile where BLAS makes them: as many columns as its small-matrix kernels take. */
static struct gemm_block small_calls(size_t rows, size_t columns, size_t inner)
{
    const size_t most = small_product / (rows * inner);
    return (struct gemm_block){ most > 0 ? smaller(columns, most) : 1, inner, true, 1 };
}

/* Inner length of the calls of a small product. */
static size_t small_inner(enum product product, size_t k, enum blas_class class)
{
    if (class == BLAS_BYPASSED) {
        const bool sliced = product == PRODUCT_NN && k >= INNER_SPLIT && k <= SMALL_INNER_MOST;
        return sliced ? (k + 1) / 2
                      : even_extent(k, BYPASSED_INNER); /* a slice is one call, to be added whole */
    }
    const size_t most = product == PRODUCT_TN ? (size_t)TN_INNER_MOST : (size_t)SMALL_INNER_MOST;
    return k <= most ? k : even_extent(k, LONG_INNER);
}

static struct grid small_grid(enum product product, size_t m, size_t n, size_t k, enum blas_class class)
{
    const size_t inner = small_inner(product, k, class);
    if (product == PRODUCT_NT) {
        const bool high = class == BLAS_BYPASSED && n >= (HIGH_WEIGHTS + m - 1) / m;
        const size_t rows = high ? even_extent(m, HIGH_ROWS) : smaller(SMALL_ROWS, m);
        const size_t columns = smaller(NT_COLUMNS, n);
        return cut(m, n, rows, columns, small_calls(rows, columns, inner));
    }
    const size_t columns = small_columns(m, n, k);
    const bool short_sums = product == PRODUCT_TN && k < TN_SHORT_INNER && n < TN_COPIED_FROM;
    const bool high = short_sums || (n >= MORE_FROM && m >= (HIGH_WEIGHTS + k - 1) / k);
    const size_t rows = even_extent(m, high ? HIGH_ROWS : SMALL_ROWS);
    return cut(m, n, rows, columns, small_calls(rows, columns, inner));
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
    if (class == BLAS_PACKED) {
        return packed_grid(product, m, n);
    }
    if (product == PRODUCT_TN && class == BLAS_SMALL_MATRIX && is_narrow(m, n, k)) {
        return narrow_grid(m, n, k);
    }
    return small_grid(product, m, n, k, class);
}

/* Bands of a grid. */
static struct grid in_bands(struct grid grid, enum product product, size_t k)
{
    const size_t inner = grid.block.small && product != PRODUCT_NT ? smaller(grid.block.inner, k) : k;
    const size_t tiles = BAND_ENTRIES / (grid.columns * inner);
    grid.band = tiles > 0 ? tiles : 1;
    grid.any_rows = grid.n == 1 && product == PRODUCT_NN;
    return grid;
}

struct grid grid_choose(enum product product, size_t m, size_t n, size_t k, enum blas_class class)
{
    MLP_ASSERT(m > 0 && n > 0 && k > 0);
    return in_bands(choose(product, m, n, k, class), product, k);
}

struct grid grid_choose_alike(enum product product, size_t m, size_t n, size_t k, enum blas_class class)
{
    MLP_ASSERT(m > 0 && n > 0 && k > 0 && class != BLAS_PACKED);
    return in_bands(small_grid(product, m, n, k, class), product, k);
}

/* Each thread reads, in forward, the columns of W whose gradient and update are its own too: a line that
 * another core has read must be called back to be written. On two cores of a Zen 5 and with Haswell's kernels
 * the step of a 784-128-64-10 net at batch 64 to 256 is 1.25 to 1.4 times as fast as on one without that, 1.8
 * with it, for 2 % more on one. */
size_t grid_inner_slices(size_t m, size_t k, enum blas_class class)
{
    const bool narrow = class != BLAS_PACKED ? k <= SMALL_INNER_MOST : m < PACKED_NARROW;
    return narrow && k >= INNER_SPLIT ? 2 : 1;
}

struct tile grid_tile(const struct grid *grid, size_t r, size_t c)
{
    const size_t row = r * grid->rows, column = c * grid->columns;
    return (struct tile){ row, smaller(grid->rows, grid->m - row), column,
                          smaller(grid->columns, grid->n - column) };
}

size_t grid_visit_run(const struct grid *grid, size_t first, size_t end, size_t i, size_t last,
                      struct tile *run)
{
    const size_t band_tiles = grid->band * grid_tile_rows(grid), column = first + i / band_tiles * grid->band;
    const size_t columns = smaller(grid->band, end - column), place = i % band_tiles % columns;
    const size_t length = grid->block.small ? smaller(columns - place, last - i) : 1;
    *run = grid_tile(grid, i % band_tiles / columns, column + place);
    run->columns = smaller(length * grid->columns, grid->n - run->column);
    return length;
}

struct tile grid_visit(const struct grid *grid, size_t first, size_t end, size_t i)
{
    struct tile tile;
    grid_visit_run(grid, first, end, i, i + 1, &tile);
    return tile;
}
