/* Samples drawn as text, for data whose features are the pixels of a square picture.
 *
 * A character is about twice as high as wide: small pictures take two characters for a pixel, large ones one
 * character for two pixels, one above the other. */
#include "charts/picture.h"

#include <math.h>
#include <string.h>

enum { LARGEST_WIDE = 20, LARGEST_SIDE = 78, GAP = 4, SMALLEST_CELL = 24 };

static const char ramp[] = " .:-=+*#%@";

size_t picture_side(size_t pixels)
{
    const size_t side = (size_t)lround(sqrt((double)pixels));
    return side >= 2 && side <= LARGEST_SIDE && side * side == pixels ? side : 0;
}

static size_t picture_columns(size_t side)
{
    return side <= LARGEST_WIDE ? 2 * side : side;
}

static size_t cell_columns(size_t side)
{
    const size_t columns = picture_columns(side);
    return (columns > SMALLEST_CELL ? columns : SMALLEST_CELL) + GAP;
}

size_t pictures_in_row(size_t side)
{
    const size_t fit = (PICTURE_SCREEN + GAP - 1) / cell_columns(side);
    return fit > 0 ? fit : 1;
}

static void find_range(const struct picture *picture, size_t side, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < side * side; i++) {
        *low = fmin(*low, (double)picture->pixels[i]);
        *high = fmax(*high, (double)picture->pixels[i]);
    }
}

/* One line of text: pixel row `line`, or the mean of rows 2·line and 2·line + 1. */
static void draw_line(FILE *stream, const struct picture *picture, size_t side, size_t line)
{
    const int levels = (int)sizeof ramp - 2;
    const size_t wide = side <= LARGEST_WIDE;
    double low, high;
    find_range(picture, side, &low, &high);
    for (size_t column = 0; column < side; column++) {
        const size_t top = wide ? line : 2 * line, bottom = wide || top + 1 == side ? top : top + 1;
        const double value = 0.5 * ((double)picture->pixels[top * side + column] +
                                    (double)picture->pixels[bottom * side + column]);
        const int level = high > low ? (int)lround((value - low) / (high - low) * levels) : 0;
        fputc(ramp[level], stream);
        if (wide) {
            fputc(ramp[level], stream);
        }
    }
}

static void fill(FILE *stream, size_t from, size_t to)
{
    for (; from < to; from++) {
        fputc(' ', stream);
    }
}

/* Characters of UTF-8 text. */
static size_t text_columns(const char *text)
{
    size_t columns = 0;
    for (; *text != '\0'; text++) {
        columns += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return columns;
}

void draw_pictures(FILE *stream, const struct picture *pictures, size_t count, size_t side)
{
    const size_t lines = side <= LARGEST_WIDE ? side : (side + 1) / 2, cell = cell_columns(side);
    for (size_t line = 0; line < lines; line++) {
        for (size_t i = 0; i < count; i++) {
            draw_line(stream, &pictures[i], side, line);
            fill(stream, picture_columns(side), i + 1 < count ? cell : 0);
        }
        fputc('\n', stream);
    }
    for (size_t line = 0; line < PICTURE_CAPTIONS; line++) {
        for (size_t i = 0; i < count; i++) {
            const char *caption = pictures[i].captions[line];
            fputs(caption, stream);
            fill(stream, text_columns(caption), i + 1 < count ? cell : 0);
        }
        fputc('\n', stream);
    }
    fputc('\n', stream);
}
