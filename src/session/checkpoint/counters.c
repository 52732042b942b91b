/* The scalars of a fit under way. A new one is a row here: its name in files, where it lies, and what must
 * hold of it when it comes from a file. */
#include <math.h>
#include <string.h>

#include <mlp/diagnose.h>

#include "base/clock.h"
#include "session/checkpoint/content.h"
#include "session/stopping.h"

static size_t samples_of(const struct fit *f)
{
    const size_t count = f->prefetch->data->count;
    return f->epoch * count + (f->open.steps < f->progress.steps ? f->open.steps * f->options.batch : count);
}

static bool is_rate(const struct fit *f)
{
    const double rate = f->optimizer->options.learning_rate;
    return rate > 0.0 && isfinite((float)rate) &&
           optimizer_check_decay(f->optimizer, &f->optimizer->options) == MLP_OK;
}

static bool is_interval(const struct fit *f)
{
    const size_t interval = f->options.monitor_interval, now = f->report->monitor->interval;
    return now >= interval && now % interval == 0;
}

static bool is_best_loss(const struct fit *f)
{
    return f->options.validation != NULL ? f->best_loss > -INFINITY : f->best_loss == INFINITY;
}

static bool is_best_epoch(const struct fit *f)
{
    return f->report->best == 0 || f->report->best < f->epoch;
}

static size_t most_since_best(const struct fit *f)
{
    return f->options.validation != NULL || stopping_watches_training(&f->options) ? f->epoch : 0;
}

static size_t most_averaged(const struct fit *f)
{
    return f->average.mean != NULL ? steps_done(f) : 0;
}

/* Of the monitor, where there is one. In the conditions f is the fit, o its optimizer, m its monitor. */
#define WATCHED(condition) (m == NULL || (condition))

/* clang-format off */
#define FIT_COUNTERS(ROW)                                                                                    \
    ROW(epoch,             fit.epoch,                     f->epoch <= f->options.epochs)                     \
    ROW(step,              fit.open.steps,                f->open.steps <= f->progress.steps)                \
    ROW(samples,           fit.progress.samples,          f->progress.samples == samples_of(f))              \
    ROW(best,              report.best,                   is_best_epoch(f))                                  \
    ROW(since_best,        fit.since_best,                f->since_best <= most_since_best(f))               \
    ROW(best_loss,         fit.best_loss,                 is_best_loss(f))                                   \
    ROW(stop_loss,         fit.stop_loss,                 f->stop_loss > -INFINITY)                          \
    ROW(seconds,           fit.start,                     is_sum(f->start))                                  \
    ROW(gradient_norm,     fit.open.gradient_norm,        is_sum(f->open.gradient_norm))                     \
    ROW(clip_scale,        fit.open.clip_scale,           is_sum(f->open.clip_scale))                        \
    ROW(clipped,           fit.open.clipped,              is_count(f->open.clipped, f->open.steps))          \
    ROW(skipped,           fit.open.skipped,              is_count(f->open.skipped, f->open.steps))          \
    ROW(epoch_seconds,     fit.open_start,                is_sum(f->open_start))                             \
    ROW(tally_loss,        fit.tally.loss,                isfinite(f->tally.loss))                           \
    ROW(tally_loss_weight, fit.tally.loss_weight,         is_sum(f->tally.loss_weight))                      \
    ROW(tally_samples,     fit.tally.samples,             f->tally.samples <= f->prefetch->data->count)      \
    ROW(tally_right,       fit.tally.right,               f->tally.right <= f->tally.classed)                \
    ROW(tally_right_top_k, fit.tally.right_top_k,         f->tally.right_top_k <= f->tally.classed)          \
    ROW(tally_classed,     fit.tally.classed,             f->tally.classed <= f->tally.samples)              \
    ROW(window_steps,         fit.window.open.steps,         f->window.open.steps <= f->open.steps)          \
    ROW(window_gradient_norm, fit.window.open.gradient_norm, is_sum(f->window.open.gradient_norm))           \
    ROW(window_clip_scale,    fit.window.open.clip_scale,    is_sum(f->window.open.clip_scale))              \
    ROW(window_clipped,       fit.window.open.clipped,       is_count(f->window.open.clipped, f->open.steps))\
    ROW(window_skipped,       fit.window.open.skipped,       is_count(f->window.open.skipped, f->open.steps))\
    ROW(window_loss,          fit.window.tally.loss,         isfinite(f->window.tally.loss))                 \
    ROW(window_loss_weight,   fit.window.tally.loss_weight,  is_sum(f->window.tally.loss_weight))            \
    ROW(window_samples,       fit.window.tally.samples,      f->window.tally.samples <= f->tally.samples)    \
    ROW(window_right,         fit.window.tally.right,        f->window.tally.right <= f->tally.right)        \
    ROW(window_classed,       fit.window.tally.classed,      f->window.tally.classed <= f->tally.classed)    \
    ROW(schedule_scale,    fit.schedule_state.scale,      is_share(f->schedule_state.scale))                 \
    ROW(schedule_best,     fit.schedule_state.best,       !isnan(f->schedule_state.best))                    \
    ROW(schedule_since_best, fit.schedule_state.since_best, f->schedule_state.since_best <= f->epoch)

