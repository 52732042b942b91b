/* Averaged weights of a fit. */
#include "session/average.h"

#include <float.h>
#include <math.h>

#include "base/memory.h"
#include "base/names.h"
#include "base/options.h"
#include "base/status.h"
#include "base/team.h"

#define DEFAULT_DECAY 0.999
#define DEFAULT_START 0.75

/* Floats from which on a thread pays. */
enum { FLOATS_OF_A_THREAD = 32768 };

static const struct name rules[] = {
    [MLP_AVERAGE_NONE] = { "none", "the parameters as they are" },
    [MLP_AVERAGE_EMA] = { "ema", "mean over the steps with weights that fall by 0.999 a step" },
    [MLP_AVERAGE_SWA] = { "swa", "mean over the ends of the last quarter of the epochs" },
};

static const struct name_table names = NAME_ROWS("average", rules);

STRATEGY_FUNCTIONS(mlp_average, mlp_average, &names);

/* ---- life ---------------------------------------------------------------------------------------------- */

static mlp_status check(const mlp_average_options *o)
{
    TRY(name_check(&names, (int)o->rule));
    FAIL_IF(!(o->decay >= 0.0 && o->decay < 1.0) || (o->decay != 0.0 && o->rule != MLP_AVERAGE_EMA),
            MLP_ERROR_RANGE, "average: decay is %g, expected above 0 and below 1 with ema, 0 with others",
            o->decay);
    FAIL_IF(!(o->start >= 0.0 && o->start < 1.0) || (o->start != 0.0 && o->rule != MLP_AVERAGE_SWA),
            MLP_ERROR_RANGE,
            "average: start is %g, expected 0 up to, not including, 1 with swa, 0 with others", o->start);
    return MLP_OK;
}

mlp_status average_begin(struct average *average, const mlp_average_options *options,
                         const mlp_network *network, size_t epochs)
{
    mlp_average_options *o = &average->options;
    *average = (struct average){ 0 };
    TRY(ACCEPT_OPTIONS(mlp_average_options, MLP_AVERAGE_OPTIONS_INIT, options, o));
    TRY(check(o));
    o->decay = o->decay > 0.0 ? o->decay : DEFAULT_DECAY;
    o->start = o->start > 0.0 ? o->start : DEFAULT_START;
    average->first_epoch = (size_t)(o->start * (double)epochs);
    average->first_epoch = average->first_epoch < epochs ? average->first_epoch : epochs - 1;
    if (o->rule == MLP_AVERAGE_NONE) {
        return MLP_OK;
    }
    average->mean = memory_allocate(network->arena_size, sizeof *average->mean);
    return average->mean != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

void average_free(struct average *average)
{
    memory_free(average->mean);
    average->mean = NULL;
}

/* ---- the mean ------------------------------------------------------------------------------------------ */

struct addition {
    float *mean;
    const float *parameters;
    size_t size;
    float share; /* of the new parameters */
};

/* mean + share·(w − mean), never beyond both: where the difference has no float, their signs differ, and the
 * weighted sum has one. */
static inline float blend(float mean, float w, float share)
{
    const float difference = w - mean;
    return fabsf(difference) <= FLT_MAX ? mean + share * difference : share * w + (1.0f - share) * mean;
}

static void add_share(const struct team *team, void *context)
{
    const struct addition *a = context;
    const struct range shard = team_share(team, a->size / STRIDE_MULTIPLE);
    float *restrict mean = a->mean;
    for (size_t i = shard.first * STRIDE_MULTIPLE; i < shard.end * STRIDE_MULTIPLE; i++) {
        mean[i] = blend(mean[i], a->parameters[i], a->share);
    }
}

static void add(struct average *average, const mlp_network *network, double share, int threads)
{
    struct addition addition = { average->mean, network->parameters, network->arena_size, (float)share };
    average->count++;
    team_run(team_size_for(network->arena_size, FLOATS_OF_A_THREAD, threads), add_share, &addition);
}

void average_step(struct average *average, const mlp_network *network, int threads)
{
    if (average->options.rule == MLP_AVERAGE_EMA) {
        const double n = (double)average->count, decay = fmin(average->options.decay, (1.0 + n) / (10.0 + n));
        add(average, network, n == 0.0 ? 1.0 : 1.0 - decay, threads);
    }
}

void average_epoch(struct average *average, const mlp_network *network, size_t epoch, int threads)
{
    if (average->options.rule == MLP_AVERAGE_SWA && epoch >= average->first_epoch) {
        add(average, network, 1.0 / (double)(average->count + 1), threads);
    }
}

bool average_is_there(const struct average *average)
{
    return average->mean != NULL && average->count > 0;
}

void average_swap(struct average *average, mlp_network *network)
{
    float *parameters = network_write(network);
    for (size_t i = 0; i < network->arena_size; i++) {
        const float kept = parameters[i];
        parameters[i] = average->mean[i];
        average->mean[i] = kept;
    }
}
