/* An HTML page that needs nothing beside it: head and style, sections, tables, escaped text. */
#ifndef TOOLS_HTML_H
#define TOOLS_HTML_H

#include <stdio.h>

/* Begins a page, light or dark as the reader has it, that can be printed. */
void html_begin(FILE *page, const char *title);
void html_end(FILE *page);

/* Escapes what HTML has a meaning for, and control characters. */
void html_text(FILE *page, const char *text);
/* A section with its heading; ends with html_section_end(). */
void html_section(FILE *page, const char *heading);
void html_section_end(FILE *page);
/* An escaped paragraph. */
__attribute__((format(printf, 2, 3))) void html_paragraph(FILE *page, const char *format, ...);

/* A table: headings separated by '|', then rows of cells. */
void html_table(FILE *page, const char *headings);
void html_row(FILE *page);
/* The first cells of rows are set left, figures right; NaN is a dash. */
void html_cell(FILE *page, const char *text);
void html_figure(FILE *page, double value);
void html_count(FILE *page, size_t count);
void html_row_end(FILE *page);
void html_table_end(FILE *page);

#endif
