/* `mlp plot`: draws a training's log or history. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "charts/log_file.h"
#include "reports/output_file.h"
#include "charts/plot.h"

enum { MAX_LOGS = 8, CURVES_OF_A_LOG = 2, TITLE_SIZE = 96, LONGEST_NAME = 28 };

struct plot_settings {
    const char *output;
    int log_scale;
    struct log_file logs[MAX_LOGS];
    struct page *page; /* what is drawn */
};

/* A chart and the columns it shows. */
struct view {
    const char *title;
    enum log_column columns[CURVES_OF_A_LOG]; /* LOG_COLUMNS: none */
    const char *names[CURVES_OF_A_LOG];
    bool may_be_log;
    double idle; /* curves that have this value alone are left out; NaN: none is */
};

static const struct view views[] = {
    { "loss", { LOG_LOSS, LOG_VALIDATION_LOSS }, { "training", "validation" }, true, NAN },
    { "accuracy", { LOG_ACCURACY, LOG_VALIDATION_ACCURACY }, { "training", "validation" }, false, NAN },
    { "learning rate", { LOG_LEARNING_RATE, LOG_COLUMNS }, { "", "" }, true, NAN },
    { "gradient norm", { LOG_GRADIENT_NORM, LOG_COLUMNS }, { "", "" }, true, NAN },
    { "clip scale", { LOG_CLIP_SCALE, LOG_COLUMNS }, { "", "" }, true, 1.0 },
    { "share of steps", { LOG_CLIPPED, LOG_SKIPPED }, { "clipped", "skipped" }, false, 0.0 },
};
enum { VIEWS = sizeof views / sizeof views[0] };

/* A curve with the memory it points into. */
struct drawn {
    struct curve curve;
    char title[TITLE_SIZE];
    double *points;
};

struct page {
    struct chart charts[VIEWS];
    struct curve curves[VIEWS][MAX_LOGS * CURVES_OF_A_LOG];
    struct drawn drawn[VIEWS * MAX_LOGS * CURVES_OF_A_LOG];
    size_t chart_count, drawn_count;
};

/* The numbers that the log has in a column, over steps where all logs have them. */
static int collect(const struct log_file *log, enum log_column x, enum log_column y, struct drawn *drawn)
{
    size_t count = 0;
    double *points = calloc(2 * log->count + 1, sizeof *points);
    FAIL_IF(points == NULL, out_of_memory());
    for (size_t i = 0; i < log->count; i++) {
        if (isfinite(log->rows[i][x]) && isfinite(log->rows[i][y])) {
            points[count] = log->rows[i][x];
            points[log->count + count++] = log->rows[i][y];
        }
    }
    drawn->points = points;
    drawn->curve = (struct curve){ .x = points, .y = points + log->count, .count = count };
    return EXIT_DONE;
}

static bool is_all(const struct curve *curve, double value)
{
    size_t i = 0;
    while (i < curve->count && curve->y[i] == value) {
        i++;
    }
    return i == curve->count;
}

/* How much all paths begin with that ends in '/': folders common to all. */
static size_t common_folder(char *const *paths, size_t count)
{
    size_t common = 0;
    for (size_t i = 0; paths[0][i] != '\0'; i++) {
        for (size_t l = 1; l < count; l++) {
            if (paths[l][i] != paths[0][i]) {
                return common;
            }
        }
        common = paths[0][i] == '/' ? i + 1 : common;
    }
    return common;
}

