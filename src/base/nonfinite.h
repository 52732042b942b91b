/* Numbers that are not finite. */
#ifndef BASE_NONFINITE_H
#define BASE_NONFINITE_H

#include <stddef.h>

/* Index of the first of `count` values that is NaN or infinite; `count` where there is none. */
size_t nonfinite_find(const float *values, size_t count);

#endif
