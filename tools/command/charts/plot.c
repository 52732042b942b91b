/* Charts, as scripts for gnuplot. */
#include "charts/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message.h"
#include "reports/output_file.h"

/* A chart in pixels, and in characters. */
enum { CHARTS_BESIDE = 3, CHART_WIDTH = 760, CHART_HEIGHT = 480, HEAT_ROW = 34, LINES = 24 };
enum { NARROWEST = 40, USUAL = 79, WIDEST = 120 };

/* Points of a curve that still have a mark each. */
enum { MARKED = 50 };

/* Colours that the colour-blind can tell apart (Okabe & Ito 2008). */
static const char *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                       "#e69f00", "#56b4e9", "#000000" };

enum { COLOURS = sizeof colours / sizeof colours[0] };

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
static void write_quoted(FILE *script, const char *text)
{
    fputc('"', script);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', script);
        }
        fputc(*text, script);
    }
    fputc('"', script);
}

static void write_setting(FILE *script, const char *setting, const char *text)
{
    fprintf(script, "set %s ", setting);
    write_quoted(script, text != NULL ? text : "");
    fputc('\n', script);
}

static void write_number(FILE *script, double value)
{
    if (isfinite(value)) {
        fprintf(script, " %.9g", value);
    } else {
        fputs(" NaN", script);
    }
}

/* ---- curves -------------------------------------------------------------------------------------------- */

static bool can_show(const struct chart *chart, const struct curve *curve, size_t i)
{
    return isfinite(curve->x[i]) && isfinite(curve->y[i]) && (!chart->log_x || curve->x[i] > 0.0) &&
           (!chart->log_y || curve->y[i] > 0.0);
}

static bool is_empty(const struct chart *chart, const struct curve *curve)
{
    size_t i = 0;
    while (i < curve->count && !can_show(chart, curve, i)) {
        i++;
    }
    return i == curve->count;
}

static void write_curve_data(FILE *script, const struct chart *chart, size_t c)
{
    const struct curve *curve = &chart->curves[c];
    fprintf(script, "$curve%zu << END_OF_DATA\n", c);
    for (size_t i = 0; i < curve->count; i++) {
        if (can_show(chart, curve, i)) {
            const double y = curve->y[i], half = curve->deviation != NULL ? curve->deviation[i] : 0.0;
            write_number(script, curve->x[i]);
            write_number(script, y);
            /* a bar that reaches 0 has no end on a logarithmic axis */
            write_number(script, chart->log_y && !(y - half > 0.0) ? y : y - half);
            write_number(script, y + half);
        }
        fputc('\n', script); /* an empty line breaks the curve */
    }
    fputs("END_OF_DATA\n", script);
}

static void write_curve(FILE *script, const struct curve *curve, size_t c, bool first)
{
    const char *colour = colours[(unsigned)curve->colour % COLOURS];
    fprintf(script, "%s$curve%zu ", first ? "plot " : ", ", c);
    if (curve->kind == CURVE_THEORY) {
        fprintf(script, "using 1:2 with lines linewidth 2 dashtype 2 linecolor rgb '%s'", colour);
    } else if (curve->kind == CURVE_POINTS) {
        fprintf(script, "using 1:2 with points pointtype %d pointsize 0.5 linecolor rgb '%s'",
                curve->colour % 7 + 5, colour);
    } else if (curve->deviation != NULL) {
        fprintf(script,
                "using 1:2:3:4 with yerrorlines linewidth 1.5 pointtype %d pointsize 0.7 linecolor rgb '%s'",
                curve->colour % 7 + 5, colour);
    } else if (curve->count > MARKED) {
        fprintf(script, "using 1:2 with lines linewidth 1.5 linecolor rgb '%s'", colour);
    } else {
        fprintf(script,
                "using 1:2 with linespoints linewidth 1.5 pointtype %d pointsize 0.7 linecolor rgb '%s'",
                curve->colour % 7 + 5, colour);
    }
    if (curve->title != NULL) {
        fputs(" title ", script);
        write_quoted(script, curve->title);
    } else {
        fputs(" notitle", script);
    }
}

/* An axis on which all points are at one place gets a range about it. */
static void write_range(FILE *script, const struct chart *chart, char axis)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t c = 0; c < chart->curve_count; c++) {
        const struct curve *curve = &chart->curves[c];
        for (size_t i = 0; i < curve->count; i++) {
            const double value = axis == 'x' ? curve->x[i] : curve->y[i];
            low = can_show(chart, curve, i) ? fmin(low, value) : low;
            high = can_show(chart, curve, i) ? fmax(high, value) : high;
        }
    }
    const double about = low != 0.0 ? 0.5 * fabs(low) : 1.0;
    if (low == high) {
        fprintf(script, "set %crange [%.9g:%.9g]\n", axis, low - about, high + about);
    } else {
        fprintf(script, "set %crange [*:*]\n", axis);
    }
}

