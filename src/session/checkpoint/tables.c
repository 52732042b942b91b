/* What a checkpoint holds in rows: the history, the monitor's records; and what must hold of a row that
 * comes from a file, whose numbers become places, factors and divisors. */
#include <math.h>

#include "diagnose/diagnose.h"
#include "session/checkpoint/content.h"

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

/* ---- conditions ---------------------------------------------------------------------------------------- */

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

bool is_sum(double value)
{
    return value >= 0.0 && isfinite(value);
}

bool is_share(double value)
{
    return value >= 0.0 && value <= 1.0;
}

bool is_count(double value, size_t most)
{
    return value >= 0.0 && value <= (double)most && value == floor(value);
}

/* A share, or NaN where nothing was measured. */
static bool is_measured_share(double value)
{
    return isnan(value) || is_share(value);
}

bool clip_norms_check(const struct clip_memory *memory)
{
    const size_t count = memory->seen < (double)CLIP_WINDOW ? (size_t)memory->seen : (size_t)CLIP_WINDOW;
    bool sound = memory->mean >= 0.0;
    for (size_t i = 0; i < CLIP_WINDOW && sound; i++) {
        sound = memory->window[i] >= 0.0 && memory->sorted[i] >= 0.0 &&
                (i == 0 || i >= count || memory->sorted[i] >= memory->sorted[i - 1]);
    }
    return sound;
}

const char *epoch_check(const mlp_epoch *epoch, const struct fit *fit)
{
    const size_t samples = fit->options.validation != NULL ? fit->options.validation->count : 0;
    const struct claim claims[] = {
        { "steps", epoch->steps == fit->progress.steps },
        { "accuracy", is_measured_share(epoch->accuracy) },
        { "validation.count", epoch->validation.count == 0 || epoch->validation.count == samples },
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

const char *record_check(const mlp_monitor_record *record, const struct fit *fit)
{
    const struct claim claims[] = {
        { "step", record->step >= 1 && record->step <= steps_done(fit) },
        { "epoch", record->epoch >= 1 && record->epoch <= fit->epoch + 1 },
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
