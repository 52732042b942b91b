/* The gradient of ranks that are on one machine: shared_gradient.h. */
#include "model/shared_gradient.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/platform.h"
#include "model/parts.h"

enum { NAME = 32 };

size_t shared_gradient_least = 1 << 15;

/* ---- memory -------------------------------------------------------------------------------------------- */

/* Arenas that any rank's nodes take. */
static size_t longest_row(const struct parts *parts)
{
    struct tree_node nodes[EXCHANGE_NODES];
    size_t most = 1;
    for (size_t real = 1; real <= parts->count; real++) {
        for (int r = 0; r < parts->exchange.size; r++) {
            const struct range own = exchange_parts(&parts->exchange, real, r);
            const size_t count = tree_nodes(own.first, own.end, nodes);
            most = count > most ? count : most;
        }
    }
    return most;
}

/* False where the sizes do not fit size_t. */
static bool size_of(const struct mlp_workspace *workspace, size_t row, size_t *arenas, size_t *bytes)
{
    size_t floats, magnitudes;
    return size_multiply((size_t)workspace->parts->exchange.size, row, arenas) &&
           size_add(*arenas, 2, arenas) && size_multiply(*arenas, workspace->arena_size, &floats) &&
           size_multiply(floats, sizeof(float), bytes) &&
           size_multiply(workspace->magnitude_count, sizeof(struct magnitude), &magnitudes) &&
           size_add(*bytes, magnitudes, bytes);
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

/* The ranks' nodes lie in it from now on. */
static void use(struct mlp_workspace *workspace, size_t arenas)
{
    struct parts *parts = workspace->parts;
    struct shared_gradient *shared = &parts->shared;
    float *const arena = shared->memory;
    const size_t size = workspace->arena_size, first = (size_t)parts->exchange.rank * shared->row;
    shared->sum = arena + (arenas - 2) * size;
    shared->parameters = shared->sum + size;
    shared->magnitudes = (struct magnitude *)(void *)(arena + arenas * size);
    exchange_use_nodes(&parts->buffers, arena + first * size, size);
}

mlp_status shared_gradient_make(struct mlp_workspace *workspace)
{
    enum { LACKS = 1 };
    static atomic_uint made;
    struct parts *parts = workspace->parts;
    char name[NAME] = "";
    size_t arenas, bytes;
    if (parts == NULL || parts->exchange.size == 1 || workspace->arena_size < shared_gradient_least) {
        return MLP_OK;
    }
    const mlp_exchange *e = &parts->exchange;
    struct shared_gradient *shared = &parts->shared;
    shared->row = longest_row(parts);
    const bool fits = size_of(workspace, shared->row, &arenas, &bytes);
    if (e->rank == 0 && fits) {
        uint64_t random = 0;
        platform_random_bytes(&random, sizeof random);
        snprintf(name, sizeof name, "/mlp-%016" PRIx64 "-%u", random, atomic_fetch_add(&made, 1));
        shared->memory = map(e, name, bytes);
    }
    mlp_status status = e->broadcast(e->context, name, sizeof name, 0);
    if (status == MLP_OK && e->rank > 0 && fits) {
        shared->memory = map(e, name, bytes);
    }
    unsigned flags = shared->memory == NULL ? LACKS : 0;
    status = exchange_agree(e, status, &flags);
    if (e->rank == 0) {
        platform_unlink_shared(name);
    }
    shared->bytes = bytes;
    if (status == MLP_OK && flags == 0) {
        use(workspace, arenas);
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

/* ---- a step -------------------------------------------------------------------------------------------- */

static void add_slice(const struct team *team, const struct pass *pass)
{
    const struct parts *parts = pass->workspace->parts;
    const mlp_exchange *e = &parts->exchange;
    const size_t size = pass->workspace->arena_size, first = exchange_slice(size, e->size, e->rank).first;
    struct node_row rows[EXCHANGE_RANKS];
    for (int r = 0; r < e->size; r++) {
        const float *nodes = (const float *)parts->shared.memory + (size_t)r * parts->shared.row * size;
        rows[r] = (struct node_row){ nodes + first, size };
    }
    exchange_add_slice(team, pass, rows, parts->shared.sum + first);
}

/* What this rank has written is seen by all, and what they have by this one. */
static mlp_status meet(const mlp_exchange *exchange)
{
    return exchange_agree(exchange, MLP_OK, NULL);
}

/* Of this batch's tiles. */
static size_t count_magnitudes(const struct mlp_workspace *workspace)
{
    const struct layer_plan *last = &workspace->plan.layers[workspace->layer_count - 1];
    return last->first_magnitude + grid_tiles(&last->weights) + grid_tile_rows(&last->weights);
}

static void measure(const struct team *team, struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    const mlp_exchange *e = &workspace->parts->exchange;
    struct magnitude *const own = workspace->magnitudes;
    team_barrier(team);
    if (team->rank == 0) {
        workspace->magnitudes = workspace->parts->shared.magnitudes;
    }
    team_barrier(team);
    pass_measure_tiles(team, &(struct team){ .size = e->size, .rank = e->rank }, pass);
    team_barrier(team);
    if (team->rank == 0) {
        pass->status = meet(e);
        workspace->magnitudes = own;
        memcpy(own, workspace->parts->shared.magnitudes, count_magnitudes(workspace) * sizeof *own);
    }
    team_barrier(team);
}

void shared_gradient_add(const struct team *team, struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    const struct parts *parts = workspace->parts;
    if (team->rank == 0) {
        pass->status = exchange_totals(pass); /* the nodes of all ranks are complete, too */
    }
    team_barrier(team);
    if (pass->status != MLP_OK) {
        return;
    }
    add_slice(team, pass);
    team_barrier(team);
    if (team->rank == 0) {
        pass->status = meet(&parts->exchange);
        workspace->gradients = parts->shared.sum;
        exchange_plan(pass);
    }
    team_barrier(team);
    if (pass->status == MLP_OK) {
        measure(team, pass);
    }
}
