/* Reading a training's log or history. */
#include "charts/log_file.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "message.h"
#include "options/number.h"

enum { MAX_FIELDS = 64 };

/* clang-format off */
static const char *const names[LOG_COLUMNS] = {
    [LOG_STEP] = "step", [LOG_EPOCH] = "epoch", [LOG_LOSS] = "loss",
        [LOG_VALIDATION_LOSS] = "validation_loss",
    [LOG_ACCURACY] = "accuracy", [LOG_VALIDATION_ACCURACY] = "validation_accuracy",
        [LOG_LEARNING_RATE] = "learning_rate",
    [LOG_GRADIENT_NORM] = "gradient_norm", [LOG_CLIP_SCALE] = "clip_scale", [LOG_CLIPPED] = "clipped",
        [LOG_SKIPPED] = "skipped",
};
/* clang-format on */

/* A log that is being read. */
struct reader {
    const char *path;
    size_t line;
    bool json;
    bool partial,
        dropped; /* the line has no end: a training is writing it, or was killed then; it makes no sense */
    int columns[MAX_FIELDS]; /* of a CSV file: what each field is, -1: nothing that is looked for */
    size_t fields;
};

static int find_column(const char *name)
{
    for (int c = 0; c < LOG_COLUMNS; c++) {
        if (strcmp(names[c], name) == 0) {
            return c;
        }
    }
    return -1;
}

/* A new row after those before it in time: a resumed training goes back to its checkpoint. */
static double *add_row(struct log_file *log, const double *row)
{
    const enum log_column key = isnan(row[LOG_STEP]) ? LOG_EPOCH : LOG_STEP;
    while (log->count > 0 && log->rows[log->count - 1][key] >= row[key]) {
        log->count--;
    }
    if (log->count == log->room) {
        const size_t room = log->room > 0 ? 2 * log->room : 256;
        double(*rows)[LOG_COLUMNS] = realloc(log->rows, room * sizeof *rows);
        if (rows == NULL) {
            return NULL;
        }
        log->rows = rows;
        log->room = room;
    }
    return memcpy(log->rows[log->count++], row, sizeof *log->rows);
}

static int bad_line(struct reader *reader, const char *what)
{
    reader->dropped = reader->partial;
    return reader->partial ? EXIT_DONE : work_error("%s: line %zu %s", reader->path, reader->line, what);
}

/* Splits at commas, in place. */
static size_t split(char *line, char **fields)
{
    size_t count = 0;
    for (char *next = line; next != NULL && count < MAX_FIELDS; count++) {
        fields[count] = strsep(&next, ",");
    }
    return count;
}

static int read_heading(struct reader *reader, char *line)
{
    char *fields[MAX_FIELDS];
    bool has_time = false;
    reader->fields = split(line, fields);
    for (size_t i = 0; i < reader->fields; i++) {
        reader->columns[i] = find_column(fields[i]);
        has_time = has_time || reader->columns[i] == LOG_STEP || reader->columns[i] == LOG_EPOCH;
    }
    return has_time ? EXIT_DONE
                    : bad_line(reader, "is no heading of a log: it has no column 'step' or 'epoch'");
}

/* Nothing, or what other programs write for NaN and the infinities. */
static bool is_no_number(const char *field)
{
    static const char *const texts[] = { "", "nan", "-nan", "inf", "-inf", "na" };
    size_t i = 0;
    while (i < sizeof texts / sizeof texts[0] && strcasecmp(field, texts[i]) != 0) {
        i++;
    }
    return i < sizeof texts / sizeof texts[0];
}

static int read_csv(struct reader *reader, char *line, double *row)
{
    char *fields[MAX_FIELDS];
    if (split(line, fields) != reader->fields) {
        return bad_line(reader, "has another number of fields than the heading");
    }
    for (size_t i = 0; i < reader->fields; i++) {
        const int column = reader->columns[i];
        if (column >= 0 && !is_no_number(fields[i]) && !parse_real(fields[i], &row[column])) {
            return bad_line(reader, "has a field that is not a number");
        }
    }
    return EXIT_DONE;
}

static int read_json(struct reader *reader, const char *line, double *row)
{
    json_error_t error;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        return bad_line(reader, "is not a JSON object");
    }
    for (int c = 0; c < LOG_COLUMNS; c++) {
        const json_t *value = json_object_get(object, names[c]);
        if (json_is_number(value)) {
            row[c] = json_number_value(value);
        }
    }
    json_decref(object);
    return isnan(row[LOG_STEP]) && isnan(row[LOG_EPOCH]) ? bad_line(reader, "has no number 'step' or 'epoch'")
                                                         : EXIT_DONE;
}

static int read_line(struct reader *reader, char *line, struct log_file *log)
{
    double row[LOG_COLUMNS];
    reader->partial = strchr(line, '\n') == NULL && log->count > 0;
    line[strcspn(line, "\r\n")] = '\0';
    if (reader->line == 1) {
        reader->json = line[0] == '{';
        if (!reader->json) {
            return read_heading(reader, line);
        }
    }
    for (size_t c = 0; c < LOG_COLUMNS; c++) {
        row[c] = NAN;
    }
    const int code = reader->json ? read_json(reader, line, row) : read_csv(reader, line, row);
    if (code == EXIT_DONE && isnan(row[LOG_STEP]) && isnan(row[LOG_EPOCH])) {
        return bad_line(reader, "has neither a step nor an epoch");
    }
    if (reader->dropped) {
        return EXIT_DONE;
    }
    FAIL_IF(code == EXIT_DONE && add_row(log, row) == NULL, out_of_memory());
    return code;
}

bool log_file_is(const char *path)
{
    char line[4096] = "", *fields[MAX_FIELDS];
    bool time = false, loss = false, layers = false; /* what the monitor writes is of layers */
    FILE *stream = fopen(path, "r");
    if (stream == NULL) {
        return false;
    }
    const bool read = fgets(line, sizeof line, stream) != NULL;
    fclose(stream);
    if (!read || line[0] == '{') {
        return read && strstr(line, "\"loss\"") != NULL && strstr(line, "\"epoch\"") != NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    const size_t count = split(line, fields);
    for (size_t i = 0; i < count; i++) {
        const int column = find_column(fields[i]);
        time = time || column == LOG_STEP || column == LOG_EPOCH;
        loss = loss || column == LOG_LOSS;
        layers = layers || strcmp(fields[i], "layer") == 0;
    }
    return time && loss && !layers;
}

int log_file_read(const char *path, struct log_file *log)
{
    struct reader reader = { .path = path };
    char *line = NULL;
    size_t room = 0;
    int code = EXIT_DONE;
    *log = (struct log_file){ 0 };
    FILE *stream = fopen(path, "r");
    FAIL_IF(stream == NULL, work_error("%s: cannot open: %s", path, strerror(errno)));
    errno = 0;
    while (code == EXIT_DONE && getline(&line, &room, stream) >= 0) {
        reader.line++;
        code = read_line(&reader, line, log);
    }
    if (code == EXIT_DONE && ferror(stream)) {
        code = work_error("%s: cannot read: %s", path, strerror(errno));
    } else if (code == EXIT_DONE && log->count == 0) {
        code = work_error("%s: holds no lines of a log", path);
    }
    free(line);
    fclose(stream);
    return code;
}

void log_file_free(struct log_file *log)
{
    free(log->rows);
    *log = (struct log_file){ 0 };
}
