/* The checkpoints of a fit. */
#include "session/checkpoint.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/names.h"
#include "base/options.h"
#include "base/status.h"
#include "session/checkpoint_file.h"

#define DEFAULT_SECONDS 60.0
enum { DEFAULT_KEEP = 3 };

static const struct name failure_names[] = {
    [MLP_CHECKPOINT_CONTINUE] = { "continue", "warn, and go on" },
    [MLP_CHECKPOINT_STOP] = { "stop", "end the fit with the error" },
};

static const struct name_table failures = NAME_ROWS("checkpoint failure", failure_names);

NAME_FUNCTIONS(mlp_checkpoint_failure, mlp_checkpoint_failure, &failures);

/* ---- begin --------------------------------------------------------------------------------------------- */

static mlp_status resolve(const mlp_checkpoint_options *given, mlp_checkpoint_options *o)
{
    TRY(ACCEPT_OPTIONS(mlp_checkpoint_options, MLP_CHECKPOINT_OPTIONS_INIT, given, o));
    if (o->folder == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "checkpoint options: folder is NULL");
    }
    if (!(o->seconds >= 0.0) || !isfinite(o->seconds)) {
        return fail(MLP_ERROR_RANGE,
                    "checkpoint options: seconds is %g, expected a finite number of at least 0", o->seconds);
    }
    TRY(name_check(&failures, (int)o->failure));
    o->seconds = o->seconds > 0.0 ? o->seconds : o->steps > 0 ? INFINITY : DEFAULT_SECONDS;
    o->keep = o->keep > 0 ? o->keep : DEFAULT_KEEP;
    return MLP_OK;
}

/* Something that the progress is to tell. */
static void tell(struct checkpoints *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct checkpoints *c, const char *format, ...)
{
    va_list arguments;
    const size_t used = c->failed ? strlen(c->text) : 0;
    if (used + 2 < sizeof c->text) {
        va_start(arguments, format);
        c->text[used] = '\n';
        vsnprintf(c->text + used + (used > 0), sizeof c->text - used - 1, format, arguments);
        va_end(arguments);
    }
    c->failed = true;
}

/* Reads the newest checkpoint that is not damaged: the ones before it lead to the same bits. A damaged one
 * stays where it is and counts no more. */
static mlp_status read_newest(struct fit *fit, char **path)
{
    struct checkpoints *c = &fit->checkpoints;
    char first[CHECKPOINT_TEXT] = "", other_machine[CHECKPOINT_TEXT];
    mlp_status status = MLP_ERROR_FORMAT;
    while (status == MLP_ERROR_FORMAT && c->folder.count > 0) {
        memory_free(*path);
        *path = checkpoint_path(&c->folder, c->folder.steps[c->folder.count - 1]);
        status = *path != NULL ? checkpoint_read(fit, *path, other_machine, sizeof other_machine)
                               : MLP_ERROR_MEMORY;
        if (status == MLP_ERROR_FORMAT && first[0] == '\0') {
            snprintf(first, sizeof first, "%s", mlp_last_error());
        }
        c->folder.count -= status == MLP_ERROR_FORMAT;
    }
    if (status == MLP_OK && first[0] != '\0') {
        tell(c, "%s; goes on from the checkpoint before it", first);
    }
    if (status == MLP_OK && other_machine[0] != '\0') {
        tell(c, "%s: the last bits may not be those of a training in one go", other_machine);
    }
    return status == MLP_ERROR_FORMAT ? fail(status, "%s", first) : status;
}

static mlp_status resume(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    char *path = NULL;
    if (c->options.resume == 0) {
        return fail(MLP_ERROR_ARGUMENT,
                    "%s: holds checkpoints already, the newest of step %zu: resume, or give another folder",
                    c->options.folder, c->folder.steps[c->folder.count - 1]);
    }
    const mlp_status status = read_newest(fit, &path);
    if (status != MLP_OK) {
        memory_free(path);
        return status;
    }
    fit->report->checkpoint = path;
    c->epoch = fit->epoch;
    c->step = fit->open.steps;
    c->best_due = checkpoint_best(fit) != NULL && !checkpoint_folder_has_best(&c->folder);
    return MLP_OK;
}

