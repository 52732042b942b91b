/* What mlp_fit() does before its first step: checks every option, resolves the defaults, allocates. */
#include <math.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "model/parts.h"
#include "model/regularize.h"
#include "optim/shards.h"
#include "session/evaluate.h"
#include "session/fit.h"
#include "session/mixup.h"
#include "session/stopping.h"
#include "strategy/schedule.h"

enum { DEFAULT_EPOCHS = 10, DEFAULT_BATCH = 64, MAX_EPOCHS = 1000000 };

/* Files hold it, and it may double. */
#define MAX_INTERVAL ((size_t)(SIZE_MAX > UINT32_MAX ? 1ull << 40 : 1ull << 30))

static mlp_status accept_regularization(struct fit *fit)
{
    const mlp_regularization *o = &fit->regularization;
    if (fit->options.regularization == NULL) {
        return MLP_OK;
    }
    TRY(regularization_accept(fit->options.regularization, &fit->regularization));
    fit->options.regularization = o;
    FAIL_IF(o->mixup > 0.0 && fit->network->loss.loss == MLP_LOSS_CUSTOM, MLP_ERROR_ARGUMENT,
            "regularization: mixup is %g, expected 0 with a custom loss", o->mixup);
    return MLP_OK;
}

static mlp_status accept_options(struct fit *fit, const mlp_fit_options *given)
{
    mlp_fit_options *o = &fit->options;
    TRY(ACCEPT_OPTIONS(mlp_fit_options, MLP_FIT_OPTIONS_INIT, given, o));
    TRY(exchange_accept(o->exchange, &fit->exchange));
    TRY(shards_check("fit options", fit->optimizer, &fit->exchange));
    FAIL_IF(o->epochs > MAX_EPOCHS, MLP_ERROR_RANGE, "fit options: epochs is %zu, expected at most %d",
            o->epochs, MAX_EPOCHS);
    FAIL_IF(o->parts > PARTS_MOST, MLP_ERROR_RANGE, "fit options: parts is %zu, expected at most %d",
            o->parts, PARTS_MOST);
    FAIL_IF((o->parts > 1 || fit->exchange.size > 1) && fit->network->loss.loss == MLP_LOSS_CUSTOM,
            MLP_ERROR_UNSUPPORTED,
            "fit options: parts is %zu on %d ranks, expected 1 and 1 with a custom loss, which sees the "
            "whole batch at once",
            o->parts, fit->exchange.size);
    TRY(stopping_check(o));
    if (o->schedule != NULL) {
        TRY(schedule_accept(o->schedule, &fit->schedule));
        o->schedule = &fit->schedule;
    }
    TRY(accept_regularization(fit));
    if (o->validation != NULL) {
        TRY(batch_check_data("mlp_fit: validation", fit->network, o->validation));
        TRY(batch_check_mass("mlp_fit: validation", fit->network, o->validation));
    }
    return MLP_OK;
}

static mlp_status prepare_noise(struct fit *fit)
{
    if (fit->options.regularization == NULL) {
        return MLP_OK;
    }
    mlp_regularization passes = *fit->options.regularization;
    passes.mixup = 0.0; /* is this loop's */
    TRY(mlp_workspace_set_regularization(fit->workspace, &passes));
    if (fit->options.regularization->mixup > 0.0) {
        TRY(mixup_prepare(&fit->prefetch->batches[0], fit->network));
        TRY(mixup_prepare(&fit->prefetch->batches[1], fit->network));
    }
    return MLP_OK;
}

