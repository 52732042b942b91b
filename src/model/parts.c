/* A step's batch in parts. */
#include "model/parts.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "model/regularize.h"

/* Samples from which on products hardly gain by more of them. */
enum { GROUP_SAMPLES = 1024 };

/* ---- the cut ------------------------------------------------------------------------------------------- */

struct range part_range(size_t count, size_t parts, size_t part)
{
    const struct team cut = { .size = (int)parts, .rank = (int)part };
    return team_share(&cut, count);
}

/* Whether the bits of a sample do not depend on what is beside it. */
static bool goes_together(enum blas_class class)
{
    return class != BLAS_PACKED && vector_kernels()->small_product != NULL;
}

/* As many parts of a batch of `count`, any that follow each other, as `room` samples hold; at least 1. The
 * longer parts come first: part_range(). */
static size_t group_of(size_t count, size_t parts, size_t room, enum blas_class class)
{
    const size_t shorter = count / parts, longer_parts = count % parts;
    if (!goes_together(class)) {
        return 1;
    }
    size_t group = room / (shorter + 1);
    if (group >= longer_parts) {
        group = longer_parts + (room - longer_parts * (shorter + 1)) / shorter;
    }
    group = group < parts ? group : parts;
    return group > 0 ? group : 1;
}

/* The smallest group of any batch of up to `count`, and the largest. */
static struct range groups_of(const struct mlp_workspace *workspace, size_t count, size_t parts,
                              const mlp_exchange *exchange)
{
    const enum blas_class class = workspace->plan.class;
    const struct range most = exchange_parts(exchange, parts, 0);
    const size_t room = goes_together(class) ? workspace->batch : 1;
    const size_t least = count < SIZE_MAX ? group_of(count, parts < count ? parts : count, room, class) : 1,
                 largest = room < most.end ? room : most.end;
    return (struct range){ least < largest ? least : largest, largest };
}

size_t parts_room(size_t count, size_t parts, const mlp_exchange *exchange)
{
    const size_t real = parts < count ? parts : count, longest = (count - 1) / real + 1;
    const size_t most = exchange_parts(exchange, real, 0).end, fit = GROUP_SAMPLES / longest;
    const size_t group = fit < most ? fit : most;
    return goes_together(plan_class()) && group > 1 ? group * longest : longest;
}

mlp_status parts_check(const char *function, const struct mlp_workspace *workspace, size_t count)
{
    const size_t parts = workspace->parts != NULL ? workspace->parts->count : 1;
    FAIL_IF(count == 0 || (count - 1) / parts >= workspace->batch, MLP_ERROR_RANGE,
            "%s: count is %zu, expected 1 to the workspace's batch, %zu, times its %zu parts", function,
            count, workspace->batch, parts);
    return MLP_OK;
}

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

/* Levels of sums that a group of so many parts has, and a place for the node itself. */
static size_t slots_of(size_t group)
{
    size_t slots = 1;
    while ((size_t)1 << (slots - 1) < group) {
        slots++;
    }
    return slots;
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
    const size_t arenas =
        part_tree_arenas(&parts->tree, &parts->exchange, parts->count, &parts->groups, false);
    if (arenas > 1) {
        parts->waiting = parts->buffer = memory_take(&row, arenas - 1, arena * sizeof(float));
    }
    parts->scratch_size = arena < NT_TILE_MOST ? arena : (size_t)NT_TILE_MOST;
    parts->slots = slots_of(parts->groups.end);
    parts->scratch =
        memory_take(&row, (size_t)workspace->threads * parts->slots, parts->scratch_size * sizeof(float));
    parts->losses = memory_take(&row, parts->count, sizeof *parts->losses);
    parts->bytes = row.bytes;
    const bool alone = parts->exchange.size == 1;
    return !row.failed &&
           (alone || exchange_make(&parts->buffers, &parts->exchange, parts->count, arena, &parts->bytes));
}

mlp_status parts_set(const char *function, mlp_workspace *workspace, size_t parts, size_t count,
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
        made->groups = groups_of(workspace, count, parts, exchange);
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
    return parts_set(__func__, workspace, parts, SIZE_MAX, &alone);
}

mlp_status mlp_workspace_set_exchange(mlp_workspace *workspace, size_t parts, const mlp_exchange *exchange)
{
    mlp_exchange accepted;
    REQUIRE_ARGUMENT(workspace);
    TRY(exchange_accept(exchange, &accepted));
    const mlp_status status = parts_set(__func__, workspace, parts, SIZE_MAX, &accepted);
    TRY(exchange_agree(&accepted, status, NULL));
    return shared_gradient_make(workspace, true);
}

