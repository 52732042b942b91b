/* The log of a training. */
#include "train_log.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "command.h"
#include "json_output.h"
#include "message.h"

static const char heading[] = "step,epoch,seconds,loss,accuracy,validation_loss,validation_accuracy,learning_rate,gradient_norm,"
                              "clip_scale,clipped,skipped\n";

static bool ends_in(const char *path, const char *ending)
{
    const size_t length = strlen(path), size = strlen(ending);
    return length >= size && strcmp(path + length - size, ending) == 0;
}

int train_log_open(struct train_log *log, const char *path, size_t interval, bool append)
{
    struct stat facts;
    *log = (struct train_log){ .path = path, .interval = interval,
                               .json = ends_in(path, ".jsonl") || ends_in(path, ".ndjson") || ends_in(path, ".json") };
    log->stream = fopen(path, append ? "a" : "w");
    if (log->stream == NULL) {
        return work_error("--log: cannot write '%s': %s", path, strerror(errno));
    }
    setvbuf(log->stream, NULL, _IOLBF, 0);
    const bool is_new = !append || fstat(fileno(log->stream), &facts) != 0 || facts.st_size == 0;
    if (!log->json && is_new) {
        fputs(heading, log->stream);
    }
    return EXIT_DONE;
}

static void write_json(FILE *stream, size_t step, size_t epoch, const double *figures)
{
    json_t *line = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "step", json_count(step), "epoch",
                             json_count(epoch), "seconds", json_figure(figures[0]), "loss", json_figure(figures[1]), "accuracy",
                             json_figure(figures[2]), "validation_loss", json_figure(figures[3]), "validation_accuracy",
                             json_figure(figures[4]), "learning_rate", json_figure(figures[5]), "gradient_norm",
                             json_figure(figures[6]), "clip_scale", json_figure(figures[7]), "clipped", json_figure(figures[8]),
                             "skipped", json_figure(figures[9]));
    json_dumpf(line, stream, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stream);
    json_decref(line);
}

static void write_csv(FILE *stream, size_t step, size_t epoch, const double *figures, size_t count)
{
    fprintf(stream, "%zu,%zu", step, epoch);
    for (size_t i = 0; i < count; i++) {
        if (isfinite(figures[i])) {
            fprintf(stream, ",%.9g", figures[i]);
        } else {
            fputc(',', stream);
        }
    }
    fputc('\n', stream);
}

static void write_line(struct train_log *log, const mlp_progress *progress)
{
    const bool validated = progress->epoch_ended && progress->validation.count > 0;
    const double steps = (double)log->steps;
    const double figures[] = {
        progress->seconds,
        log->loss / (double)log->applied,
        progress->accuracy,
        validated ? progress->validation.loss : NAN,
        validated ? progress->validation.accuracy : NAN,
        progress->learning_rate,
        log->gradient_norm / (double)log->applied,
        log->clip_scale / (double)log->applied,
        log->clipped / steps,
        log->skipped / steps,
    };
    const size_t step = (progress->epoch - 1) * progress->steps + progress->step;
    if (log->json) {
        write_json(log->stream, step, progress->epoch, figures);
    } else {
        write_csv(log->stream, step, progress->epoch, figures, sizeof figures / sizeof figures[0]);
    }
    *log = (struct train_log){ .path = log->path, .stream = log->stream, .json = log->json, .interval = log->interval };
}

void train_log_note(struct train_log *log, const mlp_progress *progress)
{
    if (log->stream == NULL) {
        return;
    }
    if (!progress->epoch_ended) {
        const mlp_step_report *last = &progress->last;
        log->steps++;
        log->skipped += last->skipped != 0;
        if (last->skipped == 0) {
            log->applied++;
            log->loss += last->loss;
            log->gradient_norm += last->clip.norm;
            log->clip_scale += last->clip.scale;
            log->clipped += last->clip.acted != 0;
        }
    }
    const bool due = log->interval > 0 && log->steps >= log->interval && progress->step < progress->steps;
    if (progress->epoch_ended || due) {
        write_line(log, progress);
    }
}

int train_log_close(struct train_log *log)
{
    if (log->stream == NULL) {
        return EXIT_DONE;
    }
    const bool failed = ferror(log->stream) != 0;
    const bool closed = fclose(log->stream) == 0;
    log->stream = NULL;
    return closed && !failed ? EXIT_DONE : work_error("--log: cannot write '%s': %s", log->path, strerror(errno));
}
