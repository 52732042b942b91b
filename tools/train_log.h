/* The log of a training: a line for each epoch, or for every so many steps, as they pass. */
#ifndef TOOLS_TRAIN_LOG_H
#define TOOLS_TRAIN_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include <mlp/train.h>

struct train_log {
    const char *path;
    FILE *stream;      /* NULL: none */
    bool json;         /* lines of JSON, not CSV */
    size_t interval;   /* steps; 0: epochs alone */
    size_t steps;      /* since the line before; sums over them: */
    size_t applied;
    double loss, gradient_norm, clip_scale, clipped, skipped;
};

/* Opens the log: JSON lines when the name ends in .jsonl, .ndjson or .json, else CSV. Emptied unless `append`. Returns an exit
 * code. */
int train_log_open(struct train_log *log, const char *path, size_t interval, bool append);
/* Notes what a progress callback tells. */
void train_log_note(struct train_log *log, const mlp_progress *progress);
/* Closes it. Returns an exit code. */
int train_log_close(struct train_log *log);

#endif
