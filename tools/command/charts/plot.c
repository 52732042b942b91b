/* Charts, as scripts for gnuplot. */
#include "charts/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "charts/plot_script.h"
#include "message.h"
#include "reports/output_file.h"

/* A chart in pixels, beside another and alone, and in characters; a line of the title. */
enum { CHART_WIDTH = 560, SINGLE_WIDTH = 800, CHART_HEIGHT = 400, LINE = 30, LINES = 24, MAX_CHARTS = 16 };
enum { NARROWEST = 40, USUAL = 79, WIDEST = 120 };
/* What is beside and above the cells of a heat map, a row of it, a character of its names. */
enum { HEAT_BESIDE = 180, HEAT_ROW = 30, CHARACTER = 9, FONT = 12 };
/* Of the key: a line, and what an entry has beside its text, in characters. A line of an upward name. */
enum { KEY_LINE = 24, KEY_SAMPLE = 8, Y_LABEL = 24, LABEL_SIZE = 128 };

#define SVG_TERMINAL "svg font 'sans-serif,16'"
/* On a page a chart may be as narrow as a telephone. */
#define FIGURE_TERMINAL "svg font 'sans-serif,19' dynamic"
#define GRID "set grid linecolor rgb '#dddddd' linetype 1 linewidth 0.5\n"
/* Curves lie over the frame. The key is below, where it hides nothing, apart from the name of the axis. */
#define STYLE                                                                                                \
    "set border back\nset tics nomirror\nabove = 0.6\n"                                                      \
    "set key outside bottom center horizontal height 0.8 width 2\n" GRID

int plot_check_name(const char *option, const char *path)
{
    const char *ending = strrchr(path, '.');
    return ending != NULL && (strcmp(ending, ".svg") == 0 || strcmp(ending, ".png") == 0)
               ? EXIT_DONE
               : usage_error("%s: expected a file name that ends in .svg or .png, got '%s'", option, path);
}

int plot_check_gnuplot(const char *option)
{
    return plot_possible()
               ? EXIT_DONE
               : work_error("%s: gnuplot is not installed; on Debian it is in the package gnuplot-nox",
                            option);
}

bool plot_possible(void)
{
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

/* In double quotes, the way gnuplot reads them. */
void write_quoted(FILE *script, const char *text)
{
    fputc('"', script);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n') {
            fputc('\\', script);
        }
        fputc(*text == '\n' ? 'n' : *text, script);
    }
    fputc('"', script);
}

static void write_setting(FILE *script, const char *setting, const char *text)
{
    fprintf(script, "set %s ", setting);
    write_quoted(script, text != NULL ? text : "");
    fputc('\n', script);
}

void write_number(FILE *script, double value)
{
    if (isfinite(value)) {
        fprintf(script, " %.9g", value);
    } else {
        fputs(" NaN", script);
    }
}

/* ---- heat maps ----------------------------------------------------------------------------------------- */

static void write_ticks(FILE *script, const char *axis, const char *const *labels, size_t count)
{
    fprintf(script, "set %s (", axis);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", script);
        write_quoted(script, labels[i]);
        fprintf(script, " %zu", i);
    }
    fputs(")\n", script);
}

/* Figures of a cell as large as it has room for; slanted names where they would run into one another. */
static void write_heat_map(FILE *script, const struct heat_map *heat, int width)
{
    const int cell = (width - HEAT_BESIDE) / (int)heat->column_count, fit = cell * 2 / 5;
    size_t longest = 1;
    fputs("$heat << END_OF_DATA\n", script);
    for (size_t i = 0; i < heat->row_count; i++) {
        for (size_t j = 0; j < heat->column_count; j++) {
            fprintf(script, "%zu %zu", j, i);
            write_number(script, heat->values[i * heat->column_count + j]);
            fputc('\n', script);
        }
    }
    fputs("END_OF_DATA\n", script);
    for (size_t j = 0; j < heat->column_count; j++) {
        longest = strlen(heat->columns[j]) > longest ? strlen(heat->columns[j]) : longest;
    }
    write_ticks(script, ((int)longest + 2) * CHARACTER > cell ? "xtics rotate by -35" : "xtics",
                heat->columns, heat->column_count);
    write_ticks(script, "ytics", heat->rows, heat->row_count);
    fprintf(script, "set xrange [-0.5:%g]\nset yrange [%g:-0.5]\nset cbrange [%.9g:%.9g]\n",
            (double)heat->column_count - 0.5, (double)heat->row_count - 0.5, heat->low, heat->high);
    fprintf(script,
            "unset key\nunset grid\nset border front\nset palette defined (0 '#ffffff', 1 '#4292c6')\n"
            "plot $heat using 1:2:3 with image pixels, "
            "$heat using 1:2:($3 == 0 ? '0' : sprintf('%%.2f', $3)) with labels font ',%d'\n"
            "set border back\nunset xrange\nunset yrange\nset xtics auto norotate\nset ytics auto\nset "
            "key\n" GRID,
            fit < FONT ? fit : FONT);
}

