/* The checkpoints of a fit. */
#include "session/checkpoint/checkpoint.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/options.h"
#include "base/status.h"
#include "session/checkpoint/content.h"

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
    FAIL_IF(o->folder == NULL, MLP_ERROR_ARGUMENT, "checkpoint options: folder is NULL");
    FAIL_IF(!(o->seconds >= 0.0) || !isfinite(o->seconds), MLP_ERROR_RANGE,
            "checkpoint options: seconds is %g, expected a finite number of at least 0", o->seconds);
    TRY(name_check(&failures, (int)o->failure));
    if (o->seconds == 0.0) {
        o->seconds = o->steps > 0 ? INFINITY : DEFAULT_SECONDS;
    }
    o->keep = o->keep > 0 ? o->keep : DEFAULT_KEEP;
    return MLP_OK;
}

/* Appends a line to a text of `size` bytes, where there is room for some of it. */
static void add_line(char *text, size_t size, const char *line)
{
    const size_t used = strlen(text);
    if (used + 2 < size) {
        const size_t length = strnlen(line, size - used - 2);
        char *end = text + used;
        *end = '\n';
        end += used > 0;
        memcpy(end, line, length);
        end[length] = '\0';
    }
}

/* For the progress, which takes it once, and for the report, which keeps it. */
static void warn(struct fit *fit, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct fit *fit, const char *format, ...)
{
    struct checkpoints *c = &fit->checkpoints;
    char line[CHECKPOINT_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (!c->has_warning) {
        c->text[0] = '\0';
    }
    c->has_warning = true;
    add_line(c->text, sizeof c->text, line);
    add_line(fit->report->warnings, sizeof fit->report->warnings, line);
}

/* Reads the newest checkpoint that is neither damaged nor unreadable: the ones before it lead to the same
 * bits. One that is stays where it is and counts no more. */
static mlp_status read_newest(struct fit *fit, char **path)
{
    struct checkpoints *c = &fit->checkpoints;
    char first[CHECKPOINT_TEXT] = "", other_machine[CHECKPOINT_TEXT];
    mlp_status status = MLP_ERROR_FORMAT, first_status = MLP_OK;
    bool unreadable = true;
    while (unreadable && c->folder.count > 0) {
        memory_free(*path);
        *path = checkpoint_path(&c->folder, c->folder.steps[c->folder.count - 1]);
        status = *path != NULL ? checkpoint_read(fit, *path, other_machine, sizeof other_machine)
                               : MLP_ERROR_MEMORY;
        unreadable = status == MLP_ERROR_FORMAT || status == MLP_ERROR_IO;
        if (unreadable && first_status == MLP_OK) {
            snprintf(first, sizeof first, "%s", mlp_last_error());
            first_status = status;
        }
        c->folder.count -= unreadable;
    }
    if (status == MLP_OK && first_status != MLP_OK) {
        warn(fit, "%s; goes on from the checkpoint before it", first);
    }
    if (status == MLP_OK && other_machine[0] != '\0') {
        warn(fit, "%s: the last bits may not be those of a training in one go", other_machine);
    }
    return unreadable ? fail(first_status, "%s", first) : status;
}

/* best.safetensors may be of a later epoch than the checkpoint that is gone on from: it is written anew. */
static mlp_status resume(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    char *path = NULL;
    FAIL_IF(c->options.resume == 0, MLP_ERROR_ARGUMENT,
            "%s: holds checkpoints already, the newest of step %zu: resume, or give another folder",
            c->options.folder, c->folder.steps[c->folder.count - 1]);
    const mlp_status status = read_newest(fit, &path);
    if (status != MLP_OK) {
        memory_free(path);
        return status;
    }
    fit->report->checkpoint = path;
    c->epoch = fit->epoch;
    c->step = fit->open.steps;
    c->best_due = checkpoint_best(fit) != NULL;
    return MLP_OK;
}

static mlp_status prepare(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    const bool keeps_best = fit->options.validation != NULL && fit->best == NULL;
    if (c->settings == NULL) { /* several ranks have them already */
        TRY(checkpoint_settings(fit, &c->settings));
        c->machine = checkpoint_machine();
    }
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
    }
    json_decref(checkpoints->settings);
    json_decref(checkpoints->machine);
    memory_free(checkpoints->best);
    *checkpoints = (struct checkpoints){ 0 };
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* A failure by the policy: a warning, where the time before was none, or passed on. */
static mlp_status by_policy(struct fit *fit, mlp_status status, bool *lost)
{
    const bool is_news = !*lost;
    *lost = status != MLP_OK;
    if (status == MLP_OK || status == MLP_ERROR_EXCHANGE ||
        fit->checkpoints.options.failure == MLP_CHECKPOINT_STOP) {
        return status;
    }
    if (is_news) {
        warn(fit, "checkpoint not written: %s", mlp_last_error());
    }
    return MLP_OK;
}

/* The folder is the parent's. */
static mlp_status check_process(const struct fit *fit)
{
    const struct checkpoint_folder *folder = &fit->checkpoints.folder;
    return folder->is_forked
               ? fail(MLP_ERROR_IO,
                      "%s: this process was forked from the one whose fit writes its checkpoints here",
                      folder->path)
               : MLP_OK;
}

/* What could not be written is tried again with the next checkpoint. */
static mlp_status write_best(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    char *path = checkpoint_best_path(&c->folder);
    mlp_status status = path != NULL ? check_process(fit) : MLP_ERROR_MEMORY;
    status = status == MLP_OK ? checkpoint_write_best(fit, path) : status;
    memory_free(path);
    c->best_due = status != MLP_OK;
    return by_policy(fit, status, &c->best_lost);
}

mlp_status checkpoints_write(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    const size_t step = steps_done(fit);
    if (!c->wanted) {
        return checkpoint_write(fit, NULL);
    }
    char *path = checkpoint_path(&c->folder, step);
    mlp_status status = path != NULL ? check_process(fit) : MLP_ERROR_MEMORY;
    const mlp_status written = checkpoint_write(fit, status == MLP_OK ? path : NULL);
    status = written != MLP_OK ? written : status;
    c->last = seconds_now();
    if (status != MLP_OK) {
        memory_free(path);
        return by_policy(fit, status, &c->lost);
    }
    memory_free(fit->report->checkpoint);
    fit->report->checkpoint = path;
    c->epoch = fit->epoch;
    c->step = fit->open.steps;
    TRY(by_policy(fit, checkpoint_folder_add(&c->folder, step, c->options.keep), &c->lost));
    return c->best_due ? write_best(fit) : MLP_OK;
}

bool checkpoints_due(const struct fit *fit)
{
    const struct checkpoints *c = &fit->checkpoints;
    return c->wanted && ((c->options.steps > 0 && steps_done(fit) % c->options.steps == 0) ||
                         seconds_now() - c->last >= c->options.seconds);
}

mlp_status checkpoints_best(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    if (c->best != NULL) {
        memcpy(c->best, fit->network->parameters, fit->network->arena_size * sizeof *c->best);
    }
    return c->wanted ? write_best(fit) : MLP_OK;
}

bool checkpoints_due_at_end(struct fit *fit)
{
    struct checkpoints *c = &fit->checkpoints;
    const bool stands_here = c->epoch == fit->epoch && c->step == fit->open.steps;
    c->lost = false; /* the last one's failure is reported in any case */
    return c->wanted && !stands_here;
}
