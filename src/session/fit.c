/* The training loop: epochs of shuffled batches, validation, early stopping, history.
 *
 *     mlp_fit: fit_prepare, checkpoints_begin, run
 *       run_epochs: until the last epoch, the callback's stop or the end of the patience
 *         run_steps: take a batch, run_step (rate, mixup, training step, monitor), average, callback,
 *                    checkpoint
 *         measure_epoch: validation with the averaged parameters, the best ones kept
 *         close_epoch: schedule, callback
 *       the last checkpoint; the best or the averaged parameters become the network's */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "session/fit.h"
#include "session/mixup.h"
#include "session/ranks.h"
#include "session/stopping.h"

/* That of the last step. */
static double learning_rate(const struct fit *fit)
{
    return fit->optimizer->options.learning_rate * fit->optimizer->rate_scale;
}

/* What has come since the last window's end, as means. */
static void measure_window(struct fit *fit)
{
    const mlp_epoch *from = &fit->window.open, *to = &fit->open;
    const struct tally *before = &fit->window.tally;
    struct tally tally = fit->tally;
    mlp_progress *progress = &fit->progress;
    tally.loss -= before->loss;
    tally.loss_weight -= before->loss_weight;
    tally.samples -= before->samples;
    tally.right -= before->right;
    tally.classed -= before->classed;
    const double steps = (double)(to->steps - from->steps), skipped = to->skipped - from->skipped;
    progress->window_loss = tally_mean_loss(&tally, fit->network);
    progress->window_accuracy = tally_share(&tally, tally.right);
    progress->window_gradient_norm = (to->gradient_norm - from->gradient_norm) / (steps - skipped);
    progress->window_clip_scale = (to->clip_scale - from->clip_scale) / (steps - skipped);
    progress->window_clipped = (to->clipped - from->clipped) / steps;
    progress->window_skipped = skipped / steps;
}

static bool report_progress(struct fit *fit)
{
    mlp_progress *progress = &fit->progress;
    if (fit->options.progress == NULL) {
        return false;
    }
    if (progress->warning == NULL && fit->checkpoints.has_warning) {
        progress->warning = fit->checkpoints.text;
        fit->checkpoints.has_warning = false;
    }
    progress->learning_rate = learning_rate(fit);
    progress->loss = tally_mean_loss(&fit->tally, fit->network);
    progress->accuracy = tally_share(&fit->tally, fit->tally.right);
    progress->seconds = seconds_now() - fit->start;
    return fit->options.progress(progress, fit->options.progress_context) != 0;
}

static void add_step(struct fit *fit, const mlp_step_report *step)
{
    mlp_epoch *open = &fit->open;
    if (isfinite(step->loss)) {
        tally_loss(&fit->tally, &fit->workspace->loss);
    }
    if (fit->workspace->parts != NULL) {
        const uint64_t *counts = fit->workspace->parts->counts;
        tally_add(&fit->tally, &(struct tally){ .samples = (size_t)counts[0],
                                                .right = (size_t)counts[1],
                                                .right_top_k = (size_t)counts[2],
                                                .classed = (size_t)counts[3] });
    } else {
        tally_batch(&fit->tally, fit->network, fit->workspace, fit->batch, 1, NULL, fit->workspace->threads);
    }
    if (step->skipped != 0) {
        open->skipped += 1.0;
    } else {
        open->gradient_norm += step->clip.norm;
        open->clip_scale += step->clip.scale;
        open->clipped += step->clip.acted;
    }
    open->steps++;
}

