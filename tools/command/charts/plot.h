/* Charts drawn by gnuplot: curves and heat maps, into an SVG or PNG file or in the terminal. */
#ifndef TOOLS_PLOT_H
#define TOOLS_PLOT_H

#include <stdbool.h>
#include <stddef.h>

enum curve_kind {
    CURVE_MEASURED, /* points joined by a line, with bars where there is a deviation */
    CURVE_THEORY,   /* a dashed line without points */
    CURVE_POINTS    /* points that no line joins */
};

struct curve {
    const char *title; /* NULL: not in the legend */
    enum curve_kind kind;
    int colour;          /* curves of the same number look alike, say theory and measurement of one thing */
    const double *x, *y; /* points that are not finite break the line */
    const double *deviation; /* half the length of the bars; NULL: none */
    size_t count;
};

/* Numbers in cells, by colour and in figures. */
struct heat_map {
    const char *const *rows, *const *columns;
    size_t row_count, column_count;
    const double *values; /* row after row; NaN leaves a cell empty */
    double low, high;     /* ends of the colours */
};

struct chart {
    const char *title, *x_label, *y_label;
    const struct curve *curves;
    size_t curve_count;
    bool log_x, log_y;
    const struct heat_map *heat; /* NULL: curves */
};

/* Whether gnuplot is there. */
bool plot_possible(void);
/* Refuse a name that does not say how to draw (it ends in .svg or .png), and to draw without gnuplot. Return
 * an exit code. */
int plot_check_name(const char *option, const char *path);
int plot_check_gnuplot(const char *option);
/* Draws charts into a file, up to three side by side; NULL: one below the other in the terminal. Returns an
 * exit code after a message. */
int plot_draw(const char *path, const struct chart *charts, size_t count);

#endif
