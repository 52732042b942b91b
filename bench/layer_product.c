/* A product of a network's layer: by tiles as in src/model/forward.c and backward.c, without their epilogues;
 * and bare. */
#include "layer_product.h"

#include MLP_CBLAS_HEADER
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "linalg/blas.h"
#include "linalg/blas_section.h"
#include "linalg/gemm.h"
#include "linalg/vector.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static float *filled(size_t rows, size_t columns)
{
    size_t count;
    float *values = size_multiply(rows, columns, &count) ? memory_allocate(count, sizeof(float)) : NULL;
    for (size_t i = 0; values != NULL && i < count; i++) {
        values[i] = 0.01f;
    }
    return values;
}

bool layer_product_make(const struct product_shape *shape, int threads, struct layer_product *p)
{
    const size_t stride = stride_of(shape->out);
    memset(p, 0, sizeof *p);
    p->shape = *shape;
    p->threads = threads;
    p->layer = (struct layer){ .units = shape->out,
                               .inputs = shape->in,
                               .rows = size_round_up(shape->out, STRIDE_MULTIPLE),
                               .stride = stride };
    p->plan = (struct plan){ .class = gemm_class(), .layer_count = 1, .layers = &p->layer_plan };
    plan_make(&p->plan, &p->layer, shape->batch, PLAN_BATCH);
    p->input_ld = shape->tight_input ? shape->in : size_round_up(shape->in, STRIDE_MULTIPLE);
    p->weights = filled(stride, shape->in);
    p->input = filled(p->input_ld, shape->batch);
    p->output = filled(stride, shape->batch);
    p->partial = filled(p->layer_plan.slices > 1 ? stride : 1, shape->batch);
    if (p->weights == NULL || p->input == NULL || p->output == NULL || p->partial == NULL) {
        fputs("mlp-bench: out of memory\n", stderr);
        return false;
    }
    return true;
}

void layer_product_free(struct layer_product *p)
{
    memory_free(p->weights);
    memory_free(p->input);
    memory_free(p->output);
    memory_free(p->partial);
}

/* Z (stride × batch) = W·A, tile by tile, in as many slices of the inner length as the plan has; then their
 * sum. */
static void forward_member(const struct team *team, struct layer_product *p)
{
    const struct grid *grid = &p->layer_plan.forward;
    const size_t slices = p->layer_plan.slices, tiles = grid_tiles(grid), columns = grid_tile_columns(grid);
    const size_t stride = p->layer.stride, inputs = p->layer.inputs;
    const struct range share = team_share(team, slices * tiles);
    struct tile tile;
    for (size_t t = share.first; t < share.end;) {
        const size_t slice = t / tiles, last = smaller(share.end, (slice + 1) * tiles) - slice * tiles;
        t += grid_visit_run(grid, 0, columns, t % tiles, last, &tile);
        const size_t first = inputs * slice / slices, end = inputs * (slice + 1) / slices;
        float *z = slice == 0 ? p->output : p->partial;
        gemm_nn(grid->block, tile.rows, tile.columns, end - first, p->weights + tile.row + first * stride,
                stride, p->input + first + tile.column * p->input_ld, p->input_ld,
                z + tile.row + tile.column * stride, stride);
    }
    if (slices > 1) {
        team_barrier(team);
        const struct range samples = team_share(team, p->shape.batch);
        for (size_t j = samples.first; j < samples.end; j++) {
            vector_kernels()->add(p->output + j * stride, p->partial + j * stride, p->layer.units);
        }
    }
}

/* dA (in × batch) = Wᵀ·dZ. */
static void backward_member(const struct team *team, struct layer_product *p)
{
    const struct grid *grid = &p->layer_plan.backward;
    const size_t columns = grid_tile_columns(grid), stride = p->layer.stride;
    const struct range share = team_share(team, grid_tiles(grid));
    struct tile tile;
    for (size_t t = share.first; t < share.end;) {
        t += grid_visit_run(grid, 0, columns, t, share.end, &tile);
        gemm_tn(grid->block, tile.rows, tile.columns, p->layer.units, p->weights + tile.row * stride, stride,
                p->output + tile.column * stride, stride, p->input + tile.row + tile.column * p->input_ld,
                p->input_ld);
    }
}

