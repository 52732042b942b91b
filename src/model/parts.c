/* A step's batch in parts. */
#include "model/parts.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "model/regularize.h"

/* ---- memory -------------------------------------------------------------------------------------------- */

void parts_free(struct parts *parts)
{
    if (parts != NULL) {
        part_tree_free(&parts->tree);
        memory_free(parts->buffer);
        memory_free(parts->scratch);
        memory_free(parts->losses);
        exchange_free(&parts->buffers);
        shared_gradient_free(&parts->shared);
        memory_free(parts);
    }
}

size_t parts_bytes(const struct mlp_workspace *workspace)
{
    const struct parts *parts = workspace->parts;
    return parts != NULL ? sizeof *parts + parts->bytes + parts->shared.bytes / (size_t)parts->exchange.size
                         : 0;
}

static bool allocate(struct parts *parts, const struct mlp_workspace *workspace)
{
    struct memory_row row = { 0 };
    const size_t arena = workspace->arena_size;
    parts->arena_size = arena;
    parts->sum = workspace->gradient_buffer;
    part_tree_take(&parts->tree, parts->count, &row);
    if (row.failed) {
        return false;
    }
    const size_t arenas = part_tree_arenas(&parts->tree, &parts->exchange, parts->count, false);
    if (arenas > 1) {
        parts->waiting = parts->buffer = memory_take(&row, arenas - 1, arena * sizeof(float));
    }
    parts->scratch_size = arena < NT_TILE_MOST ? arena : (size_t)NT_TILE_MOST;
    parts->scratch = memory_take(&row, (size_t)workspace->threads * parts->scratch_size, sizeof(float));
    parts->losses = memory_take(&row, parts->count, sizeof *parts->losses);
    parts->bytes = row.bytes;
    const bool alone = parts->exchange.size == 1;
    return !row.failed &&
           (alone || exchange_make(&parts->buffers, &parts->exchange, parts->count, arena, &parts->bytes));
}

mlp_status parts_set(const char *function, mlp_workspace *workspace, size_t parts,
                     const mlp_exchange *exchange)
{
    struct parts *made = NULL;
    FAIL_IF(parts == 0 || parts > PARTS_MOST, MLP_ERROR_RANGE, "%s: parts is %zu, expected 1 to %d", function,
            parts, PARTS_MOST);
    FAIL_IF(workspace->purpose != MLP_WORKSPACE_TRAINING, MLP_ERROR_ARGUMENT,
            "%s: the workspace was made for inference, expected one for training", function);
    if (parts > 1 || exchange->size > 1) {
        made = memory_allocate(1, sizeof *made);
        REQUIRE_MEMORY(made);
        made->count = parts;
        made->exchange = *exchange;
        if (!allocate(made, workspace)) {
            parts_free(made);
            return MLP_ERROR_MEMORY;
        }
    }
    const mlp_status status = shared_gradient_leave(workspace);
    if (status != MLP_OK) {
        parts_free(made);
        return status;
    }
    parts_free(workspace->parts);
    workspace->parts = made;
    workspace->state = WORKSPACE_EMPTY;
    return MLP_OK;
}

mlp_status mlp_workspace_set_parts(mlp_workspace *workspace, size_t parts)
{
    const mlp_exchange alone = MLP_EXCHANGE_INIT;
    REQUIRE_ARGUMENT(workspace);
    return parts_set(__func__, workspace, parts, &alone);
}

mlp_status mlp_workspace_set_exchange(mlp_workspace *workspace, size_t parts, const mlp_exchange *exchange)
{
    mlp_exchange accepted;
    REQUIRE_ARGUMENT(workspace);
    TRY(exchange_accept(exchange, &accepted));
    const mlp_status status = parts_set(__func__, workspace, parts, &accepted);
    TRY(exchange_agree(&accepted, status, NULL));
    return shared_gradient_make(workspace, true);
}

GETTER(size_t, mlp_workspace_parts, mlp_workspace, workspace,
       workspace->parts != NULL ? workspace->parts->count : 1, 0)

/* ---- the cut ------------------------------------------------------------------------------------------- */

struct range part_range(size_t count, size_t parts, size_t part)
{
    const struct team cut = { .size = (int)parts, .rank = (int)part };
    return team_share(&cut, count);
}

