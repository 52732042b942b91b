/* Exchanges between ranks. A message from one rank to another in a step: the counts of its samples, the
 * losses of its parts, then the receiver's slice of the sum of each of its nodes. */
#include "model/exchange.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "model/parts.h"

enum { TEXT = 512 };

/* ---- who has what -------------------------------------------------------------------------------------- */

static mlp_status check(const mlp_exchange *given, mlp_exchange *exchange)
{
    TRY(ACCEPT_OPTIONS(mlp_exchange, MLP_EXCHANGE_INIT, given, exchange));
    FAIL_IF(exchange->size < 1 || exchange->size > EXCHANGE_RANKS, MLP_ERROR_RANGE,
            "exchange: size is %d, expected 1 to %d", exchange->size, EXCHANGE_RANKS);
    FAIL_IF(exchange->rank < 0 || exchange->rank >= exchange->size, MLP_ERROR_RANGE,
            "exchange: rank is %d, expected 0 to %d", exchange->rank, exchange->size - 1);
    FAIL_IF(exchange->size > 1 && exchange->all_to_all == NULL, MLP_ERROR_ARGUMENT,
            "exchange: all_to_all is NULL");
    FAIL_IF(exchange->size > 1 && exchange->all_gather == NULL, MLP_ERROR_ARGUMENT,
            "exchange: all_gather is NULL");
    FAIL_IF(exchange->size > 1 && exchange->broadcast == NULL, MLP_ERROR_ARGUMENT,
            "exchange: broadcast is NULL");
    return MLP_OK;
}

mlp_status exchange_accept(const mlp_exchange *given, mlp_exchange *exchange)
{
    static const mlp_exchange alone = MLP_EXCHANGE_INIT;
    const mlp_status status = check(given, exchange);
    if (status != MLP_OK) {
        *exchange = alone;
    }
    return status;
}

mlp_status mlp_exchange_fail(const char *text)
{
    return fail(MLP_ERROR_EXCHANGE, "%s", text != NULL ? text : "the exchange between ranks failed");
}

struct range exchange_parts(const mlp_exchange *exchange, size_t parts, int rank)
{
    const struct team ranks = { .size = exchange->size, .rank = rank };
    return team_share(&ranks, parts);
}

mlp_status exchange_gather(const mlp_exchange *exchange, size_t count, size_t size, void *items)
{
    size_t bytes[EXCHANGE_RANKS];
    char *const all = (char *)items + count * size;
    for (int r = 0; r < exchange->size; r++) {
        const struct range theirs = exchange_parts(exchange, count, r);
        bytes[r] = (theirs.end - theirs.first) * size;
    }
    const char *own = (char *)items + exchange_parts(exchange, count, exchange->rank).first * size;
    return exchange->all_gather(exchange->context, own, all, bytes);
}

mlp_status mlp_exchange_share(const mlp_exchange *exchange, size_t count, size_t parts, size_t *first,
                              size_t *own)
{
    mlp_exchange accepted;
    REQUIRE_ARGUMENT(first);
    REQUIRE_ARGUMENT(own);
    TRY(exchange_accept(exchange, &accepted));
    FAIL_IF(parts == 0 || parts > PARTS_MOST, MLP_ERROR_RANGE,
            "mlp_exchange_share: parts is %zu, expected 1 to %d", parts, PARTS_MOST);
    const struct range range = exchange_samples(&accepted, count, parts);
    *first = range.first;
    *own = range.end - range.first;
    return MLP_OK;
}

struct range exchange_samples(const mlp_exchange *exchange, size_t count, size_t parts)
{
    const size_t real = parts < count ? parts : count;
    const struct range own = exchange_parts(exchange, real, exchange->rank);
    struct range samples = { 0, 0 };
    if (own.first < own.end) {
        samples.first = part_range(count, real, own.first).first;
        samples.end = part_range(count, real, own.end - 1).end;
    }
    return samples;
}

