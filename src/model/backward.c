/* Backward: dA = Wᵀ·dZ and dZ = dA ⊙ φ′ from the output down; then dW = dZ·Aᵀ and db = dZ·1 over the whole
 * batch. */
#include <string.h>

#include "base/assert.h"
#include "linalg/gemm.h"
#include "model/parts.h"
#include "model/regularize.h"

void activation_gradient(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    const size_t offset = tile->row + tile->column * w->ld;
    const struct activation_backward backward = {
        .z = w->z + offset,
        .z_ld = w->ld,
        .a = w->a + offset,
        .a_ld = w->ld,
        .d = w->d + offset,
        .d_ld = w->ld,
        .rows = tile->rows,
        .columns = tile->columns,
        .parameter = (float)layer->description.activation_parameter,
        .custom = &layer->description.custom_activation,
    };
    layer->activation->backward(&backward);
}

/* One tile of dA of the layer below `l`, turned into its dZ while it is in cache. */
static void backward_tile(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct workspace_layer *above = &pass->workspace->layers[l];
    const size_t source = layer_source(l);
    const struct workspace_layer *below = &pass->workspace->layers[source];
    gemm_tn(pass->workspace->plan.layers[l].backward.block, tile->rows, tile->columns, layer->units,
            pass->network->parameters + layer->weights + tile->row * layer->stride, layer->stride,
            above->d + tile->column * above->ld, above->ld, below->d + tile->row + tile->column * below->ld,
            below->ld);
    regularize_backward(pass, source, tile);
    activation_gradient(pass, source, tile);
}

/* A batch, or a part of one, whose dW and db are to be made. */
struct source {
    size_t count;                    /* samples */
    ptrdiff_t place;                 /* of its A and dZ, from this rank's on: floats */
    const struct addition *addition; /* where they go; NULL: to pass->gradient */
};

/* Where a piece of the gradient is made: in its place, or apart where it is to be added to what is there. A
 * product of one small call is added in the call, to the same bits. */
struct piece {
    float *values;
    size_t stride;
    bool joins;                    /* it is added to what is at `values` */
    float *sums[PASS_ADDENDS + 1]; /* to be added then, in order */
    size_t count;                  /* of these */
    float *to;                     /* where all that goes; NULL: it stays */
};

/* Of rows × columns at `offset` of the arena. A member's scratch memory has room for any tile. */
static struct piece piece_of(const struct team *team, const struct pass *pass, const struct source *source,
                             size_t offset, size_t rows, size_t stride, bool one_call)
{
    const struct addition *addition = source->addition;
    struct piece piece = { .stride = stride };
    if (addition == NULL) {
        piece.values = pass->gradient + offset;
        return piece;
    }
    float *const to = parts_arena(pass->parts, addition->to) + offset;
    for (size_t i = 0; i < addition->addends; i++) {
        piece.sums[piece.count++] = parts_arena(pass->parts, addition->addend[i]) + offset;
    }
    if (addition->adds) {
        piece.sums[piece.count++] = to;
    }
    piece.joins = one_call && piece.count > 0;
    if (piece.joins) {
        piece.values = piece.sums[0];
        memmove(piece.sums, piece.sums + 1, --piece.count * sizeof *piece.sums);
    } else if (piece.count > 0) {
        piece.values = parts_scratch(pass->parts, team);
        piece.stride = rows;
    } else {
        piece.values = to;
    }
    piece.to = to;
    return piece;
}

