/* Whether what a checkpoint says can be true of this fit: a file's numbers become places, factors and
 * divisors. */
#include <math.h>

#include "diagnose/diagnose.h"
#include "session/checkpoint_file.h"

/* What must hold of a member. */
struct claim {
    const char *member;
    bool holds;
};

static const char *first_broken(const struct claim *claims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!claims[i].holds) {
            return claims[i].member;
        }
    }
    return NULL;
}
#define FIRST_BROKEN(claims) first_broken(claims, sizeof(claims) / sizeof(claims)[0])

/* A finite sum of what is not negative. */
static bool is_sum(double value)
{
    return value >= 0.0 && isfinite(value);
}

static bool is_share(double value)
{
    return value >= 0.0 && value <= 1.0;
}

/* A share, or NaN where nothing was measured. */
static bool is_measured_share(double value)
{
    return isnan(value) || is_share(value);
}

/* A number of things, of which there are at most `most`. */
static bool is_count(double value, size_t most)
{
    return value >= 0.0 && value <= (double)most && value == floor(value);
}

/* Steps since the start: epochs and steps are within bounds. */
static size_t steps_done(const struct fit_state *s, const struct fit *fit)
{
    return s->epoch * fit->progress.steps + s->step;
}

static const char *check_place(const struct fit_state *s, const struct fit *fit)
{
    const size_t count = fit->feed.data->count, size = fit->options.batch, steps = fit->progress.steps;
    const size_t open = s->step < steps ? s->step * size : count;
    const bool validates = fit->options.validation != NULL;
    const struct claim claims[] = {
        { "step", s->step <= steps },
        { "samples", s->samples == s->epoch * count + open },
        { "best", s->epoch > 0 ? s->best < s->epoch : s->best == 0 },
        { "since_best", s->since_best <= (validates ? s->epoch : 0) },
        { "best_loss", validates ? s->best_loss > -INFINITY : s->best_loss == INFINITY },
        { "seconds", is_sum(s->seconds) },
        { "epoch_seconds", is_sum(s->epoch_seconds) },
    };
    return FIRST_BROKEN(claims);
}

static const char *check_sums(const struct fit_state *s, const struct fit *fit)
{
    const size_t count = fit->feed.data->count;
    const struct claim claims[] = {
        { "gradient_norm", is_sum(s->gradient_norm) },
        { "clip_scale", is_sum(s->clip_scale) },
        { "clipped", is_count(s->clipped, s->step) },
        { "skipped", is_count(s->skipped, s->step) },
        { "tally_loss", isfinite(s->tally_loss) },
        { "tally_loss_weight", isfinite(s->tally_loss_weight) && s->tally_loss_weight >= 0.0 },
        { "tally_samples", s->tally_samples <= count },
        { "tally_classed", s->tally_classed <= s->tally_samples },
        { "tally_right", s->tally_right <= s->tally_classed },
        { "tally_right_top_k", s->tally_right_top_k <= s->tally_classed },
    };
    return FIRST_BROKEN(claims);
}

static const char *check_pace(const struct fit_state *s, const struct fit *fit)
{
    mlp_optimizer_options now = fit->optimizer->options;
    now.learning_rate = s->learning_rate;
    const bool has_rate = s->learning_rate > 0.0 && isfinite((float)s->learning_rate);
    const struct claim claims[] = {
        { "pace_scale", is_share(s->pace_scale) },
        { "pace_best", s->pace_best > -INFINITY },
        { "pace_since_best", s->pace_since_best <= s->epoch },
        { "learning_rate", has_rate && optimizer_check_decay(fit->optimizer, &now) == MLP_OK },
        { "rate_scale", is_sum(s->rate_scale) },
        { "product", is_share(s->product) },
        { "skips", s->skips <= fit->optimizer->options.max_skips },
        { "averaged", s->averaged <= (fit->average.mean != NULL ? steps_done(s, fit) : 0) },
    };
    return FIRST_BROKEN(claims);
}

static const char *check_monitor(const struct fit_state *s, const struct fit *fit)
{
    const size_t done = steps_done(s, fit), interval = fit->options.monitor_interval;
    if (fit->report->monitor == NULL) {
        return NULL;
    }
    const struct claim claims[] = {
        { "monitor_interval", s->monitor_interval >= interval && s->monitor_interval % interval == 0 },
        { "monitor_steps", s->monitor_steps == done },
        { "monitor_count", s->monitor_count <= MONITOR_RECORDS && s->monitor_count <= done },
        { "monitor_told", s->monitor_told < 1u << mlp_finding_count() },
    };
    return FIRST_BROKEN(claims);
}

const char *fit_state_check(const struct fit_state *state, const struct fit *fit)
{
    const char *(*const checks[])(const struct fit_state *state,
                                  const struct fit *fit) = { check_place, check_sums, check_pace,
                                                             check_monitor };
    const char *broken = NULL;
    for (size_t i = 0; broken == NULL && i < sizeof checks / sizeof checks[0]; i++) {
        broken = checks[i](state, fit);
    }
    return broken;
}

bool clip_norms_check(const struct clip_memory *memory)
{
    const size_t count = memory->seen < CLIP_WINDOW ? (size_t)memory->seen : (size_t)CLIP_WINDOW;
    bool sound = memory->mean >= 0.0;
    for (size_t i = 0; i < CLIP_WINDOW && sound; i++) {
        sound = memory->window[i] >= 0.0 && memory->sorted[i] >= 0.0 &&
                (i == 0 || i >= count || memory->sorted[i] >= memory->sorted[i - 1]);
    }
    return sound;
}

const char *epoch_check(const mlp_epoch *epoch, const struct fit *fit)
{
    const mlp_data *validation = fit->options.validation;
    const struct claim claims[] = {
        { "steps", epoch->steps == fit->progress.steps },
        { "accuracy", is_measured_share(epoch->accuracy) },
        { "validation.count", epoch->validation.count == (validation != NULL ? validation->count : 0) },
        { "validation.accuracy", is_measured_share(epoch->validation.accuracy) },
        { "validation.top_k_accuracy", is_measured_share(epoch->validation.top_k_accuracy) },
        { "gradient_norm", isnan(epoch->gradient_norm) || is_sum(epoch->gradient_norm) },
        { "clip_scale", isnan(epoch->clip_scale) || is_sum(epoch->clip_scale) },
        { "clipped", is_share(epoch->clipped) },
        { "skipped", is_share(epoch->skipped) },
        { "learning_rate", is_sum(epoch->learning_rate) },
        { "seconds", is_sum(epoch->seconds) },
    };
    return FIRST_BROKEN(claims);
}

const char *record_check(const mlp_monitor_record *record, const struct fit_state *state,
                         const struct fit *fit)
{
    const struct claim claims[] = {
        { "step", record->step >= 1 && record->step <= steps_done(state, fit) },
        { "epoch", record->epoch >= 1 && record->epoch <= state->epoch + 1 },
        { "findings", record->findings < 1u << mlp_finding_count() },
    };
    return FIRST_BROKEN(claims);
}

const char *monitor_layer_check(const mlp_monitor_layer *figures, size_t units)
{
    const struct claim claims[] = {
        { "zeros", is_share(figures->zeros) },
        { "saturated", is_share(figures->saturated) },
        { "dead", figures->dead <= units },
        { "findings", figures->findings < 1u << mlp_finding_count() },
    };
    return FIRST_BROKEN(claims);
}
