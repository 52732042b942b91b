/* Plans: every product is covered exactly once, for thousands of random shapes, batches and teams. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

#include "model/pass.h"

enum { TRIALS = 3000, MAX_SIDE = 700 };

static unsigned char covered[MAX_SIDE * 2 * MAX_SIDE * 2];

static size_t side(uint64_t *state)
{
    /* small sizes and tails matter most */
    return (size_t)test_uniform(state, 1.0, test_uniform(state, 0.0, 1.0) < 0.5 ? 70.0 : (double)MAX_SIDE);
}

static void mark(const struct tile *tile, size_t m)
{
    for (size_t j = tile->column; j < tile->column + tile->columns; j++) {
        for (size_t i = tile->row; i < tile->row + tile->rows; i++) {
            covered[i + j * m]++;
        }
    }
}

static void assert_covered(size_t count, unsigned char times)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(covered[i], times);
    }
}

static void grids_cover_their_products(void **unused)
{
    uint64_t state = 1;
    (void)unused;
    for (int trial = 0; trial < TRIALS; trial++) {
        const size_t m = side(&state), n = side(&state), k = side(&state) * (trial % 3 == 0 ? 4 : 1);
        const enum product product = (enum product)(trial % 3);
        const struct grid grid = grid_choose(product, m, n, k, trial % 2 ? BLAS_PACKED : BLAS_SMALL_MATRIX);
        memset(covered, 0, m * n);
        for (size_t r = 0; r < grid_tile_rows(&grid); r++) {
            for (size_t c = 0; c < grid_tile_columns(&grid); c++) {
                const struct tile tile = grid_tile(&grid, r, c);
                assert_true(tile.rows > 0 && tile.columns > 0);
                mark(&tile, m);
            }
        }
        assert_covered(m * n, 1);
        assert_true(grid.rows >= TILE_MIN_ROWS || grid.rows == m);
        assert_true(grid.columns >= TILE_MIN_COLUMNS || grid.columns == n);
        /* so that a wider tile's columns hold whole narrower ones */
        assert_true(product == PRODUCT_NT || grid.columns == n || (grid.columns & (grid.columns - 1)) == 0);
    }
}

static size_t m_of_visit;

static void mark_tile(struct pass *pass, size_t layer, const struct tile *tile)
{
    (void)pass;
    (void)layer;
    mark(tile, m_of_visit);
}

static void mark_part(struct pass *pass, size_t layer, size_t part, const struct tile *tile)
{
    (void)part;
    mark_tile(pass, layer, tile);
}

/* Tiles of Z and dA over the members of any team, and columns. */
static void teams_share_everything_once(void **unused)
{
    uint64_t state = 2;
    (void)unused;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct layer layers[3];
        struct layer_plan plans[3];
        struct mlp_workspace workspace = { .plan = { .class = (enum blas_class)(trial % 2), .layer_count = 3,
                                                     .layers = plans } };
        struct pass pass = { .workspace = &workspace };
        const size_t count = side(&state);
        size_t inputs = side(&state), bound, parts = 0;
        for (int l = 0; l < 3; l++) {
            layers[l] = (struct layer){ .units = side(&state), .inputs = inputs };
            layers[l].stride = (layers[l].units + 15) / 16 * 16;
            inputs = layers[l].units;
        }
        plan_make(&workspace.plan, layers, count);
        assert_true(plan_parts_bound(layers, 3, &bound));
        const int size = 1 + trial % 17;
        for (size_t l = 0; l < 3; l++) {
            const struct grid *grid = l > 0 && trial % 4 == 0 ? &plans[l].backward : &plans[l].forward;
            memset(covered, 0, grid->m * grid->n);
            m_of_visit = grid->m;
            for (int rank = 0; rank < size; rank++) {
                const struct team team = { size, rank };
                visit_tiles(&team, &pass, grid, l, mark_tile);
                visit_parts(&team, &pass, grid, 2, l, mark_part);
            }
            assert_covered(grid->m * grid->n, 3);
            assert_int_equal(plans[l].first_part, parts);
            parts += grid_tiles(&plans[l].weights) + grid_tile_rows(&plans[l].weights);
        }
        assert_true(parts <= bound);
        size_t next = 0;
        for (int rank = 0; rank < size; rank++) {
            const struct team team = { size, rank };
            const struct range own = plan_columns(&workspace.plan, &team);
            assert_true(own.first == own.end || own.first == next);
            assert_true(own.first % LOSS_BLOCK == 0 || own.first == count);
            next = own.end > next ? own.end : next;
        }
        assert_int_equal(next, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(grids_cover_their_products),
                                        cmocka_unit_test(teams_share_everything_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
