/* Charts drawn by gnuplot: curves and heat maps, into an SVG or PNG file or in the terminal. */
#ifndef TOOLS_PLOT_H
#define TOOLS_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

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

/* A point of a curve that is worth a word. */
struct mark {
    double x, y;
    const char *text;
    int colour;
};

/* Where one curve rises so far that all others would lie flat at the bottom, the axis is cut above them. */
struct chart {
    const char *title, *x_label, *y_label;
    const struct curve *curves;
    size_t curve_count;
    const struct mark *marks;
    size_t mark_count;
    bool log_x, log_y;
    bool whole_x;                /* x counts something */
    const struct heat_map *heat; /* NULL: curves */
};

/* Whether gnuplot is there. */
bool plot_possible(void);
/* Refuse a name that does not say how to draw (it ends in .svg or .png), and to draw without gnuplot. Return
 * an exit code. */
int plot_check_name(const char *option, const char *path);
int plot_check_gnuplot(const char *option);
/* Where charts are drawn: into a file, two side by side, the first over the whole width where their number is
 * odd; as figures of an HTML page; or, without both, one below the other in the terminal. */
struct canvas {
    const char *path;  /* ends in .svg or .png; NULL: none */
    const char *title; /* above all charts of a file or the terminal, in one line or two; NULL: none */
    FILE *page;        /* NULL: none */
    size_t figures;    /* drawn so far; a page has them all on one canvas */
};

/* Returns an exit code after a message. */
int plot_draw(struct canvas *canvas, const struct chart *charts, size_t count);

#endif
