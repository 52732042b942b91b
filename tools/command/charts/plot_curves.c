/* Curves, as scripts for gnuplot: their data, the axes that suit them, marks. */
#include <math.h>

#include "charts/plot_script.h"

/* Points of a curve that still have a mark each. */
enum { MARKED = 50 };
/* Axes of so few whole numbers have a tick at each; logarithmic ones of so few decades at 1, 2 and 5 of each
 * decade. */
enum { WHOLE_TICKS = 12 };
#define FEW_DECADES 2.5
/* A curve is cut when the others have less than this share of the height, and so far above them. */
#define DWARFED 0.25
#define ABOVE 0.3
/* Of the height of a logarithmic axis, beyond its points. */
#define MARGIN 0.05

/* Colours that the colour-blind can tell apart (Okabe & Ito 2008). */
static const char *const colours[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                       "#e69f00", "#56b4e9", "#000000" };

enum { COLOURS = sizeof colours / sizeof colours[0] };

const char *colour_of(int number)
{
    return colours[(unsigned)number % COLOURS];
}

bool can_show(const struct chart *chart, const struct curve *curve, size_t i)
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

/* ---- ranges -------------------------------------------------------------------------------------------- */

static void widen(struct range *range, const struct chart *chart, const struct curve *curve, char axis)
{
    for (size_t i = 0; i < curve->count; i++) {
        const double value = axis == 'x' ? curve->x[i] : curve->y[i];
        const bool shown = can_show(chart, curve, i);
        range->low = shown ? fmin(range->low, value) : range->low;
        range->high = shown ? fmax(range->high, value) : range->high;
    }
}

/* Of the curves of a colour, or of all others. */
static struct range range_of(const struct chart *chart, char axis, int colour, bool others)
{
    struct range range = { INFINITY, -INFINITY };
    for (size_t c = 0; c < chart->curve_count; c++) {
        if ((chart->curves[c].colour == colour) != others) {
            widen(&range, chart, &chart->curves[c], axis);
        }
    }
    return range;
}

struct range whole_range(const struct chart *chart, char axis)
{
    return range_of(chart, axis, -1, true);
}

double on_paper(bool logarithmic, double value)
{
    return logarithmic ? log10(value) : value;
}

/* Where the axis ends for the sake of the others, when one curve rises so far above them that they would lie
 * flat at the bottom: `cut` is that curve's colour, -1: there is none. */
static double cut_height(const struct chart *chart, int *cut)
{
    const struct range all = whole_range(chart, 'y');
    const double top = on_paper(chart->log_y, all.high), bottom = on_paper(chart->log_y, all.low);
    *cut = -1;
    for (size_t c = 0; c < chart->curve_count; c++) {
        const int colour = chart->curves[c].colour;
        const struct range rest = range_of(chart, 'y', colour, true);
        const double height = on_paper(chart->log_y, rest.high) - bottom;
        if (rest.low < rest.high && height > 0.0 && height < DWARFED * (top - bottom)) {
            const double end = bottom + (1.0 + ABOVE) * height;
            *cut = colour;
            return chart->log_y ? pow(10.0, end) : end;
        }
    }
    return all.high;
}

/* An axis on which all points are at one place gets a range about it; a logarithmic one ends near its points,
 * not at a decade. */
static void write_range(FILE *script, char axis, struct range range, double end, bool logarithmic)
{
    const double about = range.low != 0.0 ? 0.5 * fabs(range.low) : 1.0;
    if (range.low == range.high) {
        fprintf(script, "set %crange [%.9g:%.9g]\n", axis, range.low - about, range.high + about);
    } else if (logarithmic && axis == 'y' && range.low < range.high) {
        const double margin = pow(end / range.low, MARGIN);
        fprintf(script, "set yrange [%.9g:%.9g]\n", range.low / margin, end * margin);
    } else if (end < range.high) {
        fprintf(script, "set %crange [*:%.9g]\n", axis, end);
    } else {
        fprintf(script, "set %crange [*:*]\n", axis);
    }
}