static void resolve(struct fit *fit, size_t count)
{
    mlp_fit_options *o = &fit->options;
    o->epochs = o->epochs > 0 ? o->epochs : DEFAULT_EPOCHS;
    o->batch = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    o->batch = o->batch < count ? o->batch : count;
    o->parts = o->parts > 0 ? o->parts : 1;
    o->validate_every = o->validate_every > 0 ? o->validate_every : 1;
    o->validate_every = o->validate_every < MAX_EPOCHS ? o->validate_every : MAX_EPOCHS;
    o->monitor_interval = o->monitor_interval < MAX_INTERVAL ? o->monitor_interval : MAX_INTERVAL;
    fit->best_loss = fit->stop_loss = INFINITY;
    fit->progress = (mlp_progress){
        .epochs = o->epochs,
        .steps = (count + o->batch - 1) / o->batch,
        .validation = { .loss = NAN, .accuracy = NAN, .top_k_accuracy = NAN },
    };
    fit->schedule_state = schedule_state_begin(o->schedule, o->epochs, fit->progress.steps);
    fit->start = seconds_now();
}

/* Of each batch, this rank's and then all ranks'. */
static mlp_status make_evaluated(struct fit *fit)
{
    if (fit->exchange.size == 1 || fit->options.validation == NULL) {
        return MLP_OK;
    }
    fit->evaluated = memory_allocate(2 * evaluate_batches(&fit->validation), sizeof *fit->evaluated);
    return fit->evaluated != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status allocate(struct fit *fit, const mlp_data *data)
{
    const mlp_fit_options *o = &fit->options;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.threads = o->threads;
    TRY(mlp_workspace_create(fit->network, parts_room(o->batch, o->parts, &fit->exchange), &options,
                             &fit->workspace));
    TRY(parts_set("mlp_fit", fit->workspace, o->parts, o->batch, &fit->exchange));
    if (fit->workspace->parts != NULL) {
        fit->workspace->parts->visit = fit_see_parts;
        fit->workspace->parts->context = fit;
    }
    const struct prefetch_options prefetch = { .batch = o->batch,
                                               .window = o->shuffle_window,
                                               .seed = o->seed,
                                               .epochs = o->epochs,
                                               .keep_order = o->keep_order != 0,
                                               .network = fit->network,
                                               .threads = fit->workspace->threads };
    TRY(prefetch_make(fit->prefetch, data, &prefetch));
    TRY(prepare_noise(fit));
    TRY(average_begin(&fit->average, o->average, fit->network, o->epochs));
    if (o->validation != NULL) {
        const size_t count = o->validation->count, room = (o->batch - 1) / o->parts + 1; /* on any ranks */
        TRY(batch_make(&fit->validation, o->validation, room < count ? room : count));
        batch_scale_targets(&fit->validation, fit->network);
    }
    const bool keeps_best = o->patience > 0 && o->keep_last == 0 && !stopping_watches_training(o);
    if (keeps_best) {
        fit->best = memory_allocate(fit->network->arena_size, sizeof(float));
    }
    TRY(make_evaluated(fit));
    fit->report = report_create(o->epochs);
    if (fit->report != NULL && o->monitor_interval > 0) {
        fit->report->monitor = monitor_create(fit->network, o->monitor_interval);
    }
    const bool complete = fit->report != NULL && (fit->best != NULL || !keeps_best) &&
                          (fit->report->monitor != NULL || o->monitor_interval == 0);
    return complete ? MLP_OK : MLP_ERROR_MEMORY;
}

mlp_status fit_prepare(struct fit *fit, const mlp_data *data, const mlp_fit_options *given)
{
    TRY(accept_options(fit, given));
    TRY(batch_check_data("mlp_fit", fit->network, data));
    TRY(batch_check_mass("mlp_fit", fit->network, data));
    if (storage_is_sequential(data->storage)) {
        fit->options.keep_order = 1;
    }
    resolve(fit, data->count);
    return allocate(fit, data);
}

void fit_release(struct fit *fit)
{
    checkpoints_close(&fit->checkpoints);
    if (fit->workspace != NULL) {
        schedule_state_end(fit->optimizer);
    }
    if (fit->report != NULL) {
        monitor_end(fit->report->monitor);
    }
    prefetch_free(fit->prefetch); /* its thread looks at the workspace's parts */
    mlp_workspace_destroy(&fit->workspace);
    batch_free(&fit->validation);
    average_free(&fit->average);
    memory_free(fit->best);
    memory_free(fit->evaluated);
    mlp_report_destroy(&fit->report);
}
