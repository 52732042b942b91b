/* How products are cut: every entry in exactly one tile, tiles within the sizes that tiling.h states. */
#include "support/same_grid.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include "linalg/tiling.h"

enum { SHAPES = 4000, PRODUCTS = 3, CLASSES = 3 };

/* A length: often one next to a power of two or a multiple of 16, where cuts go wrong. */
static size_t draw_length(uint64_t *state, double largest)
{
    const size_t any = (size_t)test_uniform(state, 1.0, largest + 1.0);
    const int shift = (int)test_uniform(state, 0.0, 12.0);
    const size_t power = ((size_t)1 << shift) + (size_t)test_uniform(state, 0.0, 3.0) - 1;
    switch ((int)test_uniform(state, 0.0, 4.0)) {
    case 0: return any < 16 ? 16 : any / 16 * 16;
    case 1: return power > 0 && power <= (size_t)largest ? power : 1;
    case 2: return (size_t)test_uniform(state, 1.0, 40.0);
    default: return any;
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Counts how often each 1×1 entry is covered. */
static void assert_covered_once(const struct grid *grid)
{
    unsigned char *covered = calloc(grid->m * grid->n, 1);
    for (size_t r = 0; r < grid_tile_rows(grid); r++) {
        for (size_t c = 0; c < grid_tile_columns(grid); c++) {
            const struct tile tile = grid_tile(grid, r, c);
            assert_true(tile.rows > 0 && tile.columns > 0);
            assert_true(tile.row + tile.rows <= grid->m && tile.column + tile.columns <= grid->n);
            for (size_t j = tile.column; j < tile.column + tile.columns; j++) {
                for (size_t i = tile.row; i < tile.row + tile.rows; i++) {
                    covered[i + j * grid->m]++;
                }
            }
        }
    }
    for (size_t i = 0; i < grid->m * grid->n; i++) {
        assert_int_equal(covered[i], 1);
    }
    free(covered);
}

/* All tiles but the last of a row or column are alike, so the extents tell everything that the entries would.
 */
static void assert_tiled(const struct grid *grid)
{
    const size_t rows = grid_tile_rows(grid), columns = grid_tile_columns(grid);
    assert_int_equal(grid_tiles(grid), rows * columns);
    for (size_t r = 0; r < rows; r++) {
        const struct tile tile = grid_tile(grid, r, 0);
        assert_int_equal(tile.row, r * grid->rows);
        assert_int_equal(tile.rows, r + 1 < rows ? grid->rows : grid->m - tile.row);
        assert_true(tile.rows >= 1 && tile.rows <= grid->rows);
    }
    for (size_t c = 0; c < columns; c++) {
        const struct tile tile = grid_tile(grid, 0, c);
        assert_int_equal(tile.column, c * grid->columns);
        assert_int_equal(tile.columns, c + 1 < columns ? grid->columns : grid->n - tile.column);
        assert_true(tile.columns >= 1 && tile.columns <= grid->columns);
    }
}

static void every_entry_is_in_one_tile(void **unused)
{
    uint64_t state = 1;
    (void)unused;
    for (int s = 0; s < 400; s += test_step()) {
        const size_t m = draw_length(&state, 400.0), n = draw_length(&state, 200.0),
                     k = draw_length(&state, 3000.0);
        for (int p = 0; p < PRODUCTS * CLASSES; p++) {
            const struct grid grid =
                grid_choose((enum product)(p / CLASSES), m, n, k, (enum blas_class)(p % CLASSES));
            assert_covered_once(&grid);
        }
    }
}

static void tiles_have_their_minimum(void **unused)
{
    uint64_t state = 2;
    (void)unused;
    for (int s = 0; s < SHAPES; s += test_step()) {
        const size_t m = draw_length(&state, 20000.0), n = draw_length(&state, 20000.0),
                     k = draw_length(&state, 1e5);
        for (int p = 0; p < PRODUCTS * CLASSES; p++) {
            const struct grid grid =
                grid_choose((enum product)(p / CLASSES), m, n, k, (enum blas_class)(p % CLASSES));
            assert_int_equal(grid.m, m);
            assert_int_equal(grid.n, n);
            assert_true(grid.rows >= smaller(TILE_MIN_ROWS, m) && grid.rows <= m);
            assert_true(grid.columns >= smaller(TILE_MIN_COLUMNS, n) && grid.columns <= n);
            assert_tiled(&grid);
        }
    }
}

/* Rows begin on whole cache lines, wherever a product is cut. */
static void cuts_are_on_multiples_of_16_rows(void **unused)
{
    uint64_t state = 3;
    (void)unused;
    for (int s = 0; s < SHAPES; s += test_step()) {
        const size_t m = draw_length(&state, 5000.0), n = draw_length(&state, 500.0),
                     k = draw_length(&state, 5000.0);
        for (int p = 0; p < PRODUCTS * CLASSES; p++) {
            const struct grid grid =
                grid_choose((enum product)(p / CLASSES), m, n, k, (enum blas_class)(p % CLASSES));
            assert_true(grid.rows == m || grid.rows % 16 == 0);
            assert_true(grid.columns == n || grid.columns % 8 == 0);
        }
    }
}

/* On cores with small-matrix kernels a call is either within their limits (m·n·k ≤ 10⁶; for TN m·n ≤ 1150
 * besides, or an inner length for whose copy there is room), or, for few columns of a long TN product, as
 * large as there are columns. */
static void assert_small_or_packed(enum product product, const struct grid *grid, size_t k)
{
    const size_t columns = smaller(grid->block.columns, grid->columns), inner = smaller(grid->block.inner, k);
    const bool copied = grid->block.small && inner <= TN_INNER_MOST;
    const bool small = grid->rows * columns * inner <= 1000000 &&
                       (product != PRODUCT_TN || copied || grid->rows * columns <= 1150);
    const bool packed = product == PRODUCT_TN && !grid->block.small && columns == grid->n &&
                        grid->rows >= smaller(grid->m, 128);
    assert_true(columns > 0 && inner > 0);
    assert_true(small || packed);
}

static void calls_are_small_or_large(void **unused)
{
    uint64_t state = 5;
    (void)unused;
    for (int s = 0; s < SHAPES; s += test_step()) {
        const size_t m = draw_length(&state, 5000.0), n = 1 + draw_length(&state, 5000.0);
        const size_t k = draw_length(&state, s % 2 ? 1e5 : 1000.0);
        for (int p = 0; p < PRODUCTS; p++) {
            const struct grid grid = grid_choose((enum product)p, m, n, k, BLAS_SMALL_MATRIX);
            if (n > 1) {
                assert_small_or_packed((enum product)p, &grid, k);
            }
        }
    }
}

/* The tiles of some columns of tiles, each once: band by band, a band row by row, a band's share of the right
 * operand within 2^18 entries or one tile wide. */
static void visits_go_band_by_band(void **unused)
{
    uint64_t state = 8;
    (void)unused;
    for (int s = 0; s < 400; s += test_step()) {
        const size_t m = draw_length(&state, 900.0), n = draw_length(&state, 3000.0),
                     k = draw_length(&state, 3000.0);
        const struct grid grid =
            grid_choose((enum product)(s % PRODUCTS), m, n, k, (enum blas_class)(s / PRODUCTS % CLASSES));
        const size_t columns = grid_tile_columns(&grid), rows = grid_tile_rows(&grid);
        const size_t first = (size_t)test_uniform(&state, 0.0, (double)columns);
        const size_t end = first + 1 + (size_t)test_uniform(&state, 0.0, (double)(columns - first));
        size_t i = 0;
        const size_t call = grid.block.small && s % PRODUCTS != PRODUCT_NT ? smaller(grid.block.inner, k) : k;
        assert_true(grid.band == 1 || grid.band * grid.columns * call <= 262144);
        for (size_t band = first; band < end; band += grid.band) {
            for (size_t r = 0; r < rows; r++) {
                for (size_t c = band; c < smaller(band + grid.band, end); c++) {
                    const struct tile expected = grid_tile(&grid, r, c),
                                      tile = grid_visit(&grid, first, end, i++);
                    assert_memory_equal(&tile, &expected, sizeof tile);
                }
            }
        }
        assert_int_equal(i, rows * (end - first));
    }
}

/* Runs of any piece of the visits have the same tiles, side by side in a row, in the same order; where bits
 * depend on what is computed at once, each alone. */
static void runs_are_tiles_side_by_side(void **unused)
{
    uint64_t state = 9;
    (void)unused;
    for (int s = 0; s < 400; s += test_step()) {
        const size_t m = draw_length(&state, 900.0), n = draw_length(&state, 3000.0),
                     k = draw_length(&state, 3000.0);
        const struct grid grid =
            grid_choose((enum product)(s % PRODUCTS), m, n, k, (enum blas_class)(s / PRODUCTS % CLASSES));
        const size_t tiles = grid_tiles(&grid), from = (size_t)test_uniform(&state, 0.0, (double)tiles);
        const size_t last = from + 1 + (size_t)test_uniform(&state, 0.0, (double)(tiles - from));
        size_t count;
        for (size_t i = from; i < last; i += count) {
            struct tile run;
            size_t columns = 0;
            count = grid_visit_run(&grid, 0, grid_tile_columns(&grid), i, last, &run);
            assert_true(count >= 1 && i + count <= last && (count == 1 || grid.block.small));
            for (size_t t = i; t < i + count; t++) {
                const struct tile tile = grid_visit(&grid, 0, grid_tile_columns(&grid), t);
                assert_int_equal(tile.row, run.row);
                assert_int_equal(tile.column, run.column + columns);
                columns += tile.columns;
            }
            assert_int_equal(columns, run.columns);
        }
    }
}

static bool is_power_of_two(size_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* Columns of NN and TN tiles: 16 · 2ⁱ or all. That lets a shard of the batch hold whole tiles of every layer.
 */
static void wider_tiles_hold_narrower_ones(void **unused)
{
    uint64_t state = 4;
    (void)unused;
    for (int s = 0; s < SHAPES; s += test_step()) {
        const size_t n = draw_length(&state, 3000.0);
        const enum blas_class class = (enum blas_class)(s % CLASSES);
        size_t columns[6];
        for (int i = 0; i < 6; i++) {
            const size_t m = draw_length(&state, 3000.0), k = draw_length(&state, 3000.0);
            columns[i] = grid_choose(i % 2 ? PRODUCT_TN : PRODUCT_NN, m, n, k, class).columns;
            assert_true(columns[i] == n || (columns[i] % 16 == 0 && is_power_of_two(columns[i] / 16)));
        }
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j < 6; j++) {
                const size_t wide = columns[i] > columns[j] ? columns[i] : columns[j];
                const size_t narrow = columns[i] > columns[j] ? columns[j] : columns[i];
                assert_true(wide == n || wide % narrow == 0);
            }
        }
    }
}

/* Parts of a batch differ by a sample, and their ranks meet in the same tiles of dW; a member's scratch
 * memory holds any. */
static void tiles_of_nt_products_do_not_depend_on_the_inner_length(void **unused)
{
    uint64_t state = 7;
    (void)unused;
    for (int s = 0; s < SHAPES; s += test_step()) {
        const size_t m = draw_length(&state, 5000.0), n = draw_length(&state, 5000.0),
                     k = draw_length(&state, 1e5), other = s % 2 ? k + 1 : draw_length(&state, 1e5);
        const enum blas_class class = (enum blas_class)(s % CLASSES);
        const struct grid a = grid_choose(PRODUCT_NT, m, n, k, class),
                          b = grid_choose(PRODUCT_NT, m, n, other, class);
        assert_int_equal(a.rows, b.rows);
        assert_int_equal(a.columns, b.columns);
        assert_true(a.rows * a.columns <= NT_TILE_MOST);
    }
}

/* A shape is cut the same way every time: nothing but the arguments enters. */
static void the_cut_depends_on_the_arguments_alone(void **unused)
{
    uint64_t state = 6;
    (void)unused;
    for (int s = 0; s < 500; s += test_step()) {
        const size_t m = draw_length(&state, 2000.0), n = draw_length(&state, 600.0),
                     k = draw_length(&state, 2000.0);
        for (int p = 0; p < PRODUCTS * CLASSES; p++) {
            const struct grid first =
                grid_choose((enum product)(p / CLASSES), m, n, k, (enum blas_class)(p % CLASSES));
            grid_choose(PRODUCT_NT, k, m, n, BLAS_PACKED);
            const struct grid again =
                grid_choose((enum product)(p / CLASSES), m, n, k, (enum blas_class)(p % CLASSES));
            assert_same_grid(&first, &again);
        }
    }
}

/* Of a batch of 128 and more a second thread has a share of every product of a step: no tile is much larger
 * than a half. */
static void two_threads_share_every_product(void **unused)
{
    uint64_t state = 9;
    (void)unused;
    for (int s = 0; s < SHAPES; s += test_step()) {
        const size_t m = 1 + draw_length(&state, 3000.0), k = 1 + draw_length(&state, 3000.0);
        const size_t n = 128 + draw_length(&state, 2000.0);
        for (int p = PRODUCT_NN; p <= PRODUCT_TN; p++) {
            const struct grid grid = grid_choose((enum product)p, m, n, k, BLAS_SMALL_MATRIX);
            const size_t area = grid.rows * grid.columns;
            assert_true(16 * area <= 9 * m * n || grid.rows < m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_in_one_tile),
        cmocka_unit_test(tiles_have_their_minimum),
        cmocka_unit_test(cuts_are_on_multiples_of_16_rows),
        cmocka_unit_test(calls_are_small_or_large),
        cmocka_unit_test(two_threads_share_every_product),
        cmocka_unit_test(visits_go_band_by_band),
        cmocka_unit_test(runs_are_tiles_side_by_side),
        cmocka_unit_test(wider_tiles_hold_narrower_ones),
        cmocka_unit_test(tiles_of_nt_products_do_not_depend_on_the_inner_length),
        cmocka_unit_test(the_cut_depends_on_the_arguments_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
