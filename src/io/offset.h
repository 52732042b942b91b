/* Offsets of large numbers, in double. */
#ifndef IO_OFFSET_H
#define IO_OFFSET_H

#include <stddef.h>

/* Of the values of a column; all 0: none yet. */
struct offset_sums {
    size_t count;
    double first, sum, squares; /* of the values less the first */
};

static inline void offset_add(struct offset_sums *sums, double value)
{
    sums->first = sums->count == 0 ? value : sums->first;
    sums->sum += value - sums->first;
    sums->squares += (value - sums->first) * (value - sums->first);
    sums->count++;
}

double offset_mean(const struct offset_sums *sums);

/* What is to be subtracted before the values become float, their mean. A float has 24 bits: numbers that
 * differ by less than a 256th of their size keep 16 of them for what they differ by only when their mean is
 * subtracted before. 0 where that is not so, for a constant that a float can hold, and for what is not
 * finite. */
double offset_of_sums(const struct offset_sums *sums);

#endif
