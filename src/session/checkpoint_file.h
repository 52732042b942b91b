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

extern const struct field_list state_fields;         /* struct fit_state */
extern const struct field_list epoch_fields;         /* mlp_epoch */
extern const struct field_list record_fields;        /* mlp_monitor_record */
extern const struct field_list monitor_layer_fields; /* mlp_monitor_layer */

struct fit_state fit_state_gather(const struct fit *fit);
void fit_state_apply(const struct fit_state *state, struct fit *fit);

/* The name of the first member that cannot be true of this fit; NULL: none. The state's epoch is checked
 * already. */
const char *fit_state_check(const struct fit_state *state, const struct fit *fit);
/* Whether remembered norms, finite ones, can be norms: a negative threshold would turn the gradient round. */
bool clip_norms_check(const struct clip_memory *memory);
/* As fit_state_check(). */
const char *epoch_check(const mlp_epoch *epoch, const struct fit *fit);
const char *record_check(const mlp_monitor_record *record, const struct fit_state *state,
                         const struct fit *fit);
const char *monitor_layer_check(const mlp_monitor_layer *figures, size_t units);

/* All that the bits of the fit depend on, as one object; the caller's reference. Reads the data, before the
 * first step. Errors: MEMORY; IO, FORMAT from data in files. */
mlp_status checkpoint_settings(struct fit *fit, json_t **settings);
/* What the last bits depend on beyond that: the library, BLAS and its kernels, the vector level. */
json_t *checkpoint_machine(void);
/* MLP_ERROR_ARGUMENT when a file's settings, or machine, differ from ours; the text names the first
 * difference. */
mlp_status checkpoint_compare(const char *path, const json_t *ours, const json_t *theirs);

/* The parameters of the best validation loss so far; NULL: none are kept, or there was no validation yet. */
const float *checkpoint_best(const struct fit *fit);

/* Writes a checkpoint, or the best network alone. */
mlp_status checkpoint_write(const struct fit *fit, const char *path);
mlp_status checkpoint_write_best(const struct fit *fit, const char *path);
/* Puts the fit, its network, optimizer and report where the checkpoint stands. On failure nothing has
 * changed. FORMAT: the file is damaged, or none. `other_machine` receives what differs in the machine, or "".
 */
mlp_status checkpoint_read(struct fit *fit, const char *path, char *other_machine, size_t size);

#endif
