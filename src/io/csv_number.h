/* Numbers as data files write them, whatever the program's locale. */
#ifndef IO_CSV_NUMBER_H
#define IO_CSV_NUMBER_H

#include <math.h>
#include <stddef.h>

#include <mlp/status.h>

#include "base/platform.h"

/* What a field's text is. */
enum number_kind {
    NUMBER_FINITE,    /* sign, digits with a point among them, power of ten: -1.5e3 */
    NUMBER_TOO_LARGE, /* such a number, but rounded to float it is infinite */
    NUMBER_INFINITE,  /* inf, infinity with a sign or none */
    NUMBER_MISSING, /* nothing, or one of the marks of a missing value: ?, NA, N/A, NaN, null, none; any case
                     */
    NUMBER_NONE     /* other text */
};

/* A "C" locale, in which the point is a point: the program's own may read 1,5. Freed with
 * platform_free_locale(). */
mlp_status number_locale(locale_t *locale);

/* Reads the number (as NUMBER_FINITE and NUMBER_TOO_LARGE describe it) that `text` begins with and returns
 * its length, 0 where there is none. *value is rounded from the nearest double, infinite where it is too
 * large. Of a text in a buffer, bytes up to `readable` may be looked at, whatever they are, which is faster;
 * NULL: none behind the text. */
size_t number_scan(const char *text, const char *readable, locale_t locale, float *value);

/* The same in double, and what a float makes of it: infinite where it is too large, from half a unit above
 * the largest float on. */
size_t number_scan_double(const char *text, locale_t locale, double *value);
size_t number_scan_ahead(const char *text, const char *readable, locale_t locale, double *value);
static inline float number_to_float(double value)
{
    return fabs(value) < 0x1.ffffffp127 ? (float)value : INFINITY;
}

/* Reads the whole of `text`. *value is set, rounded from the nearest double, for NUMBER_FINITE alone; numbers
 * too small for a float become 0 or subnormal. */
enum number_kind number_parse(const char *text, locale_t locale, float *value);

#endif