/* The open epoch's sums as means. */
static mlp_epoch epoch_figures(const struct fit *fit, const mlp_metrics *validation)
{
    const mlp_epoch *open = &fit->open;
    const double steps = (double)open->steps;
    return (mlp_epoch){
        .loss = tally_mean_loss(&fit->tally, fit->network),
        .accuracy = tally_share(&fit->tally, fit->tally.right),
        .validation = *validation,
        .gradient_norm = open->gradient_norm / (steps - open->skipped),
        .clip_scale = open->clip_scale / (steps - open->skipped),
        .clipped = open->steps > 0 ? open->clipped / steps : 0.0,
        .skipped = open->steps > 0 ? open->skipped / steps : 0.0,
        .learning_rate = learning_rate(fit),
        .seconds = seconds_now() - fit->open_start,
        .steps = open->steps,
    };
}

void fit_see_parts(void *context, const struct pass *pass, uint64_t counts[PART_COUNTS])
{
    struct fit *fit = context;
    mlp_workspace *const workspace = fit->workspace;
    const size_t first = pass->first, count = workspace->count;
    struct range part;
    struct tally tally = { 0 };
    struct batch batch = *fit->batch;
    batch.classes = batch.classes != NULL ? batch.classes + first : NULL;
    batch.count = count;
    tally_batch(&tally, fit->network, workspace, &batch, 1, NULL, 1);
    counts[0] += tally.samples;
    counts[1] += tally.right;
    counts[2] += tally.right_top_k;
    counts[3] += tally.classed;
    if (first == 0 && fit->watched && pass->want_gradient && pass_part(pass, 0, &part)) {
        workspace->count = part.end; /* the first part alone, however many there are */
        monitor_look(fit->report->monitor, fit->network, workspace);
        workspace->count = count;
    }
}

/* A batch without mass has nothing to learn from: its step is left out, its samples are counted. */
static mlp_status skip_step(struct fit *fit, mlp_step_report *step)
{
    *step = (mlp_step_report){ .skipped = 1,
                               .clip = { .norm = NAN, .scale = 1.0 },
                               .update_clip = { .scale = 1.0 } };
    return pass_evaluate_batch(fit->network, fit->workspace, fit->batch->x, &fit->batch->targets,
                               fit->batch->count);
}

/* One step at the schedule's rate, on the batch as mixup makes it; recorded when the monitor is due. */
static mlp_status run_step(struct fit *fit, mlp_step_report *step)
{
    mlp_progress *progress = &fit->progress;
    struct monitor *monitor = fit->report->monitor;
    const mlp_regularization *noise = fit->options.regularization;
    const size_t number = fit->epoch * progress->steps + progress->step;
    fit->watched = monitor != NULL && monitor_begin(monitor, fit->network);
    progress->monitor = NULL;
    progress->warning = NULL;
    TRY(schedule_state_apply(&fit->schedule_state, fit->optimizer, number, fit->epoch));
    mlp_workspace_set_regularization_step(fit->workspace, number);
    if (noise != NULL && noise->mixup > 0.0) {
        mixup_apply(fit->batch, fit->network, noise->mixup, noise->seed, number, fit->workspace->threads);
    }
    if (!batch_has_mass(fit->batch, fit->network)) {
        return skip_step(fit, step);
    }
    TRY(mlp_train_step(fit->network, fit->optimizer, fit->workspace, fit->batch->x, &fit->batch->targets,
                       fit->batch->count, step));
    if (fit->watched && step->skipped == 0) {
        if (fit->workspace->parts == NULL) {
            monitor_look(monitor, fit->network, fit->workspace);
        }
        progress->monitor =
            monitor_record(monitor, fit->network, fit->workspace, progress->epoch, step, &progress->warning);
    }
    return MLP_OK;
}

/* The progress callback after a step; a window that the step completes is closed. */
static void report_step(struct fit *fit, const mlp_step_report *step)
{
    mlp_progress *progress = &fit->progress;
    progress->step = fit->open.steps;
    progress->samples += fit->batch->count;
    progress->last = *step;
    measure_window(fit);
    fit->report->stopped = report_progress(fit);
    if (fit->options.window > 0 && fit->open.steps % fit->options.window == 0 &&
        fit->open.steps < progress->steps) { /* the epoch's end ends a window by itself */
        fit->window.open = fit->open;
        fit->window.tally = fit->tally;
    }
}

