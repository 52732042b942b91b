/* Optimizer state shared out between ranks: shards.h. */
#include "optim/shards.h"

#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "model/parts.h"

/* ---- who has what -------------------------------------------------------------------------------------- */

mlp_status shards_resolve(mlp_optimizer_options *o)
{
    FAIL_IF(o->shard_count < 0 || o->shard_count > EXCHANGE_RANKS, MLP_ERROR_RANGE,
            "shard_count is %d, expected 0 to %d", o->shard_count, EXCHANGE_RANKS);
    o->shard_count = o->shard_count > 0 ? o->shard_count : 1;
    FAIL_IF(o->shard_rank < 0 || o->shard_rank >= o->shard_count, MLP_ERROR_RANGE,
            "shard_rank is %d, expected 0 to %d", o->shard_rank, o->shard_count - 1);
    FAIL_IF(o->shard_count > 1 && update_rule(o->rule)->search != NULL, MLP_ERROR_UNSUPPORTED,
            "shard_count is %d, expected 1 with %s, whose searches multiply whole vectors of its state",
            o->shard_count, update_rule(o->rule)->name.name);
    return MLP_OK;
}

static size_t tensor_first(const mlp_network *network, size_t t)
{
    const struct layer *layer = &network->layers[t / 2];
    return t % 2 == 1 ? layer->bias : layer->weights;
}

/* Where the slice of a rank ends whose tensors begin at `first`: whole ones are dealt out by their size. */
static size_t end_of_tensors(const mlp_network *network, const struct team *rank, size_t first)
{
    const size_t tensors = 2 * network->layer_count;
    struct deal deal = { rank, (double)network->arena_size, 0.0 };
    size_t end = first;
    for (size_t t = 0; t < tensors; t++) {
        const size_t next = t + 1 < tensors ? tensor_first(network, t + 1) : network->arena_size;
        end = deal_next(&deal, (double)(next - tensor_first(network, t))) ? next : end;
    }
    return end;
}

void shards_cut(const mlp_network *network, struct mlp_optimizer *optimizer)
{
    const int ranks = optimizer->options.shard_count, own = optimizer->options.shard_rank;
    size_t *ends = optimizer->shard_ends;
    optimizer->own = (struct range){ 0, network->arena_size };
    if (ends == NULL) {
        return;
    }
    for (int r = 0; r < ranks; r++) {
        const struct team rank = { .size = ranks, .rank = r };
        const size_t first = r > 0 ? ends[r - 1] : 0;
        ends[r] = optimizer->rule->finish != NULL ? end_of_tensors(network, &rank, first)
                                                  : exchange_slice(network->arena_size, ranks, r).end;
    }
    optimizer->own = (struct range){ own > 0 ? ends[own - 1] : 0, ends[own] };
}

/* Bytes of each rank's slice. */
static void slice_bytes(const struct mlp_optimizer *optimizer, size_t *bytes)
{
    for (int r = 0; r < optimizer->options.shard_count; r++) {
        const size_t first = r > 0 ? optimizer->shard_ends[r - 1] : 0;
        bytes[r] = (optimizer->shard_ends[r] - first) * sizeof(float);
    }
}

mlp_status shards_check(const char *function, const struct mlp_optimizer *optimizer,
                        const mlp_exchange *exchange)
{
    const int rank = exchange != NULL ? exchange->rank : 0, size = exchange != NULL ? exchange->size : 1;
    const mlp_optimizer_options *o = &optimizer->options;
    FAIL_IF(shards_are_used(optimizer) && (o->shard_count != size || o->shard_rank != rank),
            MLP_ERROR_ARGUMENT,
            "%s: the optimizer's state is shard %d of %d, expected %d of %d, as the exchange's rank",
            function, o->shard_rank, o->shard_count, rank, size);
    return MLP_OK;
}

