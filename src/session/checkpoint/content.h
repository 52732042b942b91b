/* What a checkpoint holds, and how it comes in and out of a file. */
#ifndef SESSION_CHECKPOINT_CONTENT_H
#define SESSION_CHECKPOINT_CONTENT_H

#include "io/fields.h"
#include "io/safetensors.h"
#include "session/fit.h"

/* 1: without a checksum; is read, too. */
#define CHECKPOINT_VERSION 2

/* Metadata of a loop's checkpoint (loop.c), which a fit's has not. */
#define LOOP_KEY "loop_state"

/* ---- counters.c: the scalars of a fit under way -------------------------------------------------------- */

/* A fit and what its scalars lie in, as shallow copies: read into and checked here before anything is put in
 * force. fit's optimizer and report, and the report's monitor, are those here. Times are durations. */
struct fit_copy {
    struct fit fit;
    struct mlp_optimizer optimizer;
    struct mlp_report report;
    struct monitor monitor; /* zeros where the fit has none */
};

extern const struct field_list counter_fields; /* struct fit_copy */

void counters_gather(const struct fit *fit, struct fit_copy *copy);
/* The name of the first counter that cannot be true of this fit; NULL: none. Its epoch is checked already. */
const char *counters_check(const struct fit_copy *copy);
void counters_apply(const struct fit_copy *copy, struct fit *fit);

/* The optimizer's alone; of the copy, all 0 before, its fit.network is set nowhere. */
extern const struct field_list optimizer_counter_fields;
void optimizer_counters_gather(const mlp_optimizer *optimizer, struct fit_copy *copy);
const char *optimizer_counters_check(const struct fit_copy *copy);
void optimizer_counters_apply(const struct fit_copy *copy, mlp_optimizer *optimizer);

/* ---- tables.c: what is held in rows -------------------------------------------------------------------- */

extern const struct field_list epoch_fields;         /* mlp_epoch */
extern const struct field_list record_fields;        /* mlp_monitor_record */
extern const struct field_list monitor_layer_fields; /* mlp_monitor_layer */

/* As counters_check(), of a row. */
const char *epoch_check(const mlp_epoch *epoch, const struct fit *fit);
const char *record_check(const mlp_monitor_record *record, const struct fit *fit);
const char *monitor_layer_check(const mlp_monitor_layer *figures, size_t units);
/* Whether remembered norms, finite ones, can be norms: a negative threshold would turn the gradient round. */
bool clip_norms_check(const struct clip_memory *memory);

/* Steps since the start. */
static inline size_t steps_done(const struct fit *fit)
{
    return fit->epoch * fit->progress.steps + fit->open.steps;
}
/* A finite sum of what is not negative; a number of things; a part of a whole. */
bool is_sum(double value);
bool is_count(double value, size_t most);
bool is_share(double value);

/* ---- settings.c: what must be the same ----------------------------------------------------------------- */

/* All that the bits of the fit depend on, as one object; the caller's reference. Reads the data, before the
 * first step. Errors: MEMORY; IO, FORMAT from data in files. */
mlp_status checkpoint_settings(struct fit *fit, json_t **settings);
/* Those of a loop: of the network and the optimizer, but for the learning rate, which a loop may change. */
json_t *checkpoint_loop_settings(const mlp_network *network, const mlp_optimizer *optimizer);
/* What the last bits depend on beyond that: the library, BLAS and its kernels, the vector level. */
json_t *checkpoint_machine(void);
/* The text names the first difference between ours and a file's. ARGUMENT: another value; UNSUPPORTED: a
 * member that this library does not know; FORMAT: a member that is missing or of another type. */
mlp_status checkpoint_compare(const char *path, const json_t *ours, const struct json_node *theirs);

/* ---- write.c, read.c ----------------------------------------------------------------------------------- */

/* The parameters of the best validation loss so far; NULL: none are kept, or there was no validation yet. */
const float *checkpoint_best(const struct fit *fit);

/* Writes a checkpoint. Of a sharded optimizer the state comes from all ranks, which make this call together;
 * one that does not write has a `path` of NULL. */
mlp_status checkpoint_write(const struct fit *fit, const char *path);
/* Writes the best network alone. */
mlp_status checkpoint_write_best(const struct fit *fit, const char *path);
/* Puts the fit, its network, optimizer and report where the checkpoint stands. On failure nothing has
 * changed. FORMAT, IO: the file is damaged, unreadable or none. `other_machine` receives what differs in the
 * machine, or "". */
mlp_status checkpoint_read(struct fit *fit, const char *path, char *other_machine, size_t size);
mlp_status checkpoint_read_source(struct fit *fit, const struct byte_source *source, char *other_machine,
                                  size_t size);

#endif
