/* Numbers from the command line: all of the text is the number, or none of it. */
#include "options/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

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

/* A copy of the list to be cut up, and in place of *values room for its numbers. */
static int begin_list(const char *text, const char *separator, size_t size, char **copy, void *values)
{
    size_t capacity = 1;
    for (const char *c = text; *c != '\0'; c++) {
        capacity += *c == *separator;
    }
    free(*(void **)values);
    *(void **)values = calloc(capacity, size);
    *copy = strdup(text);
    return *(void **)values != NULL && *copy != NULL ? EXIT_DONE : out_of_memory();
}

int parse_reals(const char *option, const char *text, const char *expected, double low, double high,
                double **values, size_t *count)
{
    char *copy, *next;
    bool valid = true;
    int code = begin_list(text, ",", sizeof **values, &copy, values);
    next = code == EXIT_DONE ? copy : NULL;
    for (*count = 0; next != NULL && valid; (*count)++) {
        double *value = &(*values)[*count];
        valid = parse_real(strsep(&next, ","), value) && *value >= low && *value <= high;
    }
    free(copy);
    return valid ? code : usage_error("%s: expected %s, got '%s'", option, expected, text);
}

int parse_sizes(const char *option, const char *text, const char *separator, const char *expected, size_t low,
                size_t high, size_t **values, size_t *count)
{
    char *copy, *next;
    bool valid = true;
    int code = begin_list(text, separator, sizeof **values, &copy, values);
    next = code == EXIT_DONE ? copy : NULL;
    for (*count = 0; next != NULL && valid; (*count)++) {
        uint64_t value;
        valid = parse_whole(strsep(&next, separator), &value) && value >= low && value <= high;
        (*values)[*count] = valid ? (size_t)value : 0;
    }
    free(copy);
    return valid ? code : usage_error("%s: expected %s, got '%s'", option, expected, text);
}
