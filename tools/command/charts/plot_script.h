/* The parts of a chart in gnuplot's language. */
#ifndef TOOLS_PLOT_SCRIPT_H
#define TOOLS_PLOT_SCRIPT_H

#include <stdio.h>

#include "charts/plot.h"

/* In double quotes, the way gnuplot reads them. */
void write_quoted(FILE *script, const char *text);
/* ` 1.5`, or ` NaN` for what is not finite. */
void write_number(FILE *script, double value);
/* The axes, the marks and the curves of a chart. */
void write_curves(FILE *script, const struct chart *chart);

#endif
