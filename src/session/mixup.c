/* Mixup. */
#include "session/mixup.h"

#include <math.h>

#include "base/memory.h"
#include "base/random.h"

/* Floats from which on a thread pays. */
enum { FLOATS_OF_A_THREAD = 16384 };

/* ---- λ ------------------------------------------------------------------------------------------------- */

/* Deviates of a stream, each the first of a block of four of its own: those of a block share random words,
 * and a uniform one would hang on a normal one. */
enum { BLOCK = 4 };
struct draws {
    struct random_stream stream;
    size_t next; /* block */
};

static double draw_uniform(struct draws *draws)
{
    float value;
    random_uniform(&draws->stream, BLOCK * draws->next++, 1, &value);
    return 1.0 - (double)value; /* in (0, 1] */
}

static double draw_normal(struct draws *draws)
{
    float value;
    random_normal(&draws->stream, BLOCK * draws->next++, 1, &value);
    return (double)value;
}

/* The logarithm of a Gamma(α, 1) deviate (Marsaglia & Tsang 2000; for α < 1 by Gamma(α) = Gamma(α +
 * 1)·U^(1/α)): a small α's own would underflow. */
static double draw_log_gamma(struct draws *draws, double alpha)
{
    const double boost = alpha < 1.0 ? log(draw_uniform(draws)) / alpha : 0.0;
    const double d = (alpha < 1.0 ? alpha + 1.0 : alpha) - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = draw_normal(draws), v = 1.0 + c * x, u = draw_uniform(draws);
        if (v > 0.0 && log(u) < 0.5 * x * x + d - d * v * v * v + 3.0 * d * log(v)) {
            return log(d) + 3.0 * log(v) + boost;
        }
    }
}

/* max(λ, 1 − λ), λ ~ Beta(α, α). The smallest α leave no logarithm that is finite: 1, which they tend to. */
static double draw_share(double alpha, uint64_t seed, size_t step)
{
    struct draws draws = { random_stream(seed, RANDOM_MIXUP, 0, step), 0 };
    const double first = draw_log_gamma(&draws, alpha), second = draw_log_gamma(&draws, alpha);
    return isfinite(first) && isfinite(second) ? 1.0 / (1.0 + exp(-fabs(first - second))) : 1.0;
}

/* ---- the batch ----------------------------------------------------------------------------------------- */

mlp_status mixup_prepare(struct batch *batch, const mlp_network *network)
{
    const size_t units = output_layer(network)->units;
    if (batch->classes == NULL) {
        return MLP_OK;
    }
    batch->values =
        memory_allocate(batch->size * units, sizeof *batch->values); /* the workspace holds as many */
    batch->targets.classes = NULL;
    batch->targets.values = batch->values;
    return batch->values != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

struct mixing {
    struct batch *batch;
    const struct loss_settings *loss;
    size_t units;
    float share, rest; /* of the sample, of the other */
};

/* Two runs of values, each mixed with the other; they may be the same run. */
static void mix(const struct mixing *mixing, float *a, float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float x = a[i], y = b[i];
        a[i] = mixing->share * x + mixing->rest * y;
        b[i] = mixing->share * y + mixing->rest * x;
    }
}

/* The values that a class stands for. */
static void spread_class(const struct mixing *mixing, size_t sample)
{
    const size_t units = mixing->units, hot = loss_hot_unit(units, (size_t)mixing->batch->classes[sample]);
    float *values = mixing->batch->values + sample * units;
    for (size_t i = 0; i < units; i++) {
        values[i] = i == hot ? 1.0f : loss_low(mixing->loss);
    }
}

/* Pairs of samples from the two ends; a sample in the middle stays as it is. */
static void mix_pairs(const struct team *team, void *context)
{
    const struct mixing *mixing = context;
    struct batch *batch = mixing->batch;
    const size_t inputs = batch->data->storage->inputs, units = mixing->units;
    const struct range shard = team_share(team, (batch->count + 1) / 2);
    for (size_t a = shard.first; a < shard.end; a++) {
        const size_t b = batch->count - 1 - a;
        if (batch->classes != NULL) {
            spread_class(mixing, a);
            spread_class(mixing, b);
        }
        if (a == b) {
            continue;
        }
        mix(mixing, batch->x + a * inputs, batch->x + b * inputs, inputs);
        mix(mixing, batch->values + a * units, batch->values + b * units, units);
        if (batch->weights != NULL) {
            mix(mixing, batch->weights + a, batch->weights + b, 1);
        }
    }
}

void mixup_apply(struct batch *batch, const mlp_network *network, double alpha, uint64_t seed, size_t step,
                 int threads)
{
    const double share = draw_share(alpha, seed, step);
    struct mixing mixing = { .batch = batch,
                             .loss = &network->loss,
                             .units = output_layer(network)->units,
                             .share = (float)share,
                             .rest = (float)(1.0 - share) };
    const size_t floats = batch->count * batch->data->storage->inputs;
    team_run(team_size_for(floats, FLOATS_OF_A_THREAD, threads), mix_pairs, &mixing);
}