static void write_curves(FILE *script, const struct chart *chart)
{
    for (size_t c = 0; c < chart->curve_count; c++) {
        write_curve_data(script, chart, c);
    }
    fprintf(script, "%sset logscale x\n%sset logscale y\n", chart->log_x ? "" : "un",
            chart->log_y ? "" : "un");
    fputs("set autoscale xfix\n", script);
    write_range(script, chart, 'x');
    write_range(script, chart, 'y');
    fputs(chart->log_x ? "set format x '%g'\n" : "set format x\n", script);
    fputs(chart->log_y ? "set format y '%.0e'\n" : "set format y '%g'\n", script);
    bool first = true;
    for (size_t c = 0; c < chart->curve_count; c++) {
        if (!is_empty(chart, &chart->curves[c])) {
            write_curve(script, &chart->curves[c], c, first);
            first = false;
        }
    }
    fputc('\n', script);
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

static void write_heat_map(FILE *script, const struct heat_map *heat)
{
    fputs("$heat << END_OF_DATA\n", script);
    for (size_t i = 0; i < heat->row_count; i++) {
        for (size_t j = 0; j < heat->column_count; j++) {
            fprintf(script, "%zu %zu", j, i);
            write_number(script, heat->values[i * heat->column_count + j]);
            fputc('\n', script);
        }
    }
    fputs("END_OF_DATA\n", script);
    write_ticks(script, heat->column_count > 6 ? "xtics rotate by -35" : "xtics", heat->columns,
                heat->column_count);
    write_ticks(script, "ytics", heat->rows, heat->row_count);
    fprintf(script, "set xrange [-0.5:%g]\nset yrange [%g:-0.5]\nset cbrange [%.9g:%.9g]\n",
            (double)heat->column_count - 0.5, (double)heat->row_count - 0.5, heat->low, heat->high);
    fputs("unset key\nunset grid\nset palette defined (0 '#2166ac', 1 '#f7f7f7', 2 '#b2182b')\n"
          "plot $heat using 1:2:3 with image pixels, $heat using 1:2:(sprintf('%.2f', $3)) with labels\n"
          "unset xrange\nunset yrange\nset xtics auto norotate\nset ytics auto\nset key\n",
          script);
}

/* ---- the script ---------------------------------------------------------------------------------------- */

static void write_chart(FILE *script, const struct chart *chart)
{
    write_setting(script, "title", chart->title);
    write_setting(script, "xlabel", chart->x_label);
    write_setting(script, "ylabel", chart->y_label);
    if (chart->heat != NULL) {
        write_heat_map(script, chart->heat);
    } else {
        write_curves(script, chart);
    }
}

static int chart_height(const struct chart *charts, size_t count)
{
    int height = CHART_HEIGHT;
    for (size_t i = 0; i < count; i++) {
        const int heat = charts[i].heat != NULL ? 180 + HEAT_ROW * (int)charts[i].heat->row_count : 0;
        height = heat > height ? heat : height;
    }
    return height;
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

static void write_script(FILE *script, const char *path, const struct chart *charts, size_t count)
{
    const size_t columns = count < CHARTS_BESIDE ? count : (size_t)CHARTS_BESIDE,
                 lines = (count + columns - 1) / columns;
    const char *ending = path != NULL ? strrchr(path, '.') : "";
    if (path == NULL) {
        fprintf(script, "set terminal dumb nofeed mono noenhanced size %d,%d\nset key below width 2\n",
                terminal_columns(), LINES);
    } else {
        fprintf(script, "set terminal %s noenhanced background 'white' size %zu,%d\n",
                strcmp(ending, ".png") == 0 ? "pngcairo font 'sans,11'" : "svg font 'sans-serif,13'",
                columns * CHART_WIDTH, (int)lines * chart_height(charts, count));
        fputs("set grid linecolor rgb '#dddddd' linetype 1 linewidth 0.5\nset key outside right top\n",
              script);
        fprintf(script, "set output ");
        write_quoted(script, path);
        fprintf(script, "\nset multiplot layout %zu,%zu\n", lines, columns);
    }
    for (size_t i = 0; i < count; i++) {
        write_chart(script, &charts[i]);
        fputs(path == NULL ? "print ''\n" : "", script);
    }
    fputs(path == NULL ? "" : "unset multiplot\nunset output\n", script);
}

int plot_draw(const char *path, const struct chart *charts, size_t count)
{
    struct stat file;
    if (path != NULL && check_output("plot", path) != EXIT_DONE) { /* gnuplot would draw on standard output */
        return EXIT_WORK;
    }
    fflush(stdout);
    FILE *script = popen("gnuplot -d", "w"); /* -d: without the user's own settings */
    FAIL_IF(script == NULL, work_error("cannot run gnuplot"));
    fputs("set print '-'\n", script);
    write_script(script, path, charts, count);
    const int status = pclose(script);
    FAIL_IF(status != 0, work_error("gnuplot failed (is Debian's package gnuplot-nox installed?)"));
    FAIL_IF(path != NULL && (stat(path, &file) != 0 || file.st_size == 0),
            work_error("gnuplot could not write '%s'", path));
    return EXIT_DONE;
}
