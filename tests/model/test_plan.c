/* Plans: whatever the shapes, the batch and the team, every tile is visited once, and by whom it should be.
 */
#include "support/same_grid.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "model/pass.h"
#include "model/plan.h"

enum { CLASSES = 3, PLANS = 3000, MAX_LAYERS = 4, MAX_TEAM = 17 };

/* A random chain of layers and its plan. */
struct chain {
    struct layer layers[MAX_LAYERS];
    struct layer_plan layer_plans[MAX_LAYERS];
    struct plan plan;
};

static size_t draw_width(uint64_t *state)
{
    static const double largest[] = { 20.0, 200.0, 1200.0, 4000.0 };
    const size_t any = 1 + (size_t)test_uniform(state, 0.0, largest[(int)test_uniform(state, 0.0, 4.0)]);
    return test_uniform(state, 0.0, 1.0) < 0.3 ? size_round_up(any, 16) : any;
}

static void make_chain(uint64_t *state, enum blas_class class, struct chain *chain)
{
    size_t inputs = draw_width(state);
    memset(chain, 0, sizeof *chain);
    chain->plan.layers = chain->layer_plans;
    chain->plan.layer_count = 1 + (size_t)test_uniform(state, 0.0, MAX_LAYERS);
    chain->plan.class = class;
    for (size_t l = 0; l < chain->plan.layer_count; l++) {
        const size_t units = draw_width(state);
        chain->layers[l].units = units;
        chain->layers[l].inputs = inputs;
        chain->layers[l].rows = size_round_up(units, STRIDE_MULTIPLE);
        chain->layers[l].stride = stride_of(units);
        inputs = units;
    }
}

static size_t draw_count(uint64_t *state)
{
    const double largest = test_uniform(state, 0.0, 1.0) < 0.5 ? 70.0 : 3000.0;
    return 1 + (size_t)test_uniform(state, 0.0, largest);
}

/* Runs `check` on many chains, each planned for some batch. */
static void for_many_plans(uint64_t seed, int plans, void (*check)(const struct chain *chain))
{
    uint64_t state = seed;
    for (int i = 0; i < plans; i += test_step()) {
        struct chain chain;
        make_chain(&state, (enum blas_class)(i % CLASSES), &chain);
        plan_make(&chain.plan, chain.layers, draw_count(&state), PLAN_BATCH);
        check(&chain);
    }
}

static void check_shapes(const struct chain *chain)
{
    const struct plan *plan = &chain->plan;
    double work = 0.0;
    for (size_t l = 0; l < plan->layer_count; l++) {
        const struct layer *layer = &chain->layers[l];
        const struct layer_plan *p = &plan->layers[l];
        assert_int_equal(p->forward.m, layer->rows);
        assert_int_equal(p->forward.n, plan->count);
        assert_int_equal(p->backward.m, layer->inputs);
        assert_int_equal(p->backward.n, plan->count);
        assert_int_equal(p->weights.m, layer->rows);
        assert_int_equal(p->weights.n, layer->inputs);
        work += (double)layer->units * (double)layer->inputs * (double)plan->count;
    }
    assert_true(plan->work == work);
}

static void grids_have_the_products_shapes(void **unused)
{
    (void)unused;
    for_many_plans(1, PLANS, check_shapes);
}

/* The parts of all layers lie one after the other, and a workspace made for any batch has room for them. */
static void check_parts(const struct chain *chain)
{
    const struct plan *plan = &chain->plan;
    size_t next = 0, bound = 0;
    for (size_t l = 0; l < plan->layer_count; l++) {
        const struct layer_plan *p = &plan->layers[l];
        assert_int_equal(p->first_magnitude, next);
        next += grid_tiles(&p->weights) + grid_tile_rows(&p->weights);
    }
    assert_true(plan_magnitudes_bound(chain->layers, plan->layer_count, &bound));
    assert_true(next <= bound);
}

static void parts_fit_their_bound(void **unused)
{
    (void)unused;
    for_many_plans(2, PLANS, check_parts);
}

