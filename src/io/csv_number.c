/* Numbers as data files write them. */
#include "io/csv_number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>

#include "base/status.h"

/* A number whose digits have been read: ±digits · 10^exponent, unless there are more digits than MAX_DIGITS.
 */
struct decimal {
    uint64_t digits;
    size_t digit_count;
    long exponent;
    bool negative;
};

enum { MAX_DIGITS = 19 }; /* 10¹⁹ < 2⁶⁴ */

mlp_status number_locale(locale_t *locale)
{
    *locale = platform_c_locale();
    return *locale != (locale_t)0 ? MLP_OK
                                  : fail(MLP_ERROR_MEMORY, "out of memory: no locale for reading numbers");
}

static bool is_digit(char letter)
{
    return (unsigned char)(letter - '0') <= 9;
}

/* Reads a run of digits; returns what follows them. */
static const char *scan_digits(const char *text, struct decimal *decimal)
{
    const char *first = text;
    uint64_t digits = decimal->digits;
    for (; is_digit(*text); text++) {
        digits = digits * 10 + (uint64_t)(*text - '0'); /* wraps beyond MAX_DIGITS */
    }
    decimal->digits = digits;
    decimal->digit_count += (size_t)(text - first);
    return text;
}

static const char *scan_exponent(const char *text, struct decimal *decimal)
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
    decimal->exponent += negative ? -exponent : exponent;
    return text;
}

/* Reads [sign] digits [. digits] [e [sign] digits], with a digit before or after the point; NULL for other
 * text. */
static const char *scan_decimal(const char *text, struct decimal *decimal)
{
    *decimal = (struct decimal){ .negative = *text == '-' };
    text += *text == '-' || *text == '+';
    text = scan_digits(text, decimal);
    if (*text == '.') {
        const char *fraction = text + 1;
        text = scan_digits(fraction, decimal);
        decimal->exponent = (long)(fraction - text);
    }
    if (decimal->digit_count == 0) {
        return NULL;
    }
    return *text == 'e' || *text == 'E' ? scan_exponent(text + 1, decimal) : text;
}

/* Whole numbers up to 2⁵³ and powers of ten up to 10²² are doubles, so that one multiplication or division
 * rounds correctly (Clinger, "How to read floating point numbers accurately", 1990). With the 64 bits of a
 * long double's mantissa the same holds for 19 digits and 10²⁷, but for a last bit: where that could decide
 * how the double is rounded, the C library reads the text, as it does all the rest. */
static double decimal_value(const char *text, const struct decimal *decimal, locale_t locale)
{
    static const long double powers[] = { 1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                          1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                          1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                          1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L };
    static const double exact_powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                           1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    const long exponent = decimal->exponent, size = exponent < 0 ? -exponent : exponent;
    double value;
    if (decimal->digit_count > MAX_DIGITS || size > 27) {
        return platform_read_double(text, locale);
    }
    if (decimal->digits <= (uint64_t)1 << 53 && size <= 22) {
        const double digits = (double)decimal->digits, power = exact_powers[size];
        value = exponent < 0 ? digits / power : digits * power;
    } else {
        const long double digits = (long double)decimal->digits;
        const long double wide = exponent < 0 ? digits / powers[size] : digits * powers[size];
        const long double doubt = wide * 0x1p-62L;
        value = (double)(wide - doubt);
        if (value != (double)(wide + doubt)) {
            return platform_read_double(text, locale);
        }
    }
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

size_t number_scan_double(const char *text, locale_t locale, double *value)
{
    struct decimal decimal;
    const char *end = scan_decimal(text, &decimal);
    if (end == NULL) {
        return 0;
    }
    *value = decimal_value(text, &decimal, locale);
    return (size_t)(end - text);
}

size_t number_scan(const char *text, locale_t locale, float *value)
{
    double wide;
    const size_t length = number_scan_double(text, locale, &wide);
    if (length > 0) {
        *value = number_to_float(wide);
    }
    return length;
}

enum number_kind number_parse(const char *text, locale_t locale, float *value)
{
    float read = 0.0f;
    const size_t length = number_scan(text, locale, &read);
    if (length == 0 || text[length] != '\0') {
        return kind_of_text(text);
    }
    if (isinf(read)) {
        return NUMBER_TOO_LARGE;
    }
    *value = read;
    return NUMBER_FINITE;
}
