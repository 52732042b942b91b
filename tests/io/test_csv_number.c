/* Numbers and dates as CSV files write them. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/csv_number.h"
#include "io/table_cell.h"

/* What a number in a buffer is read as, of which `behind` bytes may be looked at after its text, against
 * strtod(): the same double and the same length. Those bytes are digits and points, which must not count. */
static void read_ahead(const char *text, char after, size_t behind, locale_t c_locale)
{
    char buffer[128];
    double value = NAN;
    const size_t length = strlen(text);
    memset(buffer, '7', sizeof buffer);
    memcpy(buffer, text, length);
    buffer[length] = after;
    const size_t scanned = number_scan_ahead(buffer, buffer + length + behind, c_locale, &value);
    const double expected = strtod(text, NULL);
    if (scanned != length || memcmp(&value, &expected, sizeof value) != 0) {
        fail_msg("%s%c is read as %.17g, %zu bytes", text, after, value, scanned);
    }
}

static void numbers_are_read_in_a_buffer(void **state)
{
    static const char *const parts[] = { "",
                                         "0",
                                         "7",
                                         "09",
                                         "123456",
                                         "1234567",
                                         "12345678",
                                         "123456789",
                                         "99999999",
                                         "12345678901234567",
                                         "1234567890123456789012" };
    static const char *const signs[] = { "", "-", "+" }, *const ends[] = { "", "e1", "E-7", "e+3" };
    enum { PARTS = sizeof parts / sizeof parts[0] };
    locale_t c_locale;
    (void)state;
    assert_ok(number_locale(&c_locale));
    for (size_t i = 0; i < (size_t)3 * 4 * 2 * PARTS * PARTS; i++) {
        char text[80];
        const char *whole = parts[i / 24 % PARTS], *fraction = parts[i / 24 / PARTS],
                   *point = i / 12 % 2 ? "." : "";
        if ((*point == '\0' && *fraction != '\0') || (*whole == '\0' && *fraction == '\0')) {
            continue;
        }
        snprintf(text, sizeof text, "%s%s%s%s%s", signs[i % 3], whole, point, fraction, ends[i / 3 % 4]);
        for (size_t behind = 1; behind < 32; behind += 5) {
            read_ahead(text, ",\n-;"[behind % 4], behind, c_locale);
        }
    }
    double value;
    for (const char *const *text = (const char *const[]){ "", ".", "-", "+.", "e5", "abc", "/", ":", NULL };
         *text != NULL; text++) {
        char buffer[64] = "";
        snprintf(buffer, sizeof buffer, "%s", *text);
        assert_int_equal(number_scan_ahead(buffer, buffer + sizeof buffer, c_locale, &value), 0);
    }
    freelocale(c_locale);
}

/* Numbers against strtod() in the "C" locale, which this program is in. */
static void numbers_are_rounded_as_strtod_does(void **state)
{
    (void)state;
    /* clang-format off */
    const char *const texts[] = {
        "0", "-0", "1", "123456789", "0.1", "1e22", "1e23", "9007199254740993", "18446744073709551617",
        "1e-22", "1e-23",
        "3.4028234663852886e38", "1.17549435e-38", "1e-45", "1e-46", "1e-400",
            "123456789012345678901234567890e-20",
        "0.000000000000000000000000000000000000000000001", "00000000000000000000000000000012.50",
        "3.4028235677973362e38",
        "1e00000000000000000000005", "0e99999999999999999999",
        /* 64 bits round these to where two doubles meet, and the doubles to where two floats do */
        "4101807098777498711e-23", "7187228500843048651e-19", "7963359653949738104e-19",
        "7326554850806133314e-24", "5857280630152671987e-22", "3948762923755566166e-24",
    };
    /* clang-format on */
    locale_t c_locale;
    uint64_t seed = 11;
    assert_ok(number_locale(&c_locale));
    for (int i = 0; i < 200000; i++) {
        char text[64];
        float value = NAN;
        if (i < (int)(sizeof texts / sizeof texts[0])) {
            snprintf(text, sizeof text, "%s", texts[i]);
        } else {
            snprintf(text, sizeof text, "%.*g", 1 + i % 24,
                     test_uniform(&seed, -1.0, 1.0) * pow(10.0, floor(test_uniform(&seed, -44.0, 38.0))));
        }
        assert_int_equal(number_parse(text, c_locale, &value), NUMBER_FINITE);
        if (value != (float)strtod(text, NULL)) {
            fail_msg("%s is read as %.9g", text, (double)value);
        }
    }
    /* 15 to 19 digits at random: those that one long double nearly puts between two doubles are among them */
    for (int i = 0; i < 200000; i++) {
        char text[64];
        float value = NAN;
        snprintf(text, sizeof text, "%.0f%09.0fe%d", floor(test_uniform(&seed, 1e6, 1e10)),
                 floor(test_uniform(&seed, 0.0, 1e9)), (int)test_uniform(&seed, -30.0, 10.0));
        assert_int_equal(number_parse(text, c_locale, &value), NUMBER_FINITE);
        if (value != (float)strtod(text, NULL)) {
            fail_msg("%s is read as %.9g", text, (double)value);
        }
    }
    float value;
    assert_int_equal(number_parse("3.4028236e38", c_locale, &value), NUMBER_TOO_LARGE);
    assert_int_equal(number_parse("-1e39", c_locale, &value), NUMBER_TOO_LARGE);
    platform_free_locale(c_locale);
}

