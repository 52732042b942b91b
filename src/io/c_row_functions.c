/* The fixed functions of a C file that takes raw columns: what schema_encode.c, table_cell.c and table_date.c
 * do, in C99 and C++11 without an allocation or a locale. */
#include "io/c_source.h"

/* clang-format off */
static const char cycle_text[] =
    "\n"
    "static float *cycle(double share, float *x)\n"
    "{\n"
    "    const double angle = 6.283185307179586 * share;\n"
    "    *x++ = (float)sin(angle);\n"
    "    *x++ = (float)cos(angle);\n"
    "    return x;\n"
    "}\n"
    "\n"
    "/* The day, and where it lies in the week, the year and the day. */\n"
    "static float *encode_date(const struct column *column, float days, float *x)\n"
    "{\n"
    "    const double since = column->offset + (double)days, day = floor(since);\n"
    "    *x++ = days;\n"
    "    x = cycle(day / 7.0, x);\n"
    "    x = cycle(since / 365.2425, x);\n"
    "    return column->has_time ? cycle(since - day, x) : x;\n"
    "}\n";
static const char level_text[] =
    "\n"
    "static float *encode_level(const struct column *column, int level, float *x)\n"
    "{\n"
    "    const int inputs = column->kept + (column->kept < column->levels);\n"
    "    int i;\n"
    "    for (i = 0; i < inputs; i++) {\n"
    "        x[i] = 0.0f;\n"
    "    }\n"
    "    if (level >= 0) {\n"
    "        x[level < column->kept ? level : column->kept] = 1.0f;\n"
    "    }\n"
    "    return x + inputs;\n"
    "}\n";
static const char encode_begin[] =
    "\n"
    "/* The inputs of a value; returns where those of the next begin, or 0 where the value does not fit. */\n"
    "static float *encode(const struct column *column, double value, float *x)\n"
    "{\n"
    "    const int missing = value != value;\n"
    "    const double number = missing ? column->fill : value - column->offset;\n"
    "    if (!(fabs(number) < 3.4028235677973366e38)) {\n"
    "        return 0;\n"
    "    }\n";
static const char refuse_missing[] =
    "    if (missing) {\n"
    "        return 0;\n"
    "    }\n";
static const char encode_level[] =
    "    if (column->kind == LEVEL) {\n"
    "        if (number < -1.0 || number >= column->levels || number != floor(number)) {\n"
    "            return 0;\n"
    "        }\n"
    "        x = encode_level(column, (int)number, x);\n"
    "    }\n";
static const char encode_date[] =
    "    if (column->kind == DATE) {\n"
    "        x = encode_date(column, (float)number, x);\n"
    "    }\n";
static const char encode_number[] =
    "    if (column->kind == NUMBER || column->kind == BOOLEAN) {\n"
    "        if (column->kind == BOOLEAN && !missing && value != 0.0 && value != 1.0) {\n"
    "            return 0;\n"
    "        }\n"
    "        *x++ = (float)number;\n"
    "    }\n";
static const char encode_end[] =
    "    if (column->indicator) {\n"
    "        *x++ = missing ? 1.0f : 0.0f;\n"
    "    }\n"
    "    return x;\n"
    "}\n";
static const char words_text[] =
    "\n"
    "/* Whether a text is a word of small letters, but for capitals. */\n"
    "static int is_word(const char *text, const char *word)\n"
    "{\n"
    "    for (; *word != '\\0'; text++, word++) {\n"
    "        const char letter = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;\n"
    "        if (letter != *word) {\n"
    "            return 0;\n"
    "        }\n"
    "    }\n"
    "    return *text == '\\0';\n"
    "}\n"
    "\n"
    "static int is_missing(const char *text)\n"
    "{\n"
    "    static const char *const words[] = { \"\", \"na\", \"n/a\", \"nan\", \"null\", \"?\" };\n"
    "    int i;\n"
    "    for (i = 0; i < 6; i++) {\n"
    "        if (is_word(text, words[i])) {\n"
    "            return 1;\n"
    "        }\n"
    "    }\n"
    "    for (i = 0; i < MISSING_WORDS; i++) {\n"
    "        if (strcmp(text, missing_words[i]) == 0) {\n"
    "            return 1;\n"
    "        }\n"
    "    }\n"
    "    return 0;\n"
    "}\n";
