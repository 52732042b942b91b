/* Numbers as data files write them. */
#include "io/csv_number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

static const double exact_powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

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

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

/* The digits at the beginning of the 8 bytes, 0 to 8 of them, with neither a loop nor a branch for each: a
 * byte less '0' is beyond 9 exactly where adding 0x76 to it, or the byte itself, sets its highest bit
 * (carries go to later bytes alone, and the first such byte is looked for). */
static size_t leading_digits(uint64_t *bytes)
{
    *bytes ^= 0x3030303030303030;
    const uint64_t other = ((*bytes + 0x7676767676767676) | *bytes) & 0x8080808080808080;
    return other != 0 ? (size_t)__builtin_ctzll(other) / 8 : 8;
}

/* The number that 8 bytes of 0 to 9 say, the first the highest digit: pairs, then fours, then all (Lemire,
 * "Number parsing at a gigabyte per second", 2021). */
static uint64_t number_of_digits(uint64_t bytes)
{
    const uint64_t pairs = bytes * 10 + (bytes >> 8), mask = 0x000000FF000000FF;
    return ((pairs & mask) * 0x000F424000000064 + (pairs >> 16 & mask) * 0x0000271000000001) >> 32;
}

static const uint64_t powers_of_ten[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000 };

/* Up to 8 digits follow those in *digits; how many. */
static size_t scan_eight(const char *text, uint64_t *digits)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    const size_t count = leading_digits(&bytes);
    if (count > 0) {
        *digits =
            *digits * powers_of_ten[count] + number_of_digits(bytes << 8 * (8 - count)); /* zeros in front */
    }
    return count;
}

/* Reads runs of digits by 8 bytes, as long as these are readable. */
static const char *scan_eights(const char *text, const char *readable, struct decimal *decimal)
{
    size_t count = 8;
    while (count == 8 && readable - text >= 8) {
        count = scan_eight(text, &decimal->digits);
        decimal->digit_count += count;
        text += count;
    }
    return text;
}

/* [sign] digits [. digits], fewer than 8 of each: a whole number below 2⁵³ and a power of ten, of which a
 * division rounds correctly. Returns the length, or 0 for all other text, which is to be read otherwise. */
static size_t scan_short(const char *text, const char *readable, double *value)
{
    enum { LONGEST = 24 };
    if (readable - text < LONGEST) {
        return 0;
    }
    const bool negative = *text == '-';
    const char *end = text + (negative || *text == '+');
    uint64_t digits = 0;
    const size_t whole = scan_eight(end, &digits);
    size_t fraction = 0;
    end += whole;
    if (*end == '.') {
        fraction = scan_eight(end + 1, &digits);
        end += 1 + fraction;
    }
    if (whole == 8 || fraction == 8 || whole + fraction == 0 || *end == 'e' || *end == 'E') {
        return 0;
    }
    const double size = (double)(int64_t)digits / exact_powers[fraction];
    *value = negative ? -size : size;
    return (size_t)(end - text);
}

#else

static const char *scan_eights(const char *text, const char *readable, struct decimal *decimal)
{
    (void)readable;
    (void)decimal;
    return text;
}

static size_t scan_short(const char *text, const char *readable, double *value)
{
    (void)text;
    (void)readable;
    (void)value;
    return 0;
}

#endif

/* Reads a run of digits; returns what follows them. */
static const char *scan_digits(const char *text, const char *readable, struct decimal *decimal)
{
    text = readable != NULL ? scan_eights(text, readable, decimal) : text;
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
static const char *scan_decimal(const char *text, const char *readable, struct decimal *decimal)
{
    *decimal = (struct decimal){ .negative = *text == '-' };
    text += *text == '-' || *text == '+';
    text = scan_digits(text, readable, decimal);
    if (*text == '.') {
        const char *fraction = text + 1;
        text = scan_digits(fraction, readable, decimal);
        decimal->exponent = (long)(fraction - text);
    }
    if (decimal->digit_count == 0) {
        return NULL;
    }
    return *text == 'e' || *text == 'E' ? scan_exponent(text + 1, decimal) : text;
}

/* Whole numbers up to 2⁵³ and powers of ten up to 10²² are doubles, so that one multiplication or division
 * rounds correctly (Clinger, "How to read floating point numbers accurately", 1990). With the 64 bits of a
 * long double's mantissa, where it has them, the same holds for 19 digits and 10²⁷, but for a last bit: where
 * that could decide how the double is rounded, the C library reads the text, as it does all the rest. */
static double decimal_value(const char *text, const struct decimal *decimal, locale_t locale)
{
    static const long double powers[] = { 1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,
                                          1e7L,  1e8L,  1e9L,  1e10L, 1e11L, 1e12L, 1e13L,
                                          1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L, 1e20L,
                                          1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L };
    const long exponent = decimal->exponent, size = exponent < 0 ? -exponent : exponent;
    const bool is_exact = decimal->digits <= (uint64_t)1 << 53 && size <= 22;
    double value;
    if (decimal->digit_count > MAX_DIGITS || size > 27 || (!is_exact && LDBL_MANT_DIG < 64)) {
        return platform_read_double(text, locale);
    }
    if (is_exact) {
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
    return number_scan_ahead(text, NULL, locale, value);
}

size_t number_scan_ahead(const char *text, const char *readable, locale_t locale, double *value)
{
    const size_t length = readable != NULL ? scan_short(text, readable, value) : 0;
    if (length > 0) {
        return length;
    }
    struct decimal decimal;
    const char *end = scan_decimal(text, readable, &decimal);
    if (end == NULL) {
        return 0;
    }
    *value = decimal_value(text, &decimal, locale);
    return (size_t)(end - text);
}

size_t number_scan(const char *text, const char *readable, locale_t locale, float *value)
{
    double wide;
    const size_t length = number_scan_ahead(text, readable, locale, &wide);
    if (length > 0) {
        *value = number_to_float(wide);
    }
    return length;
}

enum number_kind number_parse(const char *text, locale_t locale, float *value)
{
    float read = 0.0f;
    const size_t length = number_scan(text, NULL, locale, &read);
    if (length == 0 || text[length] != '\0') {
        return kind_of_text(text);
    }
    if (isinf(read)) {
        return NUMBER_TOO_LARGE;
    }
    *value = read;
    return NUMBER_FINITE;
}
