/* The parameters' gradient: dW = dZ·Aᵀ and db = dZ·1 over the whole batch, or part after part, and its norms,
 * tile by tile. */
#include <string.h>

#include "base/assert.h"
#include "linalg/gemm.h"
#include "model/parts.h"

/* A batch, or a part of one, whose dW and db are to be made. */
struct source {
    size_t count;                    /* samples */
    ptrdiff_t place;                 /* of its A and dZ, from this rank's on: floats */
    const struct addition *addition; /* where they go; NULL: to pass->gradient */
};

/* Where a piece of the gradient is made. */
struct piece {
    float *values;
    size_t stride;
    size_t joined; /* addends that its product is added to: none or the first */
};

/* Of a piece with `rows` rows at `offset` of the arena. What is to be added to others is made apart, in a
 * member's scratch memory, which has room for any tile; but a product of one small call is added to the first
 * of them in the call, to the same bits. */
static struct piece piece_of(const struct team *team, const struct pass *pass, const struct source *source,
                             size_t offset, size_t rows, size_t stride, bool one_call)
{
    const struct addition *addition = source->addition;
    if (addition == NULL) {
        return (struct piece){ pass->gradient + offset, stride, 0 };
    }
    if (addition->addends == 0) {
        return (struct piece){ parts_arena(pass->parts, addition->to) + offset, stride, 0 };
    }
    if (one_call) {
        return (struct piece){ parts_arena(pass->parts, addition->addend[0]) + offset, stride, 1 };
    }
    return (struct piece){ parts_scratch(pass->parts, team), rows, 0 };
}

/* Adds the other addends to a piece, and puts it where it goes: (piece + addends) + … */
static void add_piece(const struct pass *pass, const struct addition *addition, const struct piece *piece,
                      size_t offset, size_t rows, size_t columns, size_t stride)
{
    const struct vector_kernels *kernels = vector_kernels();
    if (addition == NULL || addition->addends == 0) {
        return; /* it is made where it stays */
    }
    float *const to = parts_arena(pass->parts, addition->to) + offset;
    const bool takes =
        addition->addends > piece->joined && addition->addend[addition->addends - 1] == addition->to;
    const bool moves = !takes && piece->values != to;
    const size_t end = addition->addends - (takes ? 1u : 0u);
    for (size_t j = 0; j < columns; j++) {
        float *values = piece->values + j * piece->stride, *sum = to + j * stride;
        for (size_t i = piece->joined; i < end; i++) {
            kernels->add(values, parts_arena(pass->parts, addition->addend[i]) + offset + j * stride, rows);
        }
        if (takes) {
            kernels->add(sum, values, rows);
        } else if (moves) {
            memcpy(sum, values, rows * sizeof *sum);
        }
    }
}

/* Magnitudes of a gradient tile in workspace->gradients, and in the first column of tiles of those rows of
 * db. */
static void measure_tile(struct pass *pass, size_t l, size_t r, size_t c)
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

/* Rows of db: those of a tile in the first column of tiles. */
static void bias_piece(const struct team *team, struct pass *pass, size_t l, const struct source *source,
                       const struct tile *tile)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    const size_t offset = layer->bias + tile->row;
    const struct piece piece = piece_of(team, pass, source, offset, tile->rows, tile->rows, false);
    vector_kernels()->row_sums(w->d + source->place + tile->row, tile->rows, source->count, w->ld,
                               piece.values);
    add_piece(pass, source->addition, &piece, offset, tile->rows, 1, tile->rows);
}

/* One tile of dW (rows × inputs) over a run of samples, to what those before came to. Padding comes out 0, as
 * dZ's is. */
static void multiply_run(struct pass *pass, size_t l, const struct source *source, const struct tile *tile,
                         const struct range *samples, const struct gemm_block *block,
                         const struct piece *piece)
{
    const struct workspace_layer *w = &pass->workspace->layers[l];
    size_t ld;
    const float *a = layer_input(pass, l, &ld) + source->place;
    const bool adds = samples->first > 0 || piece->joined > 0;
    (adds ? gemm_nt_add : gemm_nt)(*block, tile->rows, tile->columns, samples->end - samples->first,
                                   w->d + source->place + tile->row + samples->first * w->ld, w->ld,
                                   a + tile->column + samples->first * ld, ld, piece->values, piece->stride);
}

/* The run of samples that goes through together after those before it. */
static struct range next_run(const struct range *samples, const struct gemm_block *block, size_t count)
{
    const size_t left = count - samples->end;
    return (struct range){ samples->end, samples->end + (block->inner < left ? block->inner : left) };
}

/* A tile of the whole batch over a run of samples. With the last run it is complete: in the first column of
 * tiles, those rows of db are made, too. Each piece's magnitude is taken while it is in cache. */