static const char number_begin[] =
    "\n"
    "/* [sign] digits [. digits] [e [sign] digits], the whole text. 15 digits and powers of ten up to\n"
    " * 22 are exact. */\n"
    "static int parse_number(const char *text, double *value)\n"
    "{\n"
    "    const int negative = *text == '-';\n"
    "    int count = 0, point = 0, exponent = 0, power = 0, lowers;\n"
    "    double digits = 0.0, tens = 1.0;\n"
    "    text += *text == '-' || *text == '+';\n"
    "    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {\n"
    "        if (*text == '.') {\n"
    "            point = 1;\n"
    "            continue;\n"
    "        }\n"
    "        count++;\n"
    "        exponent += digits < 1e17 ? -point : !point;\n"
    "        digits = digits < 1e17 ? digits * 10.0 + (*text - '0') : digits;\n"
    "    }\n"
    "    if (count > 0 && (*text == 'e' || *text == 'E')) {\n"
    "        lowers = *++text == '-';\n"
    "        text += *text == '-' || *text == '+';\n"
    "        for (count = 0; *text >= '0' && *text <= '9'; text++, count++) {\n"
    "            power = power < 100000 ? power * 10 + (*text - '0') : power;\n"
    "        }\n"
    "        exponent += lowers ? -power : power;\n"
    "    }\n";
static const char number_end[] =
    "    if (count == 0 || *text != '\\0') {\n"
    "        return 0;\n"
    "    }\n"
    "    for (; exponent > 22 && digits < 1e300; exponent -= 22) {\n"
    "        digits *= 1e22;\n"
    "    }\n"
    "    for (; exponent < -22 && digits > 0.0; exponent += 22) {\n"
    "        digits /= 1e22;\n"
    "    }\n"
    "    for (power = exponent < 0 ? -exponent : exponent; power > 0 && tens < 1e22; power--) {\n"
    "        tens *= 10.0;\n"
    "    }\n"
    "    digits = exponent < 0 ? digits / tens : digits * tens;\n"
    "    *value = negative ? -digits : digits;\n"
    "    return 1;\n"
    "}\n";
static const char boolean_text[] =
    "\n"
    "static int parse_boolean(const char *text, double *value)\n"
    "{\n"
    "    static const char *const words[] = { \"0\", \"1\", \"false\", \"true\", \"no\", \"yes\",\n"
    "                                         \"f\", \"t\", \"n\",     \"y\" };\n"
    "    int i;\n"
    "    for (i = 0; i < 10; i++) {\n"
    "        if (is_word(text, words[i])) {\n"
    "            *value = i % 2;\n"
    "            return 1;\n"
    "        }\n"
    "    }\n"
    "    return 0;\n"
    "}\n";
static const char parse_level[] =
    "\n"
    "static int parse_level(const struct column *column, const char *text, double *value)\n"
    "{\n"
    "    int i;\n"
    "    *value = -1.0;\n"
    "    for (i = 0; i < column->levels; i++) {\n"
    "        if (strcmp(text, levels[column->first + i]) == 0) {\n"
    "            *value = i;\n"
    "        }\n"
    "    }\n"
    "    return 1;\n"
    "}\n";
static const char date_begin[] =
    "\n"
    "static int scan(const char **text, int digits, int *value)\n"
    "{\n"
    "    for (*value = 0; digits > 0; digits--, ++*text) {\n"
    "        if (**text < '0' || **text > '9') {\n"
    "            return 0;\n"
    "        }\n"
    "        *value = *value * 10 + (**text - '0');\n"
    "    }\n"
    "    return 1;\n"
    "}\n"
    "\n"
    "static int scan_letter(const char **text, char letter)\n"
    "{\n"
    "    const int found = **text == letter;\n"
    "    *text += found;\n"
    "    return found;\n"
    "}\n"
    "\n"
    "/* Days from 1970-01-01 on: 400 years, which begin in March, have 146097 of them. */\n"
    "static double days_of(int year, int month, int day)\n"
    "{\n"
    "    const int y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;\n"
    "    const int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;\n"
    "    return era * 146097.0 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468.0;\n"
    "}\n";
