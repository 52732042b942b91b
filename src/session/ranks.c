/* A fit on several ranks. */
#include "session/ranks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mlp/version.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/byte_source.h"
#include "io/unpacked_file.h"
#include "optim/shards.h"
#include "session/checkpoint/content.h"
#include "session/checkpoint/fingerprint.h"
#include "session/evaluate.h"
#include "session/fit.h"

enum { DIGITS = 24, UNIT = 8, MACHINE_TEXT = 1024 };

static bool is_alone(const struct fit *fit)
{
    return fit->exchange.size <= 1; /* 0: it was never accepted */
}

/* What one rank says counts for all. */
enum { STOPPED = 1, IS_DUE = 2, READS_FILES = 4 };

static mlp_status agree(struct fit *fit, mlp_status status, unsigned *flags)
{
    if (fit->report != NULL && fit->report->stopped) {
        *flags |= STOPPED;
    }
    TRY(exchange_agree(&fit->exchange, status, flags));
    if (fit->report != NULL) {
        fit->report->stopped = (*flags & STOPPED) != 0;
    }
    return MLP_OK;
}

mlp_status ranks_agree(struct fit *fit, mlp_status status)
{
    unsigned flags = 0;
    return is_alone(fit) ? status : agree(fit, status, &flags);
}

mlp_status ranks_checkpoint(struct fit *fit, bool due)
{
    unsigned flags = due ? IS_DUE : 0;
    if (is_alone(fit)) {
        return due ? checkpoints_write(fit) : MLP_OK;
    }
    TRY(agree(fit, MLP_OK, &flags));
    return (flags & IS_DUE) != 0 ? ranks_agree(fit, checkpoints_write(fit)) : MLP_OK;
}

/* ---- bytes of rank 0's --------------------------------------------------------------------------------- */

/* An array of bytes of rank 0 becomes everybody's. */
static mlp_status broadcast(const struct fit *fit, struct array *bytes)
{
    const mlp_exchange *e = &fit->exchange;
    uint64_t size = bytes->count;
    mlp_status status = MLP_OK;
    TRY(e->broadcast(e->context, &size, sizeof size, 0));
    const size_t padded = size_round_up((size_t)size, UNIT);
    char *room = array_room(bytes, padded + UNIT - bytes->count, 1);
    status = exchange_agree(e, room != NULL ? MLP_OK : MLP_ERROR_MEMORY, NULL);
    TRY(status);
    bytes->count = (size_t)size;
    return e->broadcast(e->context, bytes->items, padded, 0);
}

/* ---- at one -------------------------------------------------------------------------------------------- */

static json_t *with_digits(json_t *object, const char *key, uint64_t number)
{
    char text[DIGITS];
    snprintf(text, sizeof text, "%016" PRIx64, number);
    return with_member(object, key, json_string(text));
}

/* What must be the same on all ranks, beyond the settings. */
static json_t *describe(const struct fit *fit)
{
    const mlp_optimizer *optimizer = fit->optimizer;
    const size_t states = shards_are_used(optimizer) ? 0 : optimizer->rule->states; /* ranks have their own */
    uint64_t state = 0;
    for (size_t s = 0; s < states; s++) {
        state = floats_fingerprint(state, optimizer->state[s], optimizer->arena_size);
    }
    json_t *all = json_object();
    all = with_member(all, "library_version", json_string(mlp_version()));
    all = with_member(all, "settings", json_incref(fit->checkpoints.settings));
    if (fit->options.allow_other_bits == 0) {
        all = with_member(all, "machine", json_incref(fit->checkpoints.machine));
    }
    all = with_member(all, "epochs", json_integer((json_int_t)fit->options.epochs));
    all = with_member(all, "patience", json_integer((json_int_t)fit->options.patience));
    all = with_digits(all, "initial_parameters",
                      floats_fingerprint(0, fit->network->parameters, fit->network->arena_size));
    all = with_member(all, "optimizer_shards", json_integer(optimizer->options.shard_count));
    all = with_digits(all, "optimizer_state", state);
    return with_member(all, "updates", json_integer((json_int_t)optimizer->updates));
}

static mlp_status write_json(const json_t *json, struct array *text)
{
    const size_t size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    char *room = size > 0 ? array_room(text, size, 1) : NULL;
    REQUIRE_MEMORY(room);
    text->count = json_dumpb(json, room, size, JSON_COMPACT);
    return MLP_OK;
}

/* Ours against the text of rank 0. */
static mlp_status compare(const json_t *ours, const struct array *text)
{
    struct json_document theirs;
    char *characters = text->items;
    characters[text->count] = '\0';
    mlp_status status = json_read("rank 0", "its settings", characters, text->count, &theirs);
    status = status == MLP_OK ? checkpoint_compare("rank 0", ours, theirs.nodes) : status;
    json_document_free(&theirs);
    return status;
}

static mlp_status compare_ranks(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    struct array text = { 0 };
    json_t *ours = NULL;
    mlp_status status = checkpoint_settings(fit, &c->settings);
    if (status == MLP_OK) {
        c->machine = checkpoint_machine();
        ours = c->machine != NULL ? describe(fit) : NULL;
        status = ours != NULL ? write_json(ours, &text)
                              : fail(MLP_ERROR_MEMORY, "out of memory for the settings of ranks");
    }
    status = exchange_agree(&fit->exchange, status, NULL);
    status = status == MLP_OK ? broadcast(fit, &text) : status;
    if (status == MLP_OK) {
        status = exchange_agree(&fit->exchange, compare(ours, &text), NULL);
    }
    json_decref(ours);
    array_free(&text);
    return status;
}

