/* The training loop: epochs of shuffled batches, validation, early stopping, history. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "model/pass.h"
#include "model/regularize.h"
#include "session/evaluate.h"
#include "session/fit.h"
#include "session/mixup.h"
#include "strategy/schedule.h"

enum { DEFAULT_EPOCHS = 10, DEFAULT_BATCH = 64, MAX_EPOCHS = 1000000 };

/* Files hold it, and it may double. */
#define MAX_INTERVAL ((size_t)1 << 40)

double seconds_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static mlp_status accept_regularization(struct fit *fit)
{
    const mlp_regularization *o = &fit->regularization;
    if (fit->options.regularization == NULL) {
        return MLP_OK;
    }
    TRY(regularization_accept(fit->options.regularization, &fit->regularization));
    fit->options.regularization = o;
    if (o->mixup > 0.0 && fit->network->loss.loss == MLP_LOSS_CUSTOM) {
        return fail(MLP_ERROR_ARGUMENT, "regularization: mixup is %g, expected 0 with a custom loss",
                    o->mixup);
    }
    return MLP_OK;
}

static mlp_status accept_options(struct fit *fit, const mlp_fit_options *given)
{
    mlp_fit_options *o = &fit->options;
    TRY(ACCEPT_OPTIONS(mlp_fit_options, MLP_FIT_OPTIONS_INIT, given, o));
    if (o->epochs > MAX_EPOCHS) {
        return fail(MLP_ERROR_RANGE, "fit options: epochs is %zu, expected at most %d", o->epochs,
                    MAX_EPOCHS);
    }
    if (o->patience > 0 && o->validation == NULL) {
        return fail(MLP_ERROR_ARGUMENT,
                    "fit options: patience is %zu, but there is no validation set to watch", o->patience);
    }
    if (!(o->minimum_improvement >= 0.0) || !isfinite(o->minimum_improvement)) {
        return fail(MLP_ERROR_RANGE,
                    "fit options: minimum_improvement is %g, expected a finite number of at least 0",
                    o->minimum_improvement);
    }
    if (o->schedule != NULL) {
        TRY(schedule_accept(o->schedule, &fit->schedule));
        o->schedule = &fit->schedule;
    }
    TRY(accept_regularization(fit));
    if (o->validation != NULL) {
        TRY(batch_check_data("mlp_fit, validation", fit->network, o->validation));
        TRY(batch_check_mass("mlp_fit, validation", fit->network, o->validation));
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
        TRY(mixup_prepare(&fit->prefetch.batches[0], fit->network));
        TRY(mixup_prepare(&fit->prefetch.batches[1], fit->network));
    }
    return MLP_OK;
}

/* Everything a fit allocates, before its first step. */
static mlp_status prepare(struct fit *fit, const mlp_data *data)
{
    const mlp_fit_options *o = &fit->options;
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    options.threads = o->threads;
    TRY(mlp_workspace_create(fit->network, o->batch, &options, &fit->workspace));
    const struct prefetch_options prefetch = { .batch = o->batch,
                                               .window = o->shuffle_window,
                                               .seed = o->seed,
                                               .epochs = o->epochs,
                                               .keep_order = o->keep_order != 0,
                                               .threads = fit->workspace->threads };
    TRY(prefetch_make(&fit->prefetch, data, &prefetch));
    TRY(prepare_noise(fit));
    TRY(average_begin(&fit->average, o->average, fit->network, o->epochs));
    if (o->validation != NULL) {
        const size_t count = o->validation->count;
        TRY(batch_make(&fit->validation, o->validation, o->batch < count ? o->batch : count));
    }
    if (o->patience > 0 && o->keep_last == 0) {
        fit->best = memory_allocate(fit->network->arena_size, sizeof(float));
    }
    fit->report = report_create(o->epochs);
    if (fit->report != NULL && o->monitor_interval > 0) {
        fit->report->monitor = monitor_create(fit->network, o->monitor_interval);
    }
    const bool complete = fit->report != NULL &&
                          (fit->best != NULL || o->patience == 0 || o->keep_last != 0) &&
                          (fit->report->monitor != NULL || o->monitor_interval == 0);
    return complete ? MLP_OK : MLP_ERROR_MEMORY;
}