size_t parts_of(const struct mlp_workspace *workspace, size_t count)
{
    const size_t parts = workspace->parts != NULL ? workspace->parts->count : 1;
    return parts < count ? parts : count;
}

mlp_status parts_check(const char *function, const struct mlp_workspace *workspace, size_t count)
{
    const size_t parts = workspace->parts != NULL ? workspace->parts->count : 1;
    FAIL_IF(count == 0 || (count - 1) / parts >= workspace->batch, MLP_ERROR_RANGE,
            "%s: count is %zu, expected 1 to the workspace's batch, %zu, times its %zu parts", function,
            count, workspace->batch, parts);
    return MLP_OK;
}

/* ---- the passes ---------------------------------------------------------------------------------------- */

/* The targets from sample `first` on. */
static mlp_targets targets_from(const mlp_targets *targets, size_t first, size_t units)
{
    mlp_targets part = *targets;
    part.classes = part.classes != NULL ? part.classes + first : NULL;
    part.values = part.values != NULL ? part.values + first * units : NULL;
    part.weights = part.weights != NULL ? part.weights + first : NULL;
    return part;
}

static void begin_part(struct pass *pass, size_t part)
{
    const struct range range = part_range(pass->batch.count, pass->batch.parts, part);
    pass->first = range.first;
    pass->batch.part = targets_from(pass->batch.targets, range.first, output_layer(pass->network)->units);
    pass->targets = &pass->batch.part;
    pass_place(pass, pass->batch.x + range.first * pass->network->inputs, range.end - range.first);
}

static void begin_round(struct pass *pass, size_t round)
{
    const struct parts *parts = pass->parts;
    const bool is_last = round + 1 == pass->batch.rounds;
    const size_t part = pass->batch.first + round;
    pass->batch.round = round;
    pass->measures = is_last && (parts_are_shared(parts) || parts->exchange.size == 1);
    if (part < pass->batch.end) {
        begin_part(pass, part);
    } else if (round == 0) { /* for a plan alone */
        pass_place(pass, pass->batch.x, (pass->batch.count - 1) / pass->batch.parts + 1);
    }
}

/* Rounds of a batch: as many as the rank with the most parts has; without a gradient each has its own. */
static size_t count_rounds(const struct pass *pass)
{
    const struct parts *parts = pass->parts;
    const int rank = parts_are_shared(parts) && pass->want_gradient ? 0 : parts->exchange.rank;
    const struct range most = exchange_parts(&parts->exchange, pass->batch.parts, rank);
    return most.end - most.first;
}

void pass_begin_batch(struct pass *pass, const float *x, size_t count)
{
    struct parts *parts = pass->workspace->parts;
    pass->batch.x = x;
    pass->batch.count = count;
    pass->batch.parts = parts_of(pass->workspace, count);
    pass->batch.end = 1;
    if (parts == NULL) {
        pass_begin(pass, x, count);
        return;
    }
    const struct range own = exchange_parts(&parts->exchange, pass->batch.parts, parts->exchange.rank);
    pass->parts = parts;
    pass->batch.first = own.first;
    pass->batch.end = own.end;
    pass->batch.rounds = count_rounds(pass);
    pass->batch.targets = pass->batch.targets != NULL ? pass->batch.targets : pass->targets;
    memset(parts->counts, 0, sizeof parts->counts);
    if (parts->tree.parts != pass->batch.parts) {
        part_tree_make(&parts->tree, &parts->exchange, pass->batch.parts, parts_are_shared(parts));
    }
    pass->workspace->gradients = parts->sum;
    regularize_begin(pass);
    pass->status = MLP_OK;
    pass->loss = NAN;
    begin_round(pass, 0);
}

struct range parts_ranks(const struct pass *pass)
{
    const mlp_exchange *e = &pass->parts->exchange;
    return parts_are_shared(pass->parts) ? (struct range){ 0, (size_t)e->size }
                                         : (struct range){ (size_t)e->rank, (size_t)e->rank + 1 };
}

const struct addition *parts_source(const struct pass *pass, int rank, size_t *count, ptrdiff_t *place)
{
    const struct parts *parts = pass->parts;
    const struct range theirs = exchange_parts(&parts->exchange, pass->batch.parts, rank);
    const size_t part = theirs.first + pass->batch.round;
    if (part >= theirs.end) {
        return NULL;
    }
    const struct range samples = part_range(pass->batch.count, pass->batch.parts, part);
    *count = samples.end - samples.first;
    *place = (rank - parts->exchange.rank) * (ptrdiff_t)parts->shared.block;
    return &parts->tree.additions[part];
}