/* In any installed locale with a decimal comma numbers still have a point, also those that go to strtod_l().
 */
static void locale_of_the_program_does_not_matter(void **state)
{
    (void)state;
    const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8" };
    locale_t c_locale;
    float value;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_ALL, names[i]) != NULL) {
            break;
        }
    }
    assert_ok(number_locale(&c_locale));
    assert_int_equal(number_parse("1.5000000000000000000000000000", c_locale, &value), NUMBER_FINITE);
    assert_true(value == 1.5f);
    platform_free_locale(c_locale);
    setlocale(LC_ALL, "C");
}

static void other_texts_are_told_apart(void **state)
{
    (void)state;
    const struct {
        const char *text;
        enum number_kind kind;
    } cases[] = {
        { "", NUMBER_MISSING },     { "?", NUMBER_MISSING },
        { "na", NUMBER_MISSING },   { "N/A", NUMBER_MISSING },
        { "-nan", NUMBER_MISSING }, { "NULL", NUMBER_MISSING },
        { "inf", NUMBER_INFINITE }, { "-Infinity", NUMBER_INFINITE },
        { "+", NUMBER_NONE },       { "e5", NUMBER_NONE },
        { "1e+", NUMBER_NONE },     { "1,5", NUMBER_NONE },
        { "0x1p3", NUMBER_NONE },   { " 1", NUMBER_NONE },
        { "nan(1)", NUMBER_NONE },
    };
    locale_t c_locale;
    float value;
    assert_ok(number_locale(&c_locale));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(number_parse(cases[i].text, c_locale, &value), cases[i].kind);
    }
    platform_free_locale(c_locale);
}

/* ISO 8601 against the C library's calendar: days since 1970 with their fraction, and what is no date. */
static void dates_are_those_of_the_calendar(void **state)
{
    static const char *const none[] = {
        "2024-00-05",
        "2024-13-05",
        "2024-06-00",
        "2024-06-31",
        "2023-02-29",
        "1900-02-29",
        "2024-6-05",
        "24-06-05",
        "2024/06/05",
        "2024-06-05x",
        "2024-06-05T",
        "2024-06-05T25:00",
        "2024-06-05T12:60",
        "2024-06-05T12:30:61",
        "2024-06-05T12:30:15.5q",
        "2024-06-05T12:30+",
        "2024-06-05T12:30+1",
        "2024-06-05T12",
        "",
    };
    uint64_t seed = 3;
    double days;
    bool has_time;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const time_t seconds = (time_t)floor(test_uniform(&seed, -1.1e10, 1.1e10)); /* 1621 to 2318 */
        const int thousandths = (int)test_uniform(&seed, 0.0, 1000.0),
                  zone = (int)test_uniform(&seed, -840.0, 840.0);
        struct tm t;
        char text[64];
        gmtime_r(&seconds, &t);
        snprintf(text, sizeof text, "%04d-%02d-%02d%c%02d:%02d:%02d.%03d%c%02d%s%02d", t.tm_year + 1900,
                 t.tm_mon + 1, t.tm_mday, i % 2 ? 'T' : ' ', t.tm_hour, t.tm_min, t.tm_sec, thousandths,
                 zone < 0 ? '-' : '+', abs(zone) / 60, i % 3 ? ":" : "", abs(zone) % 60);
        assert_true(date_parse(text, &days, &has_time) && has_time);
        assert_true(fabs(days * 86400.0 - ((double)seconds + thousandths * 1e-3 - zone * 60.0)) < 1e-5);
        text[10] = '\0';
        assert_true(date_parse(text, &days, &has_time) && !has_time);
        assert_true(days == floor((double)seconds / 86400.0));
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(date_parse(none[i], &days, &has_time));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_rounded_as_strtod_does),
        cmocka_unit_test(numbers_are_read_in_a_buffer),
        cmocka_unit_test(locale_of_the_program_does_not_matter),
        cmocka_unit_test(other_texts_are_told_apart),
        cmocka_unit_test(dates_are_those_of_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
