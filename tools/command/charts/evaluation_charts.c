/* Charts of an evaluation: confusion, ROC and reliability of classes; residuals of numbers. */
#include <math.h>
#include <stdlib.h>

#include "charts/plot.h"
#include "options/model_argument.h"
#include "reports/evaluation.h"

/* Curves of a chart, points of a curve at most; a heat map has its figures in the cells. */
enum { CURVES = 6, POINTS = 500, HEAT_CLASSES = 20, NAME_SIZE = 24, TITLE_SIZE = 80, CHARTS = 3 };

struct drawn {
    double x[POINTS + 1], y[POINTS + 1];
};

/* Thins the points out to POINTS; the last is kept. */
static void draw_curve(const mlp_threshold *points, size_t found, struct drawn *drawn, struct curve *curve)
{
    const mlp_threshold all = points[found - 1];
    const size_t step = (found + POINTS - 1) / POINTS;
    size_t count = 0;
    for (size_t i = 0; i < found; i += step) {
        const mlp_threshold point = i + step < found ? points[i] : all;
        drawn->x[count] = (double)point.false_positives / (double)all.false_positives;
        drawn->y[count++] = (double)point.true_positives / (double)all.true_positives;
    }
    curve->x = drawn->x;
    curve->y = drawn->y;
    curve->count = count;
}

/* By area under the ROC, then by number; what has no area is last. */
static bool comes_before(const struct evaluation *e, size_t one, size_t other)
{
    const double a = e->of_class[one].roc_auc, b = e->of_class[other].roc_auc;
    const double area = isnan(a) ? INFINITY : a, other_area = isnan(b) ? INFINITY : b;
    return area < other_area || (area == other_area && one < other);
}

/* The first class after `last`, from which on by area: more than a chart has room for are shown where it says
 * most. `last` = columns: the first of all. */
static size_t next_class(const struct evaluation *e, size_t last)
{
    size_t next = e->columns;
    for (size_t c = 0; c < e->columns; c++) {
        const bool after = last == e->columns || comes_before(e, last, c);
        next = after && (next == e->columns || comes_before(e, c, next)) ? c : next;
    }
    return next;
}

static int draw_roc(struct evaluation *e, struct drawn *drawn, char (*numbers)[NAME_SIZE],
                    struct curve *curves)
{
    mlp_threshold *points = calloc(e->count + 1, sizeof *points);
    size_t found, c = e->columns;
    int code = points != NULL ? EXIT_DONE : out_of_memory();
    for (size_t shown = 0; code == EXIT_DONE && shown < e->columns && shown < CURVES; shown++) {
        c = e->columns <= CURVES ? shown : next_class(e, c);
        for (size_t i = 0; i < e->count; i++) {
            e->truth[i] = e->flags ? e->values[c * e->count + i] >= 0.5f : (size_t)e->classes[i] == c;
        }
        code = work_code(mlp_roc_curve(e->scores + c * e->count, e->truth, e->count, points, &found));
        if (code == EXIT_DONE) {
            curves[shown] =
                (struct curve){ .title = evaluation_column(e, c, numbers[shown]), .colour = (int)shown };
            draw_curve(points, found, &drawn[shown], &curves[shown]);
        }
    }
    free(points);
    return code;
}

/* Shares of the rows, which sum to 1. */
static void fill_heat(const struct evaluation *e, double *values)
{
    for (size_t row = 0; row < e->columns; row++) {
        for (size_t column = 0; column < e->columns; column++) {
            values[row * e->columns + column] = (double)e->confusion[row * e->columns + column] /
                                                (double)e->of_class[row].counts.count; /* 0/0 is NaN */
        }
    }
}

