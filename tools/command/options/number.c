/* Numbers from the command line: all of the text is the number, or none of it. */
#include "options/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 400 }; /* characters of a number that is taken seriously */

bool parse_whole(const char *text, uint64_t *value)
{
    uint64_t sum = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        if (*text < '0' || *text > '9' || sum > (UINT64_MAX - digit) / 10) {
            return false;
        }
        sum = 10 * sum + digit;
    }
    *value = sum;
    return true;
}

/* The program never calls setlocale(), so strtod() expects a point. */
bool parse_real(const char *text, double *value)
{
    char *end;
    if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text) || strlen(text) > LONGEST) {
        return false;
    }
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

bool parse_reals(const char *text, double **values, size_t *count)
{
    size_t capacity = 1;
    for (const char *c = text; *c != '\0'; c++) {
        capacity += *c == ',';
    }
    char *copy = strdup(text);
    double *numbers = calloc(capacity, sizeof *numbers);
    bool valid = copy != NULL && numbers != NULL;
    char *next = copy;
    for (*count = 0; valid && next != NULL; (*count)++) {
        valid = parse_real(strsep(&next, ","), &numbers[*count]);
    }
    free(copy);
    if (!valid) {
        free(numbers);
        numbers = NULL;
    }
    *values = numbers;
    return valid;
}