#define OPTIMIZER_COUNTERS(ROW)                                                                              \
    ROW(learning_rate,     optimizer.options.learning_rate, is_rate(f))                                      \
    ROW(rate_scale,        optimizer.rate_scale,          is_sum(o->rate_scale))                             \
    ROW(product,           optimizer.product,             is_share(o->product))                              \
    ROW(updates,           optimizer.updates,             true)                                              \
    ROW(skips,             optimizer.skips,               o->skips <= o->options.max_skips)                  \
    ROW(pairs,             optimizer.pairs,               true)

#define OTHER_COUNTERS(ROW)                                                                                  \
    ROW(averaged,          fit.average.count,             f->average.count <= most_averaged(f))              \
    ROW(monitor_interval,  monitor.interval,              WATCHED(is_interval(f)))                           \
    ROW(monitor_steps,     monitor.steps,                 WATCHED(m->steps == steps_done(f)))                \
    ROW(monitor_count,     monitor.count,                 WATCHED(m->count <= MONITOR_RECORDS &&             \
                                                        m->count <= steps_done(f)))                          \
    ROW(monitor_reported,  monitor.reported,              WATCHED(m->reported < 1u << mlp_finding_count()))

#define COUNTERS(ROW) FIT_COUNTERS(ROW) OPTIMIZER_COUNTERS(ROW) OTHER_COUNTERS(ROW)
#define FIELD_OF(name, member, condition) FIELD_AS(#name, struct fit_copy, member),
#define CONDITION_OF(name, member, condition)                                                                \
    static bool name##_holds(const struct fit *f)                                                            \
    {                                                                                                        \
        const struct mlp_optimizer *o = f->optimizer;                                                        \
        const struct monitor *m = f->report->monitor;                                                        \
        (void)o, (void)m;                                                                                    \
        return condition;                                                                                    \
    }
#define HOLDS_OF(name, member, condition) name##_holds,
static const struct field members[] = { COUNTERS(FIELD_OF) };
COUNTERS(CONDITION_OF)
#define ONE_OF(name, member, condition) +1
enum { OPTIMIZER_FIRST = 0 FIT_COUNTERS(ONE_OF), OPTIMIZER_COUNT = 0 OPTIMIZER_COUNTERS(ONE_OF) };
static bool (*const conditions[])(const struct fit *f) = { COUNTERS(HOLDS_OF) };
/* clang-format on */

const struct field_list counter_fields = FIELD_LIST(members);
const struct field_list optimizer_counter_fields = { members + OPTIMIZER_FIRST, OPTIMIZER_COUNT };

/* What was a moment of the clock becomes a duration until now, and back. */
static void turn_times(struct fit *fit)
{
    const double now = seconds_now();
    fit->start = now - fit->start;
    fit->open_start = now - fit->open_start;
}

void counters_gather(const struct fit *fit, struct fit_copy *copy)
{
    copy->fit = *fit;
    copy->optimizer = *fit->optimizer;
    copy->report = *fit->report;
    copy->fit.optimizer = &copy->optimizer;
    copy->fit.report = &copy->report;
    copy->monitor = (struct monitor){ 0 };
    if (fit->report->monitor != NULL) {
        copy->monitor = *fit->report->monitor;
        copy->report.monitor = &copy->monitor;
    }
    turn_times(&copy->fit);
}

/* The name of the first counter of first … end − 1 whose condition does not hold, or NULL. */
static const char *check(const struct fit_copy *copy, size_t first, size_t end)
{
    while (first < end && conditions[first](&copy->fit)) {
        first++;
    }
    return first < end ? members[first].name : NULL;
}

const char *counters_check(const struct fit_copy *copy)
{
    return check(copy, 0, counter_fields.count);
}

void optimizer_counters_gather(const mlp_optimizer *optimizer, struct fit_copy *copy)
{
    copy->optimizer = *optimizer;
    copy->fit.optimizer = &copy->optimizer;
    copy->fit.report = &copy->report;
}

const char *optimizer_counters_check(const struct fit_copy *copy)
{
    return check(copy, OPTIMIZER_FIRST, OPTIMIZER_FIRST + OPTIMIZER_COUNT);
}

/* Where a member of the copy lies in the fit; NULL: in a monitor that it has not. */
static char *original(struct fit *fit, size_t offset)
{
    struct monitor *monitor = fit->report->monitor;
    if (offset >= offsetof(struct fit_copy, monitor)) {
        return monitor != NULL ? (char *)monitor + (offset - offsetof(struct fit_copy, monitor)) : NULL;
    }
    if (offset >= offsetof(struct fit_copy, report)) {
        return (char *)fit->report + (offset - offsetof(struct fit_copy, report));
    }
    return offset >= offsetof(struct fit_copy, optimizer)
               ? (char *)fit->optimizer + (offset - offsetof(struct fit_copy, optimizer))
               : (char *)fit + offset;
}

static void apply(const struct fit_copy *copy, const struct field_list *list, struct fit *fit)
{
    for (size_t i = 0; i < list->count; i++) {
        char *place = original(fit, list->fields[i].offset);
        if (place != NULL) {
            memcpy(place, (const char *)copy + list->fields[i].offset, field_size(&list->fields[i]));
        }
    }
}

void optimizer_counters_apply(const struct fit_copy *copy, mlp_optimizer *optimizer)
{
    struct mlp_report none = { 0 };
    struct fit fit = { .optimizer = optimizer, .report = &none };
    apply(copy, &optimizer_counter_fields, &fit);
}

void counters_apply(const struct fit_copy *copy, struct fit *fit)
{
    apply(copy, &counter_fields, fit);
    turn_times(fit);
    fit->progress.resumed = steps_done(fit);
}
