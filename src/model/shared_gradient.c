/* The gradient of ranks that are on one machine: shared_gradient.h. */
#include "model/shared_gradient.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/platform.h"
#include "base/status.h"
#include "model/parts.h"

enum { NAME = 32 };

size_t shared_gradient_least = 1 << 15;

/* ---- memory -------------------------------------------------------------------------------------------- */

struct sizes {
    size_t arenas;            /* of the tree */
    size_t for_shards;        /* arenas, as well */
    size_t magnitudes, bytes; /* bytes of these, and of all */
};

/* False where the sizes do not fit size_t. Shards take an arena for parameters, and one for copies. */
static bool size_of(const struct mlp_workspace *workspace, bool has_shards, struct sizes *sizes)
{
    struct parts *parts = workspace->parts;
    size_t floats, blocks;
    sizes->arenas = part_tree_arenas(&parts->tree, &parts->exchange, parts->count, &parts->groups, true);
    sizes->for_shards = has_shards ? 2 : 0;
    sizes->magnitudes =
        size_round_up(workspace->magnitude_count * sizeof(struct magnitude), MEMORY_ALIGNMENT);
    return size_multiply(sizes->arenas + sizes->for_shards, workspace->arena_size, &floats) &&
           size_multiply((size_t)parts->exchange.size, workspace_shared_floats(workspace), &blocks) &&
           size_add(floats, blocks, &floats) && size_multiply(floats, sizeof(float), &sizes->bytes) &&
           size_add(sizes->bytes, sizes->magnitudes, &sizes->bytes);
}

/* Rank 0 makes it. An empty name: there is none. */
static void *map(const mlp_exchange *exchange, char *name, size_t bytes)
{
    void *memory = name[0] != '\0' ? platform_map_shared(name, bytes, exchange->rank == 0) : NULL;
    if (memory == NULL && exchange->rank == 0) {
        platform_unlink_shared(name);
        memset(name, 0, NAME);
    }
    return memory;
}

/* The gradient, and this rank's buffers, lie in it from now on. */
static void use(struct mlp_workspace *workspace, const struct sizes *sizes)
{
    struct parts *parts = workspace->parts;
    struct shared_gradient *shared = &parts->shared;
    const size_t size = workspace->arena_size;
    parts->sum = shared->memory;
    parts->waiting = parts->sum + size;
    float *const for_shards = parts->sum + sizes->arenas * size;
    float *const blocks = for_shards + sizes->for_shards * size;
    shared->parameters = sizes->for_shards > 0 ? for_shards : NULL;
    shared->block = workspace_shared_floats(workspace);
    shared->magnitudes = (struct magnitude *)(void *)(blocks + (size_t)parts->exchange.size * shared->block);
    memory_free(parts->buffer);
    parts->buffer = NULL;
    parts->tree.parts = 0;
    exchange_shrink(&parts->buffers, sizes->for_shards > 0 ? for_shards + size : NULL);
    workspace_share_buffers(workspace, blocks + (size_t)parts->exchange.rank * shared->block);
}

mlp_status shared_gradient_make(struct mlp_workspace *workspace, bool has_shards)
{
    enum { LACKS = 1 };
    static atomic_uint made;
    struct parts *parts = workspace->parts;
    char name[NAME] = "";
    struct sizes sizes;
    if (parts == NULL || parts->exchange.size == 1 || workspace->arena_size < shared_gradient_least) {
        return MLP_OK;
    }
    const mlp_exchange *e = &parts->exchange;
    struct shared_gradient *shared = &parts->shared;
    const bool fits = size_of(workspace, has_shards, &sizes);
    if (e->rank == 0 && fits) {
        uint64_t random = 0;
        platform_random_bytes(&random, sizeof random);
        snprintf(name, sizeof name, "/mlp-%016" PRIx64 "-%u", random, atomic_fetch_add(&made, 1));
        shared->memory = map(e, name, sizes.bytes);
    }
    mlp_status status = e->broadcast(e->context, name, sizeof name, 0);
    if (status == MLP_OK && e->rank > 0 && fits) {
        shared->memory = map(e, name, sizes.bytes);
    }
    unsigned flags = shared->memory == NULL ? LACKS : 0;
    status = exchange_agree(e, status, &flags);
    if (e->rank == 0) {
        platform_unlink_shared(name);
    }
    shared->bytes = sizes.bytes;
    if (status == MLP_OK && flags == 0) {
        use(workspace, &sizes);
    } else {
        shared_gradient_free(shared);
    }
    return status;
}

void shared_gradient_free(struct shared_gradient *shared)
{
    if (shared->memory != NULL) {
        platform_unmap_shared(shared->memory, shared->bytes);
    }
    *shared = (struct shared_gradient){ 0 };
}

mlp_status shared_gradient_leave(struct mlp_workspace *workspace)
{
    if (workspace->parts == NULL || !parts_are_shared(workspace->parts)) {
        return MLP_OK;
    }
    workspace_keep_gradients(workspace);
    return workspace_own_buffers(workspace);
}

/* ---- a step -------------------------------------------------------------------------------------------- */

/* What this rank has written is seen by all, and what they have by this one. */
static mlp_status meet(const mlp_exchange *exchange)
{
    return exchange_agree(exchange, MLP_OK, NULL);
}

static bool is_last(const struct pass *pass)
{
    return pass->batch.round + 1 == pass->batch.rounds;
}

mlp_status shared_gradient_begin(struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    struct shared_gradient *shared = &workspace->parts->shared;
    TRY(is_last(pass) ? exchange_totals(pass) : meet(&pass->parts->exchange));
    shared->kept = workspace->magnitudes;
    workspace->magnitudes = shared->magnitudes;
    return MLP_OK;
}

/* Of this batch's tiles. */
static size_t count_magnitudes(const struct mlp_workspace *workspace)
{
    const struct layer_plan *last = &workspace->plan.layers[workspace->layer_count - 1];
    return last->first_magnitude + grid_tiles(&last->weights) + grid_tile_rows(&last->weights);
}

mlp_status shared_gradient_end(struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    const struct shared_gradient *shared = &workspace->parts->shared;
    workspace->magnitudes = shared->kept;
    TRY(meet(&pass->parts->exchange));
    if (is_last(pass)) {
        memcpy(workspace->magnitudes, shared->magnitudes,
               count_magnitudes(workspace) * sizeof *workspace->magnitudes);
    }
    return MLP_OK;
}
