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
/* The marks, on an axis of y that ends at `end`, each with its text where it covers no curve. */
void write_marks(FILE *script, const struct chart *chart, double end);

struct range {
    double low, high; /* low > high: nothing */
};

/* Of all curves; `axis` is 'x' or 'y'. */
struct range whole_range(const struct chart *chart, char axis);
/* Whether a point can be on the axes. */
bool can_show(const struct chart *chart, const struct curve *curve, size_t i);
/* A value's place on an axis, up to scale and shift. */
double on_paper(bool logarithmic, double value);
const char *colour_of(int number);

#endif
