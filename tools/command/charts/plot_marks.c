/* Points of curves that are worth a word, with the word where it covers least. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "charts/plot_script.h"

/* Shares of a panel's width and height that a character of text takes. */
#define CHARACTER_WIDTH 0.022
#define CHARACTER_HEIGHT 0.09
/* Looks along the line between two points; what a text outside the panel, or over another's, counts. */
enum { LOOKS = 16, OUTSIDE = 100000, MAX_MARKS = 16 };

/* In shares of the panel, from its lower left. */
struct box {
    double left, right, bottom, top;
};

/* Where text may stand: its nearer end and its middle, in characters from the point. The first that covers
 * nothing is taken. */
static const struct {
    double across, up;
} places[] = { { -1, 1 }, { 1, 1 },   { -1, -1 }, { 1, -1 }, { -2, 0 }, { 2, 0 },   { -1, 2 },
               { 1, 2 },  { -1, -2 }, { 1, -2 },  { -1, 3 }, { 1, 3 },  { -1, -3 }, { 1, -3 } };
enum { PLACES = sizeof places / sizeof places[0] };

struct panel {
    const struct chart *chart;
    double left, width, bottom, height; /* on paper */
};

static struct panel panel_of(const struct chart *chart, double end)
{
    const struct range x = whole_range(chart, 'x'), y = whole_range(chart, 'y');
    struct panel panel = { chart, on_paper(chart->log_x, x.low), 0.0, on_paper(chart->log_y, y.low), 0.0 };
    panel.width = fmax(on_paper(chart->log_x, x.high) - panel.left, DBL_MIN);
    panel.height = fmax(on_paper(chart->log_y, end) - panel.bottom, DBL_MIN);
    return panel;
}

static double across(const struct panel *panel, double x)
{
    return (on_paper(panel->chart->log_x, x) - panel->left) / panel->width;
}

static double up(const struct panel *panel, double y)
{
    return (on_paper(panel->chart->log_y, y) - panel->bottom) / panel->height;
}

static struct box box_at(const struct panel *panel, const struct mark *mark, size_t place)
{
    const double length = CHARACTER_WIDTH * (double)strlen(mark->text),
                 near = across(panel, mark->x) + CHARACTER_WIDTH * places[place].across,
                 middle = up(panel, mark->y) + CHARACTER_HEIGHT * places[place].up;
    const bool leftwards = places[place].across < 0.0;
    return (struct box){ leftwards ? near - length : near, leftwards ? near : near + length,
                         middle - 0.5 * CHARACTER_HEIGHT, middle + 0.5 * CHARACTER_HEIGHT };
}

/* Looks at a curve that fall into a box. */
static size_t covered(const struct panel *panel, const struct curve *curve, const struct box *box)
{
    size_t count = 0;
    for (size_t i = 0; i + 1 < curve->count; i++) {
        if (!can_show(panel->chart, curve, i) || !can_show(panel->chart, curve, i + 1)) {
            continue;
        }
        const double x = across(panel, curve->x[i]), y = up(panel, curve->y[i]),
                     dx = across(panel, curve->x[i + 1]) - x, dy = up(panel, curve->y[i + 1]) - y;
        for (int look = 0; look <= LOOKS; look++) {
            const double share = (double)look / (double)LOOKS, h = x + dx * share, v = y + dy * share;
            count += h > box->left && h < box->right && v > box->bottom && v < box->top;
        }
    }
    return count;
}

static size_t cost(const struct panel *panel, const struct box *box, const struct box *others,
                   size_t other_count)
{
    const bool inside = box->left >= 0.0 && box->right <= 1.0 && box->bottom >= 0.0 && box->top <= 1.0;
    size_t sum = inside ? 0 : OUTSIDE;
    for (size_t o = 0; o < other_count; o++) {
        const bool apart = box->right < others[o].left || box->left > others[o].right ||
                           box->top < others[o].bottom || box->bottom > others[o].top;
        sum += apart ? 0 : OUTSIDE;
    }
    for (size_t c = 0; c < panel->chart->curve_count; c++) {
        sum += covered(panel, &panel->chart->curves[c], box);
    }
    return sum;
}

static size_t choose_place(const struct panel *panel, const struct mark *mark, const struct box *others,
                           size_t other_count)
{
    size_t best = 0, least = SIZE_MAX;
    for (size_t p = 0; p < PLACES && least > 0; p++) {
        const struct box box = box_at(panel, mark, p);
        const size_t found = cost(panel, &box, others, other_count);
        best = found < least ? p : best;
        least = found < least ? found : least;
    }
    return best;
}

void write_marks(FILE *script, const struct chart *chart, double end)
{
    struct box taken[MAX_MARKS];
    const struct panel panel = panel_of(chart, end);
    fputs("unset label\n", script);
    for (size_t m = 0; m < chart->mark_count; m++) {
        const struct mark *mark = &chart->marks[m];
        const size_t before = m < MAX_MARKS ? m : MAX_MARKS - 1,
                     place = choose_place(&panel, mark, taken, before);
        taken[before] = box_at(&panel, mark, place);
        fputs("set label ", script);
        write_quoted(script, mark->text);
        fprintf(script,
                " at %.9g,%.9g %s offset %g,%g front point pointtype 6 pointsize 1.6 linewidth 2 linecolor "
                "rgb '%s'\n",
                mark->x, mark->y, places[place].across < 0.0 ? "right" : "left", places[place].across,
                places[place].up, colour_of(mark->colour));
    }
}
