/* The monitor of a fit: records of steps, and words for what goes wrong. */
#ifndef SESSION_MONITOR_H
#define SESSION_MONITOR_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/monitor.h>
#include <mlp/optimizer.h>

#include "model/workspace.h"

enum { MONITOR_RECORDS = 1024, MONITOR_TEXT = 512 };

/* A's values outside of (low, high) count as saturated. */
struct monitor_bounds {
    double low, high;
    bool one_sided; /* ReLU and its kin: units can die */
};

struct monitor {
    size_t interval; /* between records; doubles when they are full */
    size_t layers;
    size_t arena_size;
    size_t steps; /* seen */
    size_t count;
    mlp_monitor_record *records;
    mlp_monitor_layer *figures;    /* `layers` for each record */
    struct monitor_bounds *bounds; /* of each layer */
    float *before;                 /* parameters before the step, then its update; NULL after the fit */
    unsigned reported;             /* findings that a warning has named */
    char warning[MONITOR_TEXT];
};

/* A monitor that records every `interval`-th step from the first on; NULL when memory is short. */
struct monitor *monitor_create(const mlp_network *network, size_t interval);
void monitor_destroy(struct monitor *monitor);
/* Frees what only steps need. */
void monitor_end(struct monitor *monitor);

/* Before each step: whether it will be recorded; keeps the parameters then. */
bool monitor_begin(struct monitor *monitor, const mlp_network *network);
/* Makes room for a record, and measures the passes that the workspace holds for it. */
void monitor_look(struct monitor *monitor, const mlp_network *network, const mlp_workspace *workspace);
/* After a step that is to be recorded, was looked at and applied. Returns the record, and in *warning the
 * words for what it is the first to find, or NULL; both are valid until the next one. */
const mlp_monitor_record *monitor_record(struct monitor *monitor, const mlp_network *network,
                                         const mlp_workspace *workspace, size_t epoch,
                                         const mlp_step_report *step, const char **warning);

#endif
