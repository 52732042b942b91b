/* Numbers from the command line: all of the text is the number, or none of it. */
#ifndef TOOLS_NUMBER_H
#define TOOLS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits alone, at most 2^64 - 1. */
bool parse_whole(const char *text, uint64_t *value);
/* A finite decimal number with a point, whatever the locale; surrounding spaces are refused. */
bool parse_real(const char *text, double *value);
/* Lists of numbers from `low` to `high` between commas, or another `separator`, in place of an array that the
 * caller frees in any case. Return an exit code after a message: `option`, then what was `expected`. */
int parse_reals(const char *option, const char *text, const char *expected, double low, double high,
                double **values, size_t *count);
int parse_sizes(const char *option, const char *text, const char *separator, const char *expected, size_t low,
                size_t high, size_t **values, size_t *count);

#endif
