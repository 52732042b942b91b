/* JSON for machines, on standard output. */
#include "reports/json_output.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/diagnose.h>

#include "message.h"

enum { DIGITS = 10 };

json_t *json_figure(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_count(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_sprintf("%" PRIu64, value);
}

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    char *copy = value == NULL ? strdup(text) : NULL;
    for (char *c = copy; c != NULL && *c != '\0'; c++) {
        *c = (unsigned char)*c >= 0x80 ? '?' : *c;
    }
    value = copy != NULL ? json_string(copy) : value;
    free(copy);
    return value;
}

json_t *json_metrics(const mlp_metrics *metrics)
{
    if (metrics->count == 0) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "samples", json_count(metrics->count), "loss",
                     json_figure(metrics->loss), "accuracy", json_figure(metrics->accuracy), "top_k_accuracy",
                     json_figure(metrics->top_k_accuracy));
}

json_t *json_findings(unsigned findings)
{
    json_t *names = json_array();
    for (size_t f = 1; f < mlp_finding_count(); f++) {
        if ((findings & 1u << f) != 0) {
            json_array_append_new(names, json_string(mlp_finding_name((mlp_finding)f)));
        }
    }
    return names;
}

static int print_with(json_t *value, size_t flags)
{
    FAIL_IF(value == NULL, work_error("out of memory for the JSON output"));
    const int result = json_dumpf(value, stdout, flags | JSON_REAL_PRECISION(DIGITS));
    json_decref(value);
    putchar('\n');
    return result == 0 ? EXIT_DONE : work_error("cannot write the JSON to standard output");
}

int print_json(json_t *value)
{
    return print_with(value, JSON_INDENT(2));
}

int print_json_line(json_t *value)
{
    return print_with(value, JSON_COMPACT);
}
