/* mlp-bench plot: measures by executing itself, and has gnuplot draw. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mlp/info.h>

#include "bench.h"
#include "child.h"
#include "panels.h"

/* A panel's picture in pixels, and its lines in the terminal. */
enum { PANEL_WIDTH = 680, PANEL_HEIGHT = 540, PANEL_LINES = 24 };

static void list(void)
{
    for (int p = 0; p < PANELS; p++) {
        printf("%-8s %s\n", panels[p].name, panels[p].what);
    }
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

/* Takes the rows from the command's lines of JSON. False when a line is none. */
static bool read_rows(FILE *stream, json_t *rows)
{
    char *line = NULL;
    size_t size = 0;
    bool good = rows != NULL;
    while (getline(&line, &size, stream) >= 0) {
        good = good && json_array_append_new(rows, json_loads(line, 0, NULL)) == 0;
    }
    free(line);
    return good;
}

enum { MAX_ARGUMENTS = PANEL_ARGUMENTS + 11, NUMBER_SIZE = 32 };

/* What mlp-bench is executed with. */
struct command_line {
    const char *arguments[MAX_ARGUMENTS + 1];
    char seconds[NUMBER_SIZE], threads[NUMBER_SIZE], batch[NUMBER_SIZE];
};

static void make_command_line(const struct settings *settings, const struct panel *panel,
                              struct command_line *line)
{
    const char *network = settings->custom.count > 0 && panel->of_networks ? settings->custom.name : NULL;
    size_t n = 0;
    memset(line, 0, sizeof *line);
    line->arguments[n++] = "mlp-bench";
    for (size_t i = 0; i < PANEL_ARGUMENTS && panel->arguments[i] != NULL; i++) {
        line->arguments[n++] = panel->arguments[i];
    }
    snprintf(line->seconds, sizeof line->seconds, "%.17g", settings->seconds);
    snprintf(line->threads, sizeof line->threads, "%d", settings->threads);
    snprintf(line->batch, sizeof line->batch, "%zu", settings->custom.batch);
    const char *const options[][2] = {
        { "--json", "" },
        { "--time", line->seconds },
        { "--threads", settings->threads_given ? line->threads : NULL },
        { network != NULL && workload_find(network) != NULL ? "--workload" : "--layers", network },
        { "--batch", settings->batch_given && panel->of_networks ? line->batch : NULL },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (options[i][1] != NULL) {
            line->arguments[n++] = options[i][0];
        }
        if (options[i][1] != NULL && options[i][1][0] != '\0') {
            line->arguments[n++] = options[i][1];
        }
    }
}

/* The panel's rows, or NULL; the reason is on standard error. */
static json_t *measure(const struct settings *settings, const struct panel *panel)
{
    struct command_line line;
    struct child child;
    json_t *rows = json_array();
    make_command_line(settings, panel, &line);
    fprintf(stderr, "mlp-bench plot: measuring %s\n", panel->name);
    const int error = child_start("/proc/self/exe", line.arguments, "r", &child);
    if (error != 0) {
        fprintf(stderr, "mlp-bench plot: cannot run %s: %s\n", panel->name, strerror(error));
        json_decref(rows);
        return NULL;
    }
    const bool good = read_rows(child.pipe, rows);
    const int status = child_end(&child);
    if (!good || status != 0 || json_array_size(rows) == 0) {
        fprintf(stderr, "mlp-bench plot: `mlp-bench %s` gave no rows to draw (exit status %d)\n", panel->name,
                status);
        json_decref(rows);
        return NULL;
    }
    return rows;
}

static void print_rows(const struct panel *panel, const json_t *rows)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        json_object_set_new(row, "plot", json_string(panel->name));
        print_json(json_incref(row));
    }
}

/* ---- drawing ------------------------------------------------------------------------------------------- */

struct drawing {
    const struct settings *settings;
    const char *kind; /* "png" or "svg", or NULL without a file */
    bool created;     /* the file, by this run */
    bool terminal;
    struct child gnuplot;
    json_t *rows[PANELS]; /* NULL: not chosen */
};

/* Columns of the terminal; COLUMNS or 80 where standard output is none. */
static int terminal_columns(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    int found = columns != NULL ? atoi(columns) : 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        found = size.ws_col;
    }
    if (found <= 0) {
        return 80;
    }
    found = found > 40 ? found : 40;
    return found < 240 ? found : 240;
}

/* Each panel, and the gnuplot commands that follow it. */
static void write_panels(const struct drawing *d, const char *then)
{
    mlp_info info;
    mlp_info_get(&info);
    for (int p = 0; p < PANELS; p++) {
        if (d->rows[p] != NULL) {
            panels[p].write_plot(d->gnuplot.pipe, d->rows[p], info.blas_core);
            fputs(then, d->gnuplot.pipe);
        }
    }
}

/* A name that begins with `|` or `~` would be a command or a home folder to gnuplot: no name of ours begins
 * so. */
static void write_file_name(FILE *gnuplot, const char *file)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", file[0] == '/' ? "" : "./", file);
    fputs("set output ", gnuplot);
    write_quoted(gnuplot, path);
    fputc('\n', gnuplot);
}

