/* What a checkpoint holds, and how it comes in and out of a file. */
#ifndef SESSION_CHECKPOINT_FILE_H
#define SESSION_CHECKPOINT_FILE_H

#include "io/safetensors.h"
#include "session/fields.h"
#include "session/fit.h"

#define CHECKPOINT_VERSION 1

/* The scalars of a fit under way. */
struct fit_state {
    size_t epoch, step, samples, best, since_best;
    double best_loss, seconds;
    double gradient_norm, clip_scale, clipped, skipped, epoch_seconds; /* sums of the open epoch */
    double tally_loss, tally_loss_weight;
    size_t tally_samples, tally_right, tally_right_top_k, tally_classed;
    double pace_scale, pace_best;
    size_t pace_since_best;
    double learning_rate, rate_scale, product;
    size_t updates, skips, pairs, averaged;
    size_t monitor_interval, monitor_steps, monitor_count;
    unsigned monitor_told;
};

/* A struct's members for the file. */
struct field_list {
    const struct field *fields;
    size_t count;
};
extern const struct field_list state_fields;   /* struct fit_state */
extern const struct field_list epoch_fields;   /* mlp_epoch */
extern const struct field_list record_fields;  /* mlp_monitor_record */
extern const struct field_list monitor_layer_fields; /* mlp_monitor_layer */

struct fit_state fit_state_gather(const struct fit *fit);
void fit_state_apply(const struct fit_state *state, struct fit *fit);

/* All that the bits of the fit depend on, as one object; the caller's reference. NULL when memory is short. */
json_t *checkpoint_settings(const struct fit *fit);
/* MLP_ERROR_ARGUMENT when a file's settings differ from the fit's; the text names the first difference. */
mlp_status checkpoint_compare(const char *path, const json_t *ours, const json_t *theirs);

/* Writes a checkpoint, or the network alone. */
mlp_status checkpoint_write(const struct fit *fit, const char *path);
mlp_status checkpoint_write_network(const struct fit *fit, const char *path);
/* Puts the fit, its network, optimizer and report where the checkpoint stands. On failure nothing has changed. */
mlp_status checkpoint_read(struct fit *fit, const char *path);

#endif
