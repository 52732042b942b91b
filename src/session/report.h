/* The report of a fit. */
#ifndef SESSION_REPORT_H
#define SESSION_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/train.h>

#include "session/monitor.h"

enum { REPORT_WARNINGS = 4096 };

struct mlp_report {
    size_t epochs; /* begun */
    size_t capacity;
    mlp_epoch *history;
    size_t best;
    bool restored;
    bool stopped;
    bool stopped_early;
    struct monitor *monitor;        /* owned; NULL: none */
    char *checkpoint;               /* path of the newest; owned; NULL: none */
    char warnings[REPORT_WARNINGS]; /* of checkpoints, a line each; "": none */
};

/* A report with room for `capacity` epochs; NULL when memory is short. */
struct mlp_report *report_create(size_t capacity);

#endif