static mlp_status take_batch(struct fit *fit, size_t done)
{
    const mlp_status status = prefetch_take(fit->prefetch, fit->epoch, done, &fit->batch);
    return fit->reads_files ? ranks_agree(fit, status) : status;
}

/* The steps that the open epoch still has to do. */
static mlp_status run_steps(struct fit *fit)
{
    const size_t count = fit->prefetch->data->count, size = fit->options.batch;
    if (fit->open.steps == 0) {
        fit->tally = (struct tally){ 0 };
        fit->open_start = seconds_now();
    }
    fit->progress.epoch = fit->epoch + 1;
    fit->progress.step = fit->open.steps;
    for (size_t done = fit->open.steps * size; done < count && !fit->report->stopped; done += size) {
        mlp_step_report step;
        TRY(take_batch(fit, done));
        TRY(run_step(fit, &step));
        add_step(fit, &step);
        average_step(&fit->average, fit->network, fit->workspace->threads);
        report_step(fit, &step);
        TRY(ranks_checkpoint(fit, checkpoints_due(fit)));
    }
    return MLP_OK;
}

static bool out_of_patience(const struct fit *fit)
{
    return fit->options.patience > 0 && fit->since_best >= fit->options.patience;
}

/* Keeps the parameters of the best epoch. */
static mlp_status keep_best(struct fit *fit)
{
    fit->report->best = fit->epoch;
    if (fit->best != NULL) {
        memcpy(fit->best, fit->network->parameters, fit->network->arena_size * sizeof(float));
    }
    return checkpoints_best(fit);
}

static bool is_validated(const struct fit *fit)
{
    const size_t done = fit->epoch + 1;
    return fit->options.validation != NULL &&
           (done % fit->options.validate_every == 0 || done == fit->options.epochs);
}

static void count_patience(struct fit *fit, bool improves)
{
    fit->since_best = improves ? 0 : fit->since_best + 1;
}

static const mlp_metrics not_measured = { .loss = NAN, .accuracy = NAN, .top_k_accuracy = NAN };

/* The figures of the epoch, of the parameters that the network holds now. */
static mlp_status measure_epoch(struct fit *fit, mlp_epoch *figures)
{
    const bool watches_training = stopping_watches_training(&fit->options);
    mlp_metrics validation = not_measured;
    mlp_status status = MLP_OK;
    bool is_least = false;
    if (is_validated(fit)) {
        status = ranks_validate(fit, &validation);
    }
    *figures = epoch_figures(fit, &validation);
    if (status != MLP_OK) {
        return status;
    }
    if (is_validated(fit)) {
        const double figure = stopping_validation_figure(&fit->options, &validation);
        const bool improves = stopping_improves(&fit->options, figure, &fit->best_loss, &is_least);
        if (!watches_training) {
            count_patience(fit, improves);
        }
    }
    if (fit->options.validation == NULL) {
        fit->report->best = fit->epoch;
    }
    if (watches_training) {
        bool unused;
        count_patience(fit, stopping_improves(&fit->options, figures->loss, &fit->stop_loss, &unused));
    }
    return is_least ? keep_best(fit) : MLP_OK;
}

/* After its last step and its validation. */
static void close_epoch(struct fit *fit, const mlp_epoch *figures)
{
    mlp_progress *progress = &fit->progress;
    if (fit->options.validation == NULL || is_validated(fit)) {
        schedule_state_end_epoch(&fit->schedule_state,
                                 fit->options.validation != NULL ? figures->validation.loss : figures->loss);
    }
    measure_window(fit);
    fit->epoch++;
    fit->open = fit->window.open = (mlp_epoch){ 0 };
    fit->window.tally = (struct tally){ 0 };
    progress->validation = figures->validation;
    progress->epoch_ended = 1;
    progress->monitor = NULL;
    progress->warning = NULL;
    fit->report->stopped = report_progress(fit);
    progress->epoch_ended = 0;
    progress->validation = not_measured;
}

