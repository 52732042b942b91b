/* JSON for machines, on standard output. */
#ifndef TOOLS_JSON_OUTPUT_H
#define TOOLS_JSON_OUTPUT_H

#include <stdint.h>

#include <jansson.h>
#include <mlp/train.h>

/* A number, or null for NaN and the infinities, which JSON has not. New reference. */
json_t *json_figure(double value);
/* A count; text for one beyond 2^63 - 1, which readers would round. New reference. */
json_t *json_count(uint64_t value);
/* A text; bytes that are not UTF-8, as a file's name may have, become '?'. New reference. */
json_t *json_text(const char *text);
/* {samples, loss, accuracy, top_k_accuracy}, or null when nothing was measured. New reference. */
json_t *json_metrics(const mlp_metrics *metrics);
/* The names of a set of findings. New reference. */
json_t *json_findings(unsigned findings);
/* Prints it and releases it. NULL counts as out of memory. Returns an exit code. */
int print_json(json_t *value);
/* The same on one line. */
int print_json_line(json_t *value);

#endif
