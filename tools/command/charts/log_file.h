/* Reading a training's log or history: columns of numbers by name, from CSV or lines of JSON. */
#ifndef TOOLS_LOG_FILE_H
#define TOOLS_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* The columns that are looked for. */
enum log_column {
    LOG_STEP,
    LOG_EPOCH,
    LOG_LOSS,
    LOG_VALIDATION_LOSS,
    LOG_ACCURACY,
    LOG_VALIDATION_ACCURACY,
    LOG_LEARNING_RATE,
    LOG_GRADIENT_NORM,
    LOG_CLIP_SCALE,
    LOG_CLIPPED,
    LOG_SKIPPED,
    LOG_COLUMNS
};

struct log_file {
    double (*rows)[LOG_COLUMNS]; /* owned; NaN: no number there */
    size_t count, room;
};

/* Whether it looks like one, by its first line. */
bool log_file_is(const char *path);
/* Reads a log. What a resumed training did anew replaces what was there. Returns an exit code after a message
 * that names the file and the line; log_file_free() afterwards also then. */
int log_file_read(const char *path, struct log_file *log);
void log_file_free(struct log_file *log);

#endif
