/* Charts of trainings, from their logs or histories. */
#ifndef TOOLS_LOG_CHARTS_H
#define TOOLS_LOG_CHARTS_H

#include "charts/log_file.h"
#include "charts/plot.h"

enum { MAX_LOGS = 8 };

/* Which axes are logarithmic. */
enum log_scale {
    SCALE_LINEAR = -1,
    SCALE_BY_RANGE =
        0, /* losses, rates and norms where over a fifth of them is below a 20th of the highest, time where
              most of the fall of the loss lies in its first twentieth */
    SCALE_LOGARITHMIC = 1 /* all losses, rates and norms */
};

/* Draws the logs into the same charts, over epochs where all of them tell of more than one, else over steps;
 * the lowest validation loss is marked. What does not change has no chart: it is named in a second line of
 * the title, or below the figures. Returns an exit code. */
int plot_logs(struct canvas *canvas, const struct log_file *logs, char *const *paths, size_t count,
              enum log_scale scale);
/* The row of the lowest validation loss, or `log->count` without any. */
size_t log_best_row(const struct log_file *log);

#endif
