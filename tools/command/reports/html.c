/* An HTML page that needs nothing beside it. */
#include "reports/html.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include <mlp/version.h>

/* Charts are drawn black on nothing: in the dark they are turned to white, each colour keeping its hue. */
static const char style[] =
    ":root{color-scheme:light dark;--page:#fff;--text:#1a1a1a;--soft:#5c5c5c;--line:#d8d8d8;--band:#f4f5f7}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--page:#15171a;--text:#e6e6e6;--soft:#a5a5a5;"
    "--line:#3a3d42;--band:#1f2227}\n"
    "figure svg{filter:invert(1) hue-rotate(180deg)}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:76rem;margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:2rem 0 .5rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}\n"
    "p{margin:.5rem 0;max-width:50rem;overflow-wrap:anywhere}\n"
    ".charts{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));"
    "align-items:start}\n"
    ".note{color:var(--soft)}\n"
    "figure{margin:0;max-width:40rem}\n"
    "figure svg{display:block;width:100%;height:auto}\n"
    ".table{overflow-x:auto;margin:.75rem 0}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}\n"
    "th,td{padding:.25rem .75rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    "th{font-weight:600;color:var(--soft)}\n"
    "tr:nth-child(even) td{background:var(--band)}\n"
    "footer{margin-top:2rem;color:var(--soft);font-size:.85rem}\n"
    "@media print{main{max-width:none;padding:0}body{font-size:11px}h2{break-after:avoid}"
    "figure,tr{break-inside:avoid}.table{overflow:visible}.charts{grid-template-columns:1fr 1fr}}\n";

void html_text(FILE *page, const char *text)
{
    static const struct {
        char character;
        const char *reference;
    } escapes[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" } };
    enum { ESCAPES = sizeof escapes / sizeof escapes[0] };
    for (; *text != '\0'; text++) {
        size_t e = 0;
        while (e < ESCAPES && escapes[e].character != *text) {
            e++;
        }
        if (e < ESCAPES) {
            fputs(escapes[e].reference, page);
        } else {
            fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, page);
        }
    }
}

void html_begin(FILE *page, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
          page);
    html_text(page, title);
    fprintf(page, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>", style);
    html_text(page, title);
    fputs("</h1>\n", page);
}

void html_end(FILE *page)
{
    fprintf(page, "<footer>libmlp %s</footer>\n</main>\n</body>\n</html>\n", mlp_version());
}

void html_section(FILE *page, const char *heading)
{
    fputs("<section>\n<h2>", page);
    html_text(page, heading);
    fputs("</h2>\n", page);
}

void html_section_end(FILE *page)
{
    fputs("</section>\n", page);
}

void html_paragraph(FILE *page, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<p>", page);
    html_text(page, text);
    fputs("</p>\n", page);
}

void html_table(FILE *page, const char *headings)
{
    fputs("<div class=\"table\"><table>\n<thead><tr>", page);
    while (*headings != '\0') {
        const int length = (int)strcspn(headings, "|");
        fprintf(page, "<th>%.*s</th>", length, headings);
        headings += headings[length] == '|' ? length + 1 : length;
    }
    fputs("</tr></thead>\n<tbody>\n", page);
}

void html_row(FILE *page)
{
    fputs("<tr>", page);
}

void html_cell(FILE *page, const char *text)
{
    fputs("<td>", page);
    html_text(page, text);
    fputs("</td>", page);
}

void html_figure(FILE *page, double value)
{
    char text[64] = "–";
    if (isinf(value)) {
        snprintf(text, sizeof text, "%s∞", value < 0.0 ? "−" : "");
    } else if (!isnan(value)) {
        snprintf(text, sizeof text, "%.4g", value);
    }
    fprintf(page, "<td>%s</td>", text);
}

void html_count(FILE *page, size_t count)
{
    fprintf(page, "<td>%zu</td>", count);
}

void html_row_end(FILE *page)
{
    fputs("</tr>\n", page);
}

void html_table_end(FILE *page)
{
    fputs("</tbody></table></div>\n", page);
}