size_t tree_nodes(size_t first, size_t end, bool cut, struct tree_node nodes[EXCHANGE_NODES])
{
    size_t count = 0;
    while (first < end) {
        size_t level = 0, half = 1;
        while ((first & half) == 0 && (cut ? first + half < end : first + 2 * half <= end)) {
            level++;
            half *= 2;
        }
        nodes[count++] = (struct tree_node){ first, level };
        first += (size_t)1 << level;
    }
    return count;
}

struct range exchange_slice(size_t arena_size, int size, int rank)
{
    const struct team ranks = { .size = size, .rank = rank };
    const struct range blocks = team_share(&ranks, arena_size / STRIDE_MULTIPLE);
    return (struct range){ blocks.first * STRIDE_MULTIPLE, blocks.end * STRIDE_MULTIPLE };
}

static struct range slice_of(const mlp_exchange *exchange, size_t arena_size, int rank)
{
    return exchange_slice(arena_size, exchange->size, rank);
}

static size_t heading_bytes(const struct range *parts)
{
    return PART_COUNTS * sizeof(uint64_t) + (parts->end - parts->first) * sizeof(double);
}

static size_t message_bytes(const struct range *parts, const struct range *slice)
{
    struct tree_node nodes[EXCHANGE_NODES];
    return heading_bytes(parts) +
           tree_nodes(parts->first, parts->end, false, nodes) * (slice->end - slice->first) * sizeof(float);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

bool exchange_make(struct exchange_buffers *buffers, const mlp_exchange *exchange, size_t parts,
                   size_t arena_size, size_t *bytes)
{
    struct memory_row row = { 0 };
    struct tree_node nodes[EXCHANGE_NODES];
    const struct range slice = slice_of(exchange, arena_size, 0); /* the longest */
    const size_t ranks = (size_t)exchange->size, longest = slice.end - slice.first;
    size_t most = 0, nodes_sent = 1;
    for (size_t real = 1; real <= parts; real++) { /* a batch of fewer samples has fewer parts */
        size_t all = 0;
        for (int r = 0; r < exchange->size; r++) {
            const struct range own = exchange_parts(exchange, real, r);
            const size_t count = tree_nodes(own.first, own.end, false, nodes);
            all += count;
            nodes_sent = r == exchange->rank && count > nodes_sent ? count : nodes_sent;
        }
        most = all > most ? all : most;
    }
    const size_t headings = ranks * PART_COUNTS * sizeof(uint64_t) + ranks * (parts + 1) * sizeof(double);
    /* Both have room for all parameters, as well: optim/shards.c. */
    const size_t received = most * longest > arena_size ? most * longest : arena_size;
    buffers->headings = headings;
    buffers->send = memory_take(&row, headings + nodes_sent * arena_size * sizeof(float), 1);
    buffers->kept = (float *)(void *)buffers->send;
    buffers->receive = memory_take(&row, headings + received * sizeof(float), 1);
    buffers->slice = memory_take(&row, longest, sizeof(float));
    buffers->send_bytes = memory_take(&row, ranks, sizeof(size_t));
    buffers->receive_bytes = memory_take(&row, ranks, sizeof(size_t));
    *bytes += row.bytes;
    return !row.failed;
}

void exchange_free(struct exchange_buffers *buffers)
{
    memory_free(buffers->send);
    memory_free(buffers->receive);
    memory_free(buffers->slice);
    memory_free(buffers->send_bytes);
    memory_free(buffers->receive_bytes);
}

/* To so many bytes, where there is memory for them; else the larger one stays. */
static void shrink(char **buffer, size_t bytes)
{
    char *const small = memory_allocate(bytes, 1);
    if (small != NULL) {
        memory_free(*buffer);
        *buffer = small;
    }
}

void exchange_shrink(struct exchange_buffers *buffers, float *kept)
{
    buffers->kept = kept;
    memory_free(buffers->slice);
    buffers->slice = NULL;
    shrink(&buffers->send, buffers->headings);
    shrink(&buffers->receive, buffers->headings);
}

/* ---- words --------------------------------------------------------------------------------------------- */

struct word {
    int32_t status;
    uint32_t flags;
};

mlp_status exchange_agree(const mlp_exchange *exchange, mlp_status status, unsigned *flags)
{
    struct word words[EXCHANGE_RANKS], own = { (int32_t)status, flags != NULL ? *flags : 0 };
    size_t bytes[EXCHANGE_RANKS];
    char text[TEXT], line[TEXT] = { 0 };
    if (exchange->size == 1 || status == MLP_ERROR_EXCHANGE) {
        return status;
    }
    snprintf(line, sizeof line, "%s", status != MLP_OK ? mlp_last_error() : "");
    for (int r = 0; r < exchange->size; r++) {
        bytes[r] = sizeof *words;
    }
    TRY(exchange->all_gather(exchange->context, &own, words, bytes));
    int failed = exchange->size;
    for (int r = exchange->size - 1; r >= 0; r--) {
        failed = words[r].status != MLP_OK ? r : failed;
        if (flags != NULL) {
            *flags |= words[r].flags;
        }
    }
    if (failed == exchange->size) {
        return MLP_OK;
    }
    memcpy(text, line, sizeof text);
    TRY(exchange->broadcast(exchange->context, text, sizeof text, failed));
    text[TEXT - 1] = '\0';
    return fail((mlp_status)words[failed].status, "rank %d: %s", failed, text);
}

/* ---- a step -------------------------------------------------------------------------------------------- */

/* Counts and losses of this rank's parts. */
static void write_heading(const struct pass *pass, const struct range *own, char *heading)
{
    const struct parts *parts = pass->workspace->parts;
    memcpy(heading, parts->counts, sizeof parts->counts);
    memcpy(heading + sizeof parts->counts, parts->losses + own->first,
           (own->end - own->first) * sizeof *parts->losses);
}

/* Adds another's counts, and puts its losses in their place. */
static void read_heading(struct pass *pass, const struct range *theirs, const char *heading, uint64_t *counts)
{
    struct parts *parts = pass->workspace->parts;
    for (size_t i = 0; i < PART_COUNTS; i++) {
        uint64_t count;
        memcpy(&count, heading + i * sizeof count, sizeof count);
        counts[i] += count;
    }
    memcpy(parts->losses + theirs->first, heading + sizeof parts->counts,
           (theirs->end - theirs->first) * sizeof *parts->losses);
}

/* Headings of messages of these sizes. */
static void read_headings(struct pass *pass, const size_t *bytes)
{
    struct parts *parts = pass->workspace->parts;
    const char *message = parts->buffers.receive;
    uint64_t counts[PART_COUNTS] = { 0 };
    for (int r = 0; r < parts->exchange.size; r++) {
        const struct range theirs = exchange_parts(&parts->exchange, pass->batch.parts, r);
        read_heading(pass, &theirs, message, counts);
        message += bytes[r];
    }
    memcpy(parts->counts, counts, sizeof counts);
}

/* This member's share of what goes out; the headings are one's. */
static void pack(const struct team *team, struct pass *pass)
{
    const struct parts *parts = pass->workspace->parts;
    const struct range own = exchange_parts(&parts->exchange, pass->batch.parts, parts->exchange.rank);
    struct tree_node nodes[EXCHANGE_NODES];
    const size_t count = tree_nodes(own.first, own.end, false, nodes);
    char *message = parts->buffers.send;
    for (int r = 0; r < parts->exchange.size; r++) {
        const struct range slice = slice_of(&parts->exchange, pass->workspace->arena_size, r);
        const size_t floats = slice.end - slice.first;
        const struct range share = team_share(team, floats);
        char *values = message + heading_bytes(&own);
        if (team->rank == 0) {
            write_heading(pass, &own, message);
        }
        for (size_t k = 0; k < count; k++) {
            memcpy(values + (k * floats + share.first) * sizeof(float),
                   parts_arena(parts, parts->tree.arena[nodes[k].first]) + slice.first + share.first,
                   (share.end - share.first) * sizeof(float));
        }
        message += message_bytes(&own, &slice);
    }
}

static mlp_status send_slices(struct pass *pass)
{
    struct parts *parts = pass->workspace->parts;
    struct exchange_buffers *buffers = &parts->buffers;
    const mlp_exchange *e = &parts->exchange;
    const struct range own = exchange_parts(e, pass->batch.parts, e->rank),
                       slice = slice_of(e, pass->workspace->arena_size, e->rank);
    for (int r = 0; r < e->size; r++) {
        const struct range theirs = exchange_parts(e, pass->batch.parts, r),
                           to = slice_of(e, pass->workspace->arena_size, r);
        buffers->send_bytes[r] = message_bytes(&own, &to);
        buffers->receive_bytes[r] = message_bytes(&theirs, &slice);
    }
    TRY(e->all_to_all(e->context, buffers->send, buffers->send_bytes, buffers->receive,
                      buffers->receive_bytes));
    read_headings(pass, buffers->receive_bytes);
    return MLP_OK;
}

/* From the messages of all ranks. */
static void add_messages(const struct team *team, const struct pass *pass)
{
    const struct parts *parts = pass->workspace->parts;
    const mlp_exchange *e = &parts->exchange;
    const char *message = parts->buffers.receive;
    const float *nodes[EXCHANGE_RANKS];
    for (int r = 0; r < e->size; r++) {
        const struct range theirs = exchange_parts(e, pass->batch.parts, r);
        nodes[r] = (const float *)(const void *)(message + heading_bytes(&theirs));
        message += parts->buffers.receive_bytes[r];
    }
    exchange_add_slice(team, pass, nodes);
}

static mlp_status gather_slices(struct pass *pass)
{
    struct mlp_workspace *workspace = pass->workspace;
    struct exchange_buffers *buffers = &workspace->parts->buffers;
    const mlp_exchange *e = &workspace->parts->exchange;
    for (int r = 0; r < e->size; r++) {
        const struct range slice = slice_of(e, workspace->arena_size, r);
        buffers->send_bytes[r] = (slice.end - slice.first) * sizeof(float);
    }
    return e->all_gather(e->context, buffers->slice, workspace->gradients, buffers->send_bytes);
}

void exchange_gradient(const struct team *team, struct pass *pass)
{
    pack(team, pass);
    team_barrier(team);
    if (team->rank == 0) {
        pass->status = send_slices(pass);
    }
    team_barrier(team);
    if (pass->status != MLP_OK) {
        return;
    }
    add_messages(team, pass);
    team_barrier(team);
    if (team->rank == 0) {
        pass->status = gather_slices(pass);
    }
    team_barrier(team);
    if (pass->status == MLP_OK) {
        pass_measure_tiles(team, pass);
    }
    team_barrier(team);
}

mlp_status exchange_totals(struct pass *pass)
{
    struct parts *parts = pass->workspace->parts;
    struct exchange_buffers *buffers = &parts->buffers;
    const mlp_exchange *e = &parts->exchange;
    const struct range own = exchange_parts(e, pass->batch.parts, e->rank);
    for (int r = 0; r < e->size; r++) {
        const struct range theirs = exchange_parts(e, pass->batch.parts, r);
        buffers->receive_bytes[r] = heading_bytes(&theirs);
    }
    write_heading(pass, &own, buffers->send);
    TRY(e->all_gather(e->context, buffers->send, buffers->receive, buffers->receive_bytes));
    read_headings(pass, buffers->receive_bytes);
    return MLP_OK;
}
