/* The three drawings of mlp-bench plot, as gnuplot commands. */
#ifndef BENCH_PANELS_H
#define BENCH_PANELS_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

enum { PANELS = 3, PANEL_ARGUMENTS = 4 };

struct panel {
    const char *name;
    const char *what;                       /* a line for --list */
    const char *arguments[PANEL_ARGUMENTS]; /* of mlp-bench, for the rows it draws; NULL after the last */
    bool of_networks; /* those rows are networks': --workload, --layers and --batch say which */
    void (*write_data)(FILE *gnuplot, const json_t *rows);
    void (*write_plot)(FILE *gnuplot, const json_t *rows, const char *blas_core);
};

extern const struct panel panels[PANELS];

/* What all panels have: encoding, lines, grid. */
void panels_write_style(FILE *gnuplot);

/* A text as gnuplot's string: whatever it holds, gnuplot takes none of it for a command or a substitution. */
void write_quoted(FILE *gnuplot, const char *text);

#endif
