/* The plan of a batch: how every product of a step is cut. */
#include "model/plan.h"

#include "base/assert.h"
#include "base/memory.h"

/* The most that one member may have above the average share before sharing out tiles pays for its barriers.
 */
static const double shard_imbalance_limit = 1.15;

/* The class that was set, where one was. */
static struct {
    bool set;
    enum blas_class class;
} chosen;

enum blas_class plan_class(void)
{
    return chosen.set ? chosen.class : gemm_class();
}

void plan_class_set(enum blas_class class)
{
    chosen.set = true;
    chosen.class = class;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Whether BLAS takes one thread for every call that a layer's forward product makes of it. */
static bool is_serial(const struct layer_plan *p, size_t inner)
{
    const struct gemm_block *block = &p->forward.block;
    const size_t columns = p->forward.columns < block->columns ? p->forward.columns : block->columns;
    const size_t length = inner < block->inner ? inner : block->inner;
    return !gemm_calls_blas(*block, p->forward.m, p->forward.n) ||
           (double)p->forward.rows * (double)columns * (double)length <= blas_serial_limit();
}

/* Whether no shard cuts a tile of this grid. */
static bool is_whole_tiles(const struct plan *plan, const struct grid *grid)
{
    return plan->shard >= plan->count || plan->shard % grid->columns == 0;
}

void plan_make(struct plan *plan, const struct layer *layers, size_t count, enum plan_kind kind)
{
    const bool alone = kind == PLAN_BATCH;
    struct grid (*const choose)(enum product, size_t, size_t, size_t, enum blas_class) =
        alone ? grid_choose : grid_choose_alike;
    size_t magnitude = 0;
    plan->count = count;
    plan->kind = kind;
    plan->shard = LOSS_BLOCK;
    plan->work = 0.0;
    plan->forward_is_serial = true;
    for (size_t l = 0; l < plan->layer_count; l++) {
        const struct layer *layer = &layers[l];
        struct layer_plan *p = &plan->layers[l];
        p->forward = choose(PRODUCT_NN, layer->rows, count, layer->inputs, plan->class);
        p->slices = count > 1 || !alone ? grid_inner_slices(layer->rows, layer->inputs, plan->class) : 1;
        p->backward = choose(PRODUCT_TN, layer->inputs, count, layer->units, plan->class);
        p->weights = grid_choose(PRODUCT_NT, layer->rows, layer->inputs, count, plan->class);
        p->first_magnitude = magnitude;
        magnitude += grid_tiles(&p->weights) + grid_tile_rows(&p->weights);
        plan->shard = larger(plan->shard, p->forward.columns);
        if (layer_source(l) != NETWORK_INPUT) {
            plan->shard = larger(plan->shard, p->backward.columns);
        }
        plan->forward_is_serial = plan->forward_is_serial && is_serial(p, layer->inputs);
        plan->work += (double)layer->units * (double)layer->inputs * (double)count;
    }
    plan->shard = size_round_up(kind == PLAN_UNEVEN_PARTS ? count : plan->shard, LOSS_BLOCK);
    for (size_t l = 0; l < plan->layer_count; l++) {
        MLP_ASSERT(is_whole_tiles(plan, &plan->layers[l].forward));
        MLP_ASSERT(layer_source(l) == NETWORK_INPUT || is_whole_tiles(plan, &plan->layers[l].backward));
    }
}

bool plan_magnitudes_bound(const struct layer *layers, size_t layer_count, size_t *magnitudes)
{
    size_t total = 0;
    for (size_t l = 0; l < layer_count; l++) {
        const size_t rows = layers[l].rows / TILE_MIN_ROWS + 1;
        const size_t columns = layers[l].inputs / TILE_MIN_COLUMNS + 2; /* one more for db */
        size_t tiles;
        if (!size_multiply(rows, columns, &tiles) || !size_add(total, tiles, &total)) {
            return false;
        }
    }
    *magnitudes = total;
    return true;
}

bool plan_is_chained(const struct plan *plan, int team_size)
{
    const size_t size = (size_t)team_size;
    const size_t shards = (plan->count + plan->shard - 1) / plan->shard;
    const size_t most =
        (shards + size - 1) / size * plan->shard; /* columns of a member, but for the last shard */
    return size == 1 ||
           (shards >= size && (double)most * (double)size <= shard_imbalance_limit * (double)plan->count);
}

struct range plan_columns(const struct plan *plan, const struct team *team)
{
    const size_t unit = plan_is_chained(plan, team->size) ? plan->shard : (size_t)LOSS_BLOCK;
    const struct range units = team_share(team, (plan->count + unit - 1) / unit);
    const size_t first = units.first * unit, end = units.end * unit;
    return (struct range){ first < plan->count ? first : plan->count, end < plan->count ? end : plan->count };
}