/* Runs however mlp_fit() is left, also by an exception that a callback throws: the prefetching thread must
 * not outlive it, nor the checkpoint folder's lock. */
static void release(struct fit *fit)
{
    checkpoints_close(&fit->checkpoints);
    if (fit->workspace != NULL) {
        schedule_state_end(fit->optimizer);
    }
    if (fit->report != NULL) {
        monitor_end(fit->report->monitor);
    }
    mlp_workspace_destroy(&fit->workspace);
    prefetch_free(&fit->prefetch);
    batch_free(&fit->validation);
    average_free(&fit->average);
    memory_free(fit->best);
    mlp_report_destroy(&fit->report);
}

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
    tally_batch(&fit->tally, fit->network, fit->workspace, fit->batch, 1, NULL);
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

/* A batch without mass has nothing to learn from: its step is left out, its samples are counted. */
static mlp_status skip_step(struct fit *fit, mlp_step_report *step)
{
    *step = (mlp_step_report){ .skipped = 1,
                               .clip = { .norm = NAN, .scale = 1.0 },
                               .update_clip = { .scale = 1.0 } };
    return pass_evaluate(fit->network, fit->workspace, fit->batch->x, &fit->batch->targets, fit->batch->count,
                         true);
}

/* One step, with the monitor's eyes on it when it is due. */
static mlp_status run_step(struct fit *fit, mlp_step_report *step)
{
    mlp_progress *progress = &fit->progress;
    struct monitor *monitor = fit->report->monitor;
    const mlp_regularization *noise = fit->options.regularization;
    const size_t number = fit->epoch * progress->steps + progress->step;
    const bool watched = monitor != NULL && monitor_begin(monitor, fit->network);
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
    if (watched && step->skipped == 0) {
        progress->monitor =
            monitor_record(monitor, fit->network, fit->workspace, progress->epoch, step, &progress->warning);
    }
    return MLP_OK;
}

/* The steps of the open epoch that are left. */
static mlp_status run_steps(struct fit *fit)
{
    const size_t count = fit->prefetch.data->count, size = fit->options.batch;
    if (fit->open.steps == 0) {
        fit->tally = (struct tally){ 0 };
        fit->open_start = seconds_now();
    }
    fit->progress.epoch = fit->epoch + 1;
    fit->progress.step = fit->open.steps;
    for (size_t done = fit->open.steps * size; done < count && !fit->report->stopped; done += size) {
        mlp_step_report step;
        TRY(prefetch_take(&fit->prefetch, fit->epoch, done, &fit->batch));
        TRY(run_step(fit, &step));
        add_step(fit, &step);
        average_step(&fit->average, fit->network, fit->workspace->threads);
        fit->progress.step = fit->open.steps;
        fit->progress.samples += fit->batch->count;
        fit->progress.last = step;
        measure_window(fit);
        fit->report->stopped = report_progress(fit);
        if (fit->options.window > 0 && fit->open.steps % fit->options.window == 0 &&
            fit->open.steps < fit->progress.steps) { /* the epoch's end ends a window by itself */
            fit->window.open = fit->open;
            fit->window.tally = fit->tally;
        }
        TRY(checkpoints_step(fit));
    }
    return MLP_OK;
}

static bool out_of_patience(const struct fit *fit)
{
    return fit->options.patience > 0 && fit->since_best >= fit->options.patience;
}

/* Keeps the parameters of the best epoch. */
static mlp_status keep_best(struct fit *fit, double loss)
{
    const double least = isfinite(fit->best_loss) ? fit->options.minimum_improvement : 0.0;
    const bool better = isfinite(loss) && loss < fit->best_loss - least;
    if (!better) {
        fit->since_best++;
        return MLP_OK;
    }
    fit->best_loss = loss;
    fit->since_best = 0;
    fit->report->best = fit->epoch;
    if (fit->best != NULL) {
        memcpy(fit->best, fit->network->parameters, fit->network->arena_size * sizeof(float));
    }
    return checkpoints_best(fit);
}