static void write_log_ticks(FILE *script, char axis, struct range range)
{
    static const double few[] = { 1.0, 2.0, 5.0 }, many[] = { 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0 };
    const bool narrow = range.high < 10.0 * range.low;
    const double *steps = narrow ? many : few;
    const size_t count = narrow ? sizeof many / sizeof many[0] : sizeof few / sizeof few[0];
    const char *separator = "";
    fprintf(script, "set %ctics (", axis);
    for (int decade = (int)floor(log10(range.low)) - 1; decade <= (int)ceil(log10(range.high)); decade++) {
        for (size_t s = 0; s < count; s++) {
            fprintf(script, "%s%ge%d", separator, steps[s], decade);
            separator = ", ";
        }
    }
    fputs(")\n", script);
}

static void write_axis(FILE *script, char axis, struct range range, double end, bool logarithmic, bool whole)
{
    const double high = fmin(end, range.high);
    fprintf(script, "%sset logscale %c\nset format %c '%%g'\n", logarithmic ? "" : "un", axis, axis);
    write_range(script, axis, range, high, logarithmic);
    if (logarithmic && range.low < high && high / range.low < pow(10.0, FEW_DECADES)) {
        write_log_ticks(script, axis, (struct range){ range.low, high });
    } else if (whole && !logarithmic && range.high - range.low <= (double)WHOLE_TICKS) {
        fprintf(script, "set %ctics 1\n", axis);
    } else {
        fprintf(script, "set %ctics auto\n", axis);
    }
}

/* ---- curves -------------------------------------------------------------------------------------------- */

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

static void write_style(FILE *script, const struct curve *curve)
{
    const char *colour = colour_of(curve->colour);
    const int point = curve->colour % 7 + 5;
    if (curve->kind == CURVE_THEORY) {
        fprintf(script, "using 1:2 with lines linewidth 2 dashtype 2 linecolor rgb '%s'", colour);
    } else if (curve->kind == CURVE_POINTS) {
        fprintf(script, "using 1:2 with points pointtype %d pointsize 0.5 linecolor rgb '%s'", point, colour);
    } else if (curve->deviation != NULL) {
        fprintf(script,
                "using 1:2:3:4 with yerrorlines linewidth 1.5 pointtype %d pointsize 0.7 linecolor rgb '%s'",
                point, colour);
    } else if (curve->count > MARKED) {
        fprintf(script, "using 1:2 with lines linewidth 2 linecolor rgb '%s'", colour);
    } else {
        fprintf(script,
                "using 1:2 with linespoints linewidth 2 pointtype %d pointsize 0.6 linecolor rgb '%s'", point,
                colour);
    }
}

/* A curve that was cut says in the legend how far it goes. */
static void write_curve(FILE *script, const struct chart *chart, size_t c, int cut)
{
    const struct curve *curve = &chart->curves[c];
    fprintf(script, "$curve%zu ", c);
    write_style(script, curve);
    if (curve->title != NULL) {
        char text[256];
        const struct range range = range_of(chart, 'y', curve->colour, false);
        snprintf(text, sizeof text,
                 curve->colour == cut && curve->kind != CURVE_THEORY ? "%s (up to %.2g)" : "%s", curve->title,
                 range.high);
        fputs(" title ", script);
        write_quoted(script, text);
    } else {
        fputs(" notitle", script);
    }
}

/* Over less than a factor of 4 a logarithmic axis tells no more than a linear one, which has more ticks. */
static bool pays(const struct chart *chart, char axis)
{
    const struct range range = whole_range(chart, axis);
    return range.high >= 4.0 * range.low;
}

void write_curves(FILE *script, const struct chart *given)
{
    struct chart linear = *given;
    const struct chart *chart = &linear;
    linear.log_x = given->log_x && pays(given, 'x');
    linear.log_y = given->log_y && pays(given, 'y');
    int cut;
    const double end = cut_height(chart, &cut);
    const char *before = "plot ";
    for (size_t c = 0; c < chart->curve_count; c++) {
        write_curve_data(script, chart, c);
    }
    fputs("set autoscale xfix\n", script);
    write_axis(script, 'x', whole_range(chart, 'x'), INFINITY, chart->log_x, chart->whole_x);
    write_axis(script, 'y', whole_range(chart, 'y'), end, chart->log_y, false);
    write_marks(script, chart, end);
    for (size_t c = 0; c < chart->curve_count; c++) {
        if (!is_empty(chart, &chart->curves[c])) {
            fputs(before, script);
            write_curve(script, chart, c, cut);
            before = ", ";
        }
    }
    fputs("\nunset label\n", script);
}
