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
        for (size_t k = 0; k < PARTS_LEVELS; k++) {
            memory_free(parts->waiting[k]);
        }
        memory_free(parts->apart);
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

/* Floats of a tile that stays in a second-level cache beside what it is made of. */
enum { SCRATCH_MOST = 1 << 16 };

static bool allocate(struct parts *parts, const struct mlp_workspace *workspace)
{
    struct memory_row row = { 0 };
    const size_t arena = workspace->arena_size;
    const struct range most = exchange_parts(&parts->exchange, parts->count, 0);
    const size_t own = most.end - most.first;
    for (size_t level = 0; (size_t)4 << level <= own; level++) {
        parts->waiting[level] = memory_take(&row, arena, sizeof(float));
    }
    if (own > 1) {
        parts->scratch_size = arena < SCRATCH_MOST ? arena : (size_t)SCRATCH_MOST;
        parts->apart = memory_take(&row, arena, sizeof(float));
        parts->scratch = memory_take(&row, (size_t)workspace->threads * parts->scratch_size, sizeof(float));
    }
    parts->losses = memory_take(&row, parts->count, sizeof *parts->losses);
    parts->bytes = row.bytes;
    const bool alone = parts->exchange.size == 1;
    return !row.failed && (alone || exchange_make(&parts->buffers, &parts->exchange, parts->count, arena,
                                                  workspace->gradient_buffer, &parts->bytes));
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
    parts_free(workspace->parts);
    workspace->gradients = workspace->gradient_buffer;
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
    return shared_gradient_make(workspace);
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

/* Where the part's gradient goes, and what it is added to. `part` counts from the first of its subtree of
 * `size` parts, whose last part meets all that waits there; their sum goes to `sum`. */
static void place_gradient(struct pass *pass, size_t part, size_t size, float *sum)
{
    struct parts *parts = pass->workspace->parts;
    const bool is_last = part + 1 == size;
    size_t height = 0;
    for (size_t rest = part; rest > 0; rest &= rest - 1) {
        height++; /* a sum waits for each 1 of the part's number */
    }
    pass->adds = false;
    pass->addends = 0;
    pass->gradient = height > 0 ? parts->waiting[height - 1] : sum;
    for (size_t rest = part; height > 0 && (is_last || (rest & 1) != 0); rest >>= 1) {
        if (pass->adds) {
            pass->addend[pass->addends++] = pass->gradient;
        }
        height--;
        pass->adds = true;
        pass->gradient = height > 0 ? parts->waiting[height - 1] : sum;
    }
}

/* A rank of several leaves the sums of its nodes; the whole tree is one rank's. */
static void place_in_tree(struct pass *pass, size_t part)
{
    struct parts *parts = pass->workspace->parts;
    struct tree_node nodes[EXCHANGE_NODES];
    size_t k = 0;
    pass->measures = parts->exchange.size == 1 && part + 1 == pass->batch.parts;
    if (parts->exchange.size == 1) {
        place_gradient(pass, part, pass->batch.parts, pass->workspace->gradients);
        return;
    }
    tree_nodes(pass->batch.first, pass->batch.end, nodes);
    while (part >= nodes[k].first + ((size_t)1 << nodes[k].level)) {
        k++;
    }
    place_gradient(pass, part - nodes[k].first, (size_t)1 << nodes[k].level, parts->buffers.nodes[k]);
}

static void begin_part(struct pass *pass, size_t part)
{
    const struct range range = part_range(pass->batch.count, pass->batch.parts, part);
    pass->first = range.first;
    pass->batch.part = targets_from(pass->batch.targets, range.first, output_layer(pass->network)->units);
    pass->targets = &pass->batch.part;
    pass_place(pass, pass->batch.x + range.first * pass->network->inputs, range.end - range.first);
    place_in_tree(pass, part);
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
    pass->batch.first = own.first;
    pass->batch.end = own.end;
    pass->batch.targets = pass->batch.targets != NULL ? pass->batch.targets : pass->targets;
    memset(parts->counts, 0, sizeof parts->counts);
    regularize_begin(pass);
    pass->status = MLP_OK;
    pass->loss = NAN;
    if (own.first < own.end) {
        begin_part(pass, own.first);
    }
}

static void end_part(struct pass *pass, size_t part)
{
    struct parts *parts = pass->workspace->parts;
    if (parts == NULL) {
        return;
    }
    parts->losses[part] = pass_block_losses(pass);
    if (parts->visit != NULL) {
        parts->visit(parts->context, pass, pass->first, parts->counts);
    }
}

/* Of other ranks' parts, too. */
static void exchange_batch(const struct team *team, struct pass *pass)
{
    if (pass->workspace->parts == NULL || pass->workspace->parts->exchange.size == 1) {
        return;
    }
    if (pass->want_gradient && pass->workspace->parts->shared.memory != NULL) {
        shared_gradient_add(team, pass);
    } else if (pass->want_gradient) {
        exchange_gradient(team, pass);
    } else if (team->rank == 0) {
        pass->status = exchange_totals(pass);
    }
}

void pass_run_batch(const struct team *team, struct pass *pass)
{
    for (size_t part = pass->batch.first; part < pass->batch.end; part++) {
        if (part > pass->batch.first) {
            if (team->rank == 0) {
                begin_part(pass, part);
            }
            team_barrier(team);
        }
        pass_layers(team, pass);
        pass_output_loss(team, pass);
        if (pass->want_gradient) {
            pass_backward(team, pass);
        } else {
            team_barrier(team);
        }
        if (team->rank == 0) {
            end_part(pass, part);
        }
    }
    exchange_batch(team, pass);
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