static mlp_status run_epoch(struct fit *fit)
{
    mlp_epoch *figures = &fit->report->history[fit->epoch];
    fit->report->epochs = fit->epoch + 1;
    mlp_status status = run_steps(fit);
    if (status != MLP_OK || fit->report->stopped) {
        *figures = epoch_figures(fit, &not_measured);
        return status;
    }
    average_epoch(&fit->average, fit->network, fit->epoch, fit->workspace->threads);
    const bool averaged = average_is_there(&fit->average);
    if (averaged) {
        average_swap(&fit->average, fit->network);
    }
    status = measure_epoch(fit, figures);
    if (averaged) {
        average_swap(&fit->average, fit->network);
    }
    if (status == MLP_OK) {
        close_epoch(fit, figures);
    }
    return ranks_agree(fit, status);
}

/* The progress callback hears of a last checkpoint that could not be written. */
static mlp_status write_last_checkpoint(struct fit *fit)
{
    TRY(ranks_checkpoint(fit, checkpoints_due_at_end(fit)));
    fit->progress.warning = NULL;
    if (fit->checkpoints.has_warning) {
        report_progress(fit);
    }
    return MLP_OK;
}

static mlp_status run_epochs(struct fit *fit)
{
    while (fit->epoch < fit->options.epochs && !fit->report->stopped && !out_of_patience(fit)) {
        TRY(run_epoch(fit));
    }
    return MLP_OK;
}

/* Where data in a file cannot be read, between two steps or before a validation, a last checkpoint keeps what
 * was learnt. (Not where the epoch's parameters are in an SWA's mean already: resumed, the fit would add them
 * again.) */
static mlp_status end_unread(struct fit *fit, mlp_status status)
{
    char text[CHECKPOINT_TEXT];
    const bool is_read_failure = status == MLP_ERROR_IO || status == MLP_ERROR_FORMAT;
    const bool is_in_mean =
        fit->average.options.rule == MLP_AVERAGE_SWA && fit->open.steps == fit->progress.steps;
    if (is_read_failure && !is_in_mean) {
        snprintf(text, sizeof text, "%s", mlp_last_error());
        write_last_checkpoint(fit); /* a failure of which is in the report */
        fail(status, "%s", text);
    }
    return status;
}

static mlp_status run(struct fit *fit)
{
    mlp_report *report = fit->report;
    const mlp_status trained = run_epochs(fit);
    if (trained != MLP_OK) {
        return end_unread(fit, trained);
    }
    report->stopped_early = !report->stopped && out_of_patience(fit);
    /* Before the parameters are exchanged: a training does not resume from what follows. */
    const mlp_status status = write_last_checkpoint(fit);
    const bool have_best = fit->best != NULL && isfinite(fit->best_loss);
    if (have_best && report->best + 1 < report->epochs) {
        memcpy(network_write(fit->network), fit->best, fit->network->arena_size * sizeof(float));
        report->restored = true;
    } else if (average_is_there(&fit->average)) {
        average_swap(&fit->average, fit->network);
    }
    return status;
}

mlp_status mlp_fit(mlp_network *network, mlp_optimizer *optimizer, const mlp_data *data,
                   const mlp_fit_options *options, mlp_report **report)
{
    struct prefetch prefetch = { .data = NULL };
    struct fit fit __attribute__((
        cleanup(fit_release))) = { .network = network, .optimizer = optimizer, .prefetch = &prefetch };
    if (report != NULL) {
        *report = NULL;
    }
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(data);
    TRY(optimizer_check(optimizer, network));
    TRY(ranks_agree(&fit, fit_prepare(&fit, data, options)));
    TRY(ranks_begin(&fit));
    const mlp_status status = run(&fit);
    if (report != NULL) {
        monitor_end(fit.report->monitor);
        *report = fit.report;
        fit.report = NULL;
    }
    return status;
}
