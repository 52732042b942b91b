/* The gradient of a batch in parts: dW and db of every part, tile after tile, added up by the tree. */
#include <string.h>

#include "base/assert.h"
#include "linalg/gemm.h"
#include "model/parts.h"

/* A tile of dW, or those rows of db, over the parts of a rank that are under way. */
struct piece {
    const struct team *team;
    const struct pass *pass;
    size_t l;
    struct tile tile;
    bool is_bias;
    size_t offset, rows, columns, stride; /* in an arena */
    size_t first;                         /* sample of the rank's columns */
    ptrdiff_t place;                      /* of the rank's A and dZ, from this rank's on: floats */
    const struct gemm_block *blocks;      /* calls of a part of the shorter kind, and of one sample more */
};

/* Samples of a node's parts: first … first + 2^level − 1, of those that there are. */
static struct range samples_of(const struct piece *piece, size_t first, size_t level)
{
    const size_t count = piece->pass->batch.count, parts = piece->pass->batch.parts;
    const size_t end = first + ((size_t)1 << level);
    return (struct range){ part_range(count, parts, first).first,
                           end < parts ? part_range(count, parts, end).first : count };
}

/* The calls of a node's dW, of which *whole says that they are one, which adds it to what is there, too, with
 * the same bits. A node of several parts has to be one. */
static struct gemm_block calls_of(const struct piece *piece, size_t first, size_t level, bool *whole)
{
    const size_t count = piece->pass->batch.count, parts = piece->pass->batch.parts;
    const struct range samples = samples_of(piece, first, level);
    const bool longer = first < count % parts;
    struct gemm_block block = piece->blocks[longer];
    *whole = !piece->is_bias && block.small && count / parts + longer <= block.inner;
    if (level > 0) {
        const size_t end = first + ((size_t)1 << level);
        block.pieces = (end < parts ? end : parts) - first;
        block.inner = samples.end - samples.first;
        *whole = *whole && gemm_sums_pieces(block, piece->rows, block.inner);
    }
    return block;
}

/* The piece of a part, or of a node that is one call. Padding comes out 0, as dZ's is. */
static void make(const struct piece *piece, const struct range *samples, const struct gemm_block *block,
                 float *to, size_t stride, bool adds)
{
    const struct workspace_layer *w = &piece->pass->workspace->layers[piece->l];
    const size_t column = samples->first - piece->first, count = samples->end - samples->first;
    const float *d = w->d + piece->place + piece->tile.row + column * w->ld;
    size_t ld;
    const float *a = layer_input(piece->pass, piece->l, &ld) + piece->place + piece->tile.column;
    if (piece->is_bias) {
        vector_kernels()->row_sums(d, piece->rows, count, w->ld, to);
        return;
    }
    (adds ? gemm_nt_add : gemm_nt)(*block, piece->rows, piece->columns, count, d, w->ld, a + column * ld, ld,
                                   to, stride);
}

static void add_to(const struct piece *piece, float *sum, size_t stride, const float *x, size_t x_stride)
{
    const struct vector_kernels *kernels = vector_kernels();
    for (size_t j = 0; j < piece->columns; j++) {
        kernels->add(sum + j * stride, x + j * x_stride, piece->rows);
    }
}

/* The sum of a node's parts, or where that is one call `adds` it: that of its first half, and to it that of
 * its second, which may have none. */
static bool sum_node(const struct piece *piece, size_t first, size_t level, float *to, size_t stride,
                     bool adds)
{
    bool whole;
    const struct gemm_block block = calls_of(piece, first, level, &whole);
    if (adds && !whole) {
        return false;
    }
    if (level == 0 || whole) {
        const struct range samples = samples_of(piece, first, level);
        make(piece, &samples, &block, to, stride, adds);
        return true;
    }
    const size_t second = first + ((size_t)1 << (level - 1));
    sum_node(piece, first, level - 1, to, stride, false);
    if (second < piece->pass->batch.parts && !sum_node(piece, second, level - 1, to, stride, true)) {
        float *const half = parts_scratch(piece->pass->parts, piece->team, level - 1);
        sum_node(piece, second, level - 1, half, piece->rows, false);
        add_to(piece, to, stride, half, piece->rows);
    }
    return true;
}

