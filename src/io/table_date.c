/* Dates and times, ISO 8601. */
#include "io/table_cell.h"

enum { HOURS = 24, MINUTES = 60, SECONDS = 60 };

/* Reads `digits` digits. */
static bool scan_number(const char **text, int digits, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++) {
        const char letter = (*text)[i];
        if (letter < '0' || letter > '9') {
            return false;
        }
        *value = *value * 10 + (letter - '0');
    }
    *text += digits;
    return true;
}

static bool scan_letter(const char **text, char letter)
{
    const bool found = **text == letter;
    *text += found;
    return found;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar: years begin in March, so that the leap day is the
 * last, and 400 of them have 146097 days (Hinnant, "chrono-compatible low-level date algorithms"). */
static long days_from_civil(int year, int month, int day)
{
    const int y = month <= 2 ? year - 1 : year;
    const int era = y / 400, year_of_era = y - era * 400;
    const int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097L + day_of_era - 719468L;
}

static int days_of_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* HH:MM[:SS[.fraction]] as a share of a day. */
static bool scan_time(const char **text, double *share)
{
    int hour, minute, second = 0, digit;
    double fraction = 0.0;
    if (!scan_number(text, 2, &hour) || !scan_letter(text, ':') || !scan_number(text, 2, &minute) ||
        hour > HOURS || minute >= MINUTES) {
        return false;
    }
    if (scan_letter(text, ':')) {
        if (!scan_number(text, 2, &second) || second > SECONDS) {
            return false;
        }
        if (scan_letter(text, '.') || scan_letter(text, ',')) {
            for (double place = 0.1; scan_number(text, 1, &digit); place *= 0.1) {
                fraction += place * digit;
            }
        }
    }
    *share = (((hour * MINUTES) + minute) * SECONDS + second + fraction) / (HOURS * MINUTES * SECONDS);
    return true;
}

/* Z, or ±HH[:]MM, whose share of a day is to be subtracted. */
static bool scan_zone(const char **text, double *share)
{
    int hours, minutes = 0;
    *share = 0.0;
    if (scan_letter(text, 'Z') || **text == '\0') {
        return true;
    }
    const double sign = **text == '-' ? -1.0 : 1.0;
    if (!scan_letter(text, '+') && !scan_letter(text, '-')) {
        return false;
    }
    if (!scan_number(text, 2, &hours)) {
        return false;
    }
    scan_letter(text, ':');
    if (**text != '\0' && !scan_number(text, 2, &minutes)) {
        return false;
    }
    *share = sign * (hours * MINUTES + minutes) / (HOURS * MINUTES);
    return true;
}

bool date_parse(const char *text, double *days, bool *has_time)
{
    int year, month, day;
    double time, zone;
    *has_time = false;
    if (!scan_number(&text, 4, &year) || !scan_letter(&text, '-') || !scan_number(&text, 2, &month) ||
        !scan_letter(&text, '-') || !scan_number(&text, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > days_of_month(year, month)) {
        return false;
    }
    *days = (double)days_from_civil(year, month, day);
    if (*text == '\0') {
        return true;
    }
    if ((!scan_letter(&text, 'T') && !scan_letter(&text, ' ')) || !scan_time(&text, &time) ||
        !scan_zone(&text, &zone)) {
        return false;
    }
    *has_time = true;
    *days += time - zone;
    return *text == '\0';
}
