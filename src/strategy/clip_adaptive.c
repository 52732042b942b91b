/* Clipping rules whose threshold follows the norms that were seen. */
#include <math.h>
#include <string.h>

#include "strategy/clip.h"

#define Z_PAST 0.97
#define Z_TINY 1e-6 /* added to σ in z */
enum { Z_WARMUP = 25 };

static bool is_count(double value, double largest)
{
    return value >= 0.0 && value <= largest && value == floor(value);
}

bool clip_memory_check(const struct clip_memory *memory)
{
    bool sound = is_count(memory->seen, 0x1p53) && is_count(memory->next, CLIP_WINDOW - 1) &&
                 isfinite(memory->mean) && memory->variance >= 0.0 && isfinite(memory->variance);
    for (size_t i = 0; i < CLIP_WINDOW && sound; i++) {
        sound = isfinite(memory->window[i]) && isfinite(memory->sorted[i]);
    }
    return sound;
}

/* ---- AutoClip (Seetharaman et al. 2020) ---------------------------------------------------------------- */

/* Place of the first sorted norm that is not below `norm`. */
static size_t place_of(const double *sorted, size_t count, double norm)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (sorted[middle] < norm) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t remember(struct clip_memory *memory, double norm)
{
    size_t count = memory->seen < CLIP_WINDOW ? (size_t)memory->seen : (size_t)CLIP_WINDOW;
    const size_t next = (size_t)memory->next;
    if (count == CLIP_WINDOW) {
        size_t oldest = place_of(memory->sorted, count, memory->window[next]);
        count--;
        oldest = oldest < count ? oldest : count; /* the last, also should a file have been wrong */
        memmove(memory->sorted + oldest, memory->sorted + oldest + 1,
                (count - oldest) * sizeof *memory->sorted);
    }
    const size_t place = place_of(memory->sorted, count, norm);
    memmove(memory->sorted + place + 1, memory->sorted + place, (count - place) * sizeof *memory->sorted);
    memory->sorted[place] = norm;
    memory->window[next] = norm;
    memory->next = (double)((next + 1) % CLIP_WINDOW);
    memory->seen += 1.0;
    return count + 1;
}

/* Between neighbours in a straight line, as numpy.percentile does. Where a share of the norms is 0 it is
 * none: it would let nothing through. */
double clip_auto_threshold(struct clip_memory *memory, double percentile, double norm)
{
    const size_t count = remember(memory, norm);
    const double place = percentile / 100.0 * (double)(count - 1);
    const size_t below = (size_t)place;
    const double next = below + 1 < count ? memory->sorted[below + 1] : memory->sorted[below];
    const double threshold = memory->sorted[below] + (place - (double)below) * (next - memory->sorted[below]);
    return threshold > 0.0 ? threshold : INFINITY;
}

/* ---- ZClip (Kumar et al. 2025) ------------------------------------------------------------------------- */

double clip_z_threshold(const struct clip_memory *memory, double limit, double norm)
{
    if (memory->seen < Z_WARMUP || memory->mean == 0.0) {
        return INFINITY;
    }
    const double deviation = sqrt(memory->variance), z = (norm - memory->mean) / (deviation + Z_TINY);
    return z > limit ? memory->mean + deviation * limit * limit / z : INFINITY;
}

/* The first norms' own mean and variance, then means with weights that fall; the variance is about the new
 * mean. */
void clip_z_learn(struct clip_memory *memory, double clipped)
{
    memory->seen += 1.0;
    const double difference = clipped - memory->mean;
    if (memory->seen <= Z_WARMUP) { /* Welford's recursion */
        memory->mean += difference / memory->seen;
        memory->variance += (difference * (clipped - memory->mean) - memory->variance) / memory->seen;
        return;
    }
    memory->mean = Z_PAST * memory->mean + (1.0 - Z_PAST) * clipped;
    memory->variance =
        Z_PAST * memory->variance + (1.0 - Z_PAST) * (clipped - memory->mean) * (clipped - memory->mean);
}