static void gradient_tile(const struct team *team, struct pass *pass, size_t l, size_t r, size_t c,
                          const struct range *samples)
{
    const struct source source = { .count = pass->workspace->count };
    const struct layer *layer = &pass->network->layers[l];
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    const struct tile tile = grid_tile(grid, r, c);
    const size_t offset = layer->weights + tile.row + tile.column * layer->stride;
    const struct piece piece = piece_of(team, pass, &source, offset, tile.rows, layer->stride, false);
    multiply_run(pass, l, &source, &tile, samples, &grid->block, &piece);
    if (samples->end < source.count) {
        return;
    }
    if (c == 0) {
        bias_piece(team, pass, l, &source, &tile);
    }
    measure_tile(pass, l, r, c);
}

/* A tile of one part, added to what it meets. The part may have a sample more or fewer than the one that the
 * plan was made for: tiles are the same, calls may not be. */
static void part_tile(const struct team *team, struct pass *pass, size_t l, const struct tile *tile,
                      const struct source *source)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct grid grid =
        grid_choose(PRODUCT_NT, layer->rows, layer->inputs, source->count, pass->workspace->plan.class);
    const size_t offset = layer->weights + tile->row + tile->column * layer->stride;
    const bool one_call = grid.block.small && source->count <= grid.block.inner;
    const struct piece piece = piece_of(team, pass, source, offset, tile->rows, layer->stride, one_call);
    MLP_ASSERT(tile->row % grid.rows == 0 && tile->column % grid.columns == 0);
    MLP_ASSERT(tile->rows * tile->columns <= pass->parts->scratch_size);
    for (struct range samples = { 0, 0 }; samples.end < source->count;) {
        samples = next_run(&samples, &grid.block, source->count);
        multiply_run(pass, l, source, tile, &samples, &grid.block, &piece);
    }
    add_piece(pass, source->addition, &piece, offset, tile->rows, tile->columns, layer->stride);
    if (tile->column == 0) {
        bias_piece(team, pass, l, source, tile);
    }
}

/* A tile of all parts whose A and dZ are at hand, one after the other while it is in cache. */
static void tile_of_parts(const struct team *team, struct pass *pass, size_t l, size_t r, size_t c)
{
    const struct tile tile = grid_tile(&pass->workspace->plan.layers[l].weights, r, c);
    const struct range ranks = parts_ranks(pass);
    for (size_t rank = ranks.first; rank < ranks.end; rank++) {
        struct source source;
        source.addition = parts_source(pass, (int)rank, &source.count, &source.place);
        if (source.addition != NULL) {
            part_tile(team, pass, l, &tile, &source);
        }
    }
    if (pass->measures) {
        measure_tile(pass, l, r, c);
    }
}

/* This member's tiles of a layer, whose first tile lies at `area`, for a run of samples; NULL: of parts. */
static void visit_gradient(const struct team *team, struct pass *pass, size_t l, double area,
                           const struct area *share, const struct range *samples)
{
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    const size_t rows = grid_tile_rows(grid), tiles = grid_tiles(grid);
    for (size_t t = 0; t < tiles; t++) {
        const struct tile tile = grid_tile(grid, t % rows, t / rows);
        const bool takes = area_takes(share, &area, &tile);
        if (takes && samples != NULL) {
            gradient_tile(team, pass, l, t % rows, t / rows, samples);
        } else if (takes) {
            tile_of_parts(team, pass, l, t % rows, t / rows);
        }
    }
}

/* A long batch is gone through in runs: what all tiles read of a run stays in cache. */
static void gradient_of_layer(const struct team *team, struct pass *pass, size_t l, double area,
                              const struct area *share)
{
    const size_t count = pass->workspace->count;
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    for (struct range samples = { 0, 0 }; samples.end < count;) {
        samples = next_run(&samples, &grid->block, count);
        visit_gradient(team, pass, l, area, share, &samples);
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
        if (pass->parts != NULL) {
            visit_gradient(team, pass, l, area, &share, NULL);
        } else {
            gradient_of_layer(team, pass, l, area, &share);
        }
        area += (double)grid->m * (double)grid->n;
    }
}

void pass_gradient(const struct team *team, struct pass *pass)
{
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

void pass_sum_magnitudes(struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    for (size_t l = 0; l < workspace->layer_count; l++) {
        const struct layer_plan *plan = &workspace->plan.layers[l];
        const size_t tiles = grid_tiles(&plan->weights);
        const struct magnitude *magnitudes = workspace->magnitudes + plan->first_magnitude;
        add_magnitudes(magnitudes, tiles, &workspace->squares[2 * l], &workspace->largest[2 * l]);
        add_magnitudes(magnitudes + tiles, grid_tile_rows(&plan->weights), &workspace->squares[2 * l + 1],
                       &workspace->largest[2 * l + 1]);
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
                measure_tile(pass, l, t / columns, t % columns);
            }
        }
    }
}

void pass_measure(struct pass *pass)
{
    const struct team alone = { .size = 1 };
    pass_measure_tiles(&alone, pass);
    pass_sum_magnitudes(pass);
}