GETTER(size_t, mlp_workspace_parts, mlp_workspace, workspace,
       workspace->parts != NULL ? workspace->parts->count : 1, 0)

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

static struct range samples_of(const struct pass *pass, size_t part)
{
    return part_range(pass->batch.count, pass->batch.parts, part);
}

bool parts_columns(const struct pass *pass, size_t i, struct range *columns)
{
    const struct range *now = &pass->batch.now;
    if (now->first + i >= now->end) {
        return false;
    }
    const struct range samples = samples_of(pass, now->first + i);
    const size_t first = samples_of(pass, now->first).first;
    *columns = (struct range){ samples.first - first, samples.end - first };
    return true;
}

enum plan_kind parts_plan_kind(const struct pass *pass)
{
    struct range part;
    bool even = true;
    if (!goes_together(pass->workspace->plan.class) || pass->parts->count == 1) {
        return PLAN_BATCH;
    }
    for (size_t i = 0; parts_columns(pass, i, &part); i++) {
        even = even && part.first % LOSS_BLOCK == 0;
    }
    return even ? PLAN_PARTS : PLAN_UNEVEN_PARTS;
}

static void begin_round(struct pass *pass, size_t round)
{
    const struct parts *parts = pass->parts;
    const size_t inputs = pass->network->inputs, units = output_layer(pass->network)->units;
    const bool is_last = round + 1 == pass->batch.rounds;
    const struct range now =
        part_group(&parts->exchange, pass->batch.parts, pass->batch.group, parts->exchange.rank, round);
    pass->batch.round = round;
    pass->batch.now = now;
    pass->measures = is_last && (parts_are_shared(parts) || parts->exchange.size == 1);
    if (now.first < now.end) {
        pass->first = samples_of(pass, now.first).first;
        pass->batch.here = targets_from(pass->batch.targets, pass->first, units);
        pass->targets = &pass->batch.here;
        pass_place(pass, pass->batch.x + pass->first * inputs,
                   samples_of(pass, now.end - 1).end - pass->first);
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
    return (most.end - most.first + pass->batch.group - 1) / pass->batch.group;
}

void pass_begin_batch(struct pass *pass, const float *x, size_t count)
{
    struct parts *parts = pass->workspace->parts;
    struct mlp_workspace *workspace = pass->workspace;
    if (parts == NULL) {
        pass_begin(pass, x, count);
        return;
    }
    pass->parts = parts;
    pass->batch.x = x;
    pass->batch.count = count;
    pass->batch.parts = parts->count < count ? parts->count : count;
    pass->batch.group = group_of(count, pass->batch.parts, workspace->batch, workspace->plan.class);
    pass->batch.rounds = count_rounds(pass);
    pass->batch.targets = pass->batch.targets != NULL ? pass->batch.targets : pass->targets;
    memset(parts->counts, 0, sizeof parts->counts);
    if (parts->tree.parts != pass->batch.parts || parts->tree.group != pass->batch.group) {
        part_tree_make(&parts->tree, &parts->exchange, pass->batch.parts, pass->batch.group,
                       parts_are_shared(parts));
    }
    workspace->gradients = parts->sum;
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

struct area parts_area(const struct parts *parts, double whole)
{
    const struct team ranks = { .size = parts->exchange.size, .rank = parts->exchange.rank },
                      alone = { .size = 1 };
    return area_of(parts_are_shared(parts) ? &ranks : &alone, &(struct area){ 0.0, whole });
}

static void end_group(struct pass *pass)
{
    struct parts *parts = pass->workspace->parts;
    struct range part;
    for (size_t i = 0; parts_columns(pass, i, &part); i++) {
        parts->losses[pass->batch.now.first + i] = pass_part_loss(pass, i);
    }
    if (parts->visit != NULL) {
        parts->visit(parts->context, pass, parts->counts);
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

/* This rank's parts of the round, where it has any. */
static void run_group(const struct team *team, struct pass *pass,
                      void (*backward)(const struct team *team, struct pass *pass))
{
    if (pass->batch.now.first == pass->batch.now.end) {
        return;
    }
    run_passes(team, pass, backward);
    if (team->rank == 0) {
        end_group(pass);
    }
}

/* The tiles of the round's parts of all ranks, whose A and dZ are at hand. */
static void run_gradient(const struct team *team, struct pass *pass)
{
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
    const bool shares = pass->want_gradient && parts_are_shared(pass->parts);
    for (size_t round = 0; round < pass->batch.rounds && pass->status == MLP_OK; round++) {
        if (round > 0) {
            if (team->rank == 0) {
                begin_round(pass, round);
            }
            team_barrier(team);
        }
        run_group(team, pass, shares ? pass_differentiate : pass_backward);
        if (shares) {
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