mlp_status shards_check_whole(const char *function, const struct mlp_optimizer *optimizer)
{
    FAIL_IF(shards_are_used(optimizer), MLP_ERROR_UNSUPPORTED,
            "%s: the optimizer's state is shard %d of %d, expected all of it: mlp_optimizer_gather() brings "
            "it together",
            function, optimizer->options.shard_rank, optimizer->options.shard_count);
    return MLP_OK;
}

/* ---- in a step ----------------------------------------------------------------------------------------- */

mlp_status shards_agree(struct update_plan *plan)
{
    int32_t all[EXCHANGE_RANKS][2];
    size_t bytes[EXCHANGE_RANKS];
    if (!shards_are_used(plan->optimizer)) {
        return MLP_OK;
    }
    const mlp_exchange *exchange = &plan->workspace->parts->exchange;
    for (int r = 0; r < exchange->size; r++) {
        bytes[r] = sizeof plan->tried;
    }
    TRY(exchange->all_gather(exchange->context, plan->tried, all, bytes));
    for (int r = 0; r < exchange->size; r++) {
        for (size_t e = 0; e < 2; e++) {
            plan->tried[e] = all[r][e] > plan->tried[e] ? all[r][e] : plan->tried[e];
        }
    }
    return MLP_OK;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

mlp_status shards_share_bounds(mlp_optimizer *optimizer, const mlp_exchange *exchange)
{
    struct moment_bound all[EXCHANGE_RANKS], *most = &optimizer->moments;
    size_t bytes[EXCHANGE_RANKS];
    if (!shards_are_used(optimizer)) {
        return MLP_OK;
    }
    for (int r = 0; r < exchange->size; r++) {
        bytes[r] = sizeof *most;
    }
    TRY(exchange->all_gather(exchange->context, most, all, bytes));
    for (int r = 0; r < exchange->size; r++) {
        most->ratio = larger(all[r].ratio, most->ratio);
        most->rest = larger(all[r].rest, most->rest);
    }
    return MLP_OK;
}

/* Where parameters and state are received. */
static float *collected(const struct parts *parts)
{
    return parts->shared.memory != NULL ? parts->shared.parameters : (float *)(void *)parts->buffers.receive;
}

const float *shards_collected(const mlp_workspace *workspace)
{
    return collected(workspace->parts);
}

/* Copies of the slice. */
static float *kept(const struct update_plan *plan)
{
    return plan->workspace->parts->buffers.kept;
}

void shards_keep(const struct update_plan *plan, const struct range *share)
{
    memcpy(kept(plan) + share->first, plan->parameters + share->first,
           (share->end - share->first) * sizeof(float));
}

static mlp_status gather_parameters(struct update_plan *plan)
{
    const struct parts *parts = plan->workspace->parts;
    const struct mlp_optimizer *optimizer = plan->optimizer;
    slice_bytes(optimizer, parts->buffers.send_bytes);
    return parts->exchange.all_gather(parts->exchange.context, plan->parameters + optimizer->own.first,
                                      parts->buffers.receive, parts->buffers.send_bytes);
}

/* This member's share of some floats, from the same place of another arena. */
static void copy_share(const struct team *team, float *to, const float *from, size_t first, size_t end)
{
    const struct range share = team_share(team, end - first);
    memcpy(to + first + share.first, from + first + share.first, (share.end - share.first) * sizeof(float));
}

void shards_gather(const struct team *team, struct update_plan *plan)
{
    const struct range *own = &plan->optimizer->own;
    struct parts *parts = plan->workspace->parts;
    const bool shared = parts->shared.memory != NULL;
    const float *all = collected(parts);
    team_barrier(team);
    if (shared) {
        copy_share(team, parts->shared.parameters, plan->parameters, own->first, own->end);
        team_barrier(team);
    }
    if (team->rank == 0) {
        plan->status = shared ? exchange_agree(&parts->exchange, MLP_OK, NULL) : gather_parameters(plan);
        plan->apply = plan->status == MLP_OK;
    }
    team_barrier(team);
    if (plan->apply) {
        copy_share(team, plan->parameters, all, 0, own->first);
        copy_share(team, plan->parameters, all, own->end, plan->network->arena_size);
    } else if (team->rank == 0) {
        memcpy(plan->parameters + own->first, kept(plan) + own->first,
               (own->end - own->first) * sizeof(float));
    }
}

/* ---- together ------------------------------------------------------------------------------------------ */

mlp_status shards_collect(const struct mlp_optimizer *optimizer, const mlp_workspace *workspace, size_t s)
{
    const mlp_exchange *exchange = &workspace->parts->exchange;
    struct exchange_buffers *buffers = &workspace->parts->buffers;
    const bool is_first = exchange->rank == 0;
    slice_bytes(optimizer, buffers->receive_bytes);
    const size_t own = buffers->receive_bytes[exchange->rank];
    for (int r = 0; r < exchange->size; r++) {
        buffers->send_bytes[r] = r == 0 ? own : 0;
        buffers->receive_bytes[r] = is_first ? buffers->receive_bytes[r] : 0;
    }
    return exchange->all_to_all(exchange->context, optimizer->state[s], buffers->send_bytes,
                                collected(workspace->parts), buffers->receive_bytes);
}

/* All arrays of the state, and the room of a rule that looks at whole matrices. */
struct whole {
    float *state[RULE_STATES];
    float *scratch;
};

static mlp_status take_whole(const struct mlp_optimizer *optimizer, const mlp_exchange *exchange,
                             struct whole *whole)
{
    struct memory_row row = { 0 };
    TRY(shards_check("mlp_optimizer_gather", optimizer, exchange));
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        whole->state[s] = memory_take(&row, optimizer->arena_size, sizeof(float));
    }
    if (optimizer->scratch != NULL) {
        whole->scratch = memory_take(&row, optimizer->scratch_whole, sizeof(float));
    }
    return row.failed ? MLP_ERROR_MEMORY : MLP_OK;
}