static mlp_status prepare(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    const bool keeps_best = fit->options.validation != NULL && fit->best == NULL;
    TRY(checkpoint_settings(fit, &c->settings));
    c->machine = checkpoint_machine();
    c->best = keeps_best ? memory_allocate(fit->network->arena_size, sizeof *c->best) : NULL;
    return c->machine != NULL && (c->best != NULL || !keeps_best)
               ? MLP_OK
               : fail(MLP_ERROR_MEMORY, "out of memory for checkpoints");
}

mlp_status checkpoints_begin(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    if (fit->options.checkpoint == NULL) {
        return MLP_OK;
    }
    TRY(resolve(fit->options.checkpoint, &c->options));
    c->wanted = true;
    c->epoch = SIZE_MAX;
    c->last = seconds_now();
    TRY(checkpoint_folder_open(c->options.folder, &c->folder));
    TRY(prepare(fit));
    return c->folder.count > 0 ? resume(fit) : MLP_OK;
}

void checkpoints_close(struct checkpoints *checkpoints)
{
    if (checkpoints->wanted) {
        checkpoint_folder_close(&checkpoints->folder);
        json_decref(checkpoints->settings);
        json_decref(checkpoints->machine);
        memory_free(checkpoints->best);
        checkpoints->wanted = false;
    }
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* A failure by the policy: told, where the time before was none, or passed on. */
static mlp_status judge(struct checkpoints *c, mlp_status status, bool *lost)
{
    const bool is_news = !*lost;
    *lost = status != MLP_OK;
    if (status == MLP_OK || c->options.failure == MLP_CHECKPOINT_STOP) {
        return status;
    }
    if (is_news) {
        tell(c, "checkpoint not written: %s", mlp_last_error());
    }
    return MLP_OK;
}

/* What could not be written is tried again with the next checkpoint. */
static mlp_status write_best(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    char *path = checkpoint_best_path(&c->folder);
    const mlp_status status = path != NULL ? checkpoint_write_best(fit, path) : MLP_ERROR_MEMORY;
    memory_free(path);
    c->best_due = status != MLP_OK;
    return judge(c, status, &c->best_lost);
}

static mlp_status write(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    const size_t step = fit->epoch * fit->progress.steps + fit->open.steps;
    char *path = checkpoint_path(&c->folder, step);
    mlp_status status = path != NULL ? checkpoint_write(fit, path) : MLP_ERROR_MEMORY;
    c->last = seconds_now();
    if (status != MLP_OK) {
        memory_free(path);
        return judge(c, status, &c->lost);
    }
    memory_free(fit->report->checkpoint);
    fit->report->checkpoint = path;
    c->epoch = fit->epoch;
    c->step = fit->open.steps;
    TRY(judge(c, checkpoint_folder_add(&c->folder, step, c->options.keep), &c->lost));
    return c->best_due ? write_best(fit) : MLP_OK;
}

mlp_status checkpoints_step(struct fit *fit)
{
    const struct checkpoints *c = &fit->checkpoints;
    const size_t step = fit->epoch * fit->progress.steps + fit->open.steps;
    const bool due = c->wanted && ((c->options.steps > 0 && step % c->options.steps == 0) ||
                                   seconds_now() - c->last >= c->options.seconds);
    return due ? write(fit) : MLP_OK;
}

mlp_status checkpoints_best(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    if (c->best != NULL) {
        memcpy(c->best, fit->network->parameters, fit->network->arena_size * sizeof *c->best);
    }
    return c->wanted ? write_best(fit) : MLP_OK;
}

mlp_status checkpoints_end(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    const bool stands_here = c->epoch == fit->epoch && c->step == fit->open.steps;
    c->lost = false; /* the last one's failure is news in any case */
    return c->wanted && !stands_here ? write(fit) : MLP_OK;
}