/* dW (stride × in) = dZ·Aᵀ, in the order in which the tiles lie in memory, a long batch in runs. */
static void gradient_member(const struct team *team, struct layer_product *p)
{
    const struct grid *grid = &p->layer_plan.weights;
    const size_t rows = grid_tile_rows(grid), stride = p->layer.stride;
    const struct range share = team_share(team, grid_tiles(grid));
    const size_t batch = p->shape.batch, run = grid->block.inner < batch ? grid->block.inner : batch;
    for (size_t s = 0; s < batch; s += run) {
        const size_t length = batch - s < run ? batch - s : run;
        for (size_t t = share.first; t < share.end; t++) {
            const struct tile tile = grid_tile(grid, t % rows, t / rows);
            (s == 0 ? gemm_nt : gemm_nt_add)(grid->block, tile.rows, tile.columns, length,
                                             p->output + tile.row + s * stride, stride,
                                             p->input + tile.column + s * p->input_ld, p->input_ld,
                                             p->weights + tile.row + tile.column * stride, stride);
        }
    }
}

static void run_member(const struct team *team, void *context)
{
    static void (*const members[PRODUCT_KINDS])(const struct team *team, struct layer_product *p) = {
        [PRODUCT_KIND_NN] = forward_member,
        [PRODUCT_KIND_TN] = backward_member,
        [PRODUCT_KIND_NT] = gradient_member,
    };
    struct layer_product *p = context;
    members[p->shape.kind](team, p);
}

static void run_library(void *context)
{
    const struct layer_product *p = context;
    team_run(p->threads, run_member, context);
}

static struct blas_section library_section;

static void begin_library(void *context)
{
    (void)context;
    library_section = blas_section_begin(true);
}

static void end_library(void *context)
{
    (void)context;
    blas_section_end(&library_section);
}

/* Tight leading dimensions, as a program without padding has them. */
static void run_bare(void *context)
{
    const struct layer_product *p = context;
    const int out = (int)p->shape.out, in = (int)p->shape.in, batch = (int)p->shape.batch;
    switch (p->shape.kind) {
    case PRODUCT_KIND_TN:
        cblas_sgemm(CblasColMajor, CblasTrans, CblasNoTrans, in, batch, out, 1.0f, p->weights, out, p->output,
                    out, 0.0f, p->input, in);
        break;
    case PRODUCT_KIND_NT:
        cblas_sgemm(CblasColMajor, CblasNoTrans, CblasTrans, out, in, batch, 1.0f, p->output, out, p->input,
                    in, 0.0f, p->weights, out);
        break;
    default:
        cblas_sgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, out, batch, in, 1.0f, p->weights, out,
                    p->input, in, 0.0f, p->output, out);
        break;
    }
}

/* OpenMP's threads spin for some milliseconds after a region and would keep BLAS's own threads off their
 * cores: lets them fall asleep, then wakes BLAS's. The other way round needs no rest: OpenBLAS's threads
 * yield while they wait. */
static void begin_bare(void *context)
{
    struct layer_product *p = context;
    p->callers_threads = blas_threads();
    blas_set_threads(p->threads);
    if (p->threads > 1) {
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        run_bare(p);
    }
}

static void end_bare(void *context)
{
    const struct layer_product *p = context;
    blas_set_threads(p->callers_threads);
}

struct contestant layer_product_library(struct layer_product *p)
{
    return (
        struct contestant){ .work = run_library, .context = p, .begin = begin_library, .end = end_library };
}

struct contestant layer_product_bare(struct layer_product *p)
{
    return (struct contestant){ .work = run_bare, .context = p, .begin = begin_bare, .end = end_bare };
}
