/* AutoClip (Seetharaman, Wichern, Pardo & Le Roux 2020): the global norm, clipped to a percentile of the
 * norms that were seen. */
#include <math.h>
#include <string.h>

#include "optim/clip.h"

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
    size_t count = memory->seen < (double)CLIP_WINDOW ? (size_t)memory->seen : (size_t)CLIP_WINDOW;
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

mlp_status clip_auto(const struct clip_input *input, struct clip_outcome *outcome)
{
    const double norm = outcome->report.norm;
    clip_scale_group(0, input->tensors, norm, clip_auto_threshold(input->memory, input->threshold, norm),
                     outcome);
    return MLP_OK;
}
