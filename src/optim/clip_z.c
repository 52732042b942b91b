/* ZClip (Kumar et al. 2025): the global norm, clipped where it is an outlier among the norms of late. */
#include <math.h>

#include "optim/clip.h"

#define Z_PAST 0.97
#define Z_TINY 1e-6 /* added to σ in z */
enum { Z_WARMUP = 25 };

double clip_z_threshold(const struct clip_memory *memory, double limit, double norm)
{
    if (memory->seen < (double)Z_WARMUP || memory->mean == 0.0) {
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
    if (memory->seen <= (double)Z_WARMUP) { /* Welford's recursion */
        memory->mean += difference / memory->seen;
        memory->variance += (difference * (clipped - memory->mean) - memory->variance) / memory->seen;
        return;
    }
    memory->mean = Z_PAST * memory->mean + (1.0 - Z_PAST) * clipped;
    memory->variance =
        Z_PAST * memory->variance + (1.0 - Z_PAST) * (clipped - memory->mean) * (clipped - memory->mean);
}

mlp_status clip_z(const struct clip_input *input, struct clip_outcome *outcome)
{
    const double norm = outcome->report.norm,
                 threshold = clip_z_threshold(input->memory, input->threshold, norm);
    clip_scale_group(0, input->tensors, norm, threshold, outcome);
    clip_z_learn(input->memory, norm < threshold ? norm : threshold);
    return MLP_OK;
}
