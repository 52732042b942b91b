/* The report of a fit. */
#include "session/report.h"

#include <string.h>

#include "base/memory.h"
#include "base/status.h"

struct mlp_report *report_create(size_t capacity)
{
    struct mlp_report *report = memory_allocate(1, sizeof *report);
    mlp_epoch *history = memory_allocate(capacity, sizeof *history);
    if (report == NULL || history == NULL) {
        memory_free(report);
        memory_free(history);
        return NULL;
    }
    report->history = history;
    report->capacity = capacity;
    return report;
}

void mlp_report_destroy(mlp_report **report)
{
    if (report == NULL || *report == NULL) {
        return;
    }
    monitor_destroy((*report)->monitor);
    memory_free((*report)->history);
    memory_free((*report)->checkpoint);
    memory_free(*report);
    *report = NULL;
}

GETTER(size_t, mlp_report_epochs, mlp_report, report, report->epochs, 0)

mlp_status mlp_report_epoch(const mlp_report *report, size_t epoch, mlp_epoch *figures)
{
    REQUIRE_ARGUMENT(report);
    REQUIRE_ARGUMENT(figures);
    FAIL_IF(epoch >= report->epochs, MLP_ERROR_RANGE,
            "mlp_report_epoch: epoch is %zu, expected less than %zu", epoch, report->epochs);
    *figures = report->history[epoch];
    return MLP_OK;
}

GETTER(size_t, mlp_report_best_epoch, mlp_report, report, report->best, 0)
GETTER(const char *, mlp_report_checkpoint, mlp_report, report, report->checkpoint, NULL)

const char *mlp_report_warnings(const mlp_report *report)
{
    return report != NULL && report->warnings[0] != '\0' ? report->warnings : NULL;
}

GETTER(int, mlp_report_restored, mlp_report, report, report->restored, 0)
GETTER(int, mlp_report_stopped, mlp_report, report, report->stopped, 0)
GETTER(int, mlp_report_stopped_early, mlp_report, report, report->stopped_early, 0)

size_t mlp_report_monitor_count(const mlp_report *report)
{
    return report != NULL && report->monitor != NULL ? report->monitor->count : 0;
}

mlp_status mlp_report_monitor(const mlp_report *report, size_t index, mlp_monitor_record *record,
                              mlp_monitor_layer *layers)
{
    REQUIRE_ARGUMENT(report);
    FAIL_IF(index >= mlp_report_monitor_count(report), MLP_ERROR_RANGE,
            "mlp_report_monitor: index is %zu, expected less than %zu", index,
            mlp_report_monitor_count(report));
    const struct monitor *monitor = report->monitor;
    if (record != NULL) {
        *record = monitor->records[index];
    }
    if (layers != NULL) {
        memcpy(layers, monitor->figures + index * monitor->layers, monitor->layers * sizeof *layers);
    }
    return MLP_OK;
}