static const mlp_metrics not_measured = { .loss = NAN, .accuracy = NAN, .top_k_accuracy = NAN };

/* The figures of the epoch, of the parameters that the network holds now. */
static mlp_status measure_epoch(struct fit *fit, mlp_epoch *figures)
{
    mlp_metrics validation = not_measured;
    mlp_status status = MLP_OK;
    if (fit->options.validation != NULL) {
        status = evaluate_data(fit->network, fit->workspace, &fit->validation,
                               evaluate_top_k(fit->options.top_k), &validation, NULL);
    }
    *figures = epoch_figures(fit, &validation);
    if (status == MLP_OK && fit->options.validation != NULL) {
        return keep_best(fit, validation.loss);
    }
    fit->report->best = fit->options.validation == NULL ? fit->epoch : fit->report->best;
    return status;
}

/* All steps are done. */
static mlp_status close_epoch(struct fit *fit, const mlp_epoch *figures)
{
    mlp_progress *progress = &fit->progress;
    schedule_state_end_epoch(&fit->schedule_state,
                             fit->options.validation != NULL ? figures->validation.loss : figures->loss);
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
    return MLP_OK;
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
    return status == MLP_OK ? close_epoch(fit, figures) : status;
}

/* The progress callback hears of a last checkpoint that could not be written. */
static mlp_status write_last_checkpoint(struct fit *fit)
{
    TRY(checkpoints_end(fit));
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

/* Data in a file cannot be read: that is between two steps, or before a validation, and what was learnt is
 * kept. (Not where the epoch's parameters are in an SWA's mean already, which would take them again.) */
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
    const mlp_status status =
        write_last_checkpoint(fit); /* before what follows, which is no place to go on from */
    const bool have_best = fit->best != NULL && isfinite(fit->best_loss);
    if (have_best && report->best + 1 < report->epochs) {
        memcpy(fit->network->parameters, fit->best, fit->network->arena_size * sizeof(float));
        fit->network->moderate = false;
        report->restored = true;
    } else if (average_is_there(&fit->average)) {
        average_swap(&fit->average, fit->network);
    }
    return status;
}

static void resolve(struct fit *fit, size_t count)
{
    mlp_fit_options *o = &fit->options;
    o->epochs = o->epochs > 0 ? o->epochs : DEFAULT_EPOCHS;
    o->batch = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    o->batch = o->batch < count ? o->batch : count;
    o->monitor_interval = o->monitor_interval < MAX_INTERVAL ? o->monitor_interval : MAX_INTERVAL;
    fit->best_loss = INFINITY;
    fit->progress = (mlp_progress){
        .epochs = o->epochs,
        .steps = (count + o->batch - 1) / o->batch,
        .validation = { .loss = NAN, .accuracy = NAN, .top_k_accuracy = NAN },
    };
    fit->schedule_state = schedule_state_begin(o->schedule, o->epochs, fit->progress.steps);
    fit->start = seconds_now();
}

mlp_status mlp_fit(mlp_network *network, mlp_optimizer *optimizer, const mlp_data *data,
                   const mlp_fit_options *options, mlp_report **report)
{
    struct fit fit __attribute__((cleanup(release))) = { .network = network, .optimizer = optimizer };
    if (report != NULL) {
        *report = NULL;
    }
    REQUIRE_ARGUMENT(network);
    REQUIRE_ARGUMENT(optimizer);
    REQUIRE_ARGUMENT(data);
    TRY(optimizer_check(optimizer, network));
    TRY(accept_options(&fit, options));
    TRY(batch_check_data("mlp_fit", network, data));
    TRY(batch_check_mass("mlp_fit", network, data));
    resolve(&fit, data->count);
    mlp_status status = prepare(&fit, data);
    status = status == MLP_OK ? checkpoints_begin(&fit) : status;
    if (status != MLP_OK) {
        return status;
    }
    status = run(&fit);
    if (report != NULL) {
        monitor_end(fit.report->monitor);
        *report = fit.report;
        fit.report = NULL;
    }
    return status;
}