/* ---- the sheet ----------------------------------------------------------------------------------------- */

/* Upwards there is room for little: long names have lines. */
static void write_y_label(FILE *script, const char *text)
{
    char lines[LABEL_SIZE];
    size_t begin = 0;
    snprintf(lines, sizeof lines, "%s", text != NULL ? text : "");
    for (size_t i = 0; lines[i] != '\0'; i++) {
        const size_t word = strcspn(lines + i + 1, " ");
        if (lines[i] == ' ' && i + word - begin >= Y_LABEL) {
            lines[i] = '\n';
            begin = i + 1;
        }
    }
    write_setting(script, "ylabel", lines);
}

static void write_chart(FILE *script, const struct chart *chart, int width)
{
    write_setting(script, "title", chart->title);
    fputs("set xlabel ", script);
    write_quoted(script, chart->x_label != NULL ? chart->x_label : "");
    fputs(" offset 0,above\n", script);
    write_y_label(script, chart->y_label);
    if (chart->heat != NULL) {
        write_heat_map(script, chart->heat, width);
    } else {
        write_curves(script, chart);
    }
}

/* Of lines of the key beyond the first, as many as gnuplot will have, or about. */
static int key_height(const struct chart *chart, int width)
{
    size_t entries = 0, longest = 0;
    for (size_t c = 0; c < chart->curve_count; c++) {
        const char *title = chart->curves[c].title;
        entries += title != NULL;
        longest = title != NULL && strlen(title) > longest ? strlen(title) : longest;
    }
    const int fit = width * 4 / 5 / (CHARACTER * ((int)longest + KEY_SAMPLE)), columns = fit > 0 ? fit : 1;
    return entries > 0 ? ((int)entries - 1) / columns * KEY_LINE : 0;
}

static int chart_height(const struct chart *chart, int width)
{
    const int heat = chart->heat != NULL ? HEAT_BESIDE + HEAT_ROW * (int)chart->heat->row_count : 0,
              curves = CHART_HEIGHT + key_height(chart, width);
    return heat > curves ? heat : curves;
}

/* Where a chart lies on the sheet, in pixels from its top left. */
struct place {
    int x, y, width, height;
};

/* Returns the sheet's height. */
static int lay_out(const struct chart *charts, size_t count, int top, struct place *places)
{
    const int sheet = count > 1 ? 2 * CHART_WIDTH : SINGLE_WIDTH;
    int y = top;
    for (size_t i = 0; i < count;) {
        const bool alone = i == 0 && count % 2 == 1;
        const size_t beside = alone ? 1 : 2;
        const int width = sheet / (int)beside, left = chart_height(&charts[i], width),
                  right = chart_height(&charts[i + beside - 1], width);
        for (size_t c = 0; c < beside; c++) {
            places[i + c] = (struct place){ (int)c * CHART_WIDTH, y, width, left > right ? left : right };
        }
        y += places[i].height;
        i += beside;
    }
    return y;
}

static int lines_of(const char *text)
{
    int lines = text != NULL;
    for (; text != NULL && *text != '\0'; text++) {
        lines += *text == '\n';
    }
    return lines;
}

/* One less than the terminal has: some wrap after a full last column. */
static int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return USUAL;
    }
    const int columns = size.ws_col < WIDEST ? size.ws_col : WIDEST;
    return (columns > NARROWEST ? columns : NARROWEST) - 1;
}

static void write_terminal_charts(FILE *script, const char *title, const struct chart *charts, size_t count)
{
    fprintf(script, "set terminal dumb nofeed mono noenhanced size %d,%d\nset key below width 2\nabove = 0\n",
            terminal_columns(), LINES);
    if (title != NULL) {
        fputs("print ", script);
        write_quoted(script, title);
        fputc('\n', script);
    }
    for (size_t i = 0; i < count; i++) {
        write_chart(script, &charts[i], CHART_WIDTH);
        fputs("print ''\n", script);
    }
}

