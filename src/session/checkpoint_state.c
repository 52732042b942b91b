/* The scalars of a fit under way, and the members of what its files hold in rows. */
#include "session/checkpoint_file.h"

#define STATE(member) FIELD(struct fit_state, member)
/* clang-format off */
static const struct field state_members[] = {
    STATE(epoch), STATE(step), STATE(samples), STATE(best), STATE(since_best), STATE(best_loss),
        STATE(seconds),
    STATE(gradient_norm), STATE(clip_scale), STATE(clipped), STATE(skipped), STATE(epoch_seconds),
    STATE(tally_loss), STATE(tally_loss_weight), STATE(tally_samples), STATE(tally_right),
        STATE(tally_right_top_k),
    STATE(tally_classed), STATE(pace_scale), STATE(pace_best), STATE(pace_since_best),
    STATE(learning_rate), STATE(rate_scale), STATE(product), STATE(updates), STATE(skips), STATE(pairs),
        STATE(averaged),
    STATE(monitor_interval), STATE(monitor_steps), STATE(monitor_count), STATE(monitor_told),
};
/* clang-format on */
const struct field_list state_fields = FIELD_LIST(state_members);

#define EPOCH(member) FIELD(mlp_epoch, member)
/* clang-format off */
static const struct field epoch_members[] = {
    EPOCH(loss), EPOCH(accuracy), EPOCH(validation.loss), EPOCH(validation.accuracy),
        EPOCH(validation.top_k_accuracy),
    EPOCH(validation.count), EPOCH(gradient_norm), EPOCH(clip_scale), EPOCH(clipped), EPOCH(skipped),
        EPOCH(learning_rate),
    EPOCH(seconds), EPOCH(steps),
};
/* clang-format on */
const struct field_list epoch_fields = FIELD_LIST(epoch_members);

#define RECORD(member) FIELD(mlp_monitor_record, member)
static const struct field record_members[] = {
    RECORD(step), RECORD(epoch), RECORD(loss), RECORD(gradient_norm), RECORD(findings),
};
const struct field_list record_fields = FIELD_LIST(record_members);

#define LAYER(member) FIELD(mlp_monitor_layer, member)
static const struct field layer_members[] = {
    LAYER(activation_rms), LAYER(pre_gradient_rms), LAYER(weight_norm), LAYER(weight_gradient_norm),
    LAYER(gradient_ratio), LAYER(update_ratio),     LAYER(zeros),       LAYER(saturated),
    LAYER(dead),           LAYER(findings),
};
const struct field_list monitor_layer_fields = FIELD_LIST(layer_members);

struct fit_state fit_state_gather(const struct fit *fit)
{
    const struct tally *tally = &fit->tally;
    const struct mlp_optimizer *optimizer = fit->optimizer;
    const struct monitor *monitor = fit->report->monitor;
    const double now = seconds_now();
    /* clang-format off */
    struct fit_state state = {
        .epoch = fit->epoch, .step = fit->open.steps, .samples = fit->progress.samples,
        .best = fit->report->best,
        .since_best = fit->since_best, .best_loss = fit->best_loss, .seconds = now - fit->start,
        .gradient_norm = fit->open.gradient_norm, .clip_scale = fit->open.clip_scale,
        .clipped = fit->open.clipped,
        .skipped = fit->open.skipped,
        .epoch_seconds = fit->open.steps > 0 ? now - fit->open_start : 0.0,
        .tally_loss = tally->loss, .tally_loss_weight = tally->loss_weight, .tally_samples = tally->samples,
        .tally_right = tally->right, .tally_right_top_k = tally->right_top_k, .tally_classed = tally->classed,
        .pace_scale = fit->pace.scale, .pace_best = fit->pace.best, .pace_since_best = fit->pace.since_best,
        .learning_rate = optimizer->options.learning_rate, .rate_scale = optimizer->rate_scale,
        .product = optimizer->product,
        .updates = (size_t)optimizer->updates, .skips = optimizer->skips, .pairs = optimizer->pairs,
        .averaged = fit->average.count,
    };
    /* clang-format on */
    if (monitor != NULL) {
        state.monitor_interval = monitor->interval;
        state.monitor_steps = monitor->steps;
        state.monitor_count = monitor->count;
        state.monitor_told = monitor->told;
    }
    return state;
}

void fit_state_apply(const struct fit_state *state, struct fit *fit)
{
    struct mlp_optimizer *optimizer = fit->optimizer;
    struct monitor *monitor = fit->report->monitor;
    const double now = seconds_now();
    fit->epoch = state->epoch;
    fit->open = (mlp_epoch){ .gradient_norm = state->gradient_norm,
                             .clip_scale = state->clip_scale,
                             .clipped = state->clipped,
                             .skipped = state->skipped,
                             .steps = state->step };
    fit->progress.samples = state->samples;
    fit->progress.resumed = state->epoch * fit->progress.steps + state->step;
    fit->report->best = state->best;
    fit->since_best = state->since_best;
    fit->best_loss = state->best_loss;
    fit->start = now - state->seconds;
    fit->open_start = now - state->epoch_seconds;
    fit->tally = (struct tally){ .loss = state->tally_loss,
                                 .loss_weight = state->tally_loss_weight,
                                 .samples = state->tally_samples,
                                 .right = state->tally_right,
                                 .right_top_k = state->tally_right_top_k,
                                 .classed = state->tally_classed };
    fit->pace.scale = state->pace_scale;
    fit->pace.best = state->pace_best;
    fit->pace.since_best = state->pace_since_best;
    optimizer->options.learning_rate = state->learning_rate;
    optimizer->rate_scale = state->rate_scale; /* of the last step, which the epoch tells */
    optimizer->product = state->product;
    optimizer->updates = state->updates;
    optimizer->skips = state->skips;
    optimizer->pairs = state->pairs;
    fit->average.count = state->averaged;
    if (monitor != NULL) {
        monitor->interval = state->monitor_interval;
        monitor->steps = state->monitor_steps;
        monitor->count = state->monitor_count;
        monitor->told = state->monitor_told;
    }
}
