/* Charts of trainings, from their logs or histories. */
#include "charts/log_charts.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "charts/chart_title.h"
#include "command.h"

enum {
    CURVES_OF_A_LOG = 2,
    TITLE_SIZE = 96,
    CONSTANTS_SIZE = 256,
    SHEET_TITLE = CHART_TITLE + CONSTANTS_SIZE
};

/* A logarithmic axis pays where more than such a share of the values lies so far below the highest. */
#define WIDE_SHARE 0.2
#define WIDE_RANGE 20.0
/* Time is logarithmic where so much of the loss's fall ... */
#define EARLY_FALL 0.9
/* ... lies in this share of it. */
#define EARLY_TIME 0.05

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

/* What time is counted in. */
struct time_axis {
    bool epochs, logarithmic;
    double steps[MAX_LOGS]; /* of an epoch of each log; NaN: it tells of epochs alone */
};

struct page {
    struct chart charts[VIEWS];
    struct curve curves[VIEWS][MAX_LOGS * CURVES_OF_A_LOG];
    struct drawn drawn[VIEWS * MAX_LOGS * CURVES_OF_A_LOG];
    struct mark marks[VIEWS][MAX_LOGS];
    char mark_texts[MAX_LOGS][TITLE_SIZE];
    char constants[CONSTANTS_SIZE]; /* "learning rate 0.1"; empty: none */
    size_t chart_count, drawn_count;
    struct time_axis time;
};

/* ---- time ---------------------------------------------------------------------------------------------- */

/* A step s of epoch e lies in ((e - 1)·S, e·S], and the last of each epoch is in the log: S is the largest
 * s/e. */
static double steps_of_epoch(const struct log_file *log)
{
    double steps = NAN;
    for (size_t i = 0; i < log->count; i++) {
        steps = fmax(steps, log->rows[i][LOG_STEP] / log->rows[i][LOG_EPOCH]);
    }
    return steps;
}

static struct time_axis choose_time(const struct log_file *logs, size_t count)
{
    struct time_axis time = { .epochs = true };
    bool has_steps = true;
    for (size_t l = 0; l < count; l++) {
        const double *last = logs[l].rows[logs[l].count - 1];
        time.steps[l] = steps_of_epoch(&logs[l]);
        time.epochs = time.epochs && last[LOG_EPOCH] >= 2.0; /* NaN is not */
        has_steps = has_steps && !isnan(last[LOG_STEP]);
    }
    time.epochs = time.epochs || !has_steps;
    return time;
}

static double time_of(const struct time_axis *time, const struct log_file *log, size_t l, size_t row)
{
    const double step = log->rows[row][LOG_STEP];
    if (!time->epochs) {
        return step;
    }
    return isnan(step) ? log->rows[row][LOG_EPOCH] : step / time->steps[l];
}

/* ---- curves -------------------------------------------------------------------------------------------- */