static mlp_status gather_state(const struct mlp_optimizer *optimizer, const mlp_exchange *exchange,
                               const struct whole *whole)
{
    size_t bytes[EXCHANGE_RANKS];
    slice_bytes(optimizer, bytes);
    for (size_t s = 0; s < optimizer->rule->states; s++) {
        TRY(exchange->all_gather(exchange->context, optimizer->state[s], whole->state[s], bytes));
    }
    return MLP_OK;
}

static void swap(float **a, float **b)
{
    float *const kept = *a;
    *a = *b;
    *b = kept;
}

mlp_status mlp_optimizer_gather(mlp_optimizer *optimizer, const mlp_exchange *exchange)
{
    mlp_exchange accepted;
    struct whole whole = { { NULL }, NULL };
    REQUIRE_ARGUMENT(optimizer);
    TRY(exchange_accept(exchange, &accepted));
    if (!shards_are_used(optimizer)) {
        return MLP_OK;
    }
    mlp_status status = exchange_agree(&accepted, take_whole(optimizer, &accepted, &whole), NULL);
    status = status == MLP_OK ? gather_state(optimizer, &accepted, &whole) : status;
    if (status == MLP_OK) {
        for (size_t s = 0; s < optimizer->rule->states; s++) {
            swap(&optimizer->state[s], &whole.state[s]);
        }
        swap(&optimizer->scratch, &whole.scratch);
        memory_free(optimizer->shard_ends);
        optimizer->shard_ends = NULL;
        optimizer->options.shard_rank = 0;
        optimizer->options.shard_count = 1;
        optimizer->own = (struct range){ 0, optimizer->arena_size };
        optimizer->scratch_first = 0;
    }
    for (size_t s = 0; s < RULE_STATES; s++) {
        memory_free(whole.state[s]);
    }
    memory_free(whole.scratch);
    return status;
}