static void a_bound_that_overflows_is_refused(void **unused)
{
    const struct layer huge = { .units = SIZE_MAX / 2, .inputs = SIZE_MAX / 2, .rows = SIZE_MAX / 2 };
    const struct layer large = { .units = 64, .inputs = SIZE_MAX / 4, .rows = 64 };
    struct layer many[64];
    size_t parts;
    (void)unused;
    assert_false(plan_magnitudes_bound(&huge, 1, &parts));
    assert_true(plan_magnitudes_bound(&large, 1, &parts));
    for (size_t l = 0; l < 64; l++) {
        many[l] = large;
    }
    assert_false(plan_magnitudes_bound(many, 64, &parts)); /* the sum, not a product */
}

/* No tile of a chained product is cut by a shard. */
static void check_shard(const struct chain *chain)
{
    const struct plan *plan = &chain->plan;
    assert_true(plan->shard > 0 && plan->shard % LOSS_BLOCK == 0);
    for (size_t l = 0; l < plan->layer_count; l++) {
        const size_t z = plan->layers[l].forward.columns, da = plan->layers[l].backward.columns;
        const bool whole = plan->shard >= plan->count;
        assert_true(whole || (z < plan->count && plan->shard % z == 0));
        if (l > 0) {
            assert_true(whole || (da < plan->count && plan->shard % da == 0));
        }
    }
}

static void shards_hold_whole_tiles(void **unused)
{
    (void)unused;
    for_many_plans(3, PLANS, check_shard);
}

/* Between them the members have every column once, in whole shards or loss blocks. A team is chained only
 * where none has much more to do than the average. */
static void check_columns(const struct chain *chain)
{
    const struct plan *plan = &chain->plan;
    assert_true(plan_is_chained(plan, 1));
    for (int size = 1; size <= MAX_TEAM; size++) {
        const bool chained = plan_is_chained(plan, size);
        const size_t unit = chained ? plan->shard : (size_t)LOSS_BLOCK;
        size_t next = 0, most = 0;
        for (int rank = 0; rank < size; rank++) {
            const struct team team = { size, rank, NULL };
            const struct range own = plan_columns(plan, &team);
            assert_int_equal(own.first, next);
            assert_true(own.end >= own.first && own.end <= plan->count);
            assert_true(own.first % unit == 0 || own.first == plan->count);
            assert_true(own.end % unit == 0 || own.end == plan->count);
            most = own.end - own.first > most ? own.end - own.first : most;
            next = own.end;
        }
        assert_int_equal(next, plan->count);
        if (chained && size > 1) {
            assert_true((double)most * size <= 1.15 * (double)plan->count); /* in samples, not in shards */
        }
    }
}

/* A few samples more do not leave all of them to one member, as shards of 512 and 16 samples would. */
static void no_member_is_left_with_a_remainder(void **unused)
{
    const struct layer wide = { .units = 1024, .inputs = 1024, .rows = 1024 };
    struct layer_plan layer_plan;
    struct plan plan = { .class = BLAS_PACKED, .layer_count = 1, .layers = &layer_plan };
    (void)unused;
    plan_make(&plan, &wide, 528, PLAN_BATCH);
    assert_true(plan.shard > 264);
    assert_false(plan_is_chained(&plan, 2));
    plan_make(&plan, &wide, 2 * plan.shard, PLAN_BATCH);
    assert_true(plan_is_chained(&plan, 2));
}

static void columns_are_shared_out(void **unused)
{
    (void)unused;
    for_many_plans(4, PLANS, check_columns);
}

/* ---- visits -------------------------------------------------------------------------------------------- */

enum { MAX_TILES = 200000, MAX_PARTS = 3 };

static unsigned char visits[MAX_PARTS][MAX_TILES];
static const struct grid *visited;
static size_t visited_layer;
static struct range visitor_columns;
static bool visitor_keeps_to_its_columns;
static size_t visitor_area;

static void count_part(struct pass *pass, size_t layer, size_t part, const struct tile *tile)
{
    const size_t index =
        tile->row / visited->rows * grid_tile_columns(visited) + tile->column / visited->columns;
    const struct tile expected =
        grid_tile(visited, tile->row / visited->rows, tile->column / visited->columns);
    (void)pass;
    assert_int_equal(layer, visited_layer);
    assert_memory_equal(tile, &expected, sizeof expected);
    assert_true(index < MAX_TILES && part < MAX_PARTS);
    visits[part][index]++;
    visitor_area += tile->rows * tile->columns;
}

