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
/* Reals separated by commas into a new array that the caller frees; *count is how many. False when one is no
 * number (nothing to free). */
bool parse_reals(const char *text, double **values, size_t *count);

#endif