static float *arena_piece(const struct piece *piece, size_t arena)
{
    return parts_arena(piece->pass->parts, arena) + piece->offset;
}

/* What waits for a node is added to its sum, the first of it, where it can be, in the call that makes it. */
static void join_node(const struct piece *piece, size_t first, const struct addition *addition)
{
    const size_t end = addition->addends, rows = piece->rows;
    float *const to = arena_piece(piece, addition->to);
    float *sum = arena_piece(piece, addition->addend[0]);
    size_t stride = piece->stride, joined = 1;
    if (!sum_node(piece, first, addition->level, sum, stride, true)) {
        sum = parts_scratch(piece->pass->parts, piece->team, addition->level);
        stride = rows;
        joined = 0;
        sum_node(piece, first, addition->level, sum, stride, false);
    }
    const bool takes = end > joined && addition->addend[end - 1] == addition->to; /* stays where that lies */
    for (size_t i = joined; i < end - takes; i++) {
        add_to(piece, sum, stride, arena_piece(piece, addition->addend[i]), piece->stride);
    }
    if (takes) {
        add_to(piece, to, piece->stride, sum, stride);
    } else if (sum != to) {
        for (size_t j = 0; j < piece->columns; j++) {
            memcpy(to + j * piece->stride, sum + j * stride, rows * sizeof *to);
        }
    }
}

/* A piece of all nodes of a rank's parts under way. */
static void add_piece(const struct piece *piece, const struct range *group)
{
    const struct part_tree *tree = &piece->pass->parts->tree;
    for (size_t part = group->first; part < group->end; part += (size_t)1 << tree->additions[part].level) {
        const struct addition *addition = &tree->additions[part];
        if (addition->addends == 0) {
            sum_node(piece, part, addition->level, arena_piece(piece, addition->to), piece->stride, false);
        } else {
            join_node(piece, part, addition);
        }
    }
}

/* A tile of all parts whose A and dZ are at hand, while it is in cache. */
static void tile_of_parts(const struct team *team, struct pass *pass, size_t l, const struct tile *tile,
                          const struct gemm_block blocks[2])
{
    const struct parts *parts = pass->parts;
    const struct layer *layer = &pass->network->layers[l];
    const struct range ranks = parts_ranks(pass);
    MLP_ASSERT(tile->rows * tile->columns <= parts->scratch_size);
    for (size_t rank = ranks.first; rank < ranks.end; rank++) {
        const struct range group =
            part_group(&parts->exchange, pass->batch.parts, pass->batch.group, (int)rank, pass->batch.round);
        struct piece piece = { .team = team,
                               .pass = pass,
                               .l = l,
                               .tile = *tile,
                               .offset = layer->weights + tile->row + tile->column * layer->stride,
                               .rows = tile->rows,
                               .columns = tile->columns,
                               .stride = layer->stride,
                               .first = part_range(pass->batch.count, pass->batch.parts, group.first).first,
                               .place =
                                   ((ptrdiff_t)rank - parts->exchange.rank) * (ptrdiff_t)parts->shared.block,
                               .blocks = blocks };
        add_piece(&piece, &group);
        if (tile->column == 0) {
            piece.is_bias = true;
            piece.offset = layer->bias + tile->row;
            piece.columns = 1;
            add_piece(&piece, &group);
        }
    }
}

void part_gradient_tiles(const struct team *team, struct pass *pass, size_t l, double area,
                         const struct area *share)
{
    const struct layer *layer = &pass->network->layers[l];
    const struct grid *grid = &pass->workspace->plan.layers[l].weights;
    const enum blas_class class = pass->workspace->plan.class;
    const size_t rows = grid_tile_rows(grid), count = pass->batch.count / pass->batch.parts;
    const struct gemm_block blocks[] = {
        grid_choose(PRODUCT_NT, layer->rows, layer->inputs, count, class).block,
        grid_choose(PRODUCT_NT, layer->rows, layer->inputs, count + 1, class).block
    };
    for (size_t t = 0; t < grid_tiles(grid); t++) {
        const struct tile tile = grid_tile(grid, t % rows, t / rows);
        if (area_takes(share, &area, &tile)) {
            tile_of_parts(team, pass, l, &tile, blocks);
            if (pass->measures) {
                pass_measure_tile(pass, l, t % rows, t / rows);
            }
        }
    }
}
