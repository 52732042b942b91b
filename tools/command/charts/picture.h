/* Samples drawn as text, for data whose features are the pixels of a square picture. */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include <stddef.h>
#include <stdio.h>

enum { PICTURE_CAPTIONS = 2, PICTURE_CAPTION_SIZE = 64, PICTURE_SCREEN = 80 };

/* A picture and what stands under it. */
struct picture {
    const float *pixels; /* side × side, row after row */
    char captions[PICTURE_CAPTIONS][PICTURE_CAPTION_SIZE];
};

/* The side of a square of this many pixels, or 0 when it is none that fits on a screen. */
size_t picture_side(size_t pixels);
/* How many pictures of this side fit beside one another. */
size_t pictures_in_row(size_t side);
/* Draws pictures beside one another: the darkest pixel as a space, the brightest as '@'. */
void draw_pictures(FILE *stream, const struct picture *pictures, size_t count, size_t side);

#endif