struct area parts_area(const struct parts *parts, double whole)
{
    const struct team ranks = { .size = parts->exchange.size, .rank = parts->exchange.rank },
                      alone = { .size = 1 };
    return area_of(parts_are_shared(parts) ? &ranks : &alone, &(struct area){ 0.0, whole });
}

static void end_part(struct pass *pass, size_t part)
{
    struct parts *parts = pass->workspace->parts;
    parts->losses[part] = pass_block_losses(pass);
    if (parts->visit != NULL) {
        parts->visit(parts->context, pass, pass->first, parts->counts);
    }
}

/* Forward, loss, and where a gradient is wanted this much of backward. */
static void run_passes(const struct team *team, struct pass *pass,
                       void (*backward)(const struct team *team, struct pass *pass))
{
    pass_layers(team, pass);
    pass_output_loss(team, pass);
    if (pass->want_gradient) {
        backward(team, pass);
    } else {
        team_barrier(team);
    }
}

/* Forward, loss and dZ of this rank's part of the round, where it has one. */
static void run_part(const struct team *team, struct pass *pass, size_t part)
{
    if (part >= pass->batch.end) {
        return;
    }
    run_passes(team, pass, pass_differentiate);
    if (team->rank == 0) {
        end_part(pass, part);
    }
}

/* The tiles of the round's parts; those of all ranks where their A and dZ are at hand. */
static void run_gradient(const struct team *team, struct pass *pass)
{
    if (!parts_are_shared(pass->parts)) {
        pass_gradient(team, pass);
        return;
    }
    if (team->rank == 0) {
        pass->status = shared_gradient_begin(pass);
    }
    team_barrier(team);
    if (pass->status == MLP_OK) {
        pass_gradient(team, pass);
        if (team->rank == 0) {
            pass->status = shared_gradient_end(pass);
        }
        team_barrier(team);
    }
}

/* Every member sees the same status: it is written between two barriers, in run_gradient() alone. */
static void run_parts(const struct team *team, struct pass *pass)
{
    for (size_t round = 0; round < pass->batch.rounds && pass->status == MLP_OK; round++) {
        if (round > 0) {
            if (team->rank == 0) {
                begin_round(pass, round);
            }
            team_barrier(team);
        }
        run_part(team, pass, pass->batch.first + round);
        if (pass->want_gradient) {
            run_gradient(team, pass);
        }
    }
}

void pass_run_batch(const struct team *team, struct pass *pass)
{
    if (pass->parts == NULL) {
        run_passes(team, pass, pass_backward);
        return;
    }
    run_parts(team, pass);
    if (pass->parts->exchange.size == 1) {
        return;
    }
    if (!pass->want_gradient && team->rank == 0) {
        pass->status = exchange_totals(pass);
    } else if (pass->want_gradient && !parts_are_shared(pass->parts)) {
        exchange_gradient(team, pass);
    }
}

/* values[0] becomes their sum by the tree. */
static double sum_by_tree(double *values, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t i = 0; i + width < count; i += 2 * width) {
            values[i] += values[i + width];
        }
    }
    return values[0];
}

void pass_sum_batch_loss(struct pass *pass)
{
    if (pass->workspace->parts == NULL) {
        pass_sum_loss(pass);
        return;
    }
    pass_set_loss(pass, sum_by_tree(pass->workspace->parts->losses, pass->batch.parts));
}

static void run_batch(const struct team *team, void *context)
{
    pass_run_batch(team, context);
}

mlp_status pass_evaluate_batch(const mlp_network *network, mlp_workspace *workspace, const float *x,
                               const mlp_targets *targets, size_t count)
{
    struct pass pass = { .network = network, .workspace = workspace, .targets = targets, .noise = true };
    if (workspace->parts == NULL) {
        return pass_evaluate(network, workspace, x, targets, count, true);
    }
    TRY(pass_prepare_targets(&pass, count));
    pass_begin_batch(&pass, x, count);
    pass_run(&pass, run_batch, &pass);
    workspace->state = WORKSPACE_FORWARD;
    TRY(pass.status);
    pass_sum_batch_loss(&pass);
    return MLP_OK;
}