/* Adds what waits to a piece, and puts it where it goes: (piece + sums[0]) + … */
static void add_piece(const struct piece *piece, size_t rows, size_t columns, size_t stride)
{
    const struct vector_kernels *kernels = vector_kernels();
    const size_t last = piece->count > 0 ? piece->count - 1 : 0;
    const bool in_place = piece->count > 0 && piece->sums[last] == piece->to;
    const bool in_product = piece->to == NULL || (piece->count == 0 && piece->values == piece->to);
    const size_t apart = in_product ? 0 : columns;
    for (size_t j = 0; j < apart; j++) {
        float *values = piece->values + j * piece->stride;
        for (size_t i = 0; i < piece->count - in_place; i++) {
            kernels->add(values, piece->sums[i] + j * stride, rows);
        }
        if (in_place) {
            kernels->add(piece->to + j * stride, values, rows);
        } else if (values != piece->to + j * stride) {
            memcpy(piece->to + j * stride, values, rows * sizeof *values);
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
    const struct piece piece =
        piece_of(team, pass, source, layer->bias + tile->row, tile->rows, tile->rows, false);
    vector_kernels()->row_sums(w->d + source->place + tile->row, tile->rows, source->count, w->ld,
                               piece.values);
    add_piece(&piece, tile->rows, 1, tile->rows);
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
    (samples->first == 0 && !piece->joins
         ? gemm_nt
         : gemm_nt_add)(*block, tile->rows, tile->columns, samples->end - samples->first,
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

/* A tile of one part, added to what it meets. */
static void part_tile(const struct team *team, struct pass *pass, size_t l, size_t r, size_t c,
                      const struct source *source)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct plan *plan = &pass->workspace->plan;
    const struct grid grid = grid_choose(PRODUCT_NT, layer->rows, layer->inputs, source->count, plan->class);
    const struct tile tile = grid_tile(&grid, r, c);
    const size_t offset = layer->weights + tile.row + tile.column * layer->stride;
    const bool one_call = grid.block.small && source->count <= grid.block.inner;
    const struct piece piece = piece_of(team, pass, source, offset, tile.rows, layer->stride, one_call);
    MLP_ASSERT(tile.rows * tile.columns <= pass->parts->scratch_size);
    for (struct range samples = { 0, 0 }; samples.end < source->count;) {
        samples = next_run(&samples, &grid.block, source->count);
        multiply_run(pass, l, source, &tile, &samples, &grid.block, &piece);
    }
    add_piece(&piece, tile.rows, tile.columns, layer->stride);
    if (c == 0) {
        bias_piece(team, pass, l, source, &tile);
    }
}

/* A tile of all parts whose A and dZ are at hand, one after the other while it is in cache. */
static void tile_of_parts(const struct team *team, struct pass *pass, size_t l, size_t r, size_t c)
{
    const struct range ranks = parts_ranks(pass);
    for (size_t rank = ranks.first; rank < ranks.end; rank++) {
        struct source source;
        source.addition = parts_source(pass, (int)rank, &source.count, &source.place);
        if (source.addition != NULL) {
            part_tile(team, pass, l, r, c, &source);
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

void pass_differentiate(const struct team *team, struct pass *pass)
{
    for (size_t l = pass->network->layer_count - 1; layer_source(l) != NETWORK_INPUT; l--) {
        visit_tiles(team, pass, &pass->workspace->plan.layers[l].backward, l, backward_tile);
        join_columns(team, pass);
    }
    team_barrier(team);
}

void pass_gradient(const struct team *team, struct pass *pass)
{
    gradient_tiles(team, pass);
    team_barrier(team);
}

void pass_backward(const struct team *team, struct pass *pass)
{
    if (pass->status != MLP_OK) {
        return; /* a custom loss has failed: every member sees it */
    }
    pass_differentiate(team, pass);
    pass_gradient(team, pass);
}

/* dL/dx (inputs × count) = W₀ᵀ·dZ₀, through the standardization. */
static void input_tile(struct pass *pass, size_t l, const struct tile *tile)
{
    const struct mlp_network *network = pass->network;
    const struct layer *layer = &network->layers[l];
    const struct workspace_layer *w = &pass->workspace->layers[l];
    float *dx = pass->input_gradient + tile->row + tile->column * network->inputs;
    gemm_tn(pass->workspace->plan.layers[l].backward.block, tile->rows, tile->columns, layer->units,
            network->parameters + layer->weights + tile->row * layer->stride, layer->stride,
            w->d + tile->column * w->ld, w->ld, dx, network->inputs);
    regularize_input_gradient(pass, tile);
    for (size_t j = 0; j < tile->columns && network->inverse != NULL; j++) {
        for (size_t i = 0; i < tile->rows; i++) {
            dx[i + j * network->inputs] *= network->inverse[tile->row + i];
        }
    }
}

void pass_input_gradient(const struct team *team, void *context)
{
    struct pass *pass = context;
    const struct grid *grid = &pass->workspace->plan.layers[0].backward;
    const size_t columns = grid_tile_columns(grid);
    const struct range share = team_share(team, grid_tiles(grid));
    for (size_t t = share.first; t < share.end; t++) {
        const struct tile tile = grid_tile(grid, t / columns, t % columns);
        input_tile(pass, 0, &tile);
    }
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
