/* What a study prints: paragraphs, tables and charts, in Markdown, on standard output and on a page. */
#ifndef TOOLS_STUDY_SHEET_H
#define TOOLS_STUDY_SHEET_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "charts/plot.h"
#include "message.h"

struct sheet {
    FILE *page;         /* besides standard output; NULL: none */
    const char *folder; /* of the page and its pictures */
    const char *study;  /* begins the pictures' names */
    json_t
        *record; /* NULL: text; otherwise an object that takes texts and tables in place of standard output */
    bool pictures; /* gnuplot is there */
    json_t *table; /* rows of cells of the table in work */
    size_t charts; /* drawn so far */
};

__attribute__((format(printf, 2, 3))) void sheet_heading(struct sheet *sheet, const char *format, ...);
/* A paragraph, broken before column 80. */
__attribute__((format(printf, 2, 3))) void sheet_text(struct sheet *sheet, const char *format, ...);
/* A row of cells separated by '|'; the first one is the head of a new table. */
__attribute__((format(printf, 2, 3))) void sheet_row(struct sheet *sheet, const char *format, ...);
/* Writes the table. */
void sheet_table_end(struct sheet *sheet);
/* Draws charts side by side: on the page as SVG, otherwise in the terminal. Returns an exit code. */
int sheet_charts(struct sheet *sheet, const struct chart *charts, size_t count);

#endif