/* Tiles side by side may come as one. */
static void count_tile(struct pass *pass, size_t layer, const struct tile *tile)
{
    size_t columns;
    for (size_t j = 0; j < tile->columns; j += columns) {
        const size_t left = tile->columns - j;
        columns = left < visited->columns ? left : visited->columns;
        const struct tile one = { tile->row, tile->rows, tile->column + j, columns };
        count_part(pass, layer, 0, &one);
    }
    if (visitor_keeps_to_its_columns) {
        assert_true(tile->column >= visitor_columns.first &&
                    tile->column + tile->columns <= visitor_columns.end);
    }
}

/* All members one after the other, through visit_tiles() or, for several parts, visit_slices(): between them
 * every tile of every part once; a chained member stays in its own columns, unless there are parts; others
 * have about the same area each. */
static void visit_by_all(const struct chain *chain, const struct grid *grid, size_t layer, size_t parts,
                         int size)
{
    struct mlp_workspace workspace = { .plan = chain->plan };
    struct pass pass = { .workspace = &workspace };
    visited = grid;
    visited_layer = layer;
    visitor_keeps_to_its_columns = plan_is_chained(&chain->plan, size);
    assert_true(grid_tiles(grid) <= MAX_TILES);
    for (size_t part = 0; part < MAX_PARTS; part++) {
        memset(visits[part], 0, grid_tiles(grid));
    }
    for (int rank = 0; rank < size; rank++) {
        const struct team team = { size, rank, NULL };
        visitor_columns = plan_columns(&chain->plan, &team);
        visitor_area = 0;
        if (parts == 1) {
            visit_tiles(&team, &pass, grid, layer, count_tile);
        } else {
            visit_slices(&team, &pass, grid, parts, layer, count_part);
        }
        if (parts > 1 || !visitor_keeps_to_its_columns) { /* no more than the average and a tile */
            assert_true(visitor_area * (size_t)size <=
                        parts * grid->m * grid->n + grid->rows * grid->columns * (size_t)size);
        }
    }
    for (size_t part = 0; part < MAX_PARTS; part++) {
        for (size_t t = 0; t < grid_tiles(grid); t++) {
            assert_int_equal(visits[part][t], part < parts);
        }
    }
}

static void check_visits(const struct chain *chain)
{
    for (int size = 1; size <= MAX_TEAM; size++) {
        for (size_t l = 0; l < chain->plan.layer_count; l++) {
            const struct layer_plan *p = &chain->plan.layers[l];
            visit_by_all(chain, &p->forward, l, 1, size);
            visit_by_all(chain, &p->forward, l, 2 + l % 2, size);
            if (l > 0) {
                visit_by_all(chain, &p->backward, l, 1, size);
            }
        }
    }
}

static void a_team_visits_every_tile_once(void **unused)
{
    (void)unused;
    for_many_plans(5, 150, check_visits);
}

/* Long products alone are in parts, never a single column, and only where the
 * smaller kernels take them, or the layer is narrow. */
static void check_inner_parts(const struct chain *chain)
{
    for (size_t l = 0; l < chain->plan.layer_count; l++) {
        const size_t parts = chain->plan.layers[l].slices, k = chain->layers[l].inputs;
        assert_true(parts >= 1 && parts <= k);
        assert_int_equal(parts, chain->plan.count > 1
                                    ? grid_inner_slices(chain->layers[l].rows, k, chain->plan.class)
                                    : 1);
        assert_true(parts == 1 || chain->plan.class != BLAS_PACKED || chain->layers[l].rows < 512);
        /* A part is one call, in which it is added up alone, on any number of threads. */
        assert_true(parts == 1 || chain->plan.layers[l].forward.block.inner * parts >= k);
    }
}

static void parts_follow_from_the_inner_length(void **unused)
{
    (void)unused;
    for_many_plans(7, PLANS, check_inner_parts);
    assert_true(grid_inner_slices(128, 784, BLAS_SMALL_MATRIX) > 1); /* or nothing above has seen any */
    assert_true(grid_inner_slices(128, 784, BLAS_BYPASSED) > 1);
    assert_true(grid_inner_slices(128, 784, BLAS_PACKED) > 1);
    assert_int_equal(grid_inner_slices(1024, 784, BLAS_PACKED), 1);
}