/* ---- checkpoints --------------------------------------------------------------------------------------- */

/* Room for the best parameters, where rank 0's checkpoint may have them. */
static mlp_status prepare_best(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    if (fit->options.validation == NULL || fit->best != NULL) {
        return MLP_OK;
    }
    c->best = memory_allocate(fit->network->arena_size, sizeof *c->best);
    return c->best != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static const char checkpoint_name[] = "rank 0's checkpoint";

/* Rank 0's checkpoint on its way: read there, written to a temporary file by every other rank, so that none
 * has it in memory. */
struct transfer {
    struct byte_source source;
    struct unpacked_file file;
    char *piece;
};

enum { PIECE = 1 << 20 };

static mlp_status begin_transfer(const struct fit *fit, struct transfer *transfer)
{
    transfer->piece = memory_allocate(PIECE, 1);
    REQUIRE_MEMORY(transfer->piece);
    return fit->exchange.rank == 0 ? MLP_OK : unpacked_file_create(checkpoint_name, NULL, &transfer->file);
}

/* What a rank cannot read or write all know in the end: until then it takes its turns. */
static mlp_status send_pieces(const struct fit *fit, struct transfer *transfer, size_t size)
{
    const mlp_exchange *e = &fit->exchange;
    mlp_status status = MLP_OK;
    for (size_t offset = 0; offset < size; offset += PIECE) {
        const size_t length = size - offset < PIECE ? size - offset : (size_t)PIECE;
        if (e->rank == 0 && status == MLP_OK) {
            status = byte_source_read(&transfer->source, offset, transfer->piece, length);
        }
        TRY(e->broadcast(e->context, transfer->piece, size_round_up(length, UNIT), 0));
        if (e->rank != 0 && status == MLP_OK) {
            status = unpacked_file_append(&transfer->file, transfer->piece, length);
        }
    }
    return exchange_agree(e, status, NULL);
}

static mlp_status take_state(struct fit *fit, struct transfer *transfer, size_t size)
{
    char machine[MACHINE_TEXT];
    TRY(prepare_best(fit));
    transfer->source.name = checkpoint_name;
    transfer->source.size = size;
    TRY(unpacked_file_take(&transfer->file, &transfer->source.descriptor));
    return checkpoint_read_source(fit, &transfer->source, machine, sizeof machine);
}

static mlp_status transfer_state(struct fit *fit, struct transfer *transfer)
{
    const mlp_exchange *e = &fit->exchange;
    const char *path = fit->report->checkpoint;
    const bool sends = e->rank == 0 && path != NULL;
    TRY(exchange_agree(e, sends ? byte_source_open(path, &transfer->source) : MLP_OK, NULL));
    uint64_t size = transfer->source.size;
    TRY(e->broadcast(e->context, &size, sizeof size, 0));
    if (size == 0) {
        return MLP_OK;
    }
    TRY(exchange_agree(e, begin_transfer(fit, transfer), NULL));
    TRY(send_pieces(fit, transfer, (size_t)size));
    TRY(exchange_agree(e, e->rank != 0 ? take_state(fit, transfer, (size_t)size) : MLP_OK, NULL));
    return shards_share_bounds(fit->optimizer, e);
}

/* The checkpoint that rank 0 has gone on from, as everybody's state. */
static mlp_status share_state(struct fit *fit)
{
    struct transfer transfer = { .source.descriptor = -1, .file.descriptor = -1 };
    const mlp_status status = transfer_state(fit, &transfer);
    byte_source_close(&transfer.source);
    unpacked_file_close(&transfer.file);
    memory_free(transfer.piece);
    return status;
}

/* Where some rank reads from a file or a callback, all ask before each step whether it could. */
static mlp_status share_sources(struct fit *fit)
{
    const struct storage *storage = fit->prefetch->data->storage;
    unsigned flags = storage->file != NULL || storage->source != NULL ? READS_FILES : 0;
    TRY(exchange_agree(&fit->exchange, MLP_OK, &flags));
    fit->reads_files = (flags & READS_FILES) != 0;
    return MLP_OK;
}

mlp_status ranks_begin(struct fit *fit)
{
    if (is_alone(fit)) {
        return checkpoints_begin(fit);
    }
    TRY(compare_ranks(fit));
    TRY(shared_gradient_make(fit->workspace, shards_are_used(fit->optimizer)));
    TRY(exchange_agree(&fit->exchange, fit->exchange.rank == 0 ? checkpoints_begin(fit) : MLP_OK, NULL));
    TRY(share_state(fit));
    TRY(share_sources(fit));
    if (fit->options.regularization == NULL || fit->options.regularization->mixup == 0.0) {
        fit->prefetch->batches[0].parts = fit->prefetch->batches[1].parts = fit->workspace->parts;
    }
    return MLP_OK;
}

mlp_status ranks_validate(struct fit *fit, mlp_metrics *metrics)
{
    const struct evaluation evaluation = { .network = fit->network,
                                           .workspace = fit->workspace,
                                           .batch = &fit->validation,
                                           .exchange = &fit->exchange,
                                           .tallies = fit->evaluated,
                                           .top_k = evaluate_top_k(fit->options.top_k) };
    return evaluate_data(&evaluation, metrics);
}