/* The numbers that the log has in a column. */
static int collect(const struct time_axis *time, const struct log_file *log, size_t l, enum log_column column,
                   struct drawn *drawn)
{
    size_t count = 0;
    double *points = calloc(2 * log->count + 1, sizeof *points);
    FAIL_IF(points == NULL, out_of_memory());
    for (size_t i = 0; i < log->count; i++) {
        const double x = time_of(time, log, l, i);
        if (isfinite(x) && isfinite(log->rows[i][column])) {
            points[count] = x;
            points[log->count + count++] = log->rows[i][column];
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

/* Whether all curves have one value, and all the same: nothing to draw, if there is anything else. */
static bool is_constant(const struct chart *chart)
{
    size_t c = 0, points = 0;
    while (c < chart->curve_count && is_all(&chart->curves[c], chart->curves[0].y[0])) {
        points = chart->curves[c].count > points ? chart->curves[c].count : points;
        c++;
    }
    return c == chart->curve_count && points > 1;
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

/* Several logs have a colour each, and their second curves dashes; the curves of a single one have colours of
 * their own. */
static void style_curve(struct drawn *drawn, char *const *paths, size_t count, size_t log, const char *what,
                        size_t column)
{
    char name[TITLE_SIZE / 2] = "";
    if (count > 1) {
        shorten_name(paths[log] + common_folder(paths, count), name, sizeof name);
    }
    snprintf(drawn->title, sizeof drawn->title, "%s%s%s", name, count > 1 && what[0] != '\0' ? " " : "",
             what);
    drawn->curve.title = drawn->title[0] != '\0' ? drawn->title : NULL;
    drawn->curve.colour = (int)(count > 1 ? log : column);
    drawn->curve.kind = count > 1 && column > 0 ? CURVE_THEORY : CURVE_MEASURED;
}

/* Whether the values ask for a logarithmic axis: not for a few, as the end of a cosine's rates. */
static bool ranges_widely(const struct chart *chart)
{
    double high = 0.0;
    size_t low = 0, points = 0;
    bool positive = true;
    for (size_t c = 0; c < chart->curve_count; c++) {
        for (size_t i = 0; i < chart->curves[c].count; i++) {
            high = fmax(high, chart->curves[c].y[i]);
        }
    }
    for (size_t c = 0; c < chart->curve_count; c++) {
        for (size_t i = 0; i < chart->curves[c].count; i++) {
            const double value = chart->curves[c].y[i];
            positive = positive && value > 0.0;
            low += value <= high / WIDE_RANGE;
        }
        points += chart->curves[c].count;
    }
    return positive && (double)low > WIDE_SHARE * (double)points;
}

/* Whether a curve falls nearly as far as it ever does right at the beginning. */
static bool falls_early(const struct curve *curve, bool logarithmic)
{
    const double last = curve->x[curve->count - 1], first = curve->x[0];
    double early = INFINITY, low = INFINITY;
    for (size_t i = 0; i < curve->count; i++) {
        low = fmin(low, curve->y[i]);
        early = curve->x[i] <= EARLY_TIME * last ? low : early;
    }
    const double top = logarithmic ? log(curve->y[0]) : curve->y[0], bottom = logarithmic ? log(low) : low,
                 there = logarithmic ? log(early) : early;
    return first > 0.0 && first <= EARLY_TIME * last && top - there >= EARLY_FALL * (top - bottom) &&
           top > bottom;
}

size_t log_best_row(const struct log_file *log)
{
    size_t best = log->count;
    for (size_t i = 0; i < log->count; i++) {
        const double loss = log->rows[i][LOG_VALIDATION_LOSS];
        best =
            isfinite(loss) && (best == log->count || loss < log->rows[best][LOG_VALIDATION_LOSS]) ? i : best;
    }
    return best;
}

/* ---- charts -------------------------------------------------------------------------------------------- */

/* The best epoch, on the curve of the validation. */
static void add_mark(struct page *page, const struct view *view, const struct log_file *logs, size_t count,
                     size_t l, int colour)
{
    const size_t best = log_best_row(&logs[l]), mark = page->charts[page->chart_count].mark_count;
    const enum log_column column = view->columns[1];
    if (best == logs[l].count || (column != LOG_VALIDATION_LOSS && column != LOG_VALIDATION_ACCURACY)) {
        return;
    }
    snprintf(page->mark_texts[l], TITLE_SIZE, "%sepoch %g",
             count > 1 ? "" : "best: ", logs[l].rows[best][LOG_EPOCH]);
    page->marks[page->chart_count][mark] =
        (struct mark){ time_of(&page->time, &logs[l], l, best), logs[l].rows[best][column],
                       page->mark_texts[l], colour };
    page->charts[page->chart_count].mark_count += isfinite(logs[l].rows[best][column]) ? 1 : 0;
}

static void note_constant(struct page *page, const char *title, double value)
{
    const size_t length = strlen(page->constants);
    snprintf(page->constants + length, sizeof page->constants - length, "%s%s %.4g",
             length > 0 ? ", " : "constant: ", title, value);
}

/* `keep_constant`: also what does not change. */
static int add_chart(struct page *page, const struct view *view, const struct log_file *logs,
                     char *const *paths, size_t count, enum log_scale scale, bool keep_constant)
{
    struct curve *curves = page->curves[page->chart_count];
    struct chart *chart = &page->charts[page->chart_count];
    *chart = (struct chart){ .title = view->title,
                             .x_label = page->time.epochs ? "epoch" : "step",
                             .y_label = "",
                             .marks = page->marks[page->chart_count],
                             .whole_x = true,
                             .curves = curves };
    for (size_t l = 0; l < count; l++) {
        for (size_t c = 0; c < CURVES_OF_A_LOG && view->columns[c] != LOG_COLUMNS; c++) {
            struct drawn *drawn = &page->drawn[page->drawn_count];
            TRY(collect(&page->time, &logs[l], l, view->columns[c], drawn));
            page->drawn_count++;
            style_curve(drawn, paths, count, l, view->names[c], c);
            if (drawn->curve.count > 0 && !is_all(&drawn->curve, view->idle)) {
                curves[chart->curve_count++] = drawn->curve;
            }
        }
        add_mark(page, view, logs, count, l, (int)(count > 1 ? l : 1));
    }
    if (chart->curve_count == 0) {
        return EXIT_DONE;
    }
    if (!keep_constant && is_constant(chart)) {
        note_constant(page, view->title, curves[0].y[0]);
        return EXIT_DONE;
    }
    chart->log_y =
        view->may_be_log && (scale == SCALE_LOGARITHMIC || (scale == SCALE_BY_RANGE && ranges_widely(chart)));
    page->chart_count++;
    return EXIT_DONE;
}

static void free_curves(struct page *page)
{
    for (size_t d = 0; d < page->drawn_count; d++) {
        free(page->drawn[d].points);
    }
    page->drawn_count = 0;
}

static int fill_page(struct page *page, const struct log_file *logs, char *const *paths, size_t count,
                     enum log_scale scale, bool keep_constant)
{
    page->constants[0] = '\0';
    for (size_t v = 0; v < VIEWS; v++) {
        TRY(add_chart(page, &views[v], logs, paths, count, scale, keep_constant));
    }
    bool early = scale != SCALE_LINEAR && page->chart_count > 0 && page->charts[0].title == views[0].title;
    for (size_t c = 0; early && c < page->charts[0].curve_count; c++) {
        early = falls_early(&page->charts[0].curves[c], page->charts[0].log_y);
    }
    for (size_t c = 0; c < page->chart_count; c++) {
        page->charts[c].log_x = early;
    }
    return EXIT_DONE;
}

static int draw_page(struct canvas *canvas, const struct page *page)
{
    char title[SHEET_TITLE];
    struct canvas titled = *canvas;
    if (page->constants[0] != '\0') {
        snprintf(title, sizeof title, "%s%s%s", canvas->title != NULL ? canvas->title : "",
                 canvas->title != NULL ? "\n" : "", page->constants);
        titled.title = title;
    }
    if (canvas->page != NULL) {
        fputs("<div class=\"charts\">\n", canvas->page);
    }
    TRY(plot_draw(&titled, page->charts, page->chart_count));
    canvas->figures = titled.figures;
    if (canvas->page != NULL) {
        fputs("</div>\n", canvas->page);
    }
    if (canvas->page != NULL && page->constants[0] != '\0') {
        fprintf(canvas->page, "<p class=\"note\">%s</p>\n", page->constants);
    }
    return EXIT_DONE;
}

int plot_logs(struct canvas *canvas, const struct log_file *logs, char *const *paths, size_t count,
              enum log_scale scale)
{
    struct page *page = calloc(1, sizeof *page);
    FAIL_IF(page == NULL, out_of_memory());
    page->time = choose_time(logs, count);
    int code = fill_page(page, logs, paths, count, scale, false);
    if (code == EXIT_DONE && page->chart_count == 0) {
        free_curves(page);
        code = fill_page(page, logs, paths, count, scale, true);
    }
    if (code == EXIT_DONE) {
        code = page->chart_count > 0 ? draw_page(canvas, page)
                                     : work_error("%s: holds nothing to draw", paths[0]);
    }
    free_curves(page);
    free(page);
    return code;
}
