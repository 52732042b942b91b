/* The parameters' gradient: dW = dZ·Aᵀ and db = dZ·1 over the whole batch, and its norms, tile by tile. */
#include "linalg/gemm.h"
#include "model/parts.h"
#include "model/sample_gradient.h"

void pass_measure_tile(struct pass *pass, size_t l, size_t r, size_t c)
{
    struct mlp_workspace *workspace = pass->workspace;
    const struct layer *layer = &pass->network->layers[l];
    const struct layer_plan *plan = &workspace->plan.layers[l];
    const struct tile tile = grid_tile(&plan->weights, r, c);
    const float *gradients = workspace->gradients;
    struct magnitude *magnitudes = workspace->magnitudes + plan->first_magnitude;
    magnitudes[r * grid_tile_columns(&plan->weights) + c] =
        vector_kernels()->measure(gradients + layer->weights + tile.row + tile.column * layer->stride,
                                  tile.rows, tile.columns, layer->stride);
    if (c == 0) {
        magnitudes[grid_tiles(&plan->weights) + r] =
            vector_kernels()->measure(gradients + layer->bias + tile.row, tile.rows, 1, tile.rows);
    }
}

/* The run of samples that goes through together after those before it. */
static struct range next_run(const struct range *samples, const struct gemm_block *block, size_t count)
{
    const size_t left = count - samples->end;
    return (struct range){ samples->end, samples->end + (block->inner < left ? block->inner : left) };
}

/* A tile of dW (rows × inputs) over a run of samples, added to what those before came to. Padding comes out
 * 0, as dZ's is. With the last run it is complete: in the first column of tiles, those rows of db are made,
 * too. Each piece's magnitude is taken while it is in cache. */
static void gradient_tile(struct pass *pass, size_t l, size_t r, size_t c, const struct range *samples)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    const struct tile tile = grid_tile(grid, r, c);
    const float *d = w->d + tile.row;
    size_t ld;
    const float *a = layer_input(pass, l, &ld) + tile.column;
    (samples->first > 0 ? gemm_nt_add
                        : gemm_nt)(grid->block, tile.rows, tile.columns, samples->end - samples->first,
                                   d + samples->first * w->ld, w->ld, a + samples->first * ld, ld,
                                   pass->gradient + layer->weights + tile.row + tile.column * layer->stride,
                                   layer->stride);
    if (samples->end < pass->workspace->count) {
        return;
    }
    if (c == 0) {
        vector_kernels()->row_sums(d, tile.rows, samples->end, w->ld,
                                   pass->gradient + layer->bias + tile.row);
    }
    pass_measure_tile(pass, l, r, c);
}

/* This member's tiles of a layer, whose first tile lies at `area`, for a run of samples. */
static void visit_gradient(struct pass *pass, size_t l, double area, const struct area *share,
                           const struct range *samples)
{
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    const size_t rows = grid_tile_rows(grid), tiles = grid_tiles(grid);
    for (size_t t = 0; t < tiles; t++) {
        const struct tile tile = grid_tile(grid, t % rows, t / rows);
        if (area_takes(share, &area, &tile)) {
            gradient_tile(pass, l, t % rows, t / rows, samples);
        }
    }
}

/* A long batch is gone through in runs: what all tiles read of a run stays in cache. */
static void gradient_of_layer(const struct team *team, struct pass *pass, size_t l, double area,
                              const struct area *share)
{
    if (pass->parts != NULL) {
        part_gradient_tiles(team, pass, l, area, share);
        return;
    }
    const size_t count = pass->workspace->count;
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    for (struct range samples = { 0, 0 }; samples.end < count;) {
        samples = next_run(&samples, &grid->block, count);
        visit_gradient(pass, l, area, share, &samples);
    }
}

/* Every member takes a run of tiles of about the same area, in the order in which they lie in the arena; the
 * middle of a tile decides whose it is. The update shares the arena out likewise, so that most of a member's
 * gradients are still in its own cache. */
static void gradient_tiles(const struct team *team, struct pass *pass)
{
    const struct mlp_network *network = pass->network;
    const struct area whole = pass->parts != NULL ? parts_area(pass->parts, (double)network->arena_size)
                                                  : (struct area){ 0.0, (double)network->arena_size };
    const struct area share = area_of(team, &whole);
    double area = 0.0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const struct grid *grid = &pass->workspace->plan.layers[l].weights;
        gradient_of_layer(team, pass, l, area, &share);
        area += (double)grid->m * (double)grid->n;
    }
}

void pass_layer_gradient(struct pass *pass, size_t layer)
{
    const struct team alone = { .size = 1 };
    const struct grid *grid = &pass->workspace->plan.layers[layer].weights;
    const struct area whole = { 0.0, (double)grid->m * (double)grid->n };
    if (!pass->workspace->implied) {
        gradient_of_layer(&alone, pass, layer, 0.0, &whole);
    }
}

void pass_gradient(const struct team *team, struct pass *pass)
{
    if (pass->workspace->implied) {
        return;
    }
    gradient_tiles(team, pass);
    team_barrier(team);
}

static void add_magnitudes(const struct magnitude *magnitudes, size_t count, double *squares, double *largest)
{
    *squares = 0.0;
    *largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        *squares += magnitudes[i].squares;
        *largest = magnitudes[i].largest > *largest ? magnitudes[i].largest : *largest;
    }
}

static void sum_tiles(struct mlp_workspace *workspace)
{
    for (size_t l = 0; l < workspace->layer_count; l++) {
        const struct layer_plan *plan = &workspace->plan.layers[l];
        const size_t tiles = grid_tiles(&plan->weights);
        const struct magnitude *magnitudes = workspace->magnitudes + plan->first_magnitude;
        add_magnitudes(magnitudes, tiles, &workspace->squares[2 * l], &workspace->largest[2 * l]);
        add_magnitudes(magnitudes + tiles, grid_tile_rows(&plan->weights), &workspace->squares[2 * l + 1],
                       &workspace->largest[2 * l + 1]);
    }
}

void pass_sum_magnitudes(struct pass *pass)
{
    if (sample_gradient_is_all(pass->workspace)) {
        sample_gradient_measure(pass->workspace);
    } else {
        sum_tiles(pass->workspace);
    }
}

void pass_measure_tiles(const struct team *team, struct pass *pass)
{
    const struct mlp_workspace *workspace = pass->workspace;
    size_t turn = 0;
    for (size_t l = 0; l < workspace->layer_count; l++) {
        const struct grid *grid = &workspace->plan.layers[l].weights;
        const size_t columns = grid_tile_columns(grid), tiles = grid_tiles(grid);
        for (size_t t = 0; t < tiles; t++) {
            if (turn++ % (size_t)team->size == (size_t)team->rank) {
                pass_measure_tile(pass, l, t / columns, t % columns);
            }
        }
    }
}

void pass_measure(struct pass *pass)
{
    const struct team alone = { .size = 1 };
    if (sample_gradient_is_all(pass->workspace) && sample_gradient_is_unchanged(pass->workspace)) {
        sample_gradient_measure(pass->workspace);
        return;
    }
    pass_measure_tiles(&alone, pass);
    sum_tiles(pass->workspace);
}
