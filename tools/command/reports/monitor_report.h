/* What the monitor of a fit saw: a table, JSON, CSV. */
#ifndef TOOLS_MONITOR_REPORT_H
#define TOOLS_MONITOR_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include <mlp/train.h>

/* Prints the last record, layer by layer, and the findings of all; nothing without records. */
void print_monitor(const mlp_report *report, const mlp_network *network);
/* The records, or null without any. New reference. */
json_t *json_monitor(const mlp_report *report, const mlp_network *network);
/* Writes and closes. Returns an exit code. */
int write_monitor_history(const char *path, FILE *stream, const mlp_report *report,
                          const mlp_network *network);

#endif
