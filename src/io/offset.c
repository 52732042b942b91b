/* Offsets of large numbers. */
#include "io/offset.h"

#include <math.h>
#include <stdbool.h>

double offset_mean(const struct offset_sums *sums)
{
    return sums->count > 0 ? sums->first + sums->sum / (double)sums->count : 0.0;
}

double offset_of_sums(const struct offset_sums *sums)
{
    const double factor = 256.0, exact = 0x1p16, mean = offset_mean(sums);
    if (sums->count == 0 || !isfinite(mean)) {
        return 0.0;
    }
    const double shift = sums->sum / (double)sums->count,
                 variance = sums->squares / (double)sums->count - shift * shift,
                 deviation = variance > 0.0 ? sqrt(variance) : 0.0;
    const bool large = deviation > 0.0 ? fabs(mean) > factor * deviation : fabs(mean) > exact;
    return large ? mean : 0.0;
}