static bool continues_character(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* A long name loses its middle, but no half of a character. */
static void shorten(const char *name, char *text, size_t size)
{
    const size_t length = strlen(name), half = LONGEST_NAME / 2;
    size_t head = half, tail = length - half;
    if (length <= LONGEST_NAME) {
        snprintf(text, size, "%s", name);
        return;
    }
    while (head > 0 && continues_character(name[head])) {
        head--;
    }
    while (continues_character(name[tail])) {
        tail++;
    }
    snprintf(text, size, "%.*s...%s", (int)head, name, name + tail);
}

/* Several logs have a colour each, and their second curves dashes; the curves of a single one have colours of
 * their own. */
static void style_curve(struct drawn *drawn, char *const *paths, size_t count, size_t log, const char *what,
                        size_t column)
{
    char name[TITLE_SIZE / 2] = "";
    if (count > 1) {
        shorten(paths[log] + common_folder(paths, count), name, sizeof name);
    }
    snprintf(drawn->title, sizeof drawn->title, "%s%s%s", name, count > 1 && what[0] != '\0' ? " " : "",
             what);
    drawn->curve.title = drawn->title[0] != '\0' ? drawn->title : NULL;
    drawn->curve.colour = (int)(count > 1 ? log : column);
    drawn->curve.kind = count > 1 && column > 0 ? CURVE_THEORY : CURVE_MEASURED;
}

static int add_chart(struct page *page, const struct view *view, const struct log_file *logs,
                     char *const *paths, size_t count, enum log_column x, bool log_scale)
{
    struct curve *curves = page->curves[page->chart_count];
    size_t curve_count = 0;
    for (size_t l = 0; l < count; l++) {
        for (size_t c = 0; c < CURVES_OF_A_LOG && view->columns[c] != LOG_COLUMNS; c++) {
            struct drawn *drawn = &page->drawn[page->drawn_count];
            TRY(collect(&logs[l], x, view->columns[c], drawn));
            page->drawn_count++;
            style_curve(drawn, paths, count, l, view->names[c], c);
            if (drawn->curve.count > 0 && !is_all(&drawn->curve, view->idle)) {
                curves[curve_count++] = drawn->curve;
            }
        }
    }
    if (curve_count > 0) {
        page->charts[page->chart_count++] = (struct chart){ .title = view->title,
                                                            .x_label = x == LOG_STEP ? "step" : "epoch",
                                                            .y_label = "",
                                                            .log_y = log_scale && view->may_be_log,
                                                            .curves = curves,
                                                            .curve_count = curve_count };
    }
    return EXIT_DONE;
}

static int draw(struct plot_settings *s, char *const *paths, size_t count)
{
    enum log_column x = LOG_STEP;
    s->page = calloc(1, sizeof *s->page);
    TRY(s->page != NULL ? EXIT_DONE : out_of_memory());
    for (size_t l = 0; l < count; l++) {
        x = isnan(s->logs[l].rows[0][LOG_STEP]) ? LOG_EPOCH : x;
    }
    for (size_t v = 0; v < VIEWS; v++) {
        TRY(add_chart(s->page, &views[v], s->logs, paths, count, x, s->log_scale != 0));
    }
    return s->page->chart_count > 0 ? plot_draw(s->output, s->page->charts, s->page->chart_count)
                                    : work_error("%s: holds nothing to draw", paths[0]);
}

#define FIELD(member) offsetof(struct plot_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    TEXT("output", "FILE", output, "Write the charts here, as SVG or PNG by the name's ending (default: draw "
        "them in the terminal).", .letter = 'o'),
    FLAG("log-scale", log_scale, 1,
        "Logarithmic axes for loss, learning rate, gradient norm and clip scale."),
    { .kind = OPTION_END },
};
/* clang-format on */

static int run(void *settings, int operands, char **operand)
{
    struct plot_settings *s = settings;
    FAIL_IF(operands < 1 || operands > MAX_LOGS,
            usage_error("plot: expected 1 to %d logs, got %d; `mlp plot --help` explains it", MAX_LOGS,
                        operands));
    if (s->output != NULL) {
        TRY(plot_check_name("--output", s->output));
        for (int l = 0; l < operands; l++) {
            const struct file_use uses[] = { { "the logs", operand[l], false },
                                             { "--output", s->output, true } };
            TRY(check_distinct(uses, 2));
        }
        TRY(check_output("--output", s->output));
    }
    for (int l = 0; l < operands; l++) {
        TRY(log_file_read(operand[l], &s->logs[l]));
    }
    TRY(plot_check_gnuplot("plot"));
    return draw(s, operand, (size_t)operands);
}

static void release(void *settings)
{
    struct plot_settings *s = settings;
    if (s->page != NULL) {
        for (size_t d = 0; d < s->page->drawn_count; d++) {
            free(s->page->drawn[d].points);
        }
    }
    free(s->page);
    for (size_t l = 0; l < MAX_LOGS; l++) {
        log_file_free(&s->logs[l]);
    }
}

const struct command plot_command = {
    .name = "plot",
    .summary = "draw the log of a training",
    .synopsis = "LOG... [OPTION...]",
    .description = "Draws loss, accuracy, learning rate, gradient norm, clip scale and the shares of clipped "
                   "and skipped steps over the steps, from what `mlp train` wrote with --log or --history. "
                   "Several logs come into the same charts.",
    .rows = rows,
    .examples = "  mlp train --data digits --validation 0.2 --log digits.csv --output digits.st\n"
                "  mlp plot digits.csv\n"
                "  mlp plot digits.csv other.jsonl --output curves.svg\n",
    .settings_size = sizeof(struct plot_settings),
    .run = run,
    .release = release,
};
