/* Numbers as data files write them. */
#include "io/csv_number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "base/status.h"

/* A number whose digits have been read: digits · 10^exponent. */
struct decimal {
    uint64_t digits;
    long exponent;
    bool negative;
    bool exact; /* `digits` holds them all, and `exponent` did not run out of its range */
};

mlp_status number_locale(locale_t *locale)
{
    *locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return *locale != (locale_t)0 ? MLP_OK
                                  : fail(MLP_ERROR_MEMORY, "out of memory: no locale for reading numbers");
}

static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

/* Reads a run of digits, each of which lowers the exponent by `step`; returns what follows them. */
static const char *read_digits(const char *text, struct decimal *decimal, long step)
{
    for (; is_digit(*text); text++) {
        decimal->exact = decimal->exact && decimal->digits < UINT64_MAX / 10 - 1;
        decimal->digits = decimal->exact ? decimal->digits * 10 + (uint64_t)(*text - '0') : 0;
        decimal->exponent -= step;
    }
    return text;
}

static const char *read_exponent(const char *text, struct decimal *decimal)
{
    enum { FAR = 100000 };
    const bool negative = *text == '-';
    long exponent = 0;
    text += *text == '-' || *text == '+';
    if (!is_digit(*text)) {
        return NULL;
    }
    for (; is_digit(*text); text++) {
        exponent = exponent < FAR ? exponent * 10 + (*text - '0') : FAR;
    }
    decimal->exact = decimal->exact && exponent < FAR;
    decimal->exponent += negative ? -exponent : exponent;
    return text;
}

/* Reads [sign] digits [. digits] [e [sign] digits], with a digit before or after the point; false for other
 * text. */
static bool read_decimal(const char *text, struct decimal *decimal)
{
    *decimal = (struct decimal){ .negative = *text == '-', .exact = true };
    text += *text == '-' || *text == '+';
    const char *first = text;
    text = read_digits(text, decimal, 0);
    size_t digits = (size_t)(text - first);
    if (*text == '.') {
        first = text + 1;
        text = read_digits(first, decimal, 1);
        digits += (size_t)(text - first);
    }
    if (digits == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text = read_exponent(text + 1, decimal);
    }
    return text != NULL && *text == '\0';
}

/* Whole numbers up to 2⁵³ and powers of ten up to 10²² are doubles, so that one multiplication or division
 * rounds correctly (Clinger, "How to read floating point numbers accurately", 1990). strtod_l() reads the
 * rest. */
static double decimal_value(const char *text, const struct decimal *decimal, locale_t locale)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    const long exponent = decimal->exponent;
    if (!decimal->exact || decimal->digits > (uint64_t)1 << 53 || exponent < -22 || exponent > 22) {
        return strtod_l(text, NULL, locale);
    }
    const double digits = (double)decimal->digits;
    const double value = exponent < 0 ? digits / powers[-exponent] : digits * powers[exponent];
    return decimal->negative ? -value : value;
}

static enum number_kind kind_of_text(const char *text)
{
    static const char *const missing[] = { "", "?", "na", "n/a", "nan", "null", "none" };
    const char *unsigned_text = text + (*text == '-' || *text == '+');
    if (strcasecmp(unsigned_text, "inf") == 0 || strcasecmp(unsigned_text, "infinity") == 0) {
        return NUMBER_INFINITE;
    }
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        if (strcasecmp(text, missing[i]) == 0) {
            return NUMBER_MISSING;
        }
    }
    return strcasecmp(unsigned_text, "nan") == 0 ? NUMBER_MISSING : NUMBER_NONE;
}

enum number_kind number_parse(const char *text, locale_t locale, float *value)
{
    const double float_limit =
        0x1.ffffffp127; /* half a unit above FLT_MAX: from here on a float is infinite */
    struct decimal decimal;
    if (!read_decimal(text, &decimal)) {
        return kind_of_text(text);
    }
    const double wide = decimal_value(text, &decimal, locale);
    if (!(fabs(wide) < float_limit)) {
        return NUMBER_TOO_LARGE;
    }
    *value = (float)wide;
    return NUMBER_FINITE;
}