static const char date_time[] =
    "\n"
    "/* HH:MM[:SS[.fraction]], as a share of a day. */\n"
    "static int scan_time(const char **text, double *share)\n"
    "{\n"
    "    int hour, minute, second = 0, digit;\n"
    "    double fraction = 0.0, place = 0.1;\n"
    "    if (!scan(text, 2, &hour) || !scan_letter(text, ':') || !scan(text, 2, &minute) || hour > 24 ||\n"
    "        minute >= 60) {\n"
    "        return 0;\n"
    "    }\n"
    "    if (scan_letter(text, ':')) {\n"
    "        if (!scan(text, 2, &second) || second > 60) {\n"
    "            return 0;\n"
    "        }\n"
    "        if (scan_letter(text, '.') || scan_letter(text, ',')) {\n"
    "            for (; scan(text, 1, &digit); place *= 0.1) {\n"
    "                fraction += place * digit;\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "    *share = ((hour * 60.0 + minute) * 60.0 + second + fraction) / 86400.0;\n"
    "    return 1;\n"
    "}\n"
    "\n"
    "/* Z or +HH[:]MM or -HH[:]MM, as a share of a day. */\n"
    "static int scan_zone(const char **text, double *share)\n"
    "{\n"
    "    const int west = **text == '-';\n"
    "    int hours, minutes = 0;\n"
    "    *share = 0.0;\n"
    "    if (scan_letter(text, 'Z') || **text == '\\0') {\n"
    "        return 1;\n"
    "    }\n"
    "    if ((!scan_letter(text, '+') && !scan_letter(text, '-')) || !scan(text, 2, &hours)) {\n"
    "        return 0;\n"
    "    }\n"
    "    scan_letter(text, ':');\n"
    "    if (**text != '\\0' && !scan(text, 2, &minutes)) {\n"
    "        return 0;\n"
    "    }\n"
    "    *share = (west ? -1.0 : 1.0) * (hours * 60 + minutes) / 1440.0;\n"
    "    return 1;\n"
    "}\n";
static const char date_end[] =
    "\n"
    "/* YYYY-MM-DD, alone or followed by T or a blank, the time and the zone. */\n"
    "static int parse_date(const char *text, double *days)\n"
    "{\n"
    "    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };\n"
    "    int year, month, day, leap;\n"
    "    double time, zone;\n"
    "    if (!scan(&text, 4, &year) || !scan_letter(&text, '-') || !scan(&text, 2, &month) ||\n"
    "        !scan_letter(&text, '-') || !scan(&text, 2, &day) || month < 1 || month > 12) {\n"
    "        return 0;\n"
    "    }\n"
    "    leap = month == 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0);\n"
    "    *days = days_of(year, month, day);\n"
    "    if (day < 1 || day > lengths[month - 1] + leap) {\n"
    "        return 0;\n"
    "    }\n"
    "    if (*text == '\\0') {\n"
    "        return 1;\n"
    "    }\n"
    "    if ((!scan_letter(&text, 'T') && !scan_letter(&text, ' ')) || !scan_time(&text, &time) ||\n"
    "        !scan_zone(&text, &zone)) {\n"
    "        return 0;\n"
    "    }\n"
    "    *days += time - zone;\n"
    "    return *text == '\\0';\n"
    "}\n";
/* clang-format on */

void c_put_row_functions(struct c_source *source, const bool kinds[C_KINDS], bool imputes)
{
    const struct {
        bool wanted;
        const char *text;
    } parts[] = {
        { kinds[MLP_COLUMN_DATE], cycle_text },
        { kinds[MLP_COLUMN_CATEGORICAL], level_text },
        { true, encode_begin },
        { !imputes, refuse_missing },
        { kinds[MLP_COLUMN_CATEGORICAL], encode_level },
        { kinds[MLP_COLUMN_DATE], encode_date },
        { kinds[MLP_COLUMN_NUMERIC] || kinds[MLP_COLUMN_BOOLEAN], encode_number },
        { true, encode_end },
        { true, words_text },
        { kinds[MLP_COLUMN_NUMERIC], number_begin },
        { kinds[MLP_COLUMN_NUMERIC], number_end },
        { kinds[MLP_COLUMN_BOOLEAN], boolean_text },
        { kinds[MLP_COLUMN_CATEGORICAL], parse_level },
        { kinds[MLP_COLUMN_DATE], date_begin },
        { kinds[MLP_COLUMN_DATE], date_time },
        { kinds[MLP_COLUMN_DATE], date_end },
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].wanted) {
            c_put_text(source, parts[i].text);
        }
    }
}