static void write_script(const struct drawing *d)
{
    FILE *gnuplot = d->gnuplot.pipe;
    int count = 0;
    for (int p = 0; p < PANELS; p++) {
        if (d->rows[p] != NULL) {
            fprintf(gnuplot, "$%s << END_OF_DATA\n", panels[p].name);
            panels[p].write_data(gnuplot, d->rows[p]);
            fputs("END_OF_DATA\n", gnuplot);
            count++;
        }
    }
    panels_write_style(gnuplot);
    if (d->terminal) {
        fprintf(gnuplot, "set print '-'\nset terminal dumb nofeed mono noenhanced size %d,%d\n",
                terminal_columns(), PANEL_LINES);
        write_panels(d, "print ''\n"); /* it ends no line after a drawing */
    }
    if (d->kind != NULL) {
        fputs(strcmp(d->kind, "png") == 0
                  ? "set terminal pngcairo noenhanced font 'sans,12' background 'white'"
                  : "set terminal svg noenhanced font 'sans-serif,14' background 'white'",
              gnuplot);
        fprintf(gnuplot, " size %d,%d\nset grid linestyle 10\n", PANEL_WIDTH * count, PANEL_HEIGHT);
        write_file_name(gnuplot, d->settings->output);
        fprintf(gnuplot, "set multiplot layout 1,%d\n", count);
        write_panels(d, "");
        fputs("unset multiplot\nunset output\n", gnuplot);
    }
}

/* ---- the command --------------------------------------------------------------------------------------- */

/* Whether the file can be written, before minutes are spent. It may come to exist, empty. */
static bool open_output(struct drawing *d)
{
    const char *file = d->settings->output;
    int descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    d->created = descriptor >= 0;
    if (!d->created && errno == EEXIST) {
        descriptor = open(file, O_WRONLY | O_CLOEXEC);
    }
    if (descriptor < 0) {
        fprintf(stderr, "mlp-bench plot: cannot write %s: %s\n", file, strerror(errno));
        return false;
    }
    close(descriptor);
    return true;
}

static bool start_gnuplot(struct drawing *d)
{
    static const char *const arguments[] = { "gnuplot", "-d",
                                             NULL }; /* -d: not with the user's own settings */
    const int error = child_start(arguments[0], arguments, "w", &d->gnuplot);
    if (error == ENOENT) {
        fputs("mlp-bench plot: gnuplot is not installed; on Debian it is in the package gnuplot-nox\n",
              stderr);
    } else if (error != 0) {
        fprintf(stderr, "mlp-bench plot: cannot run gnuplot: %s\n", strerror(error));
    }
    return error == 0;
}

static bool measure_all(struct drawing *d)
{
    for (int p = 0; p < PANELS; p++) {
        if (is_chosen(d->settings, panels[p].name)) {
            d->rows[p] = measure(d->settings, &panels[p]);
            if (d->rows[p] == NULL) {
                return false;
            }
            if (d->settings->json) {
                print_rows(&panels[p], d->rows[p]);
            }
        }
    }
    return true;
}

/* Sends the script and waits for the pictures. */
static bool draw(struct drawing *d)
{
    struct stat file;
    signal(SIGPIPE, SIG_IGN); /* a gnuplot that has given up shows in its exit status */
    write_script(d);
    const int status = child_end(&d->gnuplot);
    if (status != 0) {
        fprintf(stderr, "mlp-bench plot: gnuplot failed (exit status %d)\n", status);
        return false;
    }
    if (d->kind != NULL && (stat(d->settings->output, &file) != 0 || file.st_size == 0)) {
        fprintf(stderr, "mlp-bench plot: gnuplot left %s empty\n", d->settings->output);
        return false;
    }
    return true;
}

static bool run_drawing(struct drawing *d)
{
    if (d->kind != NULL && !open_output(d)) {
        return false;
    }
    const bool drawn = d->kind != NULL || d->terminal;
    const bool done = (!drawn || start_gnuplot(d)) && measure_all(d) && (!drawn || draw(d));
    child_end(&d->gnuplot);
    for (int p = 0; p < PANELS; p++) {
        json_decref(d->rows[p]);
    }
    if (!done && d->created) {
        unlink(d->settings->output);
    }
    return done;
}

static int run(const struct settings *settings)
{
    struct drawing drawing = { .settings = settings, .terminal = !settings->json };
    bool any = false;
    for (int p = 0; p < PANELS; p++) {
        any = any || is_chosen(settings, panels[p].name);
    }
    if (!any) {
        return bad_usage("plot", "--filter", settings->filter, "gemm, step or scaling");
    }
    if (settings->output != NULL) {
        const char *ending = strrchr(settings->output, '.');
        if (ending == NULL || (strcmp(ending, ".png") != 0 && strcmp(ending, ".svg") != 0)) {
            return bad_usage("plot", "--output", settings->output, "a file's name that ends in .png or .svg");
        }
        drawing.kind = ending + 1;
    }
    return run_drawing(&drawing) ? 0 : 1;
}

/* clang-format off */
const struct command plot_command = {
    .name = "plot",
    .description = "curves of gemm, step and scaling, in the terminal and as PNG or SVG",
    .about = "Measures in short form what `mlp-bench gemm`, `step` and `scaling` do, and draws with "
             "gnuplot: the speed of square\n"
             "products over their size, the ratio of step and bare products for each workload, and the "
             "step's speed-up over\n"
             "threads; in the terminal and with --output into a file. --filter keeps to one of the three. "
             "A network\n"
             "given is for step and scaling. gemm takes one thread unless --threads says more.\n\n"
             "With --json the rows behind the curves appear in place of the drawing in the terminal: keys "
             "as those commands\n"
             "have, and plot, which names the drawing.",
    .example = "mlp-bench plot --output curves.png",
    .options = OPTIONS_PLOT | OPTIONS_NETWORK,
    .seconds = 0.3,
    .list = list,
    .run = run,
};
/* clang-format on */