static void write_sheet(FILE *script, const char *path, const char *title, const struct chart *charts,
                        size_t count)
{
    struct place places[MAX_CHARTS];
    const char *ending = strrchr(path, '.');
    const int height = lay_out(charts, count, LINE * lines_of(title), places),
              width = count > 1 ? 2 * CHART_WIDTH : SINGLE_WIDTH;
    fprintf(script, "set terminal %s noenhanced background 'white' size %d,%d\nset output ",
            strcmp(ending, ".png") == 0 ? "pngcairo font 'sans,12'" : SVG_TERMINAL, width, height);
    write_quoted(script, path);
    fputs("\n" STYLE "set multiplot", script);
    if (title != NULL) {
        fputs(" title ", script);
        write_quoted(script, title);
    }
    fputc('\n', script);
    for (size_t i = 0; i < count; i++) {
        const struct place *p = &places[i];
        fprintf(script, "set origin %.6f,%.6f\nset size %.6f,%.6f\n", (double)p->x / width,
                1.0 - (double)(p->y + p->height) / height, (double)p->width / width,
                (double)p->height / height);
        write_chart(script, &charts[i], p->width);
    }
    fputs("unset multiplot\nunset output\n", script);
}

/* -d: without the user's own settings. */
static FILE *start_gnuplot(void)
{
    fflush(stdout);
    FILE *script = popen("gnuplot -d", "w");
    if (script != NULL) {
        fputs("set print '-'\n", script);
    }
    return script;
}

/* `path` is what was to be drawn; NULL: nothing but text. */
static int end_gnuplot(FILE *script, const char *path)
{
    struct stat file;
    const int status = pclose(script);
    FAIL_IF(status != 0, work_error("gnuplot failed (is Debian's package gnuplot-nox installed?)"));
    FAIL_IF(path != NULL && (stat(path, &file) != 0 || file.st_size == 0),
            work_error("gnuplot could not write '%s'", path));
    return EXIT_DONE;
}

/* What comes before the element is for files of their own. */
static int copy_element(FILE *page, const char *path)
{
    char line[4096];
    bool inside = false;
    FILE *file = fopen(path, "r");
    FAIL_IF(file == NULL, work_error("cannot read what gnuplot drew"));
    while (fgets(line, sizeof line, file) != NULL) {
        inside = inside || strncmp(line, "<svg", 4) == 0;
        if (inside) {
            fputs(line, page);
        }
    }
    fclose(file);
    return inside ? EXIT_DONE : work_error("gnuplot drew no SVG");
}

/* A figure of a page, as SVG without a background, whose identifiers are of its own. */
static int draw_figure(struct canvas *canvas, const struct chart *chart)
{
    char path[] = "/tmp/mlp-chart-XXXXXX";
    const int file = mkstemp(path);
    FAIL_IF(file < 0, work_error("cannot make a file in /tmp for gnuplot"));
    close(file);
    FILE *script = start_gnuplot();
    int code = script != NULL ? EXIT_DONE : work_error("cannot run gnuplot");
    if (code == EXIT_DONE) {
        fprintf(script,
                "set terminal " FIGURE_TERMINAL
                " noenhanced name 'figure_%zu' size %d,%d\nset output '%s'\n" STYLE,
                ++canvas->figures, CHART_WIDTH, chart_height(chart, CHART_WIDTH), path);
        write_chart(script, chart, CHART_WIDTH);
        fputs("unset output\n", script);
        code = end_gnuplot(script, path);
    }
    fputs("<figure>\n", canvas->page);
    code = code == EXIT_DONE ? copy_element(canvas->page, path) : code;
    fputs("</figure>\n", canvas->page);
    unlink(path);
    return code;
}

int plot_draw(struct canvas *canvas, const struct chart *charts, size_t count)
{
    const char *path = canvas->path;
    if (canvas->page != NULL) {
        for (size_t i = 0; i < count; i++) {
            TRY(draw_figure(canvas, &charts[i]));
        }
        return EXIT_DONE;
    }
    if (path != NULL && check_output("plot", path) != EXIT_DONE) { /* gnuplot would draw on standard output */
        return EXIT_WORK;
    }
    FILE *script = start_gnuplot();
    FAIL_IF(script == NULL, work_error("cannot run gnuplot"));
    if (path != NULL) {
        write_sheet(script, path, canvas->title, charts, count);
    } else {
        write_terminal_charts(script, canvas->title, charts, count);
    }
    return end_gnuplot(script, path);
}