/* ---- what a plan depends on ---------------------------------------------------------------------------- */

/* A plan made after others is the plan made first. */
static void a_plan_depends_on_shapes_alone(void **unused)
{
    uint64_t state = 6;
    (void)unused;
    for (int i = 0; i < 300; i += test_step()) {
        struct chain fresh, used;
        make_chain(&state, (enum blas_class)(i % CLASSES), &fresh);
        memcpy(&used, &fresh, sizeof used);
        used.plan.layers = used.layer_plans;
        const size_t count = draw_count(&state), other = draw_count(&state);
        plan_make(&fresh.plan, fresh.layers, count, PLAN_BATCH);
        plan_make(&used.plan, used.layers, other, PLAN_BATCH);
        plan_make(&used.plan, used.layers, count, PLAN_BATCH);
        for (size_t l = 0; l < fresh.plan.layer_count; l++) {
            const struct layer_plan *a = &fresh.layer_plans[l], *b = &used.layer_plans[l];
            assert_same_grid(&a->forward, &b->forward);
            assert_same_grid(&a->backward, &b->backward);
            assert_same_grid(&a->weights, &b->weights);
            assert_int_equal(a->slices, b->slices);
            assert_int_equal(a->first_magnitude, b->first_magnitude);
        }
        assert_int_equal(fresh.plan.shard, used.plan.shard);
        assert_true(fresh.plan.work == used.plan.work);
    }
}

/* Calls of a pass by the size of its team; a team of two waits for a timer, which one thread does not. */
struct calls {
    size_t of_team, alone, wrong;
    bool team_is_due;
};

static void count_call(const struct team *team, void *context)
{
    struct calls *calls = context;
    if (team->rank > 0) {
        return;
    }
    calls->of_team += team->size > 1;
    calls->alone += team->size == 1;
    calls->wrong += (team->size > 1) != calls->team_is_due;
    if (team->size > 1) {
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
}

static void count_other_call(const struct team *team, void *context)
{
    count_call(team, context);
}

/* A team is tried before one thread is, and left where it is slower. Another pass or batch is tried anew from
 * its second call in a row on; one by itself, as the last batch of an epoch, disturbs nothing. */
static void the_faster_team_is_taken(void **unused)
{
    enum { TRIED = 16, LATER = 500 };
    struct team_choice choice = { 0 };
    struct calls calls = { 0 };
    team_work *const works[] = { count_call, count_call, count_other_call };
    const size_t counts[] = { 7, 8, 8 };
    (void)unused;
    for (size_t w = 0; w < 3; w++) {
        const size_t first = w > 0 ? 1 : 0;
        for (size_t i = 0; i < first + TRIED + LATER; i++) {
            calls.team_is_due = i >= first && i < first + TRIED && team_has_openmp();
            team_choice_run(&choice, 2, counts[w], works[w], &calls);
        }
        for (size_t i = 0; i < LATER; i++) {
            team_choice_run(&choice, 2, i % 2 == 0 ? 5 : counts[w], works[w], &calls);
        }
    }
    assert_int_equal(calls.wrong, 0);
    assert_int_equal(calls.of_team, team_has_openmp() ? 3 * TRIED : 0);
    assert_int_equal(calls.of_team + calls.alone, 3 * (TRIED + 2 * LATER) + 2);
}

int main(void)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grids_have_the_products_shapes), cmocka_unit_test(parts_fit_their_bound),
        cmocka_unit_test(a_bound_that_overflows_is_refused), cmocka_unit_test(shards_hold_whole_tiles),
        cmocka_unit_test(no_member_is_left_with_a_remainder),
        cmocka_unit_test(columns_are_shared_out), cmocka_unit_test(a_team_visits_every_tile_once),
        cmocka_unit_test(parts_follow_from_the_inner_length),
        cmocka_unit_test(a_plan_depends_on_shapes_alone), cmocka_unit_test(the_faster_team_is_taken),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