static int plot_classes(struct canvas *canvas, struct evaluation *e, struct drawn *drawn)
{
    static const double diagonal[] = { 0.0, 1.0 };
    char numbers[HEAT_CLASSES][NAME_SIZE], classes[CURVES][NAME_SIZE], title[TITLE_SIZE];
    const char *names[HEAT_CLASSES];
    double heat[HEAT_CLASSES * HEAT_CLASSES], confidence[RELIABILITY_BINS], right[RELIABILITY_BINS];
    const size_t roc_curves = e->columns < CURVES ? e->columns : CURVES;
    struct curve curves[CURVES + 1], reliability[2];
    struct chart charts[CHARTS];
    size_t count = 0;
    TRY(draw_roc(e, drawn, classes, curves));
    snprintf(title, sizeof title, e->flags ? "ROC of each label" : "ROC, each class against the rest");
    if (e->columns > CURVES) {
        snprintf(title, sizeof title, "ROC, the %d of %zu %s with the least area", CURVES, e->columns,
                 e->flags ? "labels" : "classes");
    }
    curves[roc_curves] =
        (struct curve){ .kind = CURVE_THEORY, .colour = 6, .x = diagonal, .y = diagonal, .count = 2 };
    const struct heat_map map = { .rows = names,
                                  .columns = names,
                                  .row_count = e->columns,
                                  .column_count = e->columns,
                                  .values = heat,
                                  .low = 0.0,
                                  .high = 1.0 };
    if (!e->flags && e->columns <= HEAT_CLASSES) {
        for (size_t c = 0; c < e->columns; c++) {
            names[c] = network_class_text(e->network, c, numbers[c]);
        }
        fill_heat(e, heat);
        charts[count++] = (struct chart){ .title = "Confusion, shares of each true class",
                                          .x_label = "predicted class",
                                          .y_label = "true class",
                                          .heat = &map };
    }
    charts[count++] = (struct chart){ .title = title,
                                      .x_label = "false positive rate",
                                      .y_label = "true positive rate",
                                      .curves = curves,
                                      .curve_count = roc_curves + 1 };
    if (!isnan(e->calibration)) {
        for (size_t b = 0; b < RELIABILITY_BINS; b++) {
            confidence[b] = e->bins[b].confidence;
            right[b] = e->bins[b].right;
        }
        reliability[0] =
            (struct curve){ .title = "measured", .x = confidence, .y = right, .count = RELIABILITY_BINS };
        reliability[1] = curves[roc_curves];
        charts[count++] = (struct chart){ .title = "Reliability",
                                          .x_label = "probability of the predicted class",
                                          .y_label = "share that is right",
                                          .curves = reliability,
                                          .curve_count = 2 };
    }
    return plot_draw(canvas, charts, count);
}

/* Residuals against predictions, of at most POINTS samples, in turns of each output. */
static int plot_numbers(struct canvas *canvas, const struct evaluation *e, struct drawn *drawn)
{
    struct curve curves[CURVES];
    char numbers[CURVES][NAME_SIZE], title[TITLE_SIZE] = "Residuals";
    const size_t outputs = e->columns < CURVES ? e->columns : CURVES, step = (e->count + POINTS - 1) / POINTS;
    for (size_t c = 0; c < outputs; c++) {
        size_t count = 0;
        for (size_t i = c * e->count; i < (c + 1) * e->count; i += step) {
            drawn[c].x[count] = (double)e->scores[i];
            drawn[c].y[count++] = (double)e->scores[i] - (double)e->values[i];
        }
        curves[c] = (struct curve){ .title = evaluation_column(e, c, numbers[c]),
                                    .kind = CURVE_POINTS,
                                    .colour = (int)c,
                                    .x = drawn[c].x,
                                    .y = drawn[c].y,
                                    .count = count };
    }
    if (e->columns > CURVES) {
        snprintf(title, sizeof title, "Residuals of the first %d of %zu outputs", CURVES, e->columns);
    }
    const struct chart chart = { .title = title,
                                 .x_label = "prediction",
                                 .y_label = "prediction - truth",
                                 .curves = curves,
                                 .curve_count = outputs };
    return plot_draw(canvas, &chart, 1);
}

int plot_evaluation(struct canvas *canvas, struct evaluation *evaluation)
{
    struct drawn *drawn = calloc(CURVES, sizeof *drawn);
    FAIL_IF(drawn == NULL, out_of_memory());
    const int code = evaluation->of_class != NULL ? plot_classes(canvas, evaluation, drawn)
                                                  : plot_numbers(canvas, evaluation, drawn);
    free(drawn);
    return code;
}
