/* The log of a training. */
#include "training/train_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "reports/json_output.h"
#include "message.h"
#include "reports/output_file.h"

/* What follows step and epoch in a line. */
static const char *const columns[] = {
    "seconds",       "loss",          "accuracy",   "validation_loss", "validation_accuracy",
    "learning_rate", "gradient_norm", "clip_scale", "clipped",         "skipped"
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* ---- life ---------------------------------------------------------------------------------------------- */

static bool ends_in(const char *path, const char *ending)
{
    const size_t length = strlen(path), size = strlen(ending);
    return length >= size && strcmp(path + length - size, ending) == 0;
}

static int failed(const struct train_log *log)
{
    return work_error("--log: cannot write '%s': %s", log->path, strerror(errno));
}

static void write_heading(FILE *stream)
{
    fputs("step,epoch", stream);
    for (size_t i = 0; i < COLUMNS; i++) {
        fprintf(stream, ",%s", columns[i]);
    }
    fputc('\n', stream);
}

/* Or where it has no end, what a heading begins with. */
static bool is_heading(const char *line, bool whole)
{
    char *expected = NULL;
    size_t size;
    FILE *stream = open_memstream(&expected, &size);
    if (stream != NULL) {
        write_heading(stream);
        fclose(stream);
    }
    const bool is =
        expected != NULL && (whole ? strcmp(line, expected) : strncmp(line, expected, strlen(line))) == 0;
    free(expected);
    return is;
}

/* The step of a line, or -1 where it is no whole line of such a log. */
static double step_of(const struct train_log *log, const char *line)
{
    char *end;
    if (strchr(line, '\n') == NULL) {
        return -1.0; /* a killed training's last */
    }
    if (!log->json) {
        const unsigned long long step = strtoull(line, &end, 10);
        return end != line && *end == ',' ? (double)step : -1.0;
    }
    json_t *object = json_loads(line, 0, NULL);
    const json_t *step = json_object_get(object, "step");
    const double value = json_is_integer(step) ? (double)json_integer_value(step) : -1.0;
    json_decref(object);
    return value;
}

/* Where the lines of steps up to `last` end; -1: the file holds something else. */
static long end_of_lines(struct train_log *log, double last)
{
    char *line = NULL;
    size_t room = 0;
    long end = 0;
    bool heading = !log->json, sound = true;
    rewind(log->stream);
    log->written = 0.0;
    while (sound && getline(&line, &room, log->stream) > 0) {
        const double step = heading ? 0.0 : step_of(log, line);
        const bool whole =
            strchr(line, '\n') != NULL; /* else a killed training's last, or what a full disk left */
        sound = (heading ? is_heading(line, whole) : step >= 0.0) || (!whole && !heading);
        if (!whole || step < 0.0 || step > last) {
            break;
        }
        heading = false;
        end = ftell(log->stream);
        log->written = step;
    }
    free(line);
    return sound ? end : -1;
}

int train_log_open(struct train_log *log, const char *path, size_t interval, bool append)
{
    *log = (struct train_log){ .path = path,
                               .interval = interval,
                               .append = append,
                               .json = ends_in(path, ".jsonl") || ends_in(path, ".ndjson") ||
                                       ends_in(path, ".json") };
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    log->stream = file >= 0 ? fdopen(file, "r+") : NULL;
    if (log->stream == NULL) {
        const int code = failed(log);
        if (file >= 0) {
            close(file);
        }
        return code;
    }
    struct stat about;
    log->append = append && fstat(file, &about) == 0 && S_ISREG(about.st_mode);
    FAIL_IF(log->append && end_of_lines(log, INFINITY) < 0,
            usage_error("--log: '%s' holds something else than a log, to which --resume could add", path));
    return EXIT_DONE;
}

/* Cuts off what the training is going to do anew; pipes and terminals have nothing to cut. */
static void begin(struct train_log *log, const mlp_progress *progress)
{
    long end = log->append ? end_of_lines(log, (double)progress->resumed) : 0;
    end = end > 0 ? end : 0;
    rewind(log->stream);
    if (ftruncate(fileno(log->stream), end) == 0) {
        fseek(log->stream, end, SEEK_SET);
    }
    setvbuf(log->stream, NULL, _IOLBF, 0);
    if (!log->json && end == 0) {
        write_heading(log->stream);
    }
    log->begun = true;
}

int train_log_close(struct train_log *log)
{
    if (log->stream == NULL) {
        return EXIT_DONE;
    }
    const bool closed = fclose(log->stream) == 0;
    log->stream = NULL;
    if (!closed && log->code == EXIT_DONE) {
        log->code = failed(log);
    }
    return log->code;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static void write_json(FILE *stream, size_t step, size_t epoch, const double *figures)
{
    json_t *line = json_pack("{s:o, s:o}", "step", json_count(step), "epoch", json_count(epoch));
    for (size_t i = 0; i < COLUMNS; i++) {
        json_object_set_new(line, columns[i], json_figure(figures[i]));
    }
    json_dumpf(line, stream, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', stream);
    json_decref(line);
}

static void write_csv(FILE *stream, size_t step, size_t epoch, const double *figures)
{
    fprintf(stream, "%zu,%zu", step, epoch);
    for (size_t i = 0; i < COLUMNS; i++) {
        write_field(stream, figures[i]);
    }
    fputc('\n', stream);
}

static void write_line(struct train_log *log, size_t step, const mlp_progress *progress)
{
    const bool validated = progress->epoch_ended && progress->validation.count > 0;
    const double figures[COLUMNS] = {
        progress->seconds,
        progress->window_loss,
        progress->window_accuracy,
        validated ? progress->validation.loss : NAN,
        validated ? progress->validation.accuracy : NAN,
        progress->learning_rate,
        progress->window_gradient_norm,
        progress->window_clip_scale,
        progress->window_clipped,
        progress->window_skipped,
    };
    (log->json ? write_json : write_csv)(log->stream, step, progress->epoch, figures);
}

void train_log_note(struct train_log *log, const mlp_progress *progress)
{
    if (log->stream == NULL || log->code != EXIT_DONE) {
        return;
    }
    if (!log->begun) {
        begin(log, progress);
    }
    const size_t step = (progress->epoch - 1) * progress->steps + progress->step;
    const bool is_new = !progress->epoch_ended && step > log->last;
    const bool inside = progress->step < progress->steps; /* the epoch's own line is to come */
    log->last = step;
    log->stepped = log->stepped || is_new;
    const bool stands_there =
        !log->stepped && (double)step == log->written; /* of one that was killed after it */
    if ((progress->epoch_ended && !stands_there) ||
        (is_new && inside && log->interval > 0 && progress->step % log->interval == 0)) {
        write_line(log, step, progress);
    }
    if (ferror(log->stream) != 0 && log->code == EXIT_DONE) { /* each line is flushed at its end */
        log->code = failed(log);
    }
}
