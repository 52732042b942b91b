/* The log of a training: a line for each epoch, or for every so many steps, as they pass. */
#ifndef TOOLS_TRAIN_LOG_H
#define TOOLS_TRAIN_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include <mlp/train.h>

struct train_log {
    const char *path;
    FILE *stream; /* NULL: none */
    bool json;    /* lines of JSON, not CSV */
    bool append;  /* keep the lines up to the step that the training resumes from */
    bool begun;
    int code;        /* EXIT_WORK once a line could not be written */
    size_t interval; /* steps; 0: epochs alone */
    size_t last;     /* step that was noted */
    double written;  /* step of the last line that the file had */
    bool stepped;    /* a step was done since */
};

/* Opens the log of a training, with a line every `interval` steps, 0: none: JSON lines when the name ends in
 * .jsonl, .ndjson or .json, else CSV. What the file holds stays until the first step. With `append`, lines
 * beyond the step that the training resumes from are then cut off, and the others stay; a file that holds
 * something else is refused. Returns an exit code. */
int train_log_open(struct train_log *log, const char *path, size_t interval, bool append);
/* Writes the figures of a progress callback. */
void train_log_note(struct train_log *log, const mlp_progress *progress);
/* Closes it. Returns an exit code. */
int train_log_close(struct train_log *log);

#endif
