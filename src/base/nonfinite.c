/* Numbers that are not finite. */
#include "base/nonfinite.h"

#include <math.h>
#include <stdbool.h>

/* Whether there is one is asked without a branch for each value, which compilers turn into vector code. */
size_t nonfinite_find(const float *values, size_t count)
{
    bool finite = true;
    size_t i = 0;
    for (size_t k = 0; k < count; k++) {
        finite &= isfinite(values[k]) != 0;
    }
    if (finite) {
        return count;
    }
    while (isfinite(values[i])) {
        i++;
    }
    return i;
}
